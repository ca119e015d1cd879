"""Which epoch of a training is kept, and when to stop waiting for a better one. Plain arithmetic."""

from __future__ import annotations

__all__ = ["ScoreCurve"]

# Sums of the same scores in another order differ in the last bits: that is no better epoch.
_TIE = 1e-9


class ScoreCurve:
    """The scores of the epochs so far, judged by the mean of three around each one.

    The best single epoch of a noisy curve is a lucky one, and its score flatters; its neighbours take the luck out.
    The first and the last epoch have one neighbour. Between equal means the earlier epoch is kept.

    Args:
        maximise: whether a higher score is better.

    Attributes:
        scores: one score an epoch.
        best: the best epoch among those whose two neighbours are known (or that is the first); None before
            the second epoch. It will not change its mean any more.
    """

    def __init__(self, *, maximise: bool) -> None:
        self._sign = 1.0 if maximise else -1.0
        self.scores: list[float] = []
        self.best: int | None = None

    def add(self, score: float) -> None:
        """Note the score of the next epoch; it completes the mean of the epoch before."""
        self.scores.append(score)
        settled = len(self.scores) - 2
        if settled >= 0 and (self.best is None or self._is_better(settled, self.best)):
            self.best = settled

    def mean(self, epoch: int) -> float:
        """The mean score of `epoch` and its neighbours."""
        around = self.scores[max(0, epoch - 1) : epoch + 2]
        return sum(around) / len(around)

    @property
    def waited(self) -> int:
        """Epochs with settled means since the best one."""
        return 0 if self.best is None else len(self.scores) - 2 - self.best

    @property
    def kept(self) -> int:
        """The epoch to keep if training ended now; the last epoch takes part with the one neighbour it has."""
        last = len(self.scores) - 1
        return last if self.best is None or self._is_better(last, self.best) else self.best

    def _is_better(self, epoch: int, than: int) -> bool:
        return self._sign * (self.mean(epoch) - self.mean(than)) > _TIE
