"""The main job: `run_hyperparameter_tuning.py` searches for the best hyperparameters."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emotune.cli.command import INTERRUPTED, add_output_arguments, python_command, run_script
from emotune.cli.run_settings import add_data_arguments, add_search_arguments, add_split_arguments, configured, positive
from emotune.errors import InputError
from emotune.search.methods import chosen_method

if TYPE_CHECKING:
    from emotune.cli.configuration import Configuration
    from emotune.search.trials import Trial
    from emotune.studies.confirmation import Confirmation
    from emotune.studies.tuning import Tuning

__all__ = ["main"]

DEFAULT_TRIALS = 20

_SAVED = "Interrupted; the best so far is saved. The same command goes on from here."

_EXAMPLES = """\
examples:
  python run_hyperparameter_tuning.py --method optuna --max-trials 50
      search on the DATA of src/config.py until the study has 50 trials; run it again to go on
  python run_hyperparameter_tuning.py --method optuna --data manifest:recordings.csv
      search on your own recordings (columns file,subject,label)
  python run_hyperparameter_tuning.py --method keras-tuner --tuning-algorithm hyperband --max-trials 50
  python run_hyperparameter_tuning.py --apply
      write the winner of the last search into src/config.py
"""


def main(argv: Sequence[str] | None = None, *, root: Path) -> int:
    """Run the command; `root` is the folder that holds src/ and models/. Gives the exit code."""
    return run_script(_parser(), _tune, argv, root)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Search for the best hyperparameters of an EEG emotion model, on people kept apart.",
        epilog=_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    search = parser.add_argument_group("search")
    total = search.add_mutually_exclusive_group()
    total.add_argument(
        "--max-trials", type=positive, metavar="N", help=f"trials of the study in all (default: {DEFAULT_TRIALS})"
    )
    total.add_argument("--add-trials", type=positive, metavar="N", help="trials to add to what the study has")
    add_search_arguments(search)
    study = parser.add_argument_group("study")
    study.add_argument("--study", metavar="NAME", default="", help="a name of your own for the study")
    study.add_argument("--fresh", action="store_true", help="put the study of that name aside and start anew")
    study.add_argument("--apply", action="store_true", help="write the winner into src/config.py; alone: do only that")
    add_data_arguments(parser.add_argument_group("data"), dummy=True)
    add_split_arguments(parser.add_argument_group("split"))
    add_output_arguments(parser)
    return parser


def _tune(arguments: Namespace) -> int:
    configuration = configured(arguments)
    models = arguments.root / configuration.models_dir
    best_path = models / "best_hyperparameters.json"
    # The option alone, with whatever only says where and how loud: nothing to search for.
    only_apply = arguments.apply and not _asks_for_a_search(arguments)
    if arguments.apply and not only_apply and not arguments.quiet:
        print("Searching first, then applying: --apply alone only writes the last winner into src/config.py.")
    if not only_apply:
        code = _search(arguments, configuration, models, best_path)
        if code:
            return code
    if arguments.apply:
        _apply(arguments, best_path)
    return 0


def _asks_for_a_search(arguments: Namespace) -> bool:
    quiet = {"apply", "models_dir", "quiet", "verbose", "root", "given"}
    defaults = vars(_parser().parse_args([]))
    return any(getattr(arguments, name) != value for name, value in defaults.items() if name not in quiet)


def _search(arguments: Namespace, configuration: Configuration, models: Path, best_path: Path) -> int:
    from emotune.evaluation.metrics import metric_named
    from emotune.evaluation.splits import save_split
    from emotune.search.workers import warm_up

    # A slip of the pen is said before anything is read.
    chosen_method(arguments.method, arguments.tuning_algorithm or "", arguments.study)
    metric = metric_named(configuration.metric)
    _ = configuration.feature_settings
    # TensorFlow is imported in the background while the data is read.
    warm_up()
    from emotune.cli.loading import load
    from emotune.cli.progress import Progress, duration
    from emotune.features.store import cache_folder
    from emotune.search.presence import default_workers, n_cores
    from emotune.search.trials import best_of
    from emotune.studies.confirmation import FULL_FROM_TRIALS, drawings, n_fits
    from emotune.studies.tuning import Tuning, TuningSettings, first_guess_s

    prepared = load(
        configuration, quiet=arguments.quiet, allow_leakage=arguments.allow_leakage, split_file=arguments.split
    )
    workers = arguments.workers or default_workers()
    total = None if arguments.add_trials else arguments.max_trials or DEFAULT_TRIALS
    tuning = Tuning(
        TuningSettings(
            method=arguments.method,
            algorithm=arguments.tuning_algorithm or "",
            metric=metric,
            total=total,
            add=arguments.add_trials or 0,
            epochs=configuration.epochs,
            patience=configuration.patience,
            seed=configuration.seed,
            workers=workers,
            hypermodel=arguments.root / "src" / "hyperparameter_tuner.py",
            folder=models / "tuning",
            slots=cache_folder() / "slots",
            study=arguments.study,
            fresh=arguments.fresh,
            inner_folds=int(configuration.values["INNER_FOLDS"]),
            seeds_per_trial=int(configuration.values["SEEDS_PER_TRIAL"]),
        ),
        prepared,
    )
    try:
        earlier = tuning.method.trials()
        left = max(0, tuning.method.total - len(earlier))
        fits = 0 if arguments.no_confirm else n_fits(tuning.method.total, len(tuning.starts))
        n_train, n_parallel = len(prepared.split.train), min(workers, n_cores())
        guess = first_guess_s(n_train, configuration.epochs, left * tuning.fits_per_trial, n_parallel)
        confirming = first_guess_s(n_train, configuration.epochs, fits, n_parallel)
        if not arguments.quiet:
            has = f", {len(earlier)} of them done" if earlier else ""
            print(
                f"Study {tuning.study}: {arguments.method}/{tuning.algorithm}, {tuning.method.total} trials{has}; "
                f"{workers} workers.{_fits_in_words(tuning)} A first guess: {duration(guess)} to search"
                + (f" and {duration(confirming)} to confirm." if fits else ".")
            )
            repeats, folds = drawings(tuning.method.total)
            if fits and repeats == 1:
                print(
                    f"With fewer than {FULL_FROM_TRIALS} trials the best are confirmed on {repeats} × {folds} folds, "
                    "in place of 3 × 5."
                )
        progress = Progress(
            metric,
            tuning.method.total,
            earlier,
            guess + confirming,
            study=tuning.method.trials,
            fits=fits,
            fits_per_trial=tuning.fits_per_trial,
            score_label=prepared.score_label,
            quiet=arguments.quiet,
        )
        interrupted = False
        try:
            with progress:
                trials = tuning.run(progress)
        except KeyboardInterrupt:
            trials, interrupted = tuning.method.trials(), True
        command = shlex.join(["python", "run_hyperparameter_tuning.py", *arguments.given])
        if interrupted and best_of(trials, maximise=metric.maximise) is None:
            print("Interrupted before a trial was complete. The same command goes on from here.", file=sys.stderr)
            return INTERRUPTED
        replaced = _replaced(best_path, tuning)
        best = tuning.save_best(best_path, trials, command)
        save_split(models / "split.json", prepared.split, dataset=prepared.dataset)
        confirmation = None
        if not (interrupted or arguments.no_confirm):
            try:
                with progress:
                    confirmation = tuning.confirm(trials, progress.refitted)
            except KeyboardInterrupt:
                print(_SAVED, file=sys.stderr)
                return INTERRUPTED
            best = tuning.save_best(best_path, trials, command, confirmation)
        _report(arguments, tuning, trials, best, best_path, confirmation, replaced)
        if interrupted:
            print(_SAVED, file=sys.stderr)
            return INTERRUPTED
        return 0
    finally:
        tuning.method.close()


def _fits_in_words(tuning: Tuning) -> str:
    """What a trial's score is the mean of; empty where it is one training."""
    folds, seeds, asked = len(tuning.folds), tuning.settings.seeds_per_trial, tuning.settings.inner_folds
    parts = [f"{folds} inner folds by {tuning.held_out}"] if folds else []
    parts += [f"{seeds} seeds"] if seeds > 1 else []
    fewer = f" ({asked} were asked for; there are no more {tuning.held_out})" if folds and folds < asked else ""
    return f" A trial is the mean over {' × '.join(parts)}{fewer}." if parts else ""


