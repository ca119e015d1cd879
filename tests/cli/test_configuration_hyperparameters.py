import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.cli.constants import (
    CONSTANTS,
    EXTRA,
    constants_of,
    hyperparameters_of,
    in_words_of_constants,
    storable,
)
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
        # A space of the user's own may mean another kind of value by the name.
        values |= st.sampled_from([0, 1, 7.5, -1, "", "before", True])
        if constant.counted_by:
            names = [f"{constant.hyperparameter}_{i}" for i in range(counts[constant.counted_by])]
        else:
            names = [constant.hyperparameter]
        winner.update({name: draw(values) for name in names if draw(st.booleans())})
    odd = st.sampled_from([-1, "few", True, 10**9])
    winner.update({name: draw(st.just(counts[name]) | odd) for name in COUNTS if draw(st.booleans())})
    if draw(st.booleans()):
        winner["use_lstm"] = draw(st.booleans() | st.sampled_from(["no", 1]))
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
    changed = _constants({"learning_rate": 0.25, **CURRENT[EXTRA]})
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
    assert list(changed[EXTRA].items()) == [("activation", "gelu"), ("depth", 3)]


def test_an_extra_one_that_a_constant_now_covers_is_dropped():
    current = {EXTRA: {"cnn_filters_1": 8}}
    changed = _constants({"cnn_blocks": 2, "cnn_filters_0": 32, "cnn_filters_1": 64}, current)
    assert changed[EXTRA] == {}
    assert hyperparameters_of({**CURRENT, **changed})["cnn_filters_1"] == 64


@pytest.mark.parametrize(
    "best",
    [
        {"batch_norm": "before"},
        {"dense_layers": 1, "dense_units_0": "wide"},
        {"input_dropout": 1},
        {"batch_size": 32.5},
        {"learning_rate": "fast"},
        {"cnn_blocks": -1},
        {"cnn_blocks": 10**9},
        {"dense_layers": True},
        {"use_lstm": "no"},
        {"lstm_units": 0},
        {"l2": 10**400},
    ],
)
def test_a_value_that_its_constant_cannot_hold_overrides_it_from_the_extra_ones(best):
    changed = _constants(best)
    own = {name: value for name, value in best.items() if name != "dense_layers" or value is True}
    assert changed[EXTRA] == own
    assert {name for name, value in changed.items() if value != CURRENT[name]} == {EXTRA}
    back = hyperparameters_of({**CURRENT, **changed})
    assert {name: back[name] for name in best} == best


def test_an_extra_one_that_the_next_winner_does_not_use_is_taken_out():
    first = _constants({"learning_rate": 0.1, "gate": "soft"})
    assert first[EXTRA] == {"gate": "soft"}
    assert _constants({"learning_rate": 0.2}, first)[EXTRA] == {}


def test_a_value_that_fits_again_takes_the_extra_one_out():
    changed = _constants({"batch_norm": False}, {EXTRA: {"batch_norm": "before"}})
    assert (changed["BATCH_NORM"], changed[EXTRA]) == (False, {})


def test_a_whole_number_where_any_number_goes_is_converted():
    changed = _constants({"input_dropout": 0, "learning_rate": 1})
    assert (changed["INPUT_DROPOUT"], changed["LEARNING_RATE"]) == (0.0, 1.0)
    assert {type(changed[name]) for name in ("INPUT_DROPOUT", "LEARNING_RATE")} == {float}
    assert changed[EXTRA] == {}


def test_an_lstm_that_a_winner_has_without_units_of_its_own_keeps_the_switch():
    back = hyperparameters_of({**CURRENT, **_constants({"use_lstm": True, "lstm_units": 0})})
    assert (back["use_lstm"], back["lstm_units"]) == (True, 0)


@pytest.mark.parametrize("best", [{"own": float("nan")}, {"own": {"a": 1}}, {"cnn_blocks": 1, "cnn_filters_0": None}])
def test_what_no_file_can_hold_is_refused(best):
    with pytest.raises(InputError, match="`EXTRA_HYPERPARAMETERS` must be a dict"):
        _constants(best)
    assert storable({"batch_size": 8, **best}) == {
        "batch_size": 8, **{name: value for name, value in best.items() if type(value) is int}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Hyperparameter `vector_entry` must be one of 'windows'.", "`VECTOR_ENTRY` must be one of 'windows'."),
        ("Hyperparameter `dense_units_1` must be a number.", "`DENSE_UNITS[1]` must be a number."),
        ("Hyperparameter `cnn_blocks` must be less.", "`len(CNN_FILTERS)` must be less."),
        ("asks for hyperparameter `use_lstm`, which", "asks for `LSTM_UNITS`, which"),
        ("asks for hyperparameter `gate`, which", "asks for hyperparameter `gate`, which"),
        ("Hyperparameter `activation` must", "`EXTRA_HYPERPARAMETERS['activation']` must"),
    ],
)
def test_messages_name_the_constants(message, words):
    assert in_words_of_constants(message, CURRENT) == words
