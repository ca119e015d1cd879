"""Scores of predicted numbers: by hand, against SciPy and scikit-learn, and where they are undefined."""

import json
import math

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.errors import InputError
from emotune.evaluation.regression import REGRESSION_SCORES, concordance, measure_regression, per_person_regression
from emotune.evaluation.significance import interval_over_people


def only(report):
    (scores,) = report["outputs"].values()
    return scores


def test_every_score_by_hand():
    targets, predictions = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 2.0, 4.0, 4.0])
    # Squared errors sum to 2, squared deviations of the targets to 5; means 2.5 and 3, moments over n: 1.25, 1 and 1.
    report = measure_regression(targets, predictions, n_predictors=1)
    assert report["n"] == 4
    assert only(report) == pytest.approx(
        {
            "r2": 1 - 2 / 5,
            "adjusted_r2": 1 - (2 / 5) * 3 / 2,
            "rmse": math.sqrt(2 / 4),
            "mae": 2 / 4,
            "pearson": 1 / math.sqrt(1.25),
            "concordance": 2 * 1 / (1.25 + 1 + 0.25),
        }
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(3, 60), st.integers(1, 3))
def test_scores_equal_scikit_learn_and_scipy(seed, n, n_outputs):
    rng = np.random.default_rng(seed)
    targets = rng.normal(5, 2, (n, n_outputs))
    predictions = targets + rng.normal(0.3, 1, targets.shape)
    report = measure_regression(targets, predictions, output_names=["valence", "arousal", "dominance"][:n_outputs])
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    for column, scores in enumerate(report["outputs"].values()):
        true, predicted = targets[:, column], predictions[:, column]
        assert scores["r2"] == pytest.approx(sklearn.metrics.r2_score(true, predicted))
        assert scores["rmse"] == pytest.approx(math.sqrt(sklearn.metrics.mean_squared_error(true, predicted)))
        assert scores["mae"] == pytest.approx(sklearn.metrics.mean_absolute_error(true, predicted))
        pearson = scipy.stats.pearsonr(true, predicted).statistic
        assert scores["pearson"] == pytest.approx(pearson)
        # Lin's own form: Pearson's correlation times how well mean and spread agree, which is at most 1.
        ratio, shift = true.std() / predicted.std(), (true.mean() - predicted.mean()) ** 2
        bias = 2 / (ratio + 1 / ratio + shift / (true.std() * predicted.std()))
        assert scores["concordance"] == pytest.approx(pearson * bias)
        assert abs(scores["concordance"]) <= abs(scores["pearson"]) + 1e-12
        assert scores["adjusted_r2"] is None


def test_the_concordance_falls_with_a_wrong_mean_or_spread_and_the_correlation_does_not():
    targets = np.arange(6.0)
    assert concordance(targets, targets) == pytest.approx(1.0)
    assert concordance(targets, -targets + 5.0) == pytest.approx(-1.0)
    for off in (targets + 2.0, 3.0 * targets):
        assert only(measure_regression(targets, off))["pearson"] == pytest.approx(1.0)
        assert concordance(targets, off) < 0.75


@pytest.mark.parametrize(
    ("n_predictors", "is_defined"), [(1, True), (8, True), (9, False), (200, False), (None, False)]
)
def test_the_adjusted_r2_needs_more_rows_than_predictors(n_predictors, is_defined):
    rng = np.random.default_rng(0)
    targets = rng.normal(size=10)
    scores = only(measure_regression(targets, targets + rng.normal(0, 0.1, 10), n_predictors))
    assert (scores["adjusted_r2"] is not None) == is_defined
    if is_defined:
        assert scores["adjusted_r2"] <= scores["r2"]


def test_constant_targets_have_errors_but_no_explained_variance():
    scores = only(measure_regression(np.full(5, 3.0), np.arange(5.0), 1))
    assert (scores["rmse"], scores["mae"]) == pytest.approx((math.sqrt(3.0), 7 / 5))
    assert [scores[name] for name in ("r2", "adjusted_r2", "pearson", "concordance")] == [None] * 4


def test_constant_predictions_have_no_correlation_and_a_concordance_of_zero():
    scores = only(measure_regression(np.arange(5.0), np.full(5, 2.0)))
    assert (scores["r2"], scores["pearson"], scores["concordance"]) == (0.0, None, 0.0)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_rows_are_undefined(n):
    scores = only(measure_regression(np.ones(n), np.zeros(n)))
    assert [scores[name] for name in ("r2", "pearson", "concordance")] == [None] * 3
    assert scores["mae"] == (None if n == 0 else 1.0)


def test_a_model_that_diverged_has_no_score():
    scores = only(measure_regression(np.arange(4.0), np.array([0.0, 1.0, math.nan, 3.0])))
    assert set(scores.values()) == {None}


def test_scores_by_person_go_into_an_interval():
    subjects = np.repeat([f"P{number}" for number in (10, 2, 3, 4, 5, 6, 7)], 4)
    targets = np.tile([1.0, 2.0, 3.0, 4.0], 7)
    targets[:4] = 2.0
    rng = np.random.default_rng(0)
    scores = per_person_regression("pearson", targets, targets + rng.normal(0, 0.5, 28), subjects)
    assert list(scores) == ["P2", "P3", "P4", "P5", "P6", "P7", "P10"]
    assert scores["P10"] is None
    interval = interval_over_people(scores)
    assert interval.n == 6 and interval.low < interval.mean < interval.high
    assert per_person_regression("mae", targets, targets, np.full(28, "")) == {}


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(InputError, match=r"must both be \(n,\) or \(n, n_outputs\)\. Received: shapes \(3,\) and \(2,"):
        measure_regression(np.ones(3), np.ones(2))
    with pytest.raises(InputError, match=r"`targets` must be finite\. Received: 1 that are not\. Leave those rows out"):
        measure_regression(np.array([1.0, math.nan]), np.ones(2))
    with pytest.raises(InputError, match=r"a name for each of the 2 outputs\. Received: valence\."):
        measure_regression(np.ones((3, 2)), np.ones((3, 2)), output_names=["valence"])
    with pytest.raises(InputError, match=r"`n_predictors` must be at least 1\. Received: 0\."):
        measure_regression(np.ones(3), np.ones(3), 0)
    with pytest.raises(InputError, match=rf"a score out of {', '.join(REGRESSION_SCORES)}\. Received: 'f1'\."):
        per_person_regression("f1", np.ones(3), np.ones(3), np.array(list("abc")))
    with pytest.raises(
        InputError, match=r"one output with a person for each of the 3 rows\. Received: shape \(3,\) and"
    ):
        per_person_regression("mae", np.ones(3), np.ones(3), np.array(["a"]))
