"""Pickles of published data sets, read without running anything in them.

A pickle is a program. Here its instructions may call a handful of functions alone, none of which runs code or takes
more memory than the file has bytes: what makes NumPy arrays and their types out of bytes that the file itself holds.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from emotune.errors import InputError

__all__ = ["load_pickle", "load_pickle_bytes"]


class _Array:
    """Stands for the class `numpy.ndarray`, which could be called for an array of any size."""


_ARRAY = _Array()

# Kinds of NumPy types that hold nothing but their own bytes: no objects, no fields.
_PLAIN = "biufcSU?"


class _Dtype:
    """What a pickle makes of `numpy.dtype`: its name, then its state, which says the byte order."""

    def __init__(self, name: Any) -> None:
        self.dtype = np.dtype(_plain_name(name))

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        order = order.decode("ascii") if isinstance(order, bytes) else order
        if order not in ("<", ">", "|") or any(part is not None for part in state[2:5]):
            raise _refused(f"a NumPy type with the state {state!r}")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder("<" if order == "<" else ">")


class _Values:
    """What a pickle makes of an array: nothing, until its state brings shape, type and bytes."""

    def __init__(self) -> None:
        self.array: np.ndarray[Any, Any] = np.empty(0)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, is_fortran, raw = state
        self.array = _from_bytes(raw, dtype, shape, "F" if is_fortran else "C")


class _Call:
    """A function that a pickle may call, and nothing else."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


def _plain_name(name: Any) -> str:
    text = name.decode("ascii") if isinstance(name, bytes) else name
    if not isinstance(text, str) or text.lstrip("<>=|")[:1] not in _PLAIN:
        raise _refused(f"the NumPy type {name!r}")
    return text


def _from_bytes(raw: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray[Any, Any]:
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple) or order not in ("C", "F"):
        raise _refused("an array without type or shape")
    # Python 2 wrote bytes as text of as many characters.
    data = raw.encode("latin-1") if isinstance(raw, str) else raw
    if not isinstance(data, bytes | bytearray):
        raise _refused("an array of Python objects")
    array: np.ndarray[Any, Any] = np.frombuffer(data, dtype=dtype.dtype).reshape(shape, order=order)
    return array


def _make_array(kind: Any, shape: Any, code: Any) -> _Values:
    # The call that every pickled array begins with; others could ask for any amount of memory.
    if kind is not _ARRAY or shape != (0,) or code not in (b"b", "b"):
        raise _refused(f"an array made by {shape!r}, {code!r}")
    return _Values()


def _make_dtype(name: Any, *rest: Any) -> _Dtype:
    return _Dtype(name)


def _make_scalar(dtype: Any, raw: Any) -> Any:
    return _from_bytes(raw, dtype, (), "C")[()]


def _encoded(text: Any, encoding: Any = "utf-8") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise _refused(f"text encoded as {encoding!r}")
    return text.encode(encoding)


def _no_bytes() -> bytes:
    return b""


_ALLOWED: Mapping[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _ARRAY,
    ("numpy", "dtype"): _make_dtype,
    **{
        (f"numpy.{core}.multiarray", name): made
        for core in ("core", "_core")
        for name, made in (("_reconstruct", _make_array), ("scalar", _make_scalar))
    },
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_bytes for core in ("core", "_core")},
    ("_codecs", "encode"): _encoded,
    # How protocols below 3 write bytes of length 0.
    **{(module, "bytes"): _no_bytes for module in ("__builtin__", "builtins")},
}


def _refused(what: str) -> pickle.UnpicklingError:
    return pickle.UnpicklingError(f"it asks for {what}, which no data needs")


class _Bounded:
    """A file whose reads never ask for more than it has: a length inside a pickle may be any number."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size

    def read(self, n: int = -1) -> bytes:
        left = self._size - self._file.tell()
        return self._file.read(left if n < 0 else min(n, left))

    def readline(self) -> bytes:
        return self._file.readline()


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            allowed = _ALLOWED[module, name]
        except KeyError:
            raise _refused(f"{module}.{name}") from None
        # A new one each time: a pickle can set attributes of what it is given.
        return _Call(allowed) if callable(allowed) else allowed


def load_pickle(path: Path) -> Any:
    """The content of a pickle file: dicts, lists, tuples, texts, numbers and NumPy arrays, and nothing else.

    Raises:
        InputError: if the file is missing, damaged, or asks for anything but those.
    """
    try:
        with path.open("rb") as file:
            return _load(file, path.stat().st_size, str(path))
    except OSError as error:
        raise InputError(f"Expected a pickle file at {path}, but it cannot be read ({error}). Check it.") from error


def load_pickle_bytes(content: bytes, place: str) -> Any:
    """As `load_pickle`, for a pickle inside another file; `place` says for messages which one.

    Raises:
        InputError: if it is damaged, or asks for anything else.
    """
    return _load(io.BytesIO(content), len(content), place)


def _load(file: IO[bytes], size: int, place: str) -> Any:
    try:
        return _plain(_ArraysOnly(_Bounded(file, size), encoding="latin1").load())
    except OSError:
        raise
    except Exception as error:  # damaged instructions end in whatever exception they lead to
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"Expected a pickle of arrays in {place}, but it cannot be used ({reason[:200]}). "
            "Only plain arrays are loaded, as a pickle could run code; download the file again from its source."
        ) from error


def _plain(content: Any) -> Any:
    """Stand-ins replaced by what they stand for, in the containers that data sets use."""
    if isinstance(content, _Values):
        return content.array
    if isinstance(content, _Array | _Dtype | _Call):
        raise _refused("a NumPy class")
    if isinstance(content, dict):
        return {_key(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(_plain(value) for value in content)
    return content


def _key(key: Any) -> Any:
    return key.decode("latin-1") if isinstance(key, bytes) else key
