"""Whether the same samples come twice in a set: one recording after another, of which a digest is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from emotune.findings import Finding, listed
from emotune.recordings.recording import Recording

__all__ = ["Digest", "Duplicates", "digest_of"]

_LISTED = 4

# Two recordings that agree in every fourth sample of every channel are copies.
_EVERY = 4


Digest = tuple[int, ...]


def digest_of(samples_uv: NDArray[np.float32]) -> Digest | None:
    """The same for the same channels in any order; None for constant ones, which are no copies of each other.

    Checksums are enough: those of two signals agree in one channel of four billion, and here all channels must.
    """
    # Nearly every recording is cleared by two of its samples.
    if not samples_uv.size or (
        np.array_equal(samples_uv[:, 0], samples_uv[:, -1]) and not np.ptp(samples_uv, axis=1).any()
    ):
        return None
    return (samples_uv.shape[1], *sorted(crc32(row.data) for row in np.ascontiguousarray(samples_uv[:, ::_EVERY])))


@dataclass(frozen=True, slots=True)
class _Trial:
    place: str
    subject: str
    label: str


class Duplicates:
    """Recordings with the same samples, found while a set is read; call `add` with each, then `findings`.

    The order and the names of the channels do not matter. Constant recordings are no copies of each other.
    """

    def __init__(self) -> None:
        self._trials: dict[Digest, list[_Trial]] = {}

    def add(self, recording: Recording) -> None:
        """Take note of a recording."""
        self.add_digest(recording, digest_of(recording.samples_uv))

    def add_digest(self, recording: Recording, digest: Digest | None) -> None:
        """Take note of a recording by the digest of its samples, wherever that was made."""
        if digest is None:
            return
        ratings = [f"{name} {value:g}" for name, value in recording.ratings.items() if not math.isnan(value)]
        label = ", ".join([*([recording.emotion] if recording.emotion else []), *ratings])
        self._trials.setdefault(digest, []).append(_Trial(recording.place, recording.subject, label))

    def findings(self) -> list[Finding]:
        """Of each group of copies one finding: an error where they are of two people or have two labels."""
        return [_finding(trials) for trials in self._trials.values() if len(trials) > 1]


def _finding(trials: Sequence[_Trial]) -> Finding:
    places = listed([trial.place for trial in trials], _LISTED)
    subjects = sorted({trial.subject for trial in trials} - {""})
    labels = sorted({trial.label for trial in trials} - {""})
    contradictions = []
    if len(subjects) > 1:
        contradictions.append(f"as those of {len(subjects)} people ({listed(subjects, _LISTED)})")
    if len(labels) > 1:
        contradictions.append(f"with {len(labels)} labels ({listed(labels, _LISTED)})")
    message = f"Expected different samples in every recording. Received the same ones in {places}"
    if contradictions:
        return Finding(
            "duplicate-trials",
            "error",
            f"{message}, {' and '.join(contradictions)}.",
            "At least one of them is wrong: look up the original files, and leave the others out.",
        )
    return Finding("duplicate-trials", "warning", f"{message}.", "Leave the copies out: they count more than others.")
