"""The values of a feature vector, from the windowed spectrum of each window alone.

Let x be one channel of a window in µV, n samples at f_s Hz, its mean removed, and w the (periodic) Hann
window. The one-sided power of bin k, at f_k = k f_s / n, corrected for the window's energy, is

    P_k = max( 2 |FFT(w x)_k|² / (n Σ w²),  floor )        in µV²

so that the sum over a band is the band's variance: a sinusoid of amplitude A adds A²/2 to its band
(Welch 1967; one segment). A bin belongs to the band low <= f_k < high.

Differential entropy, one a channel and band: the entropy of a Gaussian signal of the band's power σ² = Σ P_k,

    DE = ½ ln(2πe σ²)                                        in nats (Duan, Zhu and Lu 2013)

Frontal alpha asymmetry, one a pair: ln σ²_alpha(right) - ln σ²_alpha(left)      (Davidson 1992; Allen et al.
2004)

Whole-head values, each the mean over channels, from the spectral moments m_j = Σ f_k^j P_k (f in Hz) between
the lowest and the highest edge of the bands, [1, 45) Hz by default:

    activity          ln m0                                  (Hjorth 1970)
    mobility          √(m2 / m0)                             in Hz
    complexity        √(m4 / m2) / mobility                  1 for a sinusoid
    spectral_entropy  -Σ p_k ln p_k / ln(number of bins), p_k = P_k / m0      (Inouye et al. 1991)

Moments over a fixed band depend on neither sampling rate nor the recording's bandwidth, as Hjorth's
differences between samples do. No window looks at another, so a window gives the same vector live and offline
(within 1e-5: the order of a matrix product's sums varies with the number of windows).

References:
    Allen, Coan and Nazarian (2004), Issues and assumptions on the road from raw signals to metrics of frontal
    EEG asymmetry in emotion. Davidson (1992), Anterior cerebral asymmetry and the nature of emotion. Duan,
    Zhu and Lu (2013), Differential entropy feature for EEG-based emotion classification. Hjorth (1970), EEG
    analysis based on time domain properties. Inouye et al. (1991), Quantification of EEG irregularity by use
    of the entropy of the power spectrum. Welch (1967), The use of fast Fourier transform for the estimation
    of power spectra.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.features.layout import Layout

__all__ = ["DENSITY_FLOOR_UV2_PER_HZ", "FEATURE_VERSION", "compute_vectors", "entropy_floor"]

FEATURE_VERSION = 2
"""Raised when the same recording would give other values, so that no stored vector outlives its formula."""

DENSITY_FLOOR_UV2_PER_HZ = 1e-8
"""No bin counts as less. Below a thousandth of the thermal noise of a 1-kOhm electrode, so no live channel is
touched, yet a flat one stays finite: it gets the values of very quiet white noise. As a density it means the
same for every sampling rate and window length."""

# A block of windows, its spectrum and its powers stay in the cache together.
_BLOCK = 32


def compute_vectors(
    windows: NDArray[np.float32],
    sampling_rate_hz: float,
    layout: Layout,
    band_powers: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Feature vectors of windows in µV: (n_windows, n_channels, n_times) -> (n_windows, n_features), float32.

    Args:
        windows: rows in the order of `layout.channels`; may be a strided view, is not changed.
        sampling_rate_hz: samples a second.
        layout: channels, bands and pairs; `layout.feature_names` names the columns of the result.
        band_powers: `(n_windows, n_channels, n_bands)` in µV², in place of those of the spectrum.

    Raises:
        InputError: if the channels are not those of the layout, the sampling rate is too low for the highest
            band, the window is too short for the lowest, or a value is NaN or Inf.
    """
    if windows.ndim != 3 or windows.shape[1] != layout.n_channels:
        raise InputError(
            f"`windows` must be (n_windows, {layout.n_channels} channels, n_times). "
            f"Received: {windows.shape}. Map the channels with `fit_montage` first."
        )
    n_windows, n_channels, n_times = windows.shape
    plan = _plan(n_times, float(sampling_rate_hz), layout)
    vectors = np.empty((n_windows, layout.n_features), dtype=np.float32)
    block = min(_BLOCK, max(1, n_windows))
    signal = np.empty((block, n_channels, n_times), dtype=np.float32)
    power = np.empty((block, n_channels, plan.n_bins), dtype=np.float32)
    scratch = np.empty_like(power)
    # NaN and Inf go through to the check below, which says more than NumPy's warning.
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, n_windows, block):
            n = min(block, n_windows - start)
            _powers(windows[start : start + n], plan, signal[:n], power[:n], scratch[:n])
            _values(power[:n], scratch[:n], plan, layout, vectors[start : start + n])
    if not np.isfinite(vectors).all():
        raise InputError(
            "Expected windows of finite values in µV. Received: NaN, Inf or values too large to square. "
            "Cut the damaged stretch out, or leave the channel out."
        )
    return vectors


