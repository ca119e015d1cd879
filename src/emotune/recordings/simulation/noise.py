"""Gaussian noise of a given spectrum, and how it reaches the electrodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["coloured_noise", "mix"]

# Columns that are mixed at once: a product this small is no work for several BLAS threads, which would wait for each
# other, busily, where several runs share the machine.
_BLOCK = 192


def coloured_noise(
    generator: np.random.Generator,
    times_s: NDArray[np.float64],
    power: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    n_rows: int = 1,
) -> NDArray[np.float32]:
    """Independent rows of noise with variance 1: `(n_rows, n_times)`.

    A narrow peak gives a rhythm that waxes and wanes by itself, as alpha does.

    Args:
        generator: where the randomness comes from.
        times_s: evenly spaced times, `(n_times,)`.
        power: of frequencies in Hz `(n_bins,)`, relative; one spectrum `(n_bins,)`, or one a row `(n_rows, n_bins)`.
        n_rows: number of rows.
    """
    n_times = len(times_s)
    frequencies_hz = np.fft.rfftfreq(n_times, times_s[1] - times_s[0])
    spectrum = power(frequencies_hz)
    spectrum[..., 0] = 0.0
    # Each bin but the first stands for two of the full spectrum, each coefficient for two normal values.
    scale = 0.5 * n_times * np.sqrt(spectrum / spectrum.sum(axis=-1, keepdims=True))
    coefficients = generator.standard_normal((n_rows, len(frequencies_hz), 2), dtype=np.float32)
    complex_coefficients = coefficients.view(np.complex64)[..., 0] * scale.astype(np.float32)
    return np.fft.irfft(complex_coefficients, n=n_times).astype(np.float32, copy=False)


def mix(fields: NDArray[np.float64], courses: NDArray[np.float32]) -> NDArray[np.float32]:
    """The courses `(n_sources, n_times)` through the fields `(n_channels, n_sources)`: `(n_channels, n_times)`."""
    weights = fields.astype(np.float32)
    mixed = np.empty((len(weights), courses.shape[1]), dtype=np.float32)
    for start in range(0, courses.shape[1], _BLOCK):
        np.matmul(weights, courses[:, start : start + _BLOCK], out=mixed[:, start : start + _BLOCK])
    return mixed
