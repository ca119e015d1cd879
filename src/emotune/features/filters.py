"""Band-pass and mains filters: one that sees no later sample and can be fed in pieces, and one of zero phase."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError

__all__ = ["CausalFilter", "has_room_for_notch", "zero_phase_filtered", "zero_phase_length_s"]

# Order of the Butterworth band-pass at each edge: 24 dB an octave.
_ORDER = 4

# A notch reaches so far to both sides of the mains' frequency and of each harmonic: mains wander by up to 0.2 Hz.
_NOTCH_HALF_WIDTH_HZ = 1.0
_NOTCH_ORDER = 2


class CausalFilter:
    """A notch at the mains and its harmonics, then a Butterworth band-pass, forward only, in float64.

    The state begins as if the first sample had been there forever, so that no offset rings. Feeding a stretch in
    pieces gives what feeding it at once gives, to the last bit. Each frequency is delayed by the filter's own group
    delay: of a band-pass from 0.5 to 45 Hz at 128 Hz 0.24 s at 1 Hz, 0.06 s at 2 Hz and 0.01 s at 10 Hz.

    Args:
        sampling_rate_hz: samples a second.
        band_pass_hz: (low, high), None for an open side.
        notch_hz: the mains; not taken out where there is no room for a notch, see `has_room_for_notch`.

    Raises:
        InputError: if an edge lies at or above half the sampling rate, or the mains at 1 Hz or below.
    """

    def __init__(
        self,
        sampling_rate_hz: float,
        band_pass_hz: tuple[float | None, float | None] | None,
        notch_hz: float | None,
    ) -> None:
        _check_edges(sampling_rate_hz, band_pass_hz, notch_hz)
        self._sections = _sections(sampling_rate_hz, band_pass_hz, notch_hz)
        self._state: NDArray[np.float64] | None = None

    def restart(self) -> None:
        """Forget what came: the next sample is the first of a stretch."""
        self._state = None

    def push(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """Filter the next samples of a stretch: `(n_channels, n_times)` -> the same shape."""
        import scipy.signal

        if self._sections is None or not samples.shape[1]:
            return samples
        if self._state is None:
            settled = scipy.signal.sosfilt_zi(self._sections)
            self._state = settled[:, np.newaxis, :] * samples[np.newaxis, :, :1]
        filtered, self._state = scipy.signal.sosfilt(self._sections, samples, axis=1, zi=self._state)
        return np.asarray(filtered, dtype=np.float64)


def zero_phase_filtered(
    samples: NDArray[np.float64],
    sampling_rate_hz: float,
    band_pass_hz: tuple[float | None, float | None] | None,
    notch_hz: float | None,
) -> NDArray[np.float64]:
    """A whole stretch through MNE's windowed FIR filters, which delay nothing: `(n_channels, n_times)`.

    It has to be as long as the filters, see `zero_phase_length_s`.

    Raises:
        InputError: as `CausalFilter`.
    """
    import mne

    _check_edges(sampling_rate_hz, band_pass_hz, notch_hz)
    if notch_hz is not None and has_room_for_notch(sampling_rate_hz, notch_hz):
        mains = _harmonics(sampling_rate_hz, notch_hz)
        samples = mne.filter.notch_filter(samples, sampling_rate_hz, mains, phase="zero", verbose="error")
    if band_pass_hz is not None:
        samples = mne.filter.filter_data(samples, sampling_rate_hz, *band_pass_hz, phase="zero", verbose="error")
    return samples


@lru_cache(maxsize=16)
def zero_phase_length_s(
    sampling_rate_hz: float, band_pass_hz: tuple[float | None, float | None] | None, notch_hz: float | None
) -> float:
    """Length of the longest of the filters of zero phase, in seconds; 0 where there is none.

    Raises:
        InputError: as `CausalFilter`.
    """
    import mne

    _check_edges(sampling_rate_hz, band_pass_hz, notch_hz)
    longest = 0
    if notch_hz is not None and has_room_for_notch(sampling_rate_hz, notch_hz):
        # As MNE's notch: the frequency / 200 wide, with edges of half a Hz.
        edges = notch_hz + np.array([0.5, -0.5]) * (notch_hz / 200 + 1.0)
        fir = mne.filter.create_filter(
            None, sampling_rate_hz, *edges, l_trans_bandwidth=0.5, h_trans_bandwidth=0.5, verbose="error"
        )
        longest = len(fir)
    if band_pass_hz is not None:
        longest = max(longest, len(mne.filter.create_filter(None, sampling_rate_hz, *band_pass_hz, verbose="error")))
    return longest / sampling_rate_hz


@lru_cache(maxsize=16)
def _sections(
    sampling_rate_hz: float, band_pass_hz: tuple[float | None, float | None] | None, notch_hz: float | None
) -> NDArray[np.float64] | None:
    """Second-order sections `(n_sections, 6)`; None where nothing is to be filtered."""
    sections = []
    if notch_hz is not None:
        for mains in _harmonics(sampling_rate_hz, notch_hz):
            # MNE reads a lower edge above the upper one as a band-stop.
            stop = (mains + _NOTCH_HALF_WIDTH_HZ, mains - _NOTCH_HALF_WIDTH_HZ)
            sections.append(_designed(sampling_rate_hz, *stop, _NOTCH_ORDER))
    if band_pass_hz is not None:
        sections.append(_designed(sampling_rate_hz, *band_pass_hz, _ORDER))
    return np.concatenate(sections) if sections else None


def _designed(sampling_rate_hz: float, low: float | None, high: float | None, order: int) -> NDArray[np.float64]:
    import mne

    designed: dict[str, Any] = mne.filter.create_filter(
        None,
        sampling_rate_hz,
        low,
        high,
        method="iir",
        iir_params={"order": order, "ftype": "butter", "output": "sos"},
        phase="forward",
        verbose="error",
    )
    return np.asarray(designed["sos"], dtype=np.float64)


def has_room_for_notch(sampling_rate_hz: float, notch_hz: float) -> bool:
    """Whether a notch at the mains fits below half the sampling rate; of two data sets one may be too slow for it."""
    return len(_harmonics(sampling_rate_hz, notch_hz)) > 0


def _harmonics(sampling_rate_hz: float, notch_hz: float) -> NDArray[np.float64]:
    """The mains and its multiples, as far as a notch fits below half the sampling rate."""
    return np.arange(notch_hz, sampling_rate_hz / 2 - _NOTCH_HALF_WIDTH_HZ, notch_hz)


def _check_edges(
    sampling_rate_hz: float, band_pass_hz: tuple[float | None, float | None] | None, notch_hz: float | None
) -> None:
    nyquist = sampling_rate_hz / 2
    if band_pass_hz is not None:
        edge = max(edge for edge in band_pass_hz if edge is not None)
        if edge >= nyquist:
            raise InputError(
                f"Expected a band-pass that ends below {nyquist:g} Hz, half the sampling rate. Received: {edge:g} Hz. "
                "Lower BAND_PASS_HZ, or write None for its upper edge."
            )
    if notch_hz is not None and notch_hz <= _NOTCH_HALF_WIDTH_HZ:
        raise InputError(
            f"Expected mains above {_NOTCH_HALF_WIDTH_HZ:g} Hz, half the width of a notch. Received: {notch_hz:g} Hz. "
            "Set NOTCH_HZ to 50 or 60, or to None."
        )
