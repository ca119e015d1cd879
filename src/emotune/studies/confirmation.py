"""Is tuned better than not tuned? The best trials and the default, trained again on folds of the development people.

A search takes the highest of many scores on a few validation people, and the highest is partly luck. Here each
candidate is scored on people whom the search has not chosen by: those that it trained on, held out fold by fold,
the same folds for all. Test people have no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotune.data.normalising import labelled
from emotune.evaluation.folds import development_folds, development_groups
from emotune.evaluation.metrics import Metric
from emotune.evaluation.significance import PairedComparison, nadeau_bengio
from emotune.search.messages import Refit
from emotune.search.methods import seed_of
from emotune.search.space import Value
from emotune.search.trials import Trial, ranked
from emotune.studies.preparation import Prepared

__all__ = ["Candidate", "Confirmation", "candidates_of", "drawings", "fold_orders", "judge", "n_fits"]

N_CANDIDATES = 3


def drawings(n_trials: int) -> tuple[int, int]:
    """How often the folds are drawn, and how many: 3 × 5, or 1 × 6 after a short search, which more would outlast.

    Six is the fewest from which an interval can be given.
    """
    return (3, 5) if n_trials >= 50 else (1, 6)


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
        search_score: on the validation part, as the search saw it; None where it trained fewer epochs than others.
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
        n_folds: folds of one drawing.
        n_repeats: drawings.
        maximise: whether a higher score is better.
        metric: name of the scores, with what is to be said of them.
        held_out: what a fold holds out: `people`, or `trials` where they are all of one person.
    """

    chosen: Candidate
    candidates: tuple[Candidate, ...]
    comparison: PairedComparison | None
    n_folds: int
    n_repeats: int
    maximise: bool
    metric: str
    held_out: str = "people"

    @property
    def folds(self) -> str:
        """The folds in words: `6 folds`, `3 × 5 folds`."""
        return f"{self.n_folds} folds" if self.n_repeats == 1 else f"{self.n_repeats} × {self.n_folds} folds"

    @property
    def default(self) -> Candidate | None:
        """The default configuration, where it was measured."""
        return next((candidate for candidate in self.candidates if candidate.trial == 0), None)

    @property
    def over_tuning(self) -> float | None:
        """How much of the search's gain over the default the folds do not confirm; above 0 it was luck."""
        default = self.default
        if default is None or default.trial == self.chosen.trial:
            return None
        scores = (self.chosen.search_score, default.search_score, self.chosen.mean, default.mean)
        if any(score is None for score in scores):
            return None
        found, found_default, confirmed, confirmed_default = (float(score or 0.0) for score in scores)
        gain = (found - found_default) - (confirmed - confirmed_default)
        return gain if self.maximise else -gain

    @property
    def sentence(self) -> str:
        """What this means, as ready to say that the default is as good as the opposite."""
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
            return f"{said}; too few folds for an interval."
        said += (
            f" (difference {interval.mean:+.3f}, {interval.level:.1%} interval {interval.low:+.3f} to "
            f"{interval.high:+.3f})"
        )
        if interval.low <= 0 <= interval.high:
            return f"{said}: better there, but the default may be as good."
        return f"{said}: better."

    def to_dict(self) -> dict[str, Any]:
        """The confirmation as plain JSON values."""
        return {
            "n_folds": self.n_folds,
            "n_repeats": self.n_repeats,
            "held_out": self.held_out,
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


def fold_orders(
    candidates: Sequence[Candidate], prepared: Prepared, *, repeats: int, folds: int, seed: int
) -> tuple[list[Refit], int, str]:
    """An order for each candidate on each fold, candidate by candidate.

    Returns:
        the orders, the folds that a drawing really has (no more than there are people, or trials of one person),
        and which of the two is held out: `people` or `trials`.

    Raises:
        InputError: if the training rows have no groups to fold by.
    """
    split = prepared.split
    groups, column = development_groups(prepared.dataset, split.train)
    targets, n_train = prepared.dataset.targets[split.train], len(split.train)
    drawn = [development_folds(groups, targets, folds, seed_of(seed, "folds", repeat)) for repeat in range(repeats)]
    # Workers count the training rows first and then the validation rows, which are in every training part.
    validation_rows = np.arange(n_train, n_train + len(split.validation), dtype=np.int64)
    parts = [(np.concatenate((train, validation_rows)), held) for drawing in drawn for train, held in drawing]
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
    return orders, len(drawn[0]), {"subject": "people", "trial": "trials"}[column]


def judge(
    candidates: Sequence[Candidate],
    results: Sequence[Trial],
    *,
    metric: Metric,
    n_folds: int,
    repeats: int,
    held_out: str = "people",
    score_label: str = "",
) -> Confirmation:
    """Put the results of `fold_orders` beside their candidates, and choose.

    The default is kept unless another candidate's mean is better. Where every candidate failed on a fold, the
    first one, the search's own best, is kept. `score_label` is what is to be said beside the scores.
    """
    n = n_folds * repeats
    scored = []
    for index, candidate in enumerate(candidates):
        own = results[index * n : (index + 1) * n]
        scored.append(
            Candidate(
                candidate.trial,
                candidate.hyperparameters,
                candidate.search_score,
                tuple(trial.score for trial in own),
                float(np.mean([trial.seconds for trial in own])),
            )
        )
    sign = 1.0 if metric.maximise else -1.0
    default_first = sorted(scored, key=lambda candidate: candidate.trial != 0)
    whole = [candidate for candidate in default_first if candidate.mean is not None]
    chosen = max(whole, key=lambda candidate: sign * (candidate.mean or 0.0)) if whole else scored[0]
    default = next((candidate for candidate in whole if candidate.trial == 0), None)
    comparison = None
    if default is not None and chosen.trial != 0:
        differences = [
            a - b for a, b in zip(chosen.scores, default.scores, strict=True) if a is not None and b is not None
        ]
        # The chosen one is the best of several: the interval is widened for as many comparisons.
        comparison = nadeau_bengio(differences, 1 / n_folds, level=1 - 0.05 / (len(scored) - 1))
    name = labelled(metric.name, score_label)
    return Confirmation(chosen, tuple(scored), comparison, n_folds, repeats, metric.maximise, name, held_out)
