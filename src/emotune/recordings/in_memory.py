"""Recordings that a program has in memory already, as a set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from zlib import crc32

import numpy as np

from emotune.files import fingerprint
from emotune.findings import Finding
from emotune.recordings.recording import Recording
from emotune.recordings.targets import Rating

__all__ = ["RecordingsInMemory"]

# So many bytes go to another process at once: enough to be worth a message, too few to matter in memory.
_BYTES_A_PART = 4_000_000


class RecordingsInMemory:
    """A sequence of recordings; satisfies `RecordingSet`.

    Args:
        recordings: in their order.
        name: what to call them.
        emotions: their classes, in the order of the coding; none where they have ratings alone, or nothing.
        scales: what people were asked.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        name: str = "in memory",
        emotions: Sequence[str] = (),
        scales: Mapping[str, Rating] | None = None,
    ) -> None:
        self.recordings = recordings
        self.name = name
        self.emotions = tuple(emotions)
        self.scales: Mapping[str, Rating] = dict(scales or {})

    @property
    def findings(self) -> tuple[Finding, ...]:
        """None: all that can be wrong is in the recordings."""
        return ()

    def __len__(self) -> int:
        return len(self.recordings)

    def __iter__(self) -> Iterator[Recording]:
        return iter(self.recordings)

    def parts(self) -> list[list[Recording]]:
        """A few recordings each."""
        parts: list[list[Recording]] = []
        room = 0
        for recording in self.recordings:
            n_bytes = recording.samples_uv.nbytes
            if not parts or n_bytes > room:
                parts.append([])
                room = _BYTES_A_PART
            parts[-1].append(recording)
            room -= n_bytes
        return parts

    def fingerprint(self) -> str:
        """Of every sample, name, emotion and rating."""
        return fingerprint([_content(recording) for recording in self.recordings])


def _content(recording: Recording) -> list[object]:
    samples = [recording.samples_uv, *([] if recording.baseline_uv is None else [recording.baseline_uv])]
    # Of each channel a checksum: an accident is found, and a gigabyte takes a sixth of a second.
    digest = hashlib.sha256()
    for array in samples:
        digest.update(b"".join(crc32(np.ascontiguousarray(row).data).to_bytes(4, "little") for row in array))
    texts = ("subject", "emotion", "session", "trial", "stimulus")
    return [
        digest.hexdigest(),
        [list(array.shape) for array in samples],
        float(recording.sampling_rate_hz),
        list(recording.channel_names),
        [getattr(recording, name) for name in texts],
        {name: str(float(value)) for name, value in recording.ratings.items()},  # JSON has no word for NaN
        [[float(start), float(stop)] for start, stop in recording.breaks_s],
    ]
