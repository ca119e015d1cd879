"""Ctrl-C and SIGTERM while a search runs: noted at once, raised where nothing is half done."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

__all__ = ["deferred_interrupts", "raise_if_interrupted"]

# Whether a signal has come that nobody has raised yet. A process has one set of signal handlers, so this is one too.
_noted = False


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Hold a first SIGINT or SIGTERM back until `raise_if_interrupted` is called; a second one raises at once.

    Python raises KeyboardInterrupt wherever it happens to be. In a callback of the garbage collector it is printed
    and lost, and the search would go on; in a database call it leaves the call half done.
    """
    global _noted
    _noted = False
    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, _note)
    except ValueError:
        pass  # not the main thread: whoever runs it handles signals
    try:
        yield
    except Exception as error:
        # The terminal's Ctrl-C reaches child processes too: what breaks by their end is the interruption itself.
        if _noted:
            _noted = False
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    raise_if_interrupted()


def raise_if_interrupted() -> None:
    """Raise what has been held back.

    Raises:
        KeyboardInterrupt: if a signal has come since `deferred_interrupts` was entered.
    """
    global _noted
    if _noted:
        _noted = False
        raise KeyboardInterrupt


def _note(_number: int, _frame: FrameType | None) -> None:
    global _noted
    if _noted:
        raise KeyboardInterrupt
    _noted = True
