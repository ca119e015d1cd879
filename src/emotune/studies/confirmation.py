"""Is tuned better than not tuned? The best trials and the default, trained again on folds of the development people.

A search takes the highest of many scores on a few validation people, and the highest is partly luck. Here each
candidate is scored on people whom the search has not chosen by: those that it trained on, held out fold by fold,
the same folds for all, with seeds that no trial had. The validation people would repeat the luck that the winner was
chosen for, so they only train. A search on inner folds has chosen by every development person: then all of them are
held out, on folds of their own, and the confirmation says that this hides a part of the luck. What is held out
follows the split's protocol: people, or trials, stimuli, sessions. Test rows have no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.data.normalising import labelled
from emotune.errors import InputError
from emotune.evaluation.folds import Fold, protocol_folds
from emotune.evaluation.metrics import Metric
from emotune.evaluation.protocols import protocol_of
from emotune.evaluation.significance import PairedComparison, nadeau_bengio, paired_comparison
from emotune.search.messages import Refit
from emotune.search.methods import seed_of
from emotune.search.space import Value
from emotune.search.trials import Trial, ranked
from emotune.studies.preparation import Prepared

__all__ = ["Candidate", "Confirmation", "FoldPlan", "candidates_of", "drawings", "fold_orders", "judge", "n_fits"]

N_CANDIDATES = 3

# From as many trials on the folds are drawn three times: a shorter search would be outlasted by its confirmation.
FULL_FROM_TRIALS = 20


def drawings(n_trials: int) -> tuple[int, int]:
    """How often the folds are drawn, and how many: 3 × 5, or 1 × 6 after a short search, which more would outlast.

    Six is the fewest from which an interval can be given.
    """
    return (3, 5) if n_trials >= FULL_FROM_TRIALS else (1, 6)


def n_fits(n_trials: int, n_starts: int = 1) -> int:
    """The most fits that the confirmation of a search of `n_trials`, `n_starts` of them given, takes."""
    repeats, folds = drawings(n_trials)
    return min(N_CANDIDATES + n_starts, n_trials) * repeats * folds


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration and its scores on the folds.

    Attributes:
        trial: the trial that it comes from; 0 is the default configuration.
        hyperparameters: those that its model used.
        search_score: on the validation part or the inner folds, as the search saw it; None where it trained fewer
            epochs than others.
        scores: one a fold, the same folds for all candidates; None where training failed.
        seconds: of training, mean over the folds.
    """

    trial: int
    hyperparameters: Mapping[str, Value]
    search_score: float | None
    scores: tuple[float | None, ...] = ()
    seconds: float = 0.0

    @property
    def mean(self) -> float | None:
        """Mean over the folds; None if training failed on one."""
        values = [score for score in self.scores if score is not None]
        return float(np.mean(values)) if values and len(values) == len(self.scores) else None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the folds say.

    Attributes:
        chosen: the candidate with the best mean; the default where nothing is better.
        candidates: all of them, the chosen one among them.
        comparison: chosen minus default; None where the default is chosen or was not measured.
        challenger: the best other candidate minus default, where the default is chosen; else None.
        n_folds: folds of one drawing.
        n_repeats: drawings.
        maximise: whether a higher score is better.
        metric: name of the scores, with what is to be said of them.
        held_out: what a fold holds out: `people`, `stimuli`; `trials` where they are all of one person.
        chosen_by: whether the search has chosen by them, on inner folds, so that its luck is partly in these scores.
    """

    chosen: Candidate
    candidates: tuple[Candidate, ...]
    comparison: PairedComparison | None
    n_folds: int
    n_repeats: int
    maximise: bool
    metric: str
    held_out: str = "people"
    chosen_by: bool = False
    challenger: PairedComparison | None = None

    @property
    def folds(self) -> str:
        """The folds in words: `6 folds`, `3 × 5 folds`."""
        return f"{self.n_folds} folds" if self.n_repeats == 1 else f"{self.n_repeats} × {self.n_folds} folds"

    @property
    def default(self) -> Candidate | None:
        """The default configuration, where it was measured."""
        return next((candidate for candidate in self.candidates if candidate.trial == 0), None)

    @property
    def search_best(self) -> Candidate | None:
        """The candidate that the search itself would have taken, by its search score alone; it may be the default."""
        scored = [candidate for candidate in self.candidates if candidate.search_score is not None]
        sign = 1.0 if self.maximise else -1.0
        # Where two are equal the default is no gain.
        return max(scored, key=lambda one: (sign * (one.search_score or 0.0), one.trial == 0), default=None)

    @property
    def search_gain(self) -> float | None:
        """How much better than the default the search's best was in the search; None where one has no score there."""
        best, default = self.search_best, self.default
        return None if best is None or default is None else self._gain(best.search_score, default.search_score)

    @property
    def confirmed_gain(self) -> float | None:
        """How much better it is on the folds, which had no say in which one it is."""
        best, default = self.search_best, self.default
        return None if best is None or default is None else self._gain(best.mean, default.mean)

    def _gain(self, best: float | None, default: float | None) -> float | None:
        if best is None or default is None:
            return None
        return best - default if self.maximise else default - best

    @property
    def over_tuning(self) -> float | None:
        """How much of the search's gain over the default the folds do not confirm; above 0 it was luck."""
        found, confirmed = self.search_gain, self.confirmed_gain
        return None if found is None or confirmed is None else found - confirmed

    @property
    def over_tuning_sentence(self) -> str:
        """The over-tuning in words; empty where the search's best is the default, or was not measured."""
        best, luck = self.search_best, self.over_tuning
        if best is None or best.trial == 0 or luck is None:
            return ""
        gains = f"{self.search_gain:+.3f} over the default in the search and {self.confirmed_gain:+.3f} on the folds"
        said = f"The search's own best, trial {best.trial}, gained {gains}"
        return f"{said}: {luck:+.3f} of it was luck of the search." if luck > 0 else f"{said}, which confirm all of it."

    @property
    def sentence(self) -> str:
        """What this means, as ready to say that the default is as good as the opposite."""
        if not self.chosen_by:
            return self._verdict
        return f"{self._verdict} The search chose by these {self.held_out} too: some of its luck is still in this."

    @property
    def _verdict(self) -> str:
        default = self.default
        where = f"trained again on {self.folds}"
        if default is None or default.mean is None or self.chosen.mean is None:
            return f"The default configuration could not be compared, {where}."
        if self.chosen.trial == 0:
            return f"The default is as good: {where}, no candidate beats its {self.metric} of {default.mean:.3f}."
        said = (
            f"Trial {self.chosen.trial} has {self.metric} {self.chosen.mean:.3f} against {default.mean:.3f} of the "
            f"default, {where}"
        )
        interval = None if self.comparison is None else self.comparison.interval
        if interval is None or interval.low is None or interval.high is None:
            why = "" if interval is None else f": {interval.method}"
            return f"{said}; an interval cannot be given{why}."
        said += (
            f" (difference {interval.mean:+.3f}, {interval.level:.1%} interval {interval.low:+.3f} to "
            f"{interval.high:+.3f})"
        )
        if interval.low <= 0 <= interval.high:
            return f"{said}: better there, but the default may be as good."
        return f"{said}: better."

    def to_dict(self) -> dict[str, Any]:
        """The confirmation as plain JSON values.

        - `n_folds`, `n_repeats`, `held_out`: folds of a drawing, drawings, and what a fold holds out.
        - `search_chose_by_them`: whether the search has chosen by what is held out, as it has on inner folds.
        - `chosen`: number of the trial that is kept.
        - `candidates`: of each the `trial`, its `search_score`, the `mean`, `sd` and `scores` on the folds, and the
          `seconds` of a training, mean over the folds; None where training failed.
        - `chosen_minus_default`: `mean_difference`, `interval`, `p_value`, `effect_size` (Cohen's d_z), `n` and `test`
          of the paired comparison; None where the default is chosen.
        - `challenger_minus_default`: the same of the best other candidate, where the default is chosen.
        - `n_comparisons`: what the intervals are widened for; the p-value is that of one comparison.
        - `seconds`: of a training before (`default`) and after (`chosen`).
        - `search_best`: the trial that the search itself would have taken, which the folds had no say in.
        - `search_gain`, `confirmed_gain`, `over_tuning`: how much better than the default it was in the search, is on
          the folds, and the first minus the second; above 0 is better whatever the metric's direction.
        - `chosen_by_these_folds`: the choice is made on the folds' own scores, and their epochs are kept by the rows
          scored: the means compare candidates, and flatter all of them.
        - `sentence`: all this in words.
        """
        return {
            "n_folds": self.n_folds,
            "n_repeats": self.n_repeats,
            "held_out": self.held_out,
            "search_chose_by_them": self.chosen_by,
            "chosen": self.chosen.trial,
            "candidates": [
                {
                    "trial": candidate.trial,
                    "search_score": candidate.search_score,
                    "mean": candidate.mean,
                    "sd": _spread(candidate),
                    "scores": list(candidate.scores),
                    "seconds": candidate.seconds,
                }
                for candidate in self.candidates
            ],
            "chosen_minus_default": None if self.comparison is None else self.comparison.to_dict(),
            "challenger_minus_default": None if self.challenger is None else self.challenger.to_dict(),
            "n_comparisons": len(self.candidates) - 1,
            "seconds": {
                "default": None if self.default is None else self.default.seconds,
                "chosen": self.chosen.seconds,
            },
            "chosen_by_these_folds": True,
            "search_best": None if self.search_best is None else self.search_best.trial,
            "search_gain": self.search_gain,
            "confirmed_gain": self.confirmed_gain,
            "over_tuning": self.over_tuning,
            "sentence": self.sentence,
        }


