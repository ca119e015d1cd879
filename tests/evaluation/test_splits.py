import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.errors import InputError
from emotune.evaluation.folds import development_folds, development_groups
from emotune.evaluation.protocols import PROTOCOLS, split_dataset
from emotune.evaluation.splits import OWN_PARTS, PARTS, Split


def names_in(dataset, split, column="subject"):
    return [set(dataset.groups[column][rows].tolist()) for rows in split.parts.values()]


def shuffled(dataset, seed=0):
    order = np.random.default_rng(seed).permutation(len(dataset))
    return replace(
        dataset,
        inputs=dataset.inputs[order],
        targets=dataset.targets[order],
        groups={name: column[order] for name, column in dataset.groups.items()},
    )


def check_is_a_partition(dataset, split):
    rows = np.concatenate(list(split.parts.values()))
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(dataset)))
    for part in split.parts.values():
        assert part.dtype == np.int64 and len(part) and (np.diff(part) > 0).all()


@settings(max_examples=60, deadline=None)
@given(data=st.data(), n_people=st.integers(3, 25), seed=st.integers(0, 1000))
def test_no_person_is_in_two_parts_and_no_row_is_lost(make_dataset, data, n_people, seed):
    people = [f"P{index}" for index in range(n_people)]
    more = data.draw(st.lists(st.sampled_from(people), max_size=60))
    subject = [*people, *more]
    targets = data.draw(st.lists(st.integers(0, 2), min_size=len(subject), max_size=len(subject)))
    dataset = make_dataset(subject, None, targets, class_names=("a", "b", "c"))
    split = split_dataset(dataset, seed=seed)
    check_is_a_partition(dataset, split)
    for first, second in combinations(names_in(dataset, split), 2):
        assert not first & second
    assert [set(split.people[part]) for part in PARTS] == names_in(dataset, split)
    assert split.protocol == split.validation_protocol == "subject"


@settings(max_examples=60, deadline=None)
@given(data=st.data(), n_trials=st.integers(3, 30), seed=st.integers(0, 1000))
def test_no_trial_is_in_two_parts_and_each_class_is_in_every_part(make_dataset, data, n_trials, seed):
    label_of = [index % 2 for index in range(2 * n_trials)]
    windows = data.draw(st.lists(st.integers(1, 4), min_size=2 * n_trials, max_size=2 * n_trials))
    trial = [f"P1//{index}" for index, n in enumerate(windows) for _ in range(n)]
    targets = [label_of[index] for index, n in enumerate(windows) for _ in range(n)]
    dataset = make_dataset(["P1"] * len(trial), trial, targets)
    split = split_dataset(dataset, seed=seed)
    check_is_a_partition(dataset, split)
    parts = names_in(dataset, split, "trial")
    for first, second in combinations(parts, 2):
        assert not first & second
    for rows in split.parts.values():
        assert set(dataset.targets[rows].tolist()) == {0, 1}
    assert split.protocol == "trial"
    assert [set(split.trials[part]) for part in PARTS] == parts


@pytest.mark.parametrize(("n_people", "sizes"), [(3, [1, 1, 1]), (12, [8, 2, 2]), (16, [10, 3, 3]), (36, [22, 7, 7])])
def test_people_are_shared_by_the_documented_rule(make_people, n_people, sizes):
    split = split_dataset(make_people(n_people), seed=4)
    assert [len(split.people[part]) for part in PARTS] == sizes


def test_other_fractions_are_followed(make_people):
    split = split_dataset(make_people(20), seed=4, fractions=(0.8, 0.1, 0.1))
    assert [len(split.people[part]) for part in PARTS] == [16, 2, 2]


def test_trials_of_each_class_are_shared_by_the_same_rule(make_people):
    dataset = make_people(1, n_classes=3, trials_per_class=5, windows=2)
    split = split_dataset(dataset, seed=1)
    for rows, n_trials in zip(split.parts.values(), (3, 1, 1), strict=True):
        assert np.bincount(dataset.targets[rows]).tolist() == [2 * n_trials] * 3


