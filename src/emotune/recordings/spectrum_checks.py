"""Checks of a recording's spectrum: a band that a filter took away, and a sampling rate that cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from emotune.findings import Finding
from emotune.recordings.spectrum import Spectrum

__all__ = ["check_bands", "check_sampling_rate"]

# The usual five, whatever bands the features are set to: a filter is judged by what EEG has everywhere.
_BANDS_HZ: Mapping[str, tuple[float, float]] = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 14.0),
    "beta": (14.0, 31.0),
    "gamma": (31.0, 45.0),
}

# Measured on the 32 recordings of EEGMAT (19 channels, 500 Hz, published after a low-pass at 45 Hz), EEGLAB's example
# (30 channels, 128 Hz) and simulated people; medians over the bins of a band, in dB.
#
# EEG falls with frequency: delta lay from 2.5 dB below theta (simulated, drowsy) to 7 above, 5.3 below at worst after
# a high-pass at 2 Hz; theta and alpha lay 2 to 18 above beta. A band-pass from 4 Hz put delta 11 to 40 below
# theta, one from 8 Hz theta 12 to 40 below beta (Butterworth forth and back, or FIR).
_BELOW_THE_NEXT_DB = 9.0

# How far alpha may stand out of theta: 6 dB were measured, eyes closed can be 15. Only for recordings without beta.
_ALPHA_PEAK_DB = 21.0

# Gamma lay 1 to 13 dB below beta, 16 where a gentle low-pass at 45 Hz came on top; a low-pass at 30 Hz put it
# 17 to 32 below (Butterworth of order 4 forth and back) or 50 to 70 (FIR).
_GAMMA_BELOW_BETA_DB = 17.0

# Beta lay 4 to 18 dB below theta; a low-pass at 12 Hz put it 47 to 85 below.
_BETA_BELOW_THETA_DB = 30.0

# Low-passes against aliasing begin a little below half the sampling rate.
_USABLE_NYQUIST = 0.9

_MAINS_HZ = (50.0, 60.0)

# What amplifiers record and published sets are resampled to.
_USUAL_RATES_HZ = (128.0, 200.0, 250.0, 256.0, 500.0, 512.0, 1000.0, 1024.0, 2048.0)

# Below it rhythms of the brain can be as sharp as a line.
_LOWEST_LINE_HZ = 20.0

# What must be left above a line to tell it from the edge of the spectrum.
_EDGE_HZ = 2.0

# Mains stays within 0.2 Hz; the rest is the width of a bin.
_TOLERANCE = 0.004
_TOLERANCE_HZ = 0.15

# How far a line stands out of the bins beside it: at most 4 dB at wrong places in these recordings, 24 dB mains in
# EEGLAB's example, 5 to 17 dB mains in the simulated ones.
_LINE_DB = 10.0
_LINE_CHANNELS = 2 / 3
# What is called mains may be fainter: it makes the check be silent.
_MAINS_DB = 5.0
# At twice the mains as stated there may be its own second harmonic; it would have to be strong without the first.
_HARMONIC_DB = 15.0

# 29 of EEGMAT's 32 recordings, which went through a notch, have a dip of that depth at 50 Hz, and nothing has one at
# 60 Hz.
_NOTCH_DB = 6.0


def check_bands(spectrum: Spectrum) -> list[Finding]:
    """A warning where one of the usual five bands has next to no power beside its neighbours: it was filtered away.

    The message names neither the recording nor the decibels: one filter goes over a whole set, and findings that
    read alike become one.
    """
    level = {
        name: _level_db(spectrum, low, high)
        for name, (low, high) in _BANDS_HZ.items()
        if high <= _USABLE_NYQUIST * spectrum.nyquist_hz
    }
    if "beta" not in level:
        return []
    theta, beta = level["theta"], level["beta"]
    least = {
        "delta": max(theta, beta) - _BELOW_THE_NEXT_DB,
        "theta": max(beta, level["alpha"] - _ALPHA_PEAK_DB) - _BELOW_THE_NEXT_DB,
        "alpha": beta - _BELOW_THE_NEXT_DB,
        "beta": theta - _BETA_BELOW_THETA_DB,
        # Beta may be gone as well.
        "gamma": max(beta, theta - _BETA_BELOW_THETA_DB) - _GAMMA_BELOW_BETA_DB,
    }
    gone = [name for name in level if level[name] < least[name]]
    if not gone:
        return []
    named = " and ".join(f"{name} ({_BANDS_HZ[name][0]:g} to {_BANDS_HZ[name][1]:g} Hz)" for name in gone)
    return [
        Finding(
            "phantom-band",
            "warning",
            f"Expected the power that EEG has in every band. Received: next to none in {named}, measured against the "
            "other bands, as after a filter.",
            f"Do not interpret {' and '.join(gone)}; use recordings before that filter, or take the band out of "
            "BANDS_HZ.",
        )
    ]


def check_sampling_rate(spectrum: Spectrum, place: str) -> list[Finding]:
    """A warning where a line is not at 50 or 60 Hz, but would be if another usual rate were the right one.

    Silent where there is a line at 50 or 60 Hz as stated, where a notch filter or the Nyquist frequency hides
    whether there is one, and where the line can come from the harmonics of mains.
    """
    nyquist_hz = spectrum.nyquist_hz
    rate_hz = 2 * nyquist_hz
    if nyquist_hz < max(_MAINS_HZ) + _EDGE_HZ:
        return []
    if any(_line_db(spectrum, hz) >= _MAINS_DB or _is_notched(spectrum, hz) for hz in _MAINS_HZ):
        return []
    seen = []
    for line_hz, mains_hz, other_hz in _possible_lines(rate_hz):
        doubled = any(_is_near(line_hz, 2 * hz) for hz in _MAINS_HZ)
        threshold_db = _HARMONIC_DB if doubled else _LINE_DB
        # The median spectrum first: the channels of most recordings need no look.
        if _line_db(spectrum, line_hz) < threshold_db or (doubled and _line_db(spectrum, 1.5 * line_hz) >= _MAINS_DB):
            continue
        share = _share_of_channels(spectrum, line_hz, threshold_db)
        if share >= _LINE_CHANNELS:
            seen.append((share, _line_db(spectrum, line_hz), line_hz, mains_hz, other_hz))
    if not seen:
        return []
    share, strength_db, line_hz, mains_hz, other_hz = max(seen)
    return [
        Finding(
            "sampling-rate",
            "warning",
            f"Expected the hum of the mains at 50 or 60 Hz, if any, in {place}. Received: a line at {line_hz:.1f} Hz "
            f"({strength_db:.0f} dB above its surroundings, in {share:.0%} of the channels), which would be mains at "
            f"{mains_hz:g} Hz if the sampling rate were {other_hz:g} Hz; {rate_hz:g} Hz is stated.",
            "Look up the rate at which it was recorded or to which it was resampled: with a wrong one every band is "
            "another.",
        )
    ]


def _level_db(spectrum: Spectrum, low_hz: float, high_hz: float) -> float:
    """The median density of a band: no line and no single rhythm moves it."""
    hz = spectrum.frequencies_hz
    return float(_median(spectrum.median_db[(hz >= low_hz) & (hz < high_hz)]))


@lru_cache(maxsize=64)
def _possible_lines(rate_hz: float) -> tuple[tuple[float, float, float], ...]:
    """(where mains would be seen, mains, rate) for the other rates that recordings at `rate_hz` may have."""
    return tuple(_lines(rate_hz))


def _lines(rate_hz: float) -> Iterator[tuple[float, float, float]]:
    for other_hz in _USUAL_RATES_HZ:
        for mains_hz in _MAINS_HZ:
            line_hz = mains_hz * rate_hz / other_hz
            if _LOWEST_LINE_HZ <= line_hz <= rate_hz / 2 - _EDGE_HZ and not _may_be_harmonic(line_hz, rate_hz):
                yield line_hz, mains_hz, other_hz


def _may_be_harmonic(line_hz: float, rate_hz: float) -> bool:
    """Whether mains as stated, or a harmonic of it that was folded by a careless resampling, can be there.

    Twice the mains is not meant: a rate that is wrong by a factor of 2 would never be found.
    """
    for mains_hz in _MAINS_HZ:
        for order in range(1, 6):
            # A folded fourth is faint, and would hide 250 Hz that is called 200.
            if order == 4 and 4 * mains_hz > rate_hz / 2:
                continue
            folded_hz = abs((order * mains_hz + rate_hz / 2) % rate_hz - rate_hz / 2)
            if _is_near(line_hz, folded_hz) and folded_hz != 2 * mains_hz:
                return True
    return False


def _is_near(hz: float, other_hz: float) -> bool:
    return abs(hz - other_hz) < 0.6


def _line_db(spectrum: Spectrum, line_hz: float) -> float:
    """How far a line stands out of what is around it in the median over channels; 0 where it cannot be seen."""
    if line_hz + _EDGE_HZ > spectrum.nyquist_hz:
        return 0.0
    return float(_prominence_db(spectrum.median_db, spectrum.frequencies_hz, line_hz))


def _share_of_channels(spectrum: Spectrum, line_hz: float, threshold_db: float) -> float:
    """The part of the channels in which a line stands out in both halves of the recording."""
    densities = np.maximum(spectrum.halves_uv2_hz, np.finfo(np.float32).tiny)
    db = 10 * np.log10(densities.astype(np.float64))
    stands_out = _prominence_db(db, spectrum.frequencies_hz, line_hz) >= threshold_db
    return float(stands_out.all(axis=0).mean())


def _prominence_db(db: NDArray[np.float64], hz: NDArray[np.float64], line_hz: float) -> NDArray[np.float64]:
    """Of densities in dB, `(..., n_bins)` -> `(...)`: the highest bin at a line above the median 1 to 3 Hz away."""
    at_line, around = _bins(len(hz), float(hz[-1]), line_hz)
    return np.asarray(db[..., at_line].max(axis=-1) - _median(db[..., around]))


@lru_cache(maxsize=256)
def _bins(n_bins: int, nyquist_hz: float, line_hz: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The bins at a line, and those 1 to 3 Hz away."""
    away = np.abs(np.linspace(0, nyquist_hz, n_bins) - line_hz)
    return np.flatnonzero(away <= _TOLERANCE * line_hz + _TOLERANCE_HZ), np.flatnonzero((away >= 1) & (away <= 3))


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Along the last axis; a tenth of the time of `np.median`, which has more cases."""
    ordered, n = np.sort(values, axis=-1), values.shape[-1]
    return np.asarray((ordered[..., (n - 1) // 2] + ordered[..., n // 2]) / 2)


def _is_notched(spectrum: Spectrum, mains_hz: float) -> bool:
    """Whether a notch filter was at work: less at the mains than on both sides."""
    away = spectrum.frequencies_hz - mains_hz
    db = spectrum.median_db
    # Far enough out for a broad notch; the median, so that a line beside the mains is no flank.
    bottom = _median(db[np.abs(away) <= 0.4])
    sides = [db[(sign * away >= 2) & (sign * away <= 8)] for sign in (-1, 1)]
    return all(side.size > 0 and _median(side) - bottom >= _NOTCH_DB for side in sides)
