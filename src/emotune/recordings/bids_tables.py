"""The tables beside a recording in a BIDS folder: what happened in it, and what its channels are.

References:
    https://bids-specification.readthedocs.io, Task events, and Electroencephalography (channels).
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emotune.errors import InputError

__all__ = ["Channel", "Event", "EventTable", "number", "read_channels", "read_events"]

_BLANK = ("", "n/a", "nan")

_REMEDY = "Mend the table, or download it again."


@dataclass(frozen=True, slots=True)
class Event:
    """A row of a table of events.

    Attributes:
        row: as a spreadsheet counts: the header is row 1.
        onset_s: when it began, in seconds from the first sample; negative before it.
        duration_s: how long it lasted; 0 where that is not known or it was a moment.
        cells: what the other columns say, names in lower case, empty for `n/a`.
    """

    row: int
    onset_s: float
    duration_s: float
    cells: Mapping[str, str]

    @property
    def name(self) -> str:
        """What it is called: `trial_type`, else `value`."""
        return self.cells.get("trial_type") or self.cells.get("value") or ""


@dataclass(frozen=True, slots=True)
class EventTable:
    """A table of events.

    Attributes:
        path: where it lies.
        columns: in lower case.
        events: in the order of the table.
    """

    path: Path
    columns: tuple[str, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Channel:
    """A row of a table of channels.

    Attributes:
        name: what it is called.
        is_eeg: whether its type is EEG, or none is said.
        is_bad: whether its status is bad.
    """

    name: str
    is_eeg: bool
    is_bad: bool


def read_events(path: Path) -> EventTable:
    """Read an `*_events.tsv`.

    Raises:
        InputError: if it is no table, has no onsets, or one that is no number; it names the row.
    """
    columns, rows = _read_table(path, "onset")
    events = []
    for row, cells in rows:
        onset_s, duration_s = number(cells["onset"]), number(cells.get("duration", "") or "0")
        if onset_s is None:
            raise InputError(
                f"Expected seconds from the first sample as `onset` in row {row} of {path}. Received: "
                f"{cells['onset'] or 'n/a'!r}. {_REMEDY}"
            )
        if duration_s is None or duration_s < 0:
            raise InputError(
                f"Expected seconds of 0 or more, or n/a, as `duration` in row {row} of {path}. Received: "
                f"{cells['duration']!r}. {_REMEDY}"
            )
        others = {name: value for name, value in cells.items() if name not in ("onset", "duration")}
        events.append(Event(row, onset_s, duration_s, others))
    return EventTable(path, columns, tuple(events))


def read_channels(path: Path) -> tuple[Channel, ...]:
    """Read a `*_channels.tsv`.

    Raises:
        InputError: if it is no table, or its names are blank or come twice.
    """
    _, rows = _read_table(path, "name")
    names = [cells["name"] for _, cells in rows]
    wrong = [row for row, cells in rows if not cells["name"] or names.count(cells["name"]) > 1]
    if wrong or not rows:
        received = f"{names[wrong[0] - rows[0][0]] or 'n/a'!r} in row {wrong[0]}" if wrong else "no row"
        raise InputError(f"Expected each channel once, by its name, in {path}. Received: {received}. {_REMEDY}")
    return tuple(
        Channel(cells["name"], cells.get("type", "").lower() in ("", "eeg"), cells.get("status", "").lower() == "bad")
        for _, cells in rows
    )


def number(text: str) -> float | None:
    """The finite number that `text` writes; None where it writes none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _read_table(path: Path, needed: str) -> tuple[tuple[str, ...], list[tuple[int, dict[str, str]]]]:
    """The columns in lower case, and each row with its number, `n/a` as an empty text."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"Expected a table at {path}, but it cannot be read ({error}). Fetch or copy it.") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"Expected a table in UTF-8 at {path}, but it is not text ({error.reason}). {_REMEDY}"
        ) from error
    # BIDS knows no quotation marks; a cell may hold one.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t", quoting=csv.QUOTE_NONE)
    try:
        lines = [[cell.strip() for cell in line] for line in reader]
    except csv.Error as error:
        raise InputError(f"Expected a table at {path}, but it cannot be read ({error}). {_REMEDY}") from error
    columns = tuple(name.lower() for name in lines[0]) if lines else ()
    if columns.count(needed) != 1 or len(set(columns)) < len(columns):
        shown = " ".join(", ".join(columns).split())[:80] or "an empty file"
        raise InputError(
            f"Expected columns parted by tabs, each once, and `{needed}` among them, in {path}. Received: {shown}. "
            f"{_REMEDY}"
        )
    rows = []
    for row, line in enumerate(lines[1:], start=2):
        if not any(line):
            continue
        if len(line) != len(columns):
            raise InputError(
                f"Expected {len(columns)} cells in row {row} of {path}, as in its header. Received: {len(line)}. "
                f"{_REMEDY}"
            )
        cells = ("" if cell.lower() in _BLANK else cell for cell in line)
        rows.append((row, dict(zip(columns, cells, strict=True))))
    return columns, rows
