"""The ledger of the test part: each opening is written down before a score is computed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from emotune.evaluation.splits import Split
from emotune.files import fingerprint

__all__ = ["LEDGER", "Ledger"]

LEDGER = "test_openings.jsonl"


@dataclass(frozen=True, slots=True)
class Ledger:
    """Openings of test parts, one JSON line each, in a folder of results.

    Attributes:
        folder: the folder of results.
    """

    folder: Path

    def record(self, split: Split, *, data: str, why: str, data_fingerprint: str = "") -> int:
        """Write down that the test part of `split` is opened now; how often it has been, this time included.

        Args:
            split: whose test part.
            data: what the user called the data.
            why: what for.
            data_fingerprint: of the dataset; the same rows of other data are another test part.
        """
        line = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "why": why,
            "data": data,
            "data_fingerprint": data_fingerprint,
            "split": split.fingerprint,
            "test": _test_part(split),
            "process": os.getpid(),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / LEDGER
        # A line that broke off must not swallow this one.
        before = path.read_bytes() if path.exists() else b""
        broken = bool(before) and not before.endswith(b"\n")
        with path.open("a", encoding="utf-8") as file:
            file.write(("\n" if broken else "") + json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return self.openings(split, data_fingerprint=data_fingerprint)

    def openings(self, split: Split, *, data_fingerprint: str = "") -> int:
        """How often the test part of `split` was opened, of these data where their fingerprint is given.

        The same people (or trials) are the same part, however their recordings were cut into windows.

        What a line does not say counts as if it were the same, and a damaged line as an opening of this part:
        a test part is never called fresher than it is known to be.
        """
        path = self.folder / LEDGER
        lines = path.read_bytes().splitlines() if path.exists() else []
        return sum(_may_be(line, split, data_fingerprint) for line in lines if line.strip())


def _test_part(split: Split) -> str:
    """A short name of who is tested; empty where only row numbers tell the part."""
    names = split.trials.get("test") if split.protocol == "trial" else split.people.get("test")
    return fingerprint([split.protocol, *sorted(names)]) if names and split.protocol in ("subject", "trial") else ""


def _may_be(line: bytes, split: Split, data_fingerprint: str) -> bool:
    try:
        said = json.loads(line)
    except ValueError:
        return True
    if not isinstance(said, dict):
        return True

    def is_same(name: str, value: str) -> bool:
        return not value or said.get(name) in (value, "", None)

    same_part = is_same("split", split.fingerprint) or (bool(said.get("test")) and said["test"] == _test_part(split))
    return is_same("data_fingerprint", data_fingerprint) and same_part