@pytest.mark.parametrize("n_people", [1, 2, 7])
def test_a_split_depends_on_the_seed_and_not_on_the_order_of_rows(make_people, n_people):
    dataset = make_people(n_people, trials_per_class=5)
    mixed = shuffled(dataset)
    different = set()
    for seed in range(8):
        split, again, other = (split_dataset(data, seed=seed) for data in (dataset, dataset, mixed))
        for part in PARTS:
            np.testing.assert_array_equal(split.parts[part], again.parts[part])
        assert split.fingerprint == again.fingerprint
        assert names_in(dataset, split, "trial") == names_in(mixed, other, "trial")
        different.add(split.fingerprint)
    assert len(different) == 8


def test_a_published_split_comes_out_again(make_people):
    """Frozen by value: a change here changes every score that users have written down."""
    split = split_dataset(make_people(10), seed=0)
    assert split.people == {
        "train": ["P1", "P2", "P4", "P6", "P7", "P9"],
        "validation": ["P8", "P10"],
        "test": ["P3", "P5"],
    }


def test_every_person_is_tested_under_some_seed(make_people):
    dataset = make_people(8)
    tested = {name for seed in range(40) for name in split_dataset(dataset, seed=seed).people["test"]}
    assert tested == {f"P{index}" for index in range(1, 9)}


@pytest.mark.parametrize("seed", range(10))
def test_parts_hold_every_class_where_people_allow_it(make_dataset, seed):
    # Of 12 people only 3 ever show class 1: a random 8/2/2 split has one of them in each part once in 7 times.
    subject = [f"P{index}" for index in range(12) for _ in range(4)]
    targets = [int(index < 3 and row == 0) for index in range(12) for row in range(4)]
    dataset = make_dataset(subject, None, targets)
    split = split_dataset(dataset, seed=seed)
    for rows in split.parts.values():
        assert set(dataset.targets[rows].tolist()) == {0, 1}


@pytest.mark.parametrize("seed", range(10))
def test_where_a_class_cannot_be_in_every_part_the_least_is_missing(make_dataset, seed):
    subject = [f"P{index}" for index in range(9) for _ in range(2)]
    targets = [int(index < 2 and row == 0) for index in range(9) for row in range(2)]  # class 1: two people
    dataset = make_dataset(subject, None, targets)
    split = split_dataset(dataset, seed=seed)
    check_is_a_partition(dataset, split)
    assert sum(1 in dataset.targets[rows] for rows in split.parts.values()) == 2


def test_two_people_are_tested_on_the_one_and_validated_on_trials_of_the_other(make_people):
    dataset = make_people(2, trials_per_class=4)
    split = split_dataset(dataset, seed=3)
    check_is_a_partition(dataset, split)
    train, validation, test = names_in(dataset, split)
    assert train == validation and not train & test
    trials = names_in(dataset, split, "trial")
    assert not trials[0] & trials[1]
    assert set(dataset.targets[split.validation].tolist()) == {0, 1}
    assert (split.protocol, split.validation_protocol) == ("subject", "trial")
    assert set(split.trials) == set(PARTS)


def test_one_person_is_split_by_trial_and_never_by_person(make_people):
    dataset = make_people(1, trials_per_class=3)
    assert split_dataset(dataset, seed=0).protocol == "trial"
    with pytest.raises(InputError) as caught:
        split_dataset(dataset, seed=0, protocol="subject")
    assert str(caught.value) == (
        "Expected at least 2 people for a split by person of toy. Received: 1 (P1). Record more people, or split by "
        "trial: the score then holds for new trials of this person alone."
    )


def test_trials_without_people_are_split_by_trial(make_people, make_dataset):
    known = make_people(1, trials_per_class=3)
    dataset = make_dataset(None, known.groups["trial"].tolist(), known.targets.tolist())
    split = split_dataset(dataset, seed=0)
    assert split.protocol == "trial"
    assert split.people == {"train": [], "validation": [], "test": []}


def test_a_trial_split_of_many_people_can_be_asked_for(make_people):
    dataset = make_people(5, trials_per_class=4)
    split = split_dataset(dataset, seed=0, protocol="trial")
    check_is_a_partition(dataset, split)
    assert split.protocol == "trial"
    assert all(len(people) > 1 for people in split.people.values())


