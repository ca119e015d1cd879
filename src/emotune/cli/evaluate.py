"""`emotune evaluate`: what the whole search is worth, measured fold by fold on people that it has never seen."""

from __future__ import annotations

import dataclasses
import shlex
import sys
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotune.cli.command import INTERRUPTED, add_output_arguments
from emotune.cli.run_settings import add_data_arguments, add_split_arguments, configured, project_folder
from emotune.errors import InputError
from emotune.search.methods import METHODS, chosen_method

if TYPE_CHECKING:
    from emotune.cli.configuration import Configuration
    from emotune.evaluation.metrics import Metric
    from emotune.evaluation.splits import Split
    from emotune.search.loop import Observer
    from emotune.search.trials import Trial
    from emotune.studies.nested import NestedEvaluation, Plan
    from emotune.studies.nested_folds import FoldResult
    from emotune.studies.tuning import Tuning, TuningSettings

__all__ = ["add_arguments", "run"]

DEFAULT_FOLDS = 5
DEFAULT_TRIALS = 20

RESULT = "nested_evaluation.json"

# What of a network's scores over all folds is shown, under which heading.
_COLUMNS = {
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "cohen_kappa": "kappa",
    "roc_auc": "ROC-AUC",
    "calibration_error": "calibration error",
}

# So many names stand in a fold's line, and so many values of a hyperparameter in the table of the choices.
_SHOWN_NAMES = 4
_SHOWN_VALUES = 3

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
        type=_positive,
        metavar="K",
        help=f"folds, each tested once (default: {DEFAULT_FOLDS}; loso takes one a person)",
    )
    folds.add_argument(
        "--seeds", type=_positive, default=1, metavar="S", help="trainings of each fold's two networks (default: 1)"
    )
    folds.add_argument("--fresh", action="store_true", help="put aside what is there of this evaluation; start anew")
    about = "; ".join(f"{name}: {entry.about}" for name, entry in METHODS.items())
    algorithms = "; ".join(f"{name}: {', '.join(entry.algorithms)}" for name, entry in METHODS.items())
    search = parser.add_argument_group("search in each fold")
    search.add_argument(
        "--method", choices=list(METHODS), default="keras-tuner", help=f"{about} (default: keras-tuner)"
    )
    search.add_argument("--tuning-algorithm", metavar="NAME", help=f"{algorithms} (default: the first of each)")
    search.add_argument(
        "--max-trials",
        type=_positive,
        default=DEFAULT_TRIALS,
        metavar="N",
        help=f"trials of each fold (default: {DEFAULT_TRIALS})",
    )
    search.add_argument("--metric", metavar="NAME", help="what is optimised and compared (default: METRIC)")
    search.add_argument("--epochs", type=_positive, metavar="N", help="most epochs of a trial (default: EPOCHS)")
    search.add_argument("--patience", type=_positive, metavar="N", help="epochs without gain (default: PATIENCE)")
    search.add_argument("--workers", type=_positive, metavar="N", help="processes that train (default: the cores)")
    search.add_argument(
        "--no-confirm", action="store_true", help="take each search's best without training it again on inner folds"
    )
    search.add_argument(
        "--inner-folds", type=_positive, metavar="K", help="validation parts of a trial (default: INNER_FOLDS)"
    )
    search.add_argument(
        "--seeds-per-trial", type=_positive, metavar="N", help="trainings of a trial (default: SEEDS_PER_TRIAL)"
    )
    add_data_arguments(parser.add_argument_group("data"))
    add_split_arguments(parser.add_argument_group("split"))
    add_output_arguments(parser)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


_positive.__name__ = "whole number from 1"  # argparse puts it into "invalid ... value"


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
    configuration = configured(
        arguments,
        {
            "METRIC": arguments.metric,
            "EPOCHS": arguments.epochs,
            "PATIENCE": arguments.patience,
            "INNER_FOLDS": arguments.inner_folds,
            "SEEDS_PER_TRIAL": arguments.seeds_per_trial,
        },
    )
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
    from emotune.cli.loading import load_undivided
    from emotune.imports import import_quietly

    loaded = load_undivided(configuration, quiet=arguments.quiet)
    protocol = configuration.protocol or protocol_that_fits(loaded.dataset)
    if not arguments.quiet:
        _describe(arguments, loaded.dataset, protocol)
    import_quietly("keras")
    from emotune.evaluation.ledger import Ledger
    from emotune.files import write_json
    from emotune.models.backend import prepare_backend
    from emotune.studies.nested import NestedEvaluation, NestedSettings
    from emotune.studies.nested_summary import summary
    from emotune.studies.tuning import provenance

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
        results = evaluation.run(_Display(evaluation, quiet=arguments.quiet, verbose=arguments.verbose))
        content = summary(evaluation, results, provenance=provenance(configuration.seed, command))
        write_json(models / RESULT, content)
    except KeyboardInterrupt:
        _say_where_it_goes_on(evaluation, fresh=arguments.fresh)
        return INTERRUPTED
    _report(content, models / RESULT)
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
    folds: dict[str, list[int]] = {}
    for number, prepared in enumerate(evaluation.prepared, start=1):
        for finding in prepared.findings:
            folds.setdefault(f"{finding.severity}: {finding}", []).append(number)
    for said, numbers in folds.items():
        severity, _, text = said.partition(": ")
        of = "" if len(numbers) == len(evaluation.prepared) else f"fold {_names(list(map(str, numbers)))}: "
        print(f"{severity}: {of}{text}")


