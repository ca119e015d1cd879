"""A file of any known format to a `Recording`: which format it is, and what is wrong with a path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from emotune.errors import InputError
from emotune.files import is_web_page
from emotune.recordings.companions import companions
from emotune.recordings.mne_file import READERS, open_with_mne
from emotune.recordings.opened import DOWNLOAD_AGAIN, OpenedFile, one_line
from emotune.recordings.pickled import open_pickle
from emotune.recordings.recording import Recording
from emotune.recordings.xdf import open_xdf

__all__ = ["FORMATS", "check_recording_file", "open_recording", "read_recording"]

# Those that MNE does not read.
_OTHERS = {
    ".xdf": ("XDF", open_xdf),
    ".pkl": ("pickled", open_pickle),
    ".pickle": ("pickled", open_pickle),
}

# Suffix -> what it is called.
FORMATS: Mapping[str, str] = {suffix: name for suffix, (name, _) in {**READERS, **_OTHERS}.items()}

# The file beside the one that has to be named.
_HEADER_OF = {".eeg": ".vhdr", ".vmrk": ".vhdr", ".fdt": ".set"}


def read_recording(path: Path | str, *, start_s: float | None = None, stop_s: float | None = None) -> Recording:
    """Read the EEG channels of a file, or of its stretch [`start_s`, `stop_s`) in seconds.

    Channels that the file marks as bad are left out, so that they are interpolated like missing ones. Stretches
    that it marks as bad, and points where it was interrupted, become `breaks_s`.

    Returns:
        a recording with `samples_uv` `(n_channels, n_times)` in µV, each channel centred in float64 before it
        becomes float32, channel names as the file has them, no emotion and no subject.

    Raises:
        InputError: if the file is missing, of another kind, damaged, truncated or incomplete, if the stretch
            does not lie in it, or if it has no EEG channel.
        MissingExtra: if another package is needed for this file.
    """
    with open_recording(path) as file:
        return file.stretch(start_s, stop_s)


@contextmanager
def open_recording(path: Path | str) -> Iterator[OpenedFile]:
    """Open a file of which several stretches are wanted; raises what `read_recording` does."""
    path = Path(path)
    check_recording_file(path)
    suffix = path.suffix.lower()
    file = open_with_mne(path) if suffix in READERS else _OTHERS[suffix][1](path)
    try:
        yield file
    finally:
        file.close()


def check_recording_file(path: Path) -> None:
    """Check without decoding that a file and its companions are there and of a known kind.

    Raises:
        InputError: if they are not.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        raise InputError(f"Expected a recording file ({_known()}), received the folder {path}. Name a file.")
    if not path.is_file():
        _refuse_broken_link(path)
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
            f"Expected a recording at {path}, but it cannot be opened ({one_line(error)}). Check its permissions."
        ) from error
    _refuse_foreign(path, first)
    if suffix == ".vhdr":
        for part in companions(path):
            if not part.is_file():
                _refuse_broken_link(part)
                raise InputError(
                    f"Expected {part.name} beside {path}, which names it, but there is no such file. "
                    "Copy the .vhdr, .vmrk and .eeg together; after renaming, mend the names in the .vhdr."
                )


def _known() -> str:
    return ", ".join(f"{name} {suffix}" for suffix, name in FORMATS.items())


def _refuse_broken_link(path: Path) -> None:
    # What git-annex (OpenNeuro's DataLad folders) has in place of a file that was not fetched.
    if path.is_symlink():
        raise InputError(
            f"Expected a recording at {path}, but it is a link to a file that is not there. Fetch it: `datalad get`."
        )


def _refuse_foreign(path: Path, first: bytes) -> None:
    name = FORMATS[path.suffix.lower()]
    if not first:
        raise InputError(f"Expected {name} data in {path}, but the file is empty. {DOWNLOAD_AGAIN}")
    if is_web_page(first):
        raise InputError(
            f"Expected {name} data in {path}, but it holds a web page, perhaps a login or an error. "
            "Download the file itself."
        )
    start = first.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if start.startswith(b"version https://git-lfs") or b"/annex/objects/" in start:
        raise InputError(
            f"Expected {name} data in {path}, but it only points to them. Fetch them: `git lfs pull` or `datalad get`."
        )
