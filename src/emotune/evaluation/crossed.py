"""The interval of a score where clips are held out: over people and clips, since everybody saw the same ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.evaluation.metrics import Metric
from emotune.evaluation.protocols import PROTOCOLS
from emotune.evaluation.significance import (
    CROSS_VALIDATED_VARIANCE,
    LEVEL,
    MIN_PEOPLE,
    Interval,
    PairedComparison,
    interval_over_people,
    per_person_scores,
)

__all__ = ["holds_out_clips", "interval_over_people_and_clips", "undefined_over_clips", "without_ends"]

_WHY = "the same clips were shown to everybody, so that people are not independent"


def interval_over_people_and_clips(
    metric: Metric,
    targets: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    groups: Mapping[str, NDArray[np.str_]],
    *,
    level: float = LEVEL,
    cross_validated: bool = False,
) -> Interval:
    """Interval of the mean over people of each person's score, for other people and other clips.

    A clip that is easy raises everybody's score, which an interval over people alone does not see: with 8 clips held
    out it covers the truth in 67 % in place of 95 %. The variance here is that over people, s²/n, and the jackknife's
    over clips, each left out in turn, together; what people and clips have in common is in both, so that it is rather
    too wide. Student's t with one degree of freedom less than the fewer of people and clips. Undefined below 6 of
    either.

    Args:
        metric: the score.
        targets: `(n,)`, the true classes.
        probabilities: `(n, n_classes)`.
        groups: `(n,)` names under `subject` and `stimulus`.
        level: how often it is to cover.
        cross_validated: as in `interval_over_people`.

    References:
        Owen (2007), The pigeonhole bootstrap: variances of means over crossed factors.
        Efron and Stein (1981), The jackknife estimate of variance.
    """
    from scipy.stats import t

    people = per_person_scores(metric, targets, probabilities, groups["subject"])
    over_people = interval_over_people(people, level=level)
    if over_people.low is None or over_people.high is None or over_people.mean is None:
        return over_people
    clips = np.unique(groups["stimulus"])
    n, m = over_people.n, len(clips)
    if m < MIN_PEOPLE:
        return replace(over_people, low=None, high=None, method=f"undefined below {MIN_PEOPLE} clips")
    left_out = np.array([_mean_without(metric, targets, probabilities, groups, clip) for clip in clips])
    if not np.isfinite(left_out).all():
        return replace(over_people, low=None, high=None, method="undefined: a single clip holds a class of everybody's")
    scores = np.array([score for score in people.values() if score is not None])
    variance = scores.var(ddof=1) / n + (m - 1) / m * float(((left_out - left_out.mean()) ** 2).sum())
    doubled = ""
    if cross_validated:
        variance, doubled = CROSS_VALIDATED_VARIANCE * variance, ", variance doubled: cross-validated"
    low, high = t.interval(level, min(n, m) - 1, loc=over_people.mean, scale=math.sqrt(variance))
    method = f"Student's t over {n} people and {m} clips{doubled}"
    return Interval(over_people.mean, float(low), float(high), n, level, method)


def undefined_over_clips(comparison: PairedComparison) -> PairedComparison:
    """A comparison of people without its interval and p-value, which do not know that everybody saw the same clips."""
    method = f"undefined: {_WHY}"
    return replace(comparison, interval=without_ends(comparison.interval), p_value=None, test=method)


def without_ends(interval: Interval) -> Interval:
    """The mean of an interval over people alone, which is none where everybody saw the same clips."""
    return replace(interval, low=None, high=None, method=f"undefined: {_WHY}")


def holds_out_clips(protocol: str) -> bool:
    """Whether a protocol of this name holds stimuli apart."""
    return protocol in PROTOCOLS and "stimulus" in PROTOCOLS[protocol].columns


def _mean_without(
    metric: Metric,
    targets: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    groups: Mapping[str, NDArray[np.str_]],
    clip: str,
) -> float:
    rows = groups["stimulus"] != clip
    people = per_person_scores(metric, targets[rows], probabilities[rows], groups["subject"][rows])
    scores = [score for score in people.values() if score is not None]
    return float(np.mean(scores)) if scores else math.nan
