"""A file in EDF, BDF, BrainVision, EEGLAB or FIF to a `Recording`, through MNE."""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from emotune.errors import InputError, MissingExtra
from emotune.recordings.companions import brainvision_fields, companions
from emotune.recordings.edf_header import EdfHeader, read_edf_header
from emotune.recordings.eeg_channels import is_eeg_name
from emotune.recordings.interruptions import breaks_within
from emotune.recordings.recording import Recording, centred_uv

__all__ = ["FORMATS", "check_recording_file", "read_recording"]

_log = logging.getLogger(__name__)

# Suffix -> (what it is called, its reader in mne.io).
FORMATS: Mapping[str, tuple[str, str]] = {
    ".edf": ("EDF", "read_raw_edf"),
    ".bdf": ("BDF", "read_raw_bdf"),
    ".vhdr": ("BrainVision", "read_raw_brainvision"),
    ".set": ("EEGLAB", "read_raw_eeglab"),
    ".fif": ("FIF", "read_raw_fif"),
}

# The file beside the one that has to be named.
_HEADER_OF = {".eeg": ".vhdr", ".vmrk": ".vhdr", ".fdt": ".set"}

# MNE only warns of these, and gives the part that is left or zeros for what is not.
_LOST_DATA = re.compile(r"Invalid tag with only|FIF tag directory missing|could not be read, acquisition error")

_REMEDY = "Copy or download it again, or export it anew from the program that recorded it."


def read_recording(path: Path | str, *, start_s: float | None = None, stop_s: float | None = None) -> Recording:
    """Read the EEG channels of a file, or of its stretch [`start_s`, `stop_s`) in seconds.

    Channels that the file marks as bad are left out, so that they are interpolated like missing ones. Stretches
    that it marks as bad, and points where it was interrupted, become `breaks_s`.

    Returns:
        a recording with `samples_uv` `(n_channels, n_times)` in µV, each channel centred in float64 before it
        becomes float32, channel names as the file has them, label None and no subject.

    Raises:
        InputError: if the file is missing, of another kind, damaged, truncated or incomplete, if the stretch
            does not lie in it, or if it has no EEG channel.
        MissingExtra: if MNE needs another package for this file.
    """
    path = Path(path)
    check_recording_file(path)
    header = _edf_header(path)
    with _mne_reads(path):
        raw = _open(path, header)
        _refuse_short_samples(path, raw)
        picks = _eeg_picks(raw)
        if not picks:
            raise _no_eeg(path, raw.ch_names)
        rate_hz = float(raw.info["sfreq"])
        first, last = _stretch(path, raw.n_times, rate_hz, start_s, stop_s)
        samples = raw.get_data(picks=picks, start=first, stop=last)
        names = tuple(str(raw.ch_names[i]) for i in picks)
        breaks_s = breaks_within(_annotations(raw), first / rate_hz, last / rate_hz)
        raw.close()
    microvolts = np.full(len(picks), 1e6)
    if header is not None:
        signals = header.eeg_signals()
        microvolts *= [(signals[i].volts or 0.0) / signals[i].mne_volts for i in picks]
    return Recording(centred_uv(samples, microvolts), rate_hz, names, source=str(path), breaks_s=breaks_s)


