"""Training one network: the same rows, orders, scores and stops, whichever engine runs the epochs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError, TrainingFailed
from emotune.models import stock_fit
from emotune.models.arguments import FitArguments
from emotune.models.curve import ScoreCurve
from emotune.models.engine import Rows, prime
from emotune.models.sampling import epoch_order, row_weights

if TYPE_CHECKING:
    from emotune.evaluation.metrics import Metric

__all__ = ["Fit", "train"]

Stopped = Literal["patience", "epochs", "pruned", "callback"]


@dataclass(frozen=True, slots=True)
class Fit:
    """How a training went.

    Attributes:
        scores: the metric on the validation rows after each epoch.
        losses: mean training loss of each epoch.
        val_losses: validation loss after each epoch.
        kept_epoch: the epoch whose score, averaged with its neighbours', is best; counted from 0.
        score: that average: three epochs, or two at an end.
        seconds: of the whole training.
        first_epoch_seconds: until the end of the first epoch; nearly all of it is start-up.
        stopped: what ended it; `callback` where one of the user's did.
        engine: `graph` (an epoch is one call) or `fit` (Keras's own loop).
        obstacle: why it was not the graph; empty where it was, or where `fit` was asked for.
    """

    scores: tuple[float, ...]
    losses: tuple[float, ...]
    val_losses: tuple[float, ...]
    kept_epoch: int
    score: float
    seconds: float
    first_epoch_seconds: float
    stopped: Stopped
    engine: Literal["graph", "fit"]
    obstacle: str = ""


def train(
    model: Any,
    inputs: NDArray[np.float32],
    targets: NDArray[np.int64],
    validation_inputs: NDArray[np.float32],
    validation_targets: NDArray[np.int64],
    *,
    metric: Metric,
    epochs: int,
    patience: int,
    fit_arguments: Mapping[str, Any],
    seed: int,
    on_epoch: Callable[[int, float], bool] | None = None,
    keep_weights: bool = False,
    initial_epoch: int = 0,
    engine: Literal["auto", "graph", "fit"] = "auto",
) -> Fit:
    """Train a compiled model until the epochs are over, the score gets no better, or someone stops it.

    Random numbers inside the network (first weights, dropout) come from `keras.utils.set_random_seed`, which the
    caller calls before it builds the model; the order of the rows comes from `seed`.

    Args:
        model: compiled, with one output of `n_classes` probabilities.
        inputs: standardised training rows, `(n, ...)`.
        targets: their classes, `(n,)`.
        validation_inputs: `(m, ...)`, of people who are not in the training rows.
        validation_targets: `(m,)`.
        metric: what is scored after each epoch, and its direction.
        epochs: number of the last epoch, plus 1.
        patience: epochs without a better average score before training ends.
        fit_arguments: what the hypermodel's `fit_arguments` returned; see `FitArguments`.
        seed: of the order of the rows.
        on_epoch: called with (epoch, score); True ends the training as pruned.
        keep_weights: whether the model ends with the weights of the kept epoch, not of the last.
        initial_epoch: the first epoch's number, where a training is taken up again.
        engine: `auto` takes the graph wherever it can.

    Raises:
        InputError: if data, model and arguments do not fit together.
        TrainingFailed: if losses, weights, predictions or scores stop being finite.
    """
    begun = time.perf_counter()
    arguments = FitArguments.read(fit_arguments)
    last = epochs if arguments.epochs is None else min(epochs, arguments.epochs)
    patience = patience if arguments.patience is None else arguments.patience
    if not 0 <= initial_epoch < last or patience < 1:
        raise InputError(
            "Training needs at least one epoch and a patience of at least 1. "
            f"Received: epochs={last}, initial_epoch={initial_epoch}, patience={patience}."
        )
    rows = _rows(model, inputs, targets, validation_inputs, validation_targets, arguments, seed)
    obstacle = _obstacle(model, arguments)
    if engine == "graph" and obstacle:
        raise InputError(f"The graph engine cannot train this: {obstacle}. Use engine='auto'.")
    chosen: Literal["graph", "fit"] = "fit" if engine == "fit" or obstacle else "graph"

    watch = _Watch(model, metric, np.asarray(validation_targets), patience, on_epoch, keep_weights, last)
    prime(model, rows)
    if chosen == "graph":
        from emotune.models.epoch_graph import run_epochs
    else:
        run_epochs = stock_fit.run_epochs
    run_epochs(
        model,
        rows,
        epochs=range(initial_epoch, last),
        callbacks=arguments.callbacks,
        after_epoch=watch.after_epoch,
    )
    watch.restore_weights()
    return Fit(
        scores=tuple(watch.curve.scores),
        losses=tuple(watch.losses),
        val_losses=tuple(watch.val_losses),
        kept_epoch=initial_epoch + watch.curve.kept,
        score=watch.curve.mean(watch.curve.kept),
        seconds=time.perf_counter() - begun,
        first_epoch_seconds=watch.first_epoch_ended - begun,
        stopped=watch.stopped,
        engine=chosen,
        obstacle=obstacle if engine == "auto" else "",
    )


class _Watch:
    """What happens after every epoch: score, failures, snapshots, stops."""

    def __init__(
        self,
        model: Any,
        metric: Metric,
        targets: NDArray[np.int64],
        patience: int,
        on_epoch: Callable[[int, float], bool] | None,
        keep_weights: bool,
        n_epochs: int,
    ) -> None:
        self.curve = ScoreCurve(maximise=metric.maximise)
        self.losses: list[float] = []
        self.val_losses: list[float] = []
        self.first_epoch_ended = 0.0
        # Where neither of these stops it before the last epoch, a callback has.
        self.stopped: Stopped = "callback"
        self._model, self._metric, self._targets = model, metric, targets
        self._patience, self._on_epoch, self._n_epochs = patience, on_epoch, n_epochs
        self._keep_weights = keep_weights
        # The average of an epoch is known one epoch later: its weights must wait for it.
        self._best_weights: list[NDArray[Any]] = []
        self._last_weights: list[NDArray[Any]] = []

    def after_epoch(self, epoch: int, logs: MutableMapping[str, Any], probabilities: NDArray[np.float32]) -> bool:
        """Judge an epoch and say whether training ends."""
        if not self.curve.scores:
            self.first_epoch_ended = time.perf_counter()
            _refuse_other_than_probabilities(probabilities)
        weights = self._model.get_weights()
        loss, val_loss = float(logs["loss"]), float(logs["val_loss"])
        for name, values in (
            ("training loss", [loss]),
            ("validation loss", [val_loss]),
            ("predictions", [probabilities]),
            # A ReLU network can have NaN weights and a finite loss: the largest of NaN and 0 is 0.
            ("weights", weights),
        ):
            if not all(np.isfinite(value).all() for value in values):
                raise TrainingFailed(
                    "diverged",
                    f"The {name} must stay finite, but did not in epoch {epoch + 1}. "
                    "Lower the learning rate, or set `clipnorm` on the optimizer.",
                )
        score = float(self._metric(self._targets, probabilities))
        if not np.isfinite(score):
            raise TrainingFailed(
                "no score",
                f"Metric `{self._metric.name}` must be finite, but is {score} after epoch {epoch + 1}. "
                "Check that the validation rows hold every class.",
            )
        # For callbacks such as ReduceLROnPlateau(monitor="val_balanced_accuracy", mode="max").
        logs[f"val_{self._metric.name}"] = score
        self.losses.append(loss)
        self.val_losses.append(val_loss)
        self._note(score, weights)
        return self._stops(epoch, score)

    def _note(self, score: float, weights: list[NDArray[Any]]) -> None:
        best = self.curve.best
        self.curve.add(score)
        if self._keep_weights:
            if self.curve.best != best:
                self._best_weights = self._last_weights
            self._last_weights = [np.array(weight) for weight in weights]

    def _stops(self, epoch: int, score: float) -> bool:
        if self._on_epoch is not None and self._on_epoch(epoch, score):
            self.stopped = "pruned"
        elif epoch + 1 >= self._n_epochs:
            self.stopped = "epochs"
        elif self.curve.waited >= self._patience:
            self.stopped = "patience"
        return self.stopped != "callback"

    def restore_weights(self) -> None:
        """Give the model the weights of the kept epoch, where they were to be kept."""
        if self._keep_weights:
            is_last = self.curve.kept == len(self.curve.scores) - 1
            self._model.set_weights(self._last_weights if is_last else self._best_weights)


def _rows(
    model: Any,
    inputs: NDArray[np.float32],
    targets: NDArray[np.int64],
    validation_inputs: NDArray[np.float32],
    validation_targets: NDArray[np.int64],
    arguments: FitArguments,
    seed: int,
) -> Rows:
    n_classes = _n_classes(model)
    parts = {"training": (inputs, targets), "validation": (validation_inputs, validation_targets)}
    for name, (values, classes) in parts.items():
        _check_part(name, values, classes, tuple(model.input_shape[1:]), n_classes)
    one_hot = _wants_one_hot(model.loss)
    eye = np.eye(n_classes, dtype=np.float32)
    return Rows(
        inputs=np.asarray(inputs, dtype=np.float32),
        targets=eye[targets] if one_hot else np.asarray(targets),
        weights=row_weights(arguments.class_weight, targets, n_classes),
        validation_inputs=np.asarray(validation_inputs, dtype=np.float32),
        validation_targets=eye[validation_targets] if one_hot else np.asarray(validation_targets),
        batch_size=arguments.batch_size,
        order=lambda epoch: epoch_order(
            np.asarray(targets), seed=seed, epoch=epoch, balanced=arguments.balanced_batches
        ),
    )


def _n_classes(model: Any) -> int:
    if not getattr(model, "compiled", False) or model.optimizer is None:
        raise InputError("`build_model` must return a compiled Keras model. Call model.compile(...) in it.")
    taken, given = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not isinstance(taken, tuple) or not isinstance(given, tuple) or len(given) != 2 or (given[1] or 0) < 2:
        raise InputError(
            "The model must have one keras.Input and one output with a probability a class, (n, n_classes). "
            f"Received: inputs {taken}, outputs {given}. End it with Dense(n_classes, activation='softmax')."
        )
    return int(given[1])


def _check_part(
    name: str, inputs: NDArray[Any], targets: NDArray[Any], shape: tuple[int | None, ...], n_classes: int
) -> None:
    if len(inputs) == 0 or len(inputs) != len(targets) or inputs.shape[1:] != shape:
        raise InputError(
            f"The {name} rows must have the model's input shape {shape} and one target each. "
            f"Received: inputs {inputs.shape}, targets {targets.shape}."
        )
    if not np.isfinite(inputs).all():
        # One NaN can end in a network of NaN weights whose loss and accuracy look like chance.
        raise InputError(
            f"The {name} inputs must be finite. Received: {int((~np.isfinite(inputs)).sum())} values that are "
            "NaN or infinite. Remove those rows or mend the features."
        )
    if targets.min() < 0 or targets.max() >= n_classes:
        raise InputError(
            f"The {name} targets must be classes 0 to {n_classes - 1}, as many as the model has outputs. "
            f"Received: {targets.min()} to {targets.max()}."
        )


def _wants_one_hot(loss: Any) -> bool:
    """Keras's sparse losses take classes; every other one (cross-entropy, focal, squared error) takes one-hot rows."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    return "sparse" not in str(name).lower()


def _refuse_other_than_probabilities(values: NDArray[np.float32]) -> None:
    finite = bool(np.isfinite(values).all())  # what is not finite is a failure, not an input error
    if finite and (values.min() < -1e-3 or np.abs(values.sum(axis=1) - 1.0).max() > 1e-2):
        raise InputError(
            "The model's outputs must be probabilities that sum to 1. "
            f"Received: values from {values.min():.3g} to {values.max():.3g}. End it with activation='softmax'."
        )


def _obstacle(model: Any, arguments: FitArguments) -> str:
    if keras.backend.backend() != "tensorflow":
        return f"the {keras.backend.backend()} backend has no such engine"
    from emotune.models.epoch_graph import obstacle

    return obstacle(model, arguments.callbacks) or ""
