"""Neuroscan's continuous files (.cnt): what their header says, checked against their size, and stretches of samples.

The header does not say how wide a sample is, and MNE takes whatever samples are there; both are decided here.

References:
    Bourke (1997), EEG file formats (http://paulbourke.net/dataformats/eeg/): the structures SETUP, ELECTLOC and TEEG.
"""

from __future__ import annotations

import logging
import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.files import is_web_page

__all__ = ["NeuroscanFile", "NeuroscanHeader", "neuroscan_options", "read_neuroscan_header"]

_log = logging.getLogger(__name__)

_SETUP_BYTES, _CHANNEL_BYTES, _TEEG_BYTES = 900, 75, 9
_EVENT_BYTES = {1: 8, 2: 19, 3: 19}  # of each type of event table
_FORMATS: Mapping[int, Literal["int16", "int32"]] = {2: "int16", 4: "int32"}

# MNE spreads what it reads over several arrays of float64: so many samples of all channels at once.
_BLOCK = 20_000

_REMEDY = "Copy or download the file again."


@dataclass(frozen=True, slots=True)
class NeuroscanHeader:
    """What the header and the size of a file say together.

    Attributes:
        channel_names: as the file has them.
        sampling_rate_hz: samples a second.
        n_samples: samples of a channel that are there.
        sample_bytes: width of a sample, 2 or 4.
        is_counted: whether the header's own number of samples is right.
    """

    channel_names: tuple[str, ...]
    sampling_rate_hz: float
    n_samples: int
    sample_bytes: int
    is_counted: bool

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sampling_rate_hz


