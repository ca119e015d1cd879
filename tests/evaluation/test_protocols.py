"""Every protocol on data with all groups: what is held apart, single and in folds, and what it cannot do."""

import json
from dataclasses import replace

import numpy as np
import pytest

from emotune.data.dataset import GROUPS, Dataset
from emotune.errors import InputError
from emotune.evaluation.protocols import PROTOCOLS, outer_folds, protocol_named, protocol_of, split_dataset
from emotune.evaluation.splits import PARTS, load_split, save_split

GROUPED = [name for name, protocol in PROTOCOLS.items() if not protocol.leaks]


def full_set(n_people=6, n_sessions=3, n_stimuli=6, windows=2, n_classes=2):
    """Each person sees each stimulus once, in one of the sessions; a stimulus has one label."""
    rows = [
        (f"P{person}", f"S{stimulus % n_sessions}", f"P{person}/S{stimulus % n_sessions}/{stimulus}", f"clip{stimulus}")
        for person in range(n_people)
        for stimulus in range(n_stimuli)
        for _ in range(windows)
    ]
    columns = dict(zip(GROUPS, (np.array(column) for column in zip(*rows, strict=True)), strict=True))
    targets = np.array([int(name.removeprefix("clip")) // 3 % n_classes for name in columns["stimulus"]])
    inputs = np.random.default_rng(0).normal(size=(len(rows), 3)).astype(np.float32)
    return Dataset(inputs, targets, columns, ("calm", "joy"), ("a", "b", "c"), "toy", "toy")


def shared(dataset, split, column):
    names = [set(dataset.groups[column][rows].tolist()) for rows in split.parts.values()]
    return (names[0] & names[1]) | (names[0] & names[2]) | (names[1] & names[2])


def mixed(dataset, seed=1):
    order = np.random.default_rng(seed).permutation(len(dataset))
    groups = {name: column[order] for name, column in dataset.groups.items()}
    return replace(dataset, inputs=dataset.inputs[order], targets=dataset.targets[order], groups=groups)


@pytest.mark.parametrize("name", GROUPED)
@pytest.mark.parametrize("seed", range(5))
def test_no_name_of_what_is_held_apart_is_in_two_parts(name, seed):
    dataset = full_set()
    for split in (
        split_dataset(dataset, seed=seed, protocol=name),
        *outer_folds(dataset, name, n_folds=3, seed=seed),
    ):
        assert all(len(rows) for rows in split.parts.values())
        assert split.protocol == split.validation_protocol == name
        for column in (*PROTOCOLS[name].columns, "trial"):
            assert not shared(dataset, split, column)


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name != "subject+stimulus"])
def test_every_row_is_tested_once_over_the_folds(name):
    dataset = full_set()
    folds = outer_folds(dataset, name, n_folds=3, seed=2)
    assert len(folds) == (6 if name == "loso" else 3)
    tested = np.concatenate([split.test for split in folds])
    np.testing.assert_array_equal(np.sort(tested), np.arange(len(dataset)))
    for number, split in enumerate(folds, start=1):
        rows = np.concatenate(list(split.parts.values()))
        np.testing.assert_array_equal(np.sort(rows), np.arange(len(dataset)))
        assert split.fold == (number, len(folds))


def test_people_and_stimuli_at_once_leave_out_rows_that_share_either():
    dataset = full_set()
    folds = outer_folds(dataset, "subject+stimulus", n_folds=3, seed=0)
    tested = np.concatenate([split.test for split in folds])
    assert len(np.unique(tested)) == len(tested) < len(dataset)
    for column in ("subject", "stimulus"):
        assert set(dataset.groups[column][tested]) == set(dataset.groups[column])
    split = split_dataset(dataset, seed=0, protocol="subject+stimulus")
    assert sum(len(rows) for rows in split.parts.values()) < len(dataset)
    assert set(split.groups["stimulus"]) == set(PARTS)


def test_one_person_is_left_out():
    split = split_dataset(full_set(), seed=3, protocol="loso")
    assert [len(split.people[part]) for part in PARTS] == [4, 1, 1]
    everyone = [fold.people["test"] for fold in outer_folds(full_set(), "loso", n_folds=2, seed=0)]
    assert everyone == [[f"P{index}"] for index in range(6)]


@pytest.mark.parametrize("name", GROUPED)
def test_a_split_does_not_depend_on_the_order_of_rows(name):
    dataset, other = full_set(), mixed(full_set())

    def people(of, split):
        # A trial's name says who, which session and which clip.
        return [sorted(set(of.groups["trial"][rows].tolist())) for rows in split.parts.values()]

    for seed in range(4):
        first, second = (split_dataset(of, seed=seed, protocol=name) for of in (dataset, other))
        assert people(dataset, first) == people(other, second)
        folds = zip(*(outer_folds(of, name, n_folds=3, seed=seed) for of in (dataset, other)), strict=True)
        assert all(people(dataset, first) == people(other, second) for first, second in folds)


