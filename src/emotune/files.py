"""Files that are never half-written, fingerprints of what they hold, and where those go that can be made again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import platformdirs

from emotune.errors import InputError

__all__ = [
    "cache_root",
    "digests_folder",
    "fingerprint",
    "fingerprint_of_file",
    "is_web_page",
    "read_json",
    "replacing",
    "write_json",
    "write_text",
]


def cache_root() -> Path:
    """Where lies what can be made or fetched again: `EMOTUNE_CACHE` where it is set, else this system's user cache."""
    chosen = os.environ.get("EMOTUNE_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("emotune")


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a path beside `path` to write to; on success sync it and put it in the place of `path`.

    The temporary name keeps the suffix (Keras chooses its format by it). When the block raises,
    the old file stays as it was and nothing is left beside it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        # mkstemp makes files that only the owner reads; a result should be as readable as any other file.
        mask = os.umask(0)
        os.umask(mask)
        beside.chmod(0o666 & ~mask)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
        _sync_folder(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    # A rename is on disk only once its folder is; Windows has no handle of a folder to sync.
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path | str, content: Any) -> None:
    """Write `content` as indented JSON to `path`, whole or not at all.

    Raises:
        ValueError: if `content` holds NaN or Inf, which JSON has no words for.
    """
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path | str, *, remedy: str) -> Any:
    """Read a JSON file; `remedy` says how to make it anew.

    Raises:
        InputError: if the file is missing, unreadable or damaged.
    """
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"Expected a JSON file at {path}, but there is none. {remedy}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"Expected a JSON file at {path}, but it is damaged ({error}). {remedy}") from error


def fingerprint(content: Any) -> str:
    """A short, stable name (16 hex digits) of plain JSON values, whatever their order in dicts."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint_of_file(path: Path | str) -> str:
    """A short, stable name (16 hex digits) of a file's content; computed once, unless the file changes.

    Once a process, and of a large file once in all processes: see `digests_folder`.
    """
    known = Path(path).stat()
    # What was written just now may be written again within the same tick of the file system's clock.
    if time.time_ns() - known.st_mtime_ns < _SETTLED_NS:
        return _digest(path)
    # The change time too (on POSIX): whoever sets a file's modification time back cannot set that one back.
    return _fingerprint_of_version(
        str(path), known.st_size, known.st_mtime_ns, 0 if os.name == "nt" else known.st_ctime_ns, known.st_ino
    )


_SETTLED_NS = 2_000_000_000
_LARGE_BYTES = 8 * 2**20  # smaller ones are read as fast as their digest is looked up and checked
_MOST_DIGESTS = 10_000  # of some 200 bytes each


# Gigabytes are asked for more than once: for the store, for the vectors, for the study.
@lru_cache(maxsize=4096)
def _fingerprint_of_version(path: str, size: int, modified_ns: int, changed_ns: int, inode: int) -> str:
    if size < _LARGE_BYTES:
        return _digest(path)
    version = [os.path.abspath(path), size, modified_ns, changed_ns, inode]
    kept = digests_folder() / f"{fingerprint(version)}.json"
    if (digest := _kept_digest(kept, version)) is None:
        digest = _digest(path)
        after = Path(path).stat()
        # Written to while it was read: what was read is no version of it.
        if (after.st_size, after.st_mtime_ns) == (size, modified_ns):
            _keep_digest(kept, version, digest)
    return digest


def _digest(path: Path | str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def digests_folder() -> Path:
    """Where digests of large files are kept from one process to the next: gigabytes are not read at every start.

    One small file a digest, so that any number of processes may read and write. One that is damaged counts as not
    there; where none can be written, files are read again.
    """
    return cache_root() / "digests"


def _kept_digest(kept: Path, version: list[Any]) -> str | None:
    try:
        content = json.loads(kept.read_bytes())
        whole = {"file": version, "digest": content["digest"]}
        return str(content["digest"]) if content == {**whole, "check": fingerprint(whole)} else None
    except (OSError, ValueError, TypeError, LookupError):
        return None


def _keep_digest(kept: Path, version: list[Any], digest: str) -> None:
    whole = {"file": version, "digest": digest}
    # A name that is no Unicode (ValueError) is read again each time.
    with contextlib.suppress(OSError, ValueError):
        write_json(kept, {**whole, "check": fingerprint(whole)})
        names = [entry.path for entry in os.scandir(kept.parent) if entry.name.endswith(".json")]
        if len(names) > _MOST_DIGESTS:
            # A tenth at once, so that not every further one has to look at all of them.
            for name in sorted(names, key=os.path.getmtime)[: len(names) - _MOST_DIGESTS * 9 // 10]:
                Path(name).unlink(missing_ok=True)


def is_web_page(first: bytes) -> bool:
    """Whether a file that begins so holds what a server sends to whoever is not logged in, or XML."""
    return first.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith((b"<!doctype", b"<html", b"<?xml"))
