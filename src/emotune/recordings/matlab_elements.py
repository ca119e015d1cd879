"""The elements of a MATLAB 5 file, followed from tag to tag before SciPy reads them: its compiled reader trusts them.

A type that SciPy does not know ends the process there, and so does a class whose parts are not those that follow.

References:
    MathWorks, MAT-File Format (R2023b), Version 5 MAT-File Format.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

__all__ = ["MAX_ITEMS", "check_elements"]

MAX_ITEMS = 2**29  # 4 GB as doubles: a variable's size is written in 32 bits
_MAX_MATRICES = 2**22  # cells and fields in a variable: each is a Python object
_MAX_DEPTH = 64  # of cells and structs in one another; the reader's own stack holds some hundreds
_MAX_DIMENSIONS = 32
_MAX_TEXT = 2**20  # bytes of a name, or of all the field names of a struct
_MAX_FIELD_NAME = 1024  # MATLAB's are 64
_MAX_UNSTORED = 2**20  # items of a variable that may be there without a byte of their own
_DEFLATE = 1032  # zlib makes no more bytes than this of one
_CHUNK = 2**18

_MATRIX, _COMPRESSED = 14, 15
_INT8, _INT32, _UINT32, _UTF8 = 1, 5, 6, 16
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}  # bytes of a number of each type
_CHARACTERS = (1, 2, 4, 16, 17, 18)

_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE = 1, 2, 3, 4, 5
_NUMERIC = range(6, 16)
_FUNCTION, _OPAQUE = 16, 17
_COMPLEX = 1 << 11


def check_elements(path: Path, names: Collection[str] | None = None, *, max_items: int = MAX_ITEMS) -> None:
    """Follow the tags of a MATLAB 5 file as `scipy.io.loadmat` will; no value is kept.

    Args:
        path: the file. One that claims to be of version 7.3 is left to its reader.
        names: variables that will be read; of the others only name and shape are followed. None for all.
        max_items: numbers and characters that a variable may hold.

    Raises:
        ValueError: if a tag does not fit what stands before it, or leads out of the file.
        OSError: if the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        start = file.read(128)
        if len(start) < 128:
            raise ValueError(f"{len(start)} bytes, fewer than the header's 128")
        if 0 in start[:4]:
            raise ValueError("no header of version 5 or later; version 4 is not read")
        # As SciPy tells versions and byte orders, which takes whatever is not `IM` for big-endian.
        if start[125 if start[126:127] == b"I" else 124] != 1:
            return
        order = "<" if start[126:128] == b"IM" else ">"
        place = 128
        while place < size:
            file.seek(place)
            outer = _InFile(file, place, size)
            kind, n_bytes = struct.unpack(f"{order}II", outer.read(8))
            end = place + 8 + n_bytes
            if not n_bytes or end > size:
                raise ValueError(f"a variable of {n_bytes} bytes at byte {place} of {size}")
            if kind == _COMPRESSED:
                stream: _Stream = _Inflated(file, n_bytes)
                kind, _ = struct.unpack(f"{order}II", stream.read(8))
            else:
                stream = _InFile(file, place + 8, end)
            if kind != _MATRIX:
                raise ValueError(f"type {kind} instead of a variable at byte {place}")
            walk = _Walk(stream, order, max_items)
            header = walk.header()
            if names is None or header.name in names:
                walk.content(header, 0)
            place = end


class _Stream(Protocol):
    def read(self, n_bytes: int) -> bytes: ...

    def skip(self, n_bytes: int) -> None: ...

    def align(self, n_bytes: int) -> None: ...


class _InFile:
    """Bytes of a file up to the end of a variable."""

    def __init__(self, file: BinaryIO, place: int, end: int) -> None:
        self._file, self._place, self._end = file, place, end

    def read(self, n_bytes: int) -> bytes:
        self._advance(n_bytes)
        return self._file.read(n_bytes)

    def skip(self, n_bytes: int) -> None:
        self._advance(n_bytes)
        self._file.seek(self._place)

    def align(self, n_bytes: int) -> None:
        """Skip padding, which the end of a variable may lack."""
        self.skip(min(n_bytes, self._end - self._place))

    def _advance(self, n_bytes: int) -> None:
        if self._place + n_bytes > self._end:
            raise ValueError(f"{n_bytes} bytes at byte {self._place}, where its variable ends at {self._end}")
        self._place += n_bytes


class _Inflated:
    """Bytes of a compressed variable; what is skipped is inflated, in pieces, when something behind it is read."""

    def __init__(self, file: BinaryIO, n_bytes: int) -> None:
        self._file, self._left = file, n_bytes
        self._limit = _DEFLATE * n_bytes  # that can come of it, at most
        self._inflate = zlib.decompressobj()
        self._buffer, self._at, self._owed = b"", 0, 0

    def read(self, n_bytes: int) -> bytes:
        self._take(n_bytes)
        while self._owed:
            step = min(self._owed, len(self._buffer) - self._at)
            self._at += step
            self._owed -= step
            if self._owed and not self._fill():
                raise ValueError("a compressed variable ends within its values")
        while len(self._buffer) - self._at < n_bytes:
            if not self._fill():
                raise ValueError("a compressed variable ends within its tags")
        self._at += n_bytes
        return self._buffer[self._at - n_bytes : self._at]

    def skip(self, n_bytes: int) -> None:
        self._take(n_bytes)
        self._owed += n_bytes

    def align(self, n_bytes: int) -> None:
        self._owed += n_bytes

    def _take(self, n_bytes: int) -> None:
        self._limit -= n_bytes
        if self._limit < 0:
            raise ValueError(f"{n_bytes} bytes more than its compressed variable can hold")

    def _fill(self) -> bool:
        """Inflate one more piece; False at the end."""
        source = self._inflate.unconsumed_tail
        while not self._inflate.eof:
            if not source:
                source = self._file.read(min(_CHUNK, self._left))
                self._left -= len(source)
                if not source:
                    return False
            piece = self._inflate.decompress(source, _CHUNK)
            if piece:
                self._buffer, self._at = self._buffer[self._at :] + piece, 0
                return True
            source = self._inflate.unconsumed_tail
        return False


