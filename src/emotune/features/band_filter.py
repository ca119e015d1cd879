"""Band powers by filters over the whole trial, for comparison with sets and libraries that compute them so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.features.layout import Layout
from emotune.features.vector import power_floor

__all__ = ["FILTER_ORDER", "filtered_powers"]

FILTER_ORDER = 5
"""Of the Butterworth band-pass: TorchEEG's default."""

# So many cycles of a band's lowest frequency are continued behind both ends, by reflection: the same time at every
# sampling rate, in which a filter of this order has all but died down.
_PADDED_CYCLES = 3.0


def filtered_powers(
    samples_uv: NDArray[np.float32],
    sampling_rate_hz: float,
    layout: Layout,
    starts: NDArray[np.int64],
    n_times_window: int,
    stretches: Sequence[tuple[int, int]],
) -> NDArray[np.float32]:
    """Variance of windows in each band, µV², after a zero-phase band-pass: `(n_windows, n_channels, n_bands)`.

    Each whole stretch is filtered on its own, in float64: a Butterworth band-pass forwards and backwards. So nothing
    leaks across a gap, but a window's value depends on what comes before and behind it in its stretch. The half-power
    edges of the Butterworth are the band's edges; through both passes a quarter of the power is left there.

    It is what scripts for the raw data of SEED do, forwards and backwards over the trial and then the variance of each
    window, with the order of TorchEEG's `BandDifferentialEntropy` (which filters forwards only, and each window alone).
    Where those take the logarithm to base 2, emotune takes the natural one: a constant factor.

    Args:
        samples_uv: `(n_channels, n_times)` in the order of `layout.channels`.
        sampling_rate_hz: samples a second.
        layout: its bands.
        starts: first sample of each window, `(n_windows,)`, rising.
        n_times_window: samples of a window.
        stretches: first and last sample (not included) of each whole stretch, ascending, apart from each other. A short
            one is padded by less.

    Raises:
        InputError: if the sampling rate or the windows do not suit the bands (as `compute_vectors`), a window does not
            lie within one stretch, or a value is NaN or Inf.

    References:
        Shi, Jiao and Lu (2013), Differential entropy feature for EEG-based vigilance estimation. Zhang, Zhong and Liu
        (2024), TorchEEGEMO: A deep learning toolbox towards EEG-based emotion recognition.
    """
    power_floor(n_times_window, sampling_rate_hz, layout)  # refuses what the spectrum would refuse, in the same words
    firsts, lasts = np.array(stretches, dtype=np.int64).reshape(-1, 2).T
    stretch_of = np.searchsorted(firsts, starts, side="right") - 1
    if len(starts) and (stretch_of.min() < 0 or (starts + n_times_window > lasts[stretch_of]).any()):
        raise InputError(
            f"Expected windows of {n_times_window} samples that lie within one whole stretch each. Received: windows "
            "that touch a break of the recording. Leave those out first."
        )
    powers = np.empty((len(starts), len(samples_uv), layout.n_bands), dtype=np.float32)
    for i in np.unique(stretch_of):
        rows = np.flatnonzero(stretch_of == i)
        stretch = samples_uv[:, firsts[i] : lasts[i]].astype(np.float64)
        stretch -= stretch.mean(axis=1, keepdims=True)
        for band, (_, low, high) in enumerate(layout.bands_hz):
            filtered = _band_passed(stretch, sampling_rate_hz, low, high)
            for row in rows:
                start = starts[row] - firsts[i]
                powers[row, :, band] = filtered[:, start : start + n_times_window].var(axis=1)
    if not np.isfinite(powers).all():
        raise InputError(
            "Expected samples of finite values in µV. Received: NaN, Inf or values too large to square. "
            "Cut the damaged stretch out, or leave the channel out."
        )
    return powers


def _band_passed(
    samples: NDArray[np.float64], sampling_rate_hz: float, low_hz: float, high_hz: float
) -> NDArray[np.float64]:
    """A stretch `(n_channels, n_times)` without what lies outside a band; no phase is shifted."""
    # Up to half the sampling rate there is nothing above the band to take out.
    edges, kind = ((low_hz, high_hz), "bandpass") if high_hz < sampling_rate_hz / 2 else (low_hz, "highpass")
    sections = scipy.signal.butter(FILTER_ORDER, edges, kind, fs=sampling_rate_hz, output="sos")
    n_padded = min(round(_PADDED_CYCLES * sampling_rate_hz / low_hz), samples.shape[1] - 1)
    filtered: NDArray[np.float64] = scipy.signal.sosfiltfilt(sections, samples, axis=1, padlen=n_padded)
    return filtered
