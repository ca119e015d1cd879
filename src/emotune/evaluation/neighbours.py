"""Checks of what a table without times hides: neighbours as trials of their own, and sequences that share windows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.evaluation.grouping import group_is_known
from emotune.evaluation.groups_of_parts import n_people, shared_names
from emotune.evaluation.splits import Split
from emotune.findings import Finding

__all__ = ["lone_trials", "shared_steps"]

# Rows that are hashed at once: some tens of megabytes.
_CHUNK = 1 << 15


def lone_trials(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """Trials of a table are more than single rows, where trials are what keeps its parts apart.

    Who numbers windows as trials gets a split by window that no other check can see.
    """
    if dataset.table is not None or not group_is_known(dataset, "trial"):
        return
    people_apart = n_people(dataset) > 1 and not shared_names(dataset, split, "subject", "train", "test")
    n_trials = len(np.unique(dataset.groups["trial"]))
    if people_apart or n_trials < len(dataset):
        return
    yield Finding(
        "trials-of-one-row",
        "warning",
        f"Expected trials of several rows in {dataset.name}, whose parts are kept apart by trials. Received: "
        f"{n_trials} trials of one row each: if rows are windows of longer recordings, neighbours are in two parts, "
        "and the score is that of a split by window, often tens of points too high.",
        "Name each row's trial by the recording that it was cut from, or split by subject.",
    )


def shared_steps(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """No sequence of a table holds a window that a sequence of another part holds too."""
    if dataset.inputs.ndim != 3 or dataset.windows is not None:
        return
    steps = _hashes(dataset.inputs)
    names, counts = np.unique(steps, return_counts=True)
    # A window is in n_steps sequences at most; what is in more is padding, or a flat stretch.
    told = np.isin(steps, names[counts <= 2 * dataset.inputs.shape[1]])
    for first, second in combinations(split.parts, 2):
        theirs, rows = split.parts[first], split.parts[second]
        known = steps[theirs][told[theirs]]
        sharing = rows[(np.isin(steps[rows], known) & told[rows]).any(axis=1)]
        # A row that is in both parts is said to be.
        sharing = np.setdiff1d(sharing, theirs)
        if len(sharing):
            yield Finding(
                "overlapping-windows",
                "error",
                f"Expected no window of {second} in a sequence of {first}. Received: {len(sharing)} of {len(rows)} "
                f"sequences of {second} that share whole windows with sequences of {first}, such as row {sharing[0]}.",
                "Keep each recording in one part, and let no sequence run from one trial into the next.",
            )


def _hashes(inputs: NDArray[np.float32]) -> NDArray[np.uint64]:
    """A number for each step of each row that equal steps share: `(n, n_steps, n_features)` -> `(n, n_steps)`."""
    steps = inputs.reshape(-1, inputs.shape[-1])
    weights = np.random.default_rng(0).integers(1, 2**63, size=steps.shape[1], dtype=np.uint64) * 2 + 1
    hashes = np.empty(len(steps), dtype=np.uint64)
    for start in range(0, len(steps), _CHUNK):
        # Adding zero makes -0.0 the same bits as 0.0.
        bits = (np.ascontiguousarray(steps[start : start + _CHUNK], dtype=np.float32) + np.float32(0.0)).view(np.uint32)
        hashes[start : start + _CHUNK] = (bits.astype(np.uint64) * weights).sum(axis=1, dtype=np.uint64)
    return hashes.reshape(inputs.shape[:2])
