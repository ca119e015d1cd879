"""Whether the channels can be in the order that their names claim: eye blinks are largest above the eyes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from emotune.findings import Finding
from emotune.recordings.channels import CHANNELS, electrode_directions
from emotune.recordings.recording import Recording
from emotune.recordings.spectrum import median_of_rows

__all__ = ["Blinks", "check_channel_order", "find_blinks", "untested_order"]

_STEP_S = 0.05  # 20 values a second show a blink of a fifth of a second; the mean of two has no alpha at 10 Hz
_FLANK_S = 0.4  # so long before and after its peak a blink is over
_LONGEST_S = 300.0  # nobody keeps from blinking for five minutes; more costs time and tells nothing

# A blink rises by 50 to 200 µV above the eyes. An electrode that wobbles alone is no blink, so the second-largest
# channel counts.
_EVENT_UV = 40.0
_BLINK_UV = 60.0
_MIN_BLINKS = 4

# All blinks of a person have one field; slow waves and movements seldom repeat theirs. Blinks were found so in 2 of
# EEGMAT's 32 recordings, whose authors had removed them: both at Fp2.
_SAME_FIELD = 0.8

# What the field of a blink looks like, whatever the channels are called: measured on 288 simulated recordings and on
# blinks added to EEGMAT. Two electrodes are about as near to the eyes (their ratio was 0.63 to 1), the next are farther
# away (0.18 to 0.65; two loose contacts: 0.03), nothing is as low as they are high (-0.36 to -0.03; slow waves -0.54).
_SECOND = 0.6
_THIRD = (0.1, 0.75)
_LOWEST = -0.45

# The correlation of the field with how far in front an electrode sits was 0.59 to 0.80 with the right names; shuffled
# names give 0 on average, reversed ones less.
_CONTRADICTS = 0.2

_MIN_CHANNELS = 8
_ABOVE_THE_EYES = 0.8  # of the radius to the front: Fp1, Fp2, AF3, AF4
_IN_FRONT = 0.1
_AT_THE_BACK = -0.5

# The positions of 1958 that have other names today.
_OLD_NAMES = {"t3": "T7", "t4": "T8", "t5": "P7", "t6": "P8"}
_KNOWN = {name.lower(): name for name in CHANNELS} | _OLD_NAMES


@dataclass(frozen=True, slots=True, eq=False)
class Blinks:
    """The eye blinks of a recording.

    Attributes:
        n_blinks: how many were found.
        electrodes: the channels with a known position, by their 10-20 names.
        field_uv: the median height of a blink at them, `(n_electrodes,)`, against the median over electrodes.
    """

    n_blinks: int
    electrodes: tuple[str, ...]
    field_uv: NDArray[np.float64]


def check_channel_order(recording: Recording) -> list[Finding]:
    """A warning where blinks are largest elsewhere than above the eyes; nothing where there is none to test by.

    Blinks are told from other waves by their shape and by being alike, not by the names of the channels.
    """
    blinks = find_blinks(recording)
    if blinks is None:
        return []
    frontness = _frontness(blinks.electrodes)
    two = np.argsort(-blinks.field_uv)[:2]
    correlation = float(np.corrcoef(blinks.field_uv, frontness)[0, 1])
    if correlation >= _CONTRADICTS or frontness[two].min() >= _IN_FRONT:
        return []
    largest, second = (blinks.electrodes[i] for i in two)
    return [
        Finding(
            "channel-order",
            "warning",
            f"Expected eye blinks to be largest above the eyes in {recording.place}. Received: {blinks.n_blinks} of "
            f"them, about {blinks.field_uv.max():.0f} µV, largest at {largest} and {second}.",
            "Compare the order of the channel names with that of the samples: it may be another cap's or program's.",
        )
    ]


def untested_order(place: str) -> Finding:
    """That no recording of a place has blinks, as is right where they were removed; for who looks at a set."""
    return Finding(
        "channel-order-not-tested",
        "note",
        f"Whether the channels of {place} are in the order of their names is not testable: it has no blinks (removed, "
        "or too few electrodes above the eyes).",
    )


@lru_cache(maxsize=64)
def _frontness(electrodes: tuple[str, ...]) -> NDArray[np.float64]:
    """How far in front each electrode sits, `(n_electrodes,)`, from -1 to 1."""
    return electrode_directions(electrodes)[:, 1]


def find_blinks(recording: Recording) -> Blinks | None:
    """Large, short, positive waves that have one and the same field; None where there are fewer than 4 of them.

    None as well where fewer than 8 channels have a known position, or fewer than 2 are named as above the eyes or as
    at the back.
    """
    rows, electrodes = _known_channels(recording.channel_names)
    n_step = round(_STEP_S * recording.sampling_rate_hz)
    if len(rows) < _MIN_CHANNELS or not n_step:
        return None
    frontness = _frontness(electrodes)
    if np.sum(frontness >= _ABOVE_THE_EYES) < 2 or np.sum(frontness <= _AT_THE_BACK) < 2:
        return None
    heights_uv = _heights_uv(recording, rows, n_step)
    if not heights_uv.shape[1]:
        return None
    second_uv = np.sort(np.ascontiguousarray(heights_uv.T), axis=1)[:, -2]
    peaks = _peaks(second_uv, round(_FLANK_S / _STEP_S))
    if len(peaks) < _MIN_BLINKS:
        return None
    events_uv = heights_uv[:, peaks]
    # The largest that come twice: one jump of the cap must not be the model of a blink.
    large = second_uv[peaks] >= 0.5 * np.sort(second_uv[peaks])[-2]
    alike = _correlations(events_uv, np.median(events_uv[:, large], axis=1)) >= _SAME_FIELD
    if alike.sum() < max(_MIN_BLINKS, large.sum() / 2):
        return None
    field_uv = np.median(events_uv[:, alike], axis=1).astype(np.float64)
    first, second, third = np.sort(field_uv)[:-4:-1]
    has_the_shape = (
        first >= _BLINK_UV
        and second >= _SECOND * first
        and _THIRD[0] * first <= third <= _THIRD[1] * first
        and field_uv.min() >= _LOWEST * first
    )
    return Blinks(int(alike.sum()), electrodes, field_uv) if has_the_shape else None


@lru_cache(maxsize=64)
def _known_channels(names: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Rows and 10-20 names of the channels whose position is known: `EEG Fp1-REF` is Fp1, `Fp1-F7` is neither."""
    found: dict[str, int] = {}
    for row, name in enumerate(names):
        tokens = re.split(r"[^a-z0-9]+", name.lower())
        positions = [_KNOWN[token] for token in tokens if token in _KNOWN]
        if len(positions) == 1:
            found.setdefault(positions[0], row)
    return tuple(found.values()), tuple(found)


