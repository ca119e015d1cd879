"""`emotune evaluate`: what the whole search is worth, measured fold by fold on people that it has never seen."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotune.cli.command import INTERRUPTED, add_output_arguments
from emotune.cli.run_settings import (
    add_data_arguments,
    add_search_arguments,
    add_split_arguments,
    configured,
    positive,
    project_folder,
)
from emotune.errors import InputError
from emotune.search.methods import chosen_method

if TYPE_CHECKING:
    from emotune.cli.configuration import Configuration
    from emotune.evaluation.metrics import Metric
    from emotune.studies.nested import NestedEvaluation
    from emotune.studies.tuning import TuningSettings

__all__ = ["add_arguments", "run"]

DEFAULT_FOLDS = 5
DEFAULT_TRIALS = 20

RESULT = "nested_evaluation.json"

DESCRIPTION = """\
Search, choose and train anew in each outer fold, and measure the tuned and the default network on what the fold held
out. The score is of the procedure, not of one configuration: each fold may choose another. Run it again to go on after
an interruption."""

_EXAMPLES = """\
examples:
  python -m emotune evaluate --protocol loso --max-trials 20
      each person of the DATA of src/config.py is left out once
  python -m emotune evaluate --data manifest:recordings.csv --outer-folds 5 --method optuna
