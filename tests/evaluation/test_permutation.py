"""The test against permuted labels: by hand, against a slow one, and what must not change it."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.evaluation.metrics import METRICS
from emotune.evaluation.permutation import N_PERMUTATIONS, chance_test

BALANCED = METRICS["balanced_accuracy"]


def study(n_people, trials, windows, n_classes=2, signal=0.5, seed=0):
    """Targets, probabilities and groups; every person has the same number of trials of each class, and saw the same
    clips in another order."""
    rng = np.random.default_rng(seed)
    subject = np.repeat([f"P{person}" for person in range(n_people)], trials * windows)
    clips = np.concatenate([rng.permutation(trials) for _ in range(n_people)])
    trial = np.repeat([f"P{person}//{number}" for person in range(n_people) for number in range(trials)], windows)
    targets = np.repeat(clips % n_classes, windows)
    logits = rng.normal(size=(len(targets), n_classes))
    logits[np.arange(len(targets)), targets] += signal
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    stimulus = np.repeat([f"clip{clip}" for clip in clips], windows)
    return targets, probabilities, {"subject": subject, "trial": trial, "stimulus": stimulus}


def named(subject, trial, stimulus=None):
    empty = np.full(len(subject), "")
    return {
        "subject": np.array(subject),
        "trial": np.array(trial),
        "stimulus": empty if stimulus is None else np.array(stimulus),
    }


def test_two_people_by_hand():
    # A is right on three windows of trial a0 of 4 and on all 4 of a1; B has one trial of each class, both right.
    groups = named(["A"] * 8 + ["B"] * 2, ["a0"] * 4 + ["a1"] * 4 + ["b0", "b1"])
    targets = np.array([0] * 4 + [1] * 4 + [0, 1])
    predicted = np.array([0, 0, 0, 1, 1, 1, 1, 1, 0, 1])
    found = chance_test(BALANCED, targets, np.eye(2)[predicted], groups)
    # Labelled as they are A has (3/4 + 1)/2 = 0.875, exchanged 0.125; B 1 or 0: 0.9375, 0.4375, 0.5625, 0.0625.
    assert found.statistic == 0.9375
    assert found.mean == 0.5
    assert (found.n_permutations, found.p_value, found.smallest_p) == (4, 0.25, 0.25)
    assert (found.unit, found.method) == ("trial", "trial labels permuted within people (all 4)")
    worse = chance_test(BALANCED, targets, np.eye(2)[1 - predicted], groups)
    assert (worse.statistic, worse.p_value) == (0.0625, 1.0)


def test_clips_change_their_labels_alike_for_all_people_by_hand():
    # Three people saw the same two clips: there are 2 labellings of clips, and 8 of trials.
    people, clips = np.repeat(["A", "B", "C"], 2), np.tile(["x", "y"], 3)
    groups = named(people, np.char.add(people, clips), clips)
    targets = np.tile([0, 1], 3)
    by_clip = chance_test(BALANCED, targets, np.eye(2)[targets], groups, clips_are_held_out=True)
    assert (by_clip.n_permutations, by_clip.p_value, by_clip.unit) == (2, 0.5, "stimulus")
    assert by_clip.method == "clip labels permuted among clips (all 2)"
    by_trial = chance_test(BALANCED, targets, np.eye(2)[targets], groups)
    assert (by_trial.n_permutations, by_trial.p_value, by_trial.unit) == (8, 1 / 8, "trial")


def test_where_people_feel_differently_about_a_clip_it_carries_what_everybody_said():
    people, clips = np.repeat(["A", "B", "C"], 2), np.tile(["x", "y"], 3)
    targets = np.array([0, 1, 1, 0, 0, 1])
    groups = named(people, np.char.add(people, clips), clips)
    found = chance_test(BALANCED, targets, np.eye(2)[targets], groups, clips_are_held_out=True)
    # Two clips can change places, or not: trials of one clip are no independent draws.
    assert (found.unit, found.p_value, found.n_permutations) == ("stimulus", 1 / 2, 2)
    missing = chance_test(
        BALANCED,
        targets[:-1],
        np.eye(2)[targets[:-1]],
        {name: column[:-1] for name, column in groups.items()},
        clips_are_held_out=True,
    )
    assert missing.p_value is None
    assert missing.method == "undefined: people did not all see the same clips, or label one in two ways"


def test_nothing_is_found_where_answers_go_by_the_clip_and_labels_by_nothing():
    """Everybody answers alike to a clip: with trials as units every second such study would seem to find something."""
    source, small = np.random.default_rng(0), 0
    n_people, n_clips, runs = 12, 10, 60
    people, clips = np.repeat(np.arange(n_people), n_clips), np.tile(np.arange(n_clips), n_people)
    groups = named(people.astype(str), np.arange(len(people)).astype(str), clips.astype(str))
    for _ in range(runs):
        targets = (np.arange(n_clips) % 2)[source.permutation(n_clips)][clips]
        flipped = source.random(len(targets)) < 0.1
        targets = np.where(flipped, 1 - targets, targets)
        answers = np.eye(2)[(source.random(n_clips) < 0.5).astype(int)[clips]]
        found = chance_test(BALANCED, targets, answers, groups, clips_are_held_out=True, n_permutations=199)
        small += found.p_value is not None and found.p_value <= 0.05
    assert small <= 9  # of 60 at 5 %: more in one of 1,000 times


def test_the_smallest_p_of_a_cross_validation_is_that_of_right_answers():
    """Widened distances reach beyond the best score where labellings are few."""
    people = np.repeat([f"P{index}" for index in range(7)], 2)
    targets = np.tile([0, 1], 7)
    groups = named(people, np.arange(14).astype(str), np.full(14, ""))
    right = chance_test(BALANCED, targets, np.eye(2)[targets], groups, cross_validated=True)
    wrong = chance_test(BALANCED, targets, np.eye(2)[1 - targets], groups, cross_validated=True)
    assert right.p_value == right.smallest_p == wrong.smallest_p == 8 / 128


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("clips_are_held_out", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_fast_way_gives_what_the_metric_itself_gives(name, clips_are_held_out, n_classes):
    data = study(4, 6, 3, n_classes, seed=2)
    options = {"clips_are_held_out": clips_are_held_out, "n_permutations": 60}
    # A metric of another name is no known sum, and computed for each labelling.
    fast = chance_test(METRICS[name], *data, **options)
    slow = chance_test(replace(METRICS[name], name="my own"), *data, **options)
    assert fast.mean == pytest.approx(slow.mean, abs=1e-12)
    assert replace(fast, mean=0.0) == replace(slow, mean=0.0)
    people = np.unique(data[2]["subject"])
    own = [METRICS[name](data[0][rows], data[1][rows]) for rows in (data[2]["subject"] == one for one in people)]
    assert fast.statistic == np.mean(own)


@pytest.mark.parametrize("labels", [(0, 0, 1), (0, 1, 2), (0, 0, 1, 1, 1), (2, 2, 2, 0)])
def test_every_distinct_labelling_is_tried_once(labels):
    ways = set(itertools.permutations(labels))
    n = len(labels)
    targets, trial = np.array(labels), [f"t{number}" for number in range(n)]
    probabilities = np.random.default_rng(1).dirichlet(np.ones(3), n)
    found = chance_test(METRICS["log_loss"], targets, probabilities, named(["A"] * n, trial))
    scores = [METRICS["log_loss"](np.array(way), probabilities) for way in ways]
    assert found.n_permutations == len(ways)
    assert found.mean == pytest.approx(np.mean(scores))
    assert found.p_value == np.mean(np.array(scores) <= found.statistic + 1e-9)


def test_one_trial_among_thousands_is_enumerated_without_recursion():
    n = 1500
    targets = np.r_[1, np.zeros(n - 1, dtype=np.int64)]
    found = chance_test(BALANCED, targets, np.eye(2)[targets], named(["A"] * n, [f"t{i}" for i in range(n)]))
    assert (found.n_permutations, found.p_value) == (n, 1 / n)


def test_a_perfect_predictor_reaches_the_smallest_p():
    targets, _, groups = study(3, 4, 5)
    found = chance_test(BALANCED, targets, np.eye(2)[targets], groups)
    assert found.p_value == found.smallest_p == 1 / math.comb(4, 2) ** 3
    targets, _, groups = study(12, 8, 2)
    found = chance_test(BALANCED, targets, np.eye(2)[targets], groups)
    assert found.p_value == found.smallest_p == 1 / (1 + N_PERMUTATIONS)
    assert found.method == "trial labels permuted within people (9,999)"
    assert found.mean == pytest.approx(0.5, abs=0.005)


def test_less_is_better_for_a_loss():
    targets, probabilities, groups = study(6, 8, 4, signal=2.0)
    assert chance_test(METRICS["log_loss"], targets, probabilities, groups).p_value < 0.001
    assert chance_test(METRICS["log_loss"], targets, probabilities[:, ::-1], groups).p_value > 0.99


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.sampled_from(sorted(METRICS)), st.booleans())
def test_the_order_of_the_rows_and_the_names_of_the_classes_do_not_count(seed, name, clips_are_held_out):
    targets, probabilities, groups = study(4, 6, 3, 3, signal=0.1, seed=seed)
    options = {"clips_are_held_out": clips_are_held_out, "n_permutations": 200, "seed": 1}
    expected = chance_test(METRICS[name], targets, probabilities, groups, **options)
    order = np.random.default_rng(seed).permutation(len(targets))
    shuffled = {column: names[order] for column, names in groups.items()}
    again = chance_test(METRICS[name], targets[order], probabilities[order], shuffled, **options)
    assert again.p_value == expected.p_value
    classes = np.array([2, 0, 1])
    relabelled = chance_test(METRICS[name], classes[targets], probabilities[:, np.argsort(classes)], groups, **options)
    assert relabelled.p_value == expected.p_value
    assert relabelled.mean == pytest.approx(expected.mean)


@pytest.mark.parametrize("name", METRICS)
def test_more_windows_of_the_same_trials_are_no_more_evidence(name):
    """Were windows permuted, ten copies of each would make any score sure."""
    targets, probabilities, groups = study(5, 6, 3, signal=0.1, seed=3)
    once = chance_test(METRICS[name], targets, probabilities, groups)
    copied = {column: np.repeat(names, 10) for column, names in groups.items()}
    many = chance_test(METRICS[name], np.repeat(targets, 10), np.repeat(probabilities, 10, axis=0), copied)
    assert many.p_value == once.p_value
    assert 0.01 < once.p_value < 0.99
    assert many.statistic == pytest.approx(once.statistic)


def test_of_a_cross_validation_the_permuted_scores_lie_further_from_their_mean_by_hand():
    # A alone, one trial right and one wrong of either class: 6 labellings.
    groups = named(["A"] * 4, list("abcd"))
    targets, predicted = np.array([0, 0, 1, 1]), np.eye(2)[[0, 0, 1, 0]]
    plain = chance_test(BALANCED, targets, predicted, groups)
    wide = chance_test(BALANCED, targets, predicted, groups, cross_validated=True)
    # Three of them score 3/4 and three 1/4; 1/2 + 0.25 x 1.41 is as good as 3/4 still.
    assert (plain.statistic, plain.p_value) == (0.75, 0.5)
    assert (wide.statistic, wide.mean, wide.p_value, wide.smallest_p) == (0.75, 0.5, 0.5, 1 / 6)
    assert wide.method == "trial labels permuted within people, widened: cross-validated (all 6)"


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.sampled_from(sorted(METRICS)))
def test_a_score_above_chance_is_less_sure_where_it_is_cross_validated(seed, name):
    data = study(4, 6, 3, signal=0.3, seed=seed)
    plain, wide = (chance_test(METRICS[name], *data, cross_validated=cv, n_permutations=300) for cv in (False, True))
    assert wide.mean == plain.mean
    if plain.p_value < 0.3:
        assert wide.p_value >= plain.p_value


def test_a_person_with_one_class_neither_adds_a_score_nor_a_labelling():
    targets, probabilities, groups = study(4, 4, 3, seed=5)
    expected = chance_test(BALANCED, targets, probabilities, groups)
    more = {
        "subject": np.r_[groups["subject"], ["Q"] * 6],
        "trial": np.r_[groups["trial"], np.repeat(["Q1", "Q2"], 3)],
        "stimulus": np.r_[groups["stimulus"], ["clip0"] * 6],
    }
    found = chance_test(BALANCED, np.r_[targets, [1] * 6], np.r_[probabilities, np.eye(2)[[1] * 6]], more)
    assert found == expected


def test_where_people_are_not_known_the_score_of_all_rows_is_tested():
    targets, probabilities, groups = study(4, 4, 3, seed=5)
    found = chance_test(BALANCED, targets, probabilities, groups | {"subject": np.full(len(targets), "")})
    assert found.statistic == BALANCED(targets, probabilities)
    assert found.method == "permuted trial labels, people not being known (9,999)"


@pytest.mark.parametrize(
    ("subject", "trial", "targets", "method"),
    [
        ("AABB", ["", "", "", ""], [0, 1, 0, 1], "trials are not known, and windows must not be permuted one by one"),
        ("AABB", ["a", "a", "b", "c"], [0, 1, 0, 1], "labels change within a trial, so that no trial can carry one"),
        ("AABB", ["a", "b", "a", "c"], [0, 1, 0, 1], "a trial is of several people"),
        ("AABB", ["a", "b", "c", "d"], [0, 0, 1, 1], "the score is"),
        ("", [], [], "the score is"),
    ],
)
def test_what_cannot_be_tested_says_why(subject, trial, targets, method):
    targets = np.array(targets, dtype=np.int64)
    probabilities = np.full((len(targets), 2), 0.5)
    found = chance_test(BALANCED, targets, probabilities, named(list(subject), np.array(trial, dtype=str)))
    assert (found.p_value, found.smallest_p, found.mean, found.n_permutations) == (None, None, None, 0)
    assert found.method == f"undefined: {method}"
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()


def test_people_who_show_one_class_each_have_an_accuracy_but_nothing_to_permute():
    groups = named(list("AABB"), list("abcd"))
    found = chance_test(METRICS["accuracy"], np.array([0, 0, 1, 1]), np.eye(2)[[0, 1, 1, 1]], groups)
    assert (found.statistic, found.p_value) == (0.75, None)
    assert found.method == "undefined: the trials of any person have one class, so no labels can change"


def test_predictions_that_are_not_finite_have_no_p():
    targets, probabilities, groups = study(3, 4, 2)
    probabilities[0, 0] = math.nan
    probabilities[8:, 0] = math.nan
    found = chance_test(BALANCED, targets, probabilities, groups)
    assert (found.statistic, found.p_value) == (None, None)