def _spread(candidate: Candidate) -> float | None:
    values = [score for score in candidate.scores if score is not None]
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def candidates_of(trials: Sequence[Trial], *, maximise: bool, n_starts: int = 1) -> list[Candidate]:
    """The three best trials, and those that were given if they are not among them.

    A few validation people rank a simple network that is known to be good by luck, as any other: it is judged on
    the folds in any case.

    Args:
        trials: of the search.
        maximise: whether a higher score is better.
        n_starts: how many of the first trials were given; the default configuration is number 0.
    """
    starts: list[Trial] = []
    for trial in trials:
        # One that differs from the default in nothing that the model asked for is the default.
        if trial.number < n_starts and trial.hyperparameters and not _is_among(trial, starts):
            starts.append(trial)
    # Hyperband trains one configuration as several trials: it is one candidate.
    known = [*starts]
    best: list[Trial] = []
    for trial in ranked(trials, maximise=maximise):
        if len(best) == N_CANDIDATES:
            break
        if trial in starts or not _is_among(trial, known):
            best.append(trial)
            known.append(trial)
    chosen = {trial.number: trial for trial in [*best, *starts]}
    return [
        Candidate(trial.number, dict(trial.hyperparameters), trial.score if trial.full_length else None)
        for trial in chosen.values()
    ]


