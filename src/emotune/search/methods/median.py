"""The median rule for every method: a trial that is worse than half of the others were at its age ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotune.search.rungs import reported, rungs
from emotune.search.trials import Trial

if TYPE_CHECKING:
    import optuna

__all__ = ["PRUNER_STARTUP_TRIALS", "MedianOfOthers", "median_pruner"]

# Complete trials before the median is trusted to prune.
PRUNER_STARTUP_TRIALS = 10


def median_pruner() -> optuna.pruners.BasePruner:
    """Optuna's median pruner, as every method uses it."""
    import optuna

    return optuna.pruners.MedianPruner(n_startup_trials=PRUNER_STARTUP_TRIALS)


class MedianOfOthers:
    """Optuna's median pruner over trials that live outside Optuna.

    Args:
        maximise: whether a higher score is better.
    """

    def __init__(self, maximise: bool) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._optuna = optuna
        self._study = optuna.create_study(
            direction="maximize" if maximise else "minimize",
            pruner=median_pruner(),
        )
        self._reports: dict[int, dict[int, float]] = {}

    def is_worse(self, number: int, epoch: int, score: float) -> bool:
        """Whether an open trial should end with this score after `epoch` (from 0)."""
        # A trial that is trained once more begins anew.
        reports = {earlier: value for earlier, value in self._reports.get(number, {}).items() if earlier < epoch}
        reports[epoch] = score
        self._reports[number] = reports
        running = self._optuna.trial.TrialState.RUNNING
        trial = self._optuna.trial.create_trial(state=running, intermediate_values=dict(reports))
        return bool(self._study.pruner.prune(self._study, trial))

    def learn(self, trial: Trial) -> None:
        """Take an ended trial into the median, if it is complete."""
        self._reports.pop(trial.number, None)
        if trial.state != "complete" or trial.score is None:
            return
        values = {epoch: reported(trial.scores, epoch) for epoch in rungs(len(trial.scores))}
        self._study.add_trial(self._optuna.trial.create_trial(value=trial.score, intermediate_values=values))
