"""Blocks keep their shapes, never crash on short sequences, and load without emotune."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from emotune.errors import InputError
from emotune.features.layout import EXTRA_BLOCKS, STANDARD, Layout
from emotune.models import parts
from emotune.models.problem import Problem


def test_each_electrode_is_a_step_with_its_own_bands(problem, layout):
    inputs = parts.vector_input(problem)
    image, scalars = parts.as_sequence(inputs, problem, "electrodes")
    model = keras.Model(inputs, [image, scalars])
    # Values that name their column: the layout's own names say where each must arrive.
    columns = np.arange(layout.n_features, dtype=np.float32)[None]
    seen, beside = (np.asarray(part)[0] for part in model(columns))
    names = layout.feature_names
    for i, channel in enumerate(layout.channels):
        for j, (band, _, _) in enumerate(layout.bands_hz):
            assert seen[i, j] == names.index(f"de_{channel}_{band}")
    assert [names[int(column)] for column in beside] == [
        name for name in names if name.startswith(("asymmetry", "whole_head"))
    ]


def test_extra_blocks_go_beside_the_electrodes_and_a_network_learns_of_them(layout):
    rich = Layout(layout.channels, layout.bands_hz, layout.pairs, extra_blocks=EXTRA_BLOCKS)
    problem = Problem((rich.n_features,), 3, rich)
    inputs = parts.vector_input(problem)
    image, scalars = parts.as_sequence(inputs, problem, "electrodes")
    columns = np.arange(rich.n_features, dtype=np.float32)[None]
    seen, beside = (np.asarray(part)[0] for part in keras.Model(inputs, [image, scalars])(columns))
    n_entropies = rich.n_channels * rich.n_bands
    np.testing.assert_array_equal(seen.ravel(), np.arange(n_entropies))
    np.testing.assert_array_equal(beside, np.arange(n_entropies, rich.n_features))
    x = parts.as_vector(parts.convolution_block(image, filters=4, kernel_size=3), scalars)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    assert np.asarray(model(np.ones((2, rich.n_features), np.float32))).shape == (2, 3)


def test_where_nothing_stands_behind_the_bands_nothing_goes_beside():
    bare = Layout(("Fp1", "CB1"), (("theta", 4.0, 8.0), ("alpha", 8.0, 14.0)), (), ())
    problem = Problem((4,), 2, bare)
    inputs = parts.vector_input(problem)
    image, beside = parts.as_sequence(inputs, problem, "electrodes")
    assert beside is None
    seen = np.asarray(keras.Model(inputs, image)(np.arange(4, dtype=np.float32)[None]))[0]
    np.testing.assert_array_equal(seen, [[0, 1], [2, 3]])
    assert parts.as_vector(image, beside).shape == (None, 4)


def test_a_sequence_holds_every_feature_in_order(problem):
    inputs = parts.vector_input(problem)
    sequence, beside = parts.as_sequence(inputs, problem, "sequence")
    columns = np.arange(problem.n_features, dtype=np.float32)[None]
    assert beside is None
    np.testing.assert_array_equal(np.asarray(keras.Model(inputs, sequence)(columns))[0, :, 0], columns[0])


def test_the_ways_in_depend_on_what_is_known(problem, layout):
    assert parts.vector_entries(problem) == ("electrodes", "sequence")
    assert parts.vector_entries(Problem((12,), 2)) == ("sequence",)
    assert parts.vector_entries(Problem((4, layout.n_features), 2, layout)) == ("windows",)


def test_a_way_in_that_the_problem_has_not_is_refused():
    unknown = Problem((12,), 2)
    with pytest.raises(InputError, match="can enter as sequence. Received: 'electrodes'"):
        parts.as_sequence(parts.vector_input(unknown), unknown, "electrodes")


@pytest.mark.parametrize(("pool_size", "lengths"), [(2, [3, 2, 1, 1]), (3, [2, 1, 1, 1])])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_pooling_ends_at_one_step_and_never_crashes(pooling, pool_size, lengths):
    x = keras.Input((6, 3))
    seen = []
    for _ in range(4):
        x = parts.convolution_block(x, filters=4, kernel_size=7, pooling=pooling, pool_size=pool_size)
        seen.append(x.shape[1])
    assert seen == lengths


def layer_names(model):
    return [type(layer).__name__ for layer in model.layers]


def test_a_convolution_block_has_its_layers_in_order():
    inputs = keras.Input((6, 3))
    block = parts.convolution_block(
        inputs, filters=4, kernel_size=3, pooling="average", dropout_rate=0.1, batch_norm=True, l2=0.1
    )
    model = keras.Model(inputs, block)
    assert layer_names(model)[1:] == ["Conv1D", "BatchNormalization", "Activation", "AveragePooling1D", "Dropout"]
    assert not model.layers[1].use_bias
    assert model.layers[1].kernel_regularizer.l2 == pytest.approx(0.1)


def test_a_rate_of_zero_adds_no_layer():
    inputs = keras.Input((6, 3))
    assert parts.dropout(inputs, 0.0) is inputs
    assert layer_names(keras.Model(inputs, parts.lstm(inputs, units=2)))[1:] == ["Bidirectional"]
    assert layer_names(keras.Model(inputs, parts.lstm(inputs, units=2, bidirectional=False)))[1:] == ["LSTM"]


def test_dropout_before_an_lstm_drops_the_same_values_at_every_step():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 50))
    model = keras.Model(inputs, parts.lstm(inputs, units=2, dropout_rate=0.5))
    before = keras.Model(inputs, model.layers[1].output)
    values = np.asarray(before(np.ones((1, 6, 50), dtype=np.float32), training=True))[0]
    assert 5 < (values[0] == 0).sum() < 45
    np.testing.assert_array_equal(values, np.tile(values[0], (6, 1)))


@pytest.mark.parametrize(("kind", "expected"), [("average", [2.0]), ("max", [3.0]), ("flatten", [1.0, 2.0, 3.0])])
def test_pooling_over_a_sequence(kind, expected):
    inputs = keras.Input((3, 1))
    model = keras.Model(inputs, parts.global_pooling(inputs, kind))
    np.testing.assert_allclose(np.asarray(model(np.array([[[1.0], [2.0], [3.0]]])))[0], expected)


@pytest.mark.parametrize("name", parts.OPTIMIZERS)
def test_every_optimizer_takes_its_rate_and_decay(name):
    made = parts.optimizer(name, 0.02, weight_decay=0.3)
    assert type(made).__name__.lower() == name
    assert float(made.learning_rate) == pytest.approx(0.02)
    assert made.weight_decay == 0.3
    assert not parts.optimizer(name, 0.02).weight_decay


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("name", parts.OPTIMIZERS)
def test_weight_decay_leaves_biases_and_scales_alone(name, tmp_path):
    inputs = keras.Input((6, 3))
    x = parts.convolution_block(inputs, filters=2, kernel_size=3, batch_norm=True)
    x = parts.dense_block(parts.lstm(x, units=2), units=2)
    model = keras.Model(inputs, x)
    model.compile(optimizer=parts.optimizer(name, 0.1, weight_decay=0.5), loss="mse")
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    # Without a gradient, a step is the decay alone.
    weights = model.trainable_variables
    model.optimizer.apply([keras.ops.zeros(variable.shape) for variable in weights], weights)
    after = {variable.path: float(np.asarray(variable).min()) for variable in model.trainable_variables}
    decayed = {path.split("/")[-1] for path, value in after.items() if value < 1}
    kept = {path.split("/")[-1] for path, value in after.items() if value == 1}
    assert decayed == {"kernel", "recurrent_kernel"}
    assert kept == {"bias", "gamma", "beta"}
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(loaded.optimizer) is type(model.optimizer)
    assert loaded.optimizer.weight_decay == 0.5


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(InputError, match="one of adam, adamw, rmsprop. Received: 'sgd'"):
        parts.optimizer("sgd", 0.1)


def test_label_smoothing_changes_the_loss_as_defined(problem):
    inputs = parts.vector_input(problem)
    model = parts.classifier(inputs, inputs, problem, optimizer=parts.optimizer("adam", 0.1), label_smoothing=0.3)
    probabilities = np.array([[0.7, 0.2, 0.1]])
    smoothed = np.array([0.8, 0.1, 0.1])  # 0.3 is spread over the three classes
    expected = -(smoothed * np.log(probabilities[0])).sum()
    assert float(model.loss(np.array([[1.0, 0.0, 0.0]]), probabilities)) == pytest.approx(expected, rel=1e-5)


# The widest network that the blocks can make, on the real vector.
LOADER = """
import sys
import numpy as np
import keras
model = keras.saving.load_model(sys.argv[1], safe_mode=True)
given = np.load(sys.argv[2])
np.save(sys.argv[3], model.predict(given, verbose=0))
assert not [name for name in sys.modules if name.startswith("emotune")]
"""


# Keras 3.15 asks its variables for an array in the way of NumPy 1.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_model_predicts_the_same_in_a_process_without_emotune(tmp_path):
    problem = Problem((STANDARD.n_features,), 5, STANDARD)
    inputs = parts.vector_input(problem)
    x, beside = parts.as_sequence(parts.dropout(inputs, 0.1), problem, "electrodes")
    x = parts.convolution_block(x, filters=4, kernel_size=3, dropout_rate=0.1, batch_norm=True, l2=1e-4)
    x = parts.lstm(x, units=3, dropout_rate=0.1)
    x = parts.dense_block(parts.as_vector(x, beside), units=8, dropout_rate=0.1)
    made = parts.optimizer("adamw", 1e-3, weight_decay=0.1)
    model = parts.classifier(inputs, x, problem, optimizer=made, label_smoothing=0.1)
    given = np.random.default_rng(0).normal(size=(7, STANDARD.n_features)).astype(np.float32)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "given.npy", given)
    paths = [str(tmp_path / name) for name in ("model.keras", "given.npy", "predicted.npy")]
    # -I: neither this project's folder nor PYTHONPATH can be imported from.
    done = subprocess.run([sys.executable, "-I", "-c", LOADER, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(paths[2]), model.predict(given, verbose=0), atol=1e-6)
