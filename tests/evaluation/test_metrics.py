import json
import math
import os
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.errors import InputError
from emotune.evaluation.metrics import DEFAULT_METRIC, METRICS, measure, metric_named


def problem(seed: int, n: int = 60, n_classes: int = 3, absent: tuple[int, ...] = ()):
    rng = np.random.default_rng(seed)
    targets = rng.choice([label for label in range(n_classes) if label not in absent], n).astype(np.int64)
    return targets, rng.dirichlet(np.ones(n_classes), n).astype(np.float32)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 200), st.integers(2, 6))
def test_the_fast_metrics_equal_scikit_learn(seed, n, n_classes):
    targets, probabilities = problem(seed, n, n_classes)
    predicted = probabilities.argmax(axis=1)
    recalls = [(predicted[targets == label] == label).mean() for label in set(targets.tolist())]

    assert METRICS["accuracy"](targets, probabilities) == pytest.approx(
        sklearn.metrics.accuracy_score(targets, predicted), abs=1e-12
    )
    balanced = METRICS["balanced_accuracy"](targets, probabilities)
    if len(recalls) == 1:
        assert math.isnan(balanced)
    else:
        assert balanced == pytest.approx(np.mean(recalls), abs=1e-12)
    # scikit-learn warns where it is given one class, or predictions of an absent one.
    if set(predicted.tolist()) <= set(targets.tolist()) and len(recalls) > 1:
        assert METRICS["balanced_accuracy"](targets, probabilities) == pytest.approx(
            sklearn.metrics.balanced_accuracy_score(targets, predicted), abs=1e-12
        )


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("absent", [(0,), (1,), (2,), (0, 2)])
def test_balanced_accuracy_leaves_absent_classes_out_as_scikit_learn_does(absent):
    targets, probabilities = problem(3, n=50, n_classes=4, absent=absent)
    expected = sklearn.metrics.balanced_accuracy_score(targets, probabilities.argmax(axis=1))
    assert METRICS["balanced_accuracy"](targets, probabilities) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_the_other_metrics_equal_scikit_learn(n_classes):
    targets, probabilities = problem(1, n=300, n_classes=n_classes)
    predicted, wide = probabilities.argmax(axis=1), probabilities.astype(np.float64)
    wide = np.clip(wide, 1e-7, 1)
    wide /= wide.sum(axis=1, keepdims=True)
    auc = (
        sklearn.metrics.roc_auc_score(targets, wide[:, 1])
        if n_classes == 2
        else sklearn.metrics.roc_auc_score(targets, wide, multi_class="ovr")
    )
    expected = {
        "macro_f1": sklearn.metrics.f1_score(targets, predicted, average="macro"),
        "cohen_kappa": sklearn.metrics.cohen_kappa_score(targets, predicted),
        "roc_auc": auc,
        "log_loss": sklearn.metrics.log_loss(targets, wide),
    }
    for name, value in expected.items():
        assert METRICS[name](targets, probabilities) == pytest.approx(value, abs=1e-6), name


