"""The final retrain: `src/train_emotion_model.py` trains what src/config.py says and measures it once."""

from __future__ import annotations

import shlex
import tempfile
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotune.cli.command import add_output_arguments, run_script
from emotune.cli.run_settings import add_data_arguments, add_split_arguments, configured, positive
from emotune.errors import InputError
from emotune.report.scores import COLUMNS, baseline_rows, interval_text, score_text

if TYPE_CHECKING:
    from emotune.cli.configuration import Configuration
    from emotune.search.hypermodel import HyperModel
    from emotune.search.trials import Best
    from emotune.studies.preparation import Prepared

__all__ = ["main", "three_lines"]

_SHOWN_CLASSES = 5  # more are shown with --verbose

_EXAMPLES = """\
examples:
  python src/train_emotion_model.py               train what src/config.py says, beside the default network
  python src/train_emotion_model.py --from-best   take models/best_hyperparameters.json instead
  python src/train_emotion_model.py --data manifest:recordings.csv
"""


def main(argv: Sequence[str] | None = None, *, root: Path) -> int:
    """Run the command; `root` is the folder that holds src/ and models/. Gives the exit code."""
    return run_script(_parser(), _retrain, argv, root)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Train the configured network and the default one, and measure both once on the test part.",
        epilog=_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    training = parser.add_argument_group("training")
    training.add_argument("--from-best", action="store_true", help="take models/best_hyperparameters.json")
    training.add_argument(
        "--other-data",
        action="store_true",
        help="with --from-best: also where the search was on other data, features or another split, and say so",
    )
    training.add_argument(
        "--seeds",
        type=positive,
        default=1,
        metavar="S",
        help="trainings of each network, with SEED, SEED + 1 and so on: a person's score is their mean, and the first "
        "network is kept (default: 1)",
    )
    training.add_argument("--epochs", type=int, metavar="N", help="most epochs (default: EPOCHS)")
    training.add_argument("--patience", type=int, metavar="N", help="epochs without gain (default: PATIENCE)")
    add_data_arguments(parser.add_argument_group("data"))
    add_split_arguments(parser.add_argument_group("split"))
    add_output_arguments(parser)
    return parser


def _retrain(arguments: Namespace) -> int:
    if arguments.other_data and not arguments.from_best:
        raise InputError(
            "Expected --other-data with --from-best. Received: --other-data alone. Add it, or leave it out."
        )
    configuration = configured(arguments)
    models = arguments.root / configuration.models_dir
    best_path = models / "best_hyperparameters.json"
    best = _found(best_path, arguments)
    if arguments.from_best and best is not None:
        configuration = configuration.with_hyperparameters(best.hyperparameters, source=best_path.name)
    if not arguments.quiet:
        from emotune.report.tables import print_table

        print_table(("setting", "value", "from"), configuration.rows())

    from emotune.cli.loading import load

    prepared = load(
        configuration, quiet=arguments.quiet, allow_leakage=arguments.allow_leakage, split_file=arguments.split
    )
    chosen_with: list[str] = []
    if best is not None and arguments.from_best and not arguments.other_data:
        _same_data(best, prepared, best_path)
    elif best is not None:
        chosen_with = _seen_by_the_choice(configuration, best, prepared, arguments)
        if not arguments.quiet:
            _say_what_is_not_applied(configuration, best, prepared, best_path)
        if chosen_with:
            # Whatever the split, the configuration was chosen by some of those that it is measured on.
            prepared = prepared.leaking("chosen-with-test-people")
    evaluation = _train_and_evaluate(arguments, configuration, models, prepared, best, chosen_with)
    _report(evaluation, models, predicts="window_s" in prepared.dataset.provenance, verbose=arguments.verbose)
    return 0


def _found(path: Path, arguments: Namespace) -> Best | None:
    """The winner of a search; without --from-best there may be none, or a damaged file."""
    from emotune.search.trials import read_best

    if arguments.from_best:
        return read_best(path)
    try:
        return read_best(path) if path.exists() else None
    except InputError as error:
        if not arguments.quiet:
            print(f"note: {error} This run goes by src/config.py alone.")
        return None


