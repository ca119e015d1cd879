"""Channels that are unlike all others over a whole recording: loose, disconnected, much louder."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.features.filters import zero_phase_filtered, zero_phase_length_s
from emotune.features.montage import MIN_STANDARD_CHANNELS
from emotune.findings import Finding
from emotune.recordings.recording import Recording

__all__ = ["find_bad_channels", "mne_raw", "whole_stretches_uv"]

# What is compared: drifts say little, and neither do mains and muscle.
_COMPARED_HZ = (1.0, 45.0)

# An electrode on a head shares most of its signal with its neighbours. In 32 recordings of EEGMAT (19 channels) and 16
# simulated ones (32) the median over windows of a channel's largest correlation with another is 0.41 to 0.99; for a
# channel of white or 1/f noise, or of an unplugged amplifier (0.3 µV), 0.06 to 0.23.
_LEAST_CORRELATION = 0.4
_WINDOW_S = 4.0

# Local outlier factor over 10 neighbours: 0.94 to 1.9 for 99.5 % of those channels, 2.3 and more for channels with
# noise of three times the signal or 20 pops. Both together find every channel spoilt so, and 3 others of 1120.
_MOST_OUTLYING = 2.0
_NEIGHBOURS = 10

# Of more than a third bad channels the others are no measure.
_MOST_BAD = 1 / 3

_LEAST_S = 2 * _WINDOW_S

# Samples that are taken to float64 at once: of one or more channels, or of all.
_SAMPLES_AT_ONCE = 1 << 17


def find_bad_channels(recording: Recording) -> tuple[tuple[str, ...], list[Finding]]:
    """Names of the channels that stand out over the whole recording, in its order, and what is to be said of them.

    A channel is bad whose local outlier factor is high (Kumaravel et al. 2022, MNE's `find_bad_channels_lof`), or that
    in most windows correlates with no other one (as Bigdely-Shamlo et al. 2015).

    References:
        Bigdely-Shamlo et al. (2015), The PREP pipeline: standardized preprocessing for large-scale EEG analysis.
        Kumaravel et al. (2022), Hyperparameter analysis of the local outlier factor for bad channels in EEG.
    """
    n_channels = len(recording.channel_names)
    samples = whole_stretches_uv(recording, _COMPARED_HZ)
    duration_s = samples.shape[1] / recording.sampling_rate_hz
    if n_channels < MIN_STANDARD_CHANNELS or duration_s < _LEAST_S:
        return (), [
            Finding(
                "bad-channels-unknown",
                "note",
                f"Expected at least {MIN_STANDARD_CHANNELS} channels and {_LEAST_S:g} s without a break to find bad "
                f"channels in {recording.place}. Received: {n_channels} channels, {duration_s:.1f} s; all of them are "
                "kept.",
            )
        ]
    rate_hz = recording.sampling_rate_hz
    is_bad = _outlying(samples, rate_hz) | (_correlations(samples, rate_hz) < _LEAST_CORRELATION)
    bad = tuple(name for name, of_one in zip(recording.channel_names, is_bad, strict=True) if of_one)
    if len(bad) > _MOST_BAD * n_channels:
        return (), [
            Finding(
                "bad-channels",
                "warning",
                f"Expected at most a third of the channels of {recording.place} to be unlike the others. Received: "
                f"{len(bad)} of {n_channels}; none of them is interpolated, since the others are no measure.",
                "Look at the recording, or leave it out.",
            )
        ]
    if not bad:
        return (), []
    return bad, [
        Finding(
            "bad-channels",
            "note",
            f"{len(bad)} of {n_channels} channels of {recording.place} are unlike the others and are interpolated: "
            f"{', '.join(bad)}.",
        )
    ]


def whole_stretches_uv(recording: Recording, band_hz: tuple[float, float], every: int = 1) -> NDArray[np.float32]:
    """The stretches between breaks one behind the other, each band-passed on its own: `(n_channels, n_times)` in µV.

    Stretches that are shorter than the filter are left out; half the sampling rate may lie within the band. Of each
    stretch one sample in `every` is kept.
    """
    rate_hz = recording.sampling_rate_hz
    band = (band_hz[0], band_hz[1] if band_hz[1] < 0.45 * rate_hz else None)
    least = zero_phase_length_s(rate_hz, band, None) * rate_hz
    stretches = [(first, last) for first, last in recording.stretches if last - first >= least]
    n_times = sum(-(-(last - first) // every) for first, last in stretches)
    kept = np.empty((len(recording.channel_names), n_times), dtype=np.float32)
    start = 0
    for first, last in stretches:
        stop = start - (first - last) // every
        # Some channels at once: in float64, with room for the filter's ends, all would take many times their memory.
        n_at_once = max(1, _SAMPLES_AT_ONCE // (last - first))
        for row in range(0, len(kept), n_at_once):
            rows = slice(row, row + n_at_once)
            samples = recording.samples_uv[rows, first:last].astype(np.float64)
            kept[rows, start:stop] = zero_phase_filtered(samples, rate_hz, band, None)[:, ::every]
        start = stop
    return kept


def mne_raw(samples_uv: NDArray[np.floating], sampling_rate_hz: float) -> Any:
    """A copy of samples `(n_channels, n_times)` for MNE; a channel is named by its row: a file may use a name twice."""
    import mne

    rows = [str(row) for row in range(len(samples_uv))]
    info = mne.create_info(rows, sampling_rate_hz, "eeg", verbose="error")
    return mne.io.RawArray(np.multiply(samples_uv, 1e-6, dtype=np.float64), info, verbose="error")


def _outlying(samples_uv: NDArray[np.float32], sampling_rate_hz: float) -> NDArray[np.bool_]:
    import mne

    n_channels = len(samples_uv)
    # MNE is given the channels' distances from each other in place of the samples, which it would copy as float64.
    names = mne.preprocessing.find_bad_channels_lof(
        mne_raw(_distances(samples_uv), sampling_rate_hz),
        n_neighbors=min(_NEIGHBOURS, n_channels // 2),
        metric="precomputed",
        threshold=_MOST_OUTLYING,
        verbose="error",
    )
    outlying = np.zeros(n_channels, dtype=np.bool_)
    outlying[[int(name) for name in names]] = True
    return outlying


def _distances(samples_uv: NDArray[np.float32]) -> NDArray[np.float64]:
    """The Euclidean distance of each channel from each other: `(n_channels, n_times)` -> `(n_channels, n_channels)`."""
    products = np.zeros((len(samples_uv), len(samples_uv)))
    n_at_once = max(1, _SAMPLES_AT_ONCE // len(samples_uv))
    for first in range(0, samples_uv.shape[1], n_at_once):
        some = samples_uv[:, first : first + n_at_once].astype(np.float64)
        products += some @ some.T
    squares = np.diag(products)
    # Of a copy of a channel, rounding may leave less than nothing.
    distances = np.sqrt(np.maximum(squares[:, np.newaxis] + squares - 2.0 * products, 0.0))
    np.fill_diagonal(distances, 0.0)
    return np.asarray(distances)


def _correlations(samples_uv: NDArray[np.float32], sampling_rate_hz: float) -> NDArray[np.float64]:
    """The median over windows of each channel's largest correlation with another, `(n_channels,)`."""
    n_channels, n_times = samples_uv.shape
    n_window = round(_WINDOW_S * sampling_rate_hz)
    largest = []
    for first in range(0, n_times - n_window + 1, n_window):
        window = samples_uv[:, first : first + n_window].astype(np.float64)
        window = window - window.mean(axis=1, keepdims=True)
        # A channel that stands still in a window correlates with nothing.
        window /= np.maximum(np.linalg.norm(window, axis=1, keepdims=True), np.finfo(np.float64).tiny)
        correlation = np.abs(window @ window.T)
        np.fill_diagonal(correlation, 0.0)
        largest.append(correlation.max(axis=1))
    return np.asarray(np.median(largest, axis=0), dtype=np.float64)
