"""The noun of this room: a `Trial`; and the one schema of `best_hyperparameters.json`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from emotune.errors import InputError
from emotune.files import read_json, write_json
from emotune.search.space import Value

__all__ = ["SCHEMA", "Best", "FitScore", "Trial", "TrialState", "best_of", "ranked", "read_best", "write_best"]

TrialState = Literal["complete", "pruned", "failed"]

# Raised when the meaning of a key changes; a reader refuses what is newer than itself.
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class FitScore:
    """One training of a trial that has several.

    Attributes:
        fold: which validation part, from 0.
        draw: which of the seeds, from 0.
        score: mean of the metric over the epochs around the one kept.
        kept_epoch: number of that epoch.
        n_epochs: epochs that it trained: its stretch of the trial's `scores`.
    """

    fold: int
    draw: int
    score: float
    kept_epoch: int
    n_epochs: int

    def to_dict(self) -> dict[str, Any]:
        """The training as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration, trained and scored: once, or on each inner fold and with each seed.

    Attributes:
        number: from 0, in the order of proposing; 0 is the space's default configuration.
        state: how it ended.
        hyperparameters: only those that the model used.
        score: mean of the metric over the epochs around the one kept, and over the fits; None where it failed.
        scores: the metric on the validation part after each epoch, of several fits one after another.
        kept_epoch: number of the epoch whose weights a retrain would keep; the median of several fits.
        n_parameters: weights of the network.
        seconds: from the order to train to the result.
        reason: why it ended as it did: `patience`, `epochs`, `pruned`, or why it failed.
        full_length: whether it was allowed every epoch; a shortened run never wins.
        fits: its trainings in the order they were made; empty where it is one alone.
    """

    number: int
    state: TrialState
    hyperparameters: Mapping[str, Value] = field(default_factory=dict)
    score: float | None = None
    scores: tuple[float, ...] = ()
    kept_epoch: int | None = None
    n_parameters: int | None = None
    seconds: float = 0.0
    reason: str = ""
    full_length: bool = True
    fits: tuple[FitScore, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The trial as plain JSON values."""
        return {
            "number": self.number,
            "state": self.state,
            "hyperparameters": dict(self.hyperparameters),
            "score": self.score,
            "scores": list(self.scores),
            "kept_epoch": self.kept_epoch,
            "n_parameters": self.n_parameters,
            "seconds": self.seconds,
            "reason": self.reason,
            "full_length": self.full_length,
            **({"fits": [fit.to_dict() for fit in self.fits]} if self.fits else {}),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Trial:
        """The trial that `to_dict` described."""
        fits = tuple(FitScore(**fit) for fit in content.get("fits", ()))
        return cls(**{**content, "scores": tuple(content["scores"]), "fits": fits})

    @property
    def reports(self) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]:
        """The scores of each fit, one an epoch, and the score of each fit."""
        if not self.fits:
            return (self.scores,), (self.score or 0.0,)
        ends = list(accumulate(fit.n_epochs for fit in self.fits))
        scores = tuple(self.scores[first:end] for first, end in zip([0, *ends[:-1]], ends, strict=True))
        return scores, tuple(fit.score for fit in self.fits)


def ranked(trials: Iterable[Trial], *, maximise: bool) -> list[Trial]:
    """The complete, full-length trials with a finite score, best first; of equal ones the smallest network first."""
    candidates = [
        trial
        for trial in trials
        if trial.state == "complete" and trial.full_length and trial.score is not None and math.isfinite(trial.score)
    ]
    sign = -1.0 if maximise else 1.0
    return sorted(candidates, key=lambda trial: (sign * (trial.score or 0.0), trial.n_parameters or 0, trial.number))


def best_of(trials: Iterable[Trial], *, maximise: bool) -> Trial | None:
    """The best complete, full-length trial with a finite score; None where there is none."""
    return next(iter(ranked(trials, maximise=maximise)), None)


@dataclass(frozen=True, slots=True)
class Best:
    """What `best_hyperparameters.json` holds."""

    hyperparameters: Mapping[str, Value]
    metadata: Mapping[str, Any]


def write_best(path: Path | str, best: Best) -> None:
    """Write the winner, whole or not at all."""
    write_json(
        path,
        {"hyperparameters": dict(best.hyperparameters), "metadata": {"schema": SCHEMA, **best.metadata}},
    )


def read_best(path: Path | str) -> Best:
    """Read the winner of a search.

    Raises:
        InputError: if the file is missing, damaged, of a newer schema, or holds values of another kind.
    """
    remedy = "Search again with run_hyperparameter_tuning.py."
    content: Any = read_json(path, remedy=remedy)
    found = content if isinstance(content, dict) else {}
    hyperparameters, metadata = found.get("hyperparameters"), found.get("metadata")
    if not isinstance(hyperparameters, dict) or not isinstance(metadata, dict):
        raise InputError(f"Expected the objects `hyperparameters` and `metadata` in {path}. {remedy}")
    schema = metadata.get("schema", SCHEMA)
    if not isinstance(schema, int) or schema > SCHEMA:
        raise InputError(f"{path} has schema {schema}, newer than {SCHEMA}, the newest known here. Update emotune.")
    wrong = [
        name
        for name, value in hyperparameters.items()
        if not isinstance(value, bool | int | float | str) or (isinstance(value, float) and not math.isfinite(value))
    ]
    if wrong:
        raise InputError(
            f"The hyperparameters in {path} must be texts, finite numbers or booleans. Received: "
            f"{', '.join(f'{name}={hyperparameters[name]!r}' for name in wrong)}. {remedy}"
        )
    return Best(hyperparameters, metadata)
