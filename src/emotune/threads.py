"""One thread for the linear algebra of small matrices: more only spin, and take the cores from other processes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager[Any]:
    """Within it NumPy's matrix products take one thread; entering costs 6 µs.

    The products of a recording are too small to share: 240 trials took 7.1 s of CPU with two threads, 2.7 s with one.
    """
    context: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return context


@lru_cache(maxsize=1)
def _controller() -> Any:
    """Looking for the libraries takes milliseconds, so it is done once; NumPy, which is meant, is loaded by then."""
    import numpy  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
