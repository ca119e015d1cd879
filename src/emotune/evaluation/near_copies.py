"""Checks for one row in two parts under two names: identical, or all but identical, as rounding or saving leaves it."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtrc

from emotune.data.dataset import Dataset
from emotune.evaluation.groups_of_parts import owners, recordings_of_rows
from emotune.evaluation.splits import Split
from emotune.findings import Finding

__all__ = ["are_measurements", "identical_rows", "nearly_identical_rows"]

# A row is nearly a copy of its nearest neighbour if that is so many times nearer than the 10th nearest. The smallest
# ratio of the two, 25 % of the rows held out, was in simulated vectors 0.77 by person, 0.61 by trial and 0.57 by
# window; in EEGMAT (16 people) 0.70, 0.70 and 0.60; in 3,000 rows of 5, 10 and 30 columns of normal noise 0.18, 0.33
# and 0.65, of uniform noise 0.08, 0.33 and 0.60; in California housing (9 columns) 0.16. A person of EEGMAT under
# another name has a median of 0.001 with 3 decimals, 0.002 as float16, 0.005 with noise of 0.001, 0.01 with 2 decimals,
# 0.04 with noise of 0.01; with 1 decimal it is 0.1, and missed.
_RATIO = 0.1
_NEIGHBOURS = 10

# How many such rows chance brings follows from the dimension of the cloud; beyond this it is none.
_BY_CHANCE = 1e-6

# In so few dimensions neighbours are near by nature: what is found there is not certain. EEGMAT's vectors have 6 to 15.
_CERTAIN_DIMENSION = 5.0
_FEWEST_COLUMNS = 5

# More rows alike than people have names for one person.
_MOST_COPIES = 5
_MOST_FLOORS = 3

# Nor where a copy has more fellows than two: it may be one of a cluster, as repeated measurements make them.
_FEW = 3

# Of a column's spread; what lies beyond is far in any case, and must not become infinite.
_FAR = 1e30

# A column measured in steps (a count, an answer from 1 to 5) has few values in so many rows. With more of them than of
# others, two rows of one cell are near by nature.
_LOOKED_AT = 1000

# Rows compared with a part, spread evenly over its order so that each recording has some; and columns. With them 48,000
# rows to train and twice 16,000 of 167 columns take 2 s on one core.
_QUERIES = 1000
_MOST_COLUMNS = 512
_BLOCK_BYTES = 50e6


def identical_rows(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """No row is in two parts with the same values, to the bit."""
    # Adding zero makes -0.0 the same bytes as 0.0.
    values = np.ascontiguousarray(dataset.inputs.reshape(len(dataset), -1)) + np.float32(0.0)
    digests = {
        part: [hashlib.blake2b(values[row].tobytes(), digest_size=16).digest() for row in rows]
        for part, rows in split.parts.items()
    }
    # A person under two names has each row twice; a flat stretch, or a floor, has one row many times over.
    counts = Counter(digest for of_part in digests.values() for digest in of_part)
    repeated = {digest for digest, count in counts.items() if count > _MOST_COPIES}
    if len(repeated) > _MOST_FLOORS:
        repeated = set()  # so many different ones are rows that were repeated, or a person under many names
    if repeated:
        n_repeated = sum(counts[digest] for digest in repeated)
        yield Finding(
            "repeated-rows",
            "warning",
            f"Expected rows of {dataset.name} that differ. Received: {n_repeated} rows that repeat "
            f"{len(repeated)} of them, as flat windows do.",
            "Take these rows out: they say nothing of what is felt, and who has them may be known by them.",
        )
    for first, second in combinations(split.parts, 2):
        common = (set(digests[first]) & set(digests[second])) - repeated
        if not common:
            continue
        copies = {part: split.parts[part][[digest in common for digest in digests[part]]] for part in (first, second)}
        # Rows of a few answers are often the same by chance, within a part as well.
        n_twins = len(digests[first]) - len(set(digests[first]))
        by_chance = n_twins / len(digests[first]) > len(copies[second]) / len(digests[second]) / 2 and _in_steps(
            values[_different(split, digests)]
        )
        yield Finding(
            "identical-rows",
            "warning" if by_chance else "error",
            f"Expected no row twice. Received: {len(copies[second])} rows of {second} that are also in {first}: "
            f"{owners(dataset, copies[second])} in {second}, {owners(dataset, copies[first])} in {first}."
            + (f" The columns have few values, and {n_twins} rows repeat within {first} too." if by_chance else ""),
            "If these are one person under two names, give them one name; else remove the copies.",
        )


def _different(split: Split, digests: Mapping[str, Sequence[bytes]]) -> list[int]:
    """A row for each that differs: of rows that were repeated any column has few values, however it was measured."""
    rows = {digest: int(row) for part, of in split.parts.items() for digest, row in zip(digests[part], of, strict=True)}
    return sorted(rows.values())


def nearly_identical_rows(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """No row is in two parts but for rounding, a little noise, or another way of saving it.

    A row of one part whose nearest neighbour in another is `_RATIO` times as far as its `_NEIGHBOURS`-th, in columns
    of like spread. In a cloud of dimension m the ratio to the power of m is spread as the smallest of
    uniform numbers, so that the number expected by chance is known; m is told by how much farther twice as many
    neighbours reach.

    References:
        Facco, d'Errico, Rodriguez and Laio (2017), Estimating the intrinsic dimension of datasets by a minimal
        neighborhood information.
    """
    if not are_measurements(dataset):
        return
    values = _values(dataset)
    recordings = recordings_of_rows(dataset)
    for first, second in combinations(split.parts, 2):
        known, asked = split.parts[first], split.parts[second]
        if len(known) < 4 * _FEW or not len(asked):
            continue
        asked = asked[np.linspace(0, len(asked) - 1, min(_QUERIES, len(asked))).astype(np.int64)]
        copied, originals, chance, is_certain = _near_copies(values, known, asked)
        if chance > _BY_CHANCE:
            continue
        # Windows of one recording are near where they overlap or were smoothed, which other checks say.
        if recordings is not None:
            elsewhere = recordings[copied] != recordings[originals]
            copied, originals = copied[elsewhere], originals[elsewhere]
        if not len(copied):
            continue
        yield Finding(
            "near-identical-rows",
            "error" if is_certain else "warning",
            f"Expected no row twice. Received: {len(copied)} of {len(asked)} rows of {second} looked at that are all "
            f"but the same in {first}, {1 / _RATIO:g} times nearer and more than other rows are: "
            f"{owners(dataset, copied)} in {second}, {owners(dataset, originals)} in {first}.",
            "If these are one person or recording under two names, rounded or saved in another way, give them one "
            "name; if they are made from other rows (augmented, repeated), remove them before the data is divided.",
        )


def are_measurements(dataset: Dataset) -> bool:
    """Whether rows can be told apart by how near they are: columns enough, most of them of many values."""
    values = _values(dataset)
    return values.shape[1] >= _FEWEST_COLUMNS and not _in_steps(values)


def _in_steps(values: NDArray[np.float32]) -> bool:
    """Whether half of the columns or more have few values: `(n, n_columns)`."""
    some = values[np.linspace(0, len(values) - 1, min(_LOOKED_AT, len(values))).astype(np.int64)]
    n_values = 1 + (np.diff(np.sort(some, axis=0), axis=0) != 0).sum(axis=0)
    return bool(np.mean(n_values < len(some) / 2) >= 0.5)


def _values(dataset: Dataset) -> NDArray[np.float32]:
    """The rows, or of very long ones evenly spread columns: `(n, n_columns)`."""
    values = dataset.inputs.reshape(len(dataset), -1)
    if values.shape[1] <= _MOST_COLUMNS:
        return values
    return values[:, np.linspace(0, values.shape[1] - 1, _MOST_COLUMNS).astype(np.int64)]


def _near_copies(
    values: NDArray[np.float32], known: NDArray[np.int64], asked: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], float, bool]:
    """Which asked rows are all but copies of known rows, those, the chance of so many, and whether this is certain."""
    index, queries, n_columns = _comparable(values, known, asked)
    n_neighbours = min(_NEIGHBOURS, len(known) // 4)
    nearest, distances = _neighbours(index, queries, (_FEW, n_neighbours, 2 * n_neighbours))
    few, reach, twice = distances.T
    is_spread = reach > 0
    if not is_spread.any():
        return asked[:0], known[:0], 1.0, False
    growth = float(np.median(twice[is_spread] / reach[is_spread]))
    dimension = min(float(n_columns), math.log(2) / math.log(growth)) if growth > 1 else float(n_columns)
    # The differences once more by themselves: products lose half the digits.
    to_nearest = np.sqrt(((index[nearest].astype(np.float64) - queries) ** 2).sum(axis=1))
    same = (values[known[nearest]] == values[asked]).all(axis=1)  # said by `identical_rows`
    is_copy = is_spread & ~same & (to_nearest < _RATIO * reach)
    if not is_copy.any():
        return asked[:0], known[:0], 1.0, False
    expected = len(asked) * -math.expm1((n_neighbours - 1) * math.log1p(-(_RATIO**dimension)))
    chance = float(pdtrc(int(is_copy.sum()) - 1, expected))  # of so many or more, by Poisson's law
    is_one_of_few = (to_nearest < _RATIO * few)[is_copy]
    is_certain = dimension >= _CERTAIN_DIMENSION and n_neighbours == _NEIGHBOURS and is_one_of_few.mean() > 0.5
    return asked[is_copy], known[nearest[is_copy]], chance, bool(is_certain)


def _comparable(
    values: NDArray[np.float32], known: NDArray[np.int64], asked: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """Known and asked rows in units of the known rows' spread, far values drawn in, and how many columns have any.

    Not by mean and standard deviation: single values far out would make all others look alike.
    """
    index = values[known]
    some = index[np.linspace(0, len(index) - 1, min(_LOOKED_AT, len(index))).astype(np.int64)].astype(np.float64)
    low, middle, high = np.quantile(some, (0.25, 0.5, 0.75), axis=0)
    spread = np.where(high > low, high - low, some.std(axis=0))
    # A column that is constant but in the asked rows would be worth everything.
    spread[spread == 0] = np.inf
    centre, unit = middle.astype(np.float32), np.maximum(spread, np.finfo(np.float32).tiny).astype(np.float32)
    drawn_in = []
    for rows in (index, values[asked]):
        with np.errstate(over="ignore"):
            rows = (rows - centre) / unit
        drawn_in.append(np.arcsinh(np.clip(rows, -_FAR, _FAR)))
    return drawn_in[0], drawn_in[1], int(np.isfinite(spread).sum())


def _neighbours(
    index: NDArray[np.float32], queries: NDArray[np.float32], which: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest row of `index` to each query, `(n,)`, and how far its n-th nearest are, `(n, len(which))`."""
    lengths = np.einsum("ij,ij->i", index, index)
    block = max(1, int(_BLOCK_BYTES / (4 * len(index))))
    places = [number - 1 for number in which]
    nearest, distances = [], []
    for start in range(0, len(queries), block):
        some = queries[start : start + block]
        squares = some @ index.T
        squares *= -2
        squares += lengths
        nearest.append(squares.argmin(axis=1))
        squares.partition(places, axis=1)
        distances.append(squares[:, places] + np.einsum("ij,ij->i", some, some)[:, np.newaxis])
    return np.concatenate(nearest), np.sqrt(np.maximum(np.concatenate(distances), 0)).astype(np.float64)
