"""Rows drawn by chance: as many as asked for, with the classes in their shares."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.evaluation.subsampling import content_ranks, subsample


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 3), min_size=4, max_size=60), st.integers(0, 1000), st.data())
def test_a_subsample_is_of_the_size_asked_for_and_keeps_the_classes(labels, seed, data):
    targets = np.array(labels, dtype=np.int64)
    rows = np.flatnonzero(np.arange(len(targets)) % 3 != 1)
    present, counts = np.unique(targets[rows], return_counts=True)
    n = data.draw(st.integers(len(present), len(rows)))
    ranks = np.random.default_rng(seed).permutation(len(targets))
    drawn = subsample(rows, targets, ranks, n, seed)
    assert len(drawn) == len(set(drawn.tolist())) == n
    assert set(drawn.tolist()) <= set(rows.tolist())
    shares = np.array([(targets[drawn] == label).sum() for label in present])
    assert (shares >= 1).all()
    assert (np.abs(shares - n * counts / len(rows)) <= len(present)).all()
    np.testing.assert_array_equal(drawn, np.sort(drawn))


def test_other_seeds_draw_other_rows_and_the_same_seed_the_same():
    targets, rows, ranks = np.arange(200) % 2, np.arange(200), np.arange(200)
    first, second, other = (subsample(rows, targets, ranks, 50, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert first.tolist() != other.tolist()


def test_ranks_follow_what_is_in_the_rows(make_people):
    dataset = make_people(3)
    order = np.random.default_rng(0).permutation(len(dataset))
    groups = {name: values[order] for name, values in dataset.groups.items()}
    moved = replace(dataset, inputs=dataset.inputs[order], targets=dataset.targets[order], groups=groups)
    np.testing.assert_array_equal(content_ranks(moved), content_ranks(dataset)[order])
    assert sorted(content_ranks(dataset).tolist()) == list(range(len(dataset)))
