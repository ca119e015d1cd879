"""Band powers by filters over the whole trial, for comparison with sets and libraries that compute them so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emotune.features.layout import Layout

__all__ = ["filtered_powers"]


def filtered_powers(
    samples_uv: NDArray[np.float32],
    sampling_rate_hz: float,
    layout: Layout,
    starts: NDArray[np.int64],
    n_times_window: int,
    stretches: Sequence[tuple[int, int]],
) -> NDArray[np.float32]:
    """Variance of windows in each band, µV², after a zero-phase band-pass: `(n_windows, n_channels, n_bands)`."""
    raise NotImplementedError
