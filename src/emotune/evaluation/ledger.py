"""The ledger of the test part: each opening is written down before a score is computed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from emotune.evaluation.splits import Split

__all__ = ["LEDGER", "Ledger"]

LEDGER = "test_openings.jsonl"


@dataclass(frozen=True, slots=True)
class Ledger:
    """Openings of test parts, one JSON line each, in a folder of results.

    Attributes:
        folder: the folder of results.
    """

    folder: Path

    def record(self, split: Split, *, data: str, why: str) -> int:
        """Write down that the test part of `split` is opened now; how often it has been, this time included."""
        line = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "why": why,
            "data": data,
            "split": split.fingerprint,
            "process": os.getpid(),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LEDGER).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return self.openings(split)

    def openings(self, split: Split) -> int:
        """How often the test part of `split` was opened."""
        path = self.folder / LEDGER
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return sum(split.fingerprint in line for line in lines)
