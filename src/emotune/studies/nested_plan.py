"""What a nested evaluation is asked for, how much that is, and who is told how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from emotune.evaluation.splits import Split
from emotune.search.loop import Observer
from emotune.studies.nested_folds import FoldResult
from emotune.studies.tuning import Tuning, TuningSettings

__all__ = ["NestedSettings", "Plan", "Watcher"]


@dataclass(frozen=True, slots=True)
class NestedSettings:
    """What the user asked for.

    Attributes:
        protocol: name of what is held apart.
        n_folds: outer folds; `loso` takes one a person.
        tuning: of the search in each fold; its `folder`, `study` and `fresh` are not used.
        folder: where evaluations lie (`models/nested`).
        confirm: whether each fold's winner is confirmed on inner folds before it is taken.
        n_seeds: how often each of the two networks of a fold is trained, with other seeds.
        allow_leakage: whether to go on where the audit finds a leak.
        fresh: put aside what is there of this evaluation.
        command: what was typed.
    """

    protocol: str
    n_folds: int
    tuning: TuningSettings
    folder: Path
    confirm: bool = True
    n_seeds: int = 1
    allow_leakage: bool = False
    fresh: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much there is to do.

    Attributes:
        n_folds: outer folds.
        n_done: those that have ended in an earlier run.
        n_trials: of each search.
        n_confirming: the most fits that confirm each winner.
        n_final: fits at each fold's end.
        seconds: a first guess of each fold's seconds.
    """

    n_folds: int
    n_done: int
    n_trials: int
    n_confirming: int
    n_final: int
    seconds: tuple[float, ...]


class Watcher(Protocol):
    """Who watches an evaluation: the progress display, a test."""

    def planned(self, plan: Plan) -> None:
        """Nothing has run yet."""
        ...

    def begun(self, split: Split) -> None:
        """A fold begins, or goes on."""
        ...

    def searching(self, tuning: Tuning) -> Observer:
        """Who watches the trials of the fold that has begun."""
        ...

    def refitted(self, done: int, total: int) -> None:
        """So many fits on inner folds are done."""
        ...

    def said(self, line: str) -> None:
        """Something that the user should know."""
        ...

    def ended(self, result: FoldResult, *, is_new: bool) -> None:
        """A fold has ended, now or in an earlier run."""
        ...