"""


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, _EXAMPLES
    folds = parser.add_argument_group("evaluation")
    folds.add_argument(
        "--outer-folds",
        type=positive,
        metavar="K",
        help=f"folds, each tested once (default: {DEFAULT_FOLDS}; loso takes one a person)",
    )
    folds.add_argument(
        "--seeds", type=positive, default=1, metavar="S", help="trainings of each fold's two networks (default: 1)"
    )
    folds.add_argument("--fresh", action="store_true", help="put aside what is there of this evaluation; start anew")
    search = parser.add_argument_group("search in each fold")
    search.add_argument(
        "--max-trials",
        type=positive,
        default=DEFAULT_TRIALS,
        metavar="N",
        help=f"trials of each fold (default: {DEFAULT_TRIALS})",
    )
    add_search_arguments(search)
    add_data_arguments(parser.add_argument_group("data"))
    add_split_arguments(parser.add_argument_group("split"), saved=False)
    add_output_arguments(parser)


def run(arguments: Namespace) -> int:
    """Make or go on with an evaluation; gives the exit code.

    Raises:
        InputError: if the settings or the data cannot be used so.
        EmotuneError: if a fold cannot be searched.
    """
    from emotune.evaluation.metrics import metric_named
    from emotune.evaluation.protocols import protocol_named, protocol_that_fits
    from emotune.search.workers import warm_up

    arguments.root = project_folder()
    configuration = configured(arguments)
    # A slip of the pen is said before anything is read.
    chosen_method(arguments.method, arguments.tuning_algorithm or "")
    metric = metric_named(configuration.metric)
    if configuration.protocol:
        protocol_named(configuration.protocol)
    if arguments.outer_folds == 1:
        raise InputError(f"`--outer-folds` must be at least 2. Received: 1. Take such as {DEFAULT_FOLDS}.")
    _ = configuration.feature_settings
    # TensorFlow is imported in the background while the data is read.
    warm_up()
    from emotune.cli.evaluation_report import print_evaluation
    from emotune.cli.fold_progress import FoldProgress
    from emotune.cli.loading import load_undivided
    from emotune.imports import import_quietly

    loaded = load_undivided(configuration, quiet=arguments.quiet, anew=True)
    protocol = configuration.protocol or protocol_that_fits(loaded.dataset)
    if not arguments.quiet:
        _describe(arguments, loaded.dataset, protocol)
    import_quietly("keras")
    from emotune.evaluation.ledger import Ledger
    from emotune.files import write_json
    from emotune.models.backend import prepare_backend
    from emotune.studies.nested import NestedEvaluation
    from emotune.studies.nested_plan import NestedSettings
    from emotune.studies.nested_summary import summary
    from emotune.studies.provenance import provenance

    prepare_backend()
    models = arguments.root / configuration.models_dir
    command = shlex.join(["python", "-m", "emotune", *arguments.given])
    evaluation = NestedEvaluation(
        NestedSettings(
            protocol=protocol,
            n_folds=arguments.outer_folds or DEFAULT_FOLDS,
            tuning=_search_settings(arguments, configuration, metric, models),
            folder=models / "nested",
            confirm=not arguments.no_confirm,
            n_seeds=arguments.seeds,
            allow_leakage=arguments.allow_leakage,
            fresh=arguments.fresh,
            command=command,
        ),
        loaded,
        Ledger(models),
    )
    if not arguments.quiet:
        _show_findings(evaluation)
    try:
        results = evaluation.run(FoldProgress(evaluation, quiet=arguments.quiet, verbose=arguments.verbose))
        content = summary(evaluation, results, provenance=provenance(configuration.seed, command))
        write_json(models / RESULT, content)
    except KeyboardInterrupt:
        _say_where_it_goes_on(evaluation, fresh=arguments.fresh)
        return INTERRUPTED
    print_evaluation(content, models / RESULT)
    return 0


def _search_settings(
    arguments: Namespace, configuration: Configuration, metric: Metric, models: Path
) -> TuningSettings:
    from emotune.features.store import cache_folder
    from emotune.search.presence import default_workers
    from emotune.studies.tuning import TuningSettings

    known = {entry.name for entry in dataclasses.fields(TuningSettings)}
    repeated = {
        "inner_folds": int(configuration.values["INNER_FOLDS"]),
        "seeds_per_trial": int(configuration.values["SEEDS_PER_TRIAL"]),
    }
    unknown = [name for name, value in repeated.items() if name not in known and value != 1]
    if unknown:
        raise InputError(
            f"Expected a search that knows `{unknown[0]}` for a value above 1. Received: {repeated[unknown[0]]}. "
            f"Set {unknown[0].upper()} to 1."
        )
    more: dict[str, Any] = {name: value for name, value in repeated.items() if name in known}
    return TuningSettings(
        method=arguments.method,
        algorithm=arguments.tuning_algorithm or "",
        metric=metric,
        total=arguments.max_trials,
        add=0,
        epochs=configuration.epochs,
        patience=configuration.patience,
        seed=configuration.seed,
        workers=arguments.workers or default_workers(),
        hypermodel=arguments.root / "src" / "hyperparameter_tuner.py",
        folder=models / "nested",
        slots=cache_folder() / "slots",
        **more,
    )


def _describe(arguments: Namespace, dataset: Any, protocol: str) -> None:
    shape = " × ".join(str(length) for length in dataset.inputs.shape[1:])
    classes = ", ".join(dataset.class_names)
    print(f"Data {dataset.name}: {len(dataset)} windows of {shape} values, classes {classes}.")
    if arguments.outer_folds is not None and protocol == "loso":
        print("note: --outer-folds is not used: loso leaves out one person a fold.")
    if dataset.parts is not None:
        print("note: the data comes divided, but an evaluation folds all of its rows.")


def _show_findings(evaluation: NestedEvaluation) -> None:
    """Each finding once, and of which folds it is where it is not of all."""
    from emotune.cli.fold_progress import short_list

    folds: dict[str, list[int]] = {}
    for number, prepared in enumerate(evaluation.prepared, start=1):
        for finding in prepared.findings:
            folds.setdefault(f"{finding.severity}: {finding}", []).append(number)
    for said, numbers in folds.items():
        severity, _, text = said.partition(": ")
        of = "" if len(numbers) == len(evaluation.prepared) else f"fold {short_list(list(map(str, numbers)))}: "
        print(f"{severity}: {of}{text}")


def _say_where_it_goes_on(evaluation: NestedEvaluation, *, fresh: bool) -> None:
    fold = evaluation.next_fold()
    without = " without --fresh" if fresh else ""
    where = "makes the report" if fold is None else f"goes on from fold {fold} of {len(evaluation.prepared)}"
    print(f"Interrupted; what has ended is kept. The same command{without} {where}.", file=sys.stderr)
