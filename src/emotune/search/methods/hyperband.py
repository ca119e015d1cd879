"""Hyperband within a budget of trials."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["hyperband_factor", "one_iteration_after_another"]


def hyperband_factor(epochs: int, total: int) -> int:
    """The smallest reduction factor (from 3) with which one Hyperband iteration fits into `total` trials.

    Every trial that survives is trained `epochs` epochs, so the winner has a full-length score. A budget too
    small for halving gives a factor above `epochs`: each trial is then trained in full.
    """
    return next((factor for factor in range(3, epochs + 1) if _iteration(epochs, factor) <= total), epochs + 1)


def _iteration(epochs: int, factor: int) -> int:
    """Trials of one iteration of KerasTuner's Hyperband, whose every round of a bracket is a trial again."""
    n_brackets = 1
    while epochs / factor**n_brackets >= 1:
        n_brackets += 1
    end_size = math.ceil(1 + math.log(epochs, factor))
    return sum(
        math.ceil(end_size / (bracket + 1) * factor ** (bracket - round_number))
        for bracket in range(n_brackets)
        for round_number in range(bracket + 1)
    )


def one_iteration_after_another(base: type) -> type:
    """KerasTuner's Hyperband oracle, but no worker begins an iteration before the one before has decided.

    Where many workers ask, the last bracket is given out while its earlier rounds are trained, and KerasTuner's
    own would spend what is left of the budget on short trials of a next iteration, not on those to be promoted.
    """

    class OneAfterAnother(base):  # type: ignore[misc]
        def populate_space(self, trial_id: str) -> Any:
            # KerasTuner's own word for "this iteration is the last one": IDLE until its trials have ended.
            self.hyperband_iterations = self._current_iteration + 1
            try:
                response = super().populate_space(trial_id)
            finally:
                self.hyperband_iterations = math.inf
            if response["status"] == "RUNNING" or (self.ongoing_trials and self._brackets):
                return response
            return super().populate_space(trial_id)

    return OneAfterAnother
