"""How far a score is from chance: the same predictions under exchanged labels.

The predictions stay; the labels of whole trials change places within each person. Windows of one trial are alike and
share their label, so exchanging the labels of windows would make almost any score look far from chance.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.evaluation.metrics import METRICS, SMALLEST_PROBABILITY, Metric, defined
from emotune.evaluation.significance import CROSS_VALIDATED_VARIANCE
from emotune.threads import one_thread

__all__ = ["N_PERMUTATIONS", "ChanceTest", "chance_test"]

N_PERMUTATIONS = 9_999  # p = 0.05 is then known to within 0.004, and 0.0001 can be reached
N_SLOW_PERMUTATIONS = 999  # of a metric that is no sum over trials, and is computed anew each time

# Labels in memory at once, so that a thousand trials cost no more than ten.
_BLOCK = 2**22

# Two labellings whose scores are the same number are ties, though their sums end in other bits.
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class ChanceTest:
    """A score against those that the same predictions have where labels have changed places.

    Attributes:
        statistic: the score: mean over people of each person's, or of all rows where people are not known; None where
            it is undefined.
        p_value: share of the labellings that score at least as well, the true one among them; None where undefined.
        n_permutations: labellings that were tried; all there are, or random ones beside the true one.
        smallest_p: no p-value can be smaller than this one.
        mean: mean score of these labellings, what chance is here.
        unit: what carries a label: `trial` or `stimulus`; empty where nothing was tried.
        method: what was done in words, or why nothing was.
    """

    statistic: float | None
    p_value: float | None
    n_permutations: int
    smallest_p: float | None
    mean: float | None
    unit: str
    method: str

    def to_dict(self) -> dict[str, Any]:
        """The test as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """What is counted together: the rows of one person in one trial, or of one person with one clip.

    Attributes:
        unit_of: `(n_cells,)`, the unit whose label a cell carries.
        person_of: `(n_cells,)`, whose rows they are.
        cell_of: `(n,)`, the cell of each row.
    """

    unit_of: NDArray[np.int64]
    person_of: NDArray[np.int64]
    cell_of: NDArray[np.int64]


