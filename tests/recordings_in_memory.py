"""Sets of recordings that are made in memory, for tests of what stands above the readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from emotune.findings import Finding
from emotune.recordings.channels import CHANNELS
from emotune.recordings.recording import Recording
from emotune.recordings.targets import Rating

__all__ = ["RecordingsInMemory", "noise"]


@dataclass
class RecordingsInMemory:
    """Satisfies `RecordingSet`; counts how often it was read."""

    recordings: list[Recording]
    name: str = "in memory"
    emotions: tuple[str, ...] = ("calm", "joy")
    scales: Mapping[str, Rating] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    times_read: int = 0
    version: str = "1"

    def __len__(self) -> int:
        return len(self.recordings)

    def __iter__(self) -> Iterator[Recording]:
        self.times_read += 1
        return iter(self.recordings)

    def fingerprint(self) -> str:
        return self.version


def noise(channel_names=CHANNELS, *, seconds=9.0, rate_hz=128.0, seed=0, uv=10.0, **fields) -> Recording:
    """White noise, no two channels alike; other fields of the recording as given."""
    shape = (len(channel_names), round(seconds * rate_hz))
    samples = (np.random.default_rng(seed).standard_normal(shape) * uv).astype(np.float32)
    plain = Recording(samples, rate_hz, tuple(channel_names), source=f"noise{seed}.edf")
    return replace(plain, **fields)
