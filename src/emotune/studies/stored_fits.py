"""Fits that are made once: a JSON line each, written as they end, so that an interruption loses none of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from emotune.search.trials import Trial

__all__ = ["StoredFits"]


class StoredFits:
    """The results of one configuration on the folds, by the number of the fold.

    Args:
        path: of the file; its name must change with whatever would change a result.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[int, Trial]:
        """What is there: no line that a kill cut short, and no failure, which may have been the machine's."""
        results: dict[int, Trial] = {}
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                try:
                    content = json.loads(line)
                    fold, result = int(content["fold"]), Trial.from_dict(content["result"])
                except (ValueError, KeyError, TypeError):
                    continue
                if result.state != "failed":
                    results[fold] = result
        return results

    def add(self, fold: int, result: Trial) -> None:
        """Store one result."""
        line = json.dumps({"fold": fold, "result": result.to_dict()}, allow_nan=False)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            # Begun on a line of its own: the last one may have been cut short.
            file.write(f"\n{line}\n")
            file.flush()
            os.fsync(file.fileno())
