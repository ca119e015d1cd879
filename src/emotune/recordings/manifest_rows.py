"""The rows of a table of recordings: a CSV as people and spreadsheets write it, each cell checked."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emotune.errors import InputError
from emotune.recordings.answers import RATING_PREFIX, RATINGS
from emotune.recordings.targets import Rating

__all__ = ["Row", "is_manifest", "read_rows"]

# Of a table with thousands of columns of features.
_LONGEST_HEADER = 2**20

_REQUIRED = ("file", "subject", "label")
_BASELINE = ("baseline_start_s", "baseline_stop_s")
_OPTIONAL = ("session", "trial", "stimulus", "start_s", "stop_s", *_BASELINE)
# `valence[1-9]`; what stands in the brackets: 1-9, 0 to 100, -4..4.
_SCALED = re.compile(r"(.*?)\s*\[(.*)\]")
_SCALE = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*(?:-|–|\.\.|to)\s*([+-]?\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Row:
    """One recording of the table.

    Attributes:
        number: as a spreadsheet counts: the header is row 1.
        file: where the file should be.
        written: the file as the table names it.
        subject: who was recorded, as text: `01` stays `01`.
        label: the label as text; blank where the row has ratings alone.
        session: blank where there is no such column; so are `trial` and `stimulus`.
        trial: the stretch's name within (subject, session).
        stimulus: what was shown.
        start_s: where the stretch starts; None for the start of the file.
        stop_s: where it ends; None for the end of the file.
        baseline_s: start and end of the rest that belongs to it, in the same file; None for none.
        ratings: what the person said, NaN for a blank cell; the same names in every row.
    """

    number: int
    file: Path
    written: str
    subject: str
    label: str
    session: str
    trial: str
    stimulus: str
    start_s: float | None
    stop_s: float | None
    ratings: Mapping[str, float] = field(default_factory=dict)
    baseline_s: tuple[float, float] | None = None

    @property
    def stretch(self) -> tuple[float, float]:
        """Start and end in seconds; infinity for the end of the file."""
        return (self.start_s or 0.0, math.inf if self.stop_s is None else self.stop_s)


def is_manifest(path: Path) -> bool:
    """Whether the first line of a file names the columns that say which recording and whose; False where it is none."""
    try:
        with path.open("rb") as file:
            first = file.readline(_LONGEST_HEADER)
    except OSError:
        return False
    text = first.decode("utf-16" if first[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", errors="ignore")
    separator = max(",;\t", key=text.count)
    columns = [name.strip().strip('"').lower() for name in text.split(separator)]
    return "file" in columns and "subject" in columns


def read_rows(path: Path) -> tuple[list[Row], dict[str, Rating]]:
    """Read the table at `path`: UTF-8, UTF-16 or the Windows code page; commas, semicolons or tabs.

    Also the scales that its header states behind the names of ratings, `valence[1-9]`, by those names.

    Raises:
        InputError: if there is no such table, a column or cell is missing, or a cell cannot be read; it names
            the row.
    """
    text = _text_of(path)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        columns, scales = _without_scales([name.strip().lower() for name in next(reader, [])], path)
        _refuse_columns(columns, path)
        cells = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise InputError(
            f"Expected a table in {path}, but line {reader.line_num} cannot be read ({error}). "
            "Check its quotation marks, or save it as CSV again."
        ) from error
    rows = [_row(number, columns, scales, row, path) for number, row in cells if any(row)]
    if not rows:
        raise InputError(f"Expected one row a recording in {path}. Received: a header and no row. Add the recordings.")
    return rows, {called: scales[name] for name, called in _rating_columns(columns).items() if name in scales}


def _text_of(path: Path) -> str:
    if path.is_dir():
        raise InputError(f"Expected a CSV file, received the folder {path}. Name the CSV in it.")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"Expected a CSV of recordings at {path}, but there is no such file. Check the path."
        ) from None
    except OSError as error:
        raise InputError(f"Expected a CSV of recordings at {path}, but it cannot be read ({error}).") from error
    if not content.strip():
        raise InputError(
            f"Expected a CSV with the columns {', '.join(_REQUIRED)} at {path}. Received: an empty file. "
            "Write one row a recording."
        )
    # What spreadsheets write: UTF-8 with a mark, UTF-16 ("Unicode text"), the Windows code page.
    encodings = ["utf-16"] if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise InputError(f"Expected a CSV at {path}, but it is not text. Save the table as CSV (UTF-8).")


def _without_scales(columns: list[str], path: Path) -> tuple[list[str], dict[str, Rating]]:
    """The columns without the scales that stand behind ratings, and those scales by column."""
    names, scales = [], {}
    for column in columns:
        stated = _SCALED.fullmatch(column)
        if stated is None or not _rating_columns([stated[1]]):
            names.append(column)
            continue
        ends = _SCALE.fullmatch(stated[2])
        if ends is None or float(ends[1]) >= float(ends[2]):
            raise InputError(
                f"Expected the lowest and the highest answer in brackets behind `{stated[1]}` in {path}, as in "
                f"{stated[1]}[1-9]. Received: {column}. Correct the first line."
            )
        names.append(stated[1])
        scales[stated[1]] = Rating(float(ends[1]), float(ends[2]))
    return names, scales


def _rating_columns(columns: list[str]) -> dict[str, str]:
    """The columns that are ratings, and what each is called."""
    return {
        name: name.removeprefix(RATING_PREFIX).strip()
        for name in columns
        if name in RATINGS or name.startswith(RATING_PREFIX)
    }


def _refuse_columns(columns: list[str], path: Path) -> None:
    received = ", ".join(columns)
    ratings = _rating_columns(columns)
    missing = [name for name in _REQUIRED if name not in columns and not (name == "label" and ratings)]
    if missing:
        raise InputError(
            f"Expected the columns {', '.join(_REQUIRED)} in {path} (and optionally {', '.join(_OPTIONAL)}; beside or "
            f"instead of label: {', '.join(RATINGS)}, {RATING_PREFIX}NAME). "
            f"Missing: {', '.join(missing)}. Received: {received}. Name them in the first line."
        )
    if "" in ratings.values():
        raise InputError(f"Expected a name behind `{RATING_PREFIX}` in {path}. Received: {received}. Add it.")
    called = list(ratings.values())
    double = [name for name in (*_REQUIRED, *_OPTIONAL, *ratings) if columns.count(name) > 1]
    double += [name for name in called if called.count(name) > 1]
    if double:
        raise InputError(f"Expected each column once in {path}. Received {double[0]!r} twice: {received}. Drop one.")


def _row(number: int, columns: list[str], scales: Mapping[str, Rating], cells: list[str], path: Path) -> Row:
    if len(cells) > len(columns) and any(cells[len(columns) :]):
        raise InputError(
            f"Expected {len(columns)} cells in row {number} of {path}, as in its header. "
            f"Received: {len(cells)}. Put a cell that holds the separator in quotation marks."
        )
    values = dict(zip(columns, cells, strict=False))
    ratings = {
        called: _answer(values.get(name, ""), name, scales.get(name), number, path)
        for name, called in _rating_columns(columns).items()
    }
    for name in _REQUIRED:
        if not values.get(name) and not (name == "label" and ratings):
            raise InputError(f"Expected a {name} in row {number} of {path}. Received: a blank cell. Fill it in.")
    start_s, stop_s, rest_start_s, rest_stop_s = (
        _seconds(values.get(name, ""), name, number, path) for name in ("start_s", "stop_s", *_BASELINE)
    )
    baseline_s = None if rest_start_s is None or rest_stop_s is None else (rest_start_s, rest_stop_s)
    is_half = (rest_start_s is None) != (rest_stop_s is None)
    if is_half or (baseline_s is not None and baseline_s[1] <= baseline_s[0]):
        raise InputError(
            f"Expected {' before '.join(f'`{name}`' for name in _BASELINE)} in row {number} of {path}, or neither. "
            f"Received: {values.get(_BASELINE[0]) or 'none'} and {values.get(_BASELINE[1]) or 'none'}. "
            "Give both in seconds from the file's first sample."
        )
    if stop_s is not None and stop_s <= (start_s or 0.0):
        raise InputError(
            f"Expected `stop_s` after `start_s` in row {number} of {path}. "
            f"Received: start_s={start_s or 0.0:g}, stop_s={stop_s:g}. "
            "Give seconds from the file's first sample."
        )
    return Row(
        number,
        _resolve(values["file"], path.parent),
        values["file"],
        values["subject"],
        values.get("label", ""),
        values.get("session", ""),
        values.get("trial", ""),
        values.get("stimulus", ""),
        start_s,
        stop_s,
        ratings,
        baseline_s,
    )


def _resolve(written: str, folder: Path) -> Path:
    file = folder / written
    if not file.exists() and os.sep == "/" and "\\" in written:
        return folder / written.replace("\\", "/")  # a table that was written on Windows
    return file


def _answer(text: str, name: str, scale: Rating | None, number: int, path: Path) -> float:
    if not text:
        return math.nan
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"Expected a number as `{name}` in row {number} of {path}. Received: {text!r}. "
            "Give the rating as a number, or leave the cell blank where there is none."
        )
    if scale is not None and not scale.low <= value <= scale.high:
        raise InputError(
            f"Expected `{name}` from {scale.low:g} to {scale.high:g} in row {number} of {path}, as its header says. "
            f"Received: {value:g}. Correct the cell, or the scale in the first line."
        )
    return value


def _seconds(text: str, name: str, number: int, path: Path) -> float | None:
    if not text:
        return None
    try:
        value = float(text.replace(",", "."))  # spreadsheets of half the world write a decimal comma
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise InputError(
            f"Expected seconds from the file's first sample as `{name}` in row {number} of {path}. "
            f"Received: {text!r}. Give a number of 0 or more, or leave the cell blank."
        )
    return value
