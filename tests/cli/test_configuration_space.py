"""The constants of src/config.py and the space of src/hyperparameter_tuner.py say the same things."""

import random
from pathlib import Path

import pytest

from emotune.cli.constants import CONSTANTS, EXTRA, constants_of, hyperparameters_of
from emotune.features.layout import STANDARD
from emotune.models.problem import Problem
from emotune.search.hypermodel import build, load_hypermodel
from emotune.search.space import Defaults, Exploration, HyperParameters, Replay

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def hypermodel():
    return load_hypermodel(ROOT / "src/hyperparameter_tuner.py", Problem((STANDARD.n_features,), 5, STANDARD))


def _defaults_except(hypermodel, **chosen):
    hp = HyperParameters(lambda parameter: chosen.get(parameter.name, parameter.default))
    build(hypermodel, hp)
    return hp


def test_the_configured_network_is_the_default_one(shipped, hypermodel):
    hp = Defaults()
    model, arguments = build(hypermodel, hp)
    configured = shipped.hyperparameters
    assert {name: configured[name] for name in hp.values} == hp.values
    replayed, same_arguments = build(hypermodel, Replay(configured, strict=False))
    assert replayed.count_params() == model.count_params()
    assert same_arguments == arguments


@pytest.mark.parametrize(
    "chosen", [{"cnn_blocks": 2}, {"cnn_blocks": 1, "use_lstm": True}, {"dense_layers": 3}, {"optimizer": "adamw"}]
)
def test_what_the_default_network_does_not_use_has_its_default_too(shipped, hypermodel, chosen):
    hp = _defaults_except(hypermodel, **chosen)
    used = {name: value for name, value in hp.values.items() if name not in chosen}
    # The lists that count layers have no more values than layers; those that follow them have one to go on with.
    changed = constants_of(hp.values, shipped.values, where="the space")
    counting = {"CNN_FILTERS", "DENSE_UNITS", "LSTM_UNITS", "OPTIMIZER"}
    assert {name: value for name, value in changed.items() if name not in counting} == {
        name: shipped.values[name] for name in changed if name not in counting
    }
    assert used


def test_every_hyperparameter_of_the_space_has_a_constant(shipped, hypermodel):
    seen, source, names = set(), random.Random(0), set()
    for _ in range(12):
        hp = Exploration(source, seen)
        build(hypermodel, hp)
        changed = constants_of(hp.values, shipped.values, where="the space")
        assert changed[EXTRA] == {}
        back = hyperparameters_of({**shipped.values, **changed})
        assert {name: back[name] for name in hp.values} == hp.values
        names |= {name.rstrip("0123456789").rstrip("_") for name in hp.values}
    ours = (
        {c.hyperparameter for c in CONSTANTS} | {c.counted_by for c in CONSTANTS} | {c.switched_by for c in CONSTANTS}
    )
    # And the other way round: no constant stands for something that the space never asks for.
    assert ours - {""} == {name if name != "l" else "l2" for name in names}


def test_an_edited_constant_changes_the_network(shipped, hypermodel):
    before, _ = build(hypermodel, Replay(shipped.hyperparameters, strict=False))
    wider = shipped.overridden({"DENSE_UNITS": [96], "CNN_FILTERS": [24, 40]})
    after, _ = build(hypermodel, Replay(wider.hyperparameters, strict=False))
    assert {layer.units for layer in after.layers if hasattr(layer, "units")} == {96, 5}
    assert [layer.filters for layer in after.layers if hasattr(layer, "filters")] == [24, 40]
    assert [layer.filters for layer in before.layers if hasattr(layer, "filters")] == []