def chance_test(
    metric: Metric,
    targets: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    groups: Mapping[str, NDArray[np.str_]],
    *,
    clips_are_held_out: bool = False,
    cross_validated: bool = False,
    seed: int = 0,
    n_permutations: int = N_PERMUTATIONS,
) -> ChanceTest:
    """Permutation test of a score with its predictions fixed.

    Labels of trials are exchanged within each person. Where the protocol holds clips out, clips are exchanged instead,
    alike for all people, each with its label or, where people label it differently, with everybody's labels of it:
    everybody saw the same clips, so their trials are no independent
    draws. What is asked is whether predictions and labels belong together; a model that knows a person's commonest
    emotion gains nothing by it, since everybody keeps their own labels.

    Every distinct labelling is tried where there are at most `n_permutations`, and the test is exact; else as many
    random ones, and p = (1 + b) / (1 + n), as the true labelling is one of those that could have come. With few
    trials a person the smallest p-value is large however good the model is: `smallest_p` says how large.

    Predictions of a cross-validation are not independent of the labels that change places: those of the other folds
    trained the model. Where there is nothing to find its mean varies with twice the variance that fixed predictions
    show (see `interval_over_people`), and p would be at most 0.05 in 7 to 10 % of such runs. The permuted scores'
    distances from their mean are therefore widened by the square root of 2, which stands in for training anew under
    each labelling; p is then at most 0.05 in 1 to 3 % of such runs.

    Args:
        metric: the score.
        targets: `(n,)`, the true classes.
        probabilities: `(n, n_classes)`, the predictions.
        groups: `(n,)` names under `subject`, `trial` and `stimulus`; empty where they are not known.
        clips_are_held_out: whether the protocol holds out stimuli.
        cross_validated: whether the predictions are of several models, each trained on rows that others test.
        seed: of the random labellings.
        n_permutations: labellings to try.

    References:
        Ojala and Garriga (2010), Permutation tests for studying classifier performance.
        Good (2005), Permutation, parametric and bootstrap tests of hypotheses: exchangeable units.
        Phipson and Smyth (2010), Permutation p-values should never be zero.
    """
    people = np.zeros(len(targets), dtype=np.int64)
    if people_known := len(targets) > 0 and bool((groups["subject"] != "").all()):
        people = np.unique(groups["subject"], return_inverse=True)[1]
    undefined = ChanceTest(None, None, 0, None, None, "", "")
    statistic = defined(_mean_over_people(metric, targets, probabilities, people)) if len(targets) else None
    if statistic is None:
        return replace(undefined, method="undefined: the score is")
    undefined = replace(undefined, statistic=statistic)
    unit, strata = ("stimulus", np.zeros(len(targets), dtype=np.int64)) if clips_are_held_out else ("trial", people)
    crossed: NDArray[np.int64] | None = None
    names = groups[unit]
    if fault := _fault_of_units(names, targets, strata, unit):
        if unit == "trial" or (names == "").any():
            return replace(undefined, method=f"undefined: {fault}")
        # People say different things of a clip: it carries what everybody said of it.
        crossed, names = _crossed(people, names)
        if crossed is None or _fault_of_units(names, targets, people, unit):
            return replace(
                undefined, method="undefined: people did not all see the same clips, or label one in two ways"
            )
    of_unit, unit_of_row = np.unique(names, return_index=True, return_inverse=True)[1:]
    labels, strata = targets[of_unit], strata[of_unit]
    if crossed is None:
        n_labellings = math.prod(_n_arrangements(labels[strata == stratum]) for stratum in np.unique(strata))
    else:
        n_labellings = math.factorial(crossed.shape[1])
    words = "trial labels permuted within people" if people_known else "permuted trial labels, people not being known"
    if unit == "stimulus":
        words = (
            "clip labels permuted among clips" if crossed is None else "clips permuted with everybody's labels of them"
        )
    if n_labellings == 1:
        whose = "clips" if unit == "stimulus" else "trials of any person" if people_known else "trials"
        return replace(undefined, unit=unit, method=f"undefined: the {whose} have one class, so no labels can change")
    pairs, cell_of = np.unique(np.stack([people, unit_of_row], axis=1), axis=0, return_inverse=True)
    cells = _Cells(pairs[:, 1], pairs[:, 0], cell_of.reshape(-1))
    scorer = _scorer(metric, probabilities, cells)
    if not scorer.is_fast:
        n_permutations = min(n_permutations, N_SLOW_PERMUTATIONS)
    exact = n_labellings <= n_permutations

    def p_of(scorer: _Scorer) -> tuple[float, float, int]:
        if crossed is not None:
            blocks = _clips_exchanged(labels, crossed, None if exact else n_permutations, seed)
        elif exact:
            blocks = _every_labelling(labels, strata)
        else:
            blocks = _random_labellings(labels, strata, n_permutations, seed)
        with one_thread():
            scores = np.concatenate([scorer(block) for block in blocks])
            # By the same sums as the others, so that the true labelling ties with itself.
            own = scorer(labels[None, :])[0]
        known = scores[np.isfinite(scores)]
        mean = float(known.mean()) if len(known) else math.nan
        is_true = np.abs(scores - own) <= _TIE
        if cross_validated:
            scores = mean + math.sqrt(CROSS_VALIDATED_VARIANCE) * (scores - mean)
        gain = (scores - own) * (1.0 if metric.maximise else -1.0)
        # A labelling under which nobody has a score counts against the model.
        as_good = int((is_true | ~(gain < -_TIE)).sum())
        return as_good / len(scores) if exact else (1 + as_good) / (1 + len(scores)), mean, len(scores)

    p_value, mean, n_tried = p_of(scorer)
    smallest = 1.0 / n_labellings if exact else 1.0 / (1 + n_tried)
    if cross_validated:
        words += ", widened: cross-validated"
        if scorer.is_fast:
            # What answers that are all right would have: widened distances reach beyond the best score.
            smallest = p_of(_scorer(metric, np.eye(probabilities.shape[1])[targets], cells))[0]
    return ChanceTest(
        statistic=statistic,
        p_value=p_value,
        n_permutations=n_tried,
        smallest_p=min(smallest, p_value),
        mean=defined(mean),
        unit=unit,
        method=f"{words} ({f'all {n_tried:,}' if exact else f'{n_tried:,}'})",
    )


def _crossed(people: NDArray[np.int64], clips: NDArray[np.str_]) -> tuple[NDArray[np.int64] | None, NDArray[np.str_]]:
    """The units of people's viewings of clips, `(n_people, n_clips)`, and each row's unit as a name.

    None in place of the units where not everybody saw every clip.
    """
    clip = np.unique(clips, return_inverse=True)[1]
    n_people, n_clips = int(people.max()) + 1, int(clip.max()) + 1
    place = people * n_clips + clip
    width = len(str(n_people * n_clips))
    names = np.char.zfill(place.astype(np.str_), width)
    if len(np.unique(place)) != n_people * n_clips:
        return None, names
    return np.arange(n_people * n_clips).reshape(n_people, n_clips), names


