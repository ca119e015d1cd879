"""Stretches of a file that are not to be used, and points where it was interrupted, from its annotations."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["breaks_within", "is_interruption", "is_recorders_mark"]

# EEGLAB's `boundary`, MNE's `EDGE boundary` and `BAD boundary`, and a BrainVision recorder that was paused.
# What such a marker calls its duration is what was cut out, not a stretch of the samples that are left.
_POINT = re.compile(r"boundary|^edge|^new segment", re.IGNORECASE)
# MNE's `BAD_ACQ_SKIP` and whatever a user marked, BrainVision's `Bad Interval`.
_STRETCH = re.compile(r"^bad", re.IGNORECASE)

# What recorders, EEGLAB and MNE themselves write, and MNE's way of writing a user's own: a capital BAD_.
_BY_RECORDER = re.compile(r"(?i:(edge |bad )?boundary|new segment\b.*|bad interval\b.*|bad_acq_skip)")
_BY_USER = re.compile(r"BAD_.*")


def is_recorders_mark(event: str) -> bool:
    """Whether an event of an experiment speaks of the recording itself, by the name that software gives such marks.

    Unlike an annotation of a file, an event may be called `bad` or `edge` for what was shown.
    """
    return bool(_BY_RECORDER.fullmatch(event) or _BY_USER.fullmatch(event))


def is_interruption(description: str) -> bool:
    """Whether an annotation speaks of the recording itself, not of what was shown or done."""
    return bool(_POINT.search(description) or _STRETCH.search(description))


def breaks_within(
    annotations: Iterable[tuple[float, float, str]], start_s: float, stop_s: float
) -> tuple[tuple[float, float], ...]:
    """The breaks between `start_s` and `stop_s`, counted from `start_s`, in their order in time.

    Args:
        annotations: (onset, duration, description), in seconds from the file's first sample.
        start_s: first moment of the stretch that is read.
        stop_s: its end.
    """
    breaks = []
    for onset_s, duration_s, description in annotations:
        if _POINT.search(description):
            first, last = onset_s, onset_s
        elif _STRETCH.search(description):
            # A duration that is missing is NaN in some files.
            first, last = onset_s, onset_s + (duration_s if duration_s > 0 else 0.0)
        else:
            continue
        # A point at either end interrupts nothing.
        if first < stop_s and last > start_s:
            breaks.append((max(first, start_s) - start_s, min(last, stop_s) - start_s))
    return tuple(sorted(breaks))