def _seen_by_the_choice(
    configuration: Configuration, best: Best, prepared: Prepared, arguments: Namespace
) -> list[str]:
    """Who of the test part the search that chose the configured network was trained or validated on; says so too."""
    from emotune.cli.configuration import not_applied
    from emotune.imports import import_quietly

    changed = _changed(best, prepared)
    if not changed or not_applied(configuration, best.hyperparameters):
        return []
    import_quietly("keras")
    from emotune.studies.retrain import names_in_short, same_people, seen_by_search

    theirs = best.metadata.get("split")
    if not isinstance(theirs, dict):
        print("note: the configuration is a search's, and the search does not say who was in which part.")
        return []
    if "data" in changed and not same_people(theirs, prepared.split):
        if not arguments.quiet:
            print(f"note: the configuration was chosen {_origin(best)}, not on {prepared.dataset.name}.")
        return []
    seen = seen_by_search(theirs, prepared.split)
    if seen:
        same = "" if "data" not in changed else " if the same names mean the same people"
        print(
            f"warning: the configuration was chosen {_origin(best)}, in which {names_in_short(seen)} trained or chose "
            f"networks{same}. They are in the test part now, so its score flatters the configured network. "
            "Keep the data and SEED that the search had, or search again."
        )
    return seen


def _origin(best: Best) -> str:
    return f"by the search {best.metadata.get('study', 'of another time')} on {best.metadata.get('data', 'other data')}"


def _say_what_is_not_applied(configuration: Configuration, best: Best, prepared: Prepared, path: Path) -> None:
    from emotune.cli.configuration import not_applied, shown
    from emotune.data.normalising import labelled

    differing = not_applied(configuration, best.hyperparameters, where=path.name)
    if not differing:
        return
    for name, now, found in differing:
        print(f"not applied: {name} = {shown(found)} in {path.name}; src/config.py has {shown(now)}")
    score, default = best.metadata.get("best_score"), best.metadata.get("default_score")
    said = f"{path.name} is " + ("the default configuration, chosen " if best.metadata.get("trial") == 0 else "chosen ")
    said += _origin(best)
    if "data" in _changed(best, prepared):
        said += f", which is not the data of this run ({prepared.dataset.name})"
    if isinstance(score, int | float):
        said += f": {score:.3f} on its validation part"
        if isinstance(default, int | float) and best.metadata.get("trial") != 0:
            said += f", against {default:.3f} of the default"
        said = labelled(said, str(best.metadata.get("score_label", "")))
    print(f"{said}. `python run_hyperparameter_tuning.py --apply` writes it into src/config.py.")


def _changed(best: Best, prepared: Prepared) -> list[str]:
    """What a search and this run do not share: `data`, `features`, `split`; what a file does not say is not asked."""
    from emotune.studies.provenance import features_of

    said = best.metadata.get("fingerprints")
    theirs = dict(said) if isinstance(said, dict) else {}
    if isinstance(features := best.metadata.get("features"), dict):
        theirs["features"] = features.get("fingerprint")
    ours = {
        "data": prepared.dataset.fingerprint,
        "features": features_of(prepared.dataset)["fingerprint"],
        "split": prepared.split.fingerprint,
    }
    return [name for name, value in ours.items() if theirs.get(name, value) != value]


def _same_data(best: Best, prepared: Prepared, path: Path) -> None:
    """Refuse a winner that was searched on other data, features or parts: its test people may have been seen."""
    from emotune.studies.provenance import features_in_short, features_of

    changed, theirs = _changed(best, prepared), best.metadata.get("data", "unknown")
    remedy = "Search again, or add --other-data to take it all the same; the evaluation then says so."
    if "data" in changed or "features" in changed:
        which = f"{theirs}, not on {prepared.dataset.name}"
        searched, ours = best.metadata.get("features"), features_of(prepared.dataset)
        if isinstance(searched, dict) and searched.get("fingerprint") != ours["fingerprint"]:
            which = f"{theirs} with {features_in_short(searched)}, not {features_in_short(ours)}"
        elif theirs == prepared.dataset.name:
            which = f"{theirs} as it was then; its content, TARGET or the features' settings have changed since"
        raise InputError(
            f"{path.name} comes from a search on {which}. Give --data, --target, --threshold, --normalise and --seed "
            f"as the search had them. {remedy}"
        )
    if changed:
        raise InputError(
            f"{path.name} comes from a search on another split of {theirs} ({_split_in_short(best)}). Give --protocol "
            f"and --seed, or --split, as the search had them. {remedy}"
        )


def _split_in_short(best: Best) -> str:
    split = best.metadata.get("split")
    if not isinstance(split, dict):
        return "it does not say which"
    return f"by {split.get('protocol')}, seed {split.get('seed')}"


