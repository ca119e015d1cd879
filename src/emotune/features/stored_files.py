"""What lies in the cache: which vectors are stored, whether they are undamaged, and how to be rid of them.

Only files are touched that emotune makes, known by their names, in the folders where it makes them; links are never
followed. A file that is being written has its lock taken and stays.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import filelock

from emotune.errors import InputError
from emotune.features.store import cache_folder, code_version
from emotune.features.store_file import DamagedStore, OtherVersion, check_file, read_header
from emotune.files import cache_root, digests_folder

__all__ = ["Removed", "StoredFile", "remove_digests", "remove_downloads", "remove_stored", "stored_files"]

# What `store` writes: a file, its lock, and what a process that was killed has left of a file.
_STORED = re.compile(r"([0-9a-f]{16})\.h5")
_LOCK = re.compile(r"([0-9a-f]{16})\.lock")
_UNFINISHED = re.compile(r"\.([0-9a-f]{16})-\w{8}\.h5")
_DIGEST = re.compile(r"[0-9a-f]{16}\.json|\.[0-9a-f]{16}-\w{8}\.json")
# What `fetching` writes beside the files of a list.
_SUMS = re.compile(r"[0-9a-f]{16}-[\w.]+\.txt")
_FETCHED_FOLDERS = ("eegmat",)

State = Literal["whole", "of another version", "damaged"]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of stored vectors.

    Attributes:
        path: where it lies.
        key: its name without the ending.
        state: `of another version` can be read by the emotune that wrote it, or by none.
        problem: what is wrong with a damaged one.
        n_bytes: its size.
        last_used_s: when it was last used, seconds since 1970.
        made_s: when it was computed, seconds since 1970; None where the file does not tell.
        name: of the data; empty where the file does not tell, like `settings`.
        settings: in short.
        n_windows: rows; 0 where the file does not tell, like the other counts.
        n_features: columns.
        n_recordings: recordings that the rows come from.
    """

    path: Path
    key: str
    state: State
    problem: str
    n_bytes: int
    last_used_s: float
    made_s: int | None = None
    name: str = ""
    settings: str = ""
    n_windows: int = 0
    n_features: int = 0
    n_recordings: int = 0


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed, or would be.

    Attributes:
        paths: the files.
        n_bytes: their size together.
        kept: files that stay, with the reason.
    """

    paths: tuple[Path, ...] = ()
    n_bytes: int = 0
    kept: tuple[tuple[Path, str], ...] = ()

    def __add__(self, other: Removed) -> Removed:
        return Removed(self.paths + other.paths, self.n_bytes + other.n_bytes, self.kept + other.kept)


def stored_files(*, verify: bool = False) -> tuple[StoredFile, ...]:
    """The stored vectors of the cache, the last used first.

    Args:
        verify: read every byte of every file, rather than their headers and lengths.

    Raises:
        InputError: if the folder is a link, or cannot be read.
    """
    found = []
    for path in _ours(cache_folder(), _STORED):
        # Another process may have removed it meanwhile.
        with contextlib.suppress(FileNotFoundError):
            file = _described(path, verify=verify)
            if file.state != "of another version" or file.name or _is_of_emotune(path):
                found.append(file)
    return tuple(sorted(found, key=lambda file: (-file.last_used_s, file.key)))


def _is_of_emotune(path: Path) -> bool:
    """Whether an HDF5 file without a header of ours holds what earlier versions wrote, and not a user's own data."""
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            return {"values", "content"} <= set(file) and "digest" in file.attrs
    except Exception:  # HDF5 raises whatever damaged bytes lead it to
        return False


def _described(path: Path, *, verify: bool) -> StoredFile:
    known, problem = path.stat(), ""
    state: State = "whole"
    about = {}
    try:
        about = check_file(path) if verify else read_header(path)
        if about["key"] != path.stem:
            raise DamagedStore(f"it holds the vectors of another key, {about['key']}")
        state = "whole" if about["code"] == code_version() else "of another version"
    except OtherVersion:
        state = "of another version"
    except FileNotFoundError:
        raise
    except (DamagedStore, OSError, ValueError) as error:
        state, problem, about = "damaged", " ".join(str(error).split()), {}
    return StoredFile(
        path=path,
        key=path.stem,
        state=state,
        problem=problem,
        n_bytes=known.st_size,
        last_used_s=known.st_mtime,
        made_s=about.get("made"),
        **{name: about[name] for name in ("name", "settings", "n_windows", "n_features", "n_recordings") if about},
    )


