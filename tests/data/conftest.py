"""Small tables on disk."""

import numpy as np
import pytest


@pytest.fixture
def make_table():
    """Arrays of a good table: 12 rows of 6 columns, 3 people, 2 classes."""

    def make(n=12, n_features=6, **arrays):
        rng = np.random.default_rng(7)
        table = {
            "X": rng.normal(size=(n, n_features)),
            "y": np.arange(n) % 2,
            "subject": np.array([f"P{i % 3}" for i in range(n)]),
        }
        return {key: value for key, value in {**table, **arrays}.items() if value is not None}

    return make


@pytest.fixture
def save(tmp_path):
    """Write arrays to `table.npz` in a folder of its own."""

    def write(arrays):
        path = tmp_path / "table.npz"
        np.savez(path, **arrays)
        return path

    return write
