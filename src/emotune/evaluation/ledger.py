"""The ledger of the test part: each opening is written down before a score is computed."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emotune.errors import EmotuneError
from emotune.evaluation.protocols import protocol_of
from emotune.evaluation.splits import OWN_PARTS, Split
from emotune.files import fingerprint

__all__ = ["LEDGER", "Ledger", "Openings"]

LEDGER = "test_openings.jsonl"

# A line must not grow with the data: beyond so many names (of trials) people tell the part.
_MOST_NAMES = 200

# What opened a part where its line does not say.
_UNKNOWN, _DAMAGED = "unknown", "damaged line"


@dataclass(frozen=True, slots=True)
class Openings:
    """How often test parts were opened, and by what.

    Attributes:
        by: what opened them (`retrain`, `evaluate`) -> how often, the first one first; damaged lines count.
    """

    by: Mapping[str, int]

    @property
    def total(self) -> int:
        """All openings together."""
        return sum(self.by.values())

    def __str__(self) -> str:
        if not self.by:
            return "never opened"
        times = "once" if self.total == 1 else f"{self.total} times"
        return f"opened {times}: " + ", ".join(f"{name} {count}" for name, count in self.by.items())

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain JSON values."""
        return {"total": self.total, "by": dict(self.by)}


@dataclass(frozen=True, slots=True)
class Ledger:
    """Openings of test parts, one JSON line each, in a folder of results.

    Attributes:
        folder: the folder of results.
        run: a name for one look at several parts, such as all folds of a ladder, which counts once; empty where each
            opening is a look of its own.
    """

    folder: Path
    run: str = ""

    def record(self, split: Split, *, data: str, why: str, data_fingerprint: str = "") -> int:
        """Write down that the test part of `split` is opened now; how often it has been, this time included.

        Args:
            split: whose test part.
            data: what the user called the data.
            why: what for; what opens it, then a colon and what more there is to say.
            data_fingerprint: of the dataset; the same rows of other data are another test part.

        Raises:
            EmotuneError: if the line cannot be written whole; then the part must stay closed.
        """
        line = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "who": _who(),
            "why": why,
            "data": data,
            "data_fingerprint": data_fingerprint,
            "split": split.fingerprint,
            "test": _test_part(split),
            "tested": _tested(split),
            "run": self.run,
            "process": os.getpid(),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / LEDGER
        # A line that broke off must not swallow this one.
        before = path.read_bytes() if path.exists() else b""
        broken = bool(before) and not before.endswith(b"\n")
        text = ("\n" if broken else "") + json.dumps(line, ensure_ascii=False) + "\n"
        _append(path, text.encode("utf-8", "replace"))
        return self.openings(split, data_fingerprint=data_fingerprint)

    def openings(self, split: Split, *, data_fingerprint: str = "") -> int:
        """How often the test part of `split` was opened, of these data where their fingerprint is given.

        A part that shares people (or what else was divided) with this one counts, however their recordings were cut
        into windows; parts that one run opened count once.

        What a line does not say counts as if it were the same, and a damaged line as an opening of this part:
        a test part is never called fresher than it is known to be.
        """
        return self.summary([split], data_fingerprint=data_fingerprint).total

    def summary(self, splits: Sequence[Split] | None = None, *, data_fingerprint: str = "") -> Openings:
        """How often test parts were opened, and by what, for a report.

        Args:
            splits: whose test parts; None for all that were ever opened with results in this folder. An opening that
                may be of several of them counts once.
            data_fingerprint: of the dataset, as for `openings`.
        """
        lines = self._lines()
        if splits is not None:
            parts = [_Part(split.fingerprint, _test_part(split), _tested(split)) for split in splits]
            lines = [line for line in lines if any(_may_be(_read(line), part, data_fingerprint) for part in parts)]
        return _counted(lines)

    def of_data(self, data_fingerprint: str) -> Openings:
        """How often any test part of these data was opened: who tries split after split has looked at them all."""
        lines = [line for line in self._lines() if (_read(line) or {}).get("data_fingerprint") == data_fingerprint]
        return _counted(lines)

    def _lines(self) -> list[bytes]:
        path = self.folder / LEDGER
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [line for line in lines if line.strip()]


