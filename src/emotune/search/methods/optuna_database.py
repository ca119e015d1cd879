"""Optuna's database in SQLite, set up for several processes."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotune.errors import EmotuneError

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

__all__ = ["open_database"]


def open_database(path: Path) -> RDBStorage:
    """Make the database or open it. Call it under the study's lock.

    Raises:
        EmotuneError: if the file is not a database that Optuna can use.
    """
    import sqlalchemy
    from optuna.storages import RDBStorage

    try:
        # Readers and one writer at a time do not block each other; the mode is kept in the file.
        with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            found = connection.execute("PRAGMA quick_check").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(" ".join(found.split()))
        storage = RDBStorage(f"sqlite:///{path.as_posix()}", engine_kwargs={"connect_args": {"timeout": 60}})
    except (sqlite3.DatabaseError, sqlalchemy.exc.SQLAlchemyError, RuntimeError) as error:
        raise EmotuneError(
            f"Expected an Optuna database at {path}, but it cannot be opened ({str(error).splitlines()[0]}). "
            "Move the file away to start anew, or put back a copy."
        ) from error

    def prepare(connection: Any, _record: Any) -> None:
        # WAL with NORMAL loses at most the last commits on a power cut, never the database.
        connection.execute("PRAGMA synchronous=NORMAL")

    sqlalchemy.event.listen(storage.engine, "connect", prepare)
    return storage
