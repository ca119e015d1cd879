"""Recordings made in memory, and sets of them."""

from collections.abc import Callable

import pytest

from emotune.features.layout import CHANNELS
from emotune.recordings.recording import Recording
from recordings_in_memory import RecordingsInMemory, noise


@pytest.fixture
def recording() -> Callable[..., Recording]:
    """Make a recording of white noise in which a person was calm; other fields as given."""

    def make(channel_names=CHANNELS, **fields) -> Recording:
        return noise(channel_names, **{"subject": "p1", "emotion": "calm", **fields})

    return make


@pytest.fixture
def set_of() -> Callable[..., RecordingsInMemory]:
    """Make a set of the recordings given."""
    return lambda *recordings, **fields: RecordingsInMemory(list(recordings), **fields)
