"""The arrays of an NPZ file, read without trusting it: no pickles, damage said in a line."""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError, in_one_line, one_line

__all__ = ["Arrays", "array_header", "damage_said", "load_arrays", "refuse_other_files"]

Arrays = Mapping[str, NDArray[Any]]

# Twelve million of emotune's own vectors: what trains on a table holds it two or three times, and machines with more
# than 32 GB are rare.
_MOST_BYTES = 8 * 2**30

# A compressed zero is a thousandth of a byte. No measured values shrink so far; where little is unpacked, all may.
_MOST_TIMES_PACKED = 500
_MOST_BYTES_OF_ZEROS = 2**28

_MOST_CHARACTERS = 60  # of a name that is not used, but said

_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def load_arrays(path: Path, wanted: Collection[str]) -> Arrays:
    """The arrays of an NPZ file by name; those that are not `wanted` are there, but empty.

    Nothing is unpickled. Bytes become text.

    Raises:
        InputError: if the file is missing or damaged, or a wanted array holds Python objects.
    """
    refuse_other_files(path)
    arrays: dict[str, NDArray[Any]] = {}
    with damage_said(path), zipfile.ZipFile(path) as file:
        members = {member.filename.removesuffix(".npy"): member for member in file.infolist()}
        _refuse_large({name: member for name, member in members.items() if name in wanted}, path)
        for name, member in members.items():
            # What is not used is not read: it may be large, or hold objects.
            if name in wanted:
                arrays[name] = _read(file, member, name, path)
            else:
                arrays[one_line(name, _MOST_CHARACTERS)] = np.empty(0)
    return arrays


def _refuse_large(members: Mapping[str, zipfile.ZipInfo], path: Path) -> None:
    for name, member in members.items():
        if member.file_size > max(_MOST_BYTES_OF_ZEROS, _MOST_TIMES_PACKED * member.compress_size):
            raise InputError(
                f"Expected `{name}` of {path} to hold measured values. Received: {member.file_size} bytes packed in "
                f"{member.compress_size}, which are one value over and over. Write it again."
            )
    n_bytes = sum(member.file_size for member in members.values())
    if n_bytes > _MOST_BYTES:
        raise InputError(
            f"Expected arrays of at most {_MOST_BYTES >> 30} GiB in {path}. Received: {n_bytes / 2**30:.1f} GiB. "
            "Save fewer rows, or fewer columns."
        )


def array_header(file: IO[bytes], place: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array in NumPy's format; `file` then stands at its values.

    Raises:
        ValueError: if it is none.
    """
    try:
        version = np.lib.format.read_magic(file)
    except ValueError:
        raise ValueError(f"{place} is no array") from None
    if version not in _READERS:
        raise ValueError(f"array of version {version}")
    shape, _, dtype = _READERS[version](file)
    if any(n < 0 for n in shape):
        raise ValueError(f"array of shape {shape}")
    return shape, dtype


def refuse_other_files(path: Path) -> None:
    """Check without unpacking that there is an NPZ file, which is a zip.

    Raises:
        InputError: if there is none.
    """
    if path.is_dir():
        raise InputError(f"Expected an NPZ file, received the folder {path}. Name the file in it.")
    if not path.is_file():
        raise InputError(f"Expected an NPZ file at {path}, but there is no such file. Check the path.")
    if not zipfile.is_zipfile(path):
        raise InputError(
            f"Expected an NPZ file at {path}, but it is none, or a part of it is missing. "
            "Write it with numpy.savez(path, X=..., y=...), or copy it again."
        )


def _read(file: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, path: Path) -> NDArray[Any]:
    with file.open(member) as values:
        shape, dtype = array_header(values, f"`{name}`")
        # Room is made for what the header says before anything is read. A text of no characters takes room too.
        expected, left = max(dtype.itemsize, 1) * math.prod(shape), member.file_size - values.tell()
    if not dtype.hasobject and expected > left:
        raise ValueError(f"`{name}` has {left} bytes for {dtype} of shape {shape}")
    try:
        with file.open(member) as values:
            array: NDArray[Any] = np.lib.format.read_array(values, allow_pickle=False)
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise InputError(
            f"Expected plain numbers or text in `{name}` of {path}. Received: Python objects, which are not loaded "
            "because loading them can run code. Save it as numpy.array(..., dtype=float) or dtype=str."
        ) from None
    return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array


@contextlib.contextmanager
def damage_said(path: Path) -> Iterator[None]:
    """Turn what reading damaged bytes raises into one line.

    Raises:
        InputError: if anything is raised inside.
    """
    with in_one_line(f"Expected an NPZ file at {path}, but it is damaged", "Copy it or write it again."):
        yield