def _is_among(trial: Trial, others: Sequence[Trial]) -> bool:
    return any(dict(trial.hyperparameters) == dict(other.hyperparameters) for other in others)


@dataclass(frozen=True, slots=True, eq=False)
class FoldPlan:
    """What is trained to confirm a winner.

    Attributes:
        orders: one for each candidate on each fold, candidate by candidate, drawing by drawing.
        n_folds: folds that a drawing really has: no more than there are people, or what else is held out, and no
            more than can all be trained and scored.
        repeats: drawings.
        held_out: what a fold holds out, in words: `people`, `trials`, `people and stimuli`.
        left_out: the one person that each fold of all drawings holds out; empty where folds hold more, or others.
        chosen_by: whether the search has chosen by what is held out.
    """

    orders: list[Refit]
    n_folds: int
    repeats: int
    held_out: str
    left_out: tuple[str, ...] = ()
    chosen_by: bool = False


def fold_orders(
    candidates: Sequence[Candidate], prepared: Prepared, *, repeats: int, folds: int, seed: int, all_chosen_by: bool
) -> FoldPlan:
    """An order for each candidate on each fold, by what the split's protocol holds apart.

    Args:
        candidates: what to train.
        prepared: data and parts.
        repeats: drawings.
        folds: of each drawing.
        seed: of the search; the seeds made of it here are no trial's.
        all_chosen_by: whether the search has chosen by all development rows (inner folds). Where it has not, the
            training rows alone are held out, and the validation rows are in every training part.

    Raises:
        InputError: if the rows have no groups to fold by, or no folds that can be trained and scored.
    """
    split, dataset = prepared.split, prepared.dataset
    rows = np.concatenate((split.train, split.validation)) if all_chosen_by else split.train
    columns = protocol_of(split).columns
    drawn, held_out = _drawn(
        dataset, rows, columns, folds, [seed_of(seed, "folds", repeat) for repeat in range(repeats)]
    )
    # Workers count the training rows first and then the validation rows.
    always = np.arange(len(rows), len(split.train) + len(split.validation), dtype=np.int64)
    parts = [(np.concatenate((train, always)), held) for drawing in drawn for train, held in drawing]
    orders = [
        Refit(
            number=index,
            hyperparameters=candidate.hyperparameters,
            train=train,
            validation=validation,
            seed=seed_of(seed, "confirmation", index),
        )
        for candidate in candidates
        for index, (train, validation) in enumerate(parts)
    ]
    left_out: tuple[str, ...] = ()
    if held_out == "people":
        people = [np.unique(dataset.groups["subject"][rows[held]]) for _, held in parts]
        left_out = tuple(str(names[0]) for names in people) if all(len(names) == 1 for names in people) else ()
    return FoldPlan(orders, len(drawn[0]), repeats, held_out, left_out, all_chosen_by)


