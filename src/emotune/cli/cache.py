"""`emotune cache`: which vectors are kept, whether they are undamaged, and how to be rid of them."""

from __future__ import annotations

import argparse
import json
import math
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from emotune.cli.command import add_output_arguments

if TYPE_CHECKING:
    from emotune.features.stored_files import StoredFile

__all__ = ["add_arguments", "run"]

_DAMAGED = 1

_EXAMPLES = """\
examples:
  emotune cache list                         what is stored, the last used first
  emotune cache list --json                  the same for a program
  emotune cache verify                       read every byte; exit code 1 if one is not what was written
  emotune cache clear --older-than 30        remove what was not used for 30 days
  emotune cache clear 3f0c2a91 --dry-run     say what would be removed: by the beginning of a key, or by a data name
  emotune cache clear --downloads            remove everything, fetched data sets too

Everything in the cache can be computed or fetched again. EMOTUNE_CACHE chooses its folder.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog, parser.formatter_class = _EXAMPLES, argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    listing = actions.add_parser("list", help="what is stored, the last used first")
    listing.add_argument("--json", action="store_true", help="print JSON")
    add_output_arguments(listing)
    add_output_arguments(actions.add_parser("verify", help="read every stored file and say which are damaged"))
    clearing = actions.add_parser("clear", help="remove stored vectors")
    chosen = clearing.add_argument_group("what to remove (default: everything but fetched data sets)")
    chosen.add_argument("names", metavar="NAME", nargs="*", help="data names, or keys (8 digits or more), as listed")
    chosen.add_argument("--older-than", type=_days, metavar="DAYS", help="only what was not used for so many days")
    chosen.add_argument("--downloads", action="store_true", help="fetched data sets, too")
    clearing.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")
    add_output_arguments(clearing)


def run(arguments: Namespace) -> int:
    """List, verify or clear; 1 where `verify` finds a damaged file or `clear` could not remove one.

    Raises:
        InputError: if the folder cannot be read, a name is of nothing that is stored, or what to remove contradicts
            itself.
    """
    return {"list": _list, "verify": _verify, "clear": _clear}[arguments.action](arguments)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = math.nan
    if not 0 <= days < math.inf:
        raise ArgumentTypeError(f"expected a number of days from 0. Received: {text!r}")
    return days


def _list(arguments: Namespace) -> int:
    from emotune.features.store import cache_folder
    from emotune.features.stored_files import stored_files
    from emotune.report.tables import print_table

    files = stored_files()
    total = sum(file.n_bytes for file in files)
    if arguments.json:
        listed = [_as_json(file) for file in files]
        print(json.dumps({"folder": str(cache_folder()), "n_bytes": total, "files": listed}, indent=2))
        return 0
    if files:
        columns = ("key", "data", "windows", "recordings", "size", "made", "last used", "settings", "state")
        print_table(columns, [_row(file) for file in files], numeric=("recordings", "size"))
    print(f"{len(files)} stored, {_size(total)} in {cache_folder()}")
    return 0


def _row(file: StoredFile) -> tuple[str, ...]:
    return (
        file.key,
        file.name,
        f"{file.n_windows} × {file.n_features}" if file.n_features else "",
        str(file.n_recordings or ""),
        _size(file.n_bytes),
        "" if file.made_s is None else _day(file.made_s),
        _day(file.last_used_s),
        file.settings,
        "" if file.state == "whole" else file.state + (f": {file.problem}" if file.problem else ""),
    )


def _as_json(file: StoredFile) -> dict[str, object]:
    return {name: getattr(file, name) for name in file.__slots__ if name != "path"} | {"path": str(file.path)}


def _verify(arguments: Namespace) -> int:
    from emotune.features.stored_files import stored_files

    files = stored_files(verify=True)
    damaged = [file for file in files if file.state == "damaged"]
    for file in damaged:
        print(f"damaged: {file.path} ({file.problem}); the next run that needs it computes it anew")
    if not arguments.quiet:
        counts = [(state, sum(file.state == state for file in files)) for state in ("whole", "of another version")]
        counts.append(("damaged", len(damaged)))
        print(f"{len(files)} stored: " + ", ".join(f"{n} {state}" for state, n in counts))
    return _DAMAGED if damaged else 0


def _clear(arguments: Namespace) -> int:
    from emotune.errors import InputError
    from emotune.features.stored_files import remove_digests, remove_downloads, remove_stored, stored_files

    if arguments.downloads and (arguments.names or arguments.older_than is not None):
        raise InputError(
            "Expected --downloads alone: it removes everything. Received: a choice of stored vectors, too. Leave out "
            "the names and --older-than, or --downloads."
        )
    files = stored_files()
    if arguments.names:
        files = _named(files, arguments.names)
    if arguments.older_than is not None:
        before_s = time.time() - arguments.older_than * 86400
        files = tuple(file for file in files if file.last_used_s < before_s)
    removed = remove_stored(files, dry_run=arguments.dry_run)
    if not arguments.names and arguments.older_than is None:
        removed += remove_digests(dry_run=arguments.dry_run)
    if arguments.downloads:
        removed += remove_downloads(dry_run=arguments.dry_run)
    done = "would be removed" if arguments.dry_run else "removed"
    if not arguments.quiet:
        for path in removed.paths:
            print(f"{done}: {path}")
    for path, reason in removed.kept:
        print(f"kept: {path} ({reason})")
    print(f"{len(removed.paths)} files {done}, {_size(removed.n_bytes)}")
    return 1 if removed.kept else 0


def _named(files: tuple[StoredFile, ...], names: list[str]) -> tuple[StoredFile, ...]:
    from emotune.errors import InputError

    for name in names:
        if not any(_is_called(file, name) for file in files):
            raise InputError(
                f"Expected the name of stored data, or 8 digits or more of a key. Received: {name!r}, which nothing "
                "stored is called. See: emotune cache list."
            )
    return tuple(file for file in files if any(_is_called(file, name) for name in names))


def _is_called(file: StoredFile, name: str) -> bool:
    return bool(name) and (file.name == name or (len(name) >= 8 and file.key.startswith(name)))


def _size(n_bytes: int) -> str:
    size, units = float(n_bytes), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.1f} {units[0]}"


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
