"""Checks of a recording's samples: what would spoil a model, named by file and channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from emotune.findings import Finding, listed
from emotune.recordings.channel_order import check_channel_order
from emotune.recordings.recording import Recording
from emotune.recordings.spectrum import Spectrum, welch_spectrum
from emotune.recordings.spectrum_checks import check_bands, check_sampling_rate

__all__ = ["CHECKS", "check_recording", "constant_channels", "silent_stretches"]

# Blocks of a second: slow drifts do not count as amplitude, and half a recording can be found flat.
BLOCK_S = 1.0

# A unit is told by so many of them, evenly spread: all of an hour would say the same.
MAX_BLOCKS = 16

# Scalp EEG has some 3 to 100 µV within a second, an amplifier's own noise about 0.5 µV. Volts or millivolts
# taken for microvolts lie below, nanovolts or counts above; mains hum on an open input can reach 2,000 µV.
MIN_AMPLITUDE_UV = 0.1
MAX_AMPLITUDE_UV = 5_000.0

# An electrode that is off for half of the time, or at the limit for a hundredth of it, is not measuring.
MAX_FLAT_SHARE = 0.5
MAX_CLIPPED_SHARE = 0.01

# No two samples of all channels are alike in a signal; where a recorder pauses they are held, in EEGMAT for the last
# two seconds of each file.
MIN_HELD_S = 0.5
MAX_HELD_SHARE = 0.05

_LISTED = 8


def constant_channels(recording: Recording) -> NDArray[np.bool_]:
    """Which channels have one and the same value all the time: `(n_channels,)`; none where there are no two samples."""
    if recording.samples_uv.shape[1] < 2:
        return np.zeros(len(recording.channel_names), dtype=np.bool_)
    # Nearly every channel is cleared by two of its samples.
    constant = np.asarray(recording.samples_uv[:, 0] == recording.samples_uv[:, -1])
    constant[constant] = np.ptp(recording.samples_uv[constant], axis=1) == 0
    return constant


class _Samples:
    """What several checks ask of the samples of a recording, each computed once."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.place = recording.place
        self.names = recording.channel_names
        self.values = recording.samples_uv

    @cached_property
    def lowest(self) -> NDArray[np.float32]:
        """Of each channel, `(n_channels,)`; not finite where one of its samples is not."""
        return np.asarray(self.values.min(axis=1))

    @cached_property
    def highest(self) -> NDArray[np.float32]:
        """Of each channel, `(n_channels,)`; not finite where one of its samples is not."""
        return np.asarray(self.values.max(axis=1))

    @cached_property
    def blocks(self) -> NDArray[np.float32]:
        """A view of seconds, `(n_channels, n_blocks, n_times_block)`; a short one only where there is no other."""
        n_times = self.values.shape[1]
        n_block = min(n_times, max(2, round(BLOCK_S * self.recording.sampling_rate_hz)))
        n_blocks = n_times // n_block
        return self.values[:, : n_blocks * n_block].reshape(-1, n_blocks, n_block)

    @cached_property
    def is_held(self) -> NDArray[np.bool_]:
        """Whether a sample is the one before it: `(n_channels, n_times - 1)`."""
        return held_samples(self.values)

    @cached_property
    def held(self) -> list[tuple[int, int]]:
        """First and last sample (not included) of each stretch in which no channel changes."""
        return _held(self.is_held, self.recording.sampling_rate_hz)

    @cached_property
    def is_flat(self) -> NDArray[np.bool_]:
        """Whether a channel does not change in a block: `(n_channels, n_blocks)`."""
        if not self.is_held.any():
            return np.zeros(self.blocks.shape[:2], dtype=np.bool_)
        return np.asarray(np.ptp(self.blocks, axis=2) == 0)

    @cached_property
    def flat_shares(self) -> NDArray[np.float64]:
        """The part of its blocks in which a channel does not change: `(n_channels,)`."""
        return np.asarray(self.is_flat.mean(axis=1), dtype=np.float64)

    @cached_property
    def spectrum(self) -> Spectrum | None:
        """Of the channels that are not flat; None where the recording is too short for one."""
        steady = self.flat_shares < MAX_FLAT_SHARE
        values = self.values if steady.all() else self.values[steady]
        return welch_spectrum(values, self.recording.sampling_rate_hz)


