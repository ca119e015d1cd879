import json
import math
from itertools import product

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.errors import InputError
from emotune.evaluation.metrics import METRICS
from emotune.evaluation.significance import (
    MIN_PEOPLE,
    better_or_worse,
    interval_over_people,
    nadeau_bengio,
    paired_comparison,
    per_person_scores,
)

SIX = [0.5, 0.6, 0.7, 0.6, 0.8, 0.7]


def test_the_interval_by_hand():
    # Mean 0.65, s² = 0.055 / 5 = 0.011, t(0.975, 5) = 2.570582: half width 2.570582 x sqrt(0.011 / 6) = 0.110066.
    interval = interval_over_people(SIX)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.65, 0.539934, 0.760066), abs=1e-6)
    assert (interval.n, interval.level, interval.method) == (6, 0.95, "Student's t over 6 people")
    assert str(interval) == "0.650 [0.540, 0.760]"


def test_the_interval_equals_scipys_one_sample_t():
    expected = scipy.stats.ttest_1samp(SIX, 0.0).confidence_interval(0.9)
    interval = interval_over_people(dict(zip("abcdef", SIX, strict=True)), level=0.9)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("n", range(1, MIN_PEOPLE))
def test_an_interval_of_few_people_is_undefined(n):
    interval = interval_over_people(SIX[:n])
    assert interval.low is None and interval.high is None
    assert interval.mean == pytest.approx(np.mean(SIX[:n]))
    assert interval.method == "undefined below 6 people"
    assert str(interval) == f"{np.mean(SIX[:n]):.3f} (undefined below 6 people)"


def test_nobody_has_no_mean_either():
    interval = interval_over_people({})
    assert (interval.mean, interval.low, interval.n) == (None, None, 0)
    assert str(interval) == "undefined"


def test_people_without_a_score_are_left_out_and_not_counted_as_zero():
    scores = {**dict(zip("abcdef", SIX, strict=True)), "g": None, "h": math.nan}
    assert interval_over_people(scores) == interval_over_people(SIX)
    assert interval_over_people([*SIX[:5], None]).low is None


def test_equal_scores_have_no_interval_of_width_zero():
    interval = interval_over_people([1.0] * 8)
    assert (interval.mean, interval.low, interval.high) == (1.0, None, None)
    assert interval.method == "undefined: all 8 people are equal"


@pytest.mark.parametrize("n_people", [6, 10, 36])
def test_the_interval_covers_the_truth_at_its_stated_rate(n_people):
    rng = np.random.default_rng(n_people)
    n_studies = 1500
    scores = rng.normal(0.7, 0.1, (n_studies, n_people))
    covered = sum(
        interval.low <= 0.7 <= interval.high for interval in (interval_over_people(study) for study in scores)
    )
    # Three binomial standard errors: 0.95 ± 0.017.
    assert abs(covered / n_studies - 0.95) < 3 * math.sqrt(0.95 * 0.05 / n_studies)


def test_the_interval_covers_people_whose_accuracies_are_counted_on_few_windows():
    rng = np.random.default_rng(1)
    n_studies, n_people, n_windows = 1500, 8, 30
    ability = rng.beta(14, 6, (n_studies, n_people))  # mean 0.7, skewed
    scores = rng.binomial(n_windows, ability) / n_windows
    intervals = [interval_over_people(study) for study in scores]
    assert abs(np.mean([i.low <= 0.7 <= i.high for i in intervals]) - 0.95) < 0.02


def test_cross_validated_scores_have_an_interval_wider_by_the_root_of_two():
    alone, together = interval_over_people(SIX), interval_over_people(SIX, cross_validated=True)
    assert together.mean == alone.mean
    assert together.high - together.mean == pytest.approx(math.sqrt(2) * (alone.high - alone.mean))
    assert together.method == "Student's t over 6 people, variance doubled: cross-validated"
    assert interval_over_people(SIX[:5], cross_validated=True).method == "undefined below 6 people"
    assert interval_over_people([], cross_validated=True).mean is None


def exact_sign_flip(differences):
    """Two-sided p by writing out every exchange."""
    d = np.asarray(differences)
    means = [abs(np.mean(np.array(signs) * d)) for signs in product((1, -1), repeat=len(d))]
    return np.mean(np.array(means) >= abs(d.mean()) - 1e-12)


