"""Small datasets whose groups a test chooses."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from emotune.data.dataset import Dataset

MakeDataset = Callable[..., Dataset]


def _dataset(
    subject: Sequence[str] | None = None,
    trial: Sequence[str] | None = None,
    targets: Sequence[int] = (),
    *,
    class_names: Sequence[str] = ("calm", "joy"),
    parts: Mapping[str, Sequence[int]] | None = None,
    inputs: np.ndarray | None = None,
) -> Dataset:
    n = len(targets)
    empty = [""] * n
    columns = {"subject": subject or empty, "session": empty, "trial": trial or empty, "stimulus": empty}
    if inputs is None:
        inputs = np.random.default_rng(7).normal(size=(n, 4)).astype(np.float32)
    return Dataset(
        inputs=inputs,
        targets=np.array(targets, dtype=np.int64),
        groups={name: np.array(column, dtype=str) for name, column in columns.items()},
        class_names=tuple(class_names),
        feature_names=tuple(f"f{index}" for index in range(inputs.shape[-1])),
        name="toy",
        fingerprint="0",
        parts=None if parts is None else {name: np.array(rows, dtype=np.int64) for name, rows in parts.items()},
    )


def _people(
    n_people: int, *, n_classes: int = 2, trials_per_class: int = 2, windows: int = 3, prefix: str = "P"
) -> Dataset:
    """Each person has `trials_per_class` trials of each class, each of `windows` rows."""
    rows = [
        (f"{prefix}{person}", f"{prefix}{person}//{label}-{trial}", label)
        for person in range(1, n_people + 1)
        for label in range(n_classes)
        for trial in range(trials_per_class)
        for _ in range(windows)
    ]
    subject, trial, targets = (list(column) for column in zip(*rows, strict=True))
    return _dataset(subject, trial, targets, class_names=[f"class{label}" for label in range(n_classes)])


@pytest.fixture(scope="session")
def make_dataset() -> MakeDataset:
    return _dataset


@pytest.fixture(scope="session")
def make_people() -> MakeDataset:
    return _people
