"""Folds by protocol: what each holds out, and those that cannot be."""

from dataclasses import replace

import numpy as np
import pytest

from emotune.data.dataset import GROUPS, Dataset
from emotune.errors import InputError
from emotune.evaluation.folds import development_folds, protocol_folds
from emotune.evaluation.grouping import ROWS
from emotune.evaluation.protocols import PROTOCOLS


def crossed(n_people=6, n_stimuli=8, windows=2):
    """Every person with every stimulus in one of two sessions; a stimulus has its class, a trial is one of both."""
    person, stimulus, _ = (part.ravel() for part in np.indices((n_people, n_stimuli, windows)))
    columns = {
        "subject": np.array([f"P{index}" for index in person]),
        "stimulus": np.array([f"S{index}" for index in stimulus]),
        "session": np.array([f"day {index // 2 % 2}" for index in stimulus]),
        "trial": np.array([f"P{p}/S{s}" for p, s in zip(person, stimulus, strict=True)]),
    }
    groups = {name: np.full(len(person), "") for name in GROUPS} | columns
    inputs = np.random.default_rng(0).normal(size=(len(person), 3)).astype(np.float32)
    return Dataset(inputs, (stimulus % 2).astype(np.int64), groups, ("rest", "task"), ("a", "b", "c"), "toy", "toy")


@pytest.mark.parametrize(
    ("protocol", "held_out", "n_folds"),
    [
        ("subject", "people", 3),
        ("loso", "people", 3),
        ("session", "sessions", 2),
        ("trial", "trials", 3),
        ("stimulus", "stimuli", 3),
        ("subject+stimulus", "people and stimuli", 3),
        ("window", "windows", 3),
    ],
)
def test_folds_hold_out_what_the_protocol_does(protocol, held_out, n_folds):
    dataset = crossed()
    rows = np.flatnonzero(dataset.groups["subject"] != "P0")
    columns = PROTOCOLS[protocol].columns
    folds, word = protocol_folds(dataset, rows, columns, 3, seed=1)
    assert (word, len(folds)) == (held_out, n_folds)
    for train, held in folds:
        for column in columns:
            if column != ROWS:
                names = dataset.groups[column][rows]
                assert not set(names[train]) & set(names[held])
        assert not set(train) & set(held)
        for part in (train, held):
            assert set(dataset.targets[rows[part]]) == {0, 1}
    if len(columns) == 1:
        assert np.sort(np.concatenate([held for _, held in folds])).tolist() == list(range(len(rows)))
    else:
        tested = {dataset.groups[column][rows[held]][0] for column in columns for _, held in folds}
        assert len(tested) == 6


def test_people_are_folded_as_they_have_been():
    dataset = crossed()
    rows = np.arange(len(dataset))
    folds, _ = protocol_folds(dataset, rows, ("subject",), 3, seed=7)
    for (train, held), (before, held_before) in zip(
        folds, development_folds(dataset.groups["subject"], dataset.targets, 3, seed=7), strict=True
    ):
        np.testing.assert_array_equal(train, before)
        np.testing.assert_array_equal(held, held_before)


def test_one_person_is_folded_by_trial():
    dataset = crossed()
    rows = np.flatnonzero(dataset.groups["subject"] == "P2")
    _, word = protocol_folds(dataset, rows, ("subject",), 3, seed=0)
    assert word == "trials"


def test_an_unlucky_drawing_is_drawn_again():
    dataset = crossed(n_people=4)
    # Two people of each class: half of the drawings in two folds put a class on one side.
    targets = np.isin(dataset.groups["subject"], ["P0", "P1"]).astype(np.int64)
    dataset = replace(dataset, targets=targets)
    for seed in range(10):
        folds, _ = protocol_folds(dataset, np.arange(len(dataset)), ("subject",), 2, seed)
        assert all(set(targets[part]) == {0, 1} for fold in folds for part in fold)


@pytest.mark.parametrize(
    ("columns", "n_folds", "message"),
    [
        (
            ("stimulus",),
            8,
            "Expected in each of 8 folds by stimuli every class to train on and at least two to score on. Received: a "
            "fold 1 with rest alone to score on. Take fewer folds, or add stimuli of each class.",
        ),
        (("trial",), 1, "`n_folds` must be at least 2. Received: 1. Take such as 5."),
    ],
)
def test_folds_of_one_class_are_refused(columns, n_folds, message):
    dataset = crossed()
    with pytest.raises(InputError) as caught:
        protocol_folds(dataset, np.arange(len(dataset)), columns, n_folds, seed=0)
    assert str(caught.value).replace("task", "rest") == message


def test_a_protocol_without_its_column_or_with_one_name_is_refused():
    dataset = crossed()
    unknown = replace(dataset, groups={**dataset.groups, "session": np.full(len(dataset), "")})
    with pytest.raises(InputError, match="Expected a trial for each row of toy"):
        without = replace(unknown, groups={**unknown.groups, "trial": np.full(len(dataset), "")})
        protocol_folds(without, np.arange(len(dataset)), ("session",), 3, seed=0)
    one = np.flatnonzero(dataset.groups["subject"] == "P1")
    with pytest.raises(InputError, match="Expected at least 2 people for folds of toy. Received: 1."):
        protocol_folds(dataset, one, ("subject", "stimulus"), 3, seed=0)