def entropy_floor(n_times: int, sampling_rate_hz: float, layout: Layout) -> NDArray[np.float32]:
    """Differential entropy of a flat channel in each band, the least that there is: `(n_bands,)` nats."""
    plan = _plan(n_times, float(sampling_rate_hz), layout)
    return _entropy(np.log(plan.band_sizes * plan.floor)).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What windows of one length, rate and layout have in common.

    Attributes:
        taper: Hann window, scaled so that a bin's power is |FFT|² without further factors; `(n_times,)`.
        first: the first bin within the bands.
        n_bins: bins from the lowest to the highest edge of the bands.
        sums: `(n_bins, n_bands + 3)`: one column a band, then the weights of m0, m2 and m4.
        band_sizes: bins in each band.
        floor: least power of a bin in µV².
        alpha: the column of the alpha band.
        right: rows of the right channels of the pairs.
        left: rows of the left ones.
    """

    taper: NDArray[np.float32]
    first: int
    n_bins: int
    sums: NDArray[np.float32]
    band_sizes: NDArray[np.int64]
    floor: float
    alpha: int
    right: list[int]
    left: list[int]


@lru_cache(maxsize=16)
def _plan(n_times: int, sampling_rate_hz: float, layout: Layout) -> _Plan:
    lowest = min(low for _, low, _ in layout.bands_hz)
    highest = max(high for _, _, high in layout.bands_hz)
    if sampling_rate_hz < 2 * highest:
        raise InputError(
            f"Expected a sampling rate of at least {2 * highest:g} Hz, twice the end of the highest band. "
            f"Received: {sampling_rate_hz:g} Hz. Lower or drop the bands above {sampling_rate_hz / 2:g} Hz."
        )
    # Multiplied first and divided last, so that the bin at 4 Hz is exactly 4 and falls into theta.
    frequencies = np.arange(n_times // 2 + 1) * sampling_rate_hz / n_times
    inside = np.flatnonzero((frequencies >= lowest) & (frequencies < highest))
    in_band = np.array(
        [(frequencies[inside] >= low) & (frequencies[inside] < high) for _, low, high in layout.bands_hz]
    )
    empty = [name for (name, _, _), bins in zip(layout.bands_hz, in_band, strict=True) if not bins.any()]
    # Half a sample is what rounding a window to whole samples can take.
    if (n_times + 0.5) * lowest < sampling_rate_hz or empty or len(inside) < 2:
        missed = f" ({', '.join(empty)} would have none)" if empty else ""
        raise InputError(
            f"Expected windows with a whole cycle of {lowest:g} Hz and a frequency of every band{missed}. "
            f"Received: {n_times / sampling_rate_hz:g} s. "
            f"Take windows of at least {1 / lowest:g} s, or wider bands."
        )
    hann = np.sin(np.pi * np.arange(n_times) / n_times) ** 2
    frequency = frequencies[inside]
    columns = [*in_band, np.ones_like(frequency), frequency**2, frequency**4]
    names = [name for name, _, _ in layout.bands_hz]
    if layout.pairs and "alpha" not in names:
        raise InputError(
            f"Frontal asymmetry needs a band named `alpha`. Received: {', '.join(names)}. "
            f"Name the band around 10 Hz `alpha`."
        )
    return _Plan(
        taper=(hann * math.sqrt(2.0 / (n_times * np.sum(hann**2)))).astype(np.float32),
        first=int(inside[0]),
        n_bins=len(inside),
        sums=np.stack(columns, axis=1).astype(np.float32),
        band_sizes=in_band.sum(axis=1),
        floor=DENSITY_FLOOR_UV2_PER_HZ * sampling_rate_hz / n_times,
        alpha=names.index("alpha") if layout.pairs else 0,
        right=[layout.channels.index(right) for right, _ in layout.pairs],
        left=[layout.channels.index(left) for _, left in layout.pairs],
    )


def _powers(
    windows: NDArray[np.float32],
    plan: _Plan,
    signal: NDArray[np.float32],
    power: NDArray[np.float32],
    scratch: NDArray[np.float32],
) -> None:
    """Write the power in µV² of every bin within the bands into `power`: (n, n_channels, n_bins)."""
    n_times = windows.shape[-1]
    np.copyto(signal, windows, casting="same_kind")
    # A product with a constant vector is the fastest mean; what float32 leaves of a large offset falls into
    # the two lowest bins and is far below the floor of any amplifier.
    means = signal @ np.full(n_times, 1.0 / n_times, dtype=np.float32)
    signal -= means[..., np.newaxis]
    signal *= plan.taper
    spectrum = scipy.fft.rfft(signal, axis=-1, overwrite_x=True)[..., plan.first : plan.first + plan.n_bins]
    np.square(spectrum.real, out=power)
    np.square(spectrum.imag, out=scratch)
    power += scratch
    np.maximum(power, np.float32(plan.floor), out=power)


def _values(
    power: NDArray[np.float32],
    scratch: NDArray[np.float32],
    plan: _Plan,
    layout: Layout,
    vectors: NDArray[np.float32],
) -> None:
    """Write the vectors of a block: powers (n, n_channels, n_bins) -> (n, n_features)."""
    n, n_channels, n_bands = len(power), layout.n_channels, layout.n_bands
    sums = power @ plan.sums
    m0, m2, m4 = np.moveaxis(sums[..., n_bands:], -1, 0)
    log_power = np.log(sums[..., :n_bands])
    pairs_at = n_channels * n_bands
    whole_head_at = pairs_at + len(layout.pairs)
    vectors[:, :pairs_at] = _entropy(log_power).reshape(n, pairs_at)
    alpha = log_power[..., plan.alpha]
    vectors[:, pairs_at:whole_head_at] = alpha[:, plan.right] - alpha[:, plan.left]

    np.divide(power, m0[..., np.newaxis], out=power)
    np.log(power, out=scratch)
    entropy = -np.einsum("nck,nck->nc", power, scratch)
    mobility = np.sqrt(m2 / m0)
    whole_head = {
        "activity": np.log(m0),
        "mobility": mobility,
        "complexity": np.sqrt(m4 / m2) / mobility,
        "spectral_entropy": entropy / math.log(plan.n_bins),
    }
    for column, name in enumerate(layout.whole_head, start=whole_head_at):
        vectors[:, column] = whole_head[name].mean(axis=1)


def _entropy(log_power: NDArray[np.floating]) -> NDArray[np.floating]:
    """Differential entropy in nats of a Gaussian signal, from ln of its power."""
    return 0.5 * (log_power + np.float32(math.log(2 * math.pi * math.e)))
