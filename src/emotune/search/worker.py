"""What runs inside a worker process: build, train, report. It owns no study and proposes nothing.

The module imports no TensorFlow at the top: a spawned process reads it before its environment is set.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import sys
import time
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotune.errors import InputError, TrainingFailed
from emotune.files import fingerprint_of_file
from emotune.search.development import DevelopmentData, fold_of, load_development_data
from emotune.search.hypermodel import HyperModel, build, load_hypermodel
from emotune.search.messages import (
    Answer,
    Asked,
    Ended,
    Explore,
    Explored,
    Ready,
    Refit,
    Reported,
    Train,
    Unusable,
    WorkerSetup,
)
from emotune.search.methods.method import seed_of
from emotune.search.rungs import reported, rungs, running_mean
from emotune.search.space import Exploration, HyperParameters, Parameter, Replay, Value
from emotune.search.trials import FitScore, Trial, TrialState

if TYPE_CHECKING:
    from emotune.evaluation.metrics import Metric
    from emotune.models.training import Fit

__all__ = ["work"]

# Builds that show the space: the default, then random ones that prefer options not yet seen.
N_EXPLORING_BUILDS = 24


def work(connection: Connection, setup: WorkerSetup) -> None:
    """Serve orders until the other end says None or is gone."""
    _prepare_process(setup)
    try:
        _serve(connection, setup)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the search has ended or died; there is nobody left to tell
    except InputError as error:
        traceback.print_exc()
        connection.send(Unusable(str(error)))
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _prepare_process(setup: WorkerSetup) -> None:
    # Ctrl-C reaches the whole terminal: the search decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
    from emotune.models.backend import prepare_backend
    from emotune.models.problem import Problem

    prepare_backend()

    _refuse_changed(setup.modules)
    metric = metric_named(setup.metric)
    data = load_development_data(Path(setup.data))
    hypermodel = load_hypermodel(
        setup.hypermodel, Problem.from_dict(setup.problem), expected=setup.hypermodel_fingerprint
    )
    import emotune.models.training  # noqa: F401  the first trial should not pay for it

    connection.send(Ready())
    while (order := connection.recv()) is not None:
        if isinstance(order, Explore):
            connection.send(_explore(hypermodel, order.seed, setup.hypermodel))
        else:
            task = _Task(connection, setup, hypermodel, metric, order)
            connection.send(Ended(task.train(data), _memory_bytes()))


def _refuse_changed(modules: Mapping[str, str]) -> None:
    """Two workers must not build from two spaces: one study's trials would not compare.

    Raises:
        InputError: if a module of the user's own is not what it was when the search began.
    """
    for path, expected in modules.items():
        if not Path(path).is_file() or fingerprint_of_file(path) != expected:
            raise InputError(
                f"Expected {path} to stay as it was while the search runs. Received: another content. "
                "Put it back to go on, or run the same command again to search the changed space."
            )


def _explore(hypermodel: HyperModel, seed: int, path: str) -> Explored:
    import keras

    parameters: dict[str, Parameter] = {}
    seen: set[tuple[str, Value]] = set()
    source = random.Random(seed)
    for number in range(N_EXPLORING_BUILDS):
        hp = HyperParameters(lambda parameter: parameter.default) if number == 0 else Exploration(source, seen)
        try:
            build(hypermodel, hp)
        except Exception as error:
            # A rare combination may be impossible; that the default is, is not.
            traceback.print_exc()
            if number == 0:
                return Explored((), f"{type(error).__name__}: {_one_line(error)}{_line_of_user(error, path)}")
        for name, parameter in hp.parameters.items():
            parameters.setdefault(name, parameter)
        keras.backend.clear_session()
    return Explored(tuple(parameters.values()))


class _Task:
    """One configuration to build and train, once or as often as there are folds and seeds; every end is a `Trial`."""

    def __init__(
        self, connection: Connection, setup: WorkerSetup, hypermodel: HyperModel, metric: Metric, order: Train | Refit
    ) -> None:
        self._connection, self._setup, self._hypermodel = connection, setup, hypermodel
        self._metric, self._order = metric, order
        self._hp = Replay(order.hyperparameters) if isinstance(order, Refit) else HyperParameters(self._ask)
        self._epochs = (order.last_epoch if isinstance(order, Train) else None) or setup.epochs
        self._report_after = set(rungs(setup.epochs)) if isinstance(order, Train) else set()
        n_folds, n_draws = (len(setup.folds) or 1, setup.seeds_per_trial) if isinstance(order, Train) else (1, 1)
        # Every fold before the next seed: what is pruned early has seen several folds rather than several seeds.
        self._places = [(fold, draw) for draw in range(n_draws) for fold in range(n_folds)]
        self._ended_fits: list[FitScore] = []
        self._all_scores: list[float] = []
        self._scores: list[float] = []
        self._n_parameters: int | None = None
        self._begun = time.monotonic()

    def train(self, data: DevelopmentData) -> Trial:
        """Build and train; whatever goes wrong with the network is in the trial's reason."""
        try:
            fits = self._fits(data)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except TrainingFailed as error:
            return self._failed(f"{error.reason}: {_one_line(error)}")
        except Exception as error:
            traceback.print_exc()
            out_of_memory = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
            kind = "out of memory" if out_of_memory else type(error).__name__
            where = _line_of_user(error, self._setup.hypermodel)
            return self._failed(f"{kind}: {_one_line(error)}{where}")
        last = fits[-1]
        state: TrialState = "pruned" if last.stopped == "pruned" else "complete"
        if len(self._places) == 1:
            return self._ended(state, last.stopped, score=last.score, scores=last.scores, kept_epoch=last.kept_epoch)
        return self._ended(
            state,
            "pruned" if state == "pruned" else ", ".join(dict.fromkeys(fit.stopped for fit in fits)),
            score=running_mean([fit.score for fit in fits[:-1]], last.score),
            scores=tuple(self._all_scores),
            kept_epoch=int(statistics.median_low(fit.kept_epoch for fit in fits)),
            fits=tuple(self._ended_fits),
        )

    def _fits(self, data: DevelopmentData) -> list[Fit]:
        """Every training of the order, up to one that is pruned."""
        fits: list[Fit] = []
        for index, (fold, draw) in enumerate(self._places):
            self._scores = []
            fit = self._fit(self._rows(data, fold), index)
            fits.append(fit)
            self._all_scores += fit.scores
            self._ended_fits.append(FitScore(fold, draw, fit.score, fit.kept_epoch, len(fit.scores)))
            if fit.stopped == "pruned":
                break
        return fits

    def _rows(self, data: DevelopmentData, fold: int) -> DevelopmentData:
        if isinstance(self._order, Refit):
            return fold_of(data, self._order.train, self._order.validation)
        return fold_of(data, *self._setup.folds[fold]) if self._setup.folds else data

    def _fit(self, rows: DevelopmentData, index: int) -> Fit:
        import keras

        from emotune.models.training import train

        keras.backend.clear_session()
        seed = self._order.seed if index == 0 else seed_of(self._order.seed, "fit", index)
        keras.utils.set_random_seed(seed)
        model, arguments = build(self._hypermodel, self._hp)
        self._n_parameters = int(model.count_params())
        first_epoch = _load_weights(model, self._order, index) if isinstance(self._order, Train) else 0
        fit = train(
            model,
            rows.inputs,
            rows.targets,
            rows.validation_inputs,
            rows.validation_targets,
            metric=self._metric,
            epochs=self._epochs,
            patience=self._setup.patience,
            fit_arguments=arguments,
            seed=seed,
            on_epoch=self._on_epoch,
            initial_epoch=first_epoch,
        )
        if fit.obstacle:
            print(f"order {self._order.number}: trained by Keras's own fit, since {fit.obstacle}", flush=True)
        if isinstance(self._order, Train) and self._order.save_to is not None and fit.stopped != "pruned":
            _save_weights(model, _of_fit(self._order.save_to, index))
        return fit

    def _ask(self, parameter: Parameter) -> Value | None:
        return _question(self._connection, Asked(parameter)).value

    def _on_epoch(self, epoch: int, score: float) -> bool:
        self._scores.append(score)
        if self._connection.poll():
            # Nobody speaks unasked: the search is gone, and what is left to train would keep a core from others.
            raise EOFError
        if epoch not in self._report_after:
            return False
        finished = [fit.score for fit in self._ended_fits]
        value = running_mean(finished, reported(self._scores, len(self._scores) - 1))
        step = len(finished) * self._setup.epochs + epoch
        return _question(self._connection, Reported(step, value)).value is True

    def _failed(self, reason: str) -> Trial:
        """The trial that one failed fit makes, with the place of that fit where there are several."""
        index = len(self._ended_fits)
        if len(self._places) > 1 and self._n_parameters is not None and index < len(self._places):
            fold, draw = self._places[index]
            n_folds = len(self._setup.folds)
            where = [f"fold {fold + 1} of {n_folds}"] if n_folds else []
            if self._setup.seeds_per_trial > 1:
                where.append(f"seed {draw + 1} of {self._setup.seeds_per_trial}")
            reason = f"{reason.rstrip('.')} ({', '.join(where)})"
        scores = (*self._all_scores, *self._scores)
        return self._ended("failed", reason, scores=scores, fits=tuple(self._ended_fits))

    def _ended(self, state: TrialState, reason: str, **results: Any) -> Trial:
        return Trial(
            self._order.number,
            state,
            dict(self._hp.values),
            n_parameters=self._n_parameters,
            seconds=time.monotonic() - self._begun,
            reason=reason,
            full_length=self._epochs >= self._setup.epochs,
            **results,
        )


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


def _of_fit(path: str, index: int) -> str:
    """Where the weights of a trial's fit lie: those of the first by the trial's own name."""
    return path if index == 0 else str(Path(path).with_suffix(f".{index}.npz"))


def _load_weights(model: Any, order: Train, index: int) -> int:
    """Take up the weights and the optimizer's state of the trial that this one continues; epochs already trained."""
    if order.load_from is None or not (path := Path(_of_fit(order.load_from, index))).exists():
        return 0
    import numpy as np

    with np.load(path, allow_pickle=False) as arrays:
        for variable, name in zip(_variables(model), arrays.files, strict=True):
            variable.assign(arrays[name])
    return order.first_epoch


def _memory_bytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


def _line_of_user(error: BaseException, path: str) -> str:
    """Where in the user's file an error comes from; the study's copy has the same lines."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f" (line {lines[-1]} of hyperparameter_tuner.py)" if lines else ""


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
