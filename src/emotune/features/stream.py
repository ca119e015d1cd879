"""Vectors of a recording that is still being made: the same as of the finished one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.features.causal import CausalSteps
from emotune.features.extraction import baseline_vector, check_rest, montage_for
from emotune.features.layout import Layout
from emotune.features.preprocessing import preprocess
from emotune.features.resampling import n_resampled
from emotune.features.settings import FeatureSettings
from emotune.features.vector import compute_vectors, refuse_low_rate
from emotune.features.windows import window_in_samples
from emotune.findings import listed, refuse_errors
from emotune.recordings.quality import MIN_AMPLITUDE_UV, MIN_HELD_S
from emotune.recordings.recording import Recording, centred_uv
from emotune.threads import one_thread

__all__ = ["StreamedVectors", "VectorStream"]

# So many samples wait for the filters at most, so many windows are copied and mapped at once, and so many names are
# shown in a message.
_PIECE = 1 << 12
_BLOCK = 32
_LISTED = 8

# A thousand volts: no amplifier gives them, and the powers of what is beyond may not fit into float32, whose largest is
# 3e38. The fourth moment of a spectrum takes the most room: the square times the frequency to the power of four.
_MOST_UV = 1e9


class StreamedVectors(NamedTuple):
    """Vectors of the windows that became complete.

    Attributes:
        values: `(n, n_features)`, float32.
        starts_s: start of each window in seconds since the stream's first sample, `(n,)`.
        numbers: of each window, `(n,)`; tells what is in a row, also from one chunk to the next, see `are_next`.
    """

    values: NDArray[np.float32]
    starts_s: NDArray[np.float64]
    numbers: NDArray[np.int64]


class VectorStream:
    """Windows and vectors of samples that come in chunks of any length.

    The vectors are those that `extract` gives for the same samples (within 1e-5, however they are cut into chunks and
    whatever the amplifier's offset): filters are the same code, and every window's mean is taken out in float64. Two
    things only the finished recording can tell: a channel that is constant throughout has to be named as a bad one,
    and a window that ends within the first half second of a stand-still of the recorder comes out.

    At most a window, the filters' past and 4096 samples that wait for them are kept.

    Args:
        channel_names: one a row of the samples, as the recorder has them.
        sampling_rate_hz: samples a second.
        settings: none that looks ahead.
        bad_channels: channels to interpolate, by their names among `channel_names`; a text is one name.
        rest_uv: `(n_channels, n_times)` in µV, the rest whose vector is taken away; for `baseline="subtract"` alone.

    Attributes:
        layout: names the columns of the vectors.
        interpolated: channels of the layout that the cap does not have, or that are bad.
        delay_s: how much later a signal comes out of the resampling; filters delay each frequency by their own.

    Raises:
        InputError: if a setting looks ahead or cannot be used at this sampling rate, no channel is recognised, a bad
            one is not among them, or a rest is missing, not wanted or cannot be used.
    """

    def __init__(
        self,
        channel_names: Iterable[str],
        sampling_rate_hz: float,
        settings: FeatureSettings,
        *,
        bad_channels: Iterable[str] = (),
        rest_uv: NDArray[np.floating] | None = None,
    ) -> None:
        if settings.looks_ahead:
            raise InputError(
                "Expected settings whose vectors need no later samples. Received: "
                f"{', '.join(settings.looks_ahead)}. Use recordings that are finished, or train with FILTER_PHASE "
                "'causal', ESTIMATOR 'fft', and without BAD_CHANNELS, BLINKS and SMOOTHING."
            )
        if not (isinstance(sampling_rate_hz, int | float) and 0 < sampling_rate_hz < math.inf):
            raise InputError(f"`sampling_rate_hz` must be a rate above 0 Hz. Received: {sampling_rate_hz!r}.")
        self._names, self._in_hz = tuple(channel_names), float(sampling_rate_hz)
        bad = (bad_channels,) if isinstance(bad_channels, str) else tuple(bad_channels)
        if unknown := [name for name in bad if name not in self._names]:
            raise InputError(
                f"`bad_channels` must be among the channels of the stream, {listed(self._names, _LISTED)}. Received: "
                f"{listed(unknown, _LISTED)}. Write them as the recorder does."
            )
        good = [row for row, name in enumerate(self._names) if name not in bad]
        montage = montage_for(tuple(self._names[row] for row in good), settings)
        used = np.flatnonzero(montage.matrix.any(axis=0))
        self._rows = np.array(good)[used]
        self._matrix = montage.matrix[:, used]
        self.layout: Layout = montage.layout
        self.interpolated = montage.interpolated

        steps = settings.preprocessing
        self._causal = CausalSteps(self._in_hz, steps.band_pass_hz, steps.notch_hz, steps.resample_hz)
        self.delay_s = self._causal.delay_s
        self._rate_hz = self._causal.sampling_rate_hz
        self._n_window, self._n_step = window_in_samples(self._rate_hz, settings.window_s, settings.overlap)
        self._reject_uv = steps.reject_uv
        # Refuse a rate or a window that the bands do not fit, before a sample has come.
        refuse_low_rate(self._in_hz, self.layout)
        compute_vectors(np.zeros((0, self.layout.n_channels, self._n_window), np.float32), self._rate_hz, self.layout)
        self._rest: NDArray[np.float32] | float = 0.0
        if (settings.baseline == "subtract") != (rest_uv is not None):
            raise InputError(
                "Expected `rest_uv`, the rest whose vector is taken away, where the settings subtract a baseline, and "
                f"none where they do not. Received: baseline={settings.baseline!r} "
                f"{'without' if rest_uv is None else 'with'} a rest. Record some seconds of it first, or leave it out."
            )
        if rest_uv is not None:
            rest = centred_uv(self._checked(rest_uv))
            names = tuple(self._names[row] for row in self._rows)
            of_rest = Recording(rest, self._in_hz, names, baseline_uv=rest, source="the stream's rest")
            refuse_errors(check_rest(of_rest, "the stream"))
            done = preprocess(of_rest, steps)
            self._rest, _ = baseline_vector(
                done.recording, done.rest_breaks_s, self._matrix, montage, settings, "the stream"
            )

        self._is_judged = False  # whether windows have been found to be in µV
        self._n_in = 0  # samples that have passed, lost ones too
        self._n_breaks = 0  # each keeps the window behind it from being the next one
        self._previous: NDArray[np.float64] | None = None  # the last sample that came
        self._offset: NDArray[np.float64] | None = None  # the first one of the stretch
        self._pending: list[NDArray[np.float64]] = []  # not yet filtered
        self._kept: list[NDArray[np.float64]] = []  # what came out of the filters and windows may still need
        self.gap()

    @property
    def sampling_rate_hz(self) -> float:
        """Of the windows, after resampling."""
        return self._rate_hz

    def gap(self, n_lost: int = 0) -> None:
        """Samples were lost: filters begin anew, and no window or run of windows reaches across.

        Windows go on at whole hops from the first sample of the stream, as those of a finished recording do.

        Args:
            n_lost: how many, where that is known; else the times of later windows do not count them.

        Raises:
            InputError: if it is no count.
        """
        if not isinstance(n_lost, int | np.integer) or isinstance(n_lost, bool) or n_lost < 0:
            raise InputError(f"`n_lost` must be a number of samples from 0 on. Received: {n_lost!r}.")
        self._n_in += int(n_lost)
        self._is_broken = False
        self._n_still, self._previous = 0, None
        self._begin()

    def push(self, samples_uv: NDArray[np.floating]) -> StreamedVectors:
        """The vectors of the windows that became complete.

        Args:
            samples_uv: `(n_channels, n_times)` in µV, the next ones; n_times may be anything from 0 on.

        Raises:
            InputError: if the rows are not the stream's channels, or a value is NaN, Inf or beyond 1e9 µV: nothing of
                the chunk is used then, no window of it is told, and the stream goes on after `gap(n)`, not before,
                where n counts the chunk too. Also if the first windows cannot be microvolts: begin a new stream.
        """
        if self._is_broken:
            raise InputError(
                "Expected `gap()` after samples that could not be used. Received: further samples. Call it, with the "
                "number of samples that are lost."
            )
        self._is_broken = True  # until all of it has gone well
        samples = self._checked(samples_uv)
        values = [np.empty((0, self.layout.n_features), np.float32)]
        none = np.empty(0, dtype=np.int64)
        starts, numbers = [none], [none]  # in hops
        for piece in self._moving(samples):
            self._pending.append(piece)
            self._n_pending += piece.shape[1]
            self._n_in += piece.shape[1]
            for windows, hops in self._complete():
                values.append(compute_vectors(windows, self._rate_hz, self.layout) - self._rest)
                starts.append(hops)
                numbers.append(hops + self._n_breaks)
        self._is_broken = False
        # Hop by hop, as `split_windows` has them.
        starts_s = np.concatenate(starts).astype(np.float64) * (self._n_step / self._rate_hz)
        return StreamedVectors(np.concatenate(values), starts_s, np.concatenate(numbers))

    def _begin(self) -> None:
        """The next sample is the first of a stretch."""
        self._causal.restart()
        self._n_breaks += 1
        self._offset = None
        # Counted in samples that come out of the filters, from the stream's first one.
        self._kept_from = n_resampled(self._n_in, self._causal.ratio)
        self._next = -(-self._kept_from // self._n_step) * self._n_step
        self._pending, self._n_pending, self._kept = [], 0, []

    def _moving(self, samples: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
        """The samples in pieces without those that a recorder held: behind half a second of them it is as a gap."""
        if not samples.shape[1]:
            return
        before = samples[:, :1] + 1.0 if self._previous is None else self._previous
        same = (samples == np.concatenate([before, samples[:, :-1]], axis=1)).all(axis=0)
        self._previous = samples[:, -1:]
        at = np.arange(len(same))
        n_still = at - np.maximum.accumulate(np.where(same, -1 - self._n_still, at))
        n_was_still, self._n_still = self._n_still, int(n_still[-1])
        most = MIN_HELD_S * self._in_hz
        held, is_held = n_still >= most, n_was_still >= most
        for part in np.split(at, np.flatnonzero(held[1:] != held[:-1]) + 1):
            if held[part[0]]:
                self._n_in += len(part)
            else:
                if is_held:
                    self._begin()
                yield samples[:, part]
            is_held = bool(held[part[0]])

    def _filter(self) -> None:
        """Take the samples that wait through the filters."""
        samples = np.concatenate(self._pending, axis=1)
        self._pending, self._n_pending = [], 0
        if self._offset is None:
            self._offset = samples[:, :1]
        self._kept.append(self._causal.push(samples - self._offset))

    def _complete(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Windows of the layout's channels, `(n, n_channels, n_times)`, and their starts in hops, `(n,)`."""
        # No further than the finished recording would reach: a stretch may begin between two new samples.
        n_out = n_resampled(self._n_in, self._causal.ratio)
        starts = np.arange(self._next, n_out - self._n_window + 1, self._n_step)
        # Samples one by one would cost a call of the filters each: they wait until a window or a piece is full.
        if not len(starts) and self._n_pending < _PIECE:
            return
        self._filter()
        if not len(starts):
            return
        kept = np.concatenate(self._kept, axis=1)
        every = sliding_window_view(kept, self._n_window, axis=1)
        for first in range(0, len(starts), _BLOCK):
            block = starts[first : first + _BLOCK]
            windows = every[:, block - self._kept_from].transpose(1, 0, 2)
            # In float64: what an amplifier's offset and drift have added up to would cost float32 its precision.
            centred = windows - windows.mean(axis=2, keepdims=True)
            self._judge(centred)
            with np.errstate(over="ignore", invalid="ignore"):  # `compute_vectors` says what is too large
                with one_thread():
                    mapped = self._matrix @ centred.astype(np.float32)
            if self._reject_uv is not None:
                small = np.ptp(mapped, axis=2).max(axis=1) <= self._reject_uv
                mapped, block = mapped[small], block[small]
            yield mapped, np.asarray(block // self._n_step, dtype=np.int64)
        self._next = int(starts[-1]) + self._n_step
        self._kept = [kept[:, self._next - self._kept_from :].copy()]
        self._kept_from = self._next

    def _judge(self, windows: NDArray[np.float64]) -> None:
        """Refuse the first windows of a stream if they cannot be microvolts; `(n, n_channels, n_times)`, centred."""
        spread = windows.std(axis=2)
        if self._is_judged or not spread.any():
            return
        amplitude_uv = float(np.median(spread[spread > 0]))
        if amplitude_uv < MIN_AMPLITUDE_UV:
            raise InputError(
                f"Expected EEG in µV, a standard deviation of at least {MIN_AMPLITUDE_UV:g} µV in a window. Received: "
                f"{amplitude_uv:.3g} µV, as if these were volts, which MNE's `get_data()` gives. Multiply them by 1e6 "
                "and begin a new stream."
            )
        self._is_judged = True

    def _checked(self, samples_uv: NDArray[np.floating]) -> NDArray[np.float64]:
        """The rows that are used, `(n_used, n_times)`."""
        samples = np.asarray(samples_uv)
        if samples.ndim != 2 or len(samples) != len(self._names) or samples.dtype.kind not in "iuf":
            raise InputError(
                f"Expected samples (n_channels, n_times) of the {len(self._names)} channels of the stream, as numbers. "
                f"Received: shape {samples.shape}, {samples.dtype}. Push one row for each channel."
            )
        used: NDArray[np.float64] = samples[self._rows].astype(np.float64)
        usable = np.abs(used) <= _MOST_UV
        if not usable.all():
            names = [self._names[row] for row in self._rows[~usable.all(axis=1)]]
            raise InputError(
                f"Expected finite samples of at most {_MOST_UV:g} µV. Received: {int((~usable).sum())} that are NaN, "
                f"infinite or larger in {listed(names, _LISTED)}. Call `gap()` and go on with the next samples."
            )
        return used
