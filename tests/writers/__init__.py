"""Writers of small folders that are byte for byte like those of data sets as they are downloaded: one module a kind.

Each module has `write(folder, n_people=..., seconds=...) -> Written` and `DAMAGES`, ways to spoil what it wrote.
People should have numbers whose order as text is another one (2 and 11), and be written last to first: what is read
must come in the order of the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

__all__ = ["WRITERS", "Damage", "Truth", "Written", "empty", "half", "web_page"]

Damage = Callable[[Path], None]
"""Spoils the folder that was written, in one way; reading it must then end in one line that names the file."""


@dataclass(frozen=True)
class Truth:
    """What a reader must give for one recording."""

    samples_uv: np.ndarray  # (n_channels, n_times), not centred
    sampling_rate_hz: float
    channel_names: tuple[str, ...]
    subject: str
    trial: str
    session: str = ""
    stimulus: str = ""
    emotion: str = ""
    ratings: Mapping[str, float] = field(default_factory=dict)
    baseline_uv: np.ndarray | None = None


@dataclass(frozen=True)
class Written:
    """A folder that was written.

    Attributes:
        spec: what `--data` takes.
        folder: where it lies.
        recordings: what must come out, in the order of reading.
        tolerance_uv: how exact the format is: half of its smallest step, or 1e-3.
    """

    spec: str
    folder: Path
    recordings: list[Truth]
    tolerance_uv: float = 1e-3


def half(file: Path) -> None:
    """Leave the first half of a file."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def empty(file: Path) -> None:
    """Leave nothing of a file but its name."""
    file.write_bytes(b"")


def web_page(file: Path) -> None:
    """Put what a server sends in place of a file to whoever is not logged in."""
    file.write_bytes(b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please log in.</body></html>\n")


# Last: the modules of the table take what stands above.
from writers.registry import WRITERS  # noqa: E402
