"""Work on every recording of a set, in several processes where that is faster.

The parts of a set go to processes that read them, so that one reads while another computes; recordings that are in
memory go there through shared memory, copied once. Small sets are not worth a process: the first part is done here,
and how long it takes decides.
"""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
import shutil
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import connection
from multiprocessing.shared_memory import SharedMemory
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from emotune.errors import EmotuneError
from emotune.recordings.recording import InParts, Recording, RecordingSet
from emotune.threads import one_thread

__all__ = ["bare", "each_recording"]

Result = TypeVar("Result")

# Starting processes and their imports takes about a second.
_WORTH_S = 2.0

# What was done so far says little before this.
_FIRST_S = 0.2

# The most that glibc learns from (its DEFAULT_MMAP_THRESHOLD_MAX is 32 MiB); the pages are never touched.
_KEPT_BYTES = 31 * 2**20

_SHARED = "/dev/shm"  # noqa: S108  where Linux keeps shared memory; only asked how much is free

# So many parts a process are on their way: one that is worked on, two that wait for their turn.
_AHEAD = 3


def each_recording(
    recordings: RecordingSet, work: Callable[[Recording], Result], *, workers: int = 1
) -> Iterator[Result]:
    """`work` of each recording, in the order of the set.

    Args:
        recordings: read in this process alone unless it is `InParts`.
        work: of a module's top level (or a `partial` of such), as is what it gives: both go to other processes.
        workers: processes at most; with 1 everything happens in this one.

    Raises:
        EmotuneError: if a process died, for want of memory say.
        Exception: whatever `work` or the reading raises first, in the order of the set.
    """
    _keep_memory()
    if workers < 2 or not isinstance(recordings, InParts):
        yield from map(work, recordings)
        return
    parts = deque(recordings.parts())
    begun, n_done = time.monotonic(), 0
    while parts:
        elapsed_s = time.monotonic() - begun
        if elapsed_s > _FIRST_S and elapsed_s * len(parts) > _WORTH_S * n_done:
            yield from _in_processes(parts, work, min(workers, len(parts)))
            return
        yield from map(work, parts.popleft())
        n_done += 1


