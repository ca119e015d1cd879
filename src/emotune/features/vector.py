"""Feature vectors of windows, from the windowed spectrum of each window alone.

Let x be one channel of a window in µV, n samples at f_s Hz, its mean removed, and w the (periodic) Hann
window. The one-sided power of bin k, at f_k = k f_s / n, corrected for the window's energy, is

    P_k = max( 2 |FFT(w x)_k|² / (n Σ w²),  floor )        in µV²

so that the sum over a band is the band's variance σ²: a sinusoid of amplitude A adds A²/2 to its band
(Welch 1967; one segment). A bin belongs to the band low <= f_k < high. What is computed of these powers, block
by block, `layout` says.

No window looks at another, so a window gives the same vector live and offline (within 1e-5: the order of a
matrix product's sums varies with the number of windows). Band powers that were estimated in another way
(`band_filter`) can take the place of the spectrum's; moments and spectral entropies are always the spectrum's.

References:
    Welch (1967), The use of fast Fourier transform for the estimation of power spectra.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.features.layout import Block, Layout, Powers, entropy_of
from emotune.threads import one_thread

__all__ = [
    "DENSITY_FLOOR_UV2_PER_HZ",
    "FEATURE_VERSION",
    "compute_vectors",
    "entropy_floor",
    "power_floor",
    "refuse_low_rate",
]

FEATURE_VERSION = 2
"""Raised when the same recording would give other values, so that no stored vector outlives its formula."""

DENSITY_FLOOR_UV2_PER_HZ = 1e-8
"""No bin counts as less. Below a thousandth of the thermal noise of a 1-kOhm electrode, so no live channel is
touched, yet a flat one stays finite: it gets the values of very quiet white noise. As a density it means the
same for every sampling rate and window length."""

# A block of windows, its spectrum and its powers stay in the cache together: 64 windows of 1 s, 32 channels, 128 Hz.
_BLOCK_BYTES = 2**20


def compute_vectors(
    windows: NDArray[np.float32],
    sampling_rate_hz: float,
    layout: Layout,
    band_powers: NDArray[np.float32] | None = None,
    rows: NDArray[np.intp] | None = None,
) -> NDArray[np.float32]:
    """Feature vectors of windows in µV: (n_windows, n_channels, n_times) -> (n_windows, n_features), float32.

    Args:
        windows: rows in the order of `layout.channels`; may be a strided view, is not changed.
        sampling_rate_hz: samples a second.
        layout: channels, bands and pairs; `layout.feature_names` names the columns of the result.
        band_powers: `(n_windows, n_channels, n_bands)` in µV², in place of those of the spectrum; the floor holds for
            them too.
        rows: which of the windows, `(n,)`, all others left out; the result, and `band_powers`, have n in place of
            n_windows. Windows that overlap are then copied some at once, never all of them.

    Raises:
        InputError: if the channels are not those of the layout, the sampling rate is too low for the highest
            band, the window is too short for the lowest, the band powers are of other windows, or a value is NaN or
            Inf.
    """
    if windows.ndim != 3 or windows.shape[1] != layout.n_channels:
        raise InputError(
            f"`windows` must be (n_windows, {layout.n_channels} channels, n_times). "
            f"Received: {windows.shape}. Map the channels with `fit_montage` first."
        )
    n_windows, n_channels, n_times = windows.shape
    if rows is not None:
        n_windows = len(rows)
    if band_powers is not None and band_powers.shape != (n_windows, n_channels, layout.n_bands):
        raise InputError(
            f"`band_powers` must be ({n_windows} windows, {n_channels} channels, {layout.n_bands} bands). "
            f"Received: {band_powers.shape}. Compute them of the same windows."
        )
    plan = _plan(n_times, float(sampling_rate_hz), layout)
    vectors = np.empty((n_windows, layout.n_features), dtype=np.float32)
    n_block = min(max(1, _BLOCK_BYTES // (4 * n_channels * n_times)), max(1, n_windows))
    signal = np.empty((n_block, n_channels, n_times), dtype=np.float32)
    power = np.empty((n_block, n_channels, plan.n_bins), dtype=np.float32)
    scratch = np.empty_like(power)
    # NaN and Inf go through to the check below, which says more than NumPy's warning.
    with one_thread(), np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, n_windows, n_block):
            n = min(n_block, n_windows - start)
            some = slice(start, start + n) if rows is None else rows[start : start + n]
            _powers(windows[some], plan, signal[:n], power[:n], scratch[:n])
            given = None if band_powers is None else band_powers[start : start + n]
            powers = _summed(power[:n], plan, layout, given)
            for block, columns in plan.blocks:
                vectors[start : start + n, columns] = block.values(powers, layout).reshape(n, -1)
    if not np.isfinite(vectors).all():
        raise InputError(
            "Expected windows of finite values in µV. Received: NaN, Inf or values too large to square. "
            "Cut the damaged stretch out, or leave the channel out."
        )
    return vectors


def entropy_floor(n_times: int, sampling_rate_hz: float, layout: Layout) -> NDArray[np.float32]:
    """Differential entropy of a flat channel in each band, the least that there is: `(n_bands,)` nats."""
    return entropy_of(np.log(power_floor(n_times, sampling_rate_hz, layout))).astype(np.float32)


def power_floor(n_times: int, sampling_rate_hz: float, layout: Layout) -> NDArray[np.float64]:
    """Power of a flat channel in each band, the least that there is: `(n_bands,)` µV².

    Raises:
        InputError: as `compute_vectors`, if the windows or the sampling rate do not suit the bands.
    """
    return _plan(n_times, float(sampling_rate_hz), layout).band_floor


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What windows of one length, rate and layout have in common.

    Attributes:
        taper: Hann window, scaled so that a bin's power is |FFT|² without further factors; `(n_times,)`.
        first: the first bin within the bands.
        n_bins: bins from the lowest to the highest edge of the bands.
        sums: `(n_bins, n_bands + 3)`: one column a band, then the weights of m0, m2 and m4.
        bins: of each band, counted from the first.
        floor: least power of a bin in µV².
        band_floor: least power of each band in µV², `(n_bands,)`.
        blocks: what is computed, each with its columns.
    """

    taper: NDArray[np.float32]
    first: int
    n_bins: int
    sums: NDArray[np.float32]
    bins: tuple[slice, ...]
    floor: float
    band_floor: NDArray[np.float64]
    blocks: tuple[tuple[Block, slice], ...]


