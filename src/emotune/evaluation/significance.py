"""How sure a score is: intervals over people, paired comparisons, and the test for resampled splits.

People, not windows, are what a study samples: windows of one person are alike, and an interval over windows
is far too narrow. Below 6 people every interval and p-value is undefined (None): too few people say too little
about their own spread, and an exact two-sided test of five pairs cannot go below p = 0.0625.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.evaluation.grouping import natural_order
from emotune.evaluation.metrics import Metric, defined

__all__ = [
    "CROSS_VALIDATED_VARIANCE",
    "MIN_PEOPLE",
    "Interval",
    "PairedComparison",
    "better_or_worse",
    "interval_over_people",
    "nadeau_bengio",
    "paired_comparison",
    "per_person_scores",
]

MIN_PEOPLE = 6  # the fewest pairs with which an exact two-sided test can reach p < 0.05: 2 / 2^6 = 0.031
LEVEL = 0.95
N_SIGN_FLIPS = 9_999  # every one of the 2^n up to 13 people, a random sample above

# How much more the mean of cross-validated scores varies than that of independent ones where labels are permuted: with
# scores sum_k y_i y_k K_ik over the other people k, each pair (i, k) is in two scores, and their covariances add up to
# the variances.
CROSS_VALIDATED_VARIANCE = 2.0

# Scores by person, or in the same order of people; None or NaN where a person's score is undefined.
Scores = Mapping[str, float | None] | Sequence[float | None] | NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and how far it may be off.

    Attributes:
        mean: mean of the `n` scores; None where there are none.
        low: lower end; None where it is undefined.
        high: upper end; None where it is undefined.
        n: number of scores, those that are undefined left out.
        level: how often such an interval covers the true mean.
        method: how it was made, or why it is undefined, in words.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    level: float
    method: str

    def __str__(self) -> str:
        if self.mean is None:
            return "undefined"
        if self.low is None or self.high is None:
            return f"{self.mean:.3f} ({self.method})"
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def to_dict(self) -> dict[str, Any]:
        """The interval as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Two models, measured on the same people or the same splits.

    Attributes:
        mean_difference: mean of first minus second; None where no pair is defined.
        interval: of the mean difference.
        p_value: two-sided; None where it is undefined.
        effect_size: Cohen's d_z, the mean difference in standard deviations of the differences; None where it
            is undefined.
        n: number of pairs.
        test: name of the test, or why there is none.
    """

    mean_difference: float | None
    interval: Interval
    p_value: float | None
    effect_size: float | None
    n: int
    test: str

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain JSON values."""
        return asdict(self)


def better_or_worse(gain: float) -> str:
    """What a difference is called, above 0 being better; one that three decimals do not show is none."""
    if abs(gain) < 0.0005:
        return "no better and no worse"
    return "better" if gain > 0 else "worse"


def per_person_scores(
    metric: Metric,
    targets: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    subjects: NDArray[np.str_],
) -> dict[str, float | None]:
    """The metric on each person's rows, by name in natural order; None where it is undefined for a person.

    Empty where people are not known (empty names).
    """
    return {
        name: defined(metric(targets[subjects == name], probabilities[subjects == name]))
        for name in natural_order(subjects)
        if name
    }


