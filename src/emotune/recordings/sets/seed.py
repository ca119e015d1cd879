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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.files import fingerprint
from emotune.findings import Finding, listed
from emotune.recordings.matlab import read_matlab
from emotune.recordings.sets.published import About, PublishedSet, RawTrial

__all__ = ["Seed", "SeedIV"]

_RATE_HZ = 200.0
_N_SESSIONS = 3
_ACCESS = "https://bcmi.sjtu.edu.cn/home/seed/"
_LICENCE = "for academic research, on request"
_REMEDY = "Download the file again."

# The caps' own order, which the files do not hold: `channel-order.xlsx` lies beside them.
_CHANNELS = (
    "FP1", "FPZ", "FP2", "AF3", "AF4", "F7", "F5", "F3", "F1", "FZ", "F2", "F4", "F6", "F8", "FT7", "FC5", "FC3",
    "FC1", "FCZ", "FC2", "FC4", "FC6", "FT8", "T7", "C5", "C3", "C1", "CZ", "C2", "C4", "C6", "T8", "TP7", "CP5",
    "CP3", "CP1", "CPZ", "CP2", "CP4", "CP6", "TP8", "P7", "P5", "P3", "P1", "PZ", "P2", "P4", "P6", "P8", "PO7",
    "PO5", "PO3", "POZ", "PO4", "PO6", "PO8", "CB1", "O1", "OZ", "O2", "CB2",
)  # fmt: skip

_FILE = re.compile(r"(\d+)_(\d{8})\.mat", re.IGNORECASE)
_CLIP = re.compile(r".*_eeg(\d+)")

_SEED_CODES = (1, 0, -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 0, 1, -1)  # as published, for folders without label.mat
_SEED_IV_CODES = (
    (1, 2, 3, 0, 2, 0, 0, 1, 0, 1, 2, 1, 1, 1, 2, 3, 2, 2, 3, 3, 0, 3, 0, 3),
    (2, 1, 3, 0, 0, 2, 0, 2, 3, 3, 2, 3, 2, 0, 1, 1, 2, 1, 0, 3, 0, 1, 3, 1),
    (1, 2, 2, 1, 3, 3, 3, 1, 1, 2, 1, 0, 2, 3, 3, 0, 2, 3, 0, 0, 2, 0, 1, 0),
)


@dataclass(frozen=True, slots=True)
class _Sitting:
    file: Path
    person: int
    session: int  # from 1


class _FilmClips(PublishedSet):
    """What both sets share: `{person}_{date}.mat` holds a sitting, its variables `*_eeg1` and on are the clips."""

    n_clips: ClassVar[int]

    def __init__(self, folder: Path | str) -> None:
        super().__init__(folder)
        self._sittings = self._sittings_in(self.folder)
        seen = set()
        for sitting in self._sittings:
            if (sitting.person, sitting.session) in seen or sitting.session > _N_SESSIONS:
                raise InputError(
                    f"Expected one file for each of the {_N_SESSIONS} sessions of person {sitting.person} in {folder}. "
                    f"Received: {sitting.file}, which is one more. Take copies out of the folder."
                )
            seen.add((sitting.person, sitting.session))

    @classmethod
    @abstractmethod
    def _sittings_in(cls, folder: Path) -> list[_Sitting]:
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
        for sitting in self._sittings:
            for clip, name in enumerate(_clips_of(sitting.file, self.n_clips), start=1):
                yield RawTrial(
                    _samples(sitting.file, name),
                    _RATE_HZ,
                    _CHANNELS,
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
        _ACCESS,
        _LICENCE,
        15,
        emotions=("negative", "neutral", "positive"),
    )
    n_clips = 15

    def __init__(self, folder: Path | str) -> None:
        super().__init__(folder)
        label_file = self.files[0].parent / "label.mat"
        self._codes = _codes_in(label_file) if label_file.exists() else _SEED_CODES

    @classmethod
    def _sittings_in(cls, folder: Path) -> list[_Sitting]:
        for place in (folder, folder / "Preprocessed_EEG"):
            dated = sorted((person, date, file) for file, person, date in _named_in(place))
            if dated:
                so_far: Counter[int] = Counter()
                sittings = []
                for person, _, file in dated:
                    so_far[person] += 1
                    sittings.append(_Sitting(file, person, so_far[person]))
                return sittings
        return []

    def _emotion(self, session: int, clip: int) -> str:
        return self.about.emotions[self._codes[clip - 1] + 1]

    def _stimulus(self, session: int, clip: int) -> str:
        return f"clip {clip:02d}"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """A label file that is not the published one is used, and said."""
        if self._codes == _SEED_CODES:
            return super().findings
        return (
            *super().findings,
            Finding(
                "label-file",
                "warning",
                f"The labels in label.mat of {self.folder} are not those that SEED was published with.",
                "Download label.mat again, unless you changed it on purpose.",
            ),
        )

    def fingerprint(self) -> str:
        """Of the labels too: they lie in a file of their own, or in none."""
        return fingerprint({"set": super().fingerprint(), "labels": list(self._codes)})