def test_every_metric_by_hand():
    # Class 0: two of three right; class 1: one of one right; one wrong at probability 0.6.
    targets = np.array([0, 0, 0, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
    expected = {
        "accuracy": 3 / 4,
        "balanced_accuracy": (2 / 3 + 1) / 2,
        "macro_f1": (4 / 5 + 2 / 3) / 2,
        "cohen_kappa": (3 / 4 - 1 / 2) / (1 - 1 / 2),
        "roc_auc": 1.0,
        "log_loss": -(math.log(0.9) + math.log(0.8) + math.log(0.4) + math.log(0.7)) / 4,
    }
    assert {name: metric(targets, probabilities) for name, metric in METRICS.items()} == pytest.approx(expected)


def test_roc_auc_leaves_absent_classes_out():
    targets, probabilities = problem(5, n=80, n_classes=4, absent=(2,))
    expected = np.mean(
        [sklearn.metrics.roc_auc_score(targets == label, probabilities[:, label]) for label in (0, 1, 3)]
    )
    assert METRICS["roc_auc"](targets, probabilities) == pytest.approx(expected, abs=1e-9)


def test_log_loss_is_the_same_in_both_precisions_and_bounded():
    targets = np.array([0, 1])
    sure_and_wrong = np.array([[0.0, 1.0], [0.0, 1.0]])
    losses = [METRICS["log_loss"](targets, sure_and_wrong.astype(kind)) for kind in (np.float32, np.float64)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-9)
    assert losses[0] == pytest.approx(-math.log(1e-7) / 2, rel=1e-3)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_network_that_diverged_has_no_score(name, bad):
    targets, probabilities = problem(0)
    probabilities[7, 1] = bad
    assert math.isnan(METRICS[name](targets, probabilities))


@pytest.mark.parametrize("name", METRICS)
def test_no_rows_have_no_score(name):
    assert math.isnan(METRICS[name](np.zeros(0, dtype=np.int64), np.zeros((0, 3))))


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("answer", [0, 1])
def test_of_one_class_only_what_compares_no_classes_is_defined(name, answer):
    """Always answering the one class would have a balanced accuracy of 1, and of another of 0."""
    targets, probabilities = np.zeros(6, dtype=np.int64), np.eye(3)[[answer] * 6]
    score = METRICS[name](targets, probabilities)
    assert math.isnan(score) == (name not in ("accuracy", "log_loss"))
    if name == "accuracy":
        assert score == 1.0 - answer


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_gives_a_plain_float_and_travels_to_a_worker(name):
    metric = pickle.loads(pickle.dumps(METRICS[name]))
    assert metric == METRICS[name]
    assert type(metric(*problem(2))) is float


def test_better_follows_the_direction_and_nothing_beats_with_an_undefined_score():
    accuracy, loss = METRICS["accuracy"], METRICS["log_loss"]
    assert accuracy.better(0.7, 0.6) and not accuracy.better(0.6, 0.7) and not accuracy.better(0.6, 0.6)
    assert loss.better(0.6, 0.7) and not loss.better(0.7, 0.6)
    for metric in (accuracy, loss):
        assert metric.better(0.1, math.nan)
        assert not metric.better(math.nan, 0.1)
        assert not metric.better(math.nan, math.nan)


def test_only_log_loss_is_minimised_and_the_default_is_balanced_accuracy():
    assert [name for name, metric in METRICS.items() if not metric.maximise] == ["log_loss"]
    assert metric_named(DEFAULT_METRIC) is METRICS["balanced_accuracy"]
    assert all(metric_named(name).name == name for name in METRICS)


def test_an_unknown_metric_is_refused_with_the_names():
    with pytest.raises(InputError) as caught:
        metric_named("f2")
    assert str(caught.value) == (
        "Expected a metric out of balanced_accuracy, accuracy, macro_f1, cohen_kappa, roc_auc, log_loss. "
        "Received: 'f2'. Choose one of them."
    )


def test_probabilities_that_do_not_fit_the_targets_are_refused():
    with pytest.raises(InputError) as caught:
        METRICS["accuracy"](np.array([0, 1, 1]), np.ones((2, 2)))
    assert str(caught.value) == (
        "`probabilities` must be (n, n_classes) with a row for each of the 3 targets. Received: shape (2, 2)."
    )
    with pytest.raises(InputError, match=r"one column for each of the 3 classes\. Received: shape \(2, 2\)\."):
        measure(np.array([0, 1]), np.ones((2, 2)), ("a", "b", "c"))


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy"])
def test_the_search_metrics_cost_nothing_beside_an_epoch_of_4_ms(name):
    targets, probabilities = problem(0, n=1000, n_classes=5)
    metric, seconds = METRICS[name], []
    for _ in range(200):
        start = time.perf_counter()
        metric(targets, probabilities)
        seconds.append(time.perf_counter() - start)
    assert np.median(seconds) < 200e-6  # about 15 µs; the room is for a busy machine


def test_the_search_metrics_import_neither_scikit_learn_nor_tensorflow():
    code = """
import sys, numpy as np
import emotune.evaluation.audit, emotune.evaluation.significance, emotune.evaluation.splits
from emotune.evaluation.metrics import METRICS
METRICS["balanced_accuracy"](np.array([0, 1]), np.eye(2)), METRICS["accuracy"](np.array([0, 1]), np.eye(2))
print(sorted({"sklearn", "scipy.stats", "tensorflow", "keras", "pandas"} & set(sys.modules)))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "[]"


def test_measure_by_hand():
    targets = np.array([0, 0, 0, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
    report = measure(targets, probabilities, ("calm", "joy"))
    assert report["n"] == 4
    assert report["confusion"] == [[2, 1], [0, 1]]
    assert report["recall"] == {"calm": pytest.approx(2 / 3), "joy": 1.0}
    assert report["majority"] == {"class_name": "calm", "accuracy": 0.75, "balanced_accuracy": 0.5}
    # Each confidence has a bin of its own: gaps 0.1, 0.2, 0.6 (wrong) and 0.3.
    assert report["calibration_error"] == pytest.approx((0.1 + 0.2 + 0.6 + 0.3) / 4)
    assert report["balanced_accuracy"] == pytest.approx(5 / 6)


def test_the_majority_baseline_answers_the_training_majority_where_it_is_given():
    targets = np.array([0, 0, 0, 1])
    report = measure(targets, np.full((4, 2), 0.5), ("calm", "joy"), majority_class=1)
    assert report["majority"] == {"class_name": "joy", "accuracy": 0.25, "balanced_accuracy": 0.5}


def test_measure_says_none_where_nothing_is_defined():
    one_class = measure(np.zeros(5, dtype=np.int64), np.tile([0.9, 0.1], (5, 1)), ("calm", "joy"))
    assert all(one_class[name] is None for name in ("balanced_accuracy", "macro_f1", "cohen_kappa", "roc_auc"))
    assert one_class["accuracy"] == one_class["majority"]["accuracy"] == 1.0
    assert one_class["recall"] == {"calm": 1.0, "joy": None}
    assert one_class["majority"]["balanced_accuracy"] is None

    diverged = measure(np.array([0, 1]), np.full((2, 2), np.nan), ("calm", "joy"))
    assert all(diverged[name] is None for name in (*METRICS, "confusion", "calibration_error"))
    assert diverged["recall"] == {"calm": None, "joy": None}

    nothing = measure(np.zeros(0, dtype=np.int64), np.zeros((0, 2)), ("calm", "joy"))
    assert nothing["n"] == 0 and nothing["accuracy"] is None and nothing["majority"]["accuracy"] is None


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 120), st.integers(2, 5))
def test_measure_is_plain_json_and_agrees_with_itself(seed, n, n_classes):
    targets, probabilities = problem(seed, n, n_classes)
    report = measure(targets, probabilities, [f"class{label}" for label in range(n_classes)])
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    confusion = np.array(report["confusion"])
    assert confusion.sum() == n
    assert confusion.trace() / n == pytest.approx(report["accuracy"])
    np.testing.assert_array_equal(
        confusion, sklearn.metrics.confusion_matrix(targets, probabilities.argmax(axis=1), labels=range(n_classes))
    )
    recalls = [recall for recall in report["recall"].values() if recall is not None]
    assert report["balanced_accuracy"] == (pytest.approx(np.mean(recalls)) if len(recalls) > 1 else None)
    assert 0 <= report["calibration_error"] <= 1


def test_calibration_error_tells_a_calibrated_model_from_a_sure_one():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.5, 1.0, 20_000)
    targets = (rng.uniform(size=20_000) > truth).astype(np.int64)
    calibrated = measure(targets, np.stack([truth, 1 - truth], axis=1), ("a", "b"))
    sure = measure(targets, np.tile([0.999, 0.001], (20_000, 1)), ("a", "b"))
    assert calibrated["calibration_error"] < 0.02
    assert sure["calibration_error"] == pytest.approx(0.999 - 0.75, abs=0.01)


def test_a_confidence_on_the_edge_of_a_bin_belongs_to_the_bin_below():
    # 0.7 right and 0.65 wrong share the bin (0.6, 0.7]: |1.35 - 1| / 2. Apart they would give (0.3 + 0.65) / 2.
    report = measure(np.array([0, 1]), np.array([[0.7, 0.3], [0.65, 0.35]]), ("a", "b"))
    assert report["calibration_error"] == pytest.approx(0.35 / 2)