def test_six_people_who_all_gain_have_the_smallest_p_of_six():
    a = {f"P{index}": 0.7 + 0.01 * index for index in range(6)}
    b = dict.fromkeys(a, 0.6)
    comparison = paired_comparison(a, b)
    assert comparison.p_value == pytest.approx(2 / 64)
    assert comparison.mean_difference == pytest.approx(0.125)
    # Differences 0.10 … 0.15: s = 0.01 x sqrt(3.5).
    assert comparison.effect_size == pytest.approx(0.125 / (0.01 * math.sqrt(3.5)))
    assert comparison.n == 6
    assert comparison.test == "sign-flip permutation (exact)"


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(-4, 6), min_size=6, max_size=9))
def test_p_equals_the_enumeration_of_every_exchange(thirtieths):
    differences = np.array(thirtieths) / 30  # ties and zeros, as with 30 windows a person
    comparison = paired_comparison(0.5 + differences, np.full(len(differences), 0.5))
    assert comparison.p_value == pytest.approx(exact_sign_flip(differences))


def test_p_of_many_people_is_sampled_and_comes_out_again():
    rng = np.random.default_rng(2)
    a, b = rng.normal(0.72, 0.05, 30), rng.normal(0.70, 0.05, 30)
    first, second = paired_comparison(a, b), paired_comparison(a, b)
    assert first == second
    assert first.test == "sign-flip permutation (9999 random flips)"
    assert first.p_value == pytest.approx(scipy.stats.ttest_rel(a, b).pvalue, abs=0.02)


def test_the_paired_test_is_wrong_as_often_as_it_says():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.7, 0.1, (2, 200, 7))
    p_values = np.array([paired_comparison(*pair).p_value for pair in zip(a, b, strict=True)])
    # 128 exchanges: p <= 0.05 is p <= 6 / 128.
    assert abs((p_values <= 0.05).mean() - 6 / 128) < 3 * math.sqrt(0.047 * 0.953 / 200)


def test_people_are_paired_by_name_and_not_by_order():
    a = dict(zip("abcdefg", [*SIX, 0.9], strict=True))
    b = {name: a[name] - 0.1 - 0.01 * index for index, name in enumerate(a)}
    turned = {name: b[name] for name in reversed(b)}
    assert paired_comparison(a, turned) == paired_comparison(a, b)
    assert paired_comparison(a, b).mean_difference == pytest.approx(0.13)
    swapped = paired_comparison(b, a)
    assert swapped.mean_difference == pytest.approx(-0.13)
    assert swapped.p_value == pytest.approx(paired_comparison(a, b).p_value)


def test_the_same_scores_twice_are_no_difference():
    comparison = paired_comparison(SIX, SIX)
    assert comparison.mean_difference == 0.0
    assert comparison.p_value == 1.0
    assert comparison.effect_size is None and comparison.interval.low is None


def test_a_constant_gain_has_no_effect_size_of_infinity():
    comparison = paired_comparison(np.array(SIX) + 0.1, SIX)
    assert comparison.effect_size is None and comparison.interval.low is None
    assert comparison.p_value == pytest.approx(2 / 64)


@pytest.mark.parametrize("n", range(0, MIN_PEOPLE))
def test_a_comparison_of_few_people_is_undefined(n):
    comparison = paired_comparison(SIX[:n], [0.5] * n)
    assert comparison.p_value is None and comparison.effect_size is None and comparison.interval.low is None
    assert comparison.n == n
    assert (comparison.mean_difference is None) == (n == 0)
    assert comparison.test == "undefined below 6 people"


def test_a_person_undefined_in_one_model_is_left_out_of_the_pairs():
    a = dict(zip("abcdefg", [*SIX, None], strict=True))
    b = dict.fromkeys(a, 0.5)
    assert paired_comparison(a, b) == paired_comparison(SIX, [0.5] * 6)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (
            {"P1": 1.0, "P10": 0.5},
            {"P1": 1.0, "P2": 0.5},
            "Expected scores of the same people to compare. Received: P2, P10 in one of the two only. Measure both "
            "models on the same people.",
        ),
        (
            [1.0, 0.5],
            [1.0],
            "Expected scores of the same people to compare. Received: 2 and 1. Measure both models on the same people.",
        ),
        (
            {"P1": 1.0},
            [1.0],
            "Expected both scores by person, or both in order. Received: one of each. Name the people in both.",
        ),
    ],
)
def test_scores_of_other_people_are_not_compared(a, b, message):
    with pytest.raises(InputError) as caught:
        paired_comparison(a, b)
    assert str(caught.value) == message


def test_nadeau_bengio_by_hand():
    # J = 10 and mean 0.02; n_test / n_train = 0.2 / 0.8, so the factor is 1/10 + 1/4 = 0.35; t(0.975, 9) = 2.262157.
    differences = [0.05, -0.01, 0.03, 0.00, 0.04, 0.02, -0.02, 0.06, 0.01, 0.02]
    variance = sum((d - 0.02) ** 2 for d in differences) / 9
    comparison = nadeau_bengio(differences, 0.2)
    statistic = 0.02 / math.sqrt(0.35 * variance)
    assert comparison.mean_difference == pytest.approx(0.02)
    assert comparison.p_value == pytest.approx(2 * scipy.stats.t.sf(statistic, 9))
    half = 2.262157 * math.sqrt(0.35 * variance)
    assert (comparison.interval.low, comparison.interval.high) == pytest.approx((0.02 - half, 0.02 + half), abs=1e-7)
    assert comparison.n == 10 and comparison.test == "Nadeau-Bengio corrected resampled t"
    assert comparison.interval.method == "Student's t over 10 splits, Nadeau-Bengio variance"


