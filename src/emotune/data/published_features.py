"""What every folder of ready-made features is to emotune: clips whose windows become the rows of a `Dataset`.

They are rows like those of any table of vectors: how they were computed is not known exactly, so no recording can be
turned into the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.data.rows import dataset_of_rows
from emotune.errors import InputError
from emotune.features.layout import Layout
from emotune.findings import Finding

__all__ = ["Clip", "FeatureFolder"]


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """What somebody watched in one piece.

    Attributes:
        values: `(n, n_features)`, a row a window, one after the other.
        emotion: index into the set's emotions.
        subject: who.
        session: which sitting.
        clip: which of the sitting's clips, from 1.
        stimulus: the clip, the same name for all people.
    """

    values: NDArray[np.float32]
    emotion: int
    subject: str
    session: str
    clip: int
    stimulus: str


class FeatureFolder(ABC):
    """A folder of ready-made features.

    Attributes:
        kind: how it is written on the command line, before the colon.
        title: what it is called.
        folder: what the folder must look like.
        access: where to ask for it.
        emotions: its classes, in the order of its coding.
        layout: what the columns are.
        smoothed: what was done to neighbouring windows, the beginning of a sentence.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    folder: ClassVar[str]
    access: ClassVar[str]
    emotions: ClassVar[tuple[str, ...]]
    layout: ClassVar[Layout]
    smoothed: ClassVar[str]

    @abstractmethod
    def files_in(self, folder: Path) -> list[Path]:
        """The files of features in a folder, in the order of reading; none where it is not this set."""

    @abstractmethod
    def why_not_these(self, folder: Path) -> str:
        """Why what is in a folder is something else, in a few words; empty where nothing is known of it."""

    @abstractmethod
    def clips(self, folder: Path) -> Iterator[Clip]:
        """Every clip of every sitting, by person and session, one file in memory at a time."""

    def findings(self, folder: Path) -> tuple[Finding, ...]:
        """What else is to be said of a folder."""
        return ()

    def provenance(self, folder: Path) -> Mapping[str, Any]:
        """What else is known of how its rows were made, as JSON values."""
        return {}

    def why_not(self, folder: Path) -> str:
        """Why a folder does not hold these features, in a few words; empty where it does."""
        if not folder.exists():
            return "no such folder"
        if not folder.is_dir():
            return "a file"
        if self.files_in(folder):
            return ""
        return self.why_not_these(folder) or "none of these files"

    def read(self, folder: Path | str) -> Dataset:
        """The rows of every file: `(n, n_features)`, with person, session, clip (the trial) and stimulus.

        Raises:
            InputError: if the folder does not hold these features, or a file is damaged.
        """
        folder = Path(folder)
        reason = self.why_not(folder)
        if reason:
            raise InputError(
                f"Expected the features of {self.title} in {folder}: {self.folder}. Received: {reason}. "
                f"Point at that folder; the set itself is to be asked for at {self.access}."
            )
        clips = list(self.clips(folder))
        lengths = [len(clip.values) for clip in clips]
        groups = {
            "subject": [clip.subject for clip in clips],
            "session": [clip.session for clip in clips],
            "trial": [f"{clip.clip:02d}" for clip in clips],
            "stimulus": [clip.stimulus for clip in clips],
        }
        smoothed = Finding(
            "smoothed-features",
            "warning",
            f"{self.smoothed}: rows beside each other are near-duplicates, and a row has seen what comes after it.",
            "Split by person, never rows at random; do not expect these scores of a live recording.",
        )
        return dataset_of_rows(
            np.concatenate([clip.values for clip in clips]),
            np.repeat(np.array([clip.emotion for clip in clips], dtype=np.int64), lengths),
            self.emotions,
            {name: np.repeat(np.array(column, dtype=np.str_), lengths) for name, column in groups.items()},
            self.layout.feature_names,
            name=f"{self.kind}:{folder}",
            layout=self.layout,
            findings=(smoothed, *self.findings(folder)),
            provenance={"source": "features", "set": self.kind, **self.provenance(folder)},
        )
