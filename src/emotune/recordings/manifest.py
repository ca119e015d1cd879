"""A set of recordings that a CSV lists: for each file, or stretch of one, who it is and what was felt."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from copy import copy
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from emotune.errors import InputError
from emotune.files import fingerprint, fingerprint_of_file
from emotune.findings import Finding
from emotune.recordings.companions import companions
from emotune.recordings.label_order import in_class_order, whole_number
from emotune.recordings.manifest_rows import Row, read_rows
from emotune.recordings.reading import check_recording_file, open_recording
from emotune.recordings.recording import Recording
from emotune.recordings.spellings import refuse_two_spellings, without_zero_fractions
from emotune.recordings.targets import Rating

__all__ = ["Manifest"]


class Manifest:
    """The recordings that a CSV lists; satisfies `RecordingSet`.

    The columns are `file`, `subject`, `label` and optionally `session`, `trial`, `stimulus`, `start_s`, `stop_s`, and
    `baseline_start_s`, `baseline_stop_s` for the rest that belongs to a row. Beside or instead of `label`, what people
    said stands in `valence`, `arousal`, `dominance`, `liking`, `familiarity` or `rating:NAME`, on a
    scale that the header may state (`valence[1-9]`), a blank cell for no answer. Files are relative to the folder of
    the CSV. Without trials, the rows of a (subject, session) are numbered.

    Attributes:
        name: `manifest:` and the path.
        emotions: the labels, in numeric order if all are integers, else in alphabetical order; none without a label.
        scales: the ratings, each as the header states it, else observed from the lowest to the highest answer.

    Raises:
        InputError: on creation, if the table or a file that it names cannot be used. Nothing is decoded.
    """

    name: str
    emotions: tuple[str, ...]
    scales: Mapping[str, Rating]

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self.name = f"manifest:{path}"
        rows, stated = read_rows(self._path)
        rows = _whole_names(_whole_labels(rows))
        refuse_two_spellings((row.subject for row in rows), str(self._path))
        rows = _resolve_trials(rows, self._path)
        _refuse_missing_files(rows, self._path)
        _refuse_shared_samples(rows, self._path)
        self.emotions = _class_names(rows, self._path)
        self.scales = _scales(rows, stated, self._path)
        self._rows = rows
        self._contents: dict[Path, list[str]] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """None: all that can be wrong is in its recordings."""
        return ()

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Recording]:
        # Neighbouring rows of one file open it once: some formats are read as a whole to be opened.
        for _, rows in groupby(self._rows, key=lambda row: row.file):
            with ExitStack() as held:
                opened = None
                for row in rows:
                    try:
                        opened = opened or held.enter_context(open_recording(row.file))
                        recording = opened.stretch(row.start_s, row.stop_s)
                        rest = None if row.baseline_s is None else opened.stretch(*row.baseline_s).samples_uv
                    except InputError as error:
                        raise type(error)(f"{self._path}, row {row.number}: {error}") from error
                    yield replace(
                        recording,
                        subject=row.subject,
                        emotion=row.label,
                        ratings=row.ratings,
                        session=row.session,
                        trial=row.trial,
                        stimulus=row.stimulus,
                        baseline_uv=rest,
                    )

    def parts(self) -> list[Manifest]:
        """The same recordings in the same order, a file each: manifests that other processes can read."""
        return [self._of(list(rows)) for _, rows in groupby(self._rows, key=lambda row: row.file)]

    def _of(self, rows: list[Row]) -> Manifest:
        part = copy(self)
        part._rows, part._contents = rows, {}
        return part

    def fingerprint(self) -> str:
        """Of the rows and the bytes of every file that they name, wherever the whole folder lies."""
        ratings = {name: [row.ratings[name] for row in self._rows] for name in self.scales}
        rows = [
            [row.subject, row.label, row.session, row.trial, row.stimulus, row.start_s, row.stop_s]
            + [*self._contents_of(row.file)]
            for row in self._rows
        ]
        content: dict[str, Any] = {"emotions": self.emotions, "rows": rows, **({"ratings": ratings} if ratings else {})}
        if any(row.baseline_s for row in self._rows):
            content["baselines"] = [row.baseline_s for row in self._rows]
        return fingerprint(content)

    def _contents_of(self, file: Path) -> list[str]:
        # One file often holds many stretches: its bytes are read once.
        if file not in self._contents:
            parts = (file, *companions(file))
            self._contents[file] = [f"{part.stat().st_size}-{fingerprint_of_file(part)}" for part in parts]
        return self._contents[file]


def _resolve_trials(rows: list[Row], path: Path) -> list[Row]:
    """Number the rows within (subject, session) where the table names no trials; a trial has one label."""
    if not any(row.trial for row in rows):
        counts: dict[tuple[str, str], int] = {}
        numbered = []
        for row in rows:
            key = (row.subject, row.session)
            counts[key] = counts.get(key, 0) + 1
            numbered.append(replace(row, trial=str(counts[key])))
        return numbered
    first: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        if not row.trial:
            raise InputError(
                f"Expected a trial in row {row.number} of {path}, as in other rows. Received: a blank cell. "
                "Fill it in, or drop the column to have the rows numbered."
            )
        other = first.setdefault((row.subject, row.session, row.trial), row)
        if other.label != row.label:
            raise InputError(
                f"Expected one label for trial {row.trial!r} of subject {row.subject!r} in {path}. Received: "
                f"{other.label!r} in row {other.number} and {row.label!r} in row {row.number}. "
                "Give each trial of a person and session a name of its own, or drop the column."
            )
        for name, value in row.ratings.items():
            said = other.ratings[name]
            if value != said and not (math.isnan(value) and math.isnan(said)):
                raise InputError(
                    f"Expected one rating of {name} for trial {row.trial!r} of subject {row.subject!r} in {path}. "
                    f"Received: {said:g} in row {other.number} and {value:g} in row {row.number}. "
                    "Give each trial of a person and session a name of its own, or drop the column."
                )
    return rows


def _refuse_missing_files(rows: list[Row], path: Path) -> None:
    missing = [row for row in rows if not row.file.exists()]
    if missing:
        shown = ", ".join(f"{row.written} (row {row.number})" for row in missing[:3])
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise InputError(
            f"Expected every file of {path} to exist. Received {len(missing)} that do not: {shown}{more}. "
            f"Files are relative to {path.parent.absolute()}."
        )
    checked: set[Path] = set()
    for row in rows:
        if row.file in checked:
            continue
        try:
            check_recording_file(row.file)
        except InputError as error:
            raise InputError(f"{path}, row {row.number}: {error}") from error
        checked.add(row.file)


def _refuse_shared_samples(rows: list[Row], path: Path) -> None:
    """Samples that belong to two people, labels or trials would stand on both sides of a split."""
    for of_file in _grouped(rows, lambda row: os.path.realpath(row.file)):
        ordered = sorted(of_file, key=lambda row: (row.stretch, row.number))
        open_rows: list[Row] = []
        for row in ordered:
            open_rows = [other for other in open_rows if other.stretch[1] > row.stretch[0]]
            for other in open_rows:
                _refuse_pair(other, row, path)
            open_rows.append(row)


def _refuse_pair(first: Row, second: Row, path: Path) -> None:
    first, second = sorted((first, second), key=lambda row: row.number)
    where = f"rows {first.number} and {second.number} of {path}"

    def identity(row: Row) -> tuple[str, str, str, str]:
        return (row.subject, row.session, row.label, row.trial)

    if first.stretch == second.stretch and (first.subject, first.label) == (second.subject, second.label):
        raise InputError(
            f"Expected each recording once. Received the same stretch of {second.written} in {where}. Drop one row."
        )
    if identity(first) != identity(second):
        raise InputError(
            f"Expected stretches of {second.written} that do not overlap. Received in {where}: "
            f"{_said(first)} and {_said(second)}. "
            "Set `start_s` and `stop_s` so that a sample belongs to one trial."
        )


def _said(row: Row) -> str:
    stop = "its end" if row.stop_s is None else f"{row.stop_s:g} s"
    return f"{row.start_s or 0.0:g} s to {stop} as {row.label!r} of subject {row.subject!r}"


def _grouped(rows: Iterable[Row], key: Callable[[Row], str]) -> Iterable[list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups.values()


def _class_names(rows: list[Row], path: Path) -> tuple[str, ...]:
    names = in_class_order(row.label for row in rows if row.label)
    if not names:  # each row has ratings instead
        return ()
    if len(names) < 2:
        raise InputError(
            f"Expected at least 2 labels in {path}. Received one: {names[0]!r} in all {len(rows)} rows. "
            "Add recordings of another label."
        )
    alike: dict[str, str] = {}
    for name in names:
        other = alike.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(
                f"Expected labels of {path} that differ in more than their case. "
                f"Received: {other!r} and {name!r}. Spell them alike."
            )
    return names


def _whole_labels(rows: list[Row]) -> list[Row]:
    """Where all labels are whole numbers, `01`, `1` and a spreadsheet's `1.0` are one label."""
    numbers = {row.label: whole_number(row.label) for row in rows if row.label}
    if None in numbers.values():
        return rows
    return [replace(row, label=str(numbers[row.label])) if row.label else row for row in rows]


