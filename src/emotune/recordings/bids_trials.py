"""Which events of a BIDS folder are trials, and what they say was felt.

BIDS says how events are written, not which of them are trials. An event that lasts is one. Where none in the whole
set lasts (many sets on OpenNeuro export bare markers), each lasts until the next.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from emotune.errors import InputError
from emotune.findings import Finding, listed
from emotune.recordings.answers import RATINGS
from emotune.recordings.bids_tables import Event, EventTable, number
from emotune.recordings.interruptions import is_recorders_mark
from emotune.recordings.label_order import in_class_order
from emotune.recordings.targets import Rating

__all__ = ["Trial", "Trials", "trials_of"]

_ROUNDING_S = 1e-3  # onsets and durations are rounded when they are written
_MOMENT_S = 0.05  # many exports give a marker the duration of one sample

# `RATINGS` are ratings whatever else their columns are called, and come first.
# Words that make a column of numbers a code, a time, a count or a fact about the stimulus.
_NO_ANSWER = {
    "sample", "samples", "value", "time", "rt", "latency", "onset", "offset", "delay", "begin", "start", "stop", "end",
    "duration", "response", "key", "button", "correct", "accuracy", "code", "id", "identifier", "index", "idx",
    "number", "num", "no", "nr", "n", "count", "trial", "block", "run", "session", "type", "condition", "hed", "marker",
    "trigger", "channel", "event", "urevent", "stim", "stimulus", "file", "frame", "order", "position", "size", "age",
    "sex", "subject", "participant",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trial:
    """A stretch of a recording.

    Attributes:
        row: of the event in its table.
        start_s: first moment, in seconds from the first sample.
        stop_s: its end; None for the end of the file.
        emotion: one of the set's classes, or empty.
        ratings: by the names of the set's scales, NaN for no answer.
        stimulus: the file that was shown, or empty.
    """

    row: int
    start_s: float
    stop_s: float | None
    emotion: str
    ratings: Mapping[str, float]
    stimulus: str


@dataclass(frozen=True, slots=True)
class Trials:
    """The trials of a set.

    Attributes:
        of: those of each table, in the order of time.
        emotions: their classes.
        scales: what was asked, from the lowest to the highest answer that was given.
        findings: what was left out, and what was supposed.
    """

    of: tuple[tuple[Trial, ...], ...]
    emotions: tuple[str, ...]
    scales: Mapping[str, Rating]
    findings: tuple[Finding, ...]


def trials_of(tables: Sequence[EventTable]) -> Trials:
    """The trials in tables of events.

    Raises:
        InputError: if a table says nothing of what was felt, or an answer is no number.
    """
    lasting = any(_lasts(event) for table in tables for event in table.events if _is_of_the_task(event))
    stretches = [_stretches(table, lasting=lasting) for table in tables]
    events = [[event for event, _ in found] for found in stretches]
    scales = _scales(tables, events)
    for table in tables:
        if not {"trial_type", "value", *scales} & set(table.columns):
            raise InputError(
                f"Expected a column `trial_type` or `value`, or ratings in numbers, in {table.path}. Received: "
                f"{', '.join(table.columns)}. Add what each event was."
            )
    # One coding for the whole set: a word in one file and a trigger's number in the next are no two classes.
    column = "trial_type" if any(event.cells.get("trial_type") for found in events for event in found) else "value"
    trials = tuple(
        tuple(
            Trial(
                event.row,
                event.onset_s,
                stop_s,
                event.cells.get(column, ""),
                {name: _answer(event, name) for name in scales},
                event.cells.get("stim_file", ""),
            )
            for event, stop_s in found
        )
        for found in stretches
    )
    emotions = in_class_order(trial.emotion for found in trials for trial in found if trial.emotion)
    return Trials(trials, emotions, scales, _findings(tables, trials, lasting=lasting))


def _is_of_the_task(event: Event) -> bool:
    return not is_recorders_mark(event.name)


def _lasts(event: Event) -> bool:
    return event.duration_s > _MOMENT_S


def _stretches(table: EventTable, *, lasting: bool) -> list[tuple[Event, float | None]]:
    """The events that are trials with their ends, in the order of time."""
    events = sorted(
        (event for event in table.events if _is_of_the_task(event) and event.onset_s >= 0),
        key=lambda event: (event.onset_s, event.row),
    )
    if lasting:
        return [(event, event.onset_s + event.duration_s) for event in events if _lasts(event)]
    onsets = [event.onset_s for event in events]
    ends = [*onsets, None]
    return [(event, ends[bisect_right(onsets, event.onset_s + _MOMENT_S)]) for event in events]


def _scales(tables: Sequence[EventTable], trials: Sequence[Sequence[Event]]) -> dict[str, Rating]:
    """Columns whose cells are numbers and differ, those that the field knows first."""
    columns = dict.fromkeys(name for table in tables for name in table.columns if _may_be_rating(name))
    scales = {}
    for name in sorted(columns, key=_fame):
        cells = [
            (table, event, event.cells[name])
            for table, events in zip(tables, trials, strict=True)
            for event in events
            if event.cells.get(name)
        ]
        values = [value for _, _, cell in cells if (value := number(cell)) is not None]
        if len(values) < len(cells):
            if values and _fame(name) < len(RATINGS):
                table, event, cell = next(entry for entry in cells if number(entry[2]) is None)
                raise InputError(
                    f"Expected a number or n/a as `{name}` in row {event.row} of {table.path}. Received: {cell!r}. "
                    "Mend the table."
                )
            continue
        if values and min(values) < max(values):
            scales[name] = Rating(min(values), max(values), is_observed=True)
    return scales


def _may_be_rating(column: str) -> bool:
    if column in ("onset", "duration", "trial_type", "value", "stim_file"):
        return False
    return _fame(column) < len(RATINGS) or not _NO_ANSWER & set(re.split(r"[^a-z]+", column))


def _fame(column: str) -> int:
    return next((i for i, known in enumerate(RATINGS) if known in column), len(RATINGS))


def _answer(event: Event, name: str) -> float:
    value = number(event.cells.get(name, ""))
    return math.nan if value is None else value


def _findings(tables: Sequence[EventTable], trials: Sequence[Sequence[Trial]], *, lasting: bool) -> tuple[Finding, ...]:
    findings = []
    taken = sum(len(found) for found in trials)
    if taken and not lasting:
        findings.append(
            Finding(
                "no-durations",
                "note",
                f"No event of the set has a duration: each of the {taken} events is taken to last until the next one, "
                "or the end of its file.",
                "Write the durations into the events.tsv files, or list the stretches in a manifest.",
            )
        )
    for name, why, events in (
        ("moments", "without a duration, beside events that have one", _moments(tables, lasting=lasting)),
        ("interruptions", "that mark the recording itself", [e for e in _all(tables) if not _is_of_the_task(e)]),
        (
            "before-start",
            "that began before the first sample",
            [e for e in _all(tables) if _is_of_the_task(e) and e.onset_s < 0 and (_lasts(e) or not lasting)],
        ),
    ):
        if events:
            counts = Counter(event.name or "n/a" for event in events).most_common()
            shown = listed([f"{label} ({count})" for label, count in counts], 6)
            findings.append(Finding(name, "note", f"{len(events)} events {why} are no trials: {shown}."))
    findings += _classes_lost(tables, trials, lasting=lasting)
    bare = [table.path.name for table, found in zip(tables, trials, strict=True) if not found]
    if bare:
        findings.append(
            Finding("no-trials", "note", f"No event is a trial in {listed(bare, 3)}: these recordings are left out.")
        )
    overlaps = sum(_overlapping(found) for found in trials)
    if overlaps:
        findings.append(
            Finding(
                "overlapping-trials",
                "warning",
                f"{overlaps} of {taken} trials begin before an earlier one of the same file has ended: they share "
                "samples.",
                "Keep people apart in the split, or take the events that enclose others out of the events.tsv files.",
            )
        )
    return tuple(findings)


def _classes_lost(tables: Sequence[EventTable], trials: Sequence[Sequence[Trial]], *, lasting: bool) -> list[Finding]:
    """A warning where marks of the recording come as often and last as long as trials: they may be a class."""
    counts = Counter(trial.emotion for found in trials for trial in found if trial.emotion)
    lengths_s = [trial.stop_s - trial.start_s for found in trials for trial in found if trial.stop_s is not None]
    marks = [event for event in _all(tables) if event.cells.get("trial_type") and not _is_of_the_task(event)]
    suspicious = []
    for name in dict.fromkeys(event.name for event in marks):
        of_name = [event for event in marks if event.name == name]
        are_long = not lasting or median(event.duration_s for event in of_name) >= 0.5 * min(lengths_s, default=0.0)
        if name.startswith("BAD_") and are_long and len(of_name) >= min(counts.values(), default=1):
            suspicious.append(name)
    if not suspicious:
        return []
    return [
        Finding(
            "class-taken-for-marks",
            "warning",
            f"Events called {listed(suspicious, 6)} are taken for marks of bad stretches, by their name, and are as "
            "many and as long as trials.",
            "Rename them in the events.tsv files if they are a class.",
        )
    ]


def _all(tables: Sequence[EventTable]) -> list[Event]:
    return [event for table in tables for event in table.events]


def _moments(tables: Sequence[EventTable], *, lasting: bool) -> list[Event]:
    return [event for event in _all(tables) if lasting and _is_of_the_task(event) and not _lasts(event)]


def _overlapping(trials: Sequence[Trial]) -> int:
    count, end_s = 0, -math.inf
    for trial in trials:
        count += trial.start_s < end_s - _ROUNDING_S
        end_s = max(end_s, math.inf if trial.stop_s is None else trial.stop_s)
    return count