def test_a_trial_counts_for_its_commonest_class(make_dataset):
    # Six trials of three windows; one window of each is labelled differently.
    trial = [f"t{index}" for index in range(6) for _ in range(3)]
    targets = [label for index in range(6) for label in ([0, 0, 1] if index < 3 else [1, 1, 0])]
    split = split_dataset(make_dataset(["P1"] * 18, trial, targets), seed=2)
    for part in PARTS:
        assert sorted(int(name[1:]) < 3 for name in split.trials[part]) == [False, True]


def test_a_class_of_few_trials_trains_first_and_is_tested_second(make_dataset):
    trial = [f"t{index}" for index in range(8)]
    dataset = make_dataset(["P1"] * 8, trial, [0, 0, 0, 0, 0, 1, 1, 2], class_names=("a", "b", "c"))
    for seed in range(5):
        split = split_dataset(dataset, seed=seed)
        assert [np.bincount(dataset.targets[rows], minlength=3).tolist() for rows in split.parts.values()] == [
            [3, 1, 1],
            [1, 0, 0],
            [1, 1, 0],
        ]


def test_own_parts_are_kept_as_they_are(make_dataset):
    subject = ["A", "A", "B", "B", "C", "C"]
    parts = {"train": [3, 2], "validation": [0, 1], "test": [5, 4]}
    split = split_dataset(make_dataset(subject, None, [0, 1] * 3, parts=parts), seed=9)
    assert split.protocol == split.validation_protocol == OWN_PARTS
    assert [rows.tolist() for rows in split.parts.values()] == [[2, 3], [0, 1], [4, 5]]
    assert split.people == {"train": ["B"], "validation": ["A"], "test": ["C"]}


def test_own_parts_are_the_same_split_under_every_seed(make_dataset):
    parts = {"train": [0, 1], "validation": [2, 3], "test": [4, 5]}
    dataset = make_dataset(None, None, [0, 1] * 3, parts=parts)
    assert split_dataset(dataset, seed=0).fingerprint == split_dataset(dataset, seed=1).fingerprint


def test_a_protocol_by_name_goes_before_own_parts(make_people):
    dataset = replace(make_people(4), parts={name: np.array([0]) for name in PARTS})
    assert split_dataset(dataset, seed=0, protocol="subject").protocol == "subject"


def test_the_fingerprint_changes_with_protocol_seed_and_rows():
    rows = [np.array([0, 1]), np.array([2]), np.array([3])]
    split = Split(*rows, protocol="subject", seed=0, people={})
    others = [
        replace(split, protocol="trial"),
        replace(split, seed=1),
        replace(split, train=np.array([0]), validation=np.array([1, 2])),
        replace(split, train=rows[1], validation=rows[0]),
    ]
    assert len({split.fingerprint, *(other.fingerprint for other in others)}) == 5
    assert replace(split, train=np.array([0, 1], dtype=np.int32)).fingerprint == split.fingerprint


def test_a_split_as_json_says_who_is_where(make_people):
    split = split_dataset(make_people(3, windows=2), seed=0)
    content = json.loads(json.dumps(split.to_dict()))
    assert content["protocol"] == content["validation_protocol"] == "subject"
    assert content["seed"] == 0 and content["fingerprint"] == split.fingerprint
    assert content["n_rows"] == {"train": 8, "validation": 8, "test": 8}
    assert sorted(name for part in PARTS for name in content["people"][part]) == ["P1", "P2", "P3"]
    assert content["trials"] == {}
    by_trial = split_dataset(make_people(1, trials_per_class=3), seed=0).to_dict()
    assert [len(by_trial["trials"][part]) for part in PARTS] == [2, 2, 2]


def test_the_default_protocols_are_in_the_table():
    assert {"subject", "trial"} < set(PROTOCOLS)


