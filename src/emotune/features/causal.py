"""Filters and resampling without a look ahead: the one piece of code for whole recordings and for streams."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from emotune.features.filters import CausalFilter
from emotune.features.resampling import CausalResampler, resampling_ratio

__all__ = ["CausalSteps"]


class CausalSteps:
    """Notch, band-pass, resampling, in this order; a stretch may come in pieces of any length.

    Args:
        sampling_rate_hz: of the samples that come.
        band_pass_hz: (low, high), None for an open side.
        notch_hz: the mains.
        resample_hz: the new rate; None for the old one.

    Attributes:
        ratio: new samples for each old one.
        sampling_rate_hz: of what comes out.
        delay_s: how much later a signal comes out of the resampling; the filters' delay differs between frequencies.

    Raises:
        InputError: if a step cannot be done at this sampling rate.
    """

    def __init__(
        self,
        sampling_rate_hz: float,
        band_pass_hz: tuple[float | None, float | None] | None = None,
        notch_hz: float | None = None,
        resample_hz: float | None = None,
    ) -> None:
        self.sampling_rate_hz = resample_hz or sampling_rate_hz
        self.ratio = resampling_ratio(sampling_rate_hz, self.sampling_rate_hz) if resample_hz else Fraction(1)
        self._filter = CausalFilter(sampling_rate_hz, band_pass_hz, notch_hz)
        self._resampler = None if self.ratio == 1 else CausalResampler(sampling_rate_hz, self.ratio)
        self.delay_s = 0.0 if self._resampler is None else self._resampler.delay_s

    def restart(self) -> None:
        """Forget what came: the next sample is the first of a stretch."""
        self._filter.restart()
        if self._resampler is not None:
            self._resampler.restart()

    def push(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """The next samples of a stretch, `(n_channels, n_times)` -> `(n_channels, n)`."""
        samples = self._filter.push(samples)
        return samples if self._resampler is None else self._resampler.push(samples)
