"""Orders of rows and weights of classes."""

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.models.sampling import class_weights, epoch_order, row_weights

TARGETS = np.array([0] * 60 + [1] * 25 + [2] * 7)


def test_an_epoch_takes_every_row_once():
    order = epoch_order(TARGETS, seed=4, epoch=2)
    assert order.dtype == np.int32
    assert sorted(order) == list(range(len(TARGETS)))
    assert list(order) != sorted(order)


def test_orders_depend_on_seed_and_epoch_alone():
    assert list(epoch_order(TARGETS, seed=4, epoch=2)) == list(epoch_order(TARGETS, seed=4, epoch=2))
    assert list(epoch_order(TARGETS, seed=4, epoch=2)) != list(epoch_order(TARGETS, seed=4, epoch=3))
    assert list(epoch_order(TARGETS, seed=4, epoch=2)) != list(epoch_order(TARGETS, seed=5, epoch=2))


@pytest.mark.parametrize("size", [5, 16, 32])
def test_every_balanced_batch_holds_as_many_rows_of_each_class(size):
    order = epoch_order(TARGETS, seed=0, epoch=0, balanced=True)
    assert len(order) == len(TARGETS)
    for start in range(0, len(order), size):
        counts = np.bincount(TARGETS[order[start : start + size]], minlength=3)
        assert np.ptp(counts) <= 2  # a batch may begin and end inside a round of three


def test_a_balanced_epoch_repeats_rare_rows_equally_and_frequent_ones_never():
    order = epoch_order(TARGETS, seed=0, epoch=0, balanced=True)
    times = np.bincount(order, minlength=len(TARGETS))
    assert set(times[:60]) == {0, 1}
    assert set(times[60:85]) == {1, 2}
    assert set(times[85:]) == {4, 5}
    other = epoch_order(TARGETS, seed=0, epoch=1, balanced=True)
    assert set(order[TARGETS[order] == 0]) != set(other[TARGETS[other] == 0])


def test_a_class_without_rows_does_not_break_balance():
    targets = np.array([0, 0, 0, 2])
    assert sorted(targets[epoch_order(targets, seed=0, epoch=0, balanced=True)]) == [0, 0, 2, 2]


def test_balanced_class_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    expected = compute_class_weight("balanced", classes=np.arange(3), y=TARGETS)
    np.testing.assert_allclose(class_weights("balanced", TARGETS, 3), expected, rtol=1e-6)
    assert row_weights("balanced", TARGETS, 3).mean() == pytest.approx(1.0, rel=1e-5)


def test_given_weights_go_to_their_rows_and_others_count_one():
    weights = row_weights({2: 5.0, 0: 0.5}, np.array([0, 1, 2, 1]), 3)
    np.testing.assert_array_equal(weights, np.array([0.5, 1.0, 5.0, 1.0], dtype=np.float32))
    assert row_weights(None, TARGETS, 3) is None


def test_a_class_without_rows_has_weight_one():
    np.testing.assert_allclose(class_weights("balanced", np.array([0, 0, 0, 2]), 3), [4 / 6, 1.0, 2.0], rtol=1e-6)


@pytest.mark.parametrize(
    "given", [{3: 1.0}, {-1: 1.0}, {0: -1.0}, {0: float("nan")}, {0: float("inf")}, {"happy": 2.0}, {0: "much"}]
)
def test_impossible_weights_are_refused(given):
    with pytest.raises(InputError, match=r"`class_weight` must give classes 0 to 2 a finite weight.*Received"):
        class_weights(given, TARGETS, 3)


def test_an_unknown_word_for_class_weights_is_refused():
    with pytest.raises(InputError, match="'balanced', None or a dict.*Received: 'even'"):
        class_weights("even", TARGETS, 3)