def interval_over_people(scores_per_person: Scores, *, level: float = LEVEL, cross_validated: bool = False) -> Interval:
    """Student's t interval of the mean over people.

    It holds for people drawn at random from those the model is meant for. A t interval, since a percentile
    bootstrap that claims 95 % covers 74 % with 3 people and 88 % with 8. Undefined below 6 people and where
    all scores are the same (their spread says nothing then); people without a score are left out.

    How often it covers the truth, measured on 20,000 simulated studies of 60 windows a person: 94 to 95 % from 6
    people on where scores spread evenly around 0.7; with a tail of people for whom the model works less well it is
    less, as for any interval of so few numbers: 90 % with 6 people, 93 % with 20 and 94 % with 36 where the mean is
    0.9, and 79, 87 and 90 % where most people have about 1.0 and a few are near 0.5. A mean near 1 is therefore less
    sure than its interval says.

    Cross-validated scores are not independent: who tests one model trains the others, so whatever two people have in
    common by chance raises (or lowers) the scores of both. Of a model that adds up its training rows every pair of
    people counts twice where there is nothing to find, which makes the mean's variance twice s²/n. An interval without
    it covers chance in 84 to 90 % of such runs, with it in 94 to 97 % (`make coverage`). Where a model is sure of what
    it has learnt the doubled one is too wide.

    Args:
        scores_per_person: by name, or in any order.
        level: how often it is to cover the mean of all people.
        cross_validated: whether the scores are of several models, each trained on people that others test.

    References:
        Nadeau and Bengio (2003), Inference for the generalization error: 1/J + n_test/n_train, which is twice 1/n for
        people left out one by one.
        Bengio and Grandvalet (2004), No unbiased estimator of the variance of K-fold cross-validation.
    """
    values = list(scores_per_person.values()) if isinstance(scores_per_person, Mapping) else scores_per_person
    scores = _as_array(values)
    scores = scores[np.isfinite(scores)]
    if not cross_validated:
        return _t_interval(scores, level, "people", variance_factor=None)
    factor = CROSS_VALIDATED_VARIANCE / max(len(scores), 1)
    return _t_interval(scores, level, "people", variance_factor=factor, corrected=", variance doubled: cross-validated")


def paired_comparison(a: Scores, b: Scores, *, level: float = LEVEL, cross_validated: bool = False) -> PairedComparison:
    """Compare two models on the same people: `a` minus `b`.

    The interval is Student's t on the differences. The p-value is that of the sign-flip permutation test of the
    mean difference: were the models equal, each person's two scores might as well be exchanged. Every
    exchange is tried up to 13 people, so it is exact; it asks for no distribution; and unlike Wilcoxon's
    signed ranks it keeps the sizes of the differences and needs no rule for ties and zeros, which are common
    where accuracies are counted on few windows.

    Differences of cross-validated scores are not independent either, though less so than the scores: over 300 runs of
    12 people left out one by one (logistic regression and an SVM) an interval as if they were covered the truth in 92
    to 94 %, and 6 to 9 % had p <= 0.05 where nothing was to be found; with the variance doubled it was 98 to 99 %.
    The doubled one is taken there, with a t-test that goes by it: rather too careful than not enough.

    Args:
        a: scores by person, or in any order.
        b: of the same people.
        level: of the interval.
        cross_validated: whether the scores are of several models, each trained on people that others test.

    Raises:
        InputError: if the two are not of the same people.
    """
    from scipy.stats import permutation_test

    differences = _differences(a, b)
    if cross_validated:
        return _cross_validated_comparison(differences, level)
    interval = _t_interval(differences, level, "people", variance_factor=None)
    n = len(differences)
    if n < MIN_PEOPLE:
        return _comparison(differences, interval, None, f"undefined below {MIN_PEOPLE} people")
    exact = 2**n <= N_SIGN_FLIPS
    flipped = permutation_test(
        (differences,),
        lambda sample, axis: sample.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=N_SIGN_FLIPS,
        rng=0,  # the same scores give the same p-value
    )
    name = f"sign-flip permutation ({'exact' if exact else f'{N_SIGN_FLIPS} random flips'})"
    return _comparison(differences, interval, float(flipped.pvalue), name)


def _cross_validated_comparison(differences: NDArray[np.float64], level: float) -> PairedComparison:
    from scipy.stats import t

    interval = interval_over_people(differences, level=level, cross_validated=True)
    n = len(differences)
    if interval.low is None:
        return _comparison(differences, interval, None, interval.method)
    error = math.sqrt(CROSS_VALIDATED_VARIANCE / n * differences.var(ddof=1))
    p_value = float(2.0 * t.sf(abs(differences.mean()) / error, n - 1))
    return _comparison(differences, interval, p_value, "paired t, variance doubled: cross-validated")


