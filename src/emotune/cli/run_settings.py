"""The options that every command on data shares, and the settings of a run that they override."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotune.errors import InputError

if TYPE_CHECKING:
    from emotune.cli.configuration import Configuration

__all__ = ["add_data_arguments", "add_split_arguments", "configured", "project_folder"]


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


def add_split_arguments(group: Any) -> None:
    """Add what says how the data is divided: `--protocol`, `--allow-leakage`, `--seed`."""
    how = group.add_mutually_exclusive_group()
    how.add_argument(
        "--protocol",
        metavar="NAME",
        help="what is held apart: subject, loso, trial, session, stimulus, subject+stimulus, or window, which leaks "
        "(default: PROTOCOL of src/config.py, else by person, or by trial where there is one person)",
    )
    how.add_argument("--split", metavar="FILE", help="a saved split of the same data, such as models/split.json")
    group.add_argument(
        "--allow-leakage", action="store_true", help="go on where the audit finds a leak; every score then says LEAKS"
    )
    group.add_argument("--seed", type=int, metavar="N", help="of the split and the training (default: SEED)")


def configured(arguments: Namespace, more: Mapping[str, Any] | None = None) -> Configuration:
    """The settings of src/config.py with those of the command line before them.

    Args:
        arguments: with `root`, and what `add_data_arguments` and `add_split_arguments` add.
        more: constant -> value, None for not given, of options that one command alone has.

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
            # A path on the command line is relative to where the command is run.
            "MODELS_DIR": given.get("models_dir") and str(Path(given["models_dir"]).resolve()),
            **(more or {}),
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