def refuse_low_rate(sampling_rate_hz: float, layout: Layout) -> None:
    """Refuse a recording that holds nothing of the highest band, whatever rate it is resampled to.

    Raises:
        InputError: if its sampling rate is below twice the end of the highest band.
    """
    highest = max(high for _, _, high in layout.bands_hz)
    if sampling_rate_hz < 2 * highest:
        raise InputError(
            f"Expected a sampling rate of at least {2 * highest:g} Hz, twice the end of the highest band. "
            f"Received: {sampling_rate_hz:g} Hz. Lower or drop the bands above {sampling_rate_hz / 2:g} Hz."
        )


@lru_cache(maxsize=16)
def _plan(n_times: int, sampling_rate_hz: float, layout: Layout) -> _Plan:
    refuse_low_rate(sampling_rate_hz, layout)
    lowest = min(low for _, low, _ in layout.bands_hz)
    highest = max(high for _, _, high in layout.bands_hz)
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
    floor = DENSITY_FLOOR_UV2_PER_HZ * sampling_rate_hz / n_times
    stops = np.cumsum([len(block.columns(layout)) for block in layout.blocks]).tolist()
    places = [slice(start, stop) for start, stop in pairwise([0, *stops])]
    return _Plan(
        taper=(hann * math.sqrt(2.0 / (n_times * np.sum(hann**2)))).astype(np.float32),
        first=int(inside[0]),
        n_bins=len(inside),
        sums=np.stack(columns, axis=1).astype(np.float32),
        bins=tuple(slice(int(bins.argmax()), int(bins.argmax() + bins.sum())) for bins in in_band),
        floor=floor,
        band_floor=in_band.sum(axis=1) * floor,
        blocks=tuple(
            (block, place) for block, place in zip(layout.blocks, places, strict=True) if place.stop > place.start
        ),
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


def _summed(power: NDArray[np.float32], plan: _Plan, layout: Layout, band_powers: NDArray[np.float32] | None) -> Powers:
    """What the blocks need of a block of windows: powers (n, n_channels, n_bins), which become shares."""
    sums = power @ plan.sums
    bands, moments = sums[..., : layout.n_bands], np.moveaxis(sums[..., layout.n_bands :], -1, 0)
    if band_powers is not None:
        bands = np.maximum(band_powers, plan.band_floor, dtype=np.float32)
    np.divide(power, moments[0][..., np.newaxis], out=power)
    return Powers(bands, np.log(bands), moments, power, plan.bins)
