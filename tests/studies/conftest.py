"""A small dataset of people, and what was prepared from it."""

from dataclasses import replace

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


def prepared_of(dataset, **how):
    split = split_dataset(dataset, **how)
    scaler = Scaler.fit(dataset.inputs[split.train])
    return Prepared(dataset, split, scaler, Problem(dataset.inputs.shape[1:], 2, None), ())


@pytest.fixture
def prepared():
    return prepared_of(dataset_of(), seed=3)


@pytest.fixture
def prepared_by_stimulus():
    """Every person with every stimulus, of which each has its class."""
    dataset = dataset_of(6, windows=12)
    stimuli = np.tile([f"S{index:02d}" for index in range(12)], 6)
    dataset = replace(dataset, groups={**dataset.groups, "stimulus": stimuli})
    return prepared_of(dataset, seed=0, protocol="stimulus")