class SeedIV(_FilmClips):
    """The folders `1`, `2` and `3` of `eeg_raw_data`, or some of them: 24 clips a session, others in each."""

    about = About(
        "seed-iv",
        "SEED-IV",
        "eeg_raw_data with the folders 1, 2 and 3 of its sessions, in each files such as 1_20160518.mat, one a person",
        _ACCESS,
        _LICENCE,
        15,
        emotions=("neutral", "sad", "fear", "happy"),
    )
    n_clips = 24

    @classmethod
    def _sittings_in(cls, folder: Path) -> list[_Sitting]:
        for place in (folder, folder / "eeg_raw_data"):
            sittings = sorted(
                (person, session, file)
                for session in range(1, _N_SESSIONS + 1)
                for file, person, _ in _named_in(place / str(session))
            )
            if sittings:
                return [_Sitting(file, person, session) for person, session, file in sittings]
        return []

    def _emotion(self, session: int, clip: int) -> str:
        return self.about.emotions[_SEED_IV_CODES[session - 1][clip - 1]]

    def _stimulus(self, session: int, clip: int) -> str:
        return f"session {session} clip {clip:02d}"


def _named_in(folder: Path) -> list[tuple[Path, int, str]]:
    """Files called `{person}_{date}.mat` in a folder, with both; none where there is no such folder."""
    if not folder.is_dir():
        return []
    matches = [(file, _FILE.fullmatch(file.name)) for file in folder.iterdir()]
    return [(file, int(named[1]), named[2]) for file, named in matches if named]


def _codes_in(file: Path) -> tuple[int, ...]:
    codes = read_matlab(file, ("label",)).get("label")
    values = codes.ravel().tolist() if isinstance(codes, np.ndarray) and codes.dtype.kind in "fiu" else []
    if len(values) != Seed.n_clips or not set(values) <= {-1, 0, 1}:
        received = listed([f"{value:g}" for value in values], 20) or "no numbers"
        raise InputError(
            f"Expected `label` in {file}: {Seed.n_clips} values, each -1, 0 or 1. Received: {received}. "
            "Download it again, or take it out: the published labels are used then."
        )
    return tuple(int(value) for value in values)


def _variables(file: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes in a file, told by its headers: no sample is read.

    Raises:
        InputError: if the file is damaged.
    """
    import scipy.io

    try:
        return [(name, tuple(shape)) for name, shape, _ in scipy.io.whosmat(str(file))]
    except Exception as error:  # it raises whatever damaged bytes lead it to
        raise InputError(
            f"Expected a MATLAB file (version 5 to 7) at {file}, but its variables cannot be listed "
            f"({' '.join(str(error).split())[:200]}). {_REMEDY}"
        ) from error


def _numbered(names: list[str]) -> list[tuple[int, str]]:
    """Clips by number: as text, 10 would go before 2."""
    return sorted((int(named[1]), name) for name in names if (named := _CLIP.fullmatch(name)))


def _unlike(file: Path, n_clips: int) -> str:
    """Why a readable file cannot be of a set of so many clips, in a few words; empty where it may be."""
    try:
        names = [name for name, _ in _variables(file)]
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
    variables = _variables(file)
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
            f"Received: {received}. {_REMEDY}"
        )
    names = [name for _, name in clips]
    for name in names:
        shape = shapes[name]
        if len(shape) != 2 or shape[0] != len(_CHANNELS) or not shape[1]:
            raise InputError(
                f"Expected `{name}` of shape ({len(_CHANNELS)}, n_times) in {file}, one row for each electrode. "
                f"Received: {shape}. {_REMEDY}"
            )
    return names


def _samples(file: Path, name: str) -> NDArray[Any]:
    samples = read_matlab(file, (name,)).get(name)
    if not isinstance(samples, np.ndarray) or samples.dtype.kind not in "fiu":
        received = samples.dtype if isinstance(samples, np.ndarray) else type(samples).__name__
        raise InputError(f"Expected `{name}` in {file} to hold real numbers, in µV. Received: {received}. {_REMEDY}")
    return samples
