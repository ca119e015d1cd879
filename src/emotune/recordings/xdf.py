"""An XDF file (what LabRecorder writes of LSL streams), opened through pyxdf.

pyxdf forgives what is lost: it gives what is left of a truncated file and goes on behind a damaged chunk. Here the
chunks are followed to the end of the file first, and the stream is held to the number of samples that its footer says.

References:
    Kothe et al. (2025), The lab streaming layer for synchronized multimodal recording.
    The format: https://github.com/sccn/xdf/wiki/Specifications
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError, MissingExtra
from emotune.recordings.eeg_channels import is_eeg_name
from emotune.recordings.opened import DOWNLOAD_AGAIN, OpenedFile, no_eeg, one_line

__all__ = ["open_xdf"]

_log = logging.getLogger(__name__)

_MAGIC = b"XDF:"

# What LSL's own documentation and the recorders' apps write; microvolts are its convention where nothing is said.
_MICROVOLTS = {
    "": 1.0,
    "microvolts": 1.0,
    "microvolt": 1.0,
    "uv": 1.0,
    "µv": 1.0,
    "μv": 1.0,
    "millivolts": 1e3,
    "millivolt": 1e3,
    "mv": 1e3,
    "volts": 1e6,
    "volt": 1e6,
    "v": 1e6,
    "nanovolts": 1e-3,
    "nv": 1e-3,
}

_GAP_S = 0.5  # samples come in packets, whose time stamps jump by less
_MAX_DRIFT = 0.01  # share by which a clock may be off before the measured rate is believed


def open_xdf(path: Path) -> OpenedFile:
    """Open the one EEG stream of an XDF file. Gaps in its time stamps become points where it was interrupted.

    Raises:
        InputError: if it is damaged or truncated, has no or several EEG streams, or the stream no labels.
        MissingExtra: if pyxdf is not installed.
    """
    try:
        import pyxdf
    except ImportError as error:
        raise MissingExtra(f'Reading {path} needs pyxdf: pip install "emotune[xdf]".') from error
    _refuse_truncated(path)
    with _pyxdf_reads(path):
        stream_id = _eeg_stream(path, pyxdf.resolve_streams(str(path)))
        loaded, _ = pyxdf.load_xdf(
            str(path),
            select_streams=[stream_id],
            jitter_break_threshold_seconds=_GAP_S,
            jitter_break_threshold_samples=0,
        )
        stream = loaded[0]
        values = _samples(path, stream)
        described = _described(path, stream, values.shape[1])
        rate_hz = _rate_hz(path, stream["info"])
        marks = tuple((start / rate_hz, 0.0, "boundary") for start, _ in stream["info"]["segments"][1:])
    names = tuple(name for name, _, _ in described)
    eeg = [i for i, (name, kind, unit) in enumerate(described) if _is_eeg(name, kind) and unit in _MICROVOLTS]
    if not eeg:
        raise no_eeg(path, [f"{name} ({unit})" if unit else name for name, _, unit in described])
    picked = values[:, eeg].T
    return OpenedFile(
        path,
        rate_hz,
        picked.shape[1],
        tuple(names[i] for i in eeg),
        names,
        np.array([_MICROVOLTS[described[i][2]] for i in eeg]),
        lambda first, last: picked[:, first:last],
        marks,
        str(path),
    )


def _refuse_truncated(path: Path) -> None:
    """Follow the chunks: a length, as many bytes, and so on, up to the last byte of the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise InputError(f"Expected XDF data in {path}, which begin with {_MAGIC.decode()}. {DOWNLOAD_AGAIN}")
        position = len(_MAGIC)
        while position < size:
            file.seek(position)
            width = int.from_bytes(file.read(1), "little")
            if width not in (1, 4, 8):
                raise InputError(
                    f"Expected XDF data in {path}, but a chunk at byte {position} is damaged. {DOWNLOAD_AGAIN}"
                )
            end = position + 1 + width + int.from_bytes(file.read(width), "little")
            if end > size or position + 1 + width > size:
                raise InputError(
                    f"Expected a chunk up to byte {end} of {path}. Received: {size} bytes; the file is truncated. "
                    f"{DOWNLOAD_AGAIN}"
                )
            position = end


