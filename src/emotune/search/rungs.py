"""When a trial reports, and what: every method's pruner sees the same few epochs and the same steady value."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["reported", "reports_of", "rungs", "running_mean"]

# A single epoch's score on a few hundred windows jumps; the mean of the last three hardly does.
WINDOW_EPOCHS = 3


def rungs(epochs: int) -> tuple[int, ...]:
    """Epochs (from 0) after which a trial reports: 2, 4, 6, 9, ... each about half as far again as the last.

    A report costs a write to the study's database, several times an epoch of a small network.
    """
    ends, end = [], WINDOW_EPOCHS
    while end <= epochs:
        ends.append(end - 1)
        end = max(end + 2, round(end * 1.4))
    return tuple(ends)


def reported(scores: Sequence[float], epoch: int) -> float:
    """The value that is reported after `epoch`: the mean of the last three scores up to it."""
    window = scores[max(0, epoch + 1 - WINDOW_EPOCHS) : epoch + 1]
    return sum(window) / len(window)


def running_mean(finished: Sequence[float], present: float) -> float:
    """The value of a trial of several fits: the mean over the scores of those that have ended and the present one's."""
    return sum((*finished, present)) / (len(finished) + 1)


def reports_of(scores: Sequence[Sequence[float]], ended: Sequence[float], epochs: int) -> dict[int, float]:
    """Everything that a trial has reported, by step: epoch e of its f-th fit (from 0) is step f * `epochs` + e.

    Args:
        scores: of each fit, one an epoch.
        ended: the score of each fit.
        epochs: the most that a fit trains.
    """
    return {
        fit * epochs + epoch: running_mean(ended[:fit], reported(own, epoch))
        for fit, own in enumerate(scores)
        for epoch in rungs(len(own))
    }
