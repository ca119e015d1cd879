"""The options that every command on data shares, and the settings of a run that they override."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotune.errors import InputError

if TYPE_CHECKING:
    from emotune.cli.configuration import Configuration

__all__ = [
    "add_data_arguments",
    "add_search_arguments",
    "add_split_arguments",
    "configured",
    "positive",
    "project_folder",
    "whole_from",
]


def add_data_arguments(group: Any, *, dummy: bool = False) -> None:
    """Add what says which data: `--data`, `--target`, `--threshold`, `--normalise`, and `--models-dir`.

    Args:
        group: of a parser's arguments.
        dummy: whether `--use-dummy-data` is there too.
    """
    source = group.add_mutually_exclusive_group()
    source.add_argument(
        "--data",
        metavar="SPEC",
        help="simulated, manifest:PATH.csv, FILE.npz or deap:FOLDER (default: DATA of src/config.py)",
    )
    if dummy:
        source.add_argument("--use-dummy-data", action="store_true", help="the same as --data simulated")
    group.add_argument("--target", metavar="NAME", help="what to tell apart: valence, 'valence >= 5' (default: TARGET)")
    group.add_argument("--threshold", metavar="NUMBER", help="where the classes of a rating part: 5, '>=4.5'")
    group.add_argument(
        "--normalise",
        metavar="CHOICE",
        help="by the `training` people; by `subject`, each person by their own windows, scores then called "
        "transductive; or by `subject:SECONDS`, their first ones (default: NORMALISE of src/config.py)",
    )
    group.add_argument("--models-dir", metavar="DIR", help="where results go (default: MODELS_DIR of src/config.py)")


def add_split_arguments(group: Any, *, saved: bool = True) -> None:
    """Add what says how the data is divided: `--protocol`, `--split`, `--allow-leakage`, `--seed`.

    Args:
        group: of a parser's arguments.
        saved: whether a saved split can be taken; not where the data is divided in several ways.
    """
    how = group.add_mutually_exclusive_group()
    how.add_argument(
        "--protocol",
        metavar="NAME",
        help="what is held apart: subject, loso, trial, session, stimulus, subject+stimulus, or window, which leaks "
        "(default: PROTOCOL of src/config.py, else by person, or by trial where there is one person)",
    )
    if saved:
        how.add_argument("--split", metavar="FILE", help="a saved split of the same data, such as models/split.json")
    group.add_argument(
        "--allow-leakage", action="store_true", help="go on where the audit finds a leak; every score then says LEAKS"
    )
    group.add_argument("--seed", type=int, metavar="N", help="of the split and the training (default: SEED)")


def add_search_arguments(group: Any) -> None:
    """Add how a search searches: the method, the metric, how a trial trains and is scored, the confirmation."""
    from emotune.search.methods import METHODS

    about = "; ".join(f"{name}: {entry.about}" for name, entry in METHODS.items())
    algorithms = "; ".join(f"{name}: {', '.join(entry.algorithms)}" for name, entry in METHODS.items())
    group.add_argument("--method", choices=list(METHODS), default="keras-tuner", help=f"{about} (default: keras-tuner)")
    group.add_argument("--tuning-algorithm", metavar="NAME", help=f"{algorithms} (default: the first of each)")
    group.add_argument("--metric", metavar="NAME", help="what is optimised (default: METRIC of src/config.py)")
    group.add_argument("--epochs", type=positive, metavar="N", help="most epochs of a trial (default: EPOCHS)")
    group.add_argument("--patience", type=positive, metavar="N", help="epochs without gain (default: PATIENCE)")
    group.add_argument(
        "--inner-folds",
        type=positive,
        metavar="K",
        help="a trial's score is the mean over K folds of the training and validation rows, held apart as --protocol "
        "says: steadier where people are few, and K times slower (default: INNER_FOLDS)",
    )
    group.add_argument(
        "--seeds-per-trial",
        type=positive,
        metavar="S",
        help="and over S trainings with other first weights (default: SEEDS_PER_TRIAL)",
    )
    group.add_argument("--workers", type=positive, metavar="N", help="processes that train (default: the cores)")
    group.add_argument(
        "--no-confirm", action="store_true", help="take the search's best without training it again on folds"
    )


def whole_from(least: int) -> Callable[[str], int]:
    """What argparse takes for a whole number from `least`."""

    def whole(text: str) -> int:
        number = int(text)
        if number < least:
            raise ValueError
        return number

    whole.__name__ = f"whole number from {least}"  # argparse puts it into "invalid ... value"
    return whole


positive = whole_from(1)


def configured(arguments: Namespace) -> Configuration:
    """The settings of src/config.py with those of the command line before them.

    Args:
        arguments: with `root`, and whatever of the options here the command has.

    Raises:
        InputError: if a value is not of its constant's type.
    """
    from emotune.cli.configuration import read_configuration

    given = vars(arguments)
    configuration = read_configuration(arguments.root / "src" / "config.py").overridden(
        {
            "DATA": "simulated" if given.get("use_dummy_data") else given.get("data"),
            "TARGET": given.get("target"),
            "NORMALISE": given.get("normalise"),
            "PROTOCOL": given.get("protocol"),
            "SEED": given.get("seed"),
            "METRIC": given.get("metric"),
            "EPOCHS": given.get("epochs"),
            "PATIENCE": given.get("patience"),
            "INNER_FOLDS": given.get("inner_folds"),
            "SEEDS_PER_TRIAL": given.get("seeds_per_trial"),
            # A path on the command line is relative to where the command is run.
            "MODELS_DIR": given.get("models_dir") and str(Path(given["models_dir"]).resolve()),
        }
    )
    return configuration.with_threshold(given.get("threshold"))


def project_folder() -> Path:
    """The folder of the project, which a console command must be run in.

    Raises:
        InputError: if it is run elsewhere.
    """
    root = Path.cwd()
    if not (root / "src" / "config.py").is_file():
        raise InputError(
            f"Expected to be in the project's folder, with src/config.py. Received: {root}. Go there and run it again."
        )
    return root