NO_GROUPS = (
    "Expected a subject or a trial for each row of toy, so that the windows of a recording stay together. Received: "
    "neither. Add `subject` or `trial`, or divide the rows yourself (`X_val`, `y_val`, `X_test`, `y_test`)."
)
FEW_TRIALS = (
    "Expected at least 3 trials of one class for a split by trial of toy. Received: 2 of calm, 1 of joy. Record more "
    "trials, or divide the rows yourself."
)
TWO_PEOPLE = (
    "Expected at least 2 trials of one class of A: with 2 people, validation is on trials of the training person. "
    "Received: 1 of calm, 1 of joy. Record a third person or more trials."
)
TWO_WITHOUT_TRIALS = (
    "Expected a trial for each row of toy: a split of 2 people, with validation on trials of the training person, "
    "needs it. Received: none. Add the trial column."
)
NO_TEST = (
    "Expected rows in each of the parts train, validation, test of toy. Received: none in validation, test. Add them, "
    "or leave the parts out and give `subject` or `trial`."
)
OUTSIDE = "Expected row numbers from 0 to 3 in the parts of toy. Received: others in validation, test. Correct them."
ONE_WITHOUT_TRIALS = (
    "Expected a trial for each row of toy: a split by trial needs it. Received: none. Add the trial column."
)


@pytest.mark.parametrize(
    ("subject", "trial", "targets", "parts", "message"),
    [
        (None, None, [0, 1, 0], None, NO_GROUPS),
        (["A"] * 3, ["a", "b", "c"], [0, 1, 0], None, FEW_TRIALS),
        (["A"] * 3, None, [0, 1, 0], None, ONE_WITHOUT_TRIALS),
        (["A", "A", "B", "B"], ["a", "b", "c", "d"], [0, 1, 0, 1], None, TWO_PEOPLE),
        (["A", "A", "B", "B"], None, [0, 1, 0, 1], None, TWO_WITHOUT_TRIALS),
        (None, None, [0, 1, 0], {"train": [0, 1, 2], "validation": []}, NO_TEST),
        (None, None, [0, 1, 0, 1], {"train": [0], "validation": [-1], "test": [4]}, OUTSIDE),
    ],
)
def test_groups_that_cannot_support_a_split_are_refused(make_dataset, subject, trial, targets, parts, message):
    dataset = make_dataset(subject, trial, targets, parts=parts)
    # Which of two people trains is chance; the message names that one.
    with pytest.raises(InputError) as caught:
        split_dataset(dataset, seed=0)
    assert str(caught.value).replace("class of B:", "class of A:") == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"protocol": "clip"},
            "Expected a protocol out of subject, loso, trial, session, stimulus, subject+stimulus, window. "
            "Received: 'clip'. Choose one of them.",
        ),
        ({"seed": -1}, "`seed` must be 0 or above. Received: -1. Choose another."),
        (
            {"fractions": (0.6, 0.4, 0.2)},
            "`fractions` must be three shares above 0 for train, validation and test that sum to 1. "
            "Received: (0.6, 0.4, 0.2). Take such as (0.6, 0.2, 0.2).",
        ),
    ],
)
def test_options_that_are_none_are_refused(make_people, options, message):
    with pytest.raises(InputError) as caught:
        split_dataset(make_people(4), **{"seed": 0, **options})
    assert str(caught.value) == message


@pytest.mark.parametrize("fractions", [(1.0, 0.0, 0.0), (0.7, 0.3), (0.5, 0.25, 0.25, 0.0), (1.4, -0.2, -0.2)])
def test_fractions_that_leave_a_part_empty_are_refused(make_people, fractions):
    with pytest.raises(InputError, match="`fractions` must be three shares above 0"):
        split_dataset(make_people(4), seed=0, fractions=fractions)


def check_folds(folds, groups):
    """Every row is validated once, and no group is on both sides."""
    np.testing.assert_array_equal(np.sort(np.concatenate([rows for _, rows in folds])), np.arange(len(groups)))
    for train, rows in folds:
        assert len(train) and len(rows)
        assert not set(groups[train]) & set(groups[rows])
        assert len(train) + len(rows) == len(groups)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), n_groups=st.integers(2, 15), n_folds=st.integers(2, 6), seed=st.integers(0, 100))
