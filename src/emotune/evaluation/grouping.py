"""Groups (people, trials) that are dealt out whole: their order, their classes, and who gets how many."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.errors import InputError

__all__ = [
    "ROWS",
    "WORDS",
    "class_counts",
    "deal_people",
    "deal_rows",
    "deal_trials",
    "group_is_known",
    "natural_order",
    "require_group",
    "shares",
]

ROWS = "row"  # what the protocol `window` divides: no group at all

# What is divided in words, one and many.
WORDS: Mapping[str, tuple[str, str]] = {
    "subject": ("person", "people"),
    "session": ("session", "sessions"),
    "trial": ("trial", "trials"),
    "stimulus": ("stimulus", "stimuli"),
    ROWS: ("window", "windows"),
}

# Enough that a failure means "hardly possible": where one shuffle in 20 fits, 100 miss it once in 170 times.
N_SHUFFLES = 100


def natural_order(names: Iterable[str]) -> list[str]:
    """The different names, numbers within them by size: P2 before P10."""

    def pieces(name: str) -> tuple[list[tuple[int, int | str]], str]:
        parts = re.split(r"([0-9]+)", name)
        return [(0, int(part)) if index % 2 else (1, part) for index, part in enumerate(parts)], name

    return sorted({str(name) for name in names}, key=pieces)


def group_is_known(dataset: Dataset, column: str) -> bool:
    """Whether the rows have a name in this group column.

    Raises:
        InputError: if some have and some have not.
    """
    empty = int((dataset.groups[column] == "").sum())
    if 0 < empty < len(dataset):
        raise InputError(
            f"Expected a {column} for every row of {dataset.name}, or for none. "
            f"Received: {empty} of {len(dataset)} rows without. Fill them in."
        )
    return empty < len(dataset)


def require_group(dataset: Dataset, column: str, purpose: str) -> None:
    """Refuse a dataset whose rows have no name in this group column.

    Raises:
        InputError: if they have none; `purpose` says what needs it.
    """
    if not group_is_known(dataset, column):
        raise InputError(
            f"Expected a {column} for each row of {dataset.name}: {purpose} needs it. "
            f"Received: none. Add the {column} column."
        )


def class_counts(groups: NDArray[np.str_], targets: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Rows of each class in each group, `(n_classes,)` by group name, in natural order."""
    names, codes = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), int(targets.max()) + 1), dtype=np.int64)
    np.add.at(counts, (codes, targets), 1)
    by_name = {str(name): row for name, row in zip(names, counts, strict=True)}
    return {name: by_name[name] for name in natural_order(by_name)}


def shares(n: int, fractions: Sequence[float]) -> list[int]:
    """How many of `n` groups each part gets: the later parts the nearest whole number, the first the rest.

    Every part gets at least one; `n` must be at least the number of parts.
    """
    # The small term keeps a half that is not exact in binary (0.1 x 25) a half.
    held_out = [max(1, math.floor(n * fraction + 0.5 + 1e-9)) for fraction in fractions[1:]]
    while sum(held_out) >= n:
        held_out[held_out.index(max(held_out))] -= 1
    return [n - sum(held_out), *held_out]


def deal_people(
    people: NDArray[np.str_], targets: NDArray[np.int64], sizes: Sequence[int], seed: int
) -> list[list[str]]:
    """Divide people at random into parts of these sizes that all hold every class.

    Of `N_SHUFFLES` seeded shuffles the first that does it is taken; where none does, the one that lacks
    fewest.
    """
    counts = class_counts(people, targets)
    names = list(counts)
    n_classes = len(np.unique(targets))
    best: list[list[str]] = []
    fewest = math.inf
    for attempt in range(N_SHUFFLES):
        shuffled = iter(_shuffled(names, seed, attempt))
        parts = [[next(shuffled) for _ in range(size)] for size in sizes]
        held = [np.stack([counts[name] for name in part]).any(axis=0).sum() for part in parts]
        lacking = n_classes * len(parts) - int(sum(held))
        if lacking < fewest:
            best, fewest = parts, lacking
        if lacking == 0:
            break
    return best


def deal_trials(
    trials: NDArray[np.str_], targets: NDArray[np.int64], fractions: Sequence[float], seed: int
) -> list[list[str]]:
    """Divide the trials of each class at random by `shares`; a trial counts for its commonest class.

    A class with fewer trials than there are parts gives to the first part, then to the last. A part may be
    empty.
    """
    strata: dict[int, list[str]] = {}
    for name, counts in class_counts(trials, targets).items():
        strata.setdefault(int(counts.argmax()), []).append(name)
    parts: list[list[str]] = [[] for _ in fractions]
    for label, names in sorted(strata.items()):
        shuffled = iter(_shuffled(names, seed, label))
        if len(names) >= len(parts):
            sizes = shares(len(names), fractions)
        else:
            # Training first, then what is measured at the end.
            sizes = [1, *[0] * (len(parts) - 2), len(names) - 1]
        for part, size in zip(parts, sizes, strict=True):
            part.extend(next(shuffled) for _ in range(size))
    return parts


def deal_rows(
    names: NDArray[np.str_], targets: NDArray[np.int64], fractions: Sequence[float], seed: int
) -> list[list[str]]:
    """Divide rows of each class at random by `shares`, whatever recording they come from."""
    parts: list[list[str]] = [[] for _ in fractions]
    for label in np.unique(targets):
        own = names[targets == label]
        order = _order(len(own), seed, int(label))
        start = 0
        for part, size in zip(parts, shares(len(own), fractions), strict=True):
            part.extend(own[order[start : start + size]].tolist())
            start += size
    return parts


def _shuffled(names: Sequence[str], *seeds: int) -> list[str]:
    return [names[index] for index in _order(len(names), *seeds)]


def _order(n: int, *seeds: int) -> NDArray[np.int64]:
    # RandomState's methods are frozen for ever, Generator's are not: a published split must come out again.
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seeds))).permutation(n)
