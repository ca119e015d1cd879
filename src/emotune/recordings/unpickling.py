"""Pickles of published data sets, read without running anything in them.

A pickle is a program. Here its instructions may call a handful of functions alone, none of which runs code: what makes
NumPy arrays and their types out of bytes that the file itself holds. What they make, and what comes of it once every
reference is followed, is bounded by the size of the file.
"""

from __future__ import annotations

import io
import pickle
import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from emotune.errors import InputError, one_line

__all__ = ["load_pickle", "load_pickle_bytes"]


class _Array:
    """Stands for the class `numpy.ndarray`, which could be called for an array of any size."""


_ARRAY = _Array()

# Published sets nest three deep; Python's own functions on containers go no deeper than its stack.
_DEEPEST = 100

# Each array is encoded once and each text is there once; a little sharing is no harm.
_TIMES_THE_FILE = 4
_MOST_BYTES_OF_SMALL = 2**20

# Kinds of NumPy types that hold nothing but their own bytes: no objects, no fields.
_PLAIN = "biufcSU?"

Spend = Callable[[int], None]
"""Told how many bytes are about to be made of text; raises where they are too many for the file."""


class _Dtype:
    """What a pickle makes of `numpy.dtype`: its name, then its state, which says the byte order."""

    def __init__(self, name: Any) -> None:
        self.dtype = np.dtype(_plain_name(name))

    def build(self, state: Any, spend: Spend) -> None:
        order = state[1]
        order = order.decode("ascii") if isinstance(order, bytes) else order
        if order not in ("<", ">", "|") or any(part is not None for part in state[2:5]):
            raise _refused(f"a NumPy type with the state {reprlib.repr(state)}")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder("<" if order == "<" else ">")


class _Values:
    """What a pickle makes of an array: nothing, until its state brings shape, type and bytes."""

    def __init__(self) -> None:
        self.array: np.ndarray[Any, Any] = np.empty(0)

    def build(self, state: Any, spend: Spend) -> None:
        _, shape, dtype, is_fortran, raw = state
        self.array = _from_bytes(spend, raw, dtype, shape, "F" if is_fortran else "C")