def _train_and_evaluate(
    arguments: Namespace,
    configuration: Configuration,
    models: Path,
    prepared: Prepared,
    best: Best | None,
    chosen_with: Sequence[str],
) -> dict[str, Any]:
    """Train both networks; once they are known to be saved whole, open the test part and save for good."""
    from emotune.evaluation.ledger import Ledger
    from emotune.evaluation.metrics import metric_named
    from emotune.files import write_json
    from emotune.imports import import_quietly

    import_quietly("keras")
    from emotune.models.backend import prepare_backend
    from emotune.prediction.bundle import Bundle
    from emotune.search.hypermodel import load_hypermodel
    from emotune.search.space import Defaults, Replay
    from emotune.studies.provenance import fingerprints, provenance
    from emotune.studies.retrain import Trained, evaluate, train_configuration

    prepare_backend()
    metric = metric_named(configuration.metric)
    space = arguments.root / "src" / "hyperparameter_tuner.py"
    hypermodel = load_hypermodel(space, prepared.problem)
    strict = arguments.from_best and best is not None
    values = best.hyperparameters if strict and best else configuration.hyperparameters
    for note in _check_builds(hypermodel, configuration, values, strict=strict):
        print(f"note: {note}")
    settings: dict[str, Any] = {
        "metric": metric,
        "epochs": configuration.epochs,
        "patience": configuration.patience,
        "seed": configuration.seed,
    }
    say = (lambda _line: None) if arguments.quiet else print
    trained: dict[str, list[Trained]] = {}
    for name in ("configured", "default"):
        for number in range(arguments.seeds):
            hp = Replay(values, strict=strict) if name == "configured" else Defaults()
            one = train_configuration(hypermodel, hp, prepared, **{**settings, "seed": configuration.seed + number})
            trained.setdefault(name, []).append(one)
            of = f" (seed {number + 1} of {arguments.seeds})" if arguments.seeds > 1 else ""
            say(f"Trained the {name} network{of}: {_training(one, prepared)}.")
    configured, default = trained["configured"], trained["default"]
    dataset, command = prepared.dataset, shlex.join(["python", "src/train_emotion_model.py", *arguments.given])
    origin = {
        **provenance(configuration.seed, command),
        "fingerprints": fingerprints(dataset, prepared.split, space=space),
    }
    content: dict[str, Any] = {
        "model": configured[0].model,
        "class_names": dataset.class_names,
        "input_shape": prepared.problem.input_shape,
        "scaler": prepared.scaler,
        "normalisation": prepared.normalisation,
        "layout": dataset.layout,
        "features": configuration.feature_settings if "window_s" in dataset.provenance else None,
        "hyperparameters": configured[0].hyperparameters,
        "provenance": {
            "watermark": prepared.watermark,
            "data": dataset.name,
            "features": dict(dataset.provenance),
            "split": prepared.split.to_dict(),
            **origin,
        },
        "findings": prepared.findings,
    }
    models.mkdir(parents=True, exist_ok=True)
    # The test part is not opened for a network that cannot be saved.
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=models) as beside:
        Bundle.save(beside, **content)
    evaluation = evaluate(
        default,
        configured,
        prepared,
        metric=metric,
        ledger=Ledger(models),
        provenance=origin,
        chosen_with=chosen_with,
    )
    write_json(models / "evaluation.json", evaluation)
    kept = ("metric", "score_label", "n_people", "n_windows", "chosen_with", "configured", "default")
    Bundle.save(models / "bundle", **content, evaluation={name: evaluation[name] for name in kept})
    return evaluation


def _check_builds(
    hypermodel: HyperModel, configuration: Configuration, values: Mapping[str, Any], *, strict: bool
) -> list[str]:
    """Build both networks once, before anything is trained; gives notes on values outside the space.

    Raises:
        InputError: if a value does not fit the space, or the model never asks for a name in the extra ones.
    """
    from emotune.cli.constants import EXTRA, in_words_of_constants
    from emotune.search.hypermodel import build
    from emotune.search.space import Defaults, Replay

    build(hypermodel, Defaults())
    if strict:
        build(hypermodel, Replay(values))
        return []
    replay = Replay(values, strict=False)
    try:
        build(hypermodel, replay)
    except InputError as error:
        message = in_words_of_constants(str(error), configuration.values)
        raise InputError(f"{message} Edit it in src/config.py, or the space in src/hyperparameter_tuner.py.") from error
    unknown = [name for name in replay.unused if name in configuration.values[EXTRA]]
    if unknown:
        raise InputError(
            f"`{EXTRA}` must hold names that the model asks for. Received: {', '.join(unknown)}. "
            "Take them out of src/config.py, or declare them in src/hyperparameter_tuner.py."
        )
    return [
        *(
            f"outside the space, taken as it is. {in_words_of_constants(message, configuration.values)}"
            for message in replay.outside.values()
        ),
        *(
            f"{name} = {value!r}, the space's default: src/config.py does not name it. "
            f"Another value: {EXTRA} = {{{name!r}: ...}}."
            for name, value in replay.missing.items()
        ),
    ]


def _training(trained: Any, prepared: Prepared) -> str:
    fit = trained.fit
    score = prepared.labelled(f"{fit.score:.3f} on the validation part")
    return f"{len(fit.scores)} epochs, {score}, {trained.seconds:.1f} s"


