"""What every published data set is to emotune: a folder whose trials become recordings, one at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.files import fingerprint, fingerprint_of_file
from emotune.findings import Finding
from emotune.recordings.recording import Recording, centred_uv
from emotune.recordings.targets import Rating

__all__ = ["About", "PublishedSet", "RawTrial"]


@dataclass(frozen=True, slots=True)
class About:
    """What a user wants to know of a data set before having it.

    Attributes:
        kind: how it is written on the command line, before the colon.
        title: what it is called.
        folder: what the folder must look like.
        access: where to ask for it.
        licence: on what terms.
        n_people: how many it has in full.
        emotions: its own classes, in the order of its coding; empty where it has ratings alone.
        ratings: what people were asked, with the scale.
    """

    kind: str
    title: str
    folder: str
    access: str
    licence: str
    n_people: int
    emotions: tuple[str, ...] = ()
    ratings: Mapping[str, Rating] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class RawTrial:
    """One trial as the set's files have it.

    Attributes:
        samples_uv: `(n_channels, n_times)`, without what was recorded before and after the stimulus.
        sampling_rate_hz: samples a second.
        channel_names: one a row.
        subject: who.
        trial: which of the sitting's trials.
        source: file and place in it, for messages.
        emotion: one of the set's classes; empty where it has none.
        ratings: what the person said.
        session: which sitting.
        stimulus: the clip, the same name for all people.
        baseline_uv: the rest before the stimulus, `(n_channels, n_times)`; None where the set has none.
        breaks_s: stretches that are not to be used, as a `Recording` has them.
    """

    samples_uv: NDArray[Any]
    sampling_rate_hz: float
    channel_names: tuple[str, ...]
    subject: str
    trial: str
    source: str
    emotion: str = ""
    ratings: Mapping[str, float] = field(default_factory=dict)
    session: str = ""
    stimulus: str = ""
    baseline_uv: NDArray[Any] | None = None
    breaks_s: tuple[tuple[float, float], ...] = ()


class PublishedSet(ABC):
    """A published data set in a folder; satisfies `RecordingSet`. Nothing is decoded before it is reached.

    Args:
        folder: where it lies.

    Attributes:
        about: what it is.
        name: `kind:folder`.
        emotions: its own classes.
        scales: what people were asked.
        files: what is read, in the order of reading.
        units: the same, as `trials` goes through them: files, unless a set knows more of each.

    Raises:
        InputError: if the folder does not hold the set.
    """

    about: ClassVar[About]
    units: Sequence[Any]

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.name = f"{self.about.kind}:{folder}"
        self.emotions = self.about.emotions
        self.scales = self.about.ratings
        self.files = self.files_in(self.folder) if self.folder.is_dir() else []
        self.units = self.files
        if not self.files:
            raise InputError(
                f"Expected {self.about.title} in {folder}: {self.about.folder}. Received: "
                f"{self.why_not(self.folder)}. Point at that folder; the set itself is to be asked for at "
                f"{self.about.access}."
            )

    @classmethod
    @abstractmethod
    def files_in(cls, folder: Path) -> list[Path]:
        """The set's data files in a folder, in the order of reading; none where it is not this set."""

    @classmethod
    def why_not(cls, folder: Path) -> str:
        """Why a folder does not hold this set, in a few words; empty where `files_in` finds its files."""
        if not folder.exists():
            return "no such folder"
        if not folder.is_dir():
            return "a file"
        return "" if cls.files_in(folder) else "none of these files"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is known of this set, whatever its samples are."""
        return ()

    @abstractmethod
    def __len__(self) -> int:
        """Number of trials."""

    @abstractmethod
    def trials(self) -> Iterator[RawTrial]:
        """Every trial, one file in memory at a time."""

    def __iter__(self) -> Iterator[Recording]:
        # No loop of ours: its variable would hold the last trial, and so its file, while the next file is read.
        return map(_recording, self.trials())

    def parts(self) -> list[PublishedSet]:
        """The same recordings in the same order, a file each: sets that other processes can read."""
        return [self._of(unit) for unit in self.units]

    def _of(self, unit: Any) -> PublishedSet:
        part = copy(self)
        # What a part does not read need not travel with it.
        part.files, part.units = [], [unit]
        return part

    def fingerprint(self) -> str:
        """Of the bytes of every file, wherever the folder lies."""
        contents = [[file.relative_to(self.folder).as_posix(), fingerprint_of_file(file)] for file in self.files]
        return fingerprint({"kind": self.about.kind, "files": contents})


def _recording(trial: RawTrial) -> Recording:
    return Recording(
        centred_uv(trial.samples_uv),
        trial.sampling_rate_hz,
        trial.channel_names,
        subject=trial.subject,
        emotion=trial.emotion,
        ratings=trial.ratings,
        session=trial.session,
        trial=trial.trial,
        stimulus=trial.stimulus,
        source=trial.source,
        breaks_s=trial.breaks_s,
        baseline_uv=None if trial.baseline_uv is None else centred_uv(trial.baseline_uv),
    )
