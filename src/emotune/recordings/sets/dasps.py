"""DASPS: anxious situations told to 23 people and recalled by them, with a wireless headset (128 Hz, 14 electrodes).

References:
    Baghdadi et al. (2019), DASPS: a database for anxious states based on a psychological stimulation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.recordings.channels import EPOC_CHANNELS
from emotune.recordings.matlab import is_version_7_3, read_matlab
from emotune.recordings.sets.published import About, PublishedSet, RawTrial
from emotune.recordings.targets import Rating

__all__ = ["Dasps"]

_RATE_HZ = 128.0
_N_TRIALS = 12
_PHASES = ("told", "recalled")  # of each situation, one after the other
_RATINGS = ("valence", "arousal")
_MAX_ITEMS = 10 * 14 * 1920 * 12  # ten times what a file of 12 stretches of 15 s holds

# The files name no channels.
_CHANNELS = EPOC_CHANNELS
_NAME = re.compile(r"s(\d\d)(preprocessed)?\.mat", re.IGNORECASE)


class Dasps(PublishedSet):
    """The 23 preprocessed MATLAB files, or the raw ones, or some of them."""

    about = About(
        "dasps",
        "DASPS",
        "S01preprocessed.mat to S23preprocessed.mat, or S01.mat to S23.mat (raw)",
        "https://ieee-dataport.org/open-access/dasps-database",
        "open access; see its page",
        23,
        ratings={name: Rating(1.0, 9.0) for name in _RATINGS},
    )

    @classmethod
    def files_in(cls, folder: Path) -> list[Path]:
        """By number; of a person with both kinds the preprocessed file is read."""
        found = {}
        for file in sorted(folder.iterdir()):
            named = _NAME.fullmatch(file.name)
            # DEAP calls its files s01.mat too, and writes them in the older format.
            if named and (named[2] or (named[1] not in found and is_version_7_3(file))):
                found[named[1]] = file
        return [found[number] for number in sorted(found)]

    def __len__(self) -> int:
        return _N_TRIALS * len(self.files)

    def trials(self) -> Iterator[RawTrial]:
        """12 a person, two of each situation, which was rated once."""
        for file in self.units:
            yield from _trials_of(file)


def _trials_of(file: Path) -> Iterator[RawTrial]:
    data, ratings = _contents(file)
    for index in range(_N_TRIALS):
        situation, phase = divmod(index, len(_PHASES))
        yield RawTrial(
            data[:, :, index],
            _RATE_HZ,
            _CHANNELS,
            subject=f"s{file.stem[1:3]}",
            # Both stretches of a pair have one name, though it is not unique then: what is dealt out by trial stays
            # together, as two stretches of one situation and one rating must. Joined to one recording they would
            # have a window across the seam.
            trial=f"{situation + 1:02d}",
            source=f"{file}, situation {situation + 1}, {_PHASES[phase]}",
            ratings=dict(zip(_RATINGS, ratings[index].tolist(), strict=True)),
        )


def _contents(file: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Samples `(n_channels, n_times, n_trials)` in microvolts and ratings `(n_trials, 2)`, as MATLAB shows them."""
    content = read_matlab(file, ("data", "labels"), max_items=_MAX_ITEMS)
    data, labels = content.get("data"), content.get("labels")
    if (
        not isinstance(data, np.ndarray)
        or not isinstance(labels, np.ndarray)
        or data.dtype.kind not in "fiu"
        or labels.dtype.kind not in "fiu"
        or data.ndim != 3
        or data.shape[::2] != (len(_CHANNELS), _N_TRIALS)
        or not data.shape[1]
        or labels.shape != (_N_TRIALS, len(_RATINGS))
    ):
        received = [
            f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "nothing" for array in (data, labels)
        ]
        raise InputError(
            f"Expected `data` (14, 1920, 12) and `labels` (12, 2) in {file}, as MATLAB shows DASPS's files. "
            f"Received: {received[0]} and {received[1]}. Download the file again."
        )
    for index in range(0, _N_TRIALS, len(_PHASES)):
        first, second = labels[index : index + len(_PHASES)]
        if not np.array_equal(first, second, equal_nan=True):
            raise InputError(
                f"Expected the same `labels` for stretches {index + 1} and {index + 2} of {file}, which are of one "
                f"situation. Received: {first.tolist()} and {second.tolist()}. Download the file again."
            )
    return data, labels
