"""Another sampling rate: one filter, fed in pieces without a look ahead, or centred."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError

__all__ = ["CausalResampler", "n_resampled", "resampling_ratio", "zero_phase_resampled"]

# The filter is flat to this part of the lower of the two Nyquist frequencies, and stops from that frequency on:
# to 57.6 Hz and from 64 Hz at 128 Hz.
_FLAT = 0.9
_STOP_DB = 60.0

# Rates are whole or a short fraction. A clock that was measured (249.97 Hz) is met within 1 in 10,000, 0.4 s an hour;
# the new rate is then said to be the one asked for, since at 127.99 Hz the bin at 4 Hz would fall below its band.
_MOST = 5000
_MOST_DEVIATION = 1e-4


def resampling_ratio(from_hz: float, to_hz: float) -> Fraction:
    """New samples for each old one, such as 64/125 from 250 to 128 Hz.

    Raises:
        InputError: if one rate is thousands of times the other.
    """
    # Of the larger number, so that neither exceeds what a filter can be made for.
    down = from_hz >= to_hz
    ratio = Fraction(to_hz / from_hz if down else from_hz / to_hz).limit_denominator(_MOST)
    ratio = ratio if down or not ratio else 1 / ratio
    if abs(float(ratio) * from_hz / to_hz - 1.0) > _MOST_DEVIATION:
        raise InputError(
            f"Expected a sampling rate to resample to that is within {_MOST} times the recording's {from_hz:g} Hz, up "
            f"or down. Received: {to_hz:g} Hz. Mend RESAMPLE_HZ, or the rate that the recording claims."
        )
    return ratio


def n_resampled(n_times: int, ratio: Fraction) -> int:
    """New samples that lie before the time at which `n_times` old ones have passed."""
    return math.ceil(n_times * ratio)


class CausalResampler:
    """A polyphase FIR filter that sees no later sample, in float64; a stretch may come in pieces.

    The signal comes out `delay_s` later: half the filter's length, 0.28 s from any higher rate to 128 Hz. Before
    its first sample it is taken to have stood still there, so that no offset rings. Flat within 0.01 dB to 0.9 of the
    lower Nyquist frequency, and from that frequency on 60 dB down.

    Args:
        sampling_rate_hz: of the samples that come.
        ratio: new samples for each old one.
    """

    def __init__(self, sampling_rate_hz: float, ratio: Fraction) -> None:
        self._ratio = ratio
        self._filter = _low_pass(ratio)
        self.delay_s: float = (len(self._filter) - 1) / 2 / (ratio.numerator * sampling_rate_hz)
        # What the filter reaches back to, in whole turns of the polyphase: then a piece begins at a new sample.
        turns = math.ceil(len(self._filter) / ratio.numerator / ratio.denominator)
        self._n_past = turns * ratio.denominator
        self.restart()

    def restart(self) -> None:
        """Forget what came: the next sample is the first of a stretch."""
        self._past: NDArray[np.float64] | None = None
        self._n_in = 0

    def push(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """The new samples that are due: `(n_channels, n_times)` -> `(n_channels, n)`, n from 0 on."""
        import scipy.signal

        if not samples.shape[1]:
            return samples
        up, down = self._ratio.numerator, self._ratio.denominator
        if self._past is None:
            self._past = np.repeat(samples[:, :1], self._n_past, axis=1)
        begun = self._n_in - self._past.shape[1]  # a multiple of `down`: see `_n_past` and the end
        signal = np.concatenate([self._past, samples], axis=1)
        due = n_resampled(self._n_in, self._ratio)
        self._n_in += samples.shape[1]
        first, last = (n - begun * up // down for n in (due, n_resampled(self._n_in, self._ratio)))
        resampled = scipy.signal.upfirdn(self._filter, signal, up, down, axis=1)[:, first:last]
        kept_from = (self._n_in - self._n_past) // down * down
        self._past = signal[:, kept_from - begun :].copy()
        return np.asarray(resampled, dtype=np.float64)


def zero_phase_resampled(samples: NDArray[np.float64], ratio: Fraction, n_times: int) -> NDArray[np.float64]:
    """The same filter, centred on each sample: `(n_channels, n)` -> `(n_channels, n_times)`.

    SciPy's rather than MNE's, which takes the ratio of the two lengths for that of the rates.
    """
    import scipy.signal

    taps = _low_pass(ratio) / ratio.numerator  # SciPy multiplies by it again
    resampled = scipy.signal.resample_poly(
        samples, ratio.numerator, ratio.denominator, axis=1, window=taps, padtype="edge"
    )
    return np.asarray(resampled[:, :n_times], dtype=np.float64)


@lru_cache(maxsize=16)
def _low_pass(ratio: Fraction) -> NDArray[np.float64]:
    """Taps at `numerator` times the old rate, an odd number; every phase of them sums up to 1."""
    import scipy.signal

    up, most = ratio.numerator, max(ratio.numerator, ratio.denominator)
    # In units of the Nyquist frequency at which the filter runs.
    flat, stop = _FLAT / most, 1.0 / most
    n_taps, beta = scipy.signal.kaiserord(_STOP_DB, stop - flat)
    taps = scipy.signal.firwin(n_taps | 1, (flat + stop) / 2, window=("kaiser", beta))
    # A constant must stay one to the last bit, however large: what one phase passes more than the next would ripple.
    for phase in range(up):
        taps[phase::up] /= taps[phase::up].sum()
    return np.asarray(taps, dtype=np.float64)
