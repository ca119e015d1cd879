"""Grouped folds of some rows: for several validation parts in a search, and to confirm its winner."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.errors import InputError
from emotune.evaluation.grouping import ROWS, WORDS, group_is_known, require_group

__all__ = ["Fold", "development_folds", "development_groups", "protocol_folds", "row_folds"]

# (rows to train on, rows to score).
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]

# Folds are drawn again where a part lacks a class: with few groups that is often the luck of one shuffle.
N_DRAWINGS = 20


def protocol_folds(
    dataset: Dataset, rows: NDArray[np.int64], columns: Sequence[str], n_folds: int, seed: int
) -> tuple[list[Fold], str]:
    """Folds of `rows` that hold apart what a protocol holds apart, each with classes to train and to score on.

    By one column a fold holds out whole names of it, and every row is held out once. By two (`subject` and
    `stimulus`) the i-th fold holds out the rows whose person is in the i-th share of the people and whose stimulus
    is in the i-th of the stimuli, and trains on rows that share neither; other rows are in neither part. By windows
    (`ROWS`) rows are drawn whatever recording they come from. One person's, or one session's, rows are folded by
    trial. With fewer names than folds each name is a fold.

    Of up to 20 seeded drawings the first is taken that can be trained and scored: no training part lacks a class
    of `rows`, and no validation part holds a single one.

    Args:
        dataset: what the rows are of.
        rows: row numbers of what is to be folded, such as `split.development`.
        columns: what is held apart, as `Protocol.columns`.
        n_folds: number of folds, at least 2.
        seed: 0 or above; another one gives other folds.

    Returns:
        The folds as (train, validation), positions that count within `rows`; and what each holds out, in words:
        `people`, `trials`, `people and stimuli`.

    Raises:
        InputError: if a group is not known or has too few names, or no drawing can be trained and scored.
    """
    columns = tuple(columns)
    if n_folds < 2:
        raise InputError(f"`n_folds` must be at least 2. Received: {n_folds}. Take such as 5.")
    if columns in (("subject",), ("session",)):
        known = group_is_known(dataset, columns[0])
        if not known or len(np.unique(dataset.groups[columns[0]][rows])) < 2:
            columns = ("trial",)
    for column in columns:
        if column != ROWS:
            require_group(dataset, column, f"folds by {WORDS[column][0]}")
    names = [dataset.groups[column][rows] for column in columns if column != ROWS]
    held_out = " and ".join(WORDS[column][1] for column in columns)
    targets = dataset.targets[rows]
    counts = [len(np.unique(own)) for own in names]
    if names:
        if min(counts) < 2:
            scarce = columns[counts.index(min(counts))]
            raise InputError(
                f"Expected at least 2 {WORDS[scarce][1]} for folds of {dataset.name}. Received: {min(counts)}. Add "
                "data, or keep the one validation part."
            )
        n_folds = min(n_folds, *counts)
    elif np.bincount(targets).max() < n_folds:
        raise InputError(
            f"Expected at least {n_folds} windows of a class for {n_folds} folds of {dataset.name}. Received: "
            f"{np.bincount(targets).max()}. Take fewer folds, or add data."
        )
    lacking = ""
    for drawing in range(N_DRAWINGS):
        drawn = seed if drawing == 0 else int(np.random.SeedSequence((seed, drawing)).generate_state(1)[0])
        folds = [development_folds(own, targets, n_folds, drawn) for own in names] or [
            row_folds(targets, n_folds, drawn)
        ]
        crossed = [_crossed(parts) for parts in zip(*folds, strict=True)]
        if not (found := _lacking(crossed, targets, dataset.class_names)):
            return crossed, held_out
        lacking = lacking or found
        if counts == [n_folds]:
            break  # each name is a fold: no drawing is any other
    raise InputError(
        f"Expected in each of {n_folds} folds by {held_out} every class to train on and at least two to score on. "
        f"Received: {lacking}. Take fewer folds, or add {held_out} of each class."
    )


def _crossed(parts: Sequence[Fold]) -> Fold:
    """One fold of several that are of other columns: rows that each of them trains on, and that each holds out."""
    train, held = parts[0]
    for others, other_held in parts[1:]:
        train, held = np.intersect1d(train, others), np.intersect1d(held, other_held)
    return train, held


def _lacking(folds: Sequence[Fold], targets: NDArray[np.int64], class_names: Sequence[str]) -> str:
    """Which class the first fold that cannot be trained or scored lacks; empty where all can."""
    known = np.unique(targets)
    for number, (train, held) in enumerate(folds, start=1):
        for index in known:
            if index not in targets[train]:
                return f"a fold {number} with no {class_names[index]} to train on"
        scored = np.unique(targets[held])
        if len(scored) < 2:
            only = f"{class_names[scored[0]]} alone" if len(scored) else "no rows"
            return f"a fold {number} with {only} to score on"
    return ""


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
