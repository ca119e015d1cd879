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

__all__ = ["FeatureTable"]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Windows as rows, recording after recording, each recording's windows in time.

    Attributes:
        values: `(n, n_features)`, float32, finite.
        emotion: what it was felt or meant as, `(n,)` strings, one of `emotions` or empty.
        ratings: what the person said, `(n,)` float64 by the names of `scales`, NaN for no answer.
        subject: who, `(n,)` strings.
        session: which sitting, `(n,)` strings.
        trial: which stretch of the sitting, `(n,)` strings, unique within (subject, session) only.
        stimulus: what was shown, `(n,)` strings.
        recording: which of the recordings, `(n,)`, counted from 0 in their order.
        starts_s: start of the window in its recording, `(n,)` seconds.
        layout: names the columns of `values`.
        emotions: the set's own classes.
        scales: the scale of each rating.
        findings: what the checks found, the same thing said once.
        interpolated: in how many recordings each interpolated channel was missing, by its name.
        n_recordings: recordings that the rows come from.
        fingerprint: changes with the recordings, the settings and the version of the features.
    """

    values: NDArray[np.float32]
    emotion: NDArray[np.str_]
    ratings: Mapping[str, NDArray[np.float64]]
    subject: NDArray[np.str_]
    session: NDArray[np.str_]
    trial: NDArray[np.str_]
    stimulus: NDArray[np.str_]
    recording: NDArray[np.int64]
    starts_s: NDArray[np.float64]
    layout: Layout
    emotions: tuple[str, ...]
    scales: Mapping[str, Rating]
    findings: tuple[Finding, ...]
    interpolated: Mapping[str, int]
    n_recordings: int
    fingerprint: str

    def __post_init__(self) -> None:
        n = len(self.values)
        columns = (
            self.emotion,
            *self.ratings.values(),
            self.subject,
            self.session,
            self.trial,
            self.stimulus,
            self.recording,
            self.starts_s,
        )
        if self.values.shape != (n, self.layout.n_features) or any(column.shape != (n,) for column in columns):
            raise InputError(
                f"`values` must be (n, {self.layout.n_features}) with n emotions, ratings, groups and starts. "
                f"Received: {self.values.shape} and {[column.shape for column in columns]}."
            )

    def __len__(self) -> int:
        return len(self.values)
