import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.errors import InputError
from emotune.evaluation.grouping import class_counts, group_is_known, natural_order, require_group, shares

FRACTIONS = (0.6, 0.2, 0.2)


def test_names_are_ordered_by_the_size_of_their_numbers():
    assert natural_order(["P10", "P2", "P1", "P2", "Anna"]) == ["Anna", "P1", "P2", "P10"]
    assert natural_order(np.array(["s2/b", "s2/a", "s10/a", "10", "9"])) == ["9", "10", "s2/a", "s2/b", "s10/a"]
    assert natural_order(["01", "1", "001"]) == ["001", "01", "1"]


@settings(deadline=None)
@given(st.lists(st.text(alphabet="aP019/ _-é²", max_size=6)))
def test_every_name_has_a_place_in_the_order_whatever_the_input_order(names):
    assert natural_order(names) == natural_order(reversed(names))
    assert set(natural_order(names)) == set(names)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (3, [1, 1, 1]),
        (4, [2, 1, 1]),
        (5, [3, 1, 1]),
        (8, [4, 2, 2]),
        (10, [6, 2, 2]),
        (12, [8, 2, 2]),
        (15, [9, 3, 3]),
        (16, [10, 3, 3]),
        (32, [20, 6, 6]),
        (36, [22, 7, 7]),
    ],
)
def test_held_out_parts_are_rounded_to_the_nearest_and_training_gets_the_rest(n, expected):
    assert shares(n, FRACTIONS) == expected


@settings(deadline=None)
@given(st.integers(3, 500), st.floats(0.05, 0.9), st.floats(0.05, 0.9))
def test_shares_fill_every_part_and_use_every_group(n, first, second):
    fractions = np.array([1.0, first, second]) / (1.0 + first + second)
    sizes = shares(n, fractions.tolist())
    assert sum(sizes) == n
    assert min(sizes) >= 1


def test_a_half_that_is_not_exact_in_binary_is_a_half():
    assert shares(25, (0.8, 0.1, 0.1)) == [19, 3, 3]


def test_class_counts_by_hand():
    counts = class_counts(np.array(["P10", "P2", "P2", "P10", "P2"]), np.array([0, 1, 1, 2, 0]))
    assert {name: row.tolist() for name, row in counts.items()} == {"P2": [1, 2, 0], "P10": [1, 0, 1]}
    assert list(counts) == ["P2", "P10"]


def test_a_group_is_known_or_not_but_never_half(make_dataset):
    assert group_is_known(make_dataset(["A", "B"], None, [0, 1]), "subject")
    assert not group_is_known(make_dataset(["A", "B"], None, [0, 1]), "trial")
    with pytest.raises(InputError) as caught:
        group_is_known(make_dataset(["A", "", "C"], None, [0, 1, 0]), "subject")
    assert str(caught.value) == (
        "Expected a subject for every row of toy, or for none. Received: 1 of 3 rows without. Fill them in."
    )


def test_a_group_that_is_needed_and_not_there_is_refused(make_dataset):
    with pytest.raises(InputError) as caught:
        require_group(make_dataset(["A", "B"], None, [0, 1]), "trial", "a split by trial")
    assert str(caught.value) == (
        "Expected a trial for each row of toy: a split by trial needs it. Received: none. Add the trial column."
    )
