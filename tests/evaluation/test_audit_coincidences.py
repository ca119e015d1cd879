"""Labels that a session or a recording gives away, and labels that were shuffled."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.evaluation.audit import audit
from emotune.evaluation.coincidences import _changes, _counts
from emotune.evaluation.protocols import split_dataset
from emotune.evaluation.splits import Split


def found(dataset, split):
    """Findings by name."""
    return {finding.name: finding for finding in audit(dataset, split)}


def halves(dataset):
    """Own parts that divide every recording: its rows in turn."""
    place = np.arange(len(dataset)) % 3
    rows = (np.flatnonzero(place == part) for part in range(3))
    return Split(*rows, protocol="own parts", seed=0, people={})


# --- recordings and sessions


def test_one_recording_a_class_and_person_is_a_note(make_people):
    dataset = make_people(9, trials_per_class=1, windows=6)
    finding = found(dataset, split_dataset(dataset, seed=0))["recording-is-label"]
    assert finding.severity == "note"
    assert str(finding) == (
        "Each class of a person is one recording, so that whatever tells recordings apart (drift, the electrodes' "
        "contact, the time) looks like emotion, and no split can show it. Record each class of a person several times, "
        "in changing order, or say so with the score."
    )


@pytest.mark.parametrize("protocol", ["window", "own parts"])
def test_one_recording_a_class_is_an_error_where_recognising_it_is_enough(make_people, protocol):
    dataset = make_people(9, trials_per_class=1, windows=6)
    split = halves(dataset) if protocol == "own parts" else split_dataset(dataset, seed=0, protocol="window")
    finding = found(dataset, split)["recording-is-label"]
    assert finding.severity == "error"
    assert finding.message.endswith("looks like emotion, and training knows recordings that are tested.")
    assert finding.remedy == "Split by trial or person."


def test_several_recordings_a_class_or_a_row_each_are_no_finding(make_people):
    for dataset in (make_people(9, trials_per_class=2), make_people(9, trials_per_class=1, windows=1)):
        assert "recording-is-label" not in found(dataset, split_dataset(dataset, seed=0))


@pytest.fixture
def sessions(make_people):
    """Nine people, four trials of each class, each class in a session of its own."""
    dataset = make_people(9, trials_per_class=4)
    names = np.where(dataset.targets == 0, "morning", "evening")
    return replace(dataset, groups={**dataset.groups, "session": names})


def test_sessions_of_one_class_each_are_a_note_that_names_the_danger(sessions):
    finding = found(sessions, split_dataset(sessions, seed=0))["session-is-label"]
    assert finding.severity == "note"
    assert str(finding) == (
        "Each session has one class, so that whatever tells sessions apart (the fit of the cap, the hour) looks like "
        "emotion. Record each class in several sessions, several classes in each, or say so with the score."
    )


def test_sessions_of_one_class_are_an_error_where_training_knows_them(sessions):
    finding = found(sessions, split_dataset(sessions, seed=0, protocol="trial"))["session-is-label"]
    assert finding.severity == "error"
    assert finding.message.endswith("looks like emotion, and training knows sessions that are tested.")
    assert finding.remedy == "Split by session or person."


def test_sessions_of_several_classes_are_no_finding(sessions):
    names = np.array([trial[-1] for trial in sessions.groups["trial"]])
    mixed = replace(sessions, groups={**sessions.groups, "session": names})
    assert "session-is-label" not in found(mixed, split_dataset(mixed, seed=0, protocol="trial"))
    # Patients and controls in a session each: the person is the label, not the session.
    patients = replace(sessions, targets=np.array([int(name[1:]) % 2 for name in sessions.groups["subject"]]))
    assert "session-is-label" not in found(patients, split_dataset(patients, seed=0))


# --- labels in no order


def with_targets(dataset, targets):
    return replace(dataset, targets=np.asarray(targets, dtype=np.int64))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_labels_shuffled_over_rows_are_an_error(make_people, n_classes, seed):
    dataset = make_people(9, trials_per_class=3, windows=10, n_classes=n_classes)
    shuffled = with_targets(dataset, np.random.default_rng(seed).permutation(dataset.targets))
    finding = found(shuffled, split_dataset(shuffled, seed=0))["labels-in-no-order"]
    assert finding.severity == "error"
    assert "have windows of several classes" in finding.message and "as often as in a random order" in finding.message
    assert finding.remedy.startswith("Compare the labels with their source, row by row.")


@pytest.mark.parametrize("seed", range(3))
def test_labels_permuted_by_whole_trials_pass_as_a_control(make_people, seed):
    dataset = make_people(9, trials_per_class=3, windows=10)
    trials, codes = np.unique(dataset.groups["trial"], return_inverse=True)
    of_trial = np.random.default_rng(seed).permutation([int(name.split("//")[1][0]) for name in trials])
    permuted = with_targets(dataset, of_trial[codes])
    findings = found(permuted, split_dataset(permuted, seed=0))
    assert not {"labels-in-no-order", "several-labels-a-trial"} & set(findings)


def test_labels_in_stretches_within_a_trial_are_a_note(make_people):
    dataset = make_people(9, trials_per_class=3, windows=10)
    stretches = with_targets(dataset, np.arange(len(dataset)) % 10 >= 5)
    findings = found(stretches, split_dataset(stretches, seed=0))
    assert "labels-in-no-order" not in findings
    finding = findings["several-labels-a-trial"]
    assert finding.severity == "note"
    assert str(finding) == (
        "54 of 54 trials of toy have windows of several classes, such as that of row 0: what was felt changed within "
        "the trial, or several trials have one name. Correct the trials if they are several."
    )


def test_a_few_trials_in_no_order_are_a_warning(make_people):
    dataset = make_people(9, trials_per_class=3, windows=40)
    targets = dataset.targets.copy()
    targets[: 40 * 6] = np.random.default_rng(0).integers(0, 2, 40 * 6)
    findings = found(with_targets(dataset, targets), split_dataset(dataset, seed=0))
    assert findings["labels-in-no-order"].severity == "warning"


def test_rows_that_are_not_in_the_order_of_time_cannot_be_judged(make_people):
    dataset = make_people(9, trials_per_class=3, windows=10)
    order = np.random.default_rng(0).permutation(len(dataset))
    stretches = with_targets(dataset, np.arange(len(dataset)) % 10 >= 5)
    mixed = replace(
        stretches,
        inputs=stretches.inputs[order],
        targets=stretches.targets[order],
        groups={name: names[order] for name, names in stretches.groups.items()},
    )
    findings = found(mixed, split_dataset(mixed, seed=0))
    assert "labels-in-no-order" not in findings and "several-labels-a-trial" in findings


@given(st.lists(st.integers(0, 3), min_size=4, max_size=12), st.integers(0, 2**16))
@settings(max_examples=25, deadline=None)
def test_mean_and_variance_of_the_changes_are_those_of_random_orders(labels, seed):
    labels = np.array(labels)
    groups = np.zeros(len(labels), dtype=np.int64)
    changes, expected, variance, fewest = _changes(groups, labels, _counts(groups, labels), np.array([True]))
    assert changes == (np.diff(labels) != 0).sum()
    assert fewest == len(np.unique(labels)) - 1
    source = np.random.default_rng(seed)
    drawn = np.array([(np.diff(source.permutation(labels)) != 0).sum() for _ in range(2000)])
    # 6 standard errors of each: a wrong formula is far outside.
    assert abs(drawn.mean() - expected) < 6 * np.sqrt(variance / 2000) + 1e-9
    fourth = ((drawn - drawn.mean()) ** 4).mean()
    assert abs(drawn.var() - variance) < 6 * np.sqrt(max(fourth - drawn.var() ** 2, 0) / 2000) + 1e-2
