"""Who is alive on this machine: locks that the system itself lets go of when their holder dies."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path
from types import TracebackType

from filelock import BaseFileLock, FileLock, Timeout

from emotune.errors import InputError

__all__ = ["Presence", "Slots", "n_cores", "only_owner"]


def n_cores() -> int:
    """Cores that this process may use: an affinity or container limit counts where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Presence:
    """A name that others can ask about: alive as long as this process is.

    A file lock is held under the name. The system releases it when the process dies in whatever way, so a
    trial that belongs to a dead owner can be told from one that is being trained, without heartbeats.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.host = socket.gethostname()
        self.name = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._lock = FileLock(self._path(self.name))
        self._lock.acquire(timeout=0)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.owner"

    def is_alive(self, name: str) -> bool:
        """Whether the process that took `name` on this machine still runs."""
        if name == self.name:
            return True
        path = self._path(name)
        if not path.exists():
            return False
        probe = FileLock(path)
        try:
            probe.acquire(timeout=0)
        except Timeout:
            return True
        probe.release()
        path.unlink(missing_ok=True)
        return False

    def close(self) -> None:
        """Leave: from now on the name is dead."""
        self._lock.release()
        self._path(self.name).unlink(missing_ok=True)


class Slots:
    """The machine's cores as slots that all searches on it share, so that four terminals are no slower than one.

    Args:
        folder: where the lock files lie; the same for every process of a user.
        n_slots: how many trials may train at once on this machine.
    """

    def __init__(self, folder: Path, n_slots: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._paths = [folder / f"core-{index}.slot" for index in range(n_slots)]

    def take(self) -> BaseFileLock | None:
        """A slot, to be given back with `release()`; None while others hold them all."""
        for path in self._paths:
            slot = FileLock(path)
            try:
                slot.acquire(timeout=0)
            except Timeout:
                continue
            return slot
        return None


class only_owner:
    """Hold `path` as the only process, or say who cannot and what to do.

    Raises:
        InputError: on entering, if another process holds it.
    """

    def __init__(self, path: Path, message: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path)
        self._message = message

    def __enter__(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise InputError(self._message) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