def _report(evaluation: Mapping[str, Any], models: Path, *, predicts: bool, verbose: bool) -> None:
    from emotune.cli.configuration import shown_path
    from emotune.report.tables import print_table
    from emotune.studies.retrain import measured_on, names_in_short, score_name, sentence

    times = _times(evaluation)
    print(f"\nMeasured on {measured_on(evaluation)}, {evaluation['n_windows']} windows ({times}):")
    if evaluation["chosen_with"]:
        print(f"Seen by the search that chose the configuration: {names_in_short(evaluation['chosen_with'])}.")
    print_table(
        ("network", *COLUMNS.values()),
        _rows(evaluation),
        title=score_name(evaluation, "Scores") if evaluation["score_label"] else "",
    )
    for line in _people_and_chance(evaluation):
        print(line)
    if len(evaluation["configured"]["class_names"]) <= _SHOWN_CLASSES or verbose:
        _print_confusion(evaluation)
    print(sentence(evaluation))
    for line in three_lines(evaluation):
        print(line)
    bundle = shown_path(models / "bundle")
    print(f"Written: {shown_path(models / 'evaluation.json')}, {bundle}")
    if predicts:
        needs = " --calibration OTHER_RECORDING" if evaluation["normalisation"]["by"] == "subject" else ""
        print(f"Next: python -m emotune predict RECORDING --bundle {bundle}{needs}")


def _rows(evaluation: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Both networks, and what answers without looking come to."""
    configured = evaluation["configured"]
    rows = [(name, *(score_text(evaluation[name][key]) for key in COLUMNS)) for name in ("default", "configured")]
    return [*rows, *baseline_rows(configured)]


def _people_and_chance(evaluation: Mapping[str, Any]) -> list[str]:
    """The mean over people of both networks, who is left out of it, and how far it is from chance."""
    from emotune.evaluation.scores import chance_in_words, undefined_in_words
    from emotune.studies.retrain import score_name

    name, lines = score_name(evaluation, evaluation["metric"]), []
    for network in ("default", "configured"):
        card = evaluation[network]
        of = f"{name} over people" if card["per_person"] else f"{name} over all windows"
        score = interval_text(card["over_people"]) if card["per_person"] else score_text(card[evaluation["metric"]])
        seeds = [seed["over_people"] if card["per_person"] else seed["score"] for seed in card.get("seeds", ())]
        known = [seed for seed in seeds if seed is not None]
        if len(seeds) > 1 and known:
            score += f", mean of {len(seeds)} seeds ({min(known):.3f} to {max(known):.3f}); of the first seed"
        lines.append(f"{network}: {of} {score}, {chance_in_words(card)}.")
    left_out = undefined_in_words(evaluation["configured"], evaluation["metric"])
    return [*lines, *([f"{left_out}."] if left_out else [])]


def _print_confusion(evaluation: Mapping[str, Any]) -> None:
    """Windows of the configured network, rows by true and columns by predicted class."""
    from emotune.report.tables import print_table
    from emotune.studies.retrain import score_name

    configured = evaluation["configured"]
    if configured["confusion"] is None:
        return
    answers = [f"as {name}" for name in configured["class_names"]]
    print_table(
        ("true class", *answers, "recall"),
        [
            (name, *row, score_text(configured["recall"][name]))
            for name, row in zip(configured["class_names"], configured["confusion"], strict=True)
        ],
        title=score_name(evaluation, "What the configured network answers, in windows"),
        numeric=answers,
    )


def three_lines(evaluation: Mapping[str, Any]) -> list[str]:
    """Accuracy before and after, on the test part: what `test_pipeline_quick.py` prints."""
    from emotune.data.normalising import labelled  # Keras, which the study needs, takes long to load

    label = str(evaluation.get("score_label", ""))
    before, after = evaluation["default"]["accuracy"], evaluation["configured"]["accuracy"]
    if before is None or after is None:
        names = ("Before optimization", "After optimization", "Improvement")
        return [labelled(f"{name}: undefined", label) for name in names]
    return [
        labelled(f"Before optimization: {before:.1%} accuracy", label),
        labelled(f"After optimization: {after:.1%} accuracy", label),
        labelled(f"Improvement: {100 * (after - before):+.1f} percentage points", label),
    ]


def _times(evaluation: Mapping[str, Any]) -> str:
    """How often the test part, or some of its people, have been looked at, and by what."""
    openings, by = evaluation["openings"], evaluation.get("opened_by", {})
    others = evaluation.get("openings_of_data", openings) - openings
    more = f"; other parts of these data {others} times" if others > 0 else ""
    if openings == 1:
        return f"opened for the first time{more}"
    said = f"opened {openings} times so far"
    return (f"{said}: {', '.join(f'{name} {count}' for name, count in by.items())}" if len(by) > 1 else said) + more
