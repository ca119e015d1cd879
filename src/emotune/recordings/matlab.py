"""Variables of a MATLAB file: version 5 through SciPy, version 7.3 (which is HDF5) through h5py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotune.errors import InputError
from emotune.recordings.matlab_elements import MAX_ITEMS, check_elements

if TYPE_CHECKING:
    import h5py

__all__ = ["is_version_7_3", "read_matlab", "refuse_other_files"]

_REMEDY = "Download it again from its source."
_COMPRESSION = 1032  # as far as gzip, the one filter of MATLAB's, can go


def is_version_7_3(path: Path) -> bool:
    """Whether a file is HDF5, as MATLAB writes since version 7.3; False for one that cannot be read."""
    import h5py

    return bool(h5py.is_hdf5(path))


def read_matlab(path: Path, names: Sequence[str], *, max_items: int = MAX_ITEMS) -> dict[str, Any]:
    """The arrays of a MATLAB file by name; those that are not there are left out.

    Numbers are as MATLAB has them, `(rows, columns)`: version 7.3 stores them the other way round, and is turned.

    Args:
        path: the file.
        names: of the variables.
        max_items: numbers that one of them may hold, all its cells and fields together; a small file can claim many.

    Raises:
        InputError: if the file is missing or damaged, holds more, or points to another file.
    """
    import scipy.io

    try:
        if is_version_7_3(path):
            return _read_version_7_3(path, names, max_items)
        check_elements(path, names, max_items=max_items)
        content: dict[str, Any] = scipy.io.loadmat(str(path), variable_names=list(names))
        return {name: content[name] for name in names if name in content}
    except Exception as error:  # both raise whatever damaged bytes lead them to
        raise InputError(
            f"Expected a MATLAB file at {path}, but it cannot be read ({' '.join(str(error).split())[:200]}). {_REMEDY}"
        ) from error


def refuse_other_files(path: Path) -> None:
    """Look through a MATLAB file of version 7.3 for what lies in other files.

    Raises:
        ValueError: if something does.
        OSError: if the file is damaged.
    """
    import h5py

    def look(name: str, found: h5py.Group | h5py.Dataset) -> None:
        if isinstance(found, h5py.Dataset):
            _refuse_other_files_of(name, found)
            return
        for inner in found:
            _refuse_link(found, inner)

    with h5py.File(path, "r") as file:
        look("/", file)
        file.visititems(look)


def _read_version_7_3(path: Path, names: Sequence[str], max_items: int) -> dict[str, Any]:
    import h5py

    content = {}
    with h5py.File(path, "r") as file:
        for name in names:
            _refuse_link(file, name)
            found = file.get(name)
            if isinstance(found, h5py.Dataset):
                _refuse_other_files_of(name, found)
                _refuse_claims(name, found, max_items, path.stat().st_size)
                content[name] = found[()].T
    return content


def _refuse_link(group: h5py.Group, name: str) -> None:
    import h5py

    # What a link leads to is not in the file's fingerprint.
    if not isinstance(group.get(name, getlink=True, default=h5py.HardLink()), h5py.HardLink):
        raise ValueError(f"`{name}` is a link to another place")


def _refuse_other_files_of(name: str, dataset: h5py.Dataset) -> None:
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"the values of `{name}` are in another file")


def _refuse_claims(name: str, dataset: h5py.Dataset, max_items: int, file_bytes: int) -> None:
    """Shape and type are only claimed; what is stored bounds what can be read."""
    if dataset.dtype.hasobject:
        raise ValueError(f"`{name}` holds no numbers")
    if dataset.size is not None and dataset.size > max_items:
        raise ValueError(f"{dataset.size} values in `{name}`, more than the {max_items} expected at most")
    stored = dataset.id.get_storage_size()
    if stored > file_bytes or dataset.nbytes > _COMPRESSION * stored:
        raise ValueError(
            f"{stored} bytes are stored of `{name}`, whose {dataset.shape} of {dataset.dtype} are {dataset.nbytes}"
        )
