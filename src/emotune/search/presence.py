"""Who is alive on this machine: locks that the system itself lets go of when their holder dies."""

from __future__ import annotations

import contextlib
import getpass
import math
import os
import re
import socket
import tempfile
import uuid
from pathlib import Path
from types import TracebackType

from filelock import BaseFileLock, FileLock, Timeout

from emotune.errors import InputError

__all__ = ["Presence", "Slots", "default_workers", "n_cores", "only_owner"]

_CGROUPS = Path("/sys/fs/cgroup")

# A worker with TensorFlow, a network of this field and what it leaks until it is replaced.
_BYTES_A_WORKER = 800_000_000


def n_cores() -> int:
    """Cores that this process may use: an affinity and a container's quota count where the system tells."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota_cores()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _quota_cores() -> float | None:
    """The processor time that a container may take, in cores; None where nothing limits it."""
    try:
        # Control groups, version 2: "150000 100000", or "max 100000" without a limit.
        quota, period = (_CGROUPS / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            # Version 1; -1 is no limit.
            quota, period = (
                (_CGROUPS / "cpu" / f"cpu.cfs_{name}_us").read_text("ascii") for name in ("quota", "period")
            )
        except (OSError, ValueError):
            return None
    try:
        cores = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return cores if cores > 0 else None


def default_workers() -> int:
    """How many trials to train at once: one a core, as far as free memory goes, and at least one."""
    import psutil

    memory = min(psutil.virtual_memory().available, _limit_of_memory())
    return int(max(1, min(n_cores(), memory // _BYTES_A_WORKER)))


def _limit_of_memory() -> float:
    """The bytes that a container may take; infinite where nothing limits it.

    What it takes already is not asked for: most of that is the file cache, which gives way.
    """
    # Control groups, version 2 ("max" is no limit), then version 1 (where no limit is a number beyond any memory).
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            return int((_CGROUPS / name).read_text("ascii"))
    return math.inf


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
        _unlink(path)
        return False

    def close(self) -> None:
        """Leave: from now on the name is dead."""
        self._lock.release()
        _unlink(self._path(self.name))


def _unlink(path: Path) -> None:
    # Windows keeps a file that another process is just asking about; a file without a lock does no harm.
    with contextlib.suppress(OSError):
        path.unlink()


class Slots:
    """The machine's cores as slots that all searches on it share, so that four terminals are no slower than one.

    Args:
        folder: where the lock files lie; the same for every process of a user. Where it cannot be written to, they
            lie in the user's own folder among the system's temporary files.
        n_slots: how many trials may train at once on this machine.
    """

    def __init__(self, folder: Path, n_slots: int) -> None:
        folder = folder if _is_writable(folder) else _own_temporary_folder() / "slots"
        folder.mkdir(parents=True, exist_ok=True)
        # A home folder may be shared by machines, whose cores are their own.
        host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())
        self._paths = [folder / f"{host}-core-{index}.slot" for index in range(n_slots)]

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


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _own_temporary_folder() -> Path:
    try:
        user = getpass.getuser()
    except (KeyError, ImportError, OSError):
        # A container may run under a number without a name.
        user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"emotune-{user}"


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
