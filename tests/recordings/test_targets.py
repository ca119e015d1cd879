"""What a user may ask to be told apart, and what emotions and ratings become then."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotune.errors import InputError
from emotune.recordings.targets import UNKNOWN, Rating, Target, TargetChoice, parse_targets, target_of

EMOTIONS = ("calm", "glad", "afraid")
SCALES = {"valence": Rating(1.0, 9.0), "arousal": Rating(1.0, 5.0)}


def target(choice, emotions=EMOTIONS, scales=SCALES):
    return target_of(choice, emotions, scales, of="the set")


# --- what is written


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("", TargetChoice()),
        ("  ", TargetChoice()),
        ("emotion", TargetChoice("emotion")),
        (" valence ", TargetChoice("valence")),
        ("valence > 5", TargetChoice("valence", 5.0, ">")),
        ("valence>=4.5", TargetChoice("valence", 4.5, ">=")),
        ("valence ≥ 4.5", TargetChoice("valence", 4.5, ">=")),
        ("valence > -1e-3", TargetChoice("valence", -0.001, ">")),
        ("> 5", TargetChoice("", 5.0, ">")),
        ("valence as rating", TargetChoice("valence", as_rating=True)),
        ("as rating", TargetChoice("", as_rating=True)),
        ("alas rating", TargetChoice("alas rating")),
        ("how they felt (1-9)", TargetChoice("how they felt (1-9)")),
        ("how they felt > 5", TargetChoice("how they felt", 5.0, ">")),
    ],
)
def test_a_target_is_a_name_a_rating_with_a_threshold_or_the_rating_itself(text, choice):
    assert parse_targets(text) == (choice,)


@pytest.mark.parametrize(
    "text",
    ["valence >", "valence > high", "valence < 5", "valence > nan", "valence >= inf", "valence = 5", "valence > 5 > 6",
     "valence > 5 as rating", "valence, arousal <= 3"],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(
        InputError,
        match=r"written as a name, or as a rating with a threshold\. Received: '.*'\. Write for example valence, "
        r"'valence >= 5', or 'valence as rating'\.",
    ):
        parse_targets(text)


def test_several_targets_stand_with_commas_in_the_order_written():
    assert parse_targets("arousal >= 2.5, emotion,valence as rating") == (
        TargetChoice("arousal", 2.5, ">="),
        TargetChoice("emotion"),
        TargetChoice("valence", as_rating=True),
    )


@pytest.mark.parametrize(
    "text", ["valence, valence > 5", "valence,", ",valence", "valence,,arousal", ",", "> 5, valence"]
)
def test_of_several_each_has_a_name_of_its_own(text):
    with pytest.raises(InputError, match=r"a name for each target, and each once\. Received: '.*'\. Write them with"):
        parse_targets(text)


names = st.text(st.characters(blacklist_characters="<>=≥,", blacklist_categories=("Cs", "Cc", "Z")), min_size=1)
thresholds = st.floats(allow_nan=False, allow_infinity=False, width=32).map(lambda value: float(f"{value:.12g}"))
choices = st.one_of(
    st.builds(TargetChoice, names),
    st.builds(TargetChoice, names, thresholds, st.sampled_from([">", ">="])),
    st.builds(TargetChoice, names, as_rating=st.just(True)),
)


@given(st.lists(choices, min_size=1, max_size=4, unique_by=lambda choice: choice.name))
def test_what_a_choice_says_of_itself_is_read_as_that_choice(written):
    assert parse_targets(", ".join(map(str, written))) == tuple(written)


@pytest.mark.parametrize("choice", [TargetChoice(), TargetChoice("", 5.0, ">="), TargetChoice("", as_rating=True)])
def test_a_choice_without_a_name_is_read_as_itself_too(choice):
    assert parse_targets(str(choice)) == (choice,)


@pytest.mark.parametrize(
    ("text", "threshold", "written"),
    [
        ("valence", "5", [TargetChoice("valence", 5.0, ">")]),
        ("valence", ">5", [TargetChoice("valence", 5.0, ">")]),
        ("valence", " >= 4.5 ", [TargetChoice("valence", 4.5, ">=")]),
        ("valence", "≥4.5", [TargetChoice("valence", 4.5, ">=")]),
        ("valence", "none", [TargetChoice("valence", as_rating=True)]),
        ("valence", "None", [TargetChoice("valence", as_rating=True)]),
        ("valence", "  ", [TargetChoice("valence")]),
        ("", "5", [TargetChoice("", 5.0, ">")]),
        ("", "none", [TargetChoice("", as_rating=True)]),
        ("valence, arousal", "3", [TargetChoice("valence", 3.0), TargetChoice("arousal", 3.0)]),
        (
            "valence > 5, emotion, arousal, liking as rating",
            ">=3",
            [
                TargetChoice("valence", 5.0),
                TargetChoice("emotion"),
                TargetChoice("arousal", 3.0, ">="),
                TargetChoice("liking", as_rating=True),
            ],
        ),
    ],
)
def test_a_threshold_is_for_every_rating_that_says_nothing_of_its_own(text, threshold, written):
    assert parse_targets(text, threshold) == tuple(written)


@pytest.mark.parametrize("text", ["emotion", "valence > 5", "valence as rating", "emotion, valence >= 5"])
def test_a_threshold_for_nothing_is_refused(text):
    with pytest.raises(InputError, match=r"a rating that the threshold 5 cuts\. Received: the target '.*'\. Name a r"):
        parse_targets(text, "5")


@pytest.mark.parametrize("threshold", ["high", "<5", "5 6", ">", "> nan", "inf", "="])
def test_a_threshold_is_a_number(threshold):
    with pytest.raises(
        InputError, match=r"threshold must be a number, with > or >= before it or without\. Received: '.*'\. Write for"
    ):
        parse_targets("valence", threshold)


# --- what it means in a set


def test_the_first_target_is_the_emotions_or_else_the_first_rating():
    assert target(TargetChoice()) == Target("emotion", EMOTIONS)
    first = target(TargetChoice(), emotions=())
    assert first == Target("valence", ("low valence", "high valence"), Rating(1.0, 9.0), 5.0, ">")
    assert target(TargetChoice("", 4.0, ">="), emotions=()).threshold == 4.0


@pytest.mark.parametrize(
    ("choice", "value", "label"),
    [
        (TargetChoice("valence"), 5.0, 0),
        (TargetChoice("valence"), 5.01, 1),
        (TargetChoice("valence", 5.0, ">="), 5.0, 1),
        (TargetChoice("valence", 5.0, ">="), 4.99, 0),
        (TargetChoice("valence", 4.5), 4.6, 1),
        (TargetChoice("arousal"), 3.0, 0),
        (TargetChoice("arousal"), 3.5, 1),
        (TargetChoice("valence"), 1.0, 0),
        (TargetChoice("valence"), 9.0, 1),
        (TargetChoice("valence", 1.0), 1.0, 0),
        (TargetChoice("valence", 9.0, ">="), 9.0, 1),
        (TargetChoice("valence"), math.nan, UNKNOWN),
        (TargetChoice("valence", 5.0, ">="), math.nan, UNKNOWN),
    ],
)
def test_a_rating_is_cut_at_its_threshold(choice, value, label):
    ratings = {"valence": np.full(3, 2.0), "arousal": np.full(3, 2.0)} | {choice.name: np.full(3, value)}
    labels = target(choice).labels(np.array(["glad", "", "calm"]), ratings)
    assert labels.tolist() == [label] * 3
    assert labels.dtype == np.int64


def test_an_emotion_is_its_place_in_the_coding_and_none_is_unknown():
    labels = target(TargetChoice("emotion")).labels(np.array(["afraid", "", "calm", "glad"]), {})
    assert labels.tolist() == [2, UNKNOWN, 0, 1]
    assert labels.dtype == np.int64
    assert target(TargetChoice("emotion")).labels(np.array([], dtype=np.str_), {}).shape == (0,)


def test_a_rating_itself_has_values_and_no_classes():
    as_rating = target(TargetChoice("arousal", as_rating=True))
    assert (as_rating.class_names, as_rating.threshold, as_rating.rating) == ((), None, SCALES["arousal"])
    values = as_rating.values({"arousal": np.array([1.0, math.nan, 4.5])})
    np.testing.assert_array_equal(values, [1.0, math.nan, 4.5])
    assert values.dtype == np.float64


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (TargetChoice("dominance"), "a target of the set, one of emotion, valence, arousal. Received: dominance. Choo"),
        (TargetChoice("emotion", 5.0), "Only a rating can be cut or taken as it is, and the target of the set is"),
        (TargetChoice("emotion", as_rating=True), "Only a rating can be cut or taken as it is"),
        (TargetChoice("", 5.0), "Only a rating can be cut or taken as it is"),
        (TargetChoice("valence", 9.0), "must part its scale, 1 to 9. Received: > 9. Choose one inside"),
        (TargetChoice("valence", 1.0, ">="), "must part its scale, 1 to 9. Received: >= 1"),
        (TargetChoice("valence", 0.5), "must part its scale"),
        (TargetChoice("valence", 9.5, ">="), "must part its scale"),
        (TargetChoice("valence", math.nan), "must part its scale"),
        (TargetChoice("valence", 5.0, "<"), "must be one of >, >=. Received: '<'"),
    ],
)
def test_a_target_that_the_set_has_not_is_refused(choice, message):
    with pytest.raises(InputError, match=message):
        target(choice)


def test_a_set_without_emotions_has_no_target_of_the_name():
    with pytest.raises(InputError, match=r"a target of the set, one of valence, arousal\. Received: emotion"):
        target(TargetChoice("emotion"), emotions=())


def test_a_set_that_says_nothing_has_no_target():
    with pytest.raises(InputError, match=r"recordings with labels\. Received: the set, which says nothing .*manifest:"):
        target(TargetChoice(), emotions=(), scales={})


EVERY = [
    TargetChoice("emotion"),
    TargetChoice("valence"),
    TargetChoice("valence", 4.5, ">="),
    TargetChoice("arousal", as_rating=True),
]


@pytest.mark.parametrize(
    ("choice", "text"),
    list(zip(EVERY, ["emotion", "valence > 5", "valence >= 4.5", "arousal as rating"], strict=True)),
)
def test_a_target_says_of_itself_what_would_choose_it_again(choice, text):
    assert str(target(choice)) == text
    assert target(*parse_targets(text)) == target(choice)


@pytest.mark.parametrize("choice", EVERY)
def test_a_target_is_kept_as_json(choice):
    assert Target.from_dict(json.loads(json.dumps(target(choice).to_dict()))) == target(choice)


def test_an_observed_scale_is_kept_as_json():
    for rating in (Rating(1.0, 9.0), Rating(3.0, 9.0, is_observed=True)):
        assert Rating.from_list(json.loads(json.dumps(rating.to_list()))) == rating
        whole = Target("valence", (), rating)
        assert Target.from_dict(json.loads(json.dumps(whole.to_dict()))) == whole


def test_an_observed_scale_has_no_middle_to_be_cut_at():
    scales = {"valence": Rating(3.0, 9.0, is_observed=True)}
    with pytest.raises(InputError) as caught:
        target_of(TargetChoice("valence"), (), scales, of="t.csv")
    assert str(caught.value) == (
        "Expected a threshold for valence of t.csv, whose scale is not known: its answers go from 3 to 9. Received: "
        "none. Choose one, as in --target 'valence > 6', or state the scale in a manifest's header, as in valence[1-9]."
    )
    assert target_of(TargetChoice("valence", 5.0), (), scales, of="t.csv").threshold == 5.0
    assert target_of(TargetChoice("valence", as_rating=True), (), scales, of="t.csv").rating == scales["valence"]


STATED, OBSERVED = Rating(1.0, 9.0), Rating(3.0, 9.0, is_observed=True)


@pytest.mark.parametrize(
    ("of", "threshold", "on", "found"),
    [
        (STATED, 5.0, OBSERVED, 5.0),
        (STATED, 2.0, OBSERVED, None),  # does not part 3 to 9
        (STATED, 5.0, Rating(0.0, 100.0, is_observed=True), None),  # another scale
        (OBSERVED, 5.0, STATED, 5.0),
        (OBSERVED, 5.0, Rating(1.0, 7.0), None),
        (OBSERVED, 5.0, Rating(4.0, 10.0, is_observed=True), 5.0),
    ],
)
def test_where_a_scale_is_observed_the_threshold_itself_is_kept(of, threshold, on, found):
    trained = Target("valence", ("low valence", "high valence"), of, threshold)
    there = trained.on((), {"valence": on})
    assert (None if there is None else there.threshold) == found
    assert there is None or there.rating == on


@pytest.mark.parametrize("content", [{}, {**target(EVERY[1]).to_dict(), "scale": [1.0]}, {"name": "x"}])
def test_what_describes_no_target_is_an_error(content):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Target.from_dict(content)


def test_in_another_set_a_threshold_keeps_its_place_on_the_scale():
    others = {"valence": Rating(0.0, 100.0)}
    assert target(TargetChoice("valence", 3.0, ">=")).on((), others) == Target(
        "valence", ("low valence", "high valence"), Rating(0.0, 100.0), 25.0, ">="
    )
    assert target(TargetChoice("valence", as_rating=True)).on((), others).rating == Rating(0.0, 100.0)
    assert target(TargetChoice("arousal")).on(EMOTIONS, others) is None
    assert target(TargetChoice("emotion")).on(("sad", "calm"), {}) == Target("emotion", ("sad", "calm"))
    assert target(TargetChoice("emotion")).on((), others) is None