def test_folds_never_divide_a_group(data, n_groups, n_folds, seed):
    sizes = data.draw(st.lists(st.integers(1, 8), min_size=n_groups, max_size=n_groups))
    groups = np.repeat([f"P{index}" for index in range(n_groups)], sizes)
    targets = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(groups), max_size=len(groups))))
    folds = development_folds(groups, targets, n_folds, seed)
    check_folds(folds, groups)
    assert len(folds) == min(n_folds, n_groups)


def test_folds_hold_people_and_classes_evenly(make_people):
    dataset = make_people(13, n_classes=3)
    folds = development_folds(dataset.groups["subject"], dataset.targets, 5, seed=0)
    sizes = sorted(len(set(dataset.groups["subject"][rows].tolist())) for _, rows in folds)
    assert sizes == [2, 2, 3, 3, 3]
    for _, rows in folds:
        assert len(set(np.bincount(dataset.targets[rows]).tolist())) == 1


def test_folds_spread_people_who_show_one_class_only():
    groups = np.repeat([f"P{index}" for index in range(10)], 6)
    targets = np.repeat(np.arange(10) % 2, 6)
    for train, rows in development_folds(groups, targets, 5, seed=1):
        assert np.bincount(targets[rows]).tolist() == [6, 6]
        assert np.bincount(targets[train]).tolist() == [24, 24]


def test_repeated_folds_differ_by_seed_and_not_by_the_order_of_rows(make_people):
    dataset = make_people(9)
    mixed = shuffled(dataset)

    def people(data, seed):
        folds = development_folds(data.groups["subject"], data.targets, 3, seed)
        return {frozenset(data.groups["subject"][rows].tolist()) for _, rows in folds}

    assert people(dataset, 0) == people(mixed, 0)
    assert len({frozenset(people(dataset, seed)) for seed in range(5)}) > 1


def test_with_fewer_groups_than_folds_each_group_is_left_out_once():
    groups = np.array(["A", "A", "B", "B", "C", "C"])
    folds = development_folds(groups, np.array([0, 1] * 3), 5, seed=0)
    assert sorted(tuple(set(groups[rows])) for _, rows in folds) == [("A",), ("B",), ("C",)]


@pytest.mark.parametrize(
    ("groups", "n_folds", "message"),
    [
        (["A", "B"], 1, "`n_folds` must be at least 2. Received: 1. Take such as 5."),
        (
            ["A", "A"],
            5,
            "Expected at least 2 people, or trials of one person, for grouped folds. Received: 1. Add data, or keep "
            "the one validation part.",
        ),
    ],
)
def test_folds_that_cannot_be_are_refused(groups, n_folds, message):
    with pytest.raises(InputError) as caught:
        development_folds(np.array(groups), np.array([0, 1]), n_folds, seed=0)
    assert str(caught.value) == message


def test_development_rows_are_all_but_the_test_rows(make_people):
    dataset = make_people(6)
    split = split_dataset(dataset, seed=0)
    np.testing.assert_array_equal(split.development, np.setdiff1d(np.arange(len(dataset)), split.test))


@pytest.mark.parametrize(("n_people", "column"), [(6, "subject"), (2, "trial"), (1, "trial")])
def test_development_rows_stay_together_by_person_or_by_trial_of_one_person(make_people, n_people, column):
    dataset = make_people(n_people, trials_per_class=4)
    split = split_dataset(dataset, seed=0)
    groups, kind = development_groups(dataset, split.development)
    assert kind == column
    np.testing.assert_array_equal(groups, dataset.groups[column][split.development])
    check_folds(development_folds(groups, dataset.targets[split.development], 3, seed=0), groups)


def test_development_rows_without_groups_cannot_be_folded(make_dataset):
    parts = {"train": [0, 1], "validation": [2], "test": [3]}
    dataset = make_dataset(None, None, [0, 1, 0, 1], parts=parts)
    with pytest.raises(InputError) as caught:
        development_groups(dataset, split_dataset(dataset, seed=0).train)
    assert str(caught.value) == (
        "Expected a trial for each row of toy: folding the rows of one person, or of people not known, "
        "needs it. Received: none. Add the trial column."
    )
