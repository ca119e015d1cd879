"""Building blocks of the networks: Keras's own layers alone, so that a saved model loads without emotune.

Each block takes a symbolic tensor and gives one; a rate of 0 adds no layer. Comments give the shapes without
the batch.
"""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import layers, regularizers

from emotune.errors import InputError
from emotune.models.problem import Problem

__all__ = [
    "OPTIMIZERS",
    "as_sequence",
    "as_vector",
    "classifier",
    "convolution_block",
    "dense_block",
    "dropout",
    "global_pooling",
    "lstm",
    "optimizer",
    "vector_entries",
    "vector_input",
]

Tensor = Any  # a keras.KerasTensor; Keras publishes no types

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
}

# Of biases and of the scales and shifts of batch normalisation: `bias` to Keras, `dense/bias:0` to TensorFlow.
_NOT_DECAYED = [r"(^|/)(bias|gamma|beta)(:\d+)?$"]


def vector_input(problem: Problem) -> Tensor:
    """The input: standardised feature vectors, `(n_features,)` or `(n_steps, n_features)`."""
    return keras.Input(shape=problem.input_shape, name="features")


def vector_entries(problem: Problem) -> tuple[str, ...]:
    """The ways in which a sample can enter convolutions and LSTM, the recommended one first.

    - `electrodes`: each electrode a step with its bands as values; the other features skip to the dense layers.
    - `sequence`: each feature a step with one value. Five times as long, so five times as slow.
    - `windows`: each window a step with its features as values; the only way for windows in a row.
    """
    if problem.n_steps is not None:
        return ("windows",)
    if problem.layout is None:
        return ("sequence",)
    return ("electrodes", "sequence")


def as_sequence(x: Tensor, problem: Problem, entry: str) -> tuple[Tensor, Tensor | None]:
    """Samples as sequences for convolutions and LSTM, and what goes beside them to the dense layers.

    Returns:
        `(n_steps, n_values)`, and `(n_scalars,)` or None.

    Raises:
        InputError: if the samples cannot enter in this way.
    """
    if entry not in vector_entries(problem):
        raise InputError(
            f"Samples of this problem can enter as {' or '.join(vector_entries(problem))}. Received: {entry!r}."
        )
    if entry == "windows":
        return x, None
    sequence = layers.Reshape((problem.n_features, 1))(x)
    if entry == "sequence" or problem.layout is None:
        return sequence, None
    # Cropping1D cuts where a slice would: a sliced tensor is saved under the name of a private Keras module.
    n_channels, n_bands = problem.layout.n_channels, problem.layout.n_bands
    n_scalars = problem.layout.n_scalars
    if not n_scalars:
        return layers.Reshape((n_channels, n_bands))(x), None
    image = layers.Cropping1D((0, n_scalars))(sequence)
    scalars = layers.Cropping1D((n_channels * n_bands, 0))(sequence)
    return layers.Reshape((n_channels, n_bands))(image), layers.Flatten()(scalars)


def as_vector(x: Tensor, beside: Tensor | None = None) -> Tensor:
    """Whatever the shape, one vector a sample, with the values of `beside` behind it."""
    vector = x if len(x.shape) == 2 else layers.Flatten()(x)
    return vector if beside is None else layers.Concatenate()([vector, beside])


def dropout(x: Tensor, rate: float) -> Tensor:
    """Sets a share `rate` of the values to 0 while training."""
    return layers.Dropout(rate)(x) if rate else x


def convolution_block(
    x: Tensor,
    *,
    filters: int,
    kernel_size: int,
    pooling: Literal["max", "average"] = "max",
    pool_size: int = 2,
    dropout_rate: float = 0.0,
    batch_norm: bool = False,
    l2: float = 0.0,
) -> Tensor:
    """Convolution, batch normalisation, ReLU, pooling, dropout: `(n, values)` -> `(ceil(n / pool_size), filters)`.

    Everything is padded, so that a kernel or pool longer than the sequence is no error; a sequence of 1 stays.
    """
    x = layers.Conv1D(filters, kernel_size, padding="same", use_bias=not batch_norm, kernel_regularizer=_l2(l2))(x)
    if batch_norm:
        x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    if x.shape[1] > 1:
        pool = {"max": layers.MaxPooling1D, "average": layers.AveragePooling1D}[pooling]
        x = pool(pool_size, padding="same")(x)
    return dropout(x, dropout_rate)


def lstm(
    x: Tensor,
    *,
    units: int,
    bidirectional: bool = True,
    dropout_rate: float = 0.0,
    recurrent_dropout: float = 0.0,
    l2: float = 0.0,
) -> Tensor:
    """The state of an LSTM after the last step: `(n, values)` -> `(units,)`, twice as many in both directions.

    `dropout_rate` drops the same values at every step (Gal & Ghahramani 2016), by a layer in front: an LSTM's own
    `dropout` does the same, but draws masks in validation too. `recurrent_dropout` about doubles the time.
    """
    if dropout_rate:
        x = layers.SpatialDropout1D(dropout_rate)(x)
    layer = layers.LSTM(units, recurrent_dropout=recurrent_dropout, kernel_regularizer=_l2(l2))
    return (layers.Bidirectional(layer) if bidirectional else layer)(x)


def global_pooling(x: Tensor, kind: Literal["average", "max", "flatten"]) -> Tensor:
    """What is left of a sequence: its mean, its maximum, or all of it one after the other."""
    pool = {
        "average": layers.GlobalAveragePooling1D,
        "max": layers.GlobalMaxPooling1D,
        "flatten": layers.Flatten,
    }
    return pool[kind]()(x)


def dense_block(
    x: Tensor, *, units: int, activation: str = "relu", dropout_rate: float = 0.0, l2: float = 0.0
) -> Tensor:
    """Dense layer, activation (any of Keras's names), dropout: `(n,)` -> `(units,)`."""
    x = layers.Dense(units, activation=activation, kernel_regularizer=_l2(l2))(x)
    return dropout(x, dropout_rate)


def optimizer(name: str, learning_rate: float, *, weight_decay: float = 0.0) -> Any:
    """The optimizer called `name`, one of `OPTIMIZERS`.

    Args:
        name: what users call it.
        learning_rate: size of a step.
        weight_decay: share of each weight that a step of size 1 takes away (Loshchilov & Hutter 2019). Biases and
            the scales and shifts of batch normalisation keep theirs.

    Raises:
        InputError: if there is no such optimizer.
    """
    if name not in OPTIMIZERS:
        raise InputError(f"`optimizer` must be one of {', '.join(OPTIMIZERS)}. Received: {name!r}.")
    # AdamW has a decay of its own where none is given; the others do without the step where it is None.
    decay = weight_decay if weight_decay or name == "adamw" else None
    made = OPTIMIZERS[name](learning_rate=learning_rate, weight_decay=decay)
    made.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    return made


def classifier(
    inputs: Tensor, x: Tensor, problem: Problem, *, optimizer: Any, label_smoothing: float = 0.0, l2: float = 0.0
) -> Any:
    """The compiled model from `inputs` to one probability a class: `(n,)` -> `(n_classes,)`.

    It is compiled without metrics: training measures the study's own metric, and each one of Keras's costs time.
    """
    outputs = layers.Dense(problem.n_classes, activation="softmax", kernel_regularizer=_l2(l2), name="probabilities")(x)
    model = keras.Model(inputs, outputs, name="emotion_model")
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
    model.compile(optimizer=optimizer, loss=loss)
    return model


def _l2(strength: float) -> Any:
    return regularizers.L2(strength) if strength else None