def _in_processes(
    parts: deque[Iterable[Recording]], work: Callable[[Recording], Result], workers: int
) -> Iterator[Result]:
    # Started anew rather than forked: a fork would copy the threads' locks of whatever this process has loaded.
    context = multiprocessing.get_context("spawn")
    running: deque[tuple[Future[list[Result]], SharedMemory | None]] = deque()
    shelf = _Shelf(_AHEAD * workers)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)
    try:
        # They start with their imports; until the first is there, this process goes on.
        started = [pool.submit(_ready, work) for _ in range(workers)]
        while parts and not _any_done(started):
            yield from map(work, parts.popleft())
        if parts and any(future.done() and future.exception() for future in started):
            warnings.warn(_NOT_STARTED, RuntimeWarning, stacklevel=2)
            yield from itertools.chain.from_iterable(map(work, part) for part in parts)
            return
        while parts or running:
            while parts and len(running) < _AHEAD * workers:
                part = parts.popleft()
                laid = shelf.lay(part) if isinstance(part, list) else (part, None)
                if laid is None:
                    running.append((_done_here(work, part), None))
                else:
                    running.append((pool.submit(_worked, work, laid[0]), laid[1]))
            future, memory = running.popleft()
            results = future.result()
            if memory is not None:
                shelf.free.append(memory)
            yield from results
    except BrokenProcessPool as error:
        raise EmotuneError(
            "Expected every process that reads recordings to live. Received: the end of one, by the system or by a "
            "library that a damaged file led astray. Free memory, or take fewer workers."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        shelf.clear()


_NOT_STARTED = (
    "Other processes could not be started to read recordings, so this one goes on alone. A script that asks for "
    "workers needs `if __name__ == '__main__':` around what it does, since each of them imports it."
)


def _done_here(work: Callable[[Recording], Result], part: Iterable[Recording]) -> Future[list[Result]]:
    future: Future[list[Result]] = Future()
    try:
        future.set_result(_worked(work, part))
    except Exception as error:  # raised in its turn, as by another process
        future.set_exception(error)
    return future


def _any_done(futures: Sequence[Future[None]]) -> bool:
    return any(future.done() for future in futures)


def _ready(work: Callable[[Recording], object]) -> None:
    """The first task of a process: what `work` needs is imported where it arrives, but for this."""
    import scipy.fft  # noqa: F401

    with one_thread():
        pass


def _begin() -> None:
    # Ctrl-C reaches every process of a terminal; the one that was started by the user ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _keep_memory()


def _end_with_parent() -> None:
    """Wait for the end of the process that started this one, and end too: nobody else would tell it to.

    What waits for work holds both ends of its pipe, so a killed parent would leave it, and the shared memory, for ever.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _keep_memory() -> None:
    """Make the allocator of Linux keep what is freed, which the next recording needs again.

    glibc gives memory back by the megabyte until a larger piece was freed once. Each megabyte that comes anew costs 250
    page faults: 615 a recording of 1 MB, which then took 4.3 ms in place of 2.7.
    """
    np.empty(_KEPT_BYTES, dtype=np.uint8)


def _worked(work: Callable[[Recording], Result], part: Iterable[Recording]) -> list[Result]:
    return [work(recording) for recording in part]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an array lies in shared memory."""

    shape: tuple[int, ...]
    first: int

    def within(self, memory: SharedMemory) -> NDArray[np.float32]:
        return np.ndarray(self.shape, dtype=np.float32, buffer=memory.buf, offset=self.first)


@dataclass(frozen=True, slots=True)
class _Laid:
    """Recordings whose samples lie in shared memory of this name."""

    name: str
    recordings: list[tuple[Recording, _Place, _Place | None]]

    def __iter__(self) -> Iterator[Recording]:
        memory = _attached(self.name)
        for said, samples, rest in self.recordings:
            yield replace(
                said,
                samples_uv=samples.within(memory),
                baseline_uv=None if rest is None else rest.within(memory),
            )


@lru_cache(maxsize=64)
def _attached(name: str) -> SharedMemory:
    """Kept until the process ends: its pages need not be mapped again for each part."""
    return SharedMemory(name)


class _Shelf:
    """Pieces of shared memory, used again and again: new ones cost more than copying into them.

    Args:
        most: so many pieces are in use at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._every: list[SharedMemory] = []
        self.free: list[SharedMemory] = []

    def lay(self, part: Sequence[Recording]) -> tuple[_Laid, SharedMemory] | None:
        """Copy the samples of a part into free memory; whoever is done with it puts it back to `free`.

        None where the system has too little of it.
        """
        laid: list[tuple[Recording, _Place, _Place | None]] = []
        arrays: list[tuple[_Place, NDArray[np.float32]]] = []
        n_bytes = 0
        for recording in part:
            samples = _Place(recording.samples_uv.shape, n_bytes)
            arrays.append((samples, recording.samples_uv))
            n_bytes += 4 * recording.samples_uv.size
            rest = None
            if recording.baseline_uv is not None:
                rest = _Place(recording.baseline_uv.shape, n_bytes)
                arrays.append((rest, recording.baseline_uv))
                n_bytes += 4 * recording.baseline_uv.size
            laid.append((bare(recording), samples, rest))
        memory = self._of_size(n_bytes)
        if memory is None:
            return None
        for place, array in arrays:
            place.within(memory)[...] = array
        return _Laid(memory.name, laid), memory

    def _of_size(self, n_bytes: int) -> SharedMemory | None:
        fitting = [memory for memory in self.free if memory.size >= n_bytes]
        if fitting:
            memory = min(fitting, key=lambda one: one.size)
            self.free.remove(memory)
            return memory
        if len(self._every) >= self._most:
            self._release(self.free.pop())
        # Powers of two: where recordings get longer and longer, few pieces are outgrown.
        size = 1 << max(12, (n_bytes - 1).bit_length())
        if size > _free_shared_bytes():
            return None
        memory = SharedMemory(create=True, size=size)
        self._every.append(memory)
        return memory

    def _release(self, memory: SharedMemory) -> None:
        self._every.remove(memory)
        memory.close()
        memory.unlink()

    def clear(self) -> None:
        """Give all of it back to the system."""
        for memory in list(self._every):
            self._release(memory)


def _free_shared_bytes() -> float:
    """What a container lets processes share may be little (Docker: 64 MB); writing beyond it kills a process."""
    try:
        return shutil.disk_usage(_SHARED).free / 2
    except OSError:
        return math.inf  # another system, which has no such folder


def bare(recording: Recording) -> Recording:
    """A recording without its samples: what is said of it."""
    none = np.empty((len(recording.channel_names), 0), dtype=np.float32)
    return replace(recording, samples_uv=none, baseline_uv=None)