def test_nadeau_bengio_without_overlap_is_the_plain_t_test_and_else_more_careful():
    differences = np.random.default_rng(0).normal(0.02, 0.03, 10)
    plain = scipy.stats.ttest_1samp(differences, 0.0).pvalue
    assert nadeau_bengio(differences, 1e-9).p_value == pytest.approx(plain, rel=1e-6)
    careful = [nadeau_bengio(differences, fraction).p_value for fraction in (0.1, 0.2, 0.5)]
    assert [plain, *careful] == sorted([plain, *careful])


def test_nadeau_bengio_counts_what_was_trained_on():
    differences = SIX
    assert nadeau_bengio(differences, 0.2).p_value == nadeau_bengio(differences, 0.2, train_fraction=0.8).p_value
    assert nadeau_bengio(differences, 0.2, train_fraction=0.6).p_value > nadeau_bengio(differences, 0.2).p_value


@pytest.mark.parametrize("n", range(0, 6))
def test_nadeau_bengio_of_few_splits_is_undefined(n):
    comparison = nadeau_bengio(SIX[:n], 0.2)
    assert comparison.p_value is None and comparison.interval.low is None and comparison.effect_size is None
    assert comparison.test == "undefined below 6 splits"


def test_nadeau_bengio_of_equal_differences_is_undefined():
    comparison = nadeau_bengio([0.1] * 8, 0.2)
    assert comparison.p_value is None and comparison.test == "undefined: all 8 splits are equal"


@pytest.mark.parametrize("fractions", [(0.0, None), (1.0, None), (0.5, 0.6), (0.2, 0.0), (-0.1, 0.5)])
def test_nadeau_bengio_refuses_what_is_no_share(fractions):
    test, train = fractions
    with pytest.raises(InputError, match=r"must be above 0 and sum to at most 1\. Received: .* Give the shares"):
        nadeau_bengio(SIX, test, train_fraction=train)


def test_nadeau_bengio_holds_its_level_where_the_plain_test_does_not():
    """Two models that are equal, measured over 10 random splits of 60 people: the differences are correlated."""
    rng = np.random.default_rng(4)
    n_studies, n_people, n_splits = 400, 60, 10
    wrong = {"plain": 0, "corrected": 0}
    for _ in range(n_studies):
        people = rng.normal(0.0, 0.1, n_people)  # each person's own difference; the truth is 0
        tested = [rng.choice(n_people, 12, replace=False) for _ in range(n_splits)]
        differences = np.array([people[rows].mean() for rows in tested])
        wrong["plain"] += scipy.stats.ttest_1samp(differences, 0.0).pvalue < 0.05
        wrong["corrected"] += nadeau_bengio(differences, 0.2).p_value < 0.05
    assert wrong["plain"] / n_studies > 0.15
    assert wrong["corrected"] / n_studies < 0.08


def test_scores_of_each_person_by_hand():
    targets = np.array([0, 1, 0, 1, 0, 0])
    probabilities = np.eye(2)[[0, 1, 1, 1, 0, 1]]
    subjects = np.array(["P10", "P10", "P2", "P2", "P1", "P1"])
    scores = per_person_scores(METRICS["accuracy"], targets, probabilities, subjects)
    assert scores == {"P1": 0.5, "P2": 0.5, "P10": 1.0}
    assert list(scores) == ["P1", "P2", "P10"]
    areas = per_person_scores(METRICS["roc_auc"], targets, probabilities, subjects)
    assert areas == {"P1": None, "P2": 0.5, "P10": 1.0}  # P1 shows one class alone


def test_rows_of_unknown_people_have_no_scores_by_person():
    assert per_person_scores(METRICS["accuracy"], np.array([0, 1]), np.eye(2), np.array(["", ""])) == {}


@pytest.mark.parametrize("n", [0, 3, 8])
def test_results_are_plain_json(n):
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(2, n))
    for result in (interval_over_people(a), paired_comparison(a, b), nadeau_bengio(a - b, 0.2)):
        assert json.loads(json.dumps(result.to_dict(), allow_nan=False)) == result.to_dict()


@pytest.mark.parametrize(
    ("gain", "word"),
    [(0.1, "better"), (-0.1, "worse"), (0.0, "no better and no worse"), (1e-17, "no better and no worse")],
)
def test_a_difference_that_is_printed_as_zero_is_none(gain, word):
    assert better_or_worse(gain) == word
