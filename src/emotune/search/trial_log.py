"""Ended trials in a file of one JSON line each, which only grows."""

from __future__ import annotations

import json
import os
from pathlib import Path

from emotune.errors import InputError
from emotune.files import write_text
from emotune.search.trials import Trial

__all__ = ["append_trial", "read_trials"]


def append_trial(path: Path, trial: Trial) -> None:
    """Put a trial behind the others; it is on the disk when this returns."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(trial.to_dict(), allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_trials(path: Path) -> list[Trial]:
    """The trials of a file, none where there is none; a last line cut short by a kill is dropped.

    Raises:
        InputError: if another line is damaged.
    """
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    trials = []
    for number, line in enumerate(lines, start=1):
        try:
            trials.append(Trial.from_dict(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            if number == len(lines):
                break
            raise InputError(
                f"Expected a trial on line {number} of {path}, but it is damaged. Start anew with --fresh."
            ) from None
    if len(trials) < len(lines) or not text.endswith("\n"):
        # Or the next line would be put behind the torn one.
        write_text(path, "".join(f"{line}\n" for line in lines[: len(trials)]))
    return trials
