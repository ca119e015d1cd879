"""Intervals where everybody saw the same clips."""

import numpy as np
import pytest
from scipy import stats

from emotune.evaluation.crossed import interval_over_people_and_clips, undefined_over_clips
from emotune.evaluation.metrics import METRICS
from emotune.evaluation.scores import score_card
from emotune.evaluation.significance import interval_over_people, paired_comparison

ACCURACY = METRICS["accuracy"]


def study(source, n_people=10, n_clips=8, windows=10, clip_sd=0.1):
    """Answers of a model whose accuracy depends on the person and on the clip; 0.65 over all of both."""
    people, clips = source.normal(0, 0.08, n_people), source.normal(0, clip_sd, n_clips)
    right = source.random((n_people, n_clips, windows)) < (0.65 + people[:, None] + clips)[..., None]
    groups = {
        "subject": np.repeat([f"P{index}" for index in range(n_people)], n_clips * windows),
        "stimulus": np.tile(np.repeat([f"c{index}" for index in range(n_clips)], windows), n_people),
    }
    return np.zeros(right.size, dtype=np.int64), np.eye(2)[1 - right.ravel().astype(int)], groups


def test_the_interval_covers_other_clips_too_where_one_over_people_alone_does_not():
    source, covered, alone, runs = np.random.default_rng(0), 0, 0, 200
    for _ in range(runs):
        targets, answers, groups = study(source, clip_sd=0.15)
        interval = interval_over_people_and_clips(ACCURACY, targets, answers, groups)
        covered += interval.low <= 0.65 <= interval.high
        scores = (answers[:, 0] > 0.5).reshape(10, -1).mean(axis=1)
        of_people = interval_over_people(scores)
        alone += of_people.low <= 0.65 <= of_people.high
    assert stats.binom(runs, 0.95).ppf(0.0005) <= covered
    assert alone < 0.85 * runs


def test_a_card_of_held_out_clips_has_this_interval():
    source = np.random.default_rng(1)
    targets, answers, groups = study(source)
    groups |= {"session": np.full(len(targets), ""), "trial": np.char.add(groups["subject"], groups["stimulus"])}
    card = score_card(ACCURACY, targets, answers, ("calm", "joy"), groups, protocol="stimulus", n_permutations=99)
    assert card["over_people"]["method"] == "Student's t over 10 people and 8 clips"
    by_person = score_card(ACCURACY, targets, answers, ("calm", "joy"), groups, protocol="subject", n_permutations=99)
    assert by_person["over_people"]["method"] == "Student's t over 10 people"
    assert card["over_people"]["high"] > by_person["over_people"]["high"]


@pytest.mark.parametrize(("n_people", "n_clips", "why"), [(8, 5, "6 clips"), (5, 8, "6 people")])
def test_too_few_of_either_have_no_interval(n_people, n_clips, why):
    targets, answers, groups = study(np.random.default_rng(2), n_people, n_clips)
    interval = interval_over_people_and_clips(ACCURACY, targets, answers, groups)
    assert interval.low is None and interval.mean is not None
    assert interval.method == f"undefined below {why}"


def test_a_comparison_of_people_says_why_it_has_no_p_value():
    plain = paired_comparison([0.1, 0.4, 0.2, 0.5, 0.3, 0.7], [0.0, 0.2, 0.2, 0.1, 0.0, 0.1])
    without = undefined_over_clips(plain)
    assert plain.p_value is not None
    assert (without.p_value, without.interval.low) == (None, None)
    assert without.mean_difference == plain.mean_difference
    assert "the same clips were shown to everybody" in without.test