def _whole_names(rows: list[Row]) -> list[Row]:
    """Where all people are whole numbers, a spreadsheet's `1.0` is `1`; so with sessions, trials and stimuli."""
    subjects, sessions, trials, stimuli = (
        without_zero_fractions([getattr(row, name) for row in rows])
        for name in ("subject", "session", "trial", "stimulus")
    )
    return [
        replace(row, subject=subject, session=session, trial=trial, stimulus=stimulus)
        for row, subject, session, trial, stimulus in zip(rows, subjects, sessions, trials, stimuli, strict=True)
    ]


def _scales(rows: list[Row], stated: Mapping[str, Rating], path: Path) -> dict[str, Rating]:
    """What was asked, on the scale that the header states, else from the lowest to the highest answer."""
    scales = {}
    for name in rows[0].ratings:
        values = [row.ratings[name] for row in rows if not math.isnan(row.ratings[name])]
        if not values or min(values) == max(values):
            received = f"{values[0]:g} in all {len(values)} rows that have one" if values else "blank cells alone"
            raise InputError(
                f"Expected ratings of {name} in {path} that differ. Received: {received}. Drop the column, or add "
                "recordings with other answers."
            )
        scales[name] = stated.get(name, Rating(min(values), max(values), is_observed=True))
    return scales
