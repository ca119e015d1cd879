"""Blinks taken out of a recording by independent component analysis."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.features.bad_channels import mne_raw, whole_stretches_uv
from emotune.features.montage import MIN_STANDARD_CHANNELS, normalise_name
from emotune.findings import Finding
from emotune.recordings.recording import Recording

__all__ = ["without_blinks"]

# Where a blink is largest; the first pair of which a cap has one.
_FRONTAL = (("Fp1", "Fp2"), ("Fpz",), ("AF7", "AF8"), ("AF3", "AF4"))

# The fit needs the drifts away (Winkler et al. 2015); a blink has nothing above.
_FITTED_HZ = (1.0, 40.0)
_FITTED_RATE_HZ = 128.0

# What is above 10 Hz does not count among the eyes' components, and nothing above 50 Hz is left to fold below it.
_COMPARED_RATE_HZ = 64.0

_LEAST_S = 15.0
_MOST_COMPONENTS = 20

# So many samples for each pair of components (EEGLAB's advice); of a long recording twice what that comes to, evenly
# spread.
_SAMPLES_A_PAIR = 20
_MOST_SAMPLES = 2 * _SAMPLES_A_PAIR * _MOST_COMPONENTS**2

# Samples of all channels that the components are taken out of at once.
_PIECE = 1 << 13
_ITERATIONS = 200
_SEED = 97

# A blink's component goes like the frontal channels between 1 and 10 Hz, and is so much larger there than in the mean
# over the others: blinks' components of simulated recordings correlated by 0.63 to 0.97, were 6 to 13 times as large.
# Found so in 22 of 23 recordings with blinks and in none of the same without them; in 4 of 32 recordings of EEGMAT,
# whose authors have taken blinks out already.
_LEAST_CORRELATION = 0.65
_LEAST_FRONTAL = 4.0


def without_blinks(recording: Recording) -> tuple[Recording, list[Finding]]:
    """The recording, and the rest before it, without the components of blinks; what was taken out is said.

    FastICA on the principal components of a 1 to 40 Hz copy, learned from all stretches between breaks; MNE's
    `find_bads_eog` tells which go like the frontal channels. The same recording gives the same result.

    References:
        Hyvarinen (1999), Fast and robust fixed-point algorithms for independent component analysis. Jung et al.
        (2000), Removing electroencephalographic artifacts by blind source separation. Winkler et al. (2015), On the
        influence of high-pass filtering on ICA-based artifact reduction in EEG-ERP.
    """
    names = [normalise_name(name) for name in recording.channel_names]
    pairs = [[names.index(name) for name in pair if name in names] for pair in _FRONTAL]
    frontal = next((rows for rows in pairs if rows), [])
    every = max(1, int(recording.sampling_rate_hz // _FITTED_RATE_HZ))
    samples, rate_hz = whole_stretches_uv(recording, _FITTED_HZ, every), recording.sampling_rate_hz / every
    duration_s = samples.shape[1] / rate_hz
    if not frontal or len(names) < MIN_STANDARD_CHANNELS or duration_s < _LEAST_S:
        return recording, [
            _said(
                f"Expected at least {MIN_STANDARD_CHANNELS} channels, one of them frontal (Fp1, Fp2, Fpz, AF7, AF8, "
                f"AF3, AF4), and {_LEAST_S:g} s without a break to learn blinks from in {recording.place}. Received: "
                f"{len(names)} channels, {'' if frontal else 'none of them frontal, '}{duration_s:.1f} s; it stays as "
                "it is.",
            )
        ]
    ica = _fitted(samples, rate_hz)
    blinks = [] if ica is None else _blinks(ica, samples, rate_hz, frontal)
    del samples  # as large as the recording
    if not blinks:
        return recording, [_said("No component is a blink's; nothing is taken out.")]
    cleaned = _without(ica, blinks, recording.samples_uv, recording.sampling_rate_hz)
    rest = recording.baseline_uv
    if rest is not None and rest.shape[1]:
        rest = _without(ica, blinks, rest, recording.sampling_rate_hz)
    taken = "1 component" if len(blinks) == 1 else f"{len(blinks)} components"
    return replace(recording, samples_uv=cleaned, baseline_uv=rest), [
        # Without its place: the same is said once of all recordings, with their number.
        _said(f"{taken} of blinks taken out.")
    ]


def _said(message: str) -> Finding:
    return Finding("blinks", "note", message)


def _fitted(samples_uv: NDArray[np.float32], sampling_rate_hz: float) -> Any:
    """MNE's ICA, or None where the samples hold too few different signals."""
    import mne

    # Which samples follow each other is nothing to it.
    every = -(-samples_uv.shape[1] // _MOST_SAMPLES)
    samples_uv, sampling_rate_hz = samples_uv[:, ::every], sampling_rate_hz / every
    # An average reference and interpolated channels take dimensions away, which would be components of nothing.
    variances = np.linalg.eigvalsh(np.cov(samples_uv))
    rank = int(np.count_nonzero(variances > 1e-7 * variances[-1]))
    most = math.isqrt(samples_uv.shape[1] // _SAMPLES_A_PAIR)
    n_components = min(rank, most, _MOST_COMPONENTS)
    if n_components < 2:
        return None
    ica = mne.preprocessing.ICA(
        n_components, method="fastica", random_state=_SEED, max_iter=_ITERATIONS, verbose="error"
    )
    with warnings.catch_warnings():
        # Brain signals that are as good as Gaussian never settle; the blinks' component does at once.
        warnings.simplefilter("ignore")
        ica.fit(mne_raw(samples_uv, sampling_rate_hz), verbose="error")
    return ica


def _blinks(ica: Any, samples_uv: NDArray[np.float32], sampling_rate_hz: float, frontal: list[int]) -> list[int]:
    every = max(1, int(sampling_rate_hz // _COMPARED_RATE_HZ))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own 10-s filter on shorter recordings
        alike, _ = ica.find_bads_eog(
            mne_raw(samples_uv[:, ::every], sampling_rate_hz / every),
            ch_name=[str(row) for row in frontal],
            measure="correlation",
            threshold=_LEAST_CORRELATION,
            verbose="error",
        )
    maps = np.abs(ica.get_components())
    others = np.delete(maps, frontal, axis=0).mean(axis=0)
    return sorted(int(i) for i in alike if maps[frontal, i].mean() >= _LEAST_FRONTAL * others[i])


def _without(
    ica: Any, blinks: list[int], samples_uv: NDArray[np.float32], sampling_rate_hz: float
) -> NDArray[np.float32]:
    cleaned = np.empty_like(samples_uv, dtype=np.float32)
    for first in range(0, samples_uv.shape[1], _PIECE):
        piece = slice(first, first + _PIECE)
        raw = mne_raw(samples_uv[:, piece], sampling_rate_hz)
        ica.apply(raw, exclude=blinks, verbose="error")
        cleaned[:, piece] = raw.get_data() * 1e6
    return cleaned
