"""SEED and SEED-IV: film clips watched in three sittings by 15 people each (200 Hz, 62 electrodes, one file a sitting).

References:
    Zheng & Lu (2015), Investigating critical frequency bands and channels for EEG-based emotion recognition with deep
    neural networks.
    Zheng et al. (2019), EmotionMeter: a multimodal framework for recognizing human emotions.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.files import fingerprint
from emotune.findings import Finding, listed
from emotune.recordings.matlab import read_matlab
from emotune.recordings.sets.published import About, PublishedSet, RawTrial
from emotune.recordings.sets.seed_files import (
    ACCESS,
    LICENCE,
    REMEDY,
    SEED_CHANNELS,
    SEED_EMOTIONS,
    SEED_IV_CODES,
    SEED_IV_EMOTIONS,
    Sitting,
    changed_labels,
    read_seed_codes,
    refuse_copies,
    sittings_by_date,
    sittings_by_folder,
    variables_of,
)

__all__ = ["Seed", "SeedIV"]

_RATE_HZ = 200.0
_MAX_CLIP_S = 1800.0  # the longest takes less than five minutes
_CLIP = re.compile(r".*_eeg(\d+)")


class _FilmClips(PublishedSet):
    """What both sets share: `{person}_{date}.mat` holds a sitting, its variables `*_eeg1` and on are the clips."""

    n_clips: ClassVar[int]

    def __init__(self, folder: Path | str) -> None:
        super().__init__(folder)
        sittings = self._sittings_in(self.folder)
        refuse_copies(sittings, self.folder)
        self.units = sittings

    @classmethod
    @abstractmethod
    def _sittings_in(cls, folder: Path) -> list[Sitting]:
        """The sittings whose files are named and placed as this set's, by person and session."""

    @abstractmethod
    def _emotion(self, session: int, clip: int) -> str:
        """What a clip was meant to raise; both count from 1."""

    @abstractmethod
    def _stimulus(self, session: int, clip: int) -> str:
        """What to call a clip, the same for all who saw it; both count from 1."""

    @classmethod
    def files_in(cls, folder: Path) -> list[Path]:
        """The sittings' files, by person and session; none where their variables are another set's."""
        files = [sitting.file for sitting in cls._sittings_in(folder)]
        return [] if files and _unlike(files[0], cls.n_clips) else files

    @classmethod
    def why_not(cls, folder: Path) -> str:
        """As for every set; other sets and extracted features have files of the same names, and are told apart."""
        sittings = cls._sittings_in(folder) if folder.is_dir() else []
        return _unlike(sittings[0].file, cls.n_clips) if sittings else super().why_not(folder)

    def __len__(self) -> int:
        return self.n_clips * len(self.files)

    def trials(self) -> Iterator[RawTrial]:
        """Every clip of every sitting, in the order of the clips; one clip in memory at a time."""
        for sitting in self.units:
            for clip, name in enumerate(_clips_of(sitting.file, self.n_clips), start=1):
                yield RawTrial(
                    _samples(sitting.file, name),
                    _RATE_HZ,
                    SEED_CHANNELS,
                    subject=f"{sitting.person:02d}",
                    trial=f"{clip:02d}",
                    source=f"{sitting.file}, clip {clip}",
                    emotion=self._emotion(sitting.session, clip),
                    session=str(sitting.session),
                    stimulus=self._stimulus(sitting.session, clip),
                )


class Seed(_FilmClips):
    """The files of `Preprocessed_EEG`, or those of some people; the same 15 clips in all three sessions.

    A person's sessions are numbered in the order of their files' dates. Labels are those of `label.mat`; where it is
    missing, the published ones, which are the same.
    """

    about = About(
        "seed",
        "SEED",
        "Preprocessed_EEG with label.mat and files such as 1_20131027.mat, three a person",
        ACCESS,
        LICENCE,
        15,
        emotions=SEED_EMOTIONS,
    )
    n_clips = 15

    def __init__(self, folder: Path | str) -> None:
        super().__init__(folder)
        self._codes = read_seed_codes(self.files[0].parent / "label.mat")

    @classmethod
    def _sittings_in(cls, folder: Path) -> list[Sitting]:
        return sittings_by_date(folder) or sittings_by_date(folder / "Preprocessed_EEG")

    def _emotion(self, session: int, clip: int) -> str:
        return self.about.emotions[self._codes[clip - 1] + 1]

    def _stimulus(self, session: int, clip: int) -> str:
        return f"clip {clip:02d}"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """A label file that is not the published one is used, and said."""
        return (*super().findings, *changed_labels(self._codes, self.folder))

    def fingerprint(self) -> str:
        """Of the labels too: they lie in a file of their own, or in none."""
        return fingerprint({"set": super().fingerprint(), "labels": list(self._codes)})


