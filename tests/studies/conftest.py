"""A small dataset of people, and what was prepared from it."""

import numpy as np
import pytest

from emotune.data.dataset import GROUPS, Dataset
from emotune.data.scaling import Scaler
from emotune.evaluation.protocols import split_dataset
from emotune.models.problem import Problem
from emotune.studies.preparation import Prepared


def dataset_of(n_people=8, windows=12, n_features=6, seed=0):
    """Two classes that differ in the first feature; people differ in all."""
    source = np.random.default_rng(seed)
    people = np.repeat([f"P{index:02d}" for index in range(n_people)], windows)
    targets = np.tile(np.arange(windows) % 2, n_people)
    inputs = source.normal(size=(len(people), n_features)) + source.normal(size=(n_people, 1)).repeat(windows, axis=0)
    inputs[:, 0] += 5.0 * targets
    groups = {name: np.full(len(people), "") for name in GROUPS} | {"subject": people}
    return Dataset(
        inputs.astype(np.float32),
        targets.astype(np.int64),
        groups,
        ("rest", "task"),
        tuple(f"f{index}" for index in range(n_features)),
        "toy",
        f"toy-{seed}",
    )


@pytest.fixture
def prepared():
    dataset = dataset_of()
    split = split_dataset(dataset, seed=3)
    scaler = Scaler.fit(dataset.inputs[split.train])
    return Prepared(dataset, split, scaler, Problem(dataset.inputs.shape[1:], 2, None), ())
