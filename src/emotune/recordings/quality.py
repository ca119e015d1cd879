"""Checks of a recording's samples: what would spoil a model, named by file and channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from emotune.findings import Finding
from emotune.recordings.recording import Recording

__all__ = ["CHECKS", "check_recording"]

# Blocks of a second: slow drifts do not count as amplitude, and half a recording can be found flat.
BLOCK_S = 1.0

# Scalp EEG has some 3 to 100 µV within a second, an amplifier's own noise about 0.5 µV. Volts or millivolts
# taken for microvolts lie below, nanovolts or counts above; mains hum on an open input can reach 2,000 µV.
MIN_AMPLITUDE_UV = 0.1
MAX_AMPLITUDE_UV = 5_000.0

# An electrode that is off for half of the time, or at the limit for a hundredth of it, is not measuring.
MAX_FLAT_SHARE = 0.5
MAX_CLIPPED_SHARE = 0.01

_LISTED = 8


def check_recording(recording: Recording) -> list[Finding]:
    """What is wrong with the samples of `recording`; errors first stop the checks that they would mislead.

    Errors: values that are not finite, nothing but flat channels, amplitudes that cannot be microvolts.
    Warnings: flat, clipped and duplicated channels. A recording of no or one sample passes; its length is checked
    where it is cut into windows.
    """
    if recording.samples_uv.shape[1] < 2:
        return []
    found: list[Finding] = []
    for check in CHECKS:
        found += check(recording)
        if any(finding.severity == "error" for finding in found):
            break
    return found


def _not_finite(recording: Recording) -> list[Finding]:
    counts = np.count_nonzero(~np.isfinite(recording.samples_uv), axis=1)
    channels = [(name, int(n)) for name, n in zip(recording.channel_names, counts, strict=True) if n]
    if not channels:
        return []
    total = recording.samples_uv.shape[1]
    return [
        Finding(
            "not-finite",
            "error",
            f"Expected numbers in every channel of {_place(recording)}. Received: NaN or infinite samples in "
            f"{_listed([f'{name} ({n} of {total})' for name, n in channels])}.",
            "Leave out that stretch (`start_s`, `stop_s`), or drop the channels from the file.",
        )
    ]


def _all_flat(recording: Recording) -> list[Finding]:
    if _flat_shares(recording).min() < 1.0:
        return []
    return [
        Finding(
            "all-flat",
            "error",
            f"Expected a signal in {_place(recording)}. Received: a constant in all "
            f"{len(recording.channel_names)} channels.",
            "Check that the file holds the recording and that the cap was connected, or leave it out.",
        )
    ]


def _units(recording: Recording) -> list[Finding]:
    blocks = _blocks(recording)
    deviations = np.concatenate([block.std(axis=1) for block in blocks])
    changing = np.concatenate([np.ptp(block, axis=1) > 0 for block in blocks])
    amplitude_uv = float(np.median(deviations[changing]))
    if MIN_AMPLITUDE_UV <= amplitude_uv <= MAX_AMPLITUDE_UV:
        return []
    low = amplitude_uv < MIN_AMPLITUDE_UV
    return [
        Finding(
            "units",
            "error",
            f"Expected EEG in µV in {_place(recording)}: {MIN_AMPLITUDE_UV:g} to {MAX_AMPLITUDE_UV:g} µV "
            f"(standard deviation within a second). Received: {amplitude_uv:.3g} µV, "
            + (
                "as if volts or millivolts were called microvolts."
                if low
                else "as if the unit in the file were wrong or missing."
            ),
            "Export the file with its unit, or scale the samples to µV.",
        )
    ]


def _flat(recording: Recording) -> list[Finding]:
    shares = zip(recording.channel_names, _flat_shares(recording), strict=True)
    flat = [
        name if share == 1.0 else f"{name} ({share:.0%} of the time)"
        for name, share in shares
        if share >= MAX_FLAT_SHARE
    ]
    if not flat:
        return []
    return [
        Finding(
            "flat-channel",
            "warning",
            f"Expected a signal in every channel of {_place(recording)}. Received: a constant in {_listed(flat)}.",
            "Drop these channels from the file (missing ones are interpolated), or leave the recording out.",
        )
    ]


def _clipped(recording: Recording) -> list[Finding]:
    samples = recording.samples_uv
    at_limit = (samples == samples.max(axis=1, keepdims=True)) | (samples == samples.min(axis=1, keepdims=True))
    shares = at_limit.mean(axis=1)
    flat = _flat_shares(recording) >= MAX_FLAT_SHARE
    clipped = [
        f"{name} ({share:.1%})"
        for name, share, is_flat in zip(recording.channel_names, shares, flat, strict=True)
        if share > MAX_CLIPPED_SHARE and not is_flat and at_limit.shape[1] > 2 / MAX_CLIPPED_SHARE
    ]
    if not clipped:
        return []
    return [
        Finding(
            "clipped-channel",
            "warning",
            f"Expected samples within the amplifier's range in {_place(recording)}. "
            f"Received: samples at its limit in {_listed(clipped)}.",
            "Leave out the clipped stretches or channels; record with a wider range.",
        )
    ]


def _duplicated(recording: Recording) -> list[Finding]:
    flat = _flat_shares(recording) == 1.0
    alike: dict[bytes, list[str]] = {}
    for name, samples, is_flat in zip(recording.channel_names, recording.samples_uv, flat, strict=True):
        if not is_flat:
            alike.setdefault(samples.tobytes(), []).append(name)
    groups = [" = ".join(names) for names in alike.values() if len(names) > 1]
    if not groups:
        return []
    return [
        Finding(
            "duplicated-channel",
            "warning",
            f"Expected different samples in the channels of {_place(recording)}. Received copies: {_listed(groups)}.",
            "Drop the copies from the file; missing channels are interpolated.",
        )
    ]


# In this order: an error ends the list.
CHECKS: Sequence[Callable[[Recording], list[Finding]]] = (
    _not_finite,
    _all_flat,
    _units,
    _flat,
    _clipped,
    _duplicated,
)


def _blocks(recording: Recording) -> list[NDArray[np.float32]]:
    """Views of a second each, `(n_channels, n_times_block)`; a short one only where there is no other."""
    samples = recording.samples_uv
    n_block = max(2, round(BLOCK_S * recording.sampling_rate_hz))
    starts = range(0, max(samples.shape[1] - n_block, 0) + 1, n_block)
    return [samples[:, start : start + n_block] for start in starts]


def _flat_shares(recording: Recording) -> NDArray[np.float64]:
    """The part of its blocks in which a channel does not change: `(n_channels,)`."""
    flat = np.stack([np.ptp(block, axis=1) == 0 for block in _blocks(recording)])
    return np.asarray(flat.mean(axis=0), dtype=np.float64)


def _place(recording: Recording) -> str:
    known = {"subject": recording.subject, "session": recording.session, "trial": recording.trial}
    return recording.source or ", ".join(f"{k} {v}" for k, v in known.items() if v) or "the recording"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
