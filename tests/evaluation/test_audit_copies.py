"""Rows that are in two parts but for rounding or noise, and scalers that have seen the test part."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.data.dataset import Dataset
from emotune.data.normalising import Normalisation, normalised
from emotune.evaluation.audit import CHECKS, audit
from emotune.evaluation.protocols import split_dataset


def found(dataset, split):
    """Findings by name."""
    return {finding.name: finding for finding in audit(dataset, split)}


def people(n_people=10, *, columns=20, n_trials=4, windows=6, seed=0):
    """People who differ, with trials of both classes in columns of different size and spread."""
    source = np.random.default_rng(seed)
    person = np.repeat(np.arange(n_people), n_trials * windows)
    trial = np.tile(np.repeat(np.arange(n_trials), windows), n_people)
    inputs = source.normal(size=(len(person), columns)) + 2 * source.normal(size=(n_people, columns))[person]
    inputs = inputs * source.uniform(0.5, 2.0, columns) + source.normal(0, 5.0, columns)
    groups = {"subject": [f"P{p}" for p in person], "trial": [f"P{p}/{t}" for p, t in zip(person, trial, strict=True)]}
    return table(inputs, trial % 2, **groups)


def table(inputs, targets=None, **groups):
    n = len(inputs)
    names = {name: np.array(groups.get(name, [""] * n)) for name in ("subject", "session", "trial", "stimulus")}
    return Dataset(
        inputs=np.asarray(inputs, dtype=np.float32),
        targets=np.arange(n) % 2 if targets is None else np.asarray(targets, dtype=np.int64),
        groups=names,
        class_names=("calm", "joy"),
        feature_names=tuple(f"f{index}" for index in range(np.shape(inputs)[-1])),
        name="toy",
        fingerprint="0",
    )


SAVED = {
    "three decimals": lambda values: values.round(3),
    "two decimals": lambda values: values.round(2),
    "float16": lambda values: values.astype(np.float16),
    "a little noise": lambda values: values + 1e-3 * np.random.default_rng(1).normal(size=values.shape),
    "more noise": lambda values: values + 1e-2 * np.random.default_rng(1).normal(size=values.shape),
}


@pytest.mark.parametrize("saved", SAVED)
@pytest.mark.parametrize(("first", "second"), [("train", "test"), ("train", "validation"), ("validation", "test")])
def test_one_person_saved_in_another_way_under_two_names_is_an_error(saved, first, second):
    dataset = people()
    split = split_dataset(dataset, seed=0)
    subject = dataset.groups["subject"]
    here, there = (np.flatnonzero(subject == subject[split.parts[part][0]]) for part in (first, second))
    inputs = dataset.inputs.copy()
    inputs[there] = SAVED[saved](inputs[here])
    findings = found(replace(dataset, inputs=inputs), split)
    finding = findings["near-identical-rows"]
    assert finding.severity == "error" and "identical-rows" not in findings
    assert f"24 of {len(split.parts[second])} rows of {second} looked at that are all but the same in {first}" in str(
        finding
    )
    assert f": {subject[there[0]]} in {second}, {subject[here[0]]} in {first}." in finding.message
    assert finding.remedy.startswith("If these are one person or recording under two names, rounded or saved")


def test_a_single_row_is_enough_and_identical_ones_are_said_elsewhere():
    dataset = people()
    split = split_dataset(dataset, seed=0)
    inputs = dataset.inputs.copy()
    inputs[split.test[3]] = inputs[split.train[5]]
    assert {"identical-rows"} == set(found(replace(dataset, inputs=inputs), split)) - {"few-people"}
    inputs[split.test[3], 0] = np.nextafter(inputs[split.test[3], 0], np.float32(99))
    assert {"near-identical-rows"} == set(found(replace(dataset, inputs=inputs), split)) - {"few-people"}


def test_rows_augmented_before_the_division_are_found():
    dataset = people()
    twice = np.concatenate([dataset.inputs, dataset.inputs + 1e-3])
    groups = {name: np.concatenate([names, names]) for name, names in dataset.groups.items() if name != "trial"}
    again = table(twice, np.tile(dataset.targets, 2), **groups, trial=[f"t{index // 6}" for index in range(len(twice))])
    split = split_dataset(again, seed=0, protocol="trial")
    assert found(again, split)["near-identical-rows"].severity == "error"
    assert "near-identical-rows" not in found(again, split_dataset(again, seed=0, protocol="subject"))


def test_near_rows_of_one_recording_are_other_checks_matter():
    dataset = people()
    inputs = np.repeat(dataset.inputs[::6], 6, axis=0)  # each trial one row, but for a breath
    inputs += 1e-3 * np.random.default_rng(0).normal(size=inputs.shape).astype(np.float32)
    dataset = replace(dataset, inputs=inputs)
    assert "near-identical-rows" not in found(dataset, split_dataset(dataset, seed=0, protocol="window"))
    assert "near-identical-rows" not in found(dataset, split_dataset(dataset, seed=0, protocol="trial"))


@pytest.mark.parametrize("n_steps", [1, 3])
def test_sequences_and_very_long_rows_are_compared_too(n_steps):
    dataset = people(columns=300)
    inputs = np.stack([dataset.inputs + step for step in range(n_steps)], axis=1) if n_steps > 1 else dataset.inputs
    split = split_dataset(dataset, seed=0)
    inputs = inputs.copy()
    inputs[split.test[:24]] = inputs[split.train[:24]] + 1e-3
    assert found(replace(dataset, inputs=inputs), split)["near-identical-rows"].severity == "error"


@given(
    columns=st.integers(1, 12),
    n_rows=st.integers(12, 600),
    kind=st.sampled_from(["normal", "uniform", "exponential", "standard_cauchy", "answers", "mixed", "correlated"]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=60, deadline=None)
def test_no_noise_is_called_a_copy(columns, n_rows, kind, seed):
    source = np.random.default_rng(seed)
    if kind == "answers":
        inputs = source.integers(1, 8, (n_rows, columns))
    elif kind == "mixed":  # a few measurements among flags
        inputs = np.c_[source.integers(0, 2, (n_rows, columns)), source.normal(size=(n_rows, 1 + columns // 3))]
    elif kind == "correlated":
        inputs = source.normal(size=(n_rows, columns)) @ source.normal(size=(columns, 2 * columns))
    else:
        inputs = getattr(source, kind)(size=(n_rows, columns))
    dataset = table(inputs, trial=[str(index) for index in range(n_rows)])
    assert "near-identical-rows" not in found(dataset, split_dataset(dataset, seed=0, protocol="trial"))


@pytest.mark.parametrize(("repeats", "is_found"), [(8, True), (120, False)])
def test_a_few_repeats_are_found_and_clouds_are_not(repeats, is_found):
    source = np.random.default_rng(0)
    centres = source.normal(size=(960 // repeats, 12))
    inputs = np.repeat(centres, repeats, axis=0) + 0.01 * source.normal(size=(960, 12))
    dataset = table(inputs, trial=[str(index) for index in range(960)])
    findings = audit(dataset, split_dataset(dataset, seed=0, protocol="trial"))
    near = [finding for finding in findings if finding.name == "near-identical-rows"]
    assert bool(near) == is_found
    # With many of its like in the training part a row may be of a cluster: that is a doubt, not a refusal.
    assert all(finding.severity == "warning" for finding in near if "in train" in finding.message)


def test_answers_that_repeat_by_chance_are_doubtful_but_a_copied_person_is_not():
    source = np.random.default_rng(0)
    subject = [f"P{row // 30}" for row in range(600)]
    few = table(source.integers(1, 6, (600, 3)), subject=subject)
    finding = found(few, split_dataset(few, seed=0))["identical-rows"]
    assert finding.severity == "warning"
    assert "The columns have few values, and " in finding.message
    many = source.integers(1, 6, (600, 12))
    dataset = table(many, subject=subject)
    split = split_dataset(dataset, seed=0)
    assert "identical-rows" not in found(dataset, split)
    many[split.test[:30]] = many[split.train[:30]]
    assert found(table(many, subject=subject), split)["identical-rows"].severity == "error"


def test_columns_that_cannot_tell_rows_apart_are_said_to_be_unchecked():
    (check,) = [check for check in CHECKS if check.looked_for == "near-identical rows across parts"]
    assert check.missing(people()) == ""
    assert check.missing(people(columns=3)) == "columns are few, or values in steps"
    answers = np.random.default_rng(0).integers(1, 6, (200, 20))
    assert check.missing(table(answers)) == "columns are few, or values in steps"


def test_columns_that_never_vary_or_hardly_do_no_harm():
    dataset = people()
    inputs = dataset.inputs.copy()
    split = split_dataset(dataset, seed=0)
    inputs[:, 0] = 7.0
    inputs[:, 1] = 0.0
    inputs[split.test, 1] = 3e38  # constant but in the test part
    inputs[:, 2] *= 1e-38
    inputs[split.test[0], 2] = 1e30
    assert set(found(replace(dataset, inputs=inputs), split)) <= {"few-people"}


# --- scalers


def standard(values, ddof=0):
    return (values - values.mean(axis=0, dtype=np.float64)) / values.std(axis=0, ddof=ddof, dtype=np.float64)


def ranged(values, low=0.0):
    return low + (1 - low) * (values - values.min(axis=0)) / (values.max(axis=0) - values.min(axis=0))


SCALERS = {
    "standardised (mean 0, standard deviation 1)": [standard, lambda values: standard(values, ddof=1)],
    "scaled to a range from 0 to 1": [ranged],
    "scaled to a range from -1 to 1": [lambda values: ranged(values, -1.0)],
}
CASES = [(scaler, words) for words, scalers in SCALERS.items() for scaler in scalers]


def within(dataset, column, scaler):
    inputs = np.empty_like(dataset.inputs)
    for name in np.unique(dataset.groups[column]):
        inputs[dataset.groups[column] == name] = scaler(dataset.inputs[dataset.groups[column] == name])
    return replace(dataset, inputs=inputs)


@pytest.mark.parametrize(("scaler", "words"), CASES)
@pytest.mark.parametrize("protocol", ["subject", "trial"])
@pytest.mark.parametrize("decimals", [None, 3])
def test_a_scaler_over_all_parts_is_a_warning(scaler, words, protocol, decimals):
    dataset = people()
    inputs = scaler(dataset.inputs)
    dataset = replace(dataset, inputs=(inputs if decimals is None else inputs.round(decimals)).astype(np.float32))
    finding = found(dataset, split_dataset(dataset, seed=0, protocol=protocol))["scaled-over-all-parts"]
    assert finding.severity == "warning"
    assert str(finding) == (
        f"Expected values of toy that know nothing of the test rows. Received: columns that are {words} over all rows, "
        "and not over the training rows: the scaler has seen the test part. Give values that are not scaled: emotune "
        "scales by the training rows."
    )


@pytest.mark.parametrize(("scaler", "words"), CASES)
@pytest.mark.parametrize(("column", "one"), [("subject", "person"), ("trial", "trial")])
def test_values_scaled_within_people_or_trials_make_scores_transductive(scaler, words, column, one):
    dataset = within(people(windows=12), column, scaler)
    findings = found(dataset, split_dataset(dataset, seed=0))
    assert "scaled-over-all-parts" not in findings
    finding = findings[f"scaled-by-{one}"]
    assert finding.severity == "warning"
    assert f"are {words} within each {one}" in finding.message and "every score is transductive" in finding.message


@pytest.mark.parametrize("scaler", [scaler for scaler, _ in CASES])
def test_a_scaler_of_the_training_rows_alone_is_no_finding(scaler):
    dataset = people()
    split = split_dataset(dataset, seed=0)
    raw, train = dataset.inputs.astype(np.float64), dataset.inputs[split.train].astype(np.float64)
    scaled = scaler(np.concatenate([train]))
    factor = (scaled[1] - scaled[0]) / (train[1] - train[0])
    inputs = (raw - train[0]) * factor + scaled[0]
    assert set(found(replace(dataset, inputs=inputs.astype(np.float32)), split)) <= {"few-people"}


def test_sequences_are_judged_window_by_window():
    dataset = people()
    inputs = standard(np.concatenate([dataset.inputs, dataset.inputs**2])).astype(np.float32)
    sequences = replace(dataset, inputs=np.stack(np.split(inputs, 2), axis=1))
    assert "scaled-over-all-parts" in found(sequences, split_dataset(sequences, seed=0))


def test_what_emotune_standardised_by_person_is_labelled_already():
    dataset, _ = normalised(people(), Normalisation.parse("subject"))
    assert set(found(dataset, split_dataset(dataset, seed=0))) <= {"few-people"}


def test_flags_and_shares_are_not_called_scaled():
    source = np.random.default_rng(0)
    inputs = np.c_[source.integers(0, 2, (240, 6)), source.integers(0, 6, (240, 3)) / 5]
    dataset = table(inputs, subject=[f"P{row // 24}" for row in range(240)])
    assert not {name for name in found(dataset, split_dataset(dataset, seed=0)) if name.startswith("scaled")}
