"""DEAP: music videos rated by 32 people, as its authors prepared it (128 Hz, 32 electrodes and 8 other channels).

References:
    Koelstra et al. (2012), DEAP: a database for emotion analysis using physiological signals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.findings import Finding
from emotune.recordings.channels import CHANNELS
from emotune.recordings.matlab import is_version_7_3, read_matlab
from emotune.recordings.sets.published import About, PublishedSet, RawTrial
from emotune.recordings.targets import Rating
from emotune.recordings.unpickling import load_pickle

__all__ = ["Deap"]

_RATE_HZ = 128.0
_BASELINE_S = 3.0
_N_TRIALS = 40
_RATINGS = ("valence", "arousal", "dominance", "liking")
_UNPACKED = ("data_preprocessed_python", "data_preprocessed_matlab")
_MAX_ITEMS = 2 * 40 * 40 * 8064  # twice what a file of 40 videos and 40 channels holds
_NAME = re.compile(r"s(\d\d)\.(dat|mat)", re.IGNORECASE)


class Deap(PublishedSet):
    """The 32 files of `data_preprocessed_python` or `data_preprocessed_matlab`, or some of them."""

    about = About(
        "deap",
        "DEAP",
        "s01.dat to s32.dat (data_preprocessed_python), or s01.mat to s32.mat (data_preprocessed_matlab)",
        "https://www.eecs.qmul.ac.uk/mmv/datasets/deap/",
        "for academic research, by a signed agreement",
        32,
        ratings={name: Rating(1.0, 9.0) for name in _RATINGS},
    )

    @classmethod
    def files_in(cls, folder: Path) -> list[Path]:
        """`s01.dat` and so on, by number; a folder with both kinds is read as the Python one. Also one folder down."""
        for place in (folder, *(folder / name for name in _UNPACKED)):
            if place.is_dir() and (files := cls._files_of(place)):
                return files
        return []

    @classmethod
    def _files_of(cls, folder: Path) -> list[Path]:
        found = {}
        for file in sorted(folder.iterdir()):
            named = _NAME.fullmatch(file.name)
            if named is None:
                continue
            # DASPS calls its raw files S01.mat too, and writes them in the newer format.
            if named[2].lower() == "dat" or (named[1] not in found and not is_version_7_3(file)):
                found[named[1]] = file
        return [found[number] for number in sorted(found)]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The authors' filter and their removal of eye movements are not to be seen in the samples alone."""
        return (
            *super().findings,
            Finding(
                "phantom-band",
                "warning",
                "DEAP's prepared files were band-passed from 4 to 45 Hz: its delta band holds what the filter left, no "
                "brain rhythm.",
                "Do not interpret delta; take it out of BANDS_HZ to train without it.",
            ),
        )

    def __len__(self) -> int:
        return _N_TRIALS * len(self.files)

    def trials(self) -> Iterator[RawTrial]:
        """40 a person; trial and stimulus are the video's number, as `Experiment_id` has it."""
        for file in self.units:
            yield from _trials_of(file)


def _trials_of(file: Path) -> Iterator[RawTrial]:
    data, ratings = _contents(file)
    first = round(_BASELINE_S * _RATE_HZ)
    for index in range(_N_TRIALS):
        eeg = data[index, : len(CHANNELS)]
        yield RawTrial(
            eeg[:, first:],
            _RATE_HZ,
            CHANNELS,
            subject=file.stem.lower(),
            trial=f"{index + 1:02d}",
            source=f"{file}, video {index + 1}",
            ratings=dict(zip(_RATINGS, ratings[index].tolist(), strict=True)),
            stimulus=f"video {index + 1:02d}",
            baseline_uv=eeg[:, :first],
        )


def _contents(file: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    content = (
        load_pickle(file)
        if file.suffix.lower() == ".dat"
        else read_matlab(file, ("data", "labels"), max_items=_MAX_ITEMS)
    )
    arrays = [content.get(name) if isinstance(content, dict) else None for name in ("data", "labels")]
    data, labels = arrays
    if (
        not isinstance(data, np.ndarray)
        or not isinstance(labels, np.ndarray)
        or data.dtype.kind not in "fiu"
        or labels.dtype.kind not in "fiu"
        or data.ndim != 3
        or data.shape[1] != 40
        or data.shape[2] <= _BASELINE_S * _RATE_HZ
        or labels.shape != (len(data), len(_RATINGS))
        or len(data) != _N_TRIALS
    ):
        received = [f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "nothing" for array in arrays]
        raise InputError(
            f"Expected `data` (40, 40, 8064) and `labels` (40, 4) in {file}, as DEAP's prepared files have them. "
            f"Received: {received[0]} and {received[1]}. Download the file again."
        )
    return data, labels
