"""A recording cut into windows of equal length, without copying a sample."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError

__all__ = [
    "are_next",
    "check_window",
    "n_windows",
    "split_windows",
    "whole_windows",
    "window_in_samples",
    "window_numbers",
]


def check_window(window_s: float, overlap: float) -> None:
    """Check a window's length in seconds and the part of it that the next one repeats.

    Raises:
        InputError: if one of them makes no sense.
    """
    if not (math.isfinite(window_s) and window_s > 0):
        raise InputError(f"`window_s` must be a length above 0 s. Received: {window_s}. 4 s suits most recordings.")
    if not 0 <= overlap < 1:
        raise InputError(
            f"`overlap` must be a part of a window, from 0 to below 1. Received: {overlap}. "
            f"0.5 lets each window share its half with the next."
        )


def split_windows(
    samples: NDArray[np.float32], sampling_rate_hz: float, window_s: float, overlap: float = 0.0
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Cut `(n_channels, n_times)` into a view `(n_windows, n_channels, n_times_window)`, with starts.

    Every window lies wholly inside the recording; what is left at its end is not used. The windows share
    memory with `samples` and cannot be written to.

    Args:
        samples: `(n_channels, n_times)`; which windows an interruption touches, `whole_windows` says.
        sampling_rate_hz: samples a second.
        window_s: length of a window in seconds, rounded to whole samples.
        overlap: the part of a window that the next one repeats, from 0 (none) to below 1.

    Returns:
        The windows, and the start of each in seconds from the first sample, `(n_windows,)`.

    Raises:
        InputError: if the window or the overlap makes no sense, or the recording is shorter than one window.
    """
    n_times_window, step = window_in_samples(sampling_rate_hz, window_s, overlap)
    n_times = samples.shape[1]
    if n_times < n_times_window:
        raise InputError(
            f"Expected at least one window of {window_s:g} s. Received: {n_times / sampling_rate_hz:.2f} s. "
            f"Take a shorter window, or leave this recording out."
        )
    every = np.lib.stride_tricks.sliding_window_view(samples, n_times_window, axis=1)
    windows = every[:, ::step].transpose(1, 0, 2)
    return windows, np.arange(len(windows), dtype=np.float64) * (step / sampling_rate_hz)


def n_windows(n_times: int, sampling_rate_hz: float, window_s: float, overlap: float = 0.0) -> int:
    """How many windows `split_windows` cuts from so many samples; 0 where there is no room for one."""
    n_times_window, step = _in_samples(sampling_rate_hz, window_s, overlap)
    return 0 if n_times_window < 1 or n_times < n_times_window else (n_times - n_times_window) // step + 1


def window_in_samples(sampling_rate_hz: float, window_s: float, overlap: float = 0.0) -> tuple[int, int]:
    """Length of a window, and from the start of one to that of the next, in samples.

    Raises:
        InputError: if the window or the overlap makes no sense, or there is no sample in a window.
    """
    check_window(window_s, overlap)
    n_times_window, step = _in_samples(sampling_rate_hz, window_s, overlap)
    if n_times_window < 1:
        raise InputError(
            f"A window must hold at least one sample. Received: {window_s:g} s at {sampling_rate_hz:g} Hz. "
            f"Take a longer window."
        )
    if n_times_window * (1.0 - overlap) < 0.5:
        raise InputError(
            f"`overlap` must leave windows at least a sample apart. Received: {overlap:g} of {n_times_window} samples. "
            f"Take at most {1 - 1 / n_times_window:.4f}; windows that share nearly all samples are copies."
        )
    return n_times_window, step


def _in_samples(sampling_rate_hz: float, window_s: float, overlap: float) -> tuple[int, int]:
    """Length of a window, and from the start of one to that of the next."""
    n_times_window = round(window_s * sampling_rate_hz)
    # At least one sample onwards: an overlap of 0.999 of a short window must still end.
    return n_times_window, max(1, round(n_times_window * (1.0 - overlap)))


def window_numbers(
    starts_s: NDArray[np.float64], sampling_rate_hz: float, step: int, stretches: Sequence[tuple[int, int]]
) -> NDArray[np.int64]:
    """Numbers that tell which windows are in a row, see `are_next`: `(n_windows,)` -> `(n_windows,)`.

    Hops are counted from the first sample of the recording, and every break on the way counts as one more: also one
    that is a point between two windows and so takes none of them away.

    Args:
        starts_s: start of each window in seconds, each within one stretch.
        sampling_rate_hz: samples a second.
        step: from the start of a window to that of the next, in samples.
        stretches: first and last sample (not included) of each stretch without a break, in order.
    """
    first = np.round(starts_s * sampling_rate_hz).astype(np.int64)
    begins = np.array([start for start, _ in stretches], dtype=np.int64)
    return np.asarray(first // step + np.searchsorted(begins, first, side="right"), dtype=np.int64)


def are_next(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each window of a recording follows the one before, a hop on and without a break between.

    Of numbers, not of seconds: a real hop is a whole number of samples, which may be half as long again as what
    length and overlap of the windows say.

    Args:
        numbers: of the windows, as `window_numbers` gives them, `(..., n)`.

    Returns:
        `(..., n - 1)`.
    """
    return np.asarray(np.diff(numbers) == 1)


def whole_windows(
    starts_s: NDArray[np.float64], n_times_window: int, sampling_rate_hz: float, breaks_s: Iterable[tuple[float, float]]
) -> NDArray[np.bool_]:
    """Which windows no break touches: starts `(n_windows,)` -> `(n_windows,)`.

    A stretch touches a window that holds one of its samples; a point touches one that has samples on both sides.
    """
    first = np.round(starts_s * sampling_rate_hz)
    last = first + n_times_window - 1
    whole = np.ones(len(starts_s), dtype=np.bool_)
    for break_s in breaks_s:
        # To a hundredth of a sample: files give markers in microseconds, and one on a sample must not miss it.
        start, stop = np.round(np.multiply(break_s, sampling_rate_hz), 2)
        whole &= (stop <= first) | (start > last)
    return whole
