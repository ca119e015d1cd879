"""A file in EDF, BDF, GDF, BrainVision, EEGLAB or FIF, opened through MNE."""

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
from numpy.typing import NDArray

from emotune.errors import InputError, MissingExtra
from emotune.recordings.companions import brainvision_fields, companions
from emotune.recordings.edf_header import EdfHeader, read_edf_header
from emotune.recordings.eeg_channels import is_eeg_name
from emotune.recordings.fif_tags import check_tags
from emotune.recordings.matlab import is_version_7_3, refuse_other_files
from emotune.recordings.matlab_elements import check_elements
from emotune.recordings.opened import DOWNLOAD_AGAIN, OpenedFile, no_eeg, one_line

__all__ = ["READERS", "open_with_mne"]

_log = logging.getLogger(__name__)

# Suffix -> (what it is called, its reader in mne.io).
READERS: Mapping[str, tuple[str, str]] = {
    ".edf": ("EDF", "read_raw_edf"),
    ".bdf": ("BDF", "read_raw_bdf"),
    ".gdf": ("GDF", "read_raw_gdf"),
    ".vhdr": ("BrainVision", "read_raw_brainvision"),
    ".set": ("EEGLAB", "read_raw_eeglab"),
    ".fif": ("FIF", "read_raw_fif"),
}

# MNE only warns of these, and gives the part that is left or zeros for what is not.
_LOST_DATA = re.compile(r"Invalid tag with only|FIF tag directory missing|could not be read, acquisition error")


def open_with_mne(path: Path) -> OpenedFile:
    """Open a file of one of the formats in `READERS`.

    Raises:
        InputError: if it is of another kind, damaged, truncated or incomplete, or has no EEG channel.
        MissingExtra: if MNE needs another package for this file.
    """
    header = _edf_header(path)
    with _mne_reads(path):
        _refuse_lies(path)
        try:
            raw = _open(path, header)
        except MemoryError as error:  # no samples are asked for yet: a header claims them
            raise InputError(
                f"Expected a {READERS[path.suffix.lower()][0]} file in {path} whose header fits in memory, but it asks "
                f"for more ({one_line(error)}). {DOWNLOAD_AGAIN}"
            ) from error
        _refuse_short_samples(path, raw)
        picks = _eeg_picks(raw)
        if not picks:
            raise no_eeg(path, raw.ch_names)
        names = tuple(str(name) for name in raw.ch_names)
        marks = tuple(_annotations(raw))
    microvolts = np.full(len(picks), 1e6)
    all_names = names
    if header is not None:
        signals = header.eeg_signals()
        microvolts *= [(signals[i].volts or 0.0) / signals[i].mne_volts for i in picks]
        all_names = tuple(signal.name for signal in header.signals if not signal.name.endswith(" Annotations"))

    def samples(first: int, last: int) -> NDArray[Any]:
        with _mne_reads(path):
            values: NDArray[Any] = raw.get_data(picks=picks, start=first, stop=last)
        return values

    return OpenedFile(
        path,
        float(raw.info["sfreq"]),
        int(raw.n_times),
        tuple(names[i] for i in picks),
        all_names,
        microvolts,
        samples,
        marks,
        str(path),
        raw.close,
    )


@contextmanager
def _mne_reads(path: Path) -> Iterator[None]:
    """Turn what MNE raises into one line, its warnings into an error (data lost) or a line of the log."""
    name = READERS[path.suffix.lower()][0]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except (InputError, MemoryError):
            raise
        except ImportError as error:
            raise MissingExtra(
                f"Reading {path} needs a package that is not installed ({one_line(error)}). "
                "Install it with pip, or save the file in an older version of its format."
            ) from error
        except FileNotFoundError as error:
            raise InputError(
                f"Expected all files that belong to {path}, but one is missing ({one_line(error)}). "
                "Copy them together and keep their names."
            ) from error
        except Exception as error:  # MNE's readers raise whatever damaged bytes lead them to
            raise InputError(
                f"Expected {name} data in {path}, but it cannot be read ({one_line(error)}). {DOWNLOAD_AGAIN}"
            ) from error
    for warning in caught:
        message = one_line(warning.message)
        if _LOST_DATA.search(message):
            raise InputError(
                f"Expected a whole {name} file in {path}, but a part is missing ({message}). {DOWNLOAD_AGAIN}"
            )
        _log.info("%s: %s", path, message)


def _edf_header(path: Path) -> EdfHeader | None:
    if path.suffix.lower() not in (".edf", ".bdf"):
        return None
    header = read_edf_header(path)
    header.refuse_truncated(path)
    if not header.eeg_signals():
        raise no_eeg(path, [signal.name for signal in header.signals])
    return header


def _refuse_lies(path: Path) -> None:
    """Look for what MNE and SciPy follow without a check, and would crash on or never return from."""
    suffix = path.suffix.lower()
    if suffix == ".fif":
        check_tags(path)
    elif suffix == ".set":
        if is_version_7_3(path):
            refuse_other_files(path)
        else:
            check_elements(path)


def _open(path: Path, header: EdfHeader | None) -> Any:
    import mne  # slow to import

    options: dict[str, Any] = {}
    if header is not None:
        wanted = {signal.name for signal in header.eeg_signals()}
        options["exclude"] = sorted({signal.name for signal in header.signals} - wanted)
    reader = getattr(mne.io, READERS[path.suffix.lower()][1])
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
                f"Received: {part.stat().st_size} bytes; the file is truncated. {DOWNLOAD_AGAIN}"
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