def _heights_uv(recording: Recording, rows: Sequence[int], n_step: int) -> NDArray[np.float32]:
    """How far a channel is above itself 0.4 s before and after, against all channels: `(n_electrodes, n_steps)`."""
    n_steps = min(recording.samples_uv.shape[1] // n_step, round(_LONGEST_S / _STEP_S))
    slow_uv = np.zeros((len(rows), n_steps), dtype=np.float32)
    used = recording.samples_uv[list(rows), : n_steps * n_step]
    for offset in range(n_step):
        slow_uv += used[:, offset::n_step]
    slow_uv = (slow_uv[:, 1:] + slow_uv[:, :-1]) / np.float32(2 * n_step)
    # Whatever the reference was, even an electrode above the eyes: most of the head has nothing of a blink.
    slow_uv -= median_of_rows(slow_uv.T)
    flank = round(_FLANK_S / _STEP_S)
    return np.asarray(slow_uv[:, flank:-flank] - (slow_uv[:, 2 * flank :] + slow_uv[:, : -2 * flank]) / 2)


def _peaks(course_uv: NDArray[np.float32], distance: int) -> list[int]:
    """Where a course `(n_steps,)` is high, the highest first, each `distance` from the others."""
    high = np.flatnonzero(course_uv >= _EVENT_UV)
    peaks: list[int] = []
    for step in high[np.argsort(-course_uv[high])].tolist():
        if course_uv[step] == course_uv[max(0, step - distance) : step + distance + 1].max():
            peaks.append(step)
    return peaks


def _correlations(events_uv: NDArray[np.float32], field_uv: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each column of `(n_electrodes, n_events)` with a field `(n_electrodes,)`: `(n_events,)`."""
    events = events_uv - events_uv.mean(axis=0)
    field = field_uv - field_uv.mean()
    norms = np.linalg.norm(events, axis=0) * np.linalg.norm(field)
    return np.asarray(field @ events / np.maximum(norms, np.finfo(np.float32).tiny))
