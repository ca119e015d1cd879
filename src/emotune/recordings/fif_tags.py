"""The tags of a FIF file and of its continuations, followed before MNE follows them: it goes round a ring for ever."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["check_tags"]

_TAG = struct.Struct(">iIii")  # kind, type, size in bytes, place of the next
_SEQUENTIAL = 0
_DIRECTORY = 32  # the type of a directory, whose entries are tags with a place instead of the next one's
_FILE_ID, _DIR_POINTER, _ROLE, _FILE_NAME = 100, 101, 115, 118
_NEXT_FILE = 2  # the role of a continuation


def check_tags(path: Path) -> None:
    """Follow tags and continuations as MNE will. What does not begin as FIF does is left to it: it says what is wrong.

    Raises:
        ValueError: if a tag leads back or out of its file, or a file continues in one that came before.
        OSError: if a file cannot be read.
    """
    part: Path | None = path
    seen: set[Path] = set()
    while part is not None and part.is_file():
        if part.resolve() in seen:
            raise ValueError(f"{part.name} is a continuation of itself")
        seen.add(part.resolve())
        with part.open("rb") as file:
            part = _continuation(file, part)


def _continuation(file: BinaryIO, path: Path) -> Path | None:
    """The file in which one goes on, None for the last."""
    role, following = 0, None
    for place, (kind, _, size, _) in _tags(file):
        if kind == _ROLE:
            role = int.from_bytes(_data(file, place, 4), "big")
        elif kind == _FILE_NAME and role == _NEXT_FILE and following is None:
            following = path.parent / _data(file, place, max(0, min(size, 4096))).decode("latin-1").rstrip("\0")
    return following


def _tags(file: BinaryIO) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """Every tag with its place: by the directory, or where there is none from one to the next, as MNE finds them."""
    n_bytes = file.seek(0, 2)
    first = _tag(file, 0)
    if first is None or first[0] != _FILE_ID:
        return
    place = _next(0, first)
    pointer = _tag(file, place) if 0 < place < n_bytes else None
    if pointer is None or pointer[0] != _DIR_POINTER:
        return
    directory_at = int.from_bytes(_data(file, place, 4), "big", signed=True)
    directory = _tag(file, directory_at) if 0 < directory_at < n_bytes else None
    if directory is not None and directory[1] == _DIRECTORY and directory[2] > 0:
        if directory[2] > n_bytes - directory_at - _TAG.size:
            raise ValueError(f"a directory of {directory[2]} bytes at byte {directory_at} of {n_bytes}")
        for entry in _TAG.iter_unpack(_data(file, directory_at, directory[2] // _TAG.size * _TAG.size)):
            yield entry[3], entry
        return
    seen: set[int] = set()
    place = 0
    while place >= 0:  # the last one leads to -1
        if place in seen or place > n_bytes:
            raise ValueError(f"a tag leads {'back ' if place in seen else ''}to byte {place} of {n_bytes}")
        seen.add(place)
        tag = _tag(file, place)
        if tag is None:
            return  # MNE warns of it
        yield place, tag
        place = _next(place, tag)


def _tag(file: BinaryIO, place: int) -> tuple[int, int, int, int] | None:
    content = _bytes(file, place, _TAG.size)
    return _TAG.unpack(content) if len(content) == _TAG.size else None


def _next(place: int, tag: tuple[int, int, int, int]) -> int:
    _, _, size, following = tag
    return place + _TAG.size + size if following == _SEQUENTIAL else following


def _data(file: BinaryIO, place: int, n_bytes: int) -> bytes:
    return _bytes(file, place + _TAG.size, n_bytes)


def _bytes(file: BinaryIO, place: int, n_bytes: int) -> bytes:
    if place < 0:
        raise ValueError(f"a tag at byte {place}")
    file.seek(place)
    return file.read(n_bytes)
