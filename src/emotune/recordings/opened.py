"""A recording file whose header has been read: what it holds, and its stretches as `Recording`s."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError, one_line
from emotune.recordings.interruptions import breaks_within
from emotune.recordings.recording import Recording, centred_uv

__all__ = ["DOWNLOAD_AGAIN", "OpenedFile", "no_eeg", "one_line"]

DOWNLOAD_AGAIN = "Copy or download it again, or export it anew from the program that recorded it."


def _nothing_to_close() -> None:
    """For a file that is in memory as a whole."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenedFile:
    """The EEG channels of a file, whatever its format; opened once, however many stretches are read.

    Attributes:
        path: the file.
        sampling_rate_hz: samples a second.
        n_times: samples of a channel.
        channel_names: the EEG channels that it does not mark as bad, in its order.
        all_names: every channel, in its order.
        microvolts: `(n_channels,)`, what one unit of each EEG channel is.
        samples: from the first and the last sample (not included) to `(n_channels, last - first)` of the EEG channels.
        marks: (onset, duration, description) of its annotations, in seconds from the first sample.
        source: what to call it in messages.
        close: gives back what it holds.
    """

    path: Path
    sampling_rate_hz: float
    n_times: int
    channel_names: tuple[str, ...]
    all_names: tuple[str, ...]
    microvolts: NDArray[np.float64]
    samples: Callable[[int, int], NDArray[Any]]
    marks: tuple[tuple[float, float, str], ...]
    source: str
    close: Callable[[], None] = _nothing_to_close

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_times / self.sampling_rate_hz

    def stretch(self, start_s: float | None = None, stop_s: float | None = None) -> Recording:
        """The stretch [`start_s`, `stop_s`) in seconds, or from the start or to the end where one is None.

        Raises:
            InputError: if it does not lie in the file, or a part of it is lost.
        """
        first, last = self._bounds(start_s, stop_s)
        rate_hz = self.sampling_rate_hz
        return Recording(
            centred_uv(self.samples(first, last), self.microvolts),
            rate_hz,
            self.channel_names,
            source=self.source,
            breaks_s=breaks_within(self.marks, first / rate_hz, last / rate_hz),
        )

    def _bounds(self, start_s: float | None, stop_s: float | None) -> tuple[int, int]:
        start, stop = (0.0 if start_s is None else start_s), (self.duration_s if stop_s is None else stop_s)
        asked = f"start_s={start:g}, stop_s={stop:g}"
        if not (math.isfinite(start) and math.isfinite(stop) and start < stop):
            raise InputError(
                f"Expected `start_s` before `stop_s` within the {self.duration_s:g} s of {self.path}. "
                f"Received: {asked}. Give both in seconds from its first sample."
            )
        first, last = round(start * self.sampling_rate_hz), round(stop * self.sampling_rate_hz)
        if start < 0 or last > self.n_times or first >= last:
            raise InputError(
                f"Expected a stretch within the {self.duration_s:g} s of {self.path}. Received: {asked}. "
                "Give both in seconds from its first sample."
            )
        return first, last


def no_eeg(path: Path, names: Sequence[str]) -> InputError:
    """What to say of a file none of whose channels is EEG."""
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return InputError(
        f"Expected EEG channels in {path}. Received: {len(names)} channels, none of them good EEG: {shown}. "
        "Check that it is the EEG file, and the channel types and bad channels that it states."
    )
