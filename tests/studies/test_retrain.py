"""The retrain: two networks, one opening of the test part, and what is said about them."""

import json

import pytest

from emotune.evaluation.ledger import LEDGER, Ledger
from emotune.evaluation.metrics import metric_named
from emotune.search.hypermodel import load_hypermodel
from emotune.search.space import Defaults, Replay
from emotune.studies.retrain import evaluate, sentence, train_configuration

METRIC = metric_named("balanced_accuracy")
SMALL = """
import keras

class EmotionHyperModel:
    def __init__(self, problem):
        self.problem = problem

    def build_model(self, hp):
        inputs = keras.Input(self.problem.input_shape)
        x = keras.layers.Dense(hp.Int("units", 1, 16, default=8), activation="relu")(inputs)
        outputs = keras.layers.Dense(self.problem.n_classes, activation="softmax")(x)
        model = keras.Model(inputs, outputs)
        model.compile(keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-1, sampling="log", default=1e-2)),
                      "sparse_categorical_crossentropy")
        return model
"""
SETTINGS = {"metric": METRIC, "epochs": 15, "patience": 15, "seed": 5}


@pytest.fixture
def hypermodel(tmp_path, prepared):
    path = tmp_path / "hyperparameter_tuner.py"
    path.write_text(SMALL, encoding="utf-8")
    return load_hypermodel(path, prepared.problem)


@pytest.fixture
def measured(tmp_path, hypermodel, prepared):
    default = train_configuration(hypermodel, Defaults(), prepared, **SETTINGS)
    configured = train_configuration(hypermodel, Replay({"units": 4, "learning_rate": 0.02}), prepared, **SETTINGS)
    return evaluate(default, configured, prepared, metric=METRIC, ledger=Ledger(tmp_path), provenance={"seed": 5})


def test_what_the_evaluation_holds(measured, prepared, tmp_path):
    content = json.loads(json.dumps(measured, allow_nan=False))
    assert content["configured"]["hyperparameters"] == {"units": 4, "learning_rate": 0.02}
    assert content["default"]["hyperparameters"]["units"] == 8
    assert set(content["default"]["per_person"]) == set(prepared.split.people["test"])
    assert content["n_windows"] == content["default"]["n"] == len(prepared.split.test)
    assert content["default"]["majority"]["balanced_accuracy"] == pytest.approx(0.5)
    assert not content["same_configuration"]
    # Two well separated classes: anything near chance would be a bug.
    assert content["default"]["balanced_accuracy"] > 0.6


def test_each_opening_of_the_test_part_is_counted(measured, prepared, tmp_path):
    assert measured["openings"] == 1
    assert len((tmp_path / LEDGER).read_text(encoding="utf-8").splitlines()) == 1
    assert Ledger(tmp_path).record(prepared.split, data="toy", why="again") == 2
    assert "again" in (tmp_path / LEDGER).read_text(encoding="utf-8")


def test_the_same_seed_trains_the_same_network(hypermodel, prepared):
    first, second = (train_configuration(hypermodel, Defaults(), prepared, **SETTINGS) for _ in range(2))
    assert first.fit.scores == second.fit.scores
    assert first.fit.losses == second.fit.losses


def evaluation(difference, low, high, p_value=0.04, same=False, maximise=True):
    interval = {"low": low, "high": high}
    return {
        "metric": "balanced_accuracy",
        "maximise": maximise,
        "same_configuration": same,
        "configured_minus_default": {
            "mean_difference": difference, "interval": interval, "p_value": p_value, "n": 8
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (evaluation(0.1, 0.02, 0.18), "better than the default one (+0.100"),
        (evaluation(-0.1, -0.18, -0.02), "worse than the default one"),
        (evaluation(-0.1, -0.18, -0.02, maximise=False), "better than the default one"),
        (evaluation(0.1, -0.02, 0.2), "the default is as good as far as these people can tell"),
        (evaluation(0.1, None, None, None), "no interval can be given"),
        (evaluation(0.0, None, None, None, same=True), "there is nothing to compare"),
        (evaluation(None, None, None, None), "Too little is known"),
    ],
)
def test_the_sentence_is_as_ready_for_a_loss_as_for_a_gain(content, said):
    assert said in sentence(content)
