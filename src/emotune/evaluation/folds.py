"""Grouped folds of some rows: for several validation parts in a search, and to confirm its winner."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.errors import InputError
from emotune.evaluation.grouping import group_is_known, require_group

__all__ = ["Fold", "development_folds", "development_groups", "row_folds"]

# (rows to train on, rows to score).
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]


def development_groups(dataset: Dataset, rows: NDArray[np.int64]) -> tuple[NDArray[np.str_], str]:
    """What must stay together when `rows` are folded: people, or trials where they are of one person.

    Returns:
        one name for each row, and which of `GROUPS` they are: `subject` or `trial`.

    Raises:
        InputError: if neither people nor trials are known.
    """
    if group_is_known(dataset, "subject") and len(np.unique(dataset.groups["subject"][rows])) > 1:
        return dataset.groups["subject"][rows], "subject"
    require_group(dataset, "trial", "folding the rows of one person, or of people not known,")
    return dataset.groups["trial"][rows], "trial"


def development_folds(groups: NDArray[np.str_], targets: NDArray[np.int64], n_folds: int, seed: int) -> list[Fold]:
    """Grouped folds with classes as even as the groups allow, as (train rows, validation rows).

    Every row is in one validation part, and no group is on both sides of a fold. With fewer groups than folds
    each group is a fold (leave one out), so the list may be shorter than `n_folds`. Where few groups hold a
    class, a training part may lack it.

    Args:
        groups: `(n,)`, what must stay together, such as `development_groups` gives.
        targets: `(n,)`, their classes.
        n_folds: number of folds, at least 2.
        seed: another seed gives other folds, for repeated folds.

    Returns:
        Row numbers that count from 0 within `groups`, not within the dataset: index `split.development` by
        them.

    Raises:
        InputError: if `n_folds` is below 2, or there are fewer than 2 groups.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    n_groups = len(np.unique(groups))
    if n_folds < 2:
        raise InputError(f"`n_folds` must be at least 2. Received: {n_folds}. Take such as 5.")
    if n_groups < 2:
        raise InputError(
            f"Expected at least 2 people, or trials of one person, for grouped folds. Received: {n_groups}. "
            "Add data, or keep the one validation part."
        )
    # With one group a fold there is nothing to even out, and scikit-learn refuses to stratify where every
    # class has fewer rows than there are folds.
    plain = n_groups <= n_folds or np.bincount(targets).max() < n_folds
    splitter = (GroupKFold if plain else StratifiedGroupKFold)(min(n_folds, n_groups), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class of fewer rows than folds cannot be in each: the docstring says so.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        folds = list(splitter.split(targets, targets, groups))
    return [(np.asarray(train, dtype=np.int64), np.asarray(rows, dtype=np.int64)) for train, rows in folds]


def row_folds(targets: NDArray[np.int64], n_folds: int, seed: int) -> list[Fold]:
    """Folds of rows whatever recording they come from, with classes as even as they can be: these leak.

    Raises:
        InputError: if every class has fewer rows than there are folds.
    """
    from sklearn.model_selection import StratifiedKFold

    if (most := int(np.bincount(targets).max())) < n_folds:
        raise InputError(
            f"Expected at least {n_folds} rows of a class for {n_folds} folds of rows. Received: {most} of the "
            "commonest. Add rows, or take fewer folds."
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        folds = list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(targets, targets))
    return [(np.asarray(train, dtype=np.int64), np.asarray(rows, dtype=np.int64)) for train, rows in folds]
