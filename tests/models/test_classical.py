"""Models of scikit-learn behind one face."""

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.models.classical import FAMILIES, family_named, fit


def rows_of(classes, n=30, seed=0, shape=(4,)):
    """Rows of these classes, each around a place of its own."""
    source = np.random.default_rng(seed)
    targets = np.repeat(classes, n)
    inputs = source.normal(size=(len(targets), *shape)) + 4.0 * targets.reshape(-1, *[1] * len(shape))
    return inputs.astype(np.float32), targets.astype(np.int64)


@pytest.mark.parametrize("name", FAMILIES)
def test_it_learns_and_answers_for_all_classes_in_order(name):
    inputs, targets = rows_of([0, 1, 2])
    said = fit(family_named(name), inputs, targets, 3).probabilities(rows_of([0, 1, 2], seed=1)[0])
    assert said.shape == (90, 3)
    np.testing.assert_allclose(said.sum(axis=1), 1.0)
    assert (said.argmax(axis=1) == targets).mean() > 0.95
    assert set(np.unique(said)) <= {0.0, 1.0} or FAMILIES[name].gives_probabilities


@pytest.mark.parametrize("name", FAMILIES)
def test_a_class_that_training_did_not_hold_is_never_answered(name):
    inputs, targets = rows_of([0, 2])
    said = fit(family_named(name), inputs, targets, 4).probabilities(inputs)
    assert said.shape == (60, 4)
    assert not said[:, [1, 3]].any()
    assert (said.argmax(axis=1) == targets).mean() > 0.95


@pytest.mark.parametrize("name", FAMILIES)
def test_windows_in_a_row_are_put_side_by_side(name):
    inputs, targets = rows_of([0, 1], shape=(3, 2))
    in_a_row = fit(family_named(name), inputs, targets, 2).probabilities(inputs)
    flat = inputs.reshape(len(inputs), 6)
    np.testing.assert_array_equal(in_a_row, fit(family_named(name), flat, targets, 2).probabilities(flat))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_rare_class_counts_as_much_as_a_frequent_one(name):
    inputs, targets = rows_of([0, 1], n=100)
    inputs -= 3.6 * targets[:, None]  # 0.4 apart: a majority would win everywhere
    kept = np.r_[0:100, 100:110]
    said = fit(family_named(name), inputs[kept], targets[kept], 2).probabilities(inputs)
    assert (said.argmax(axis=1) == 1)[100:].mean() > 0.4


@pytest.mark.parametrize("name", FAMILIES)
def test_one_class_is_refused(name):
    inputs, targets = rows_of([1])
    with pytest.raises(InputError, match="at least 2 classes"):
        fit(family_named(name), inputs, targets, 2)


def test_an_unknown_model_is_refused_with_the_names():
    with pytest.raises(InputError, match=r"svm, logistic.*'tree'"):
        family_named("tree")
