"""Files fetched from a web server: checked by the hashes that it lists, and gone on with where they stopped."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from emotune.errors import InputError, one_line
from emotune.files import fingerprint, write_text

if TYPE_CHECKING:
    import requests

__all__ = ["fetch_listed_files"]

_MOST_BYTES = 64 * 2**20  # a file of a data set; a server that sends more is not that of the set
_MOST_BYTES_OF_LIST = 2**20
_CHUNK_BYTES = 2**16
_TIMEOUT_S = (10.0, 30.0)  # to connect, and between two pieces
_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?([\w.-]+)")  # as sha256sum writes it; no path


class _Unusable(Exception):
    """What a server sent is of no use, and will not be at a second attempt; the message says what it was."""


def fetch_listed_files(
    address: str,
    list_name: str,
    wanted: re.Pattern[str],
    folder: Path,
    *,
    remedy: str,
    on_file: Callable[[int, int], None] | None = None,
) -> None:
    """Have in a folder what a server's list of SHA-256 sums names: what is there and right is not fetched again.

    The list is kept too, so that a folder with all of its files needs no network. What has come of a file stays
    beside it as `NAME.part`, also after Ctrl-C, and the next call goes on from there where the server can (HTTP
    Range). A file that is not what its sum says is never left under its name. Of several processes one fetches and
    the others wait.

    Args:
        address: where the files lie, `http://` or `https://`.
        list_name: what the list beside them is called, such as `SHA256SUMS.txt`.
        wanted: names of files that are to be had, of those in the list.
        folder: where to; made where it is missing.
        remedy: what the user can do in place of it, for messages.
        on_file: called with (done, total) after each file, and once for those that were there.

    Raises:
        InputError: if one cannot be had.
    """
    if not re.match(r"https?://[^/]", address):
        raise InputError(f"Expected an address that begins with http:// or https://. Received: {address!r}. {remedy}")
    address = address.rstrip("/") + "/"
    # Two servers may have different files under the same names.
    kept = folder / f"{fingerprint(address)}-{list_name}"
    sums = _wanted_sums(_text(kept), wanted)
    if sums and not _missing(sums, folder):
        _say(on_file, len(sums), len(sums))
        return
    with _alone_in(folder, remedy), _connection() as connection:
        # Anew, since a list that is older than the files would refuse them all.
        with _inone_line(f"{list_name} from {address}", remedy):
            sums = _wanted_sums(_fetched_text(connection, address + list_name), wanted)
            if not sums:
                raise _Unusable("no list of SHA-256 sums with such files")
            write_text(kept, "".join(f"{digest}  {name}\n" for name, digest in sums.items()))
        missing = _missing(sums, folder)
        done = len(sums) - len(missing)
        if done:
            _say(on_file, done, len(sums))
        for name in missing:
            with _inone_line(f"{name} from {address}", remedy):
                (folder / name).unlink(missing_ok=True)
                _fetch(connection, address, name, sums[name], folder)
            done += 1
            _say(on_file, done, len(sums))


def _say(on_file: Callable[[int, int], None] | None, done: int, total: int) -> None:
    if on_file is not None:
        on_file(done, total)


def _text(path: Path) -> str:
    """Of a file that is there and readable; else nothing."""
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def _wanted_sums(text: str, wanted: re.Pattern[str]) -> dict[str, str]:
    """SHA-256 by file name, in the order of names."""
    matches = [_LINE.fullmatch(line.strip()) for line in text.splitlines()]
    return dict(sorted((named[2], named[1].lower()) for named in matches if named and wanted.fullmatch(named[2])))


def _missing(sums: Mapping[str, str], folder: Path) -> list[str]:
    return [name for name in sums if _sha256(folder / name) != sums[name]]


def _sha256(path: Path) -> str:
    """Hexadecimal digits; empty where there is no file that can be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@contextlib.contextmanager
