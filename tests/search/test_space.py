"""The space: declared by asking, checked on every answer, replayed exactly."""

import math
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.errors import InputError
from emotune.search.space import Defaults, Exploration, HyperParameters, Parameter, Replay


def fixed_answers(**values):
    """A tuner that answers each name with what the test says."""
    return HyperParameters(lambda parameter: values[parameter.name])


class TestTheWords:
    def test_each_word_gives_its_own_type(self):
        hp = fixed_answers(n=3, rate=0.25, kind="b", flag=True)
        assert type(hp.Int("n", 1, 4)) is int
        assert type(hp.Float("rate", 0, 1)) is float
        assert hp.Choice("kind", ["a", "b"]) == "b"
        assert hp.Boolean("flag") is True
        assert hp.Fixed("classes", 5) == 5
        assert hp.values == {"n": 3, "rate": 0.25, "kind": "b", "flag": True, "classes": 5}
        assert [parameter.kind for parameter in hp.parameters.values()] == [
            "int",
            "float",
            "choice",
            "boolean",
            "fixed",
        ]

    def test_the_first_value_is_the_default_unless_one_is_given(self):
        hp = Defaults()
        assert hp.Int("n", 2, 5) == 2
        assert hp.Float("rate", 0.5, 1.0) == 0.5
        assert hp.Choice("kind", ["a", "b"]) == "a"
        assert hp.Boolean("flag") is False
        assert (hp.Int("m", 2, 5, default=4), hp.Choice("k", ["a", "b"], default="b"), hp.Boolean("f", True)) == (
            4,
            "b",
            True,
        )

    def test_a_tuner_is_asked_once_a_name(self):
        asked = []
        hp = HyperParameters(lambda parameter: asked.append(parameter.name) or 2)
        assert hp.Int("n", 1, 4) == hp.Int("n", 1, 4) == 2
        assert asked == ["n"]

    def test_a_tuner_is_not_asked_for_what_is_fixed(self):
        hp = HyperParameters(lambda parameter: pytest.fail("asked"))
        assert hp.Fixed("optimizer", "adam") == "adam"

    def test_only_names_that_were_used_are_recorded(self):
        hp = fixed_answers(blocks=1, units_0=8)
        for i in range(hp.Int("blocks", 0, 3)):
            hp.Int(f"units_{i}", 8, 16)
        assert set(hp.values) == {"blocks", "units_0"}

    def test_get_and_in_know_what_was_asked_for(self):
        hp = Defaults()
        hp.Int("n", 2, 5)
        assert hp.get("n") == 2
        assert "n" in hp
        assert "m" not in hp
        with pytest.raises(InputError, match="No hyperparameter `m` yet. Asked for so far: n"):
            hp.get("m")

    def test_keras_tuner_s_ordered_is_accepted(self):
        assert Defaults().Choice("size", [16, 32], ordered=True) == 16

    def test_whole_numbers_among_numbers_become_numbers(self):
        assert type(Defaults().Choice("rate", [0, 0.5])) is float