@dataclass(frozen=True, slots=True)
class _Header:
    """What stands before a variable's values: its class, its shape (none for an opaque one) and its name."""

    class_: int
    is_complex: bool
    shape: tuple[int, ...]
    name: str

    @property
    def n_items(self) -> int:
        return math.prod(self.shape)


class _Walk:
    """Follows one variable, and counts what it holds."""

    def __init__(self, stream: _Stream, order: str, max_items: int) -> None:
        self._stream = stream
        self._two = struct.Struct(f"{order}II")
        self._order = order
        self._items, self._max_items = 0, max_items
        self._matrices = 0

    def header(self) -> _Header:
        kind, size, flags, _ = struct.unpack(f"{self._order}4I", self._stream.read(16))
        if (kind, size) != (_UINT32, 8):
            raise ValueError(f"type {kind} of {size} bytes instead of a variable's flags")
        class_, is_complex = flags & 0xFF, bool(flags & _COMPLEX)
        if class_ == _OPAQUE:
            return _Header(class_, is_complex, (), self._text().decode("latin-1"))
        shape = self._integers(_MAX_DIMENSIONS)
        if not shape or min(shape) < 0:
            raise ValueError(f"a variable of shape {shape}")
        return _Header(class_, is_complex, shape, self._text().decode("latin-1"))

    def content(self, header: _Header, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise ValueError(f"more than {_MAX_DEPTH} cells and structs in one another")
        class_ = header.class_
        if class_ in _NUMERIC:
            self._count(header.n_items)
            for _ in range(2 if header.is_complex else 1):
                kind, size = self._data(_WIDTHS)
                if size != header.n_items * _WIDTHS[kind]:
                    raise ValueError(f"{size} bytes of type {kind} for the shape {header.shape}")
        elif class_ == _CHAR:
            self._count(header.n_items)
            _, size = self._data(_CHARACTERS)
            # Texts without a byte are filled with spaces.
            if header.n_items > (size or _MAX_UNSTORED):
                raise ValueError(f"{size} bytes of text for the shape {header.shape}")
        elif class_ == _SPARSE:
            for _ in range(4 if header.is_complex else 3):
                kind, size = self._data(_WIDTHS)
                self._count(size // _WIDTHS[kind])
        elif class_ == _CELL:
            self._matrices_within(header.n_items, depth)
        elif class_ in (_STRUCT, _OBJECT):
            if class_ == _OBJECT:
                self._text()
            n_fields = self._n_fields()
            if not n_fields and header.n_items > _MAX_UNSTORED:
                raise ValueError(f"no fields for the shape {header.shape}")
            self._matrices_within(header.n_items * n_fields, depth)
        elif class_ == _FUNCTION:
            self._matrices_within(1, depth)
        elif class_ == _OPAQUE:
            self._text()
            self._text()
            self._matrices_within(1, depth)
        else:
            raise ValueError(f"a variable of class {class_}, which is none")

    def _matrices_within(self, n_matrices: int, depth: int) -> None:
        self._matrices += n_matrices
        if self._matrices > _MAX_MATRICES:
            raise ValueError(f"more than {_MAX_MATRICES} cells and fields in a variable")
        for _ in range(n_matrices):
            kind, size = self._two.unpack(self._stream.read(8))
            if kind != _MATRIX:
                raise ValueError(f"type {kind} instead of a cell or a field")
            if size:  # an empty one has no header
                self.content(self.header(), depth + 1)

    def _n_fields(self) -> int:
        lengths = self._integers(1)
        if len(lengths) != 1 or not 0 < lengths[0] <= _MAX_FIELD_NAME:
            raise ValueError(f"field names of {lengths} bytes")
        return len(self._text()) // lengths[0]

    def _count(self, n_items: int) -> None:
        self._items += n_items
        if self._items > self._max_items:
            raise ValueError(f"{self._items} values in a variable, more than the {self._max_items} expected at most")

    def _tag(self) -> tuple[int, int, bytes | None]:
        """Type, size in bytes, and the data themselves where they lie within the tag."""
        tag = self._stream.read(8)
        kind, size = self._two.unpack(tag)
        if not kind >> 16:
            return kind, size, None
        kind, size = kind & 0xFFFF, kind >> 16
        if size > 4:
            raise ValueError(f"{size} bytes within a tag")
        return kind, size, tag[4 : 4 + size]

    def _data(self, kinds: Collection[int]) -> tuple[int, int]:
        kind, size, within = self._tag()
        if kind not in kinds:
            raise ValueError(f"values of type {kind}")
        if within is None:
            self._stream.skip(size)
            self._stream.align(-size % 8)
        return kind, size

    def _short(self, kinds: Collection[int], n_bytes: int) -> bytes:
        kind, size, within = self._tag()
        if kind not in kinds or size > n_bytes:
            raise ValueError(f"type {kind} of {size} bytes before a variable's values")
        if within is None:
            within = self._stream.read(size)
            self._stream.align(-size % 8)
        return within

    def _text(self) -> bytes:
        return self._short((_INT8, _UTF8), _MAX_TEXT)

    def _integers(self, n_most: int) -> tuple[int, ...]:
        content = self._short((_INT32, _UINT32), 4 * n_most)
        if len(content) % 4:
            raise ValueError(f"{len(content)} bytes of whole numbers")
        return struct.unpack(f"{self._order}{len(content) // 4}i", content)
