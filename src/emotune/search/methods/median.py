"""The median rule for every method: a trial that is worse than half of the others were at its age ends.

Where a trial is several fits, its age counts on over them, and its value is the mean over the fits so far.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from emotune.search.rungs import reports_of
from emotune.search.trials import Trial

if TYPE_CHECKING:
    import optuna

__all__ = ["PRUNER_STARTUP_TRIALS", "MedianOfOthers", "is_pruned", "median_pruner"]

# Complete trials before the median is trusted to prune.
PRUNER_STARTUP_TRIALS = 10


def median_pruner() -> optuna.pruners.BasePruner:
    """Optuna's median pruner, as every method uses it."""
    import optuna

    return optuna.pruners.MedianPruner(n_startup_trials=PRUNER_STARTUP_TRIALS)


def is_pruned(study: optuna.Study, trial: optuna.trial.FrozenTrial, epochs: int) -> bool:
    """Whether the study's pruner ends a trial, judged by its present fit.

    Optuna's pruner takes the best of all values that a trial has reported. An easy first fold's would hide
    whatever the later ones show, so the values of earlier fits, which the present ones' means hold, are left out.

    Args:
        study: with its pruner.
        trial: with its reports.
        epochs: the most that a fit trains.
    """
    present: Any = trial
    if trial.last_step is not None and trial.last_step >= epochs:
        begun = trial.last_step // epochs * epochs
        present = copy.copy(trial)
        present.intermediate_values = {
            step: value for step, value in trial.intermediate_values.items() if step >= begun
        }
    return bool(study.pruner.prune(study, present))


class MedianOfOthers:
    """Optuna's median pruner over trials that live outside Optuna.

    Args:
        maximise: whether a higher score is better.
        epochs: the most that a fit trains.
    """

    def __init__(self, maximise: bool, epochs: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._optuna, self._epochs = optuna, epochs
        self._study = optuna.create_study(
            direction="maximize" if maximise else "minimize",
            pruner=median_pruner(),
        )
        self._reports: dict[int, dict[int, float]] = {}

    def is_worse(self, number: int, epoch: int, score: float) -> bool:
        """Whether an open trial should end with this score after `epoch` (from 0, on over its fits)."""
        # A trial that is trained once more begins anew.
        reports = {earlier: value for earlier, value in self._reports.get(number, {}).items() if earlier < epoch}
        reports[epoch] = score
        self._reports[number] = reports
        running = self._optuna.trial.TrialState.RUNNING
        trial = self._optuna.trial.create_trial(state=running, intermediate_values=dict(reports))
        return is_pruned(self._study, trial, self._epochs)

    def learn(self, trial: Trial) -> None:
        """Take an ended trial into the median, if it is complete."""
        self._reports.pop(trial.number, None)
        if trial.state != "complete" or trial.score is None:
            return
        values = reports_of(*trial.reports, self._epochs)
        self._study.add_trial(self._optuna.trial.create_trial(value=trial.score, intermediate_values=values))
