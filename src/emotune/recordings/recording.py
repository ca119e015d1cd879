"""The nouns of the first room: a `Recording`, and a set of them that is read one at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.findings import Finding
from emotune.recordings.targets import Rating

__all__ = ["InParts", "Recording", "RecordingSet", "centred_uv", "refuse_foreign_labels"]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A stretch of EEG in which one thing was felt or done: a trial, a film clip, a condition.

    Attributes:
        samples_uv: microvolts, `(n_channels, n_times)`, float32, each channel centred in float64 before the cast.
        sampling_rate_hz: samples a second.
        channel_names: one name a row of `samples_uv`, as the file has them.
        subject: who was recorded.
        emotion: what it was felt or meant as, one of the set's `emotions`; empty where it is not known.
        ratings: what the person said of it, by the names of the set's `scales`; NaN for no answer.
        session: which sitting of the person; empty where there is one.
        trial: which stretch of the sitting, unique within (subject, session).
        stimulus: what was shown, the same name for every person who saw it; empty where not known.
        source: the file or generator that it came from, for messages.
        breaks_s: (start, stop) of stretches that are not to be used, in seconds from the first sample; where both
            are the same, a point where the recording was interrupted.
        baseline_uv: the rest before it, `(n_channels, n_times_baseline)` in the same channels and rate, centred alike;
            None where there is none.
    """

    samples_uv: NDArray[np.float32]
    sampling_rate_hz: float
    channel_names: tuple[str, ...]
    subject: str = ""
    emotion: str = ""
    ratings: Mapping[str, float] = field(default_factory=dict)
    session: str = ""
    trial: str = ""
    stimulus: str = ""
    source: str = ""
    breaks_s: tuple[tuple[float, float], ...] = ()
    baseline_uv: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        shape = self.samples_uv.shape
        if len(shape) != 2 or shape[0] != len(self.channel_names):
            raise InputError(
                f"`samples_uv` must be (n_channels, n_times) with one row for each of the "
                f"{len(self.channel_names)} channel names. Received: shape {shape} from {self.source or 'memory'}."
            )
        if self.baseline_uv is not None and self.baseline_uv.shape[:-1] != shape[:1]:
            raise InputError(
                f"`baseline_uv` must be (n_channels, n_times) with the {shape[0]} channels of `samples_uv`. "
                f"Received: shape {self.baseline_uv.shape} from {self.source or 'memory'}."
            )
        if not self.sampling_rate_hz > 0:
            raise InputError(
                f"`sampling_rate_hz` must be above 0. Received: {self.sampling_rate_hz} from {self.source or 'memory'}."
            )

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples_uv.shape[1] / self.sampling_rate_hz)

    @property
    def stretches(self) -> tuple[tuple[int, int], ...]:
        """First and last sample (not included) of each stretch without a break, from the first to the last."""
        n_times = self.samples_uv.shape[1]
        first, whole = 0, []
        # To a hundredth of a sample: files give markers in microseconds, and one on a sample must not miss it.
        for start, stop in sorted(
            tuple(np.round(np.multiply(pair, self.sampling_rate_hz), 2)) for pair in self.breaks_s
        ):
            last = min(n_times, math.ceil(start))
            if last > first:
                whole.append((first, last))
            first = max(first, math.ceil(stop))
        return (*whole, (first, n_times)) if first < n_times else tuple(whole)

    @property
    def place(self) -> str:
        """What to call it in a message: its source, else what is known of it."""
        known = {"subject": self.subject, "session": self.session, "trial": self.trial}
        named = ", ".join(f"{name} {value}" for name, value in known.items() if value)
        return self.source or named or "the recording"


class RecordingSet(Protocol):
    """Recordings that belong together, read lazily: iterating yields them one at a time.

    Attributes:
        name: what the user called it, such as `simulated` or `manifest:PATH`.
        emotions: its own classes (or states), in the order of its coding; empty where it has ratings alone, or nothing.
        scales: what people were asked, and on which scale.
    """

    name: str
    emotions: tuple[str, ...]
    scales: Mapping[str, Rating]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is known of the whole set, whatever its samples are."""
        ...

    def __len__(self) -> int:
        """Number of recordings, known without reading the samples."""
        ...

    def __iter__(self) -> Iterator[Recording]:
        """Read and yield the recordings in a fixed order."""
        ...

    def fingerprint(self) -> str:
        """Changes whenever a recording, an emotion, a rating or a group would; needs no decoding of samples."""
        ...


@runtime_checkable
class InParts(Protocol):
    """A set that several processes can read at once."""

    def parts(self) -> Sequence[Iterable[Recording]]:
        """The same recordings in the same order: lists of them, or sets that can be sent to another process."""
        ...


def centred_uv(samples: NDArray[Any], microvolts: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
    """Samples `(n_channels, n_times)` of any unit as `samples_uv`: each channel in microvolts, without its mean.

    A sample that is not finite stays so (the quality check counts them) and spoils no mean.

    Args:
        samples: of any number type.
        microvolts: `(n_channels,)`, what one unit of each channel is; None where they are microvolts already.
    """
    centred = np.empty(samples.shape, dtype=np.float32)
    # Channel by channel: an hour of 64 channels need not lie in memory three times.
    for row, values in enumerate(samples):
        channel = np.asarray(values, dtype=np.float64)
        # What float32 cannot hold becomes infinite, which the quality check says.
        with np.errstate(over="ignore", invalid="ignore"):
            if microvolts is not None:
                channel = channel * microvolts[row]
            mean = channel.mean() if channel.size else 0.0
            if not np.isfinite(mean):
                finite = channel[np.isfinite(channel)]
                mean = finite.mean() if finite.size else 0.0
            # A large offset would cost the precision of float32.
            centred[row] = channel - mean
    return centred


def refuse_foreign_labels(recording: Recording, recordings: RecordingSet) -> None:
    """Refuse an emotion or a rating that the set's coding does not have; one that is not known passes.

    Raises:
        InputError: if there is one.
    """
    if recording.emotion and recording.emotion not in recordings.emotions:
        raise InputError(
            f"Expected an emotion of {recording.place} among {', '.join(recordings.emotions)}. Received: "
            f"{recording.emotion}. Check the label file of the set."
        )
    for name, value in recording.ratings.items():
        scale = recordings.scales.get(name)
        if scale is None or not (math.isnan(value) or scale.low <= value <= scale.high):
            expected = f"from {scale.low:g} to {scale.high:g}" if scale else "that the set was asked for"
            raise InputError(
                f"Expected a rating of {name} {expected} in {recording.place}. Received: {value:g}. "
                "Check that it is the set's own file."
            )
