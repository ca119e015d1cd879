"""EEGMAT: rest and mental arithmetic of 36 people (500 Hz, 19 electrodes). Two mental states: workload, not emotion.

References:
    Zyma et al. (2019), Electroencephalograms during mental arithmetic task performance.
    Goldberger et al. (2000), PhysioBank, PhysioToolkit, and PhysioNet.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from emotune.errors import InputError
from emotune.files import cache_root
from emotune.findings import Finding, listed
from emotune.recordings.edf_header import read_edf_header
from emotune.recordings.fetching import fetch_listed_files
from emotune.recordings.reading import check_recording_file, read_recording
from emotune.recordings.sets.published import About, PublishedSet, RawTrial

__all__ = ["Eegmat", "fetch_eegmat"]

_PAGE = "https://physionet.org/content/eegmat/1.0.0/"
_ADDRESS = "https://physionet.org/files/eegmat/1.0.0/"
_UNPACKED = "eeg-during-mental-arithmetic-tasks-1.0.0"  # the folder in PhysioNet's ZIP file
_STATES = ("rest", "arithmetic")  # of SubjectNN_1 and SubjectNN_2
_STATE_S = 62.0  # what every file of arithmetic lasts; those of rest last 80 to 188 s, most of them 182 s
_NAME = re.compile(r"Subject(\d\d)_([12])\.edf")
_ELECTRODES = (
    "Fp1", "Fp2", "F3", "F4", "F7", "F8", "T3", "T4", "C3", "C4", "T5", "T6", "P3", "P4", "O1", "O2", "Fz", "Cz", "Pz",
)  # fmt: skip
_CHANNELS = tuple(f"EEG {name}" for name in _ELECTRODES)


class Eegmat(PublishedSet):
    """The files `SubjectNN_1.edf` (rest) and `SubjectNN_2.edf` (arithmetic) of all people, or of some.

    These are two mental states, not emotions: what is told apart is workload. Of rest, the 62 s before the task are
    read, so that both states have as much.
    """

    about = About(
        "eegmat",
        "EEGMAT",
        "Subject00_1.edf (rest) and Subject00_2.edf (mental arithmetic) to Subject35_2.edf",
        _PAGE,
        "ODC-BY 1.0, open to all",
        36,
        emotions=_STATES,
    )

    @classmethod
    def files_in(cls, folder: Path) -> list[Path]:
        """`Subject00_1.edf` and so on, by person and state; also one folder down, as it is unpacked."""
        for place in (folder, folder / _UNPACKED):
            found = sorted(file for file in place.iterdir() if _NAME.fullmatch(file.name)) if place.is_dir() else []
            if found:
                return found
        return []

    @property
    def findings(self) -> tuple[Finding, ...]:
        """That the classes are no emotions; and people of whom a state is missing."""
        names = {file.name for file in self.files}
        people = sorted({name[:9] for name in names})
        halved = [person for person in people if not {f"{person}_1.edf", f"{person}_2.edf"} <= names]
        missing = Finding(
            "missing-state",
            "warning",
            f"Of {listed(halved, 5)} one state alone is in {self.folder}: the state may be told by who it is.",
            "Add the missing files, or take these people out.",
        )
        return (
            *super().findings,
            Finding(
                "not-emotions",
                "note",
                "EEGMAT tells rest from mental arithmetic: mental workload, not emotion.",
                "Say so with the score.",
            ),
            *((missing,) if halved else ()),
        )

    def __len__(self) -> int:
        return len(self.files)

    def trials(self) -> Iterator[RawTrial]:
        """One a file; trial is the number in its name, `1` for rest and `2` for arithmetic."""
        for file in self.units:
            named = _NAME.fullmatch(file.name)
            if named is None:  # no file of another name is in `files`
                continue
            state = _STATES[int(named[2]) - 1]
            recording = read_recording(file, start_s=_start_s(file) if state == "rest" else None)
            rows = [recording.channel_names.index(name) for name in _CHANNELS if name in recording.channel_names]
            if len(rows) < len(_CHANNELS):
                absent = [name for name in _CHANNELS if name not in recording.channel_names]
                raise InputError(
                    f"Expected the {len(_CHANNELS)} electrodes EEG Fp1 to EEG Pz in {file}. Received: none called "
                    f"{listed(absent, 5)}. Download the file again."
                )
            yield RawTrial(
                recording.samples_uv[rows],
                recording.sampling_rate_hz,
                _CHANNELS,
                subject=named[1],
                trial=named[2],
                source=str(file),
                emotion=state,
                breaks_s=recording.breaks_s,
            )


def _start_s(file: Path) -> float | None:
    """Where the last 62 s of a file begin; None where it has no more."""
    check_recording_file(file)
    header = read_edf_header(file)
    header.refuse_truncated(file)
    # Without a duration (NaN) all is read.
    return header.duration_s - _STATE_S if header.duration_s > _STATE_S else None


def fetch_eegmat(on_file: Callable[[int, int], None] | None = None) -> Path:
    """The folder of EEGMAT in the user's cache, with every file as PhysioNet's own list of SHA-256 sums says (185 MB).

    What is there is not fetched again, and needs no network; see `fetch_listed_files`. `EMOTUNE_EEGMAT_URL` chooses
    a mirror, which must have that list too. The sums themselves are not part of emotune: PhysioNet has changed the
    files, and its list with them, without another version number.

    Args:
        on_file: called with (done, total) after each file.

    Raises:
        InputError: if they cannot be had; the message says how to do without.
    """
    folder = cache_root() / "eegmat"
    fetch_listed_files(
        os.environ.get("EMOTUNE_EEGMAT_URL", "").strip() or _ADDRESS,
        "SHA256SUMS.txt",
        _NAME,
        folder,
        remedy=f"Try again later, or download it from {_PAGE} by hand and write eegmat:FOLDER.",
        on_file=on_file,
    )
    return folder
