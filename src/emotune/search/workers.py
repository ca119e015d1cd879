"""A pool of worker processes as the search sees it: start, order, wait, recycle.

Workers come from a fork server that has TensorFlow and Keras imported (a new one is ready in well under a
second), or are spawned where the system has none. They are never forked from the search itself.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from emotune.errors import EmotuneError, InputError
from emotune.search.interruption import raise_if_interrupted
from emotune.search.messages import Ended, Explore, Ready, Refit, Train, Unusable, WorkerSetup
from emotune.search.worker import work

__all__ = ["Gone", "Worker", "WorkerPool", "warm_up"]

# Building model after model in one process leaks memory in TensorFlow, whatever is cleared.
RECYCLE_AFTER_TRIALS = 5
RECYCLE_ABOVE_BYTES = 2_000_000_000

# A worker that dies before its first order is no accident of one trial.
MAX_DEATHS_AT_START = 3

# One thread a worker, for every library that would start its own.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


@contextlib.contextmanager
def _worker_environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _context() -> Any:
    # On macOS TensorFlow does not survive a fork, not even that of a fork server.
    method = "forkserver" if sys.platform.startswith("linux") else "spawn"
    return multiprocessing.get_context(method)


def warm_up() -> None:
    """Start the fork server and let it import TensorFlow and Keras while the caller reads its data."""
    context = _context()
    if context.get_start_method() != "forkserver":
        return
    from multiprocessing import forkserver

    # The user's files are never preloaded: an edit would not be seen.
    context.set_forkserver_preload(["tensorflow", "keras"])
    with _worker_environment(), _silent_server():
        forkserver.ensure_running()


@contextlib.contextmanager
def _silent_server() -> Iterator[None]:
    """Let a process that is started now have no standard error: the server's TensorFlow announces itself there.

    Each worker turns to the study's log when it begins, so nothing of theirs is lost.
    """
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


@dataclass(eq=False)
class Worker:
    """One process, from the search's side."""

    process: Any
    connection: Connection
    order: Train | Refit | Explore | None = None
    ready: bool = False
    n_trials: int = 0
    memory_bytes: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether it waits for an order."""
        return self.ready and self.order is None


@dataclass(frozen=True, slots=True)
class Gone:
    """In place of a message: the process has died."""

    exit_code: int | None


class WorkerPool:
    """At most `n_workers` processes, started when they are needed."""

    def __init__(self, setup: WorkerSetup, n_workers: int) -> None:
        self.n_workers = n_workers
        self._setup = setup
        self._context = _context()
        self._deaths_at_start = 0
        self.workers: list[Worker] = []

    def start(self) -> Worker:
        """Start one more process; it says `Ready` when it is."""
        ours, theirs = self._context.Pipe()
        with _worker_environment():
            process = self._context.Process(target=work, args=(theirs, self._setup), name="emotune-worker", daemon=True)
            process.start()
        # The only other handle of the worker's end: with it closed, a dead worker is an end of file.
        theirs.close()
        worker = Worker(process, ours)
        self.workers.append(worker)
        return worker

    @property
    def has_room(self) -> bool:
        """Whether one more process may be started."""
        return len(self.workers) < self.n_workers

    def start_for(self, n_orders: int) -> None:
        """Start as many processes at once as there is room for, if so many orders are still to be given."""
        n_free = sum(worker.order is None for worker in self.workers)
        for _ in range(min(n_orders - n_free, self.n_workers - len(self.workers))):
            self.start()

    def idle(self) -> Worker | None:
        """A worker that waits for an order."""
        return next((worker for worker in self.workers if worker.is_idle), None)

    def send(self, worker: Worker, order: Train | Refit | Explore) -> None:
        """Give an order. A worker that has just died is noticed by `wait`."""
        worker.order = order
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            worker.connection.send(order)

    def answer(self, worker: Worker, answer: object) -> None:
        """Answer a worker's question. A worker that has just died is noticed by `wait`."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            worker.connection.send(answer)

    def wait(self, timeout_s: float) -> Iterator[tuple[Worker, object]]:
        """Messages that came within `timeout_s`, one a worker, each taken only when the one before is dealt with.

        Raises:
            InputError: if workers cannot work with what the user gave.
            EmotuneError: if workers keep dying before they are ready.
            KeyboardInterrupt: if the user wants the search to end; see `deferred_interrupts`.
        """
        raise_if_interrupted()
        by_connection = {worker.connection: worker for worker in self.workers}
        if not by_connection:
            time.sleep(timeout_s)
            return
        for connection in wait(list(by_connection), timeout_s):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                message = worker.connection.recv()
            except (EOFError, ConnectionResetError, OSError):
                message = self._bury(worker)
            if isinstance(message, Unusable):
                raise InputError(message.error)
            if isinstance(message, Ready):
                worker.ready, self._deaths_at_start = True, 0
            if isinstance(message, Ended):
                worker.n_trials += 1
                worker.memory_bytes = message.memory_bytes
            yield worker, message

    def _bury(self, worker: Worker) -> Gone:
        self.workers.remove(worker)
        worker.connection.close()
        worker.process.join(timeout=10)
        if not worker.ready:
            self._deaths_at_start += 1
            if self._deaths_at_start >= MAX_DEATHS_AT_START:
                raise EmotuneError(
                    f"A worker process should get ready to train, but {MAX_DEATHS_AT_START} in a row died "
                    f"(exit code {worker.process.exitcode}). The reason is at the end of {self._setup.log}."
                )
        return Gone(worker.process.exitcode)

    def rest(self, worker: Worker) -> None:
        """Note that a worker's order is done; one that has trained enough leaves; `start_for` starts another."""
        worker.order = None
        if worker.n_trials >= RECYCLE_AFTER_TRIALS or worker.memory_bytes > RECYCLE_ABOVE_BYTES:
            self.workers.remove(worker)
            self._dismiss(worker)

    def _dismiss(self, worker: Worker) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, OSError):
            worker.connection.send(None)
        worker.connection.close()

    def kill(self, worker: Worker) -> None:
        """End a worker whatever it is doing."""
        if worker in self.workers:
            self.workers.remove(worker)
        worker.process.kill()
        worker.process.join(timeout=10)
        worker.connection.close()

    def close(self) -> None:
        """Dismiss the idle and end the others."""
        for worker in list(self.workers):
            if worker.is_idle:
                self.workers.remove(worker)
                self._dismiss(worker)
                worker.process.join(timeout=2)
                if worker.process.is_alive():
                    worker.process.kill()
            else:
                self.kill(worker)
