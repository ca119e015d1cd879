"""Recordings made in memory, and sets of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from emotune.features.layout import CHANNELS
from emotune.findings import Finding
from emotune.recordings.recording import Recording


@dataclass
class ListOfRecordings:
    """A set of recordings in memory; counts how often it was read."""

    recordings: list[Recording]
    name: str = "in memory"
    class_names: tuple[str, ...] = ("calm", "joy")
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


@pytest.fixture
def recording() -> Callable[..., Recording]:
    """Make a recording of white noise; other fields as given."""

    def make(channel_names=CHANNELS, *, seconds=9.0, rate_hz=128.0, seed=0, **fields) -> Recording:
        shape = (len(channel_names), round(seconds * rate_hz))
        samples = np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * 10
        plain = Recording(samples, rate_hz, tuple(channel_names), subject="p1", label=0, source=f"noise{seed}.edf")
        return replace(plain, **fields)

    return make


@pytest.fixture
def set_of() -> Callable[..., ListOfRecordings]:
    """Make a set of the recordings given."""
    return lambda *recordings, **fields: ListOfRecordings(list(recordings), **fields)
