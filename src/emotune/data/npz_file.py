"""The arrays of an NPZ file, read without trusting it: no pickles, damage said in a line."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError

__all__ = ["Arrays", "damage_said", "load_arrays", "refuse_other_files"]

Arrays = Mapping[str, NDArray[Any]]


def load_arrays(path: Path, wanted: Collection[str]) -> Arrays:
    """The arrays of an NPZ file by name; those that are not `wanted` are there, but empty.

    Nothing is unpickled. Bytes become text.

    Raises:
        InputError: if the file is missing or damaged, or a wanted array holds Python objects.
    """
    refuse_other_files(path)
    arrays: dict[str, NDArray[Any]] = {}
    with damage_said(path), np.load(path, allow_pickle=False) as file:
        for name in file.files:
            # What is not used is not read: it may be large, or hold objects.
            arrays[name] = _read(file, name, path) if name in wanted else np.empty(0)
    return arrays


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


def _read(file: Any, name: str, path: Path) -> NDArray[Any]:
    try:
        array = file[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise InputError(
            f"Expected plain numbers or text in `{name}` of {path}. Received: Python objects, which are not loaded "
            "because loading them can run code. Save it as numpy.array(..., dtype=float) or dtype=str."
        ) from None
    if not isinstance(array, np.ndarray):
        raise ValueError(f"`{name}` is no array")
    return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array


@contextlib.contextmanager
def damage_said(path: Path) -> Iterator[None]:
    """Turn what reading damaged bytes raises into one line.

    Raises:
        InputError: if anything is raised inside.
    """
    try:
        yield
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, RuntimeError) as error:
        raise InputError(
            f"Expected an NPZ file at {path}, but it is damaged ({' '.join(str(error).split())}). "
            "Copy it or write it again."
        ) from error
