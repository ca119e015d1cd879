"""GAMEEMO: four computer games played by 28 people with a consumer headset (128 Hz, 14 electrodes).

References:
    Alakus, Gonen & Turkoglu (2020), Database for an emotion recognition system based on EEG signals and various
    computer games - GAMEEMO.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.findings import Finding, listed
from emotune.recordings.sets.published import About, PublishedSet, RawTrial

__all__ = ["Gameemo"]

_RATE_HZ = 128.0
_CHANNELS = ("AF3", "AF4", "F3", "F4", "F7", "F8", "FC5", "FC6", "O1", "O2", "P7", "P8", "T7", "T8")
_EMOTIONS = ("boring", "calm", "horror", "funny")  # of the games 1 to 4
_PERSON = re.compile(r"\((S\d\d)\)", re.IGNORECASE)
_FILE = re.compile(r"(S\d\d)G([1-4])AllChannels\.csv", re.IGNORECASE)
_REMEDY = "Download the file again."


class Gameemo(PublishedSet):
    """The prepared CSV files of all people, or of some: one recording a game, and one game an emotion."""

    about = About(
        "gameemo",
        "GAMEEMO",
        "a folder (S01) and so on for each person, in it Preprocessed EEG Data/.csv format/S01G1AllChannels.csv to "
        "S01G4AllChannels.csv",
        "https://www.kaggle.com/datasets/sigfest/database-for-emotion-recognition-system-gameemo",
        "see its page",
        28,
        emotions=_EMOTIONS,
    )

    @classmethod
    def files_in(cls, folder: Path) -> list[Path]:
        """`(S01)/…/S01G1AllChannels.csv` and so on, by person and game; also one folder down, as it is unpacked."""
        for place in (folder, folder / "GAMEEMO"):
            people = sorted(place.iterdir()) if place.is_dir() else []
            files = [file for person in people if _PERSON.fullmatch(person.name) for file in _games_of(person)]
            if files:
                return files
        return []

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Emotion and game cannot be told apart in this set."""
        return (
            *super().findings,
            Finding(
                "one-stimulus-a-class",
                "warning",
                "GAMEEMO has one game for each emotion: a score on it may come from what the games look, sound and "
                "play like, not from what was felt.",
                "Say so with the score; no split of this set can leave a game out of training.",
            ),
        )

    def __len__(self) -> int:
        return len(self.files)

    def trials(self) -> Iterator[RawTrial]:
        """One a file; trial and stimulus are the game, `G1` to `G4`."""
        return map(_trial, self.units)


def _trial(file: Path) -> RawTrial:
    person, game = _named(file)
    channel_names, samples_uv = _contents(file)
    return RawTrial(
        samples_uv,
        _RATE_HZ,
        channel_names,
        subject=person,
        trial=f"G{game}",
        source=str(file),
        emotion=_EMOTIONS[game - 1],
        stimulus=f"G{game}",
    )


def _games_of(person: Path) -> list[Path]:
    folder = person / "Preprocessed EEG Data" / ".csv format"
    return sorted(file for file in folder.iterdir() if _FILE.fullmatch(file.name)) if folder.is_dir() else []


def _named(file: Path) -> tuple[str, int]:
    """Who played which game, as the file's name says; the person's folder must say the same."""
    named = _FILE.fullmatch(file.name)
    folder = file.parent.parent.parent.name
    if named is None or f"({named[1]})".upper() != folder.upper():
        raise InputError(
            f"Expected files of {folder.strip('()')} alone in the folder {folder}. Received: {file}. "
            "Put it where it belongs, or unpack the set again."
        )
    return named[1].upper(), int(named[2])


def _contents(file: Path) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Channel names as the header has them, and their samples in µV: `(14, n_times)`."""
    try:
        lines = [line for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Expected a CSV at {file}, but it cannot be read as text ({error}). {_REMEDY}") from error
    header = [name.strip().strip('"') for name in lines[0].split(",")] if lines else []
    # Some of the files end every line with a comma, which makes a last column without a name.
    columns = [index for index, name in enumerate(header) if name]
    channel_names = tuple(header[index] for index in columns)
    if sorted(channel_names) != sorted(_CHANNELS):
        missing = [name for name in _CHANNELS if name not in channel_names]
        others = [name[:40] for name in channel_names if name not in _CHANNELS]
        parts = (
            f"none of {listed(missing, 14)}" if missing and channel_names else "",
            f"also {listed(others, 5)}" if others else "",
        )
        repeated = "repeated names" if channel_names else "no names"
        raise InputError(
            f"Expected the names {', '.join(_CHANNELS)} in any order in the first line of {file}. Received: "
            f"{' and '.join(part for part in parts if part) or repeated}. {_REMEDY}"
        )
    rows = lines[1:]
    if not rows or rows[-1].count(",") != rows[0].count(","):
        received = "a last line that is cut off" if rows else "the header alone"
        raise InputError(f"Expected lines of {len(_CHANNELS)} samples in {file}. Received: {received}. {_REMEDY}")
    try:
        samples_uv = np.loadtxt(rows, dtype=np.float64, delimiter=",", comments=None, usecols=columns, ndmin=2)
    except ValueError as error:
        raise InputError(
            f"Expected lines of {len(_CHANNELS)} numbers, in µV, below the header of {file}. "
            f"Received: {' '.join(str(error).split())[:200].rstrip('.')}. {_REMEDY}"
        ) from error
    return channel_names, samples_uv.T
