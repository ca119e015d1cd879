"""Windows in a row: samples of several consecutive windows of one trial, for networks that look at time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotune.features.windows import are_next

__all__ = ["consecutive_rows"]


def consecutive_rows(recordings: NDArray[np.int64], numbers: NDArray[np.int64], n_steps: int) -> NDArray[np.int64]:
    """Rows of each sequence, `(n_sequences, n_steps)`: consecutive, within a recording, no row in two sequences.

    Args:
        recordings: `(n,)`, which recording a row is of: two that one trial is in pieces of must not be joined.
        numbers: `(n,)`, of each window in its recording; what is not the next one (`are_next`) begins a sequence.
        n_steps: windows a sequence; what is left at the end of a recording, or before a break, is not used.
    """
    n = len(recordings)
    rows = np.arange(n)
    if n == 0:
        return np.zeros((0, n_steps), dtype=np.int64)
    begins = np.concatenate([[True], (recordings[1:] != recordings[:-1]) | ~are_next(numbers)])
    position = rows - np.maximum.accumulate(np.where(begins, rows, 0))
    run = np.cumsum(begins) - 1
    length = np.bincount(run)[run]
    used = rows[position < length - length % n_steps]
    return np.asarray(used.reshape(-1, n_steps), dtype=np.int64)
