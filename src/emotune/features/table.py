"""The vectors of a whole set of recordings, one row a window, with the emotion, the ratings and the groups of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.features.layout import Layout
from emotune.findings import Finding
from emotune.recordings.targets import Rating

__all__ = ["FeatureTable", "RecordingLabels"]


@dataclass(frozen=True, slots=True, eq=False)
class RecordingLabels:
    """Whose the recordings are and what was felt in them, one row a recording.

    Attributes:
        subject: who, `(n_recordings,)` strings.
        session: which sitting, `(n_recordings,)` strings.
        trial: which stretch of the sitting, `(n_recordings,)` strings, unique within (subject, session) only.
        stimulus: what was shown, `(n_recordings,)` strings.
        emotion: what it was felt or meant as, `(n_recordings,)` strings, empty where not known.
        ratings: what the person said, `(n_recordings,)` float64 by the names of the scales, NaN for no answer.
    """

    subject: NDArray[np.str_]
    session: NDArray[np.str_]
    trial: NDArray[np.str_]
    stimulus: NDArray[np.str_]
    emotion: NDArray[np.str_]
    ratings: Mapping[str, NDArray[np.float64]]

    def __post_init__(self) -> None:
        texts = (self.subject, self.session, self.trial, self.stimulus, self.emotion)
        shapes = [column.shape for column in (*texts, *self.ratings.values())]
        if any(shape != (len(self.subject),) for shape in shapes):
            raise InputError(f"Expected columns of one length, a row a recording. Received: {shapes}.")

    def __len__(self) -> int:
        return len(self.subject)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Windows as rows, recording after recording, each recording's windows in time.

    What belongs to a whole recording is kept once; `subject`, `emotion` and the like give it a row a window.

    Attributes:
        values: `(n, n_features)`, float32, finite; read-only where they come from the store.
        recording: which of the recordings, `(n,)`, counted from 0 in their order.
        starts_s: start of the window in its recording, `(n,)` seconds.
        numbers: of the window in its recording, `(n,)`; tells what is in a row, see `are_next`.
        window_s: length of every window in seconds.
        recordings: groups, emotions and ratings, a row a recording.
        layout: names the columns of `values`.
        emotions: the set's own classes.
        scales: the scale of each rating.
        findings: what the checks found, the same thing said once.
        interpolated: in how many recordings each interpolated channel was missing, by its name.
        fingerprint: changes with the recordings, the settings and the version of the features.
    """

    values: NDArray[np.float32]
    recording: NDArray[np.int64]
    starts_s: NDArray[np.float64]
    numbers: NDArray[np.int64]
    window_s: float
    recordings: RecordingLabels
    layout: Layout
    emotions: tuple[str, ...]
    scales: Mapping[str, Rating]
    findings: tuple[Finding, ...]
    interpolated: Mapping[str, int]
    fingerprint: str

    def __post_init__(self) -> None:
        n = len(self.values)
        columns = (self.recording, self.starts_s, self.numbers)
        if self.values.shape != (n, self.layout.n_features) or any(column.shape != (n,) for column in columns):
            raise InputError(
                f"`values` must be (n, {self.layout.n_features}) with n recordings, starts and numbers. "
                f"Received: {self.values.shape} and {[column.shape for column in columns]}."
            )
        if n and not 0 <= self.recording.min() <= self.recording.max() < self.n_recordings:
            raise InputError(
                f"`recording` must count {self.n_recordings} recordings from 0. "
                f"Received: {self.recording.min()} to {self.recording.max()}."
            )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_recordings(self) -> int:
        """Recordings that the rows come from."""
        return len(self.recordings)

    @property
    def stops_s(self) -> NDArray[np.float64]:
        """End of the window in its recording, `(n,)` seconds, to within half a sample."""
        return self.starts_s + self.window_s

    @property
    def subject(self) -> NDArray[np.str_]:
        """Who, `(n,)` strings."""
        return self.recordings.subject[self.recording]

    @property
    def session(self) -> NDArray[np.str_]:
        """Which sitting, `(n,)` strings."""
        return self.recordings.session[self.recording]

    @property
    def trial(self) -> NDArray[np.str_]:
        """Which stretch of the sitting, `(n,)` strings, unique within (subject, session) only."""
        return self.recordings.trial[self.recording]

    @property
    def stimulus(self) -> NDArray[np.str_]:
        """What was shown, `(n,)` strings."""
        return self.recordings.stimulus[self.recording]

    @property
    def emotion(self) -> NDArray[np.str_]:
        """What it was felt or meant as, `(n,)` strings, one of `emotions` or empty."""
        return self.recordings.emotion[self.recording]

    @property
    def ratings(self) -> dict[str, NDArray[np.float64]]:
        """What the person said, `(n,)` float64 by the names of `scales`, NaN for no answer."""
        return {name: of[self.recording] for name, of in self.recordings.ratings.items()}
