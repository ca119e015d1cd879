"""The fingerprint of rows depends on what the arrays say, not on how they are stored."""

import numpy as np
import pytest

from emotune.data.fingerprinting import fingerprint_of_rows

BASE = {"inputs": np.arange(6, dtype=np.float32).reshape(2, 3), "subject": np.array(["a", "bc"])}


def changed(**arrays):
    return fingerprint_of_rows({**BASE, **arrays})


@pytest.mark.parametrize(
    "same",
    [
        {"subject": BASE["subject"].astype("U40")},
        {"inputs": BASE["inputs"].astype(">f4")},
        {"inputs": np.asfortranarray(BASE["inputs"])},
    ],
)
def test_storage_does_not_count(same):
    assert changed(**same) == fingerprint_of_rows(dict(reversed(BASE.items())))


@pytest.mark.parametrize(
    "other",
    [
        {"inputs": BASE["inputs"].reshape(3, 2)},
        {"inputs": BASE["inputs"] + np.float32(1e-6)},
        {"subject": np.array(["ab", "c"])},
        {"subject": np.array(["bc", "a"])},
        {"session": np.array(["a", "bc"])},
    ],
)
def test_values_shapes_and_names_count(other):
    assert changed(**other) != changed()
