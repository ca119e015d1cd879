"""Whose rows are in which part: what several checks of the audit ask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.evaluation.grouping import group_is_known, natural_order
from emotune.evaluation.splits import Split
from emotune.findings import listed

__all__ = ["LISTED", "n_people", "owners", "recordings_of_rows", "shared_names"]

# So many names are shown in a message.
LISTED = 5


def n_people(dataset: Dataset) -> int:
    """Number of people; 0 where they are not known."""
    return len(np.unique(dataset.groups["subject"])) if group_is_known(dataset, "subject") else 0


def shared_names(dataset: Dataset, split: Split, column: str, first: str, second: str) -> list[str]:
    """Names of a group that rows of both parts have, in natural order."""
    names: NDArray[np.str_] = dataset.groups[column]
    return natural_order(np.intersect1d(names[split.parts[first]], names[split.parts[second]]))


def recordings_of_rows(dataset: Dataset) -> NDArray[np.int64] | None:
    """Which recording a row is of, `(n,)` codes from 0: as it was read, else its trial; None where neither is known."""
    if dataset.table is not None and dataset.windows is not None:
        names: NDArray[np.int64] | NDArray[np.str_] = dataset.table.recording[dataset.windows[:, 0]]
    elif group_is_known(dataset, "trial"):
        names = dataset.groups["trial"]
    else:
        return None
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def owners(dataset: Dataset, rows: NDArray[np.int64]) -> str:
    """Whose these rows are, for a message: the people, else the rows' numbers."""
    if group_is_known(dataset, "subject"):
        return listed(natural_order(dataset.groups["subject"][rows]), LISTED)
    return "row " + listed([str(row) for row in rows], LISTED)