def _say_where_it_goes_on(evaluation: NestedEvaluation, *, fresh: bool) -> None:
    fold = evaluation.next_fold()
    without = " without --fresh" if fresh else ""
    where = "makes the report" if fold is None else f"goes on from fold {fold} of {len(evaluation.prepared)}"
    print(f"Interrupted; what has ended is kept. The same command{without} {where}.", file=sys.stderr)


def _names(names: Sequence[str]) -> str:
    from emotune.findings import listed

    return listed(names, _SHOWN_NAMES)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


class _Display:
    """One line a fold, with the time left; an `emotune.studies.nested.Watcher`.

    Args:
        evaluation: that is watched.
        quiet: print nothing.
        verbose: print the trials too.
    """

    def __init__(self, evaluation: NestedEvaluation, *, quiet: bool, verbose: bool) -> None:
        self._evaluation, self._quiet, self._verbose = evaluation, quiet, verbose
        self._said: set[str] = set()
        self._guess: dict[int, float] = {}
        self._taken: dict[int, float] = {}
        self._begun = 0.0
        self._progress: Any = None
        self._fold = ""

    def planned(self, plan: Plan) -> None:
        """Print how much there is to do, before any of it runs."""
        from emotune.cli.progress import duration

        self._guess = dict(enumerate(plan.seconds, start=1))
        fits = [_counted(plan.n_trials, "trial")]
        fits += [_counted(plan.n_confirming, "confirmation fit")] if plan.n_confirming else []
        fits += [_counted(plan.n_final, "fit")]
        runs = plan.n_folds * (plan.n_trials + plan.n_confirming + plan.n_final)
        left = sum(plan.seconds) * (1 - plan.n_done / plan.n_folds)
        done = f"; {_counted(plan.n_done, 'fold')} {'is' if plan.n_done == 1 else 'are'} done" if plan.n_done else ""
        time_left = f"A first guess: {duration(left)}." if plan.n_done < plan.n_folds else "Nothing is left to train."
        folds = _counted(plan.n_folds, "fold")
        self._print(f"{folds} × ({' + '.join(fits)}): at most {runs} trainings{done}. {time_left}")

    def begun(self, split: Split) -> None:
        """Remember when."""
        self._begun = time.monotonic()
        self._fold = "fold {} of {}".format(*(split.fold or (1, 1)))
        if self._verbose:
            self._print(f"{self._fold}: searching")

    def searching(self, tuning: Tuning) -> Observer:
        """The trials' own lines where they are wanted, else silence."""
        from emotune.cli.progress import Progress

        total = tuning.method.total
        self._progress = Progress(
            tuning.settings.metric,
            total,
            tuning.method.trials(),
            self._guess.get((tuning.prepared.split.fold or (1, 1))[0], 0.0),
            study=tuning.method.trials,
            score_label=tuning.prepared.score_label,
            quiet=self._quiet or not self._verbose,
        )
        return _Trials(self, self._progress)

    def refitted(self, done: int, total: int) -> None:
        """Shown with the trials."""
        if self._progress is not None:
            self._progress.refitted(done, total)

    def said(self, line: str) -> None:
        """Each line once: of many folds most say the same."""
        if line not in self._said:
            self._said.add(line)
            self._print(f"{self._fold}: {line}" if self._fold else line)

    def ended(self, result: FoldResult, *, is_new: bool) -> None:
        """Print the fold's line."""
        from emotune.cli.progress import duration
        from emotune.data.normalising import labelled

        evaluation, content = self._evaluation, result.content
        metric, targets = evaluation.settings.tuning.metric, evaluation.loaded.dataset.targets
        chosen = "the default" if content["chosen"]["is_default"] else f"trial {content['chosen']['trial']}"
        tuned, default = (_score(result.score(name, metric, targets)) for name in ("tuned", "default"))
        tested = _names(content["tested"]) or f"{len(result.rows)} windows"
        number, n = content["fold"]
        line = f"fold {number} of {n}: {tested}; {labelled(metric.name, content['score_label'])} "
        line += f"tuned {tuned} ({chosen}), default {default}; {duration(result.seconds)}"
        if is_new:
            self._taken[number] = time.monotonic() - self._begun
            line += f"; {self._left(number, n)}"
        else:
            line += "; done before"
        self._print(line)
        self._fold = ""

    def _left(self, number: int, n: int) -> str:
        from emotune.cli.progress import duration

        # The guess knows how folds differ in size, and the folds that have ended how far the guess is off.
        off = sum(self._taken.values()) / sum(self._guess[fold] for fold in self._taken)
        later = sum(self._guess[fold] for fold in range(number + 1, n + 1))
        return f"about {duration(off * later)} left" if later else "the last one"

    def _print(self, line: str) -> None:
        if not self._quiet:
            print(line, flush=True)


