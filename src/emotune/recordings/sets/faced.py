"""FACED: film clips of nine emotions, seen by 123 people, as its authors prepared it (250 Hz, 32 electrodes).

References:
    Chen et al. (2023), A large finer-grained affective computing EEG dataset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.recordings.sets.published import About, PublishedSet, RawTrial
from emotune.recordings.unpickling import load_pickle

__all__ = ["Faced"]

_RATE_HZ = 250.0

# A2 and A1 are on the ears: they stay here, as the montage decides on what is no scalp.
_CHANNELS = (
    "FP1", "FP2", "FZ", "F3", "F4", "F7", "F8", "FC1", "FC2", "FC5", "FC6", "CZ", "C3", "C4", "T7", "T8",
    "CP1", "CP2", "CP5", "CP6", "PZ", "P3", "P4", "P7", "P8", "PO3", "PO4", "OZ", "O1", "O2", "A2", "A1",
)  # fmt: skip

# The files have no labels: a clip's number says what it was to evoke, in the same order for everyone.
_N_CLIPS_OF: Mapping[str, int] = {
    "anger": 3,
    "disgust": 3,
    "fear": 3,
    "sadness": 3,
    "neutral": 4,
    "amusement": 3,
    "inspiration": 3,
    "joy": 3,
    "tenderness": 3,
}
_EMOTION_OF_CLIP = tuple(emotion for emotion, n_clips in _N_CLIPS_OF.items() for _ in range(n_clips))
_NAME = re.compile(r"sub(\d{3})\.pkl", re.IGNORECASE)


class Faced(PublishedSet):
    """The 123 files of `Processed_data`, or some of them."""

    about = About(
        "faced",
        "FACED",
        "sub000.pkl to sub122.pkl (Processed_data)",
        "https://www.synapse.org/FACED",
        "with an account; see its page",
        123,
        emotions=tuple(_N_CLIPS_OF),
    )

    @classmethod
    def files_in(cls, folder: Path) -> list[Path]:
        """`sub000.pkl` and so on, by number; also one folder down, as it is unpacked."""
        for place in (folder, folder / "Processed_data"):
            files = sorted(file for file in place.iterdir() if _NAME.fullmatch(file.name)) if place.is_dir() else []
            if files:
                return files
        return []

    def __len__(self) -> int:
        return len(_EMOTION_OF_CLIP) * len(self.files)

    def trials(self) -> Iterator[RawTrial]:
        """28 a person; trial and stimulus are the clip's number."""
        for file in self.units:
            yield from _trials_of(file)


def _trials_of(file: Path) -> Iterator[RawTrial]:
    data = _contents(file)
    for index, emotion in enumerate(_EMOTION_OF_CLIP):
        yield RawTrial(
            data[index],
            _RATE_HZ,
            _CHANNELS,
            subject=file.stem.lower(),
            trial=f"{index + 1:02d}",
            source=f"{file}, clip {index + 1}",
            emotion=emotion,
            stimulus=f"clip {index + 1:02d}",
        )


def _contents(file: Path) -> NDArray[Any]:
    """`(n_clips, n_channels, n_times)` in microvolts."""
    data = load_pickle(file)
    expected = (len(_EMOTION_OF_CLIP), len(_CHANNELS))
    if (
        not isinstance(data, np.ndarray)
        or data.dtype.kind not in "fiu"
        or data.ndim != 3
        or data.shape[:2] != expected
        or not data.shape[2]
    ):
        received = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise InputError(
            f"Expected an array {(*expected, 7500)} in {file}, as FACED's processed files have it. "
            f"Received: {received}. Download the file again."
        )
    return data
