"""What a score comes with: baselines by hand, people without a score, and the words for them."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier

from emotune.evaluation.metrics import METRICS, measure
from emotune.evaluation.permutation import chance_test
from emotune.evaluation.scores import chance_in_words, score_card, stratified_baseline, undefined_in_words
from emotune.evaluation.significance import interval_over_people

BALANCED = METRICS["balanced_accuracy"]
CLASSES = ("calm", "joy", "fear")


def answers(n_people=8, trials=6, windows=3, seed=0, alone=()):
    """Predictions of `trials` trials a person; those in `alone` show one class."""
    rng = np.random.default_rng(seed)
    subject = np.repeat([f"P{person}" for person in range(n_people)], trials * windows)
    number = np.tile(np.repeat(np.arange(trials), windows), n_people)
    targets = np.where(np.isin(subject, alone), 0, number % 3)
    probabilities = rng.dirichlet(np.ones(3), len(targets))
    trial = np.char.add(subject, [f"//{one}" for one in number])
    empty = np.full(len(targets), "")
    return targets, probabilities, {"subject": subject, "session": empty, "trial": trial, "stimulus": empty}


def test_a_card_holds_what_measure_and_the_tests_say():
    targets, probabilities, groups = answers()
    card = score_card(BALANCED, targets, probabilities, CLASSES, groups, n_permutations=99, seed=4)
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    assert card.items() >= measure(targets, probabilities, CLASSES).items()
    people = {name: BALANCED(targets[own], probabilities[own]) for name in card["per_person"] for own in
              [groups["subject"] == name]}  # fmt: skip
    assert card["per_person"] == people
    assert card["over_people"] == interval_over_people(people).to_dict() | {"undefined_people": []}
    chance = chance_test(BALANCED, targets, probabilities, groups, n_permutations=99, seed=4)
    assert card["chance"] == chance.to_dict()
    assert card["chance"]["statistic"] == pytest.approx(card["over_people"]["mean"])
    assert undefined_in_words(card, "balanced_accuracy") == ""


def test_a_cross_validated_card_has_the_wider_interval_and_test():
    targets, probabilities, groups = answers()
    options = {"n_permutations": 99, "seed": 4}
    card = score_card(BALANCED, targets, probabilities, CLASSES, groups, cross_validated=True, **options)
    wide = interval_over_people(card["per_person"], cross_validated=True).to_dict()
    assert card["over_people"] == wide | {"undefined_people": []}
    chance = chance_test(BALANCED, targets, probabilities, groups, cross_validated=True, **options)
    assert card["chance"] == chance.to_dict()
    assert "cross-validated" in card["chance"]["method"]


def test_both_baselines_answer_by_the_training_rows():
    targets, probabilities, groups = answers()
    card = score_card(
        BALANCED, targets, probabilities, CLASSES, groups, train_targets=np.array([0, 1, 1, 1, 2]), n_permutations=9
    )
    assert card["majority"] == {"class_name": "joy", "accuracy": pytest.approx(1 / 3), "balanced_accuracy": 1 / 3}
    # Every class is a third of the test rows and is guessed 1, 3 and 1 times of 5.
    assert card["stratified"] == pytest.approx({"accuracy": 1 / 3, "balanced_accuracy": 1 / 3})


def test_the_stratified_baseline_by_hand():
    # Three of four rows are guessed right in 0.9 of the cases, the fourth in 0.1.
    scores = stratified_baseline(np.array([0, 0, 0, 1]), np.array([0.9, 0.1]))
    assert scores == pytest.approx({"accuracy": (3 * 0.9 + 0.1) / 4, "balanced_accuracy": 0.5})
    # A class that training has and the test part has not takes its share of the guesses.
    assert stratified_baseline(np.array([0, 1]), np.array([0.5, 0.2, 0.3])) == pytest.approx(
        {"accuracy": 0.35, "balanced_accuracy": 0.35}
    )
    assert stratified_baseline(np.array([0, 0]), np.array([0.5, 0.5])) == {"accuracy": 0.5, "balanced_accuracy": None}
    nothing = stratified_baseline(np.zeros(0, dtype=np.int64), np.array([0.5, 0.5]))
    assert nothing == {"accuracy": None, "balanced_accuracy": None}


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 1000))
def test_the_stratified_baseline_is_what_scikit_learns_guesses_come_to(seed):
    rng = np.random.default_rng(seed)
    train, targets = rng.choice(3, 200, p=[0.6, 0.3, 0.1]), rng.choice(3, 400, p=[0.2, 0.3, 0.5])
    model = DummyClassifier(strategy="stratified", random_state=seed).fit(np.zeros((200, 1)), train)
    guesses = np.concatenate([model.set_params(random_state=turn).predict(np.zeros((400, 1))) for turn in range(40)])
    truth = np.tile(targets, 40)
    expected = stratified_baseline(targets, np.bincount(train, minlength=3) / 200)
    # 16,000 guesses: a standard error of 0.004 for the accuracy, and of 0.005 for the mean of three recalls.
    assert expected["accuracy"] == pytest.approx(np.mean(guesses == truth), abs=0.02)
    recalls = [np.mean(guesses[truth == label] == label) for label in range(3)]
    assert expected["balanced_accuracy"] == pytest.approx(np.mean(recalls), abs=0.025)


def test_people_of_one_class_are_left_out_and_named():
    targets, probabilities, groups = answers(alone=("P3", "P6"))
    card = score_card(BALANCED, targets, probabilities, CLASSES, groups, n_permutations=99)
    assert card["per_person"]["P3"] is card["per_person"]["P6"] is None
    assert card["over_people"]["n"] == 6
    assert card["over_people"]["low"] is not None
    assert card["over_people"]["undefined_people"] == ["P3", "P6"]
    words = "2 of 8 people left out, whose balanced_accuracy is undefined: P3, P6"
    assert undefined_in_words(card, "balanced_accuracy") == words


def test_where_everybody_shows_one_class_nothing_is_made_up():
    everybody = [f"P{person}" for person in range(12)]
    card = score_card(BALANCED, *answers(12, alone=everybody)[:2], CLASSES, answers(12)[2])
    assert card["over_people"]["mean"] is card["over_people"]["low"] is card["chance"]["p_value"] is None
    assert card["balanced_accuracy"] is card["stratified"]["balanced_accuracy"] is None
    assert chance_in_words(card) == "p against chance undefined: the score is"
    assert undefined_in_words(card, "kappa").endswith("P8, P9 and 2 more")


def test_clips_are_permuted_only_where_they_are_held_out():
    targets, probabilities, groups = answers()
    groups["stimulus"] = np.array([name.split("//")[1] for name in groups["trial"]])
    units = {
        protocol: score_card(
            BALANCED, targets, probabilities, CLASSES, groups, protocol=protocol, n_permutations=99
        )["chance"]["unit"]
        for protocol in ("subject", "loso", "trial", "session", "stimulus", "subject+stimulus", "window", "own parts")
    }  # fmt: skip
    assert units == dict.fromkeys(units, "trial") | {"stimulus": "stimulus", "subject+stimulus": "stimulus"}


@pytest.mark.parametrize(
    ("p_value", "smallest_p", "words"),
    [
        (0.0123, 0.0001, "p = 0.012 against trial labels"),
        (0.0001, 0.0001, "p = 0.0001 against trial labels"),
        (0.25, 0.25, "p = 0.250 against trial labels, where no model could come below 0.250"),
    ],
)
def test_chance_in_words(p_value, smallest_p, words):
    chance = {"p_value": p_value, "smallest_p": smallest_p, "method": "trial labels"}
    assert chance_in_words({"chance": chance}) == words


def test_a_table_of_trials_without_people_has_a_test_of_all_rows():
    targets, probabilities, groups = answers()
    groups["subject"] = np.full(len(targets), "")
    card = score_card(BALANCED, targets, probabilities, CLASSES, groups, n_permutations=99)
    assert card["per_person"] == {} and card["over_people"]["mean"] is None
    assert card["chance"]["statistic"] == card["balanced_accuracy"]
    assert card["chance"]["p_value"] is not None
