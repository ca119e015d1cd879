"""The label among the features in other words: one-hot columns, the rating that it was cut from, a noisy copy."""

from dataclasses import replace

import numpy as np
import pytest

from emotune.evaluation.audit import audit
from emotune.evaluation.protocols import split_dataset


def planted(make_people, column):
    dataset = make_people(8, n_classes=3, trials_per_class=3, windows=5)
    inputs = np.random.default_rng(0).normal(size=(len(dataset), 6)).astype(np.float32)
    # Features of emotion are as good as this, and no better.
    inputs[:, 1] += 1.5 * dataset.targets
    if column is not None:
        inputs[:, 5] = column(np.random.default_rng(1), dataset.targets)
    dataset = replace(dataset, inputs=inputs, feature_names=tuple("abcdef"))
    return {(one.name, one.severity): one for one in audit(dataset, split_dataset(dataset, seed=0))}


@pytest.mark.parametrize(
    ("column", "name", "severity"),
    [
        (lambda source, targets: targets == 1, "label-among-features", "error"),
        (lambda source, targets: 3.0 * targets + source.random(len(targets)), "feature-tells-class", "warning"),
        (lambda source, targets: targets + source.normal(0, 0.05, len(targets)), "feature-tells-class", "warning"),
    ],
)
def test_what_tells_a_class_alone_is_named(make_people, column, name, severity):
    found = planted(make_people, column)
    assert "f" in found[(name, severity)].message.split("Received: ")[1]


def test_one_wrong_row_hides_no_copy_of_the_label(make_people):
    def nearly(source, targets):
        column = targets.astype(np.float32)
        column[7] = 1 - column[7]
        return column

    assert ("feature-tells-class", "warning") in planted(make_people, nearly)


def test_good_features_are_not_accused(make_people):
    assert not {name for name, _ in planted(make_people, None)} & {"feature-tells-class", "label-among-features"}


def test_flat_windows_are_no_person_under_two_names(make_people):
    dataset = make_people(8, trials_per_class=3, windows=10)
    inputs = np.random.default_rng(0).normal(size=(len(dataset), 6)).astype(np.float32)
    inputs[::40] = -3.0
    dataset = replace(dataset, inputs=inputs, feature_names=tuple("abcdef"))
    found = {one.name: one for one in audit(dataset, split_dataset(dataset, seed=0))}
    assert "identical-rows" not in found
    assert found["repeated-rows"].severity == "warning"
    assert "12 rows that repeat 1 of them, as flat windows do" in found["repeated-rows"].message


def test_rows_repeated_before_they_were_divided_are_refused(make_dataset):
    source = np.random.default_rng(0)
    order = source.permutation(320)
    inputs = np.repeat(source.normal(size=(40, 6)).astype(np.float32), 8, axis=0)[order]
    parts = {"train": range(200), "validation": range(200, 260), "test": range(260, 320)}
    dataset = make_dataset(None, None, (np.repeat(np.arange(40) % 2, 8)[order]).tolist(), inputs=inputs, parts=parts)
    found = {(one.name, one.severity) for one in audit(dataset, split_dataset(dataset, seed=0))}
    assert ("identical-rows", "error") in found
