"""Which rows an epoch trains on, in which order, and how much each counts. Needs no Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError

__all__ = ["class_weights", "epoch_order", "row_weights"]

ClassWeight = Literal["balanced"] | Mapping[int, float] | None


def epoch_order(targets: NDArray[np.int64], *, seed: int, epoch: int, balanced: bool = False) -> NDArray[np.int32]:
    """The rows of one epoch in their order: `(n,)`, the same for the same seed and epoch.

    An order depends on no earlier epoch, so training can be taken up in the middle.

    Args:
        targets: class of each row, `(n,)`.
        seed: of the whole training.
        epoch: counted from 0.
        balanced: whether every batch gets (within one) as many rows of each class. Rows of a rare class
            then come several times, all equally often within one; those of a frequent one not every time.
    """
    source = np.random.default_rng((seed, epoch))
    if not balanced:
        return source.permutation(len(targets)).astype(np.int32)
    classes = np.unique(targets)
    n_rounds = -(-len(targets) // len(classes))
    rounds = np.stack([_drawn(np.flatnonzero(targets == c), n_rounds, source) for c in classes], axis=1)
    # Each round holds one row of each class: any stretch of the order is balanced, whatever the batch size.
    return source.permuted(rounds, axis=1).ravel()[: len(targets)].astype(np.int32)


def _drawn(rows: NDArray[np.int64], n: int, source: np.random.Generator) -> NDArray[np.int64]:
    n_shuffles = -(-n // len(rows))
    return np.concatenate([source.permutation(rows) for _ in range(n_shuffles)])[:n]


def class_weights(class_weight: ClassWeight, targets: NDArray[np.int64], n_classes: int) -> NDArray[np.float32] | None:
    """The weight of each class, `(n_classes,)`; None where all count the same.

    Args:
        class_weight: `balanced` for n / (classes present x rows of the class), so that each class present counts
            the same and the mean weight of a row is 1; or class -> weight, 1 for a class that is not named.
        targets: class of each training row, `(n,)`.
        n_classes: classes of the problem.

    Raises:
        InputError: if a class or a weight is impossible.
    """
    if class_weight is None:
        return None
    if class_weight == "balanced":
        counts = np.bincount(targets, minlength=n_classes)
        present = np.count_nonzero(counts)
        # A class without rows has no weight to use; 1 stands for "never looked at".
        weights = np.where(counts > 0, len(targets) / (present * np.maximum(counts, 1)), 1.0)
        return weights.astype(np.float32)
    if not isinstance(class_weight, Mapping):
        raise InputError(
            f"`class_weight` must be 'balanced', None or a dict of class -> weight. Received: {class_weight!r}."
        )
    given = np.ones(n_classes, dtype=np.float32)
    for name, weight in class_weight.items():
        if not _is_weight(weight) or not isinstance(name, int | np.integer) or not 0 <= name < n_classes:
            raise InputError(
                f"`class_weight` must give classes 0 to {n_classes - 1} a finite weight of at least 0. "
                f"Received: {name!r}: {weight!r}."
            )
        given[name] = weight
    return given


def row_weights(class_weight: ClassWeight, targets: NDArray[np.int64], n_classes: int) -> NDArray[np.float32] | None:
    """The weight of each row, `(n,)`; None where all count the same. See `class_weights`."""
    weights = class_weights(class_weight, targets, n_classes)
    return None if weights is None else weights[targets]


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float | np.number) and 0 <= float(value) < float("inf")
