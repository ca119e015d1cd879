"""Variables of a MATLAB file: version 5 through SciPy, version 7.3 (which is HDF5) through h5py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotune.errors import InputError

__all__ = ["is_version_7_3", "read_matlab"]

_REMEDY = "Download it again from its source."


def is_version_7_3(path: Path) -> bool:
    """Whether a file is HDF5, as MATLAB writes since version 7.3; False for one that cannot be read."""
    import h5py

    return bool(h5py.is_hdf5(path))


def read_matlab(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """The arrays of a MATLAB file by name; those that are not there are left out.

    Numbers are as MATLAB has them, `(rows, columns)`: version 7.3 stores them the other way round, and is turned.

    Raises:
        InputError: if the file is missing or damaged.
    """
    import h5py
    import scipy.io

    try:
        if is_version_7_3(path):
            with h5py.File(path, "r") as file:
                return {name: file[name][()].T for name in names if isinstance(file.get(name), h5py.Dataset)}
        content: dict[str, Any] = scipy.io.loadmat(str(path), variable_names=list(names))
        return {name: content[name] for name in names if name in content}
    except Exception as error:  # both raise whatever damaged bytes lead them to
        raise InputError(
            f"Expected a MATLAB file at {path}, but it cannot be read ({' '.join(str(error).split())[:200]}). {_REMEDY}"
        ) from error