class TestTheLattice:
    @pytest.mark.parametrize("value", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    def test_steps_of_a_tenth_are_exact_and_reach_both_ends(self, value):
        parameter = Parameter("x", "float", 0.1, low=0.1, high=0.7, step=0.1)
        assert parameter.n_values == 7
        values = [parameter.value_at(index) for index in range(7)]
        assert value in values
        assert 0.30000000000000004 not in values
        assert fixed_answers(x=value + 1e-13).Float("x", 0.1, 0.7, step=0.1) == value

    def test_a_step_that_does_not_divide_the_range_ends_below_it(self):
        parameter = Parameter("n", "int", 1, low=1, high=10, step=4)
        assert [parameter.value_at(index) for index in range(int(parameter.n_values))] == [1, 5, 9]
        with pytest.raises(InputError, match="from 1 to 10 in steps of 4"):
            parameter.checked(10)

    @pytest.mark.parametrize("value", [0.15, 0.05, 0.75, 0.8])
    def test_a_value_between_steps_or_outside_is_refused(self, value):
        with pytest.raises(InputError, match="must be a number from 0.1 to 0.7 in steps of 0.1. Received"):
            fixed_answers(x=value).Float("x", 0.1, 0.7, step=0.1)

    def test_a_range_of_one_value_has_one_value(self):
        assert Parameter("x", "float", 0.5, low=0.5, high=0.5).n_values == 1
        assert Parameter("n", "int", 3, low=3, high=3).n_values == 1
        assert Parameter("x", "float", 0.5, low=0.5, high=0.6).n_values == math.inf


class TestRefused:
    @pytest.mark.parametrize(
        ("declare", "message"),
        [
            (lambda hp: hp.Int("n", 5, 2), "must not end below its start"),
            (lambda hp: hp.Int("n", 1, 2.5), "must be whole numbers"),
            (lambda hp: hp.Int("n", True, 4), "must be whole numbers"),
            (lambda hp: hp.Float("x", 0, math.inf), "must be numbers"),
            (lambda hp: hp.Float("x", "0", 1), "must be numbers"),
            (lambda hp: hp.Float("x", 0, 1, step=0), "step of `x` must be above 0"),
            (lambda hp: hp.Float("x", 0, 1, sampling="log"), "must start above 0"),
            (lambda hp: hp.Float("x", 1, 2, sampling="exponential"), "must be 'linear' or 'log'"),
            (lambda hp: hp.Int("n", 1, 64, step=2, sampling="log"), "both a step and logarithmic sampling"),
            (lambda hp: hp.Float("x", 1, 2, step=0.5, sampling="log"), "both a step and logarithmic sampling"),
            (lambda hp: hp.Int("n", 1, 4, default=9), "default is not in the space.*Received: 9"),
            (lambda hp: hp.Int("n", 1, 9, step=2, default=4), "default is not in the space"),
            (lambda hp: hp.Int("n", 1, 4, default=2.5), "default is not in the space"),
            (lambda hp: hp.Choice("c", ["a", "b"], default="z"), "default is not in the space"),
            (lambda hp: hp.Choice("c", []), "must be different plain values of one type"),
            (lambda hp: hp.Choice("c", ["a", 1]), "must be different plain values of one type"),
            (lambda hp: hp.Choice("c", [True, 2]), "must be different plain values of one type"),
            (lambda hp: hp.Choice("c", [1, 1.0]), "must be different plain values of one type"),
            (lambda hp: hp.Choice("c", ["a", "a"]), "must be different plain values of one type"),
            (lambda hp: hp.Choice("c", [(32, 64), (64, 128)]), "Choose by a text and look the rest up by it"),
            (lambda hp: hp.Choice("c", [None, "a"]), "must be different plain values of one type"),
            (lambda hp: hp.Choice("c", [1.0, math.inf]), "finite numbers"),
            (lambda hp: hp.Choice("c", [1.0, math.nan]), "finite numbers"),
            (lambda hp: hp.Fixed("f", (3, 3)), "must be text, a finite number or a boolean"),
            (lambda hp: hp.Fixed("f", math.inf), "must be text, a finite number or a boolean"),
            (lambda hp: hp.Int("", 1, 2), "name must be a text"),
            (lambda hp: hp.Int(3, 1, 2), "name must be a text"),
        ],
    )
    def test_a_declaration_that_means_nothing(self, declare, message):
        with pytest.raises(InputError, match=message):
            declare(Defaults())

    @pytest.mark.parametrize(
        "second",
        [
            lambda hp: hp.Int("n", 1, 8),
            lambda hp: hp.Int("n", 1, 4, default=2),
            lambda hp: hp.Float("n", 1, 4),
            lambda hp: hp.Choice("n", [1, 4]),
        ],
    )
    def test_one_name_for_two_things(self, second):
        hp = Defaults()
        hp.Int("n", 1, 4)
        with pytest.raises(InputError, match="`n` is declared twice with different ranges or defaults"):
            second(hp)

    def test_one_name_said_twice_alike_is_one_thing(self):
        hp = Defaults()
        assert hp.Float("x", 0.1, 0.7, step=0.1, default=0.3) == hp.Float("x", 0.1, 0.7, step=0.1, default=3 * 0.1)

    @pytest.mark.parametrize("answer", [None, "2", True, 2.5, math.nan, math.inf, [2], 0, 9])
    def test_an_answer_that_is_not_in_the_space(self, answer):
        with pytest.raises(InputError, match="`n` must be a whole number from 1 to 4. Received"):
            fixed_answers(n=answer).Int("n", 1, 4)

    @pytest.mark.parametrize(("choices", "answer"), [([1, 2], True), ([False, True], 1), (["1", "2"], 1)])
    def test_a_flag_is_no_count_and_a_count_no_text(self, choices, answer):
        with pytest.raises(InputError, match="must be one of"):
            fixed_answers(c=answer).Choice("c", choices)

    def test_a_whole_number_stands_for_the_same_number(self):
        assert fixed_answers(x=1).Float("x", 0, 2) == 1.0
        assert type(fixed_answers(n=2.0).Int("n", 1, 4)) is int


class TestDefaults:
    def test_a_default_that_is_computed_is_put_on_the_lattice(self):
        hp = Defaults()
        assert hp.Float("x", 0.1, 0.7, step=0.1, default=0.1 * 3) == 0.3
        assert hp.parameters["x"].default == 0.3

    def test_a_default_is_of_the_parameter_s_type(self):
        hp = Defaults()
        hp.Float("x", 0, 4, default=1)
        hp.Int("n", 0, 4, default=1.0)
        assert [type(parameter.default) for parameter in hp.parameters.values()] == [float, int]


class TestConditionalScope:
    @staticmethod
    def build(hp):
        kind = hp.Choice("kind", ["cnn", "rnn"], default="cnn")
        with hp.conditional_scope("kind", ["rnn"]):
            units = hp.Int("units", 8, 16)
            deep = hp.Boolean("deep")
            with hp.conditional_scope("deep", True):
                more = hp.Int("more", 1, 3)
        with hp.conditional_scope("kind", "cnn"):
            filters = hp.Int("filters", 4, 8)
        return kind, units, deep, more, filters

    def test_names_inside_a_scope_that_is_not_taken_are_not_recorded(self):
        hp = fixed_answers(kind="cnn", filters=6)
        assert self.build(hp) == ("cnn", 8, False, 1, 6)
        assert hp.values == {"kind": "cnn", "filters": 6}

    def test_scopes_nest(self):
        hp = fixed_answers(kind="rnn", units=16, deep=True, more=3)
        assert self.build(hp) == ("rnn", 16, True, 3, 4)
        assert set(hp.values) == {"kind", "units", "deep", "more"}

    def test_a_scope_ends_where_its_block_fails(self):
        hp = Defaults()
        hp.Choice("kind", ["cnn", "rnn"])
        with pytest.raises(ZeroDivisionError), hp.conditional_scope("kind", "rnn"):
            1 / 0  # noqa: B018
        hp.Int("n", 1, 2)
        assert "n" in hp

    def test_the_parent_must_have_been_asked_for(self):
        with pytest.raises(InputError, match="No hyperparameter `kind` yet"), Defaults().conditional_scope("kind", "a"):
            pass


class TestReplay:
    def test_known_values_come_back(self):
        hp = Replay({"n": 3, "x": 0.5})
        assert (hp.Int("n", 1, 4), hp.Float("x", 0, 1)) == (3, 0.5)
        assert hp.unused == ()

    def test_a_name_that_is_missing_is_named(self):
        with pytest.raises(InputError, match="asks for hyperparameter `m`, which is not among the given values: n"):
            Replay({"n": 3}).Int("m", 1, 4)

    def test_a_name_that_the_user_s_own_values_lack_has_the_space_s_default(self):
        hp = Replay({"n": 3}, strict=False)
        assert (hp.Int("n", 1, 4), hp.Int("m", 1, 4, default=2), hp.Choice("a", ["relu", "elu"])) == (3, 2, "relu")
        assert hp.missing == {"m": 2, "a": "relu"}
        assert hp.values == {"n": 3, "m": 2, "a": "relu"}

    def test_names_that_the_model_never_asks_for_are_left_over(self):
        hp = Replay({"n": 3, "units_1": 8, "units_2": 8})
        hp.Int("n", 1, 4)
        assert hp.unused == ("units_1", "units_2")

    def test_strictly_a_number_outside_the_space_is_refused(self):
        with pytest.raises(InputError, match="from 1 to 4. Received: 9"):
            Replay({"n": 9}).Int("n", 1, 4)

    def test_the_user_s_own_numbers_are_taken_and_said(self):
        hp = Replay({"n": 9, "x": 0.15, "rate": 0.5}, strict=False)
        assert (hp.Int("n", 1, 4), hp.Float("x", 0, 1, step=0.1), hp.Float("rate", 0, 1)) == (9, 0.15, 0.5)
        assert set(hp.outside) == {"n", "x"}
        assert "a whole number from 1 to 4" in hp.outside["n"]

    @pytest.mark.parametrize("value", ["many", True, 2.5, math.nan])
    def test_a_value_of_another_type_is_refused_all_the_same(self, value):
        with pytest.raises(InputError, match="`n` must be a whole number"):
            Replay({"n": value}, strict=False).Int("n", 1, 4)

    def test_a_choice_outside_is_refused_all_the_same(self):
        with pytest.raises(InputError, match="must be one of 'adam', 'sgd'"):
            Replay({"o": "lion"}, strict=False).Choice("o", ["adam", "sgd"])

    def test_what_a_search_recorded_replays_through_the_same_model(self):
        def build(hp):
            for i in range(hp.Int("layers", 0, 3)):
                hp.Int(f"units_{i}", 8, 64, step=8)
            if hp.Boolean("lstm"):
                hp.Float("lstm_dropout", 0.0, 0.5, step=0.1)
            hp.Float("rate", 1e-5, 1e-2, sampling="log")

        source = random.Random(1)
        for _ in range(20):
            searched = HyperParameters(lambda parameter: parameter.draw(source))
            build(searched)
            replayed = Replay(searched.values)
            build(replayed)
            assert replayed.values == searched.values
            assert replayed.unused == ()


class TestExploration:
    def test_a_few_builds_see_branches_that_chance_seldom_opens(self):
        def build(hp):
            if hp.Choice("head", [f"kind_{i}" for i in range(12)]) == "kind_7":
                for i in range(hp.Int("layers", 0, 6)):
                    hp.Int(f"units_{i}", 8, 512)
            if hp.Boolean("lstm") and hp.Boolean("both_ends"):
                hp.Float("rate", 0.0, 1.0)

        missed = 0
        for seed in range(20):
            seen, parameters = set(), {}
            source = random.Random(seed)
            for _ in range(24):
                hp = Exploration(source, seen)
                build(hp)
                parameters.update(hp.parameters)
            assert {"head", "lstm", "layers", "both_ends", "rate"} <= set(parameters)
            missed += "units_0" not in parameters
        # By luck alone it would be missed in 1 of 8 searches: (1 - 6/7/12) ** 24.
        assert missed <= 4

    def test_every_option_comes_before_one_comes_twice(self):
        seen = set()
        source = random.Random(0)
        values = [Exploration(source, seen).Choice("c", list("abcdefgh")) for _ in range(8)]
        assert sorted(values) == list("abcdefgh")

    def test_values_stay_within_their_ranges(self):
        source, seen = random.Random(0), set()
        for _ in range(100):
            hp = Exploration(source, seen)
            assert 1e-5 <= hp.Float("rate", 1e-5, 1e-2, sampling="log") <= 1e-2
            assert hp.Int("units", 16, 512, step=16) % 16 == 0
            assert 1 <= hp.Int("n", 1, 1000, sampling="log") <= 1000


_numbers = st.floats(-1e3, 1e3, allow_nan=False)


@st.composite
def parameters(draw):
    """Any declaration that the five words allow."""
    kind = draw(st.sampled_from(["int", "float", "stepped", "log", "log-int", "choice", "boolean"]))
    hp = HyperParameters(lambda parameter: parameter.default)
    if kind == "int":
        low = draw(st.integers(-1000, 1000))
        hp.Int("p", low, low + draw(st.integers(0, 500)), step=draw(st.none() | st.integers(1, 50)))
    elif kind == "float":
        low = draw(_numbers)
        hp.Float("p", low, low + draw(st.floats(0, 1e3)))
    elif kind == "stepped":
        low, step = draw(st.integers(-50, 50)) / 10, draw(st.sampled_from([0.05, 0.1, 0.25, 0.3, 1.0]))
        hp.Float("p", low, low + step * draw(st.floats(0, 40)), step=step)
    elif kind == "log":
        low = 10 ** draw(st.floats(-8, 2))
        hp.Float("p", low, low * 10 ** draw(st.floats(0, 5)), sampling="log")
    elif kind == "log-int":
        low = draw(st.integers(1, 100))
        hp.Int("p", low, low * draw(st.integers(1, 100)), sampling="log")
    elif kind == "choice":
        options = draw(st.sampled_from([st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)]))
        hp.Choice("p", draw(st.lists(options, min_size=1, max_size=6, unique=True)))
    else:
        hp.Boolean("p")
    return hp.parameters["p"]


class TestAnyParameter:
    @settings(max_examples=300, deadline=None)
    @given(parameters(), st.integers(0, 2**32))
    def test_what_is_drawn_is_in_the_space_and_stays_as_it_is(self, parameter, seed):
        value = parameter.draw(random.Random(seed))
        assert parameter.checked(value) == value
        assert type(parameter.checked(value)) is type(value)
        if not parameter.choices:
            assert parameter.low <= value <= parameter.high + 1e-9 * max(1, abs(parameter.high))

    @settings(max_examples=100, deadline=None)
    @given(parameters())
    def test_every_countable_value_is_in_the_space_and_differs_from_the_others(self, parameter):
        if math.isinf(parameter.n_values):
            return
        values = [parameter.value_at(index) for index in range(int(parameter.n_values))]
        assert [parameter.checked(value) for value in values] == values
        assert len(set(values)) == len(values)
        assert parameter.default in values


def test_the_space_needs_the_standard_library_alone():
    code = (
        "import sys; before = set(sys.modules); import emotune.search.space; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'emotune'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": "src"}
    )
    assert done.stdout.strip() == "[]"
