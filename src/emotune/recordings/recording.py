"""The nouns of the first room: a `Recording`, and a set of them that is read one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.findings import Finding

__all__ = ["Recording", "RecordingSet", "centred_uv"]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A stretch of EEG with one label: a trial, a film clip, a condition.

    Attributes:
        samples_uv: microvolts, `(n_channels, n_times)`, float32, each channel centred in float64 before the cast.
        sampling_rate_hz: samples a second.
        channel_names: one name a row of `samples_uv`, as the file has them.
        subject: who was recorded.
        label: index into the set's `class_names`; None where it is not known (prediction).
        session: which sitting of the person; empty where there is one.
        trial: which stretch of the sitting, unique within (subject, session).
        stimulus: what was shown, the same name for every person who saw it; empty where not known.
        source: the file or generator that it came from, for messages.
        breaks_s: (start, stop) of stretches that are not to be used, in seconds from the first sample; where both
            are the same, a point where the recording was interrupted.
    """

    samples_uv: NDArray[np.float32]
    sampling_rate_hz: float
    channel_names: tuple[str, ...]
    subject: str = ""
    label: int | None = None
    session: str = ""
    trial: str = ""
    stimulus: str = ""
    source: str = ""
    breaks_s: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        shape = self.samples_uv.shape
        if len(shape) != 2 or shape[0] != len(self.channel_names):
            raise InputError(
                f"`samples_uv` must be (n_channels, n_times) with one row for each of the "
                f"{len(self.channel_names)} channel names. Received: shape {shape} from {self.source or 'memory'}."
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
    def place(self) -> str:
        """What to call it in a message: its source, else what is known of it."""
        known = {"subject": self.subject, "session": self.session, "trial": self.trial}
        named = ", ".join(f"{name} {value}" for name, value in known.items() if value)
        return self.source or named or "the recording"


class RecordingSet(Protocol):
    """Recordings that belong together, read lazily: iterating yields them one at a time.

    Attributes:
        name: what the user called it, such as `simulated` or `manifest:PATH`.
        class_names: the emotion (or state) of each label index.
    """

    name: str
    class_names: tuple[str, ...]

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
        """Changes whenever a recording, a label or a group would; needs no decoding of samples."""
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
        if microvolts is not None:
            channel = channel * microvolts[row]
        finite = channel[np.isfinite(channel)]
        # A large offset would cost the precision of float32.
        centred[row] = channel - (finite.mean() if finite.size else 0.0)
    return centred
