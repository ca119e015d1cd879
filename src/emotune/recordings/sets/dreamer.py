"""DREAMER: film clips rated by 23 people, recorded with a wireless headset (128 Hz, 14 electrodes), in one file.

References:
    Katsigiannis and Ramzan (2018), DREAMER: a database for emotion recognition through EEG and ECG signals from
    wireless low-cost off-the-shelf devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.recordings.channels import EPOC_CHANNELS
from emotune.recordings.matlab import read_matlab
from emotune.recordings.sets.published import About, PublishedSet, RawTrial
from emotune.recordings.targets import Rating

__all__ = ["Dreamer"]

_RATE_HZ = 128.0
_N_PEOPLE = 23
_N_CLIPS = 18
_CHANNELS = EPOC_CHANNELS
_SCORES: Mapping[str, str] = {"valence": "ScoreValence", "arousal": "ScoreArousal", "dominance": "ScoreDominance"}
_NAME = "dreamer.mat"
_REMEDY = "Download the file again."


class Dreamer(PublishedSet):
    """The one file `DREAMER.mat`. MATLAB's nested structs have no index: the whole of it is read at the first trial."""

    about = About(
        "dreamer",
        "DREAMER",
        "DREAMER.mat",
        "https://zenodo.org/records/546113",
        "on request; see its page",
        _N_PEOPLE,
        ratings={name: Rating(1.0, 5.0) for name in _SCORES},
    )

    @classmethod
    def files_in(cls, folder: Path) -> list[Path]:
        """`DREAMER.mat`, however its letters are written."""
        return sorted(file for file in folder.iterdir() if file.name.lower() == _NAME)[:1]

    def __len__(self) -> int:
        return _N_PEOPLE * _N_CLIPS * len(self.files)

    def trials(self) -> Iterator[RawTrial]:
        """18 a person, of different lengths: what was recorded during a clip, and before it, during a neutral one."""
        for file in self.units:
            people = _cells(_field(read_matlab(file, ("DREAMER",)).get("DREAMER"), "Data", str(file)))
            if people is None or len(people) != _N_PEOPLE:
                raise InputError(
                    f"Expected `Data` of {_N_PEOPLE} people in {file}, as DREAMER has it. Received: "
                    f"{'no cells' if people is None else len(people)}. {_REMEDY}"
                )
            for number, person in enumerate(people, start=1):
                yield from _trials_of(person, f"p{number:02d}", f"{file}, person {number}")


def _trials_of(person: Any, subject: str, place: str) -> Iterator[RawTrial]:
    eeg = _field(person, "EEG", place)
    clips, rests = _clips(eeg, "stimuli", place), _clips(eeg, "baseline", place)
    scores = {name: _scores(person, field, place) for name, field in _SCORES.items()}
    for index, (samples, rest) in enumerate(zip(clips, rests, strict=True)):
        source = f"{place}, clip {index + 1}"
        yield RawTrial(
            _samples(samples, source),
            _RATE_HZ,
            _CHANNELS,
            subject=subject,
            trial=f"{index + 1:02d}",
            source=source,
            ratings={name: float(values[index]) for name, values in scores.items()},
            stimulus=f"clip {index + 1:02d}",
            baseline_uv=_rest(rest, f"{place}, baseline {index + 1}"),
        )


def _clips(eeg: Any, name: str, place: str) -> list[Any]:
    clips = _cells(_field(eeg, name, place))
    if clips is None or len(clips) != _N_CLIPS:
        raise InputError(
            f"Expected `{name}` of {_N_CLIPS} clips in {place}. Received: "
            f"{'no cells' if clips is None else len(clips)}. {_REMEDY}"
        )
    return clips


def _field(struct: Any, name: str, place: str) -> Any:
    """What a MATLAB struct, which SciPy reads as a (1, 1) array with named fields, has under a name."""
    names = struct.dtype.names or () if isinstance(struct, np.ndarray) and struct.shape == (1, 1) else ()
    if name not in names:
        raise InputError(
            f"Expected a struct with the field `{name}` in {place}, as DREAMER has it. Received: "
            f"{', '.join(names) or 'no struct'}. {_REMEDY}"
        )
    return struct[0, 0][name]


def _cells(array: Any) -> list[Any] | None:
    """The cells of a MATLAB cell array, whichever way it lies; None where it is none."""
    return list(array.ravel()) if isinstance(array, np.ndarray) and array.dtype == object else None


def _scores(person: Any, field: str, place: str) -> NDArray[Any]:
    scores = _field(person, field, place)
    if not isinstance(scores, np.ndarray) or scores.dtype.kind not in "fiu" or scores.size != _N_CLIPS:
        raise InputError(
            f"Expected `{field}` of {_N_CLIPS} numbers in {place}. Received: {_described(scores)}. {_REMEDY}"
        )
    return scores.ravel()


def _samples(samples: Any, place: str) -> NDArray[Any]:
    """As the file has them, `(n_times, n_channels)`, the other way round: `(n_channels, n_times)`."""
    if (
        not isinstance(samples, np.ndarray)
        or samples.dtype.kind not in "fiu"
        or samples.ndim != 2
        or samples.shape[1] != len(_CHANNELS)
        or not len(samples)
    ):
        raise InputError(
            f"Expected samples of {len(_CHANNELS)} channels, (n_times, {len(_CHANNELS)}), in {place}. "
            f"Received: {_described(samples)}. {_REMEDY}"
        )
    return samples.T


def _rest(samples: Any, place: str) -> NDArray[Any] | None:
    """As `_samples`; None for an empty cell, as a clip can be used without the rest before it."""
    return None if isinstance(samples, np.ndarray) and not samples.size else _samples(samples, place)


def _described(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