def remove_stored(files: tuple[StoredFile, ...], *, dry_run: bool = False) -> Removed:
    """Remove stored vectors, but for those that are being written, with their locks and unfinished files."""
    removed = Removed()
    for file in files:
        removed += _without(file.path.parent, file.key, dry_run=dry_run)
    return removed


def remove_digests(*, dry_run: bool = False) -> Removed:
    """Remove the digests of large files, and what processes that were killed have left beside stored vectors."""
    removed = Removed()
    for path in _ours(digests_folder(), _DIGEST):
        removed += _removed(path, dry_run=dry_run)
    keys = {path.stem for path in _ours(cache_folder(), _STORED)}
    for pattern in (_LOCK, _UNFINISHED):
        for path in _ours(cache_folder(), pattern):
            found = pattern.fullmatch(path.name)
            if found and found[1] not in keys:
                keys.add(found[1])
                removed += _without(path.parent, found[1], dry_run=dry_run)
    return removed


def remove_downloads(*, dry_run: bool = False) -> Removed:
    """Remove data sets that emotune has fetched: the files that their kept lists name, and the lists."""
    removed = Removed()
    for folder in (cache_root() / name for name in _FETCHED_FOLDERS):
        sums = list(_ours(folder, _SUMS))
        if not sums:
            continue
        lock = folder / ".fetching.lock"
        with _free(lock) as is_free:
            if not is_free:
                removed += Removed(kept=((folder, "is being fetched"),))
                continue
            words = [line.split() for path in sums for line in path.read_text("utf-8", "replace").splitlines()]
            digests = {line[1]: line[0].lower() for line in words if len(line) == 2}
            ours = re.compile("|".join(re.escape(name) + r"(\.part)?" for name in sorted(digests)) or r"(?!)")
            for path in _ours(folder, ours):
                if path.name in digests and _sha256(path) != digests[path.name]:
                    removed += Removed(kept=((path, "is not the file that was fetched"),))
                else:
                    removed += _removed(path, dry_run=dry_run)
            for path in (*sums, *_ours(folder, re.compile(re.escape(lock.name)))):
                removed += _removed(path, dry_run=dry_run)
        if not dry_run:
            # Stays where the user has put something else there.
            with contextlib.suppress(OSError):
                folder.rmdir()
    return removed


def _without(folder: Path, key: str, *, dry_run: bool) -> Removed:
    stored, lock = folder / f"{key}.h5", folder / f"{key}.lock"
    removed = Removed()
    with _free(lock) as is_free:
        if not is_free:
            return Removed(kept=((stored, "is being written"),))
        unfinished = (path for path in _ours(folder, _UNFINISHED) if path.name.startswith(f".{key}-"))
        # The lock last, while it is held: whoever waits for it finds that its file is gone and makes a new one.
        for path in (stored, *unfinished, lock):
            removed += _removed(path, dry_run=dry_run)
    return removed


def _removed(path: Path, *, dry_run: bool) -> Removed:
    if path.is_symlink() or not path.is_file():
        return Removed()
    try:
        n_bytes = path.stat().st_size
        if not dry_run:
            path.unlink()
    except FileNotFoundError:
        return Removed()
    except OSError as error:  # on Windows a file that is in use cannot be removed
        return Removed(kept=((path, " ".join(str(error).split())),))
    return Removed((path,), n_bytes)


@contextlib.contextmanager
def _free(path: Path) -> Iterator[bool]:
    """Hold a lock where there is one to hold; False where another process has it."""
    if path.is_symlink() or not path.is_file():
        yield True
        return
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        yield False
        return
    except (OSError, NotImplementedError):  # a folder that cannot be written, or without locks: removing says more
        yield True
        return
    try:
        yield True
    finally:
        lock.release()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ours(folder: Path, names: re.Pattern[str]) -> list[Path]:
    """Files directly in a folder whose whole name matches; no links, nothing where there is no folder."""
    if folder.is_symlink():
        raise InputError(
            f"Expected a folder of its own at {folder}. Received: a link to {os.path.realpath(folder)}. "
            f"Set EMOTUNE_CACHE to the folder above the one that it points to."
        )
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if names.fullmatch(entry.name) and _is_plain(entry)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(
            f"Expected a folder that can be read at {folder}. Received: {' '.join(str(error).split())}. "
            f"Change its permissions, or set EMOTUNE_CACHE to another."
        ) from error
    return [folder / name for name in sorted(found)]


def _is_plain(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False)
