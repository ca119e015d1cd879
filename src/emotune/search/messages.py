"""What the search and its workers say to each other over a pipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.search.space import Parameter, Value
from emotune.search.trials import Trial

__all__ = [
    "Answer",
    "Asked",
    "Ended",
    "Explore",
    "Explored",
    "Ready",
    "Refit",
    "Reported",
    "Train",
    "Unusable",
    "WorkerSetup",
]


@dataclass(frozen=True, slots=True, eq=False)
class WorkerSetup:
    """What a worker needs to know once.

    Attributes:
        data: folder of the development data.
        hypermodel: the study's copy of the user's file.
        hypermodel_fingerprint: of its content.
        modules: files of the user's own modules that it imports, with the fingerprint of each.
        problem: `Problem.to_dict()`.
        metric: name of the metric.
        epochs: the most that a trial trains.
        patience: epochs without a better score before a trial ends.
        log: where prints and tracebacks go.
        search_path: folders to import the user's own modules from, before all others.
        folds: inner folds, each (rows to train on, rows to score on), counted over the training rows and then the
            validation rows; empty for the one validation part.
        seeds_per_trial: how often a trial is trained on each validation part.
    """

    data: str
    hypermodel: str
    hypermodel_fingerprint: str
    modules: Mapping[str, str]
    problem: dict[str, Any]
    metric: str
    epochs: int
    patience: int
    log: str
    search_path: tuple[str, ...]
    folds: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...] = ()
    seeds_per_trial: int = 1


@dataclass(frozen=True, slots=True)
class Train:
    """Order: train one trial on every inner fold with every seed, asking for its hyperparameters once.

    Weights of several fits lie side by side: the files `save_to` and `load_from` name, and those numbered from them.
    """

    number: int
    seed: int
    first_epoch: int = 0
    last_epoch: int | None = None
    load_from: str | None = None
    save_to: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Refit:
    """Order: train known hyperparameters on other parts of the development rows.

    Attributes:
        number: of the order, not of a trial.
        hyperparameters: replayed strictly.
        train: row numbers, counted over the training rows and then the validation rows.
        validation: likewise, to score on.
        seed: of weights and batches.
    """

    number: int
    hyperparameters: Mapping[str, Value]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    seed: int


@dataclass(frozen=True, slots=True)
class Explore:
    """Order: build models without training them, to see the space."""

    seed: int


@dataclass(frozen=True, slots=True)
class Answer:
    """To a worker that asked: the value, or why there is none."""

    value: Value | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """From a worker: it has imported everything and mapped the data."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """From a worker: it can never get ready, because of what the user gave it."""

    error: str


@dataclass(frozen=True, slots=True)
class Asked:
    """From a worker: which value for this hyperparameter? An `Answer` must follow."""

    parameter: Parameter


@dataclass(frozen=True, slots=True)
class Reported:
    """From a worker: the steady score after an epoch. An `Answer` must follow; its value True prunes.

    Of several fits the epochs are counted on from fit to fit, each as long as the longest may be, and the score is
    the mean over the fits so far.
    """

    epoch: int
    score: float


@dataclass(frozen=True, slots=True)
class Explored:
    """From a worker: the space, in the order of asking; or why it cannot be built."""

    parameters: tuple[Parameter, ...]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """From a worker: the result of a `Train` or `Refit` order, and how much memory the worker has by now."""

    trial: Trial
    memory_bytes: int