class _Call:
    """A function that a pickle may call, and nothing else."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function


def _plain_name(name: Any) -> str:
    text = name.decode("ascii") if isinstance(name, bytes) else name
    if not isinstance(text, str) or text.lstrip("<>=|")[:1] not in _PLAIN:
        raise _refused(f"the NumPy type {reprlib.repr(name)}")
    return text


def _from_bytes(spend: Spend, raw: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray[Any, Any]:
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple) or order not in ("C", "F"):
        raise _refused("an array without type or shape")
    # Python 2 wrote bytes as text of as many characters.
    if isinstance(raw, str):
        spend(len(raw))
    data = raw.encode("latin-1") if isinstance(raw, str) else raw
    if not isinstance(data, bytes | bytearray):
        raise _refused("an array of Python objects")
    array: np.ndarray[Any, Any] = np.frombuffer(data, dtype=dtype.dtype).reshape(shape, order=order)
    return array


def _make_array(spend: Spend, kind: Any, shape: Any, code: Any) -> _Values:
    # The call that every pickled array begins with; others could ask for any amount of memory.
    if kind is not _ARRAY or shape != (0,) or code not in (b"b", "b"):
        raise _refused(f"an array made by {reprlib.repr(shape)}, {reprlib.repr(code)}")
    return _Values()


def _make_dtype(spend: Spend, name: Any, *rest: Any) -> _Dtype:
    return _Dtype(name)


def _make_scalar(spend: Spend, dtype: Any, raw: Any) -> Any:
    return _from_bytes(spend, raw, dtype, (), "C")[()]


def _encoded(spend: Spend, text: Any, encoding: Any = "utf-8") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise _refused(f"text encoded as {reprlib.repr(encoding)}")
    spend(len(text))
    return text.encode(encoding)


def _no_bytes(spend: Spend) -> bytes:
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


_OPCODES = (
    "PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT LONG FLOAT BININT BININT1 BININT2 LONG1 LONG4 "
    "BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES "
    "BINBYTES8 EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST EMPTY_DICT GET BINGET LONG_BINGET PUT BINPUT "
    "LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL"
).split()
"""Those taken as they are; what writes sets, instances of classes and persistent names is not there at all."""


# Its stack and its methods by instruction are the same in every Python, but no type checker's stubs name them.
_InPython: Any = pickle._Unpickler


class _ArraysOnly(_InPython):  # type: ignore[misc]  # see above
    """The unpickler in Python: that in C has room for as many remembered things as the highest number given to one.

    It takes about a microsecond an instruction, and the samples of an array are one.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__(_Bounded(file, size), encoding="latin1")
        self._size = size
        self._left = _TIMES_THE_FILE * size + _MOST_BYTES_OF_SMALL

    def find_class(self, module: str, name: str) -> Any:
        try:
            allowed = _ALLOWED[module, name]
        except KeyError:
            raise _refused(one_line(f"{module}.{name}", 100)) from None
        return _Call(allowed) if callable(allowed) else allowed

    def _spend(self, n_bytes: int) -> None:
        self._left -= n_bytes
        if self._left < 0:
            raise _refused("more bytes than the file has")

    def _reduce(self) -> None:
        arguments, called = self.stack.pop(), self.stack[-1]
        if not isinstance(called, _Call) or not isinstance(arguments, tuple):
            raise _refused("a call of what is no function")
        self.stack[-1] = called.function(self._spend, *arguments)

    def _build(self) -> None:
        state, built = self.stack.pop(), self.stack[-1]
        if not isinstance(built, _Dtype | _Values):
            raise _refused("attributes")
        built.build(state, self._spend)

    def _mark(self) -> None:
        if len(self.metastack) >= _DEEPEST:
            raise _refused(f"more than {_DEEPEST} containers in one another")
        self.load_mark()

    def _extend(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise _refused("items of what is no list")
        self.stack[-1].extend(items)

    def _update(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict):
            raise _refused("keys of what is no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # The hash of a tuple takes as long as all that it refers to, as often as it does.
            if not isinstance(key, str | bytes | int | float | np.generic | None):
                raise _refused(f"a key of type {type(key).__name__}")
            self.stack[-1][key] = value

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _make_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._update(items)

    def _read_bytearray(self) -> None:
        length = int.from_bytes(self.read(8), "little")
        if length > self._size:
            raise _refused("more bytes than the file has")
        self.append(bytearray(self.read(length)))

    dispatch: ClassVar = {
        **{getattr(pickle, name)[0]: _InPython.dispatch[getattr(pickle, name)[0]] for name in _OPCODES},
        pickle.MARK[0]: _mark,
        pickle.REDUCE[0]: _reduce,
        pickle.BUILD[0]: _build,
        pickle.APPEND[0]: lambda self: self._extend([self.stack.pop()]),
        pickle.APPENDS[0]: lambda self: self._extend(self.pop_mark()),
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: lambda self: self._update(self.pop_mark()),
        pickle.DICT[0]: _make_dict,
        pickle.BYTEARRAY8[0]: _read_bytearray,
    }


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
        content = _ArraysOnly(file, size).load()
        return _Plain(_TIMES_THE_FILE * size + _MOST_BYTES_OF_SMALL).of(content)
    except OSError:
        raise
    except Exception as error:  # damaged instructions end in whatever exception they lead to
        raise InputError(
            f"Expected a pickle of arrays in {place}, but it cannot be used ({one_line(error)}). "
            "Only plain arrays are loaded, as a pickle could run code; download the file again from its source."
        ) from error


class _Plain:
    """Stand-ins replaced by what they stand for, in the containers that data sets use.

    A container that is referred to twice is converted once. It is counted twice: what uses the content follows each
    reference, and a few bytes can refer to themselves twice, and twice again, to any size.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        # By identity: the converted, and its bytes with every reference followed.
        self._done: dict[int, tuple[Any, int]] = {}
        self._depth = 0

    def of(self, content: Any) -> Any:
        return self._sized(content)[0]

    def _sized(self, content: Any) -> tuple[Any, int]:
        if isinstance(content, _Values):
            return content.array, 1 + content.array.nbytes
        if isinstance(content, _Array | _Dtype | _Call):
            raise _refused("a NumPy class")
        if not isinstance(content, dict | list | tuple):
            return content, 1 + (len(content) if isinstance(content, str | bytes | bytearray) else 0)
        if id(content) not in self._done:
            self._depth += 1
            if self._depth > _DEEPEST:
                raise _refused(f"more than {_DEEPEST} containers in one another")
            self._done[id(content)] = self._container(content)
            self._depth -= 1
        return self._done[id(content)]

    def _container(self, content: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> tuple[Any, int]:
        values = [self._sized(value) for value in (content.values() if isinstance(content, dict) else content)]
        n_bytes = 1 + sum(size for _, size in values)
        if n_bytes > self._most_bytes:
            raise _refused("the same content over and over")
        plain = (value for value, _ in values)
        if isinstance(content, dict):
            return dict(zip((_key(key) for key in content), plain, strict=True)), n_bytes
        return type(content)(plain), n_bytes


def _key(key: Any) -> Any:
    return key.decode("latin-1") if isinstance(key, bytes) else key
