"""Pickles that lie as bytes in the arrays of an NPZ file, read through the list of what a pickle may ask for."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from emotune.data.npz_file import array_header, damage_said, refuse_other_files
from emotune.errors import InputError
from emotune.recordings.unpickling import load_pickle_bytes

__all__ = ["load_pickled_arrays"]

# A compressed zero is a thousandth of a byte: what a member unpacks to is bounded before it is unpacked.
_MOST_BYTES = 2**28


def load_pickled_arrays(path: Path, names: Iterable[str]) -> dict[str, Any]:
    """What was pickled into arrays of an NPZ file, as `numpy.savez(path, data=pickle.dumps(...))` does.

    NumPy's own way, an array of Python objects, is a pickle too and goes the same way: `allow_pickle` is never used.

    Args:
        path: the file.
        names: the arrays that are wanted.

    Returns:
        by name the dicts, lists, numbers and arrays; arrays that are not there are left out.

    Raises:
        InputError: if the file is missing, damaged or unpacks to more than 256 MiB, an array holds no pickle, or
            a pickle asks for anything but data.
    """
    refuse_other_files(path)
    content = {}
    with damage_said(path), zipfile.ZipFile(path) as file:
        members = {member.filename: member for member in file.infolist()}
        for name in names:
            member = members.get(f"{name}.npy")
            if member is None:
                continue
            if member.file_size > _MOST_BYTES:
                raise InputError(
                    f"Expected `{name}` of at most {_MOST_BYTES} bytes in {path}. Received: {member.file_size} bytes "
                    f"packed in {member.compress_size}. Download the file again from its source."
                )
            pickled = _pickled_bytes(file.read(member), f"`{name}` of {path}")
            content[name] = load_pickle_bytes(pickled, f"`{name}` of {path}")
    return content


def _pickled_bytes(npy: bytes, place: str) -> bytes:
    """The bytes of an array without reading it as one."""
    stream = io.BytesIO(npy)
    shape, dtype = array_header(stream, place)
    body = stream.read()
    if dtype.hasobject:
        return body
    if dtype.kind not in "SVu" or (dtype.kind == "u" and dtype.itemsize != 1):
        raise InputError(
            f"Expected bytes of a pickle in {place}. Received: {dtype} of shape {shape}. "
            "Download the file again from its source."
        )
    if len(body) != dtype.itemsize * math.prod(shape):
        raise ValueError(f"{len(body)} bytes for {dtype} of shape {shape}")
    return body