class SeedIV(_FilmClips):
    """The folders `1`, `2` and `3` of `eeg_raw_data`, or some of them: 24 clips a session, others in each."""

    about = About(
        "seed-iv",
        "SEED-IV",
        "eeg_raw_data with the folders 1, 2 and 3 of its sessions, in each files such as 1_20160518.mat, one a person",
        ACCESS,
        LICENCE,
        15,
        emotions=SEED_IV_EMOTIONS,
    )
    n_clips = 24

    @classmethod
    def _sittings_in(cls, folder: Path) -> list[Sitting]:
        return sittings_by_folder(folder) or sittings_by_folder(folder / "eeg_raw_data")

    def _emotion(self, session: int, clip: int) -> str:
        return self.about.emotions[SEED_IV_CODES[session - 1][clip - 1]]

    def _stimulus(self, session: int, clip: int) -> str:
        return f"session {session} clip {clip:02d}"


def _numbered(names: list[str]) -> list[tuple[int, str]]:
    """Clips by number: as text, 10 would go before 2."""
    return sorted((int(named[1]), name) for name in names if (named := _CLIP.fullmatch(name)))


def _unlike(file: Path, n_clips: int) -> str:
    """Why a readable file cannot be of a set of so many clips, in a few words; empty where it may be."""
    try:
        names = [name for name, _ in variables_of(file)]
    except InputError:
        return ""  # reading it says what is wrong, and names it
    clips = _numbered(names)
    if names and not clips:
        return f"no variables *_eeg1 and on in {file} but {listed(names, 3)}, as in a folder of extracted features"
    if clips and clips[-1][0] > n_clips:
        return f"{clips[-1][0]} clips in {file}, as another set has"
    return ""


def _clips_of(file: Path, n_clips: int) -> list[str]:
    """The variables of a sitting's clips in order, each known to be `(62, n_times)`, in µV."""
    variables = variables_of(file)
    shapes = dict(variables)
    clips = _numbered([name for name, _ in variables])
    times = Counter(number for number, _ in clips)
    missing = [str(number) for number in range(1, n_clips + 1) if number not in times]
    if missing or len(clips) != n_clips:
        repeated = [name for number, name in clips if times[number] > 1]
        beyond = [name for number, name in clips if not 1 <= number <= n_clips]
        received = f"no clip {listed(missing, 5)}" if missing else f"more: {listed(repeated or beyond, 4)}"
        raise InputError(
            f"Expected one variable for each of {n_clips} clips in {file}, *_eeg1 to *_eeg{n_clips}. "
            f"Received: {received}. {REMEDY}"
        )
    names = [name for _, name in clips]
    for name in names:
        shape = shapes[name]
        if len(shape) != 2 or shape[0] != len(SEED_CHANNELS) or not shape[1]:
            raise InputError(
                f"Expected `{name}` of shape ({len(SEED_CHANNELS)}, n_times) in {file}, one row for each electrode. "
                f"Received: {shape}. {REMEDY}"
            )
    return names


def _samples(file: Path, name: str) -> NDArray[Any]:
    samples = read_matlab(file, (name,), max_items=round(len(SEED_CHANNELS) * _MAX_CLIP_S * _RATE_HZ)).get(name)
    if not isinstance(samples, np.ndarray) or samples.dtype.kind not in "fiu":
        received = samples.dtype if isinstance(samples, np.ndarray) else type(samples).__name__
        raise InputError(f"Expected `{name}` in {file} to hold real numbers, in µV. Received: {received}. {REMEDY}")
    return samples
