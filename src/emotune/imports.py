"""Imports that need care: libraries that talk while they load, and files that the user has just edited."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType

__all__ = ["FreshSourceLoader", "import_quietly", "without_start_up_messages"]

# TensorFlow's own log lines ("I0000 00:00:17... file.cc:153] ...") and what it says around them.
_START_UP = re.compile(rb"^([IW]\d{4} \d\d:\d\d|WARNING: All log messages before absl|To enable the following)")


@contextlib.contextmanager
def without_start_up_messages() -> Iterator[None]:
    """Hold standard error back, also of C++ code; then let through all but TensorFlow's start-up messages."""
    try:
        stderr = sys.__stderr__.fileno() if sys.__stderr__ is not None else -1
    except (OSError, ValueError):
        stderr = -1
    if stderr < 0:
        yield
        return
    with tempfile.TemporaryFile() as held:
        before = os.dup(stderr)
        os.dup2(held.fileno(), stderr)
        try:
            yield
        finally:
            os.dup2(before, stderr)
            os.close(before)
            held.seek(0)
            others = b"".join(line for line in held if not _START_UP.match(line))
            if others:
                os.write(stderr, others)


def import_quietly(name: str) -> ModuleType:
    """Import a module without TensorFlow's start-up messages."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with without_start_up_messages():
        return import_module(name)


class FreshSourceLoader(SourceFileLoader):
    """Compiles a file each time: Python's cache misses an edit of equal length within the same second."""

    def get_code(self, fullname: str) -> CodeType | None:
        """The code of the file as it is now."""
        return self.source_to_code(self.get_data(self.path), self.path)