def check_recording(recording: Recording) -> list[Finding]:
    """What is wrong with the samples of `recording`; errors first stop the checks that they would mislead.

    Errors: values that are not finite, nothing but flat channels, amplitudes that cannot be microvolts.
    Warnings: flat, clipped and duplicated channels, a band that was filtered away, a sampling rate or an order of the
    channels that the samples contradict. A recording of no or one sample passes; its length is checked where it is
    cut into windows.
    """
    if recording.samples_uv.shape[1] < 2:
        return []
    samples = _Samples(recording)
    found: list[Finding] = []
    for check in CHECKS:
        found += check(samples)
        if any(finding.severity == "error" for finding in found):
            break
    return found


def _not_finite(samples: _Samples) -> list[Finding]:
    damaged = np.flatnonzero(~(np.isfinite(samples.lowest) & np.isfinite(samples.highest)))
    if not len(damaged):
        return []
    total = samples.values.shape[1]
    counts = [f"{samples.names[i]} ({total - np.isfinite(samples.values[i]).sum()} of {total})" for i in damaged]
    return [
        Finding(
            "not-finite",
            "error",
            f"Expected numbers in every channel of {samples.place}. Received: NaN or infinite samples in "
            f"{listed(counts, _LISTED)}.",
            "Leave out that stretch (`start_s`, `stop_s`), or drop the channels from the file.",
        )
    ]


def _all_flat(samples: _Samples) -> list[Finding]:
    if samples.flat_shares.min() < 1.0:
        return []
    return [
        Finding(
            "all-flat",
            "error",
            f"Expected a signal in {samples.place}. Received: a constant in all {len(samples.names)} channels.",
            "Check that the file holds the recording and that the cap was connected, or leave it out.",
        )
    ]