@contextmanager
def _pyxdf_reads(path: Path) -> Iterator[None]:
    """Turn what pyxdf raises or logs as an error into one line; what else it says goes to our log."""
    said: list[logging.LogRecord] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record)

    logger, listener = logging.getLogger("pyxdf"), Listener()
    propagate = logger.propagate
    logger.propagate = False
    logger.addHandler(listener)
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # MemoryError too: a damaged length may be any number
        raise InputError(
            f"Expected XDF data in {path}, but it cannot be read ({one_line(error)}). {DOWNLOAD_AGAIN}"
        ) from error
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagate
    for record in said:
        message = one_line(record.getMessage())
        if record.levelno >= logging.ERROR:
            raise InputError(f"Expected a whole XDF file in {path}, but a part is lost ({message}). {DOWNLOAD_AGAIN}")
        _log.info("%s: %s", path, message)


def _eeg_stream(path: Path, streams: Sequence[Mapping[str, Any]]) -> int:
    eeg = [stream for stream in streams if str(stream["type"]).lower() == "eeg"]
    if len(eeg) != 1:
        shown = ", ".join(f"{stream['name']} ({stream['type']})" for stream in (eeg or streams)) or "none"
        remedy = (
            "Save each into a file of its own."
            if eeg
            else "Give the stream of the amplifier the type EEG, as LSL's convention has it."
        )
        raise InputError(f"Expected one stream of the type EEG in {path}. Received: {shown}. {remedy}")
    return int(eeg[0]["stream_id"])


def _samples(path: Path, stream: Mapping[str, Any]) -> NDArray[Any]:
    """`(n_times, n_channels)` of the stream, as many as its footer says."""
    values = np.asarray(stream["time_series"])
    if values.ndim != 2 or values.dtype.kind not in "iuf" or not len(values):
        raise InputError(
            f"Expected samples in the EEG stream of {path}. Received: an array of {values.dtype} with the shape "
            f"{values.shape}. Check that the stream was running while it was recorded."
        )
    announced = _first(_first(stream.get("footer"), "info"), "sample_count")
    if announced is None:
        _log.info("%s: the stream has no footer: its recorder was not stopped", path)
    elif int(announced) > len(values):
        raise InputError(
            f"Expected {announced} samples in the EEG stream of {path}, as its footer says. Received: {len(values)}; "
            f"a part is lost. {DOWNLOAD_AGAIN}"
        )
    return values


def _described(path: Path, stream: Mapping[str, Any], n_channels: int) -> list[tuple[str, str, str]]:
    """(label, type, unit) of each channel, the last two in lower case and empty where nothing is said."""
    channels = _first(_first(stream["info"], "desc"), "channels")
    listed = channels.get("channel") if isinstance(channels, Mapping) else None
    described = [
        (
            str(_first(channel, "label") or ""),
            str(_first(channel, "type") or "").lower(),
            str(_first(channel, "unit") or "").lower(),
        )
        for channel in listed or []
    ]
    labels = [label for label, _, _ in described if label]
    if len(labels) != n_channels:
        raise InputError(
            f"Expected a label for each of the {n_channels} channels in the EEG stream of {path} "
            f"(desc/channels/channel/label). Received: {len(labels)}. Have the sender name its channels, or write them "
            "into another format, such as EDF, with their names."
        )
    return described


def _rate_hz(path: Path, info: Mapping[str, Any]) -> float:
    nominal_hz, measured_hz = float(_first(info, "nominal_srate") or 0.0), float(info.get("effective_srate") or 0.0)
    if not nominal_hz > 0:
        raise InputError(
            f"Expected a sampling rate of the EEG stream in {path}. Received: nominal_srate {nominal_hz:g}, for "
            "samples at irregular times. Have the sender state its rate."
        )
    if measured_hz > 0 and abs(measured_hz - nominal_hz) > _MAX_DRIFT * nominal_hz:
        _log.warning("%s: %g Hz were announced, %.4g Hz measured and used", path, nominal_hz, measured_hz)
        return measured_hz
    return nominal_hz


def _is_eeg(name: str, kind: str) -> bool:
    return kind in ("", "eeg") and is_eeg_name(name)


def _first(node: Any, key: str) -> Any:
    """The first element of the name, as pyxdf gives XML: dicts of lists; None where there is none."""
    found = node.get(key) if isinstance(node, Mapping) else None
    return found[0] if isinstance(found, list) and found else found or None
