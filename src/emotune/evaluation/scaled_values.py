"""Checks for a scaler that was fitted before the data was divided: its means and ranges come from test rows too."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.data.normalising import Normalisation
from emotune.evaluation.grouping import WORDS
from emotune.evaluation.splits import Split
from emotune.findings import Finding

__all__ = ["scaled_values"]

# How near a mean is to 0 and a spread to 1 after a scaler: three decimals of a CSV leave 0.00001. By chance a column of
# 80,000 normal numbers is so near in 1 of 1,500 cases; half of 3 columns or more must be.
_NEAR = 1e-4
_FEWEST_COLUMNS = 3

# A column of fewer values (a flag, a share of ten answers) reaches from 0 to 1 without any scaler.
_FEWEST_VALUES = 10
_LOOKED_AT = 1000

# Of so few rows a mean of 0 says nothing.
_FEWEST_ROWS = 3


def scaled_values(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """Columns are not standardised, nor scaled to a range, over all rows or within people, sessions or trials.

    No label is given away by it, but training then knows something of the rows that are tested. What emotune itself
    standardised by person says so already.
    """
    if Normalisation.of(dataset.provenance).by_subject:
        return
    n_features = dataset.inputs.shape[-1]
    values = dataset.inputs.reshape(-1, n_features)
    n_steps = len(values) // len(dataset)
    columns = _columns_like_scaled(values)
    if len(columns) < max(_FEWEST_COLUMNS, n_features / 2):
        return
    values = values[:, columns]
    for column in ("trial", "session", "subject"):
        names = np.unique(dataset.groups[column], return_inverse=True)[1]
        rows = [np.flatnonzero(names == group) for group in range(int(names.max()) + 1)]
        if len(rows) < 2 or min(map(len, rows)) * n_steps < _FEWEST_ROWS:
            continue
        how = _scaled_in_each(values, [_steps(of, n_steps) for of in rows])
        if how:
            one, many = WORDS[column]
            yield Finding(
                f"scaled-by-{one}",
                "warning",
                f"The values of {dataset.name} are {how} within each {one}, also of the {many} that are tested: every "
                f"score is transductive, and holds where all windows of a {one} are there before the first answer.",
                "Say so with the score, or give values that are not scaled: emotune scales by the training rows.",
            )
            return
    how = _scaled(values)
    if how and not _scaled(values[_steps(split.train, n_steps)]):
        yield Finding(
            "scaled-over-all-parts",
            "warning",
            f"Expected values of {dataset.name} that know nothing of the test rows. Received: columns that are {how} "
            "over all rows, and not over the training rows: the scaler has seen the test part.",
            "Give values that are not scaled: emotune scales by the training rows.",
        )


def _columns_like_scaled(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Columns with a mean of 0, or a range from 0 or -1 to 1, over all rows: `(n, n_columns)` -> their places."""
    low, high = values.min(axis=0), values.max(axis=0)
    centred = np.abs(values.mean(axis=0, dtype=np.float64)) < _NEAR
    ranged = (np.abs(high - 1) < _NEAR) & ((np.abs(low) < _NEAR) | (np.abs(low + 1) < _NEAR))
    some = values[np.linspace(0, len(values) - 1, min(_LOOKED_AT, len(values))).astype(np.int64)]
    n_values = 1 + (np.diff(np.sort(some, axis=0), axis=0) != 0).sum(axis=0)
    measured = n_values > min(_FEWEST_VALUES, len(some) - 1)
    return np.flatnonzero((centred | ranged) & (high > low) & measured).astype(np.int64)


def _scaled_in_each(values: NDArray[np.float32], groups: list[NDArray[np.int64]]) -> str:
    """How all groups are scaled in the same way, in words; empty where one is not."""
    first = _scaled(values[groups[0]])
    return first if first and all(_scaled(values[rows]) == first for rows in groups[1:]) else ""


def _scaled(values: NDArray[np.float32]) -> str:
    """How most of the columns are scaled over these rows, in words; empty where they are not: `(n, n_columns)`."""
    n = len(values)
    if n < _FEWEST_ROWS:
        return ""
    mean = values.mean(axis=0, dtype=np.float64)
    spread = values.std(axis=0, dtype=np.float64)
    unbiased = spread * np.sqrt(n / (n - 1))
    flat = spread < _NEAR  # a scaler leaves a constant column at 0
    like_one = np.minimum(np.abs(spread - 1), np.abs(unbiased - 1)) < _NEAR
    if not flat.all() and ((np.abs(mean) < _NEAR) & (like_one | flat)).mean() > 0.5:
        return "standardised (mean 0, standard deviation 1)"
    low, high = values.min(axis=0), values.max(axis=0)
    for lowest in (0, -1):
        if (((np.abs(low - lowest) < _NEAR) & (np.abs(high - 1) < _NEAR)) | flat).mean() > 0.5 and not flat.all():
            return f"scaled to a range from {lowest} to 1"
    return ""


def _steps(rows: NDArray[np.int64], n_steps: int) -> NDArray[np.int64]:
    """The windows that rows of `n_steps` hold."""
    return (rows[:, np.newaxis] * n_steps + np.arange(n_steps)).ravel()