class _Trials:
    """Passes trials on to their display; that the search waits is said in any case."""

    def __init__(self, display: _Display, progress: Any) -> None:
        self._display, self._progress = display, progress

    def started(self, number: int) -> None:
        """A trial was given to a worker."""
        self._progress.started(number)

    def ended(self, trial: Trial) -> None:
        """A trial has ended."""
        self._progress.ended(trial)

    def waiting(self, what: str) -> None:
        """Nothing has run for a while."""
        self._display.said(f"waiting for {what}")


def _report(content: Mapping[str, Any], path: Path) -> None:
    from emotune.cli.configuration import shown_path
    from emotune.data.normalising import labelled
    from emotune.report.tables import print_table

    name = labelled(content["metric"], content["score_label"])
    numeric = ("windows", "tuned", "default", "difference")
    if content["people"]:
        rows = [
            (
                person["person"],
                person["n_windows"],
                _score(person["tuned"]),
                _score(person["default"]),
                _score(person["difference"], signed=True),
            )
            for person in content["people"]
        ]
        print_table(
            ("person", *numeric), rows, numeric=numeric, title=f"\n{name} of each person, tested by {_folds(content)}:"
        )
    else:
        print("\nPeople are not known: there is no score per person, and no interval.")
    label = labelled("Scores", content["score_label"])
    title = f"\n{label} of {content['n_windows']} windows: {content['about']}"
    print_table(("network", *_COLUMNS.values()), _rows(content), title=title)
    for network in ("default", "tuned"):
        print(f"{network}: {name} over people {_over_people(content['over_people'][network])}")
    print(_choices(content["chosen"], content["n_folds"]))
    for network, n_failed in content["failed_fits"].items():
        if n_failed:
            print(f"warning: {n_failed} trainings of the {network} network failed; their people have no score.")
    print(f"\n{content['sentence']}")
    print(f"{content['estimates']} {content['limits']}")
    print(_opened(content["openings"], content["n_folds"]))
    print(f"Written: {shown_path(path)}")


def _rows(content: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Both networks, and what answers without looking come to."""
    rows = [
        (network, *(_score(content["pooled"][network][key]) for key in _COLUMNS)) for network in ("default", "tuned")
    ]
    card = content["cards"]["default"][0]
    for name, baseline in (("majority class", "majority"), ("stratified guess", "stratified")):
        if baseline in card:
            of = card[baseline]
            rows.append((name, *(_score(of[key]) if key in of else "-" for key in _COLUMNS)))
    return rows


def _folds(content: Mapping[str, Any]) -> str:
    seeds = f", mean over {content['n_seeds']} seeds" if content["n_seeds"] > 1 else ""
    return f"{content['n_folds']} folds{seeds}"


def _opened(openings: Mapping[str, Any], n_folds: int) -> str:
    by = ", ".join(f"{name} {count}" for name, count in openings["by"].items())
    return f"The test parts of the {n_folds} folds were opened {_counted(openings['total'], 'time')} so far: {by}."


def _choices(chosen: Mapping[str, Any], n_folds: int) -> str:
    """How alike the folds chose: the hyperparameters in which they differ, and their values."""
    differing = []
    for name, values in chosen["hyperparameters"].items():
        missing = n_folds - sum(value["folds"] for value in values)
        if len(values) == 1 and not missing:
            continue
        shown = [f"{_short(value['value'])} ({value['folds']})" for value in values[:_SHOWN_VALUES]]
        more = len(values) - _SHOWN_VALUES
        numbers = [value["value"] for value in values if not isinstance(value["value"], bool | str)]
        if more > 0 and len(numbers) == len(values):
            shown = [f"{_short(min(numbers))} to {_short(max(numbers))}"]
        elif more > 0:
            shown.append(f"{more} more")
        differing.append(f"  {name}: {', '.join(shown)}" + (f", unused ({missing})" if missing else ""))
    n, n_default = chosen["n_configurations"], chosen["n_default"]
    said = f"\nConfigurations chosen in {n_folds} folds: {n}; the default in {n_default} of them."
    return "\n".join([f"{said} Where they differ (in how many folds):" if differing else said, *differing])


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _score(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "undefined"
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def _over_people(interval: Mapping[str, Any]) -> str:
    if interval["mean"] is None:
        return "undefined"
    if interval["low"] is None:
        return f"{interval['mean']:.3f} (interval {interval['method']})"
    return f"{interval['mean']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"
