import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.cli.constants import CONSTANTS, EXTRA, constants_of, hyperparameters_of
from emotune.errors import InputError

CURRENT = {constant.name: constant.example for constant in CONSTANTS}
TUNED = [constant for constant in CONSTANTS if constant.hyperparameter]
COUNTS = sorted({constant.counted_by for constant in TUNED if constant.counted_by})


def _constants(hyperparameters, current=None):
    return constants_of(hyperparameters, {**CURRENT, **(current or {})}, where="best.json")


@st.composite
def winners(draw):
    """Hyperparameters as a search could end with: of each name some, of each layer some."""
    winner = {}
    counts = {name: draw(st.integers(0, 4)) for name in COUNTS}
    for constant in TUNED:
        item = constant.example[0] if constant.counted_by else constant.example
        values = {
            bool: st.booleans(),
            int: st.integers(1, 512),
            float: st.floats(0.0, 0.99, exclude_min=True),
            str: st.sampled_from(["a", "b b", "'\"\n"]),
        }[type(item)]
        if constant.counted_by:
            names = [f"{constant.hyperparameter}_{i}" for i in range(counts[constant.counted_by])]
        else:
            names = [constant.hyperparameter]
        winner.update({name: draw(values) for name in names if draw(st.booleans())})
    winner.update({name: counts[name] for name in COUNTS if draw(st.booleans())})
    if draw(st.booleans()):
        winner["use_lstm"] = draw(st.booleans())
    extra = st.dictionaries(st.sampled_from(["activation", "x_0", "cnn_filters_9"]), st.booleans() | st.text())
    return winner | draw(extra)


@settings(max_examples=300, deadline=None)
@given(winners())
def test_every_hyperparameter_of_a_winner_comes_back_from_the_constants(winner):
    given_back = hyperparameters_of({**CURRENT, **_constants(winner)})
    assert {name: given_back[name] for name in winner} == winner
    # True == 1: types must come back too.
    assert {name: isinstance(given_back[name], bool) for name in winner} == {
        name: isinstance(value, bool) for name, value in winner.items()
    }


def test_constants_that_a_winner_says_nothing_about_stay():
    changed = _constants({"learning_rate": 0.25})
    assert {name for name, value in changed.items() if value != CURRENT[name]} == {"LEARNING_RATE"}


def test_a_layer_that_was_not_there_keeps_what_is_configured():
    current = {"DENSE_UNITS": [16], "DENSE_DROPOUTS": [0.3, 0.4]}
    assert _constants({"dense_layers": 2, "dense_units_1": 8}, current)["DENSE_UNITS"] == [16, 8]
    current = {"KERNEL_SIZES": [7, 5], "CNN_FILTERS": [8, 16], "POOL_SIZES": [2, 3, 2, 2]}
    changed = _constants({"cnn_blocks": 3, "cnn_filters_0": 32, "cnn_filters_1": 64, "cnn_filters_2": 128}, current)
    assert changed["CNN_FILTERS"] == [32, 64, 128]
    # Both say it already: the last value serves further layers, and surplus ones none.
    assert changed["KERNEL_SIZES"] == [7, 5]
    assert changed["POOL_SIZES"] == [2, 3, 2, 2]


def test_layers_without_any_configured_value_get_the_example():
    current = {constant.name: [] for constant in TUNED if constant.counted_by == "cnn_blocks"}
    changed = _constants({"cnn_blocks": 2}, current)
    assert (changed["CNN_FILTERS"], changed["KERNEL_SIZES"]) == ([32, 32], [3, 3])


def test_a_list_that_differs_gets_a_value_for_each_layer():
    best = {"cnn_blocks": 3, "kernel_size_0": 3, "kernel_size_1": 5, "kernel_size_2": 5}
    assert _constants(best, {"KERNEL_SIZES": [3]})["KERNEL_SIZES"] == [3, 5, 5]


def test_the_number_of_layers_may_be_nobodys_hyperparameter():
    changed = _constants({"dense_units_0": 64, "dense_units_1": 32})
    assert changed["DENSE_UNITS"] == [64, 32]
    assert changed["DENSE_DROPOUTS"] == [0.5]


def test_no_lstm_sets_its_units_to_zero_and_leaves_its_dropout():
    changed = _constants({"use_lstm": False}, {"LSTM_UNITS": 128, "LSTM_DROPOUT": 0.4})
    assert (changed["LSTM_UNITS"], changed["LSTM_DROPOUT"]) == (0, 0.4)


def test_an_lstm_without_searched_units_has_some():
    assert _constants({"use_lstm": True}, {"LSTM_UNITS": 0})["LSTM_UNITS"] > 0
    assert _constants({"use_lstm": True}, {"LSTM_UNITS": 96})["LSTM_UNITS"] == 96


def test_what_no_constant_covers_goes_to_the_extra_ones():
    changed = _constants({"activation": "gelu", "depth": 3}, {EXTRA: {"own": True, "activation": "relu"}})
    assert changed[EXTRA] == {"own": True, "activation": "gelu", "depth": 3}


def test_an_extra_one_that_a_constant_now_covers_is_dropped():
    current = {EXTRA: {"cnn_filters_1": 8}}
    changed = _constants({"cnn_blocks": 2, "cnn_filters_0": 32, "cnn_filters_1": 64}, current)
    assert changed[EXTRA] == {}
    assert hyperparameters_of({**CURRENT, **changed})["cnn_filters_1"] == 64


@pytest.mark.parametrize(
    ("best", "message"),
    [
        ({"learning_rate": "fast"}, "`LEARNING_RATE` must be a number above 0. Received: 'fast' from best.json"),
        ({"batch_size": 32.5}, "`BATCH_SIZE` must be a whole number from 1"),
        ({"cnn_blocks": 1, "cnn_filters_0": None}, "`CNN_FILTERS` must be a list"),
        ({"cnn_blocks": -1}, "`cnn_blocks` must be a whole number from 0 to 100. Received: -1 from best.json"),
        ({"cnn_blocks": 10**9}, "`cnn_blocks` must be a whole number from 0 to 100"),
        ({"dense_layers": True}, "`dense_layers` must be a whole number from 0 to 100"),
        ({"own": float("nan")}, "`EXTRA_HYPERPARAMETERS` must be a dict"),
        ({"own": {"a": 1}}, "`EXTRA_HYPERPARAMETERS` must be a dict"),
        ({"use_lstm": True, "lstm_units": 0}, "`use_lstm` does not go with the others. Received: True from best.json"),
    ],
)
def test_a_winner_that_fits_no_constant_is_refused(best, message):
    with pytest.raises(InputError, match=message):
        _constants(best)
