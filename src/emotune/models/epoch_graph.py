"""One epoch as one TensorFlow graph: all batches and the validation in a single call.

Keras's `fit` returns to Python for every batch and starts two data pipelines for every epoch, which costs a small
network 30 times its arithmetic. Here a `tf.while_loop` calls the model's own `train_step` on rows gathered from
tensors that stay in memory, so layers, losses, optimizers and their options do exactly what they do in `fit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from emotune.models.engine import VALIDATION_ROWS, AfterEpoch, Rows

__all__ = ["obstacle", "run_epochs"]

# Inside an epoch there is no Python to call these.
_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)

# The graph takes the place of what Keras builds around these.
_MODEL_METHODS = (
    "train_step",
    "test_step",
    "compute_loss",
    "compute_metrics",
    "make_train_function",
    "make_test_function",
    "fit",
    "evaluate",
)


def obstacle(model: Any, callbacks: Sequence[keras.callbacks.Callback]) -> str | None:
    """Why this training needs Keras's own loop, in a few words; None where the graph can take it."""
    if model.run_eagerly:
        return "the model is compiled with run_eagerly=True"
    if tf.distribute.has_strategy():
        return "a tf.distribute strategy is active"
    for name in _MODEL_METHODS:
        if getattr(type(model), name) is not getattr(keras.Model, name):
            return f"the model has its own {name}"
    for callback in callbacks:
        for name in _BATCH_HOOKS:
            method = getattr(callback, name)
            if getattr(method, "__func__", method) is not getattr(keras.callbacks.Callback, name):
                return f"callback {type(callback).__name__} has {name}"
    return None


def run_epochs(
    model: Any,
    rows: Rows,
    *,
    epochs: range,
    callbacks: Sequence[keras.callbacks.Callback],
    after_epoch: AfterEpoch,
) -> None:
    """Train a primed model; callbacks are called around epochs as `fit` calls them.

    Args:
        model: compiled and primed, without an `obstacle`.
        rows: what to train and validate on.
        epochs: numbers of the epochs.
        callbacks: Keras's, without batch hooks.
        after_epoch: called before the callbacks' `on_epoch_end`; True ends the training.
    """
    run_epoch = _epoch_function(model, rows)
    called = keras.callbacks.CallbackList(
        list(callbacks), add_history=True, model=model, epochs=epochs.stop, steps=rows.n_batches, verbose=0
    )
    model.stop_training = False
    logs: dict[str, Any] = {}
    called.on_train_begin()
    for epoch in epochs:
        called.on_epoch_begin(epoch)
        results, probabilities = run_epoch(tf.constant(rows.order(epoch)))
        logs = {name: float(value) for name, value in results.items()}
        stop = after_epoch(epoch, logs, probabilities.numpy())
        called.on_epoch_end(epoch, logs)
        if stop or model.stop_training:
            break
    # What `fit` does at its end: with use_ema, the averages become the weights.
    model.optimizer.finalize_variable_values(model.trainable_weights)
    called.on_train_end(logs)


def _epoch_function(model: Any, rows: Rows) -> Any:
    """A function of the epoch's order, `(n,)` int32: the logs as scalars, and the validation probabilities."""
    n, size = len(rows.inputs), rows.batch_size
    arrays = (rows.inputs, rows.targets) if rows.weights is None else (rows.inputs, rows.targets, rows.weights)
    training = tuple(tf.constant(array) for array in arrays)
    validation_inputs = tf.constant(rows.validation_inputs)
    validation_targets = tf.constant(rows.validation_targets)

    # autograph rewrites nothing here that is not already a TensorFlow loop, and reading the code costs time.
    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def epoch(order: Any) -> tuple[dict[str, Any], Any]:
        def step(start: Any) -> tuple[Any]:
            batch = order[start : start + size]
            model.train_step(tuple(tf.gather(tensor, batch) for tensor in training))
            return (start + size,)

        model.reset_metrics()
        tf.while_loop(lambda start: start < n, step, (tf.constant(0),), parallel_iterations=1)
        logs = {name: tf.identity(value) for name, value in model.get_metrics_result().items()}
        validation_logs, probabilities = _validate(model, validation_inputs, validation_targets)
        logs |= {f"val_{name}": value for name, value in validation_logs.items()}
        return logs, probabilities

    # The concrete function is traced here, once; calling it never looks whether it should trace again.
    return epoch.get_concrete_function(tf.TensorSpec([n], tf.int32))


def _validate(model: Any, inputs: Any, targets: Any) -> tuple[dict[str, Any], Any]:
    """What `test_step` does, in the graph, keeping the probabilities: `(m, ...)` -> logs, `(m, n_classes)`."""
    m = int(inputs.shape[0])
    n_steps = -(-m // VALIDATION_ROWS)
    written = tf.TensorArray(tf.float32, n_steps, infer_shape=False, element_shape=[None, model.output_shape[-1]])

    def step(i: Any, total: Any, written: Any) -> tuple[Any, Any, Any]:
        some = slice(i * VALIDATION_ROWS, (i + 1) * VALIDATION_ROWS)
        x, y = inputs[some], targets[some]
        probabilities = model(x, training=False)
        loss = model.compute_loss(x=x, y=y, y_pred=probabilities, training=False)
        model.compute_metrics(x, y, probabilities)
        total += tf.cast(loss, tf.float32) * tf.cast(tf.shape(x)[0], tf.float32)
        return i + 1, total, written.write(i, tf.cast(probabilities, tf.float32))

    model.reset_metrics()
    _, total, written = tf.while_loop(
        lambda i, *_: i < n_steps, step, (tf.constant(0), tf.constant(0.0), written), parallel_iterations=1
    )
    # The loss tracker of `test_step` is a private part of Keras: the mean loss is summed up here instead.
    return model.get_metrics_result() | {"loss": total / m}, written.concat()