def test_windows_at_random_keep_the_classes_even_and_share_trials():
    dataset = full_set(windows=10)
    split = split_dataset(dataset, seed=0, protocol="window")
    assert [len(rows) for rows in split.parts.values()] == [216, 72, 72]
    assert all(np.bincount(dataset.targets[rows]).tolist() == [len(rows) // 2] * 2 for rows in split.parts.values())
    assert shared(dataset, split, "trial")
    assert PROTOCOLS["window"].leaks


def test_windows_at_random_need_no_groups(make_dataset):
    dataset = make_dataset(None, None, [0, 1] * 10)
    assert sum(len(rows) for rows in split_dataset(dataset, seed=0, protocol="window").parts.values()) == 20
    assert len(outer_folds(dataset, "window", n_folds=4, seed=0)) == 4


@pytest.mark.parametrize("column", ["session", "stimulus"])
def test_a_protocol_whose_column_is_missing_says_which(column):
    dataset = full_set()
    dataset = replace(dataset, groups={**dataset.groups, column: np.full(len(dataset), "")})
    said = (
        f"Expected a {column} for each row of toy: a split by {column} needs it. Received: none. Add the {column} col"
    )
    with pytest.raises(InputError, match=said):
        split_dataset(dataset, seed=0, protocol=column)
    with pytest.raises(InputError, match=said):
        outer_folds(dataset, column, n_folds=3, seed=0)


def test_two_sessions_validate_on_trials_of_the_training_one():
    dataset = full_set(n_sessions=2, n_stimuli=12)
    split = split_dataset(dataset, seed=0, protocol="session")
    assert split.validation_protocol == "trial"
    assert len(set(dataset.groups["session"][split.development])) == 1
    assert not shared(dataset, split, "trial")
    for fold in outer_folds(dataset, "session", n_folds=5, seed=0):
        assert fold.validation_protocol == "trial"
        assert not shared(dataset, fold, "trial")


def test_one_session_is_too_few():
    dataset = full_set(n_sessions=1)
    said = "Expected at least 2 sessions for the protocol session on toy. Received: 1. Record more sessions, or take"
    with pytest.raises(InputError, match=said):
        split_dataset(dataset, seed=0, protocol="session")
    with pytest.raises(InputError, match=said):
        outer_folds(dataset, "session", n_folds=2, seed=0)


def test_stimuli_that_are_the_classes_cannot_be_held_apart():
    dataset = full_set(n_stimuli=6)
    dataset = replace(dataset, groups={**dataset.groups, "stimulus": np.array(["calm", "joy"])[dataset.targets]})
    with pytest.raises(InputError, match="Expected at least 3 stimuli for the protocol stimulus on toy. Received: 2"):
        split_dataset(dataset, seed=0, protocol="stimulus")


def test_one_person_cannot_be_left_out():
    with pytest.raises(InputError, match=r"Expected at least 2 people .* Received: 1 \(P0\)"):
        outer_folds(full_set(n_people=1), "loso", n_folds=5, seed=0)


def test_two_people_are_too_few_to_hold_clips_apart_too():
    with pytest.raises(InputError, match="Expected at least 3 people for the protocol subject.stimulus .* Received: 2"):
        split_dataset(full_set(n_people=2), seed=0, protocol="subject+stimulus")


@pytest.mark.parametrize(("options", "said"), [({"n_folds": 1}, "`n_folds` must be"), ({"seed": -1}, "`seed` must")])
def test_folds_that_are_none_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        outer_folds(full_set(), "subject", **{"n_folds": 3, "seed": 0, **options})


def test_a_name_that_is_no_protocol_is_refused_with_all_that_are():
    with pytest.raises(InputError, match="Expected a protocol out of subject, loso, .*window. Received: 'clips'"):
        protocol_named("clips")


def test_own_parts_are_held_to_what_is_known_of_them(make_people):
    dataset = make_people(3)
    parts = {part: np.flatnonzero(dataset.groups["subject"] == f"P{i + 1}") for i, part in enumerate(PARTS)}
    assert protocol_of(split_dataset(replace(dataset, parts=parts), seed=0)).name == "subject"


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_a_saved_split_comes_back(tmp_path, name):
    dataset = full_set()
    for split in (split_dataset(dataset, seed=1, protocol=name), outer_folds(dataset, name, n_folds=3, seed=1)[1]):
        save_split(tmp_path / "split.json", split, dataset=dataset)
        again = load_split(tmp_path / "split.json", dataset=dataset)
        assert again.to_dict() == split.to_dict()
        for part in PARTS:
            np.testing.assert_array_equal(again.parts[part], split.parts[part])
            assert again.parts[part].dtype == np.int64


def damaged(content, how):
    if how == "other data":
        content["data_fingerprint"] = "other"
    elif how == "moved row":
        content["rows"]["train"][0][1] += 1
    elif how == "newer":
        content["schema"] = 99
    elif how == "no rows":
        del content["rows"]
    elif how == "text rows":
        content["rows"]["test"] = "all"
    elif how == "huge":
        content["rows"]["test"] = [[0, 10**15]]
    elif how == "list":
        return []
    return content


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("other data", "Expected in .* a split of these data. Received: one of toy"),
        ("moved row", "Expected in .* the rows that its fingerprint names"),
        ("newer", "has schema 99, newer than 1"),
        ("no rows", "Expected a saved split in .* Received: a file without 'rows'"),
        ("text rows", "Expected a saved split in .* that was changed, or is none"),
        ("huge", "Expected a saved split in"),
        ("list", "Expected a saved split in"),
    ],
)
def test_a_damaged_or_foreign_split_is_refused_in_one_line(tmp_path, how, said):
    dataset = full_set()
    path = tmp_path / "split.json"
    save_split(path, split_dataset(dataset, seed=1), dataset=dataset)
    path.write_text(json.dumps(damaged(json.loads(path.read_text()), how)))
    with pytest.raises(InputError, match=said) as caught:
        load_split(path, dataset=dataset)
    assert "\n" not in str(caught.value)