def read_neuroscan_header(path: Path, *, sample_bytes: Literal[2, 4] | None = None) -> NeuroscanHeader:
    """Read a header and compare what it announces with the size of the file.

    The samples lie between the header and the table of events, whose place the header names; so do the number of
    samples and of channels. Only one width of a sample, 2 or 4 bytes, makes these three agree. Where the number of
    samples is wrong (a recorder that was not stopped properly leaves it) but a table of events does lie at its
    place, that place alone bounds the samples, and `sample_bytes` has to say their width.

    Args:
        path: the file.
        sample_bytes: 2 or 4, for files that do not tell; None to refuse these.

    Raises:
        InputError: if it is no such file, or it is truncated, or its header contradicts itself.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            setup = file.read(_SETUP_BYTES)
            n_channels, rate_hz, announced, events_at = _setup_fields(setup, path)
            electrodes = file.read(_CHANNEL_BYTES * n_channels)
            data_at = _SETUP_BYTES + _CHANNEL_BYTES * n_channels
            if len(electrodes) < _CHANNEL_BYTES * n_channels:
                raise InputError(
                    f"Expected a header of {data_at} bytes ({n_channels} channels) in {path}. "
                    f"Received: {size} bytes; the file is truncated. {_REMEDY}"
                )
            table = _event_table(file, events_at, size)
    except OSError as error:
        raise InputError(f"Expected a Neuroscan file at {path}, but it cannot be read ({error}). Check it.") from error
    names = tuple(
        electrodes[start : start + 10].split(b"\x00")[0].decode("latin-1").strip()
        for start in range(0, len(electrodes), _CHANNEL_BYTES)
    )
    row_bytes = {width: width * n_channels for width in _FORMATS}
    # The place is a number of 32 bits: in a file beyond 4 GiB it has begun anew.
    agreed = [width for width in _FORMATS if (data_at + announced * row_bytes[width]) % 2**32 == events_at]
    if announced > 0 and agreed:
        width = agreed[0]
        expected = data_at + announced * row_bytes[width] + _TEEG_BYTES
        if size < expected or (table is not None and size < table):
            raise InputError(
                f"Expected at least {max(expected, table or 0)} bytes ({announced} samples of {n_channels} channels, "
                f"and the events) in {path}, as its header says. Received: {size} bytes; the file is truncated. "
                f"{_REMEDY}"
            )
        return NeuroscanHeader(names, rate_hz, announced, width, is_counted=True)
    if table is not None and sample_bytes is not None and events_at > data_at:
        n_samples, rest = divmod(events_at - data_at, row_bytes[sample_bytes])
        if not rest:
            return NeuroscanHeader(names, rate_hz, n_samples, sample_bytes, is_counted=False)
    raise InputError(
        f"Expected a header whose number of samples and place of the events agree in {path}. Received: {announced} "
        f"samples of {n_channels} channels and events at byte {events_at} of {size}, so the recording was not closed "
        "properly or the file is damaged. Take a repaired copy of it, or take it out."
    )


def _setup_fields(setup: bytes, path: Path) -> tuple[int, float, int, int]:
    """Channels, sampling rate, announced samples and place of the events."""
    if not setup.startswith(b"Version"):
        received = "an empty file" if not setup else f"a file that begins with {setup[:12]!r}"
        if is_web_page(setup):
            received = "a web page, perhaps a login or an error"
        raise InputError(f"Expected a Neuroscan file (.cnt) at {path}. Received: {received}. {_REMEDY}")
    if len(setup) < _SETUP_BYTES:
        raise InputError(
            f"Expected a header of {_SETUP_BYTES} bytes and its channels in {path}. "
            f"Received: {len(setup)} bytes; the file is truncated. {_REMEDY}"
        )
    (n_channels,) = struct.unpack_from("<H", setup, 370)
    (rate_hz,) = struct.unpack_from("<H", setup, 376)
    (announced,) = struct.unpack_from("<i", setup, 864)
    (events_at,) = struct.unpack_from("<I", setup, 886)
    if not n_channels or not rate_hz:
        raise InputError(
            f"Expected channels and a sampling rate in the header of {path}. Received: {n_channels} channels at "
            f"{rate_hz} Hz. {_REMEDY}"
        )
    return n_channels, float(rate_hz), announced, events_at


def _event_table(file: Any, events_at: int, size: int) -> int | None:
    """Where the table of events at a place ends; None where none can lie there."""
    if not 0 < events_at <= size - _TEEG_BYTES:
        return None
    file.seek(events_at)
    kind, n_bytes, _ = struct.unpack("<Bii", file.read(_TEEG_BYTES))
    if kind not in _EVENT_BYTES or n_bytes < 0 or n_bytes % _EVENT_BYTES[kind]:
        return None
    return int(events_at + _TEEG_BYTES + n_bytes)


def neuroscan_options(header: NeuroscanHeader) -> dict[str, Any]:
    """What `mne.io.read_raw_cnt` has to be told of a file, so that it guesses nothing."""
    return {
        "data_format": _FORMATS[header.sample_bytes],
        # From the place of the events, where the header miscounts.
        "recompute_n_samples": not header.is_counted,
    }


class NeuroscanFile:
    """A file whose samples are read a stretch at a time, through MNE.

    Args:
        path: the file.
        header: as `read_neuroscan_header` gave it.

    Raises:
        InputError: if MNE cannot open it.
    """

    def __init__(self, path: Path, header: NeuroscanHeader) -> None:
        import mne  # slow to import

        self.path, self.header = path, header
        with self._mne_reads():
            self._raw = mne.io.read_raw_cnt(path, preload=False, verbose="warning", **neuroscan_options(header))

    def stretch_uv(self, channels: Sequence[int], first: int, last: int) -> NDArray[np.float64]:
        """Samples [first, last) of some channels: `(len(channels), last - first)` in µV.

        MNE takes the channel's baseline off each value and multiplies by sensitivity and calibration of the header
        (over 204.8, as Neuroscan has it); the result is in volts.

        Raises:
            InputError: if they cannot be read.
        """
        samples = np.empty((len(channels), last - first))
        with self._mne_reads():
            for start in range(first, last, _BLOCK):
                stop = min(start + _BLOCK, last)
                samples[:, start - first : stop - first] = self._raw.get_data(list(channels), start, stop)
        samples *= 1e6
        return samples

    @contextmanager
    def _mne_reads(self) -> Iterator[None]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            except (InputError, MemoryError, ImportError):
                raise
            except Exception as error:  # it raises whatever damaged bytes lead it to
                raise InputError(
                    f"Expected a Neuroscan file at {self.path}, but it cannot be read "
                    f"({' '.join(str(error).split())[:200]}). {_REMEDY}"
                ) from error
        for warning in caught:
            _log.info("%s: %s", self.path, " ".join(str(warning.message).split()))
