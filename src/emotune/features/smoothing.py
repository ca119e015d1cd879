"""Vectors smoothed along a trial, as part of the field does; it uses windows that come later."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.features.windows import are_next

__all__ = ["checked_smoothing", "smoothed"]


def checked_smoothing(text: str) -> str:
    """`none`, `average:N` (over N windows, N odd from 3) or `lds`, as it is written.

    Raises:
        InputError: if it is something else.
    """
    kind, colon, count = text.partition(":") if isinstance(text, str) else ("", "", "")
    if (kind in ("none", "lds") and not colon) or (
        kind == "average" and count.isdecimal() and int(count) >= 3 and int(count) % 2
    ):
        return text
    raise InputError(
        f"`smoothing` must be none, lds or average:N with an odd N from 3. Received: {text!r}. Write for example "
        "average:5."
    )


def smoothed(values: NDArray[np.float32], numbers: NDArray[np.int64], smoothing: str) -> NDArray[np.float32]:
    """Vectors of one recording smoothed over windows in a row, never across a gap: `(n_windows, n_features)`.

    - `average:N`: the mean of N windows, the middle one of which is meant. Towards both ends it takes fewer, as many
      before as behind, so the first and the last value of a stretch stay as they are.
    - `lds`: the mean of a state that wanders, given all windows of its stretch; see `_state_means`.

    Both use windows that come later, and make neighbours alike: a split that parts neighbours then leaks.

    Args:
        values: `(n_windows, n_features)`, of one recording, in the order of time.
        numbers: of the windows, `(n_windows,)`; what is not the next one (`are_next`) lies behind a gap.
        smoothing: as `checked_smoothing` knows it.

    Raises:
        InputError: if the smoothing is not known, or a value is NaN or Inf.
    """
    kind, _, count = checked_smoothing(smoothing).partition(":")
    if kind == "none":
        return values
    if not np.isfinite(values).all():
        raise InputError(
            "Expected vectors of finite values to smooth. Received: NaN or Inf. Leave the damaged windows out."
        )
    gaps = np.flatnonzero(~are_next(numbers)) + 1
    parts = [part.astype(np.float64) for part in np.split(values, gaps)]
    done = [_moving_average(part, int(count)) if kind == "average" else _state_means(part) for part in parts]
    return np.concatenate(done).astype(np.float32)


def _moving_average(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """The mean of up to n windows around each: `(n_windows, n_features)`, as many before as behind."""
    n_windows = len(values)
    places = np.arange(n_windows)
    reach = np.minimum(n // 2, np.minimum(places, n_windows - 1 - places))
    # Differences of running sums; without the mean they stay small, and so does what rounding costs.
    mean = values.mean(axis=0) if n_windows else 0.0
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values - mean, axis=0)])
    totals = sums[places + reach + 1] - sums[places - reach]
    averages: NDArray[np.float64] = mean + totals / (2 * reach + 1)[:, np.newaxis]
    return averages


# Of the linear dynamical system, in the squared units of the features.
_FIRST_VARIANCE = 0.01
_STEP_VARIANCE = 0.0001
_NOISE_VARIANCE = 1.0


def _state_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Posterior means of a wandering state, of which each window is a noisy sight: `(n_windows, n_features)`.

    Each feature on its own follows the local level model

        z_1 ~ N(mean of the stretch, 0.01),  z_t = z_(t-1) + N(0, 0.0001),  x_t = z_t + N(0, 1),

    and comes back as E[z_t | x_1 ... x_T]: a Kalman filter forwards and a Rauch-Tung-Striebel smoother backwards. The
    variances are those of the code of CLISA (Shen et al. 2023), which others took over; they are not fitted, and amount
    to a mean over about a hundred windows to both sides.

    References:
        Shi and Lu (2010), Off-line and on-line vigilance estimation based on linear dynamical system and manifold
        learning. Shen, Liu, Hu, Zhang and Song (2023), Contrastive learning of subject-invariant EEG representations
        for cross-subject emotion recognition. Rauch, Tung and Striebel (1965), Maximum likelihood estimates of linear
        dynamic systems.
    """
    n_windows = len(values)
    mean = values.mean(axis=0) if n_windows else 0.0
    # The variances depend on no value, so they are the same numbers for every feature.
    states = np.empty_like(values)
    variances = np.empty(n_windows)
    expected, variance = mean, _FIRST_VARIANCE
    for t, seen in enumerate(values):
        gain = variance / (variance + _NOISE_VARIANCE)
        states[t] = expected = expected + gain * (seen - expected)
        variances[t] = (1.0 - gain) * variance
        variance = variances[t] + _STEP_VARIANCE
    for t in range(n_windows - 2, -1, -1):
        backwards = variances[t] / (variances[t] + _STEP_VARIANCE)
        states[t] += backwards * (states[t + 1] - states[t])
    return states