def check_recording_file(path: Path) -> None:
    """Check without decoding that a file and its companions are there and of a known kind.

    Raises:
        InputError: if they are not.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        raise InputError(f"Expected a recording file ({_known()}), received the folder {path}. Name a file.")
    if not path.is_file():
        raise InputError(f"Expected a recording at {path}, but there is no such file. Check the path.")
    if suffix in _HEADER_OF:
        header = path.with_suffix(_HEADER_OF[suffix])
        raise InputError(f"Expected the header of a recording, received a part of it: {path}. Give {header.name}.")
    if suffix not in FORMATS:
        raise InputError(f"Expected a recording ({_known()}), received {path}. Export it to one of these formats.")
    try:
        with path.open("rb") as file:
            first = file.read(512)
    except OSError as error:
        raise InputError(
            f"Expected a recording at {path}, but it cannot be opened ({_one_line(error)}). Check its permissions."
        ) from error
    _refuse_foreign(path, first)
    if suffix == ".vhdr":
        for part in companions(path):
            if not part.is_file():
                raise InputError(
                    f"Expected {part.name} beside {path}, which names it, but there is no such file. "
                    "Copy the .vhdr, .vmrk and .eeg together; after renaming, mend the names in the .vhdr."
                )


def _known() -> str:
    return ", ".join(f"{name} {suffix}" for suffix, (name, _) in FORMATS.items())


def _refuse_foreign(path: Path, first: bytes) -> None:
    name = FORMATS[path.suffix.lower()][0]
    if not first:
        raise InputError(f"Expected {name} data in {path}, but the file is empty. {_REMEDY}")
    start = first.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise InputError(
            f"Expected {name} data in {path}, but it holds a web page, perhaps a login or an error. "
            "Download the file itself."
        )
    if start.startswith(b"version https://git-lfs") or b"/annex/objects/" in start:
        raise InputError(
            f"Expected {name} data in {path}, but it only points to them. Fetch them: `git lfs pull` or `datalad get`."
        )


@contextmanager
def _mne_reads(path: Path) -> Iterator[None]:
    """Turn what MNE raises into one line, its warnings into an error (data lost) or a line of the log."""
    name = FORMATS[path.suffix.lower()][0]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except (InputError, MemoryError):
            raise
        except ImportError as error:
            raise MissingExtra(
                f"Reading {path} needs a package that is not installed ({_one_line(error)}). "
                "Install it with pip, or save the file in an older version of its format."
            ) from error
        except FileNotFoundError as error:
            raise InputError(
                f"Expected all files that belong to {path}, but one is missing ({_one_line(error)}). "
                "Copy them together and keep their names."
            ) from error
        except Exception as error:  # MNE's readers raise whatever damaged bytes lead them to
            raise InputError(
                f"Expected {name} data in {path}, but it cannot be read ({_one_line(error)}). {_REMEDY}"
            ) from error
    for warning in caught:
        message = _one_line(warning.message)
        if _LOST_DATA.search(message):
            raise InputError(f"Expected a whole {name} file in {path}, but a part is missing ({message}). {_REMEDY}")
        _log.info("%s: %s", path, message)


def _one_line(error: object) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:197]}..."


def _edf_header(path: Path) -> EdfHeader | None:
    if path.suffix.lower() not in (".edf", ".bdf"):
        return None
    header = read_edf_header(path)
    header.refuse_truncated(path)
    if not header.eeg_signals():
        raise _no_eeg(path, [signal.name for signal in header.signals])
    return header


def _open(path: Path, header: EdfHeader | None) -> Any:
    import mne  # slow to import

    options: dict[str, Any] = {}
    if header is not None:
        wanted = {signal.name for signal in header.eeg_signals()}
        options["exclude"] = sorted({signal.name for signal in header.signals} - wanted)
    reader = getattr(mne.io, FORMATS[path.suffix.lower()][1])
    return reader(path, preload=False, verbose="warning", **options)


def _refuse_short_samples(path: Path, raw: Any) -> None:
    """Compare the header with the sizes of the companions, where MNE takes what is there or fails late."""
    n_channels = len(raw.ch_names)
    for part in map(Path, raw.filenames):
        if part.suffix.lower() == ".fdt":
            expected = 4 * n_channels * int(raw.n_times)  # float32
        elif path.suffix.lower() == ".vhdr":
            expected = _brainvision_bytes(path, n_channels, part.stat().st_size)
        else:
            continue
        if part.stat().st_size < expected:
            raise InputError(
                f"Expected {expected} bytes in {part}, as {path.name} says. "
                f"Received: {part.stat().st_size} bytes; the file is truncated. {_REMEDY}"
            )


def _brainvision_bytes(header: Path, n_channels: int, received: int) -> int:
    fields = brainvision_fields(header)
    width = {"INT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}.get(fields.get("binaryformat", "").upper())
    if width is None:  # text: no fixed size
        return 0
    row = width * n_channels
    announced = int(fields["datapoints"]) if fields.get("datapoints", "").isdigit() else 0
    # Without a number of samples in the header, a cut inside a row and markers behind the end give it away;
    # a second is allowed for recorders that mark their stopping.
    last_marker, second = 0, round(1e6 / float(fields["samplinginterval"]))
    for part in companions(header):
        if part.suffix.lower() == ".vmrk":
            lines = re.findall(r"^Mk\d+=[^,]*,[^,]*,(\d+),", part.read_text(encoding="latin-1"), re.MULTILINE)
            last_marker = max([int(position) for position in lines], default=0)
    return row * max(announced, last_marker - second, math.ceil(received / row))


def _annotations(raw: Any) -> Iterator[tuple[float, float, str]]:
    """(onset, duration, description) of each annotation, in seconds from the first sample of the file."""
    noted = raw.annotations
    for onset_s, duration_s, description in zip(noted.onset, noted.duration, noted.description, strict=True):
        # A FIF counts from the start of the acquisition, which may lie before its first sample.
        yield float(onset_s - raw.first_time), float(duration_s), str(description)


def _eeg_picks(raw: Any) -> list[int]:
    import mne

    picks = mne.pick_types(raw.info, eeg=True, exclude="bads")
    return [int(i) for i in picks if is_eeg_name(raw.ch_names[i])]


def _no_eeg(path: Path, names: list[str]) -> InputError:
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return InputError(
        f"Expected EEG channels in {path}. Received: {len(names)} channels, none of them good EEG: {shown}. "
        "Check that it is the EEG file, and the channel types and bad channels that it states."
    )


def _stretch(path: Path, n_times: int, rate_hz: float, start_s: float | None, stop_s: float | None) -> tuple[int, int]:
    duration_s = n_times / rate_hz
    start, stop = (0.0 if start_s is None else start_s), (duration_s if stop_s is None else stop_s)
    asked = f"start_s={start:g}, stop_s={stop:g}"
    if not (math.isfinite(start) and math.isfinite(stop) and start < stop):
        raise InputError(
            f"Expected `start_s` before `stop_s` within the {duration_s:g} s of {path}. Received: {asked}. "
            "Give both in seconds from its first sample."
        )
    first, last = round(start * rate_hz), round(stop * rate_hz)
    if start < 0 or last > n_times or first >= last:
        raise InputError(
            f"Expected a stretch within the {duration_s:g} s of {path}. Received: {asked}. "
            "Give both in seconds from its first sample."
        )
    return first, last