def _drawn(
    dataset: Dataset, rows: NDArray[np.int64], columns: Sequence[str], folds: int, seeds: Sequence[int]
) -> tuple[list[list[Fold]], str]:
    """As many folds as there may be up to `folds`, once for each seed: where people show one class, one is too few."""
    refused = None
    for n_folds in range(folds, 1, -1):
        try:
            drawn = [protocol_folds(dataset, rows, columns, n_folds, seed) for seed in seeds]
        except InputError as error:
            refused = refused or error
        else:
            return [drawing for drawing, _ in drawn], drawn[0][1]
    raise refused or InputError(f"`folds` must be at least 2. Received: {folds}. Take such as 5.")


def judge(
    candidates: Sequence[Candidate],
    results: Sequence[Trial],
    plan: FoldPlan,
    *,
    metric: Metric,
    score_label: str = "",
) -> Confirmation:
    """Put the results of a plan's orders beside their candidates, and choose.

    The default is kept unless another candidate's mean is better. Where every candidate failed on a fold, the
    first one, the search's own best, is kept. `score_label` is what is to be said beside the scores.
    """
    n = plan.n_folds * plan.repeats
    scored = []
    for index, candidate in enumerate(candidates):
        own = results[index * n : (index + 1) * n]
        scores, seconds = tuple(trial.score for trial in own), float(np.mean([trial.seconds for trial in own]))
        scored.append(replace(candidate, scores=scores, seconds=seconds))
    sign = 1.0 if metric.maximise else -1.0
    default_first = sorted(scored, key=lambda candidate: candidate.trial != 0)
    whole = [candidate for candidate in default_first if candidate.mean is not None]
    # Python's sort is stable: the default stays before those that are no better.
    best_first = sorted(whole, key=lambda candidate: -sign * (candidate.mean or 0.0))
    chosen = best_first[0] if best_first else scored[0]
    default = next((candidate for candidate in whole if candidate.trial == 0), None)
    other = next((candidate for candidate in best_first if candidate.trial != 0), None)
    comparison = None
    if default is not None and other is not None:
        # The best of several: the interval is widened for as many comparisons.
        comparison = _compared(other, default, plan, level=1 - 0.05 / (len(scored) - 1))
    return Confirmation(
        chosen,
        tuple(scored),
        comparison if chosen.trial != 0 else None,
        plan.n_folds,
        plan.repeats,
        metric.maximise,
        labelled(metric.name, score_label),
        plan.held_out,
        plan.chosen_by,
        comparison if chosen.trial == 0 else None,
    )


def _compared(first: Candidate, second: Candidate, plan: FoldPlan, *, level: float) -> PairedComparison:
    """First minus second by the test that fits the folds.

    Folds of several people are resampled splits of the same people, which share training rows: Nadeau and Bengio's.
    Where every fold leaves out one person, each drawing is the same folds with other seeds, and each person's scores
    are averaged: a comparison of people.
    """
    scores = [[score for score in candidate.scores if score is not None] for candidate in (first, second)]
    if not plan.left_out:
        differences = [a - b for a, b in zip(*scores, strict=True)]
        return nadeau_bengio(differences, 1 / plan.n_folds, level=level)
    by_person: list[dict[str, list[float]]] = [{}, {}]
    for people, own in zip(by_person, scores, strict=True):
        for name, score in zip(plan.left_out, own, strict=True):
            people.setdefault(name, []).append(score)
    means = [{name: float(np.mean(own)) for name, own in people.items()} for people in by_person]
    # Who is scored in one fold trains the models of the others.
    return paired_comparison(*means, level=level, cross_validated=True)
