"""What a user may ask to be told apart, and what a rating becomes."""

import math

import pytest

from emotune.errors import InputError
from emotune.recordings.targets import Rating, TargetChoice, parse_target, target_of

EMOTIONS = ("calm", "glad", "afraid")
RATINGS = {"valence": Rating(1, 9), "arousal": Rating(1, 5)}


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
    ],
)
def test_a_target_is_a_name_or_a_rating_with_a_threshold(text, choice):
    assert parse_target(text) == choice


@pytest.mark.parametrize(
    "text", ["valence 5", "> 5", "valence >", "valence > high", "valence < 5", "valence > nan", "a b"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(InputError, match=r"written as a name, or as a rating with a threshold\. Received: "):
        parse_target(text)


def test_the_first_target_is_the_emotions_or_else_the_first_rating():
    assert target_of(TargetChoice(), EMOTIONS, RATINGS).class_names == EMOTIONS
    assert target_of(TargetChoice(), (), RATINGS).class_names == ("low valence", "high valence")


@pytest.mark.parametrize(
    ("choice", "value", "label"),
    [
        (TargetChoice("valence"), 5.0, 0),
        (TargetChoice("valence"), 5.01, 1),
        (TargetChoice("valence", 5.0, ">="), 5.0, 1),
        (TargetChoice("valence", 4.5), 4.6, 1),
        (TargetChoice("arousal"), 3.0, 0),
        (TargetChoice("arousal"), 3.5, 1),
        (TargetChoice("valence"), 1.0, 0),
        (TargetChoice("valence"), 9.0, 1),
    ],
)
def test_a_rating_is_cut_at_its_threshold(choice, value, label):
    target = target_of(choice, EMOTIONS, RATINGS)
    assert target.label_of("", {choice.name: value}, "s01") == label


@pytest.mark.parametrize("value", [0.9, 9.1, math.nan])
def test_a_rating_outside_its_scale_is_named(value):
    target = target_of(TargetChoice("valence"), (), RATINGS)
    with pytest.raises(InputError, match="rating of valence from 1 to 9 in s01, video 3. Received: "):
        target.label_of("", {"valence": value}, "s01, video 3")
    with pytest.raises(InputError, match="Received: nan"):
        target.label_of("", {}, "s01, video 3")


def test_an_emotion_is_one_of_the_sets():
    target = target_of(TargetChoice("emotion"), EMOTIONS, RATINGS)
    assert [target.label_of(name, {}, "s01") for name in EMOTIONS] == [0, 1, 2]
    assert target.findings == ()
    for wrong in ("", "angry"):
        with pytest.raises(InputError, match=f"among calm, glad, afraid. Received: {wrong or 'none'}"):
            target.label_of(wrong, {}, "s01")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (TargetChoice("dominance"), "among emotion, valence, arousal. Received: dominance. Choose one by --target"),
        (TargetChoice("emotion", 5.0), "A threshold cuts a rating, and the target is `emotion`"),
        (TargetChoice("valence", 9.0), "must part its scale, 1 to 9. Received: > 9"),
        (TargetChoice("valence", 1.0, ">="), "must part its scale, 1 to 9. Received: >= 1"),
        (TargetChoice("valence", 0.5), "must part its scale"),
        (TargetChoice("valence", 5.0, "<"), "must be one of >, >=. Received: '<'"),
    ],
)
def test_a_target_that_the_set_has_not_is_refused(choice, message):
    with pytest.raises(InputError, match=message):
        target_of(choice, EMOTIONS, RATINGS)


def test_the_threshold_is_said():
    (finding,) = target_of(TargetChoice("valence", 4.5, ">="), (), RATINGS).findings
    assert "Classes are valence >= 4.5 and the rest." in str(finding)
