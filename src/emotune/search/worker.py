"""What runs inside a worker process: build, train, report. It owns no study and proposes nothing.

The module imports no TensorFlow at the top: a spawned process reads it before its environment is set.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from emotune.errors import TrainingFailed
from emotune.search.development import load_development_data
from emotune.search.hypermodel import HyperModel, build, load_hypermodel
from emotune.search.rungs import reported, rungs
from emotune.search.space import Exploration, HyperParameters, Parameter, Value
from emotune.search.trials import Trial

__all__ = [
    "Answer", "Asked", "Built", "Ended", "Explore", "Explored", "Ready", "Reported", "Train", "WorkerSetup", "work",
]  # fmt: skip

# Builds that show the space: the default, then random ones that prefer options not yet seen.
N_EXPLORING_BUILDS = 24


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker needs to know once.

    Attributes:
        data: folder of the development data.
        hypermodel: the study's copy of the user's file.
        hypermodel_fingerprint: of its content.
        problem: `Problem.to_dict()`.
        metric: name of the metric.
        epochs: the most that a trial trains.
        patience: epochs without a better score before a trial ends.
        log: where prints and tracebacks go.
        search_path: folders to import the user's own modules from.
    """

    data: str
    hypermodel: str
    hypermodel_fingerprint: str
    problem: dict[str, Any]
    metric: str
    epochs: int
    patience: int
    log: str
    search_path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Train:
    """Order: train one trial, asking for its hyperparameters."""

    number: int
    seed: int
    first_epoch: int = 0
    last_epoch: int | None = None
    load_from: str | None = None
    save_to: str | None = None


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
class Asked:
    """From a worker: which value for this hyperparameter? An `Answer` must follow."""

    parameter: Parameter


@dataclass(frozen=True, slots=True)
class Built:
    """From a worker: the model stands."""

    n_parameters: int


@dataclass(frozen=True, slots=True)
class Reported:
    """From a worker: the steady score after an epoch. An `Answer` must follow; its value True prunes."""

    epoch: int
    score: float


@dataclass(frozen=True, slots=True)
class Explored:
    """From a worker: the space, in the order of asking; or why it cannot be built."""

    parameters: tuple[Parameter, ...]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """From a worker: the trial's result, and how much memory the worker has by now."""

    trial: Trial
    memory_bytes: int


