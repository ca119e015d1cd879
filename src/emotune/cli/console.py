"""The console command: `emotune`, the same as `python -m emotune`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from types import ModuleType

from emotune import __version__
from emotune.cli import audit, cache, datasets, evaluate, inspect, ladder, predict
from emotune.cli.command import run_command

__all__ = ["main"]

# Name -> its module, with `add_arguments` and `run`, and what it does.
_COMMANDS: dict[str, tuple[ModuleType, str]] = {
    "inspect": (inspect, "what a data set holds, without training"),
    "audit": (audit, "whether a split of the data leaks, without training"),
    "ladder": (ladder, "what each leak is worth on your data: one model, every protocol"),
    "evaluate": (evaluate, "what the whole search is worth on people never seen, fold by fold"),
    "predict": (predict, "the emotion in a recording, from a trained Bundle"),
    "datasets": (datasets, "the kinds of data that can be read, and where to ask for them"),
    "cache": (cache, "which computed vectors are kept: list, verify, clear"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code."""
    parser = ArgumentParser(prog="emotune", description="Look at data and scores, and use models that emotune trained.")
    parser.add_argument("--version", action="version", version=f"emotune {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (module, about) in _COMMANDS.items():
        command = commands.add_parser(name, help=about)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    arguments = parser.parse_args(argv)
    arguments.given = list(sys.argv[1:] if argv is None else argv)
    return run_command(arguments.run, arguments)
