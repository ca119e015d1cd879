"""Vectors that were computed once are kept: one HDF5 file a set of recordings, settings and feature version.

A file is written beside and renamed, so it is whole or not there; its digest is checked on reading, so a
damaged one is never used. Of several processes that ask for the same vectors, one computes and the others
wait for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import filelock
import h5py
import numpy as np
from numpy.typing import NDArray

from emotune.features.extraction import FeatureSettings, FeatureTable, extract_all, fingerprint_of_features
from emotune.features.layout import Layout
from emotune.files import cache_root, fingerprint, fingerprint_of_file, replacing
from emotune.findings import Finding
from emotune.recordings.recording import RecordingSet
from emotune.recordings.targets import Rating

__all__ = ["cache_folder", "stored_features"]

# Raised whenever the arrangement of the file changes; part of its name, so that versions live side by side.
_STORE_VERSION = 3

_COLUMNS = ("values", "recording", "starts_s")
_TEXTS = ("subject", "session", "trial", "stimulus", "emotion")
_RATINGS = "ratings"  # (n, n_scales), in the order of the scales
_NO_RATINGS = np.empty((0, 0))


def cache_folder() -> Path:
    """Where vectors are kept."""
    return cache_root() / "features"


def stored_features(
    recordings: RecordingSet,
    settings: FeatureSettings,
    *,
    folder: Path | None = None,
    workers: int = 1,
    on_recording: Callable[[int, int], None] | None = None,
) -> FeatureTable:
    """The vectors of a set: from the store where it has them, else computed and stored.

    A damaged file is computed anew, with a finding that says so. Where the folder cannot be written, the
    vectors are computed without it, again with a finding.

    Args:
        recordings: a set; not read at all where the store has their vectors.
        settings: the same for all of them.
        folder: where the files lie; None for `cache_folder()`.
        workers: processes that read and compute, as for `extract_all`.
        on_recording: called with (done, total) after each recording, and once with the total for a stored
            set.

    Raises:
        InputError: if the recordings cannot be used (see `extract_all`).
    """
    key = fingerprint([fingerprint_of_features(recordings, settings), _STORE_VERSION, _code()])
    path = (cache_folder() if folder is None else folder) / f"{key}.h5"
    # Without the lock first: files are renamed into place, and a folder that can only be read still serves.
    with contextlib.suppress(_Damaged):
        if (table := _read(path)) is not None:
            return _announced(table, on_recording)
    try:
        lock = _locked(path)
    except (OSError, NotImplementedError) as error:  # the second where a file system knows no locks
        return _with(
            extract_all(recordings, settings, workers=workers, on_recording=on_recording), _unwritable(path, error)
        )
    try:
        return _read_or_compute(path, recordings, settings, workers, on_recording)
    finally:
        lock.release()


@lru_cache(maxsize=1)
def _code() -> str:
    """Of the code that reads and computes: orders of channels, tables of labels and thresholds of checks stand there.

    Part of a file's name alone, so that a new version of emotune computes anew and goes on with a study where the
    rows are the same.
    """
    package = Path(__file__).parents[1]
    sources = sorted(file for room in ("recordings", "features") for file in (package / room).rglob("*.py"))
    return fingerprint([[file.relative_to(package).as_posix(), fingerprint_of_file(file)] for file in sources])


class _Damaged(Exception):
    """A store that cannot be trusted; the message says what is wrong with it."""


def _locked(path: Path) -> filelock.BaseFileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path.with_suffix(".lock"))
    lock.acquire()
    return lock


def _read_or_compute(
    path: Path,
    recordings: RecordingSet,
    settings: FeatureSettings,
    workers: int,
    on_recording: Callable[[int, int], None] | None,
) -> FeatureTable:
    damage: Finding | None = None
    try:
        # Another process may have computed while this one waited.
        if (table := _read(path)) is not None:
            return _announced(table, on_recording)
    except _Damaged as error:
        damage = Finding(
            "damaged-store",
            "warning",
            f"The stored vectors in {path} were damaged ({error}) and have been computed anew.",
            "If it happens again, check the disk.",
        )
    table = extract_all(recordings, settings, workers=workers, on_recording=on_recording)
    try:
        with replacing(path) as beside:
            _write(beside, table)
    except OSError as error:
        table = _with(table, _unwritable(path, error))
    return table if damage is None else _with(table, damage)


def _write(path: Path, table: FeatureTable) -> None:
    content = json.dumps(
        {
            "layout": table.layout.to_dict(),
            "emotions": list(table.emotions),
            "scales": {name: scale.to_list() for name, scale in table.scales.items()},
            "findings": [finding.to_dict() for finding in table.findings],
            "interpolated": dict(table.interpolated),
            "n_recordings": table.n_recordings,
            "fingerprint": table.fingerprint,
        },
        ensure_ascii=False,
    )
    arrays = {name: getattr(table, name) for name in _COLUMNS}
    arrays[_RATINGS] = np.stack([table.ratings[name] for name in table.scales], axis=1) if table.scales else _NO_RATINGS
    # Fixed width, unlike HDF5's strings of any length, so that a column is one block.
    arrays |= {name: np.char.encode(getattr(table, name), "utf-8") for name in _TEXTS}
    # HDF5's own lock is not needed (a file in place never changes) and not everywhere to be had (network
    # folders).
    with h5py.File(path, "w", locking=False) as file:
        for name, array in arrays.items():
            is_text = name in _TEXTS
            kind = h5py.string_dtype("utf-8", array.dtype.itemsize) if is_text else array.dtype
            file.create_dataset(name, data=array.astype(kind))
        file.create_dataset("content", data=content, dtype=h5py.string_dtype())
        file.attrs["digest"] = _digest(arrays, content)


def _read(path: Path) -> FeatureTable | None:
    """The table in a file; None where there is none.

    Raises:
        _Damaged: if the file is not, to the last byte, what was written.
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            arrays: dict[str, Any] = {name: file[name][...] for name in (*_COLUMNS, _RATINGS, *_TEXTS)}
            content = file["content"].asstr()[()]
            written = file.attrs["digest"]
        if _digest(arrays, content) != written:
            raise _Damaged("its content does not match its digest")
        known: dict[str, Any] = json.loads(content)
        for name in _TEXTS:
            arrays[name] = np.char.decode(arrays[name], "utf-8")
        scales = {name: Rating.from_list(scale) for name, scale in known["scales"].items()}
        arrays[_RATINGS] = {name: arrays[_RATINGS][:, column] for column, name in enumerate(scales)}
        return FeatureTable(
            **arrays,
            layout=Layout.from_dict(known["layout"]),
            emotions=tuple(known["emotions"]),
            scales=scales,
            findings=tuple(Finding(**finding) for finding in known["findings"]),
            interpolated=known["interpolated"],
            n_recordings=known["n_recordings"],
            fingerprint=known["fingerprint"],
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except _Damaged:
        raise
    except Exception as error:  # HDF5 raises whatever damaged bytes lead it to
        raise _Damaged(f"{type(error).__name__}: {' '.join(str(error).split())}") from error


def _digest(arrays: dict[str, NDArray[Any]], content: str) -> str:
    digest = hashlib.sha256(content.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.view(np.uint8).data if array.size else b"")
    return digest.hexdigest()


def _announced(table: FeatureTable, on_recording: Callable[[int, int], None] | None) -> FeatureTable:
    if on_recording is not None:
        on_recording(table.n_recordings, table.n_recordings)
    return table


def _with(table: FeatureTable, finding: Finding) -> FeatureTable:
    return replace(table, findings=(*table.findings, finding))


def _unwritable(path: Path, error: Exception) -> Finding:
    return Finding(
        "store-not-written",
        "note",
        f"The vectors could not be stored in {path.parent} ({' '.join(str(error).split())}); "
        f"the next run computes them again.",
        "Set EMOTUNE_CACHE to a folder that can be written.",
    )