def _units(samples: _Samples) -> list[Finding]:
    n_blocks = samples.blocks.shape[1]
    some = slice(None, None, -(-n_blocks // MAX_BLOCKS))
    if samples.is_flat[:, some].all():
        some = slice(None)
    # What is too large to square is no EEG either.
    with np.errstate(over="ignore", invalid="ignore"):
        amplitude_uv = float(np.median(samples.blocks[:, some].std(axis=2)[~samples.is_flat[:, some]]))
    if MIN_AMPLITUDE_UV <= amplitude_uv <= MAX_AMPLITUDE_UV:
        return []
    low = amplitude_uv < MIN_AMPLITUDE_UV
    return [
        Finding(
            "units",
            "error",
            f"Expected EEG in µV in {samples.place}: {MIN_AMPLITUDE_UV:g} to {MAX_AMPLITUDE_UV:g} µV "
            f"(standard deviation within a second). Received: {amplitude_uv:.3g} µV, "
            + (
                "as if volts or millivolts were called microvolts."
                if low
                else "as if the unit in the file were wrong or missing."
            ),
            "Export the file with its unit, or scale the samples to µV.",
        )
    ]


def _flat(samples: _Samples) -> list[Finding]:
    flat = [
        name if share == 1.0 else f"{name} ({share:.0%} of the time)"
        for name, share in zip(samples.names, samples.flat_shares, strict=True)
        if share >= MAX_FLAT_SHARE
    ]
    if not flat:
        return []
    return [
        Finding(
            "flat-channel",
            "warning",
            f"Expected a signal in every channel of {samples.place}. Received: a constant in {listed(flat, _LISTED)}.",
            "Drop these channels from the file (missing ones are interpolated), or leave the recording out.",
        )
    ]


def silent_stretches(recording: Recording) -> list[tuple[float, float]]:
    """(start, stop) in seconds of stretches in which no channel changes at all: the recorder held its values."""
    rate_hz = recording.sampling_rate_hz
    return _in_seconds(_held(held_samples(recording.samples_uv), rate_hz), rate_hz)


def _in_seconds(stretches: Sequence[tuple[int, int]], rate_hz: float) -> list[tuple[float, float]]:
    return [(first / rate_hz, last / rate_hz) for first, last in stretches]


def held_samples(samples_uv: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether a sample is the one before it: `(n_channels, n_times)` -> `(n_channels, n_times - 1)`."""
    return np.asarray(samples_uv[:, 1:] == samples_uv[:, :-1])


def _held(is_held: NDArray[np.bool_], rate_hz: float) -> list[tuple[int, int]]:
    """First and last sample (not included) of each stretch without a change in any channel, half a second or more."""
    same = np.zeros(is_held.shape[1] + 2, dtype=np.bool_)
    same[1:-1] = is_held.all(axis=0)
    if not same.any():
        return []
    runs = np.flatnonzero(same[1:] != same[:-1]).reshape(-1, 2)
    held: list[tuple[int, int]] = []
    for first, last in runs[np.diff(runs, axis=1)[:, 0] >= MIN_HELD_S * rate_hz].tolist():
        # One value behind the other, as where a file is filled up to whole records, is one stretch.
        start = held.pop()[0] if held and held[-1][1] == first else first
        held.append((start, last + 1))
    return held


def _silent(samples: _Samples) -> list[Finding]:
    stretches = _in_seconds(samples.held, samples.recording.sampling_rate_hz)
    if not stretches:
        return []
    duration_s = samples.recording.duration_s
    shown = listed([f"{start:.1f} to {stop:.1f} s" for start, stop in stretches], _LISTED)
    return [
        Finding(
            "silent-stretch",
            # What fills the last record of a file is as usual; a recorder that stood still is not.
            "warning" if sum(stop - start for start, stop in stretches) > MAX_HELD_SHARE * duration_s else "note",
            f"Expected a signal all the time in {samples.place}. Received: no change in any channel from {shown}; "
            "windows that touch it are left out.",
            "Look whether the recorder had stopped; leave the stretch out (`start_s`, `stop_s`).",
        )
    ]


def _clipped(samples: _Samples) -> list[Finding]:
    values = samples.values
    if values.shape[1] <= 2 / MAX_CLIPPED_SHARE:
        return []
    highest, lowest = samples.highest[:, np.newaxis], samples.lowest[:, np.newaxis]
    most = max(np.count_nonzero(values == highest, axis=1).max(), np.count_nonzero(values == lowest, axis=1).max())
    if 2 * most <= MAX_CLIPPED_SHARE * values.shape[1]:
        return []
    at_limit = (values == highest) | (values == lowest)
    # What a recorder holds is no limit of the amplifier, even where it is the extreme.
    for first, last in samples.held:
        at_limit[:, first:last] = False
    shares = np.count_nonzero(at_limit, axis=1) / values.shape[1]
    clipped = [
        f"{name} ({share:.1%})"
        for name, share, flat_share in zip(samples.names, shares, samples.flat_shares, strict=True)
        if share > MAX_CLIPPED_SHARE and flat_share < MAX_FLAT_SHARE
    ]
    if not clipped:
        return []
    return [
        Finding(
            "clipped-channel",
            "warning",
            f"Expected samples within the amplifier's range in {samples.place}. "
            f"Received: samples at its limit in {listed(clipped, _LISTED)}.",
            "Leave out the clipped stretches or channels; record with a wider range.",
        )
    ]


def _duplicated(samples: _Samples) -> list[Finding]:
    ranges = list(zip(samples.lowest.tolist(), samples.highest.tolist(), strict=True))
    alike: dict[bytes, list[str]] = {}
    for i in np.flatnonzero(samples.flat_shares < 1.0):
        # Only channels of one range can be copies; the bytes of the others need no look.
        if ranges.count(ranges[i]) > 1:
            alike.setdefault(samples.values[i].tobytes(), []).append(samples.names[i])
    groups = [" = ".join(names) for names in alike.values() if len(names) > 1]
    if not groups:
        return []
    return [
        Finding(
            "duplicated-channel",
            "warning",
            f"Expected different samples in the channels of {samples.place}. "
            f"Received copies: {listed(groups, _LISTED)}.",
            "Drop the copies from the file; missing channels are interpolated.",
        )
    ]


def _bands(samples: _Samples) -> list[Finding]:
    return check_bands(samples.spectrum) if samples.spectrum else []


def _sampling_rate(samples: _Samples) -> list[Finding]:
    return check_sampling_rate(samples.spectrum, samples.place) if samples.spectrum else []


def _channel_order(samples: _Samples) -> list[Finding]:
    return check_channel_order(samples.recording)


# In this order: an error ends the list.
CHECKS: Sequence[Callable[[_Samples], list[Finding]]] = (
    _not_finite,
    _all_flat,
    _units,
    _flat,
    _silent,
    _clipped,
    _duplicated,
    _bands,
    _sampling_rate,
    _channel_order,
)