def nadeau_bengio(
    differences: Sequence[float] | NDArray[np.floating[Any]],
    test_fraction: float,
    *,
    train_fraction: float | None = None,
    level: float = LEVEL,
) -> PairedComparison:
    """Compare two models over random splits or repeated folds of the same data: the corrected resampled t-test.

    The splits share most of their training rows, so their differences rise and fall together and s²/J is far
    too small a variance of their mean; (1/J + n_test/n_train) s² is taken instead. It is for resampled splits,
    not for seeds on one split. Undefined below 6 splits.

    Args:
        differences: first minus second model, one a split, `(J,)`.
        test_fraction: share of the people (or rows) that each split measures on.
        train_fraction: share that it fits on; None for all the others.
        level: of the interval.

    Raises:
        InputError: if the fractions are no shares of a whole.

    References:
        Nadeau and Bengio (2003), Inference for the generalization error.
    """
    from scipy.stats import t

    train_fraction = 1.0 - test_fraction if train_fraction is None else train_fraction
    if not (test_fraction > 0 and train_fraction > 0 and test_fraction + train_fraction <= 1.0 + 1e-9):
        raise InputError(
            "`test_fraction` and `train_fraction` must be above 0 and sum to at most 1. "
            f"Received: {test_fraction} and {train_fraction}. Give the shares of a whole."
        )
    values = _as_array(differences)
    values = values[np.isfinite(values)]
    factor = 1.0 / max(len(values), 1) + test_fraction / train_fraction
    interval = _t_interval(values, level, "splits", variance_factor=factor)
    if interval.low is None:
        return _comparison(values, interval, None, interval.method)
    statistic = values.mean() / math.sqrt(factor * values.var(ddof=1))
    p_value = float(2.0 * t.sf(abs(statistic), len(values) - 1))
    return _comparison(values, interval, p_value, "Nadeau-Bengio corrected resampled t")


def _comparison(
    differences: NDArray[np.float64], interval: Interval, p_value: float | None, test: str
) -> PairedComparison:
    effect_size = None
    if len(differences) >= MIN_PEOPLE and not _all_equal(differences):
        effect_size = float(differences.mean() / differences.std(ddof=1))
    return PairedComparison(interval.mean, interval, p_value, effect_size, len(differences), test)


def _t_interval(
    scores: NDArray[np.float64],
    level: float,
    of: str,
    *,
    variance_factor: float | None,
    corrected: str = ", Nadeau-Bengio variance",
) -> Interval:
    """Student's t interval of the mean; the mean's variance is `variance_factor` s², and s²/n where None."""
    from scipy.stats import t

    n = len(scores)
    mean = float(scores.mean()) if n else None
    if n < MIN_PEOPLE:
        return Interval(mean, None, None, n, level, f"undefined below {MIN_PEOPLE} {of}")
    if _all_equal(scores):
        return Interval(mean, None, None, n, level, f"undefined: all {n} {of} are equal")
    error = scores.std(ddof=1) * math.sqrt(1.0 / n if variance_factor is None else variance_factor)
    low, high = t.interval(level, n - 1, loc=mean, scale=error)
    method = f"Student's t over {n} {of}" + ("" if variance_factor is None else corrected)
    return Interval(mean, float(low), float(high), n, level, method)


def _differences(a: Scores, b: Scores) -> NDArray[np.float64]:
    """First minus second, of the pairs where both are defined."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if set(a) != set(b):
            only = natural_order(set(a) ^ set(b))
            raise InputError(
                f"Expected scores of the same people to compare. Received: {', '.join(only)} in one of the two "
                "only. Measure both models on the same people."
            )
        first, second = _as_array(list(a.values())), _as_array([b[name] for name in a])
    elif isinstance(a, Mapping) or isinstance(b, Mapping):
        raise InputError(
            "Expected both scores by person, or both in order. Received: one of each. Name the people in both."
        )
    else:
        first, second = _as_array(a), _as_array(b)
    if len(first) != len(second):
        raise InputError(
            f"Expected scores of the same people to compare. Received: {len(first)} and {len(second)}. "
            "Measure both models on the same people."
        )
    differences = first - second
    return differences[np.isfinite(differences)]


def _all_equal(values: NDArray[np.float64]) -> bool:
    # 0.8 - 0.7 and 0.7 - 0.6 differ in the last bits: not a spread.
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))


def _as_array(values: Sequence[float | None] | NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
