"""Vectors that were computed once are kept: one HDF5 file a set of recordings, settings and feature version.

A file is written beside and renamed, so it is whole or not there; every byte of it is checked on opening, so a
damaged one is never used. Of several processes that ask for the same vectors, one computes and the others
wait for it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import filelock

from emotune.features.extraction import FeatureSettings, FeatureTable, extract_all, fingerprint_of_features
from emotune.features.store_file import STORE_VERSION, DamagedStore, read_table, write_table
from emotune.files import cache_root, fingerprint, fingerprint_of_file, replacing
from emotune.findings import Finding
from emotune.recordings.recording import RecordingSet

__all__ = ["cache_folder", "code_version", "stored_features"]

# So many letters of a data set's name stand in the header of a file.
_LONGEST_NAME = 200


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
    key = fingerprint([fingerprint_of_features(recordings, settings), STORE_VERSION, code_version()])
    path = (cache_folder() if folder is None else folder) / f"{key}.h5"
    # Without the lock first: files are renamed into place, and a folder that can only be read still serves.
    with contextlib.suppress(DamagedStore):
        if (table := _opened(path)) is not None:
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
def code_version() -> str:
    """Of the code that reads and computes: orders of channels, tables of labels and thresholds of checks stand there.

    Part of a file's name alone, so that a new version of emotune computes anew and goes on with a study where the
    rows are the same.
    """
    package = Path(__file__).parents[1]
    sources = sorted(file for room in ("recordings", "features") for file in (package / room).rglob("*.py"))
    return fingerprint([[file.relative_to(package).as_posix(), fingerprint_of_file(file)] for file in sources])


def _locked(path: Path) -> filelock.BaseFileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path.with_suffix(".lock"))
    lock.acquire()
    return lock


def _opened(path: Path) -> FeatureTable | None:
    table = read_table(path)
    if table is not None:
        # When it was last used; where that cannot be kept, it is used all the same.
        with contextlib.suppress(OSError):
            os.utime(path)
    return table


def _about(recordings: RecordingSet, settings: FeatureSettings) -> dict[str, str]:
    """For lists of what is stored."""
    return {
        "name": recordings.name[:_LONGEST_NAME],
        "settings": settings.in_short()[:_LONGEST_NAME],
        "code": code_version(),
    }


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
        if (table := _opened(path)) is not None:
            return _announced(table, on_recording)
    except DamagedStore as error:
        damage = Finding(
            "damaged-store",
            "warning",
            f"The stored vectors in {path} were damaged ({error}) and have been computed anew.",
            "If it happens again, check the disk.",
        )
    table = extract_all(recordings, settings, workers=workers, on_recording=on_recording)
    try:
        with replacing(path) as beside:
            write_table(beside, table, path.stem, _about(recordings, settings))
    # HDF5 that cannot write its last bytes raises RuntimeError in place of the reason.
    except (OSError, RuntimeError) as error:
        table = _with(table, _unwritable(path, error))
    return table if damage is None else _with(table, damage)


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