def _named(trial: int, n_starts: int) -> str:
    if trial == 0:
        return "default"
    return f"trial {trial} (known good)" if trial < n_starts else f"trial {trial}"


def _replaced(path: Path, tuning: Tuning) -> str:
    """Which other search's winner a file holds; empty where there is none, or it is this study's."""
    from emotune.search.trials import read_best

    try:
        metadata = read_best(path).metadata
    except InputError:
        return ""
    if metadata.get("study") == tuning.study and metadata.get("fingerprints") == dict(tuning.identity):
        return ""
    confirmed = ", which was confirmed" if metadata.get("confirmation") else ""
    return (
        f", in place of the winner of {metadata.get('study', 'another study')} on "
        f"{metadata.get('data', 'other data')}{confirmed}"
    )


def _report(
    arguments: Namespace,
    tuning: Tuning,
    trials: list[Trial],
    best: Trial,
    best_path: Path,
    confirmation: Confirmation | None,
    replaced: str,
) -> None:
    from emotune.cli.configuration import shown_path
    from emotune.report.tables import print_table

    n_validation = len(tuning.prepared.split.validation)
    score_name = tuning.prepared.labelled(tuning.settings.metric.name)
    default = next((trial for trial in trials if trial.number == 0), None)
    known = default.hyperparameters if default is not None else {}
    states = [sum(trial.state == state for trial in trials) for state in ("complete", "pruned", "failed")]
    print(f"\n{len(trials)} trials: {states[0]} complete, {states[1]} pruned, {states[2]} failed.")
    if confirmation is not None:
        rows = [
            (
                _named(candidate.trial, len(tuning.starts)),
                _short(candidate.search_score),
                "failed" if candidate.mean is None else f"{candidate.mean:.4f}",
                f"{candidate.seconds:.1f}",
            )
            for candidate in confirmation.candidates
        ]
        print_table(
            ("configuration", "in the search", f"on {confirmation.folds}", "seconds a fit"),
            rows,
            title=f"{score_name}, trained again and scored on {confirmation.held_out} that the search "
            + ("chose by too:" if confirmation.chosen_by else "did not choose by:"),
        )
        print(confirmation.sentence)
        if confirmation.over_tuning_sentence:
            print(confirmation.over_tuning_sentence)
    print_table(
        ("hyperparameter", "default", "best"),
        [
            (name, _short(known.get(name)), _short(best.hyperparameters.get(name)))
            for name in dict.fromkeys([*best.hyperparameters, *known])
        ],
        title=f"\nBest: {'the default configuration' if best.number == 0 else f'trial {best.number}'}",
    )
    kept = confirmation is None and tuning.confirmed_in(best_path, trials) is not None
    if kept:
        print("It was confirmed on folds before, and is kept.")
    elif confirmation is None and best.score is not None:
        on = f"{len(tuning.folds)} inner folds" if tuning.folds else f"{n_validation} validation windows"
        print(f"{score_name} {best.score:.3f} on the {on} that it was chosen by, which flatter it.")
    print("The test part has not been opened.")
    print(f"{'Kept' if kept else 'Written'}: {shown_path(best_path)}{replaced}")
    for line in _next_lines(arguments):
        print(line)


