"""The fingerprint of rows: the same for the same values, targets and groups, whatever they are called."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fingerprint_of_rows"]


def fingerprint_of_rows(arrays: Mapping[str, NDArray[Any]]) -> str:
    """A short, stable name (16 hex digits) of named arrays: their names, shapes and bytes.

    Text counts by its characters, not by the width that NumPy gave the array.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.kind} {array.shape}\n".encode())
        if array.dtype.kind == "U":
            for text in array.ravel().tolist():
                encoded = text.encode("utf-8", "surrogatepass")
                digest.update(len(encoded).to_bytes(8, "little") + encoded)
        else:
            # One byte order, so that two kinds of machine agree.
            digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()[:16]
