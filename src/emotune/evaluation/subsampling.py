"""Some rows of many, by chance, so that models can be trained on as many rows whatever the split leaves them."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import GROUPS, Dataset

__all__ = ["content_ranks", "subsample"]


def content_ranks(dataset: Dataset) -> NDArray[np.int64]:
    """The place of each row in an order by what is in it, so that what is drawn does not depend on how rows came."""
    values = np.ascontiguousarray(dataset.inputs)
    names = np.stack([dataset.groups[name] for name in GROUPS], axis=1)
    digests = [
        hashlib.blake2b(row.tobytes() + "\0".join((*groups, str(target))).encode(), digest_size=16).digest()
        for row, groups, target in zip(values, names.tolist(), dataset.targets.tolist(), strict=True)
    ]
    ranks = np.empty(len(dataset), dtype=np.int64)
    ranks[sorted(range(len(digests)), key=digests.__getitem__)] = np.arange(len(digests))
    return ranks


def subsample(
    rows: NDArray[np.int64], targets: NDArray[np.int64], ranks: NDArray[np.int64], n: int, seed: int
) -> NDArray[np.int64]:
    """`n` of `rows` at random, ascending, with classes in the shares that they have, and at least one row of each.

    Args:
        rows: row numbers.
        targets: class of every row of the dataset.
        ranks: place of every row of the dataset in an order that does not depend on how the rows came.
        n: from the number of classes in `rows` to the number of `rows`.
        seed: of the draw.
    """
    rows = rows[np.argsort(ranks[rows])]
    classes, counts = np.unique(targets[rows], return_counts=True)
    # One row each first; the others in proportion, what is left over by the largest remainder.
    wanted = (n - len(classes)) * (counts - 1) / max(1, len(rows) - len(classes))
    sizes = np.floor(wanted).astype(np.int64)
    most = np.argsort(-(wanted - sizes), kind="stable")[: n - len(classes) - int(sizes.sum())]
    sizes[most] += 1
    # RandomState's methods are frozen for ever: the same seed draws the same rows in years to come.
    source = np.random.RandomState(seed)
    drawn = [
        source.permutation(rows[targets[rows] == label])[: size + 1]
        for label, size in zip(classes.tolist(), sizes.tolist(), strict=True)
    ]
    return np.sort(np.concatenate(drawn))