def _counted(lines: Sequence[bytes]) -> Openings:
    """Openings by what opened them; lines of one run count once."""
    runs = {_run_of(line, number): _opened_by(line) for number, line in enumerate(lines)}
    return Openings(dict(Counter(runs.values())))


def _append(path: Path, text: bytes) -> None:
    """Add a line at the end, in one write, so that processes that write at once do not cut into each other's lines."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        if os.write(handle, text) != len(text):
            raise EmotuneError(f"Expected room for a line in {path}, but the disk is full. The test part stays closed.")
        os.fsync(handle)
    finally:
        os.close(handle)


def _who() -> str:
    """User and machine, as far as they are known."""
    try:
        user = getpass.getuser()
    except (KeyError, ImportError, OSError):
        user = "unknown"  # a container may run under a number without a name
    try:
        host = socket.gethostname()
    except OSError:
        host = "unknown"
    return f"{user}@{host}"


def _opened_by(line: bytes) -> str:
    said = _read(line)
    if said is None:
        return _DAMAGED
    why = said.get("why")
    return (why.partition(":")[0].strip() if isinstance(why, str) else "") or _UNKNOWN


def _run_of(line: bytes, number: int) -> str:
    """The look that a line belongs to; its own number where it is one by itself."""
    run = (_read(line) or {}).get("run")
    return f"{run} {_opened_by(line)}" if isinstance(run, str) and run else str(number)


def _read(line: bytes) -> dict[str, Any] | None:
    """What a line says; None where it is damaged."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _test_part(split: Split) -> str:
    """A short name of who or what is tested, whatever protocol came to it; empty where only row numbers tell the part.

    A person left out alone is the same part as that person held out by a split by person.
    """
    if split.protocol == OWN_PARTS:
        return ""
    columns, names = protocol_of(split).columns, []
    for column in columns:
        of = {**split.groups, "subject": split.people, "trial": split.trials}.get(column, {})
        tested = sorted(of.get("test", ()))
        if not tested:
            return ""
        names.append(tested)
    return fingerprint(["+".join(columns), *(names[0] if len(names) == 1 else names)])


def _tested(split: Split) -> dict[str, list[str]]:
    """Who and what is in the test part, by group column; a column of very many names is left out."""
    of = {**{column: names.get("test", []) for column, names in split.groups.items()}}
    of |= {"subject": split.people.get("test", []), "trial": split.trials.get("test", [])}
    return {column: sorted(names) for column, names in of.items() if 0 < len(names) <= _MOST_NAMES}


@dataclass(frozen=True, slots=True)
class _Part:
    """What tells a test part: computed once, however many lines are looked at."""

    split: str
    test: str
    tested: Mapping[str, list[str]]


def _may_be(said: dict[str, Any] | None, part: _Part, data_fingerprint: str) -> bool:
    if said is None:
        return True

    def is_same(name: str, value: str) -> bool:
        return not value or said.get(name) in (value, "", None)

    same_part = is_same("split", part.split) or (bool(said.get("test")) and said["test"] == part.test)
    return is_same("data_fingerprint", data_fingerprint) and (same_part or _share(said.get("tested"), part.tested))


def _share(theirs: Any, ours: Mapping[str, Sequence[str]]) -> bool:
    """Whether two test parts have rows in common, as far as names tell: a name of every column that both have."""
    columns = [column for column in ours if isinstance(theirs, dict) and isinstance(theirs.get(column), list)]
    return bool(columns) and all(not set(ours[column]).isdisjoint(map(str, theirs[column])) for column in columns)
