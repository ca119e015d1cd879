"""What a table without times hides: windows numbered as trials, sequences that share windows."""

from dataclasses import replace

import numpy as np
import pytest

from emotune.evaluation.audit import audit
from emotune.evaluation.protocols import split_dataset


def found(dataset, split, name):
    return [finding for finding in audit(dataset, split) if finding.name == name]


def test_windows_numbered_as_trials_are_doubted_where_trials_keep_the_parts_apart(make_people):
    dataset = make_people(4, trials_per_class=4, windows=3)
    numbered = replace(dataset, groups={**dataset.groups, "trial": np.arange(len(dataset)).astype(str)})
    (finding,) = found(numbered, split_dataset(numbered, seed=0, protocol="trial"), "trials-of-one-row")
    assert finding.severity == "warning"
    assert "96 trials of one row each" in finding.message
    assert not found(numbered, split_dataset(numbered, seed=0, protocol="subject"), "trials-of-one-row")
    assert not found(dataset, split_dataset(dataset, seed=0, protocol="trial"), "trials-of-one-row")


def sequences(make_people, *, across):
    """Three windows in a row, as a table: within each trial, or running on into the next one."""
    dataset = make_people(1, trials_per_class=6, windows=5)
    steps = np.random.default_rng(0).normal(size=(len(dataset), 6)).astype(np.float32)
    trial = dataset.groups["trial"]
    starts = [row for row in range(len(dataset) - 2) if across or trial[row] == trial[row + 2]]
    rows = np.array([[row, row + 1, row + 2] for row in starts])
    return replace(
        dataset,
        inputs=steps[rows],
        targets=dataset.targets[starts],
        groups={name: column[starts] for name, column in dataset.groups.items()},
        feature_names=tuple("abcdef"),
    )


def test_sequences_that_run_from_one_trial_into_another_part_are_refused(make_people):
    dataset = sequences(make_people, across=True)
    findings = found(dataset, split_dataset(dataset, seed=0, protocol="trial"), "overlapping-windows")
    assert findings and all(finding.severity == "error" for finding in findings)
    assert "share whole windows with sequences of train" in findings[0].message


@pytest.mark.parametrize("padded", [False, True])
def test_sequences_within_their_trials_pass_padded_or_not(make_people, padded):
    dataset = sequences(make_people, across=False)
    if padded:
        inputs = dataset.inputs.copy()
        inputs[::2, 0] = 0.0
        dataset = replace(dataset, inputs=inputs)
    assert not found(dataset, split_dataset(dataset, seed=0, protocol="trial"), "overlapping-windows")
