"""The console command: `emotune`, the same as `python -m emotune`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from emotune import __version__
from emotune.cli import cache, datasets, evaluate, inspect, predict
from emotune.cli.command import run_command

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code."""
    parser = ArgumentParser(prog="emotune", description="Look at data, and use models that emotune has trained.")
    parser.add_argument("--version", action="version", version=f"emotune {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    predicting = commands.add_parser("predict", help="the emotion in a recording, from a trained Bundle")
    predict.add_arguments(predicting)
    predicting.set_defaults(run=predict.run)
    inspecting = commands.add_parser("inspect", help="what a data set holds, without training")
    inspect.add_arguments(inspecting)
    inspecting.set_defaults(run=inspect.run)
    listing = commands.add_parser("datasets", help="the kinds of data that can be read, and where to ask for them")
    datasets.add_arguments(listing)
    listing.set_defaults(run=datasets.run)
    caching = commands.add_parser("cache", help="which computed vectors are kept: list, verify, clear")
    cache.add_arguments(caching)
    caching.set_defaults(run=cache.run)
    evaluating = commands.add_parser(
        "evaluate", help="what the whole search is worth on people never seen, fold by fold"
    )
    evaluate.add_arguments(evaluating)
    evaluating.set_defaults(run=evaluate.run)
    arguments = parser.parse_args(argv)
    arguments.given = list(sys.argv[1:] if argv is None else argv)
    return run_command(arguments.run, arguments)