def _next_lines(arguments: Namespace) -> list[str]:
    """The commands that go on from here, with the options that said which data and where to."""
    data = "simulated" if arguments.use_dummy_data else arguments.data
    where = [f"--models-dir={arguments.models_dir}"] if arguments.models_dir else []
    said = {"--data": data, "--target": arguments.target, "--threshold": arguments.threshold, "--seed": arguments.seed}
    said |= {"--normalise": arguments.normalise, "--protocol": arguments.protocol, "--split": arguments.split}
    which = [f"{name}={value}" for name, value in said.items() if value is not None]
    which += ["--allow-leakage"] if arguments.allow_leakage else []
    python = python_command()
    apply = f"{python} run_hyperparameter_tuning.py {shlex.join(['--apply', *where])}"
    train = f"{python} src/train_emotion_model.py {shlex.join([*which, *where])}".rstrip()
    width = max(len(apply), len(train))
    return [
        f"Next: {apply:<{width}}   (writes the winner into src/config.py)",
        f"      {train:<{width}}   (trains it and measures it once on the test part)",
    ]


def _short(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _apply(arguments: Namespace, best_path: Path) -> None:
    from emotune.cli.config_edit import apply_to_config
    from emotune.cli.configuration import read_configuration
    from emotune.data.normalising import Normalisation
    from emotune.search.trials import read_best

    path = arguments.root / "src" / "config.py"
    best = read_best(best_path)
    searched, configured = best.metadata.get("data"), read_configuration(path).data
    if not arguments.quiet:
        print(f"The winner of {best.metadata.get('study', 'a search')} on {searched or 'data that it does not name'}:")
    if searched and not _same_spec(searched, configured):
        print(
            f"note: DATA of src/config.py is {configured}. A network chosen on other data may be the wrong one for it."
        )
    theirs, ours = best.metadata.get("normalisation"), str(read_configuration(path).values["NORMALISE"])
    if isinstance(theirs, dict) and theirs != Normalisation.parse(ours).to_dict():
        print(
            f"note: NORMALISE of src/config.py is {ours}, and the search had {Normalisation.from_dict(theirs)}. "
            "A network chosen on other values may be the wrong one for it."
        )
    changes = apply_to_config(path, best.hyperparameters)
    for change in changes:
        print(f"src/config.py: {change}")
    if not changes:
        print("src/config.py holds the winner already.")


def _same_spec(searched: str, configured: str) -> bool:
    """Whether a search was on the data that the configuration names; a folder alone stands for its kind too."""
    ours, theirs = _plain_spec(configured), _plain_spec(searched)
    return ours in (theirs, theirs.partition(":")[2])


def _plain_spec(spec: str) -> str:
    """One way to write the same data: `npz:./a.npz` and `a.npz` are one file."""
    kind, colon, path = spec.strip().removeprefix("npz:").partition(":")
    written = path if colon else kind
    plain = os.path.normpath(os.path.expanduser(written)) if written else ""
    return f"{kind}:{plain}" if colon else plain
