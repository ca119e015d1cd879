"""What a study may be called: its name becomes a folder, a file and a row of a database on every system."""

from __future__ import annotations

import re

from emotune.errors import InputError

__all__ = ["check_study_name"]

_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

# What else lies in the folder of the studies, where a KerasTuner study has a folder of its own name.
_RESERVED = (
    "confirmations",
    "data",
    "logs",
    "optuna.db",
    "optuna.db-shm",
    "optuna.db-wal",
    "optuna.lock",
    "owners",
    "slots",
    "spaces",
)


def check_study_name(name: str) -> None:
    """Refuse a name that cannot be a folder, or is that of a folder with another purpose.

    Raises:
        InputError: if the name has other characters, or is reserved in whatever case.
    """
    if not _PATTERN.fullmatch(name):
        raise InputError(
            "A study's name must be letters, digits, dots, underscores and hyphens, beginning with a letter or digit. "
            f"Received: {name!r}. Give another one by --study NAME."
        )
    # Windows and macOS take `Data` for `data`, and Windows `data.` too.
    if name.rstrip(".").lower() in _RESERVED:
        raise InputError(
            f"A study's name must be none of {', '.join(_RESERVED)}, which lie in the folder of the studies. "
            f"Received: {name!r}. Give another one by --study NAME."
        )