def _alone_in(folder: Path, remedy: str) -> Iterator[None]:
    lock = filelock.FileLock(folder / ".fetching.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except (OSError, NotImplementedError) as error:  # the second where a file system knows no locks
        raise InputError(
            f"Expected a folder to keep fetched files in at {folder}, but it cannot be written ({one_line(error)}). "
            f"Set EMOTUNE_CACHE to one that can. {remedy}"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _connection() -> Iterator[requests.Session]:
    import requests  # slow to import

    with requests.Session() as connection:
        # Compressed on the way, a stretch of a file could not be asked for.
        connection.headers["Accept-Encoding"] = "identity"
        yield connection


@contextlib.contextmanager
def _inone_line(expected: str, remedy: str) -> Iterator[None]:
    import requests

    cause: Exception
    try:
        yield
        return
    except _Unusable as error:
        received, cause = str(error), error
    except requests.Timeout as error:
        received, cause = "no answer in time", error
    except requests.HTTPError as error:
        received, cause = str(error), error
    except requests.exceptions.ChunkedEncodingError as error:
        received, cause = "a part, then the connection broke off; the next attempt goes on from there", error
    except requests.RequestException as error:
        received, cause = f"no connection ({one_line(error)})", error
    except ValueError as error:  # pooch's, of a hash
        received, cause = "a file with another SHA-256", error
    except OSError as error:
        received, cause = f"an error of the disk ({one_line(error)})", error
    raise InputError(f"Expected {expected}. Received: {received}. {remedy}") from cause


def _fetched_text(connection: requests.Session, url: str) -> str:
    with _answer(connection, url) as answer:
        return b"".join(_pieces(answer, 0, _MOST_BYTES_OF_LIST)).decode("ascii", errors="replace")


def _fetch(connection: requests.Session, address: str, name: str, digest: str, folder: Path) -> None:
    import pooch

    # It says every file on standard error; what is to be said is `on_file`'s business.
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        # The second attempt mends a connection that broke off, and a `.part` that was of something else.
        files = pooch.create(folder, address, registry={name: f"sha256:{digest}"}, retry_if_failed=1)
        files.fetch(name, downloader=functools.partial(_resume, connection, folder / f"{name}.part"))
    finally:
        logger.setLevel(level)


def _resume(connection: requests.Session, part: Path, url: str, output_file: str, _: Any) -> None:
    """A downloader as pooch wants it, which gathers what comes in `part` and puts the whole file in its place."""
    size = part.stat().st_size if part.exists() else 0
    for have in (size, 0) if size else (0,):
        with _answer(connection, url, have) as answer:
            if answer.status_code == 200:  # the whole file: the server knows no stretches
                at = 0
            elif answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                at = have
            else:  # no such stretch, or another
                continue
            try:
                with part.open("ab" if at else "wb") as file:
                    for piece in _pieces(answer, at, _MOST_BYTES):
                        file.write(piece)
            except _Unusable:
                part.unlink()
                raise
            part.replace(output_file)
            return
    raise _Unusable("another stretch of it than was asked for")


@contextlib.contextmanager
def _answer(connection: requests.Session, url: str, have: int = 0) -> Iterator[requests.Response]:
    """The answer to a request for a file without its first `have` bytes, its content not yet read.

    Raises:
        requests.RequestException: if there is none, or the server is in trouble, which may pass.
        _Unusable: if there is no such file.
    """
    import requests

    stretch = {"Range": f"bytes={have}-"} if have else {}
    with connection.get(url, headers=stretch, stream=True, timeout=_TIMEOUT_S) as answer:
        received = f"the answer {answer.status_code} {answer.reason}"
        if answer.status_code >= 500:
            raise requests.HTTPError(received)
        if answer.status_code not in ((200, 206, 416) if have else (200,)):
            raise _Unusable(received)
        yield answer


def _pieces(answer: requests.Response, have: int, most: int) -> Iterator[bytes]:
    """The content in pieces.

    Raises:
        _Unusable: if it is a web page, or more than `most` bytes with the `have` that are there.
    """
    announced = answer.headers.get("Content-Length", "")
    if announced.isdigit() and have + int(announced) > most:
        raise _Unusable(f"more than {most >> 20} MB")
    is_first = have == 0
    for piece in answer.iter_content(_CHUNK_BYTES):
        if is_first and piece.lstrip().lower().startswith((b"<!doctype", b"<html")):
            raise _Unusable("a web page, perhaps a login or an error")
        is_first = False
        have += len(piece)
        if have > most:
            raise _Unusable(f"more than {most >> 20} MB")
        yield piece