def work(connection: Connection, setup: WorkerSetup) -> None:
    """Serve orders until the other end says None or is gone."""
    _prepare_process(setup)
    try:
        _serve(connection, setup)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the search has ended or died; there is nobody left to tell
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _prepare_process(setup: WorkerSetup) -> None:
    # Ctrl-C reaches the whole terminal: the search decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["KERAS_BACKEND"] = os.environ.get("EMOTUNE_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for folder in setup.search_path:
        if folder not in sys.path:
            sys.path.append(folder)
    log = os.open(setup.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _serve(connection: Connection, setup: WorkerSetup) -> None:
    from emotune.evaluation.metrics import metric_named
    from emotune.models.backend import one_thread
    from emotune.models.problem import Problem

    one_thread()

    metric = metric_named(setup.metric)
    data = load_development_data(Path(setup.data))
    hypermodel = load_hypermodel(
        setup.hypermodel, Problem.from_dict(setup.problem), expected=setup.hypermodel_fingerprint
    )
    import emotune.models.training  # noqa: F401  the first trial should not pay for it

    connection.send(Ready())
    while (order := connection.recv()) is not None:
        if isinstance(order, Explore):
            connection.send(_explore(hypermodel, order.seed))
        else:
            trial = _train(connection, setup, hypermodel, data, metric, order)
            connection.send(Ended(trial, _memory_bytes()))


def _explore(hypermodel: HyperModel, seed: int) -> Explored:
    import keras

    parameters: dict[str, Parameter] = {}
    seen: set[tuple[str, Value]] = set()
    source = random.Random(seed)
    failure: str | None = None
    for number in range(N_EXPLORING_BUILDS):
        hp = HyperParameters(lambda parameter: parameter.default) if number == 0 else Exploration(source, seen)
        try:
            build(hypermodel, hp)
        except Exception as error:
            # A rare combination may be impossible; that the default is, is not.
            traceback.print_exc()
            failure = _one_line(error) if number == 0 else failure
        for name, parameter in hp.parameters.items():
            parameters.setdefault(name, parameter)
        keras.backend.clear_session()
    return Explored(tuple(parameters.values()), failure)


def _train(
    connection: Connection, setup: WorkerSetup, hypermodel: HyperModel, data: Any, metric: Any, order: Train
) -> Trial:
    import keras

    from emotune.models.training import train

    begun = time.monotonic()
    epochs = order.last_epoch or setup.epochs
    report_after = set(rungs(setup.epochs))
    scores: list[float] = []

    def ask(parameter: Parameter) -> Value | None:
        return _question(connection, Asked(parameter)).value

    def on_epoch(epoch: int, score: float) -> bool:
        scores.append(score)
        if epoch not in report_after:
            return False
        value = reported(scores, len(scores) - 1)
        return _question(connection, Reported(epoch, value)).value is True

    hp = HyperParameters(ask)
    n_parameters: int | None = None

    def ended(state: Any, reason: str, **results: Any) -> Trial:
        return Trial(
            order.number,
            state,
            dict(hp.values),
            n_parameters=n_parameters,
            seconds=time.monotonic() - begun,
            reason=reason,
            full_length=epochs >= setup.epochs,
            **results,
        )

    try:
        keras.backend.clear_session()
        keras.utils.set_random_seed(order.seed)
        model, arguments = build(hypermodel, hp)
        n_parameters = int(model.count_params())
        connection.send(Built(n_parameters))
        first_epoch = _load_weights(model, order)
        fit = train(
            model,
            data.inputs,
            data.targets,
            data.validation_inputs,
            data.validation_targets,
            metric=metric,
            epochs=epochs,
            patience=setup.patience,
            fit_arguments=arguments,
            seed=order.seed,
            on_epoch=on_epoch,
            initial_epoch=first_epoch,
        )
        if order.save_to is not None and fit.stopped != "pruned":
            _save_weights(model, order.save_to)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except TrainingFailed as error:
        return ended("failed", f"{error.reason}: {_one_line(error)}", scores=tuple(scores))
    except MemoryError as error:
        return ended("failed", f"out of memory: {_one_line(error)}", scores=tuple(scores))
    except Exception as error:
        traceback.print_exc()
        kind = "out of memory" if type(error).__name__ == "ResourceExhaustedError" else type(error).__name__
        return ended("failed", f"{kind}: {_one_line(error)}", scores=tuple(scores))
    state = "pruned" if fit.stopped == "pruned" else "complete"
    return ended(state, fit.stopped, score=fit.score, scores=tuple(fit.scores), kept_epoch=fit.kept_epoch)


def _question(connection: Connection, question: Asked | Reported) -> Answer:
    connection.send(question)
    answer: Answer = connection.recv()
    if answer.error is not None:
        raise RuntimeError(answer.error)
    return answer


def _variables(model: Any) -> list[Any]:
    model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def _save_weights(model: Any, path: str) -> None:
    import numpy as np

    from emotune.files import replacing

    with replacing(path) as beside:
        # Through a handle: NumPy puts its own suffix behind a path.
        with beside.open("wb") as file:
            np.savez(file, *[np.asarray(variable) for variable in _variables(model)])


def _load_weights(model: Any, order: Train) -> int:
    """Take up the weights and the optimizer's state of the trial that this one continues; epochs already trained."""
    if order.load_from is None or not Path(order.load_from).exists():
        return 0
    import numpy as np

    with np.load(order.load_from, allow_pickle=False) as arrays:
        for variable, name in zip(_variables(model), arrays.files, strict=True):
            variable.assign(arrays[name])
    return order.first_epoch


def _memory_bytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
