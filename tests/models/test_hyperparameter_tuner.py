"""The user's space as it ships: every branch builds, trains and reloads; the guide's ranges lie within."""

import random
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from emotune.features.layout import STANDARD, Layout
from emotune.models.arguments import FitArguments
from emotune.models.problem import Problem
from emotune.models.training import train
from emotune.search.space import Defaults, Exploration, HyperParameters, Parameter, Replay
from hyperparameter_tuner import EmotionHyperModel

FOUR_ELECTRODES = Layout(("TP9", "AF7", "AF8", "TP10"), STANDARD.bands_hz, (("AF8", "AF7"),))

PROBLEMS = {
    "vector": Problem((STANDARD.n_features,), 5, STANDARD),
    "four electrodes": Problem((FOUR_ELECTRODES.n_features,), 3, FOUR_ELECTRODES),
    "no layout": Problem((13,), 2, None),
    "one feature": Problem((1,), 2, None),
    "windows": Problem((6, STANDARD.n_features), 5, STANDARD),
    "windows without layout": Problem((3, 4), 2, None),
}
SMALL = ("cnn_filters", "dense_units", "lstm_units")


class SmallUnits(Exploration):
    """Random values, with the sizes at their smallest: shapes and branches are what is looked at."""

    def __init__(self, source: random.Random, seen: set[Any]) -> None:
        super().__init__(source, seen)
        self._random = self._propose
        self._propose = self._small

    def _small(self, parameter: Parameter) -> object:
        return int(parameter.low or 0) if parameter.name.startswith(SMALL) else self._random(parameter)


def explored(problem: Problem, n: int) -> list[tuple[Any, HyperParameters]]:
    seen: set[Any] = set()
    source = random.Random(0)
    built = []
    for _ in range(n):
        hp = SmallUnits(source, seen)
        model = EmotionHyperModel(problem).build_model(hp)
        FitArguments.read(EmotionHyperModel(problem).fit_arguments(hp))
        built.append((model, hp))
    return built


@pytest.mark.parametrize("name", PROBLEMS)
def test_thirty_random_networks_have_the_shape_of_the_problem(name):
    problem = PROBLEMS[name]
    for model, _ in explored(problem, 30 if name == "vector" else 12):
        assert model.input_shape == (None, *problem.input_shape)
        assert model.output_shape == (None, problem.n_classes)
        assert model.compiled
    keras.backend.clear_session()


def test_thirty_networks_show_every_branch():
    parameters: dict[str, Parameter] = {}
    for _, hp in explored(PROBLEMS["vector"], 30):
        parameters |= hp.parameters
    keras.backend.clear_session()
    assert {
        *("l2", "input_dropout", "cnn_blocks", "use_lstm", "vector_entry", "batch_norm", "lstm_units"),
        *("lstm_bidirectional", "lstm_dropout", "global_pooling", "dense_layers", "optimizer", "learning_rate"),
        *("weight_decay", "label_smoothing", "class_balance", "batch_size"),
        *(
            f"{name}_{i}"
            for name in ("cnn_filters", "kernel_size", "pooling", "pool_size", "cnn_dropout")
            for i in range(4)
        ),
        *(f"{name}_{i}" for name in ("dense_units", "dense_dropout") for i in range(3)),
    } == set(parameters)

    def values(name: str) -> set[Any]:
        parameter = parameters[name]
        return {parameter.value_at(i) for i in range(int(parameter.n_values))}

    # The guide's own ranges are inside.
    assert {2, 3, 4} <= values("cnn_blocks")
    assert {32, 64, 128, 256} <= values("cnn_filters_3")
    assert {3, 5, 7} == values("kernel_size_0")
    assert ({"max", "average"}, {2, 3}) == (values("pooling_0"), values("pool_size_0"))
    assert {64, 128, 256} <= values("lstm_units")
    assert {1, 2, 3} <= values("dense_layers")
    assert {64, 512} <= values("dense_units_2")
    assert {16, 32, 64} == values("batch_size")
    assert {"adam", "adamw", "rmsprop"} == values("optimizer")
    rate = parameters["learning_rate"]
    assert (rate.low, rate.high, rate.log) == (1e-5, 1e-2, True)


def rows(problem: Problem, n: int) -> Any:
    source = np.random.default_rng(0)
    inputs = source.normal(size=(n, *problem.input_shape)).astype(np.float32)
    return inputs, np.arange(n) % problem.n_classes


@pytest.mark.parametrize("name", ["vector", "windows"])
def test_the_default_network_trains_on_the_fast_engine(name, fake_metric):
    hp = Defaults()
    hypermodel = EmotionHyperModel(PROBLEMS[name])
    model, arguments = hypermodel.build_model(hp), hypermodel.fit_arguments(hp)
    fit = train(
        model,
        *rows(PROBLEMS[name], 40),
        *rows(PROBLEMS[name], 10),
        metric=fake_metric(),
        epochs=2,
        patience=9,
        fit_arguments=arguments,
        seed=0,
    )
    assert (fit.engine, len(fit.losses)) == ("graph", 2)


LARGE = {
    "l2": 1e-4, "input_dropout": 0.1, "cnn_blocks": 2, "use_lstm": True, "vector_entry": "electrodes",
    "batch_norm": True, "cnn_filters_0": 16, "kernel_size_0": 5, "pooling_0": "average", "pool_size_0": 3,
    "cnn_dropout_0": 0.1, "cnn_filters_1": 16, "kernel_size_1": 7, "pooling_1": "max", "pool_size_1": 2,
    "cnn_dropout_1": 0.0, "lstm_units": 16, "lstm_bidirectional": True, "lstm_dropout": 0.2, "dense_layers": 2,
    "dense_units_0": 32, "dense_dropout_0": 0.3, "dense_units_1": 16, "dense_dropout_1": 0.0, "optimizer": "rmsprop",
    "learning_rate": 1e-3, "label_smoothing": 0.1, "class_balance": "batches", "batch_size": 16,
}  # fmt: skip


def test_known_values_build_the_same_network_again():
    weights = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        hp = Replay(LARGE)
        hypermodel = EmotionHyperModel(PROBLEMS["vector"])
        model, arguments = hypermodel.build_model(hp), hypermodel.fit_arguments(hp)
        assert (hp.unused, dict(hp.values)) == ((), LARGE)
        assert arguments == {"batch_size": 16, "class_weight": None, "balanced_batches": True}
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_kinds_of_class_balance():
    def said(balance: str) -> Any:
        hp = SimpleNamespace(Choice=lambda name, values, default=None: balance if name == "class_balance" else 32)
        return EmotionHyperModel(PROBLEMS["vector"]).fit_arguments(hp)

    assert said("weights") == {"batch_size": 32, "class_weight": "balanced", "balanced_batches": False}
    assert said("batches") == {"batch_size": 32, "class_weight": None, "balanced_batches": True}
    assert said("none") == {"batch_size": 32, "class_weight": None, "balanced_batches": False}


# Keras 3.15 asks its variables for an array in the way of NumPy 1.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("name", ["vector", "no layout", "windows"])
def test_networks_reload_in_safe_mode_and_predict_the_same(name, tmp_path):
    problem = PROBLEMS[name]
    given, _ = rows(problem, 5)
    for model, _ in explored(problem, 5):
        model.optimizer.build(model.trainable_variables)  # as after training
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        np.testing.assert_allclose(again(given), model(given), atol=1e-6)
    keras.backend.clear_session()
