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

FILTER_ORDER = 3
"""Of the Butterworth band-pass, as in 4D-CRNN's code for SEED and DEAP and what took it over; both passes fall off like
one of order 6, near TorchEEG's single pass of order 5."""

# So many cycles of a band's lowest frequency are continued behind both ends: the same time at every sampling rate, in
# which a filter of this order has all but died down.
_PADDED_CYCLES = 3.0

# Samples of one or more channels that are filtered together, or of windows that are copied together: 1 MB in float64,
# so that a long recording of many channels, or windows that overlap, need not lie in memory several times.
_SAMPLES_AT_ONCE = 125_000


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

    As code for SEED and DEAP does (4D-CRNN; Shen et al. 2020), the whole trial is filtered and the variance of each
    window taken, here without the delay of its single pass. TorchEEG's `BandDifferentialEntropy` filters forwards too,
    but each window alone, and takes the logarithm to base 2 of the result, where emotune takes the natural one.

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
        Shi, Jiao and Lu (2013), Differential entropy feature for EEG-based vigilance estimation. Shen, Dai, Lin, Zhang,
        Li and Wu (2020), EEG-based emotion recognition using 4D convolutional recurrent neural network. Zhang, Zhong
        and Liu (2024), TorchEEGEMO: A deep learning toolbox towards EEG-based emotion recognition.
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
    # NaN and Inf go through to the check below, which says more than NumPy's warning.
    with np.errstate(invalid="ignore", over="ignore"):
        for i in np.unique(stretch_of):
            rows = np.flatnonzero(stretch_of == i)
            first, last = firsts[i], lasts[i]
            n_at_once = max(1, _SAMPLES_AT_ONCE // int(last - first))
            for channel in range(0, len(samples_uv), n_at_once):
                channels = slice(channel, channel + n_at_once)
                stretch = samples_uv[channels, first:last].astype(np.float64)
                stretch -= stretch.mean(axis=1, keepdims=True)
                for band, (_, low, high) in enumerate(layout.bands_hz):
                    filtered = _band_passed(stretch, sampling_rate_hz, low, high)
                    powers[rows, channels, band] = _variances(filtered, starts[rows] - first, n_times_window)
    if not np.isfinite(powers).all():
        raise InputError(
            "Expected samples of finite values in µV. Received: NaN, Inf or values too large to square. "
            "Cut the damaged stretch out, or leave the channel out."
        )
    return powers


def _variances(samples: NDArray[np.float64], starts: NDArray[np.int64], n_times_window: int) -> NDArray[np.float64]:
    """Of each window in each channel: `(n_channels, n_times)` -> `(n_windows, n_channels)`."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, n_times_window, axis=1)
    n_at_once = max(1, _SAMPLES_AT_ONCE // (len(samples) * n_times_window))
    parts = [windows[:, starts[i : i + n_at_once]].var(axis=2).T for i in range(0, len(starts), n_at_once)]
    return np.concatenate(parts)


def _band_passed(
    samples: NDArray[np.float64], sampling_rate_hz: float, low_hz: float, high_hz: float
) -> NDArray[np.float64]:
    """A stretch `(n_channels, n_times)` without what lies outside a band; no phase is shifted."""
    # Up to half the sampling rate there is nothing above the band to take out.
    edges, kind = ((low_hz, high_hz), "bandpass") if high_hz < sampling_rate_hz / 2 else (low_hz, "highpass")
    sections = scipy.signal.butter(FILTER_ORDER, edges, kind, fs=sampling_rate_hz, output="sos")
    n_padded = min(round(_PADDED_CYCLES * sampling_rate_hz / low_hz), samples.shape[1] - 1)
    # Reflected in time alone. SciPy's usual reflection in time and value moves the mean behind the end by as much as
    # the last sample lies off it: a step, whose slow power gave a 1-s window there 0.14 nats too much delta.
    filtered: NDArray[np.float64] = scipy.signal.sosfiltfilt(sections, samples, axis=1, padtype="even", padlen=n_padded)
    return filtered