def _clips_exchanged(
    labels: NDArray[np.int64], crossed: NDArray[np.int64], n: int | None, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Labels where clips have changed places, each with what everybody said of it, `(n, n_units)`, by blocks.

    All orders of the clips where `n` is None.
    """
    n_clips = crossed.shape[1]
    rng = np.random.default_rng(seed)
    total = math.factorial(n_clips) if n is None else n
    every = itertools.permutations(range(n_clips)) if n is None else None
    step = max(1, _BLOCK // len(labels))
    for begin in range(0, total, step):
        n_block = min(step, total - begin)
        if every is None:
            orders = rng.permuted(np.repeat(np.arange(n_clips)[None, :], n_block, axis=0), axis=1)
        else:
            orders = np.array(list(itertools.islice(every, n_block)), dtype=np.int64)
        block = np.empty((n_block, len(labels)), dtype=np.int64)
        for units in crossed:
            block[:, units] = labels[units][orders]
        yield block


def _fault_of_units(names: NDArray[np.str_], targets: NDArray[np.int64], strata: NDArray[np.int64], unit: str) -> str:
    """Why labels cannot be exchanged between these trials or clips; empty where they can."""
    if (names == "").any():
        known = "clips" if unit == "stimulus" else "trials"
        return f"{known} are not known, and windows must not be permuted one by one"
    codes = np.unique(names, return_inverse=True)[1]
    for values, fault in (
        (targets, "labels change within a trial, so that no trial can carry one"),
        (strata, "a trial is of several people"),
    ):
        first = np.zeros(codes.max() + 1, dtype=np.int64)
        first[codes] = values
        if (first[codes] != values).any():
            return fault
    return ""


def _n_arrangements(labels: NDArray[np.int64]) -> int:
    """In how many ways the labels can stand."""
    n, ways = 0, 1
    for count in np.bincount(labels).tolist():
        n += count
        ways *= math.comb(n, count)
    return ways


def _every_labelling(labels: NDArray[np.int64], strata: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """All distinct labellings, `(n, n_units)`, by blocks."""
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    ways = [np.array(list(_arrangements(labels[own]))) for own in members]
    counts = [len(way) for way in ways]
    total, step = math.prod(counts), max(1, _BLOCK // len(labels))
    for begin in range(0, total, step):
        chosen = np.unravel_index(np.arange(begin, min(begin + step, total)), counts)
        block = np.empty((len(chosen[0]), len(labels)), dtype=np.int64)
        for own, way, which in zip(members, ways, chosen, strict=True):
            block[:, own] = way[which]
        yield block


def _arrangements(labels: NDArray[np.int64]) -> Iterator[Sequence[int]]:
    """Each distinct order of the labels once, in lexicographic order.

    References:
        Knuth, The art of computer programming 4A, section 7.2.1.2, algorithm L.
    """
    row = np.sort(labels).tolist()
    while True:
        yield tuple(row)
        last = len(row) - 2
        while last >= 0 and row[last] >= row[last + 1]:
            last -= 1
        if last < 0:
            return
        larger = len(row) - 1
        while row[larger] <= row[last]:
            larger -= 1
        row[last], row[larger] = row[larger], row[last]
        row[last + 1 :] = reversed(row[last + 1 :])


def _random_labellings(
    labels: NDArray[np.int64], strata: NDArray[np.int64], n: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Labels in random order within each stratum, `(n, n_units)`, by blocks."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    step = max(1, _BLOCK // len(labels))
    for begin in range(0, n, step):
        block = np.repeat(labels[None, :], min(step, n - begin), axis=0)
        for own in members:
            block[:, own] = rng.permuted(block[:, own], axis=1)
        yield block


def _mean_over_people(
    metric: Metric, targets: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], people: NDArray[np.int64]
) -> float:
    """Mean of the scores that are defined; NaN where none is."""
    own = (people == person for person in np.unique(people))
    scores = np.array([metric(targets[rows], probabilities[rows]) for rows in own])
    known = scores[np.isfinite(scores)]
    return float(known.mean()) if len(known) else math.nan


# The scores of sums by class, `(n, n_classes, m)` -> `(n,)`.
_Sums = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class _Scorer:
    """Scores of many labellings at once.

    A labelling changes under which class a trial is counted, never what is counted in it. Each score is therefore a
    function of sums of each class over trials, which a matrix product gives for thousands of labellings.

    Attributes:
        metric: what is scored.
        probabilities: `(n, n_classes)`.
        cells: which rows share a label.
        counted: `(n_cells, m)`, what each cell adds to the sums of its class, its number of rows last; None for a
            metric that is no function of sums, and is computed anew for each labelling.
        score: that function.
    """

    metric: Metric
    probabilities: NDArray[np.floating[Any]]
    cells: _Cells
    counted: NDArray[np.float64] | None
    score: _Sums | None

    @property
    def is_fast(self) -> bool:
        """Whether the metric is a function of such sums."""
        return self.counted is not None

    def __call__(self, labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mean over people for each labelling of the units, `(n, n_units)` -> `(n,)`."""
        of_cells = labels[:, self.cells.unit_of]
        if self.counted is None or self.score is None:
            return np.array(
                [
                    _mean_over_people(
                        self.metric,
                        row[self.cells.cell_of],
                        self.probabilities,
                        self.cells.person_of[self.cells.cell_of],
                    )
                    for row in of_cells
                ]
            )
        total, n_defined = np.zeros(len(labels)), np.zeros(len(labels))
        for person in np.unique(self.cells.person_of):
            own = self.cells.person_of == person
            mine = of_cells[:, own]
            classes = range(self.probabilities.shape[1])
            sums = np.stack([(mine == label) @ self.counted[own] for label in classes], axis=1)
            # What a class does not hold is 0 / 0, and left out.
            with np.errstate(divide="ignore", invalid="ignore"):
                scores = self.score(sums)
            n_present = (sums[:, :, -1] > 0).sum(axis=1)
            is_defined = n_present >= self.metric.min_classes
            total[is_defined] += scores[is_defined]
            n_defined += is_defined
        with np.errstate(invalid="ignore"):
            return total / n_defined


def _scorer(metric: Metric, probabilities: NDArray[np.floating[Any]], cells: _Cells) -> _Scorer:
    """The scorer of a metric; the last column of what is counted is always the number of rows."""
    n_classes = probabilities.shape[1]
    score: _Sums
    if METRICS.get(metric.name) != metric:
        return _Scorer(metric, probabilities, cells, None, None)
    if metric.name == "log_loss":
        clipped = np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1.0)
        each, score = -np.log(clipped / clipped.sum(axis=1, keepdims=True)), _mean_of_own
    elif metric.name == "roc_auc":
        each, score = _ranks(probabilities, cells.person_of[cells.cell_of]), _area
    else:
        each, score = np.eye(n_classes)[probabilities.argmax(axis=1)], _OF_CONFUSION[metric.name]
    each = np.hstack([each, np.ones((len(each), 1))])
    counted = np.zeros((len(cells.unit_of), each.shape[1]))
    np.add.at(counted, cells.cell_of, each)
    return _Scorer(metric, probabilities, cells, counted, score)


def _ranks(probabilities: NDArray[np.floating[Any]], people: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each row among its person's rows, by each class's probability; ties share their mean rank."""
    from scipy.stats import rankdata

    ranks = np.empty(probabilities.shape)
    for person in np.unique(people):
        ranks[people == person] = rankdata(probabilities[people == person], axis=0)
    return ranks


def _own(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each class holds in the column of its own, `(n, n_classes, m)` -> `(n, n_classes)`."""
    return np.diagonal(sums[:, :, :-1], axis1=1, axis2=2)


def _mean_of_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    is_defined = np.isfinite(values)
    mean: NDArray[np.float64] = np.where(is_defined, values, 0.0).sum(axis=1) / is_defined.sum(axis=1)
    return mean


def _mean_of_own(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    # Accuracy: rows predicted as the class they are of; log loss: their losses.
    mean: NDArray[np.float64] = _own(sums).sum(axis=1) / sums[:, :, -1].sum(axis=1)
    return mean


def _mean_recall(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return _mean_of_defined(_own(sums) / sums[:, :, -1])


def _mean_f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    # Over the classes that labels or predictions hold.
    return _mean_of_defined(2.0 * _own(sums) / (sums[:, :, -1] + sums[:, :, :-1].sum(axis=1)))


def _kappa(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    n = sums[:, :, -1].sum(axis=1)
    expected = (sums[:, :, -1] * sums[:, :, :-1].sum(axis=1)).sum(axis=1) / n**2
    agreed = _mean_of_own(sums)
    kappa: NDArray[np.float64] = (agreed - expected) / (1.0 - expected)
    return kappa


def _area(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    # The area under the ROC curve is Mann and Whitney's U over the number of pairs, one class against the rest.
    n_class = sums[:, :, -1]
    n_rest = n_class.sum(axis=1, keepdims=True) - n_class
    above = _own(sums) - n_class * (n_class + 1.0) / 2.0
    return _mean_of_defined(above / (n_class * n_rest))


_OF_CONFUSION: Mapping[str, _Sums] = {
    "balanced_accuracy": _mean_recall,
    "accuracy": _mean_of_own,
    "macro_f1": _mean_f1,
    "cohen_kappa": _kappa,
}
