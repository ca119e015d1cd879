"""The final retrain: `src/train_emotion_model.py` trains what src/config.py says and measures it once."""

from __future__ import annotations

import shlex
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotune.cli.command import add_output_arguments, run_command
from emotune.errors import InputError

if TYPE_CHECKING:
    from emotune.cli.configuration import Configuration
    from emotune.search.trials import Best
    from emotune.studies.preparation import Prepared

__all__ = ["main", "three_lines"]

_EXAMPLES = """\
examples:
  python src/train_emotion_model.py               train what src/config.py says, beside the default network
  python src/train_emotion_model.py --from-best   take models/best_hyperparameters.json instead
  python src/train_emotion_model.py --data manifest:recordings.csv
"""


def main(argv: Sequence[str] | None = None, *, root: Path) -> int:
    """Run the command; `root` is the folder that holds src/ and models/. Gives the exit code."""
    arguments = _parser().parse_args(argv)
    arguments.root = root
    arguments.given = list(sys.argv[1:] if argv is None else argv)
    return run_command(_retrain, arguments)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Train the configured network and the default one, and measure both once on the test part.",
        epilog=_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    training = parser.add_argument_group("training")
    training.add_argument("--from-best", action="store_true", help="take models/best_hyperparameters.json")
    training.add_argument("--epochs", type=int, metavar="N", help="most epochs (default: EPOCHS)")
    training.add_argument("--patience", type=int, metavar="N", help="epochs without gain (default: PATIENCE)")
    training.add_argument("--seed", type=int, metavar="N", help="of the split and the training (default: SEED)")
    data = parser.add_argument_group("data")
    data.add_argument("--data", metavar="SPEC", help="simulated, manifest:PATH.csv or FILE.npz (default: DATA)")
    data.add_argument("--models-dir", metavar="DIR", help="where results go (default: MODELS_DIR)")
    add_output_arguments(parser)
    return parser


def _retrain(arguments: Namespace) -> int:
    from emotune.cli.configuration import read_configuration
    from emotune.search.trials import read_best

    configuration = read_configuration(arguments.root / "src" / "config.py").overridden(
        {
            "DATA": arguments.data,
            "EPOCHS": arguments.epochs,
            "PATIENCE": arguments.patience,
            "SEED": arguments.seed,
            "MODELS_DIR": arguments.models_dir,
        }
    )
    models = arguments.root / configuration.models_dir
    best_path = models / "best_hyperparameters.json"
    best = read_best(best_path) if arguments.from_best or best_path.exists() else None
    if arguments.from_best and best is not None:
        configuration = configuration.with_hyperparameters(best.hyperparameters, source=best_path.name)
    if not arguments.quiet:
        from emotune.report.tables import print_table

        print_table(("setting", "value", "from"), configuration.rows())
        if best is not None and not arguments.from_best:
            _say_what_is_not_applied(configuration, best, best_path)

    from emotune.cli.tune import load

    prepared = load(configuration, arguments)
    if arguments.from_best and best is not None:
        _same_data(best, prepared, best_path)
    evaluation = _train_and_evaluate(arguments, configuration, models, prepared, best)
    _report(evaluation, models)
    return 0


def _say_what_is_not_applied(configuration: Configuration, best: Best, path: Path) -> None:
    from emotune.cli.configuration import not_applied, shown

    score, default = best.metadata.get("best_score"), best.metadata.get("default_score")
    if best.metadata.get("trial") == 0:
        return
    for name, configured, found in not_applied(configuration, best.hyperparameters, where=path.name):
        print(f"not applied: {name} = {shown(found)} in {path.name}; src/config.py has {shown(configured)}")
    if isinstance(score, float) and isinstance(default, float):
        print(
            f"The search found {score:.3f} against {default:.3f} of the default on its validation part. "
            "`python run_hyperparameter_tuning.py --apply` writes it into src/config.py."
        )


def _same_data(best: Best, prepared: Prepared, path: Path) -> None:
    """Refuse a winner that was searched on other data or other parts: its test people may have been seen."""
    theirs = best.metadata.get("fingerprints", {})
    ours = {"data": prepared.dataset.fingerprint, "split": prepared.split.fingerprint}
    changed = [name for name, value in ours.items() if name in theirs and theirs[name] != value]
    if changed:
        raise InputError(
            f"{path.name} comes from a search on another {' and '.join(changed)} "
            f"({best.metadata.get('data', 'unknown')}), not on {prepared.dataset.name}. "
            "Search again on this data, or give --data and --seed as the search had them."
        )


def _train_and_evaluate(
    arguments: Namespace, configuration: Configuration, models: Path, prepared: Prepared, best: Best | None
) -> dict[str, Any]:
    from emotune.cli.constants import EXTRA
    from emotune.evaluation.ledger import Ledger
    from emotune.evaluation.metrics import metric_named
    from emotune.files import write_json
    from emotune.imports import import_quietly

    import_quietly("keras")
    from emotune.models.backend import one_thread
    from emotune.prediction.bundle import Bundle
    from emotune.search.hypermodel import load_hypermodel
    from emotune.search.space import Defaults, Replay
    from emotune.studies.retrain import evaluate, train_configuration
    from emotune.studies.tuning import provenance

    one_thread()
    metric = metric_named(configuration.metric)
    hypermodel = load_hypermodel(arguments.root / "src" / "hyperparameter_tuner.py", prepared.problem)
    settings: dict[str, Any] = {
        "metric": metric,
        "epochs": configuration.epochs,
        "patience": configuration.patience,
        "seed": configuration.seed,
    }
    strict = arguments.from_best and best is not None
    replay = Replay(best.hyperparameters if strict and best else configuration.hyperparameters, strict=strict)
    configured = train_configuration(hypermodel, replay, prepared, **settings)
    unknown = [name for name in replay.unused if name in configuration.values[EXTRA]]
    if unknown:
        raise InputError(
            f"`{EXTRA}` must hold names that the model asks for. Received: {', '.join(unknown)}. "
            "Take them out of src/config.py, or declare them in src/hyperparameter_tuner.py."
        )
    for message in replay.outside.values():
        print(f"note: outside the space, taken as it is. {message}")
    say = (lambda _line: None) if arguments.quiet else print
    say(f"Trained the configured network: {_training(configured)}.")
    defaults = Defaults()
    default = train_configuration(hypermodel, defaults, prepared, **settings)
    say(f"Trained the default network: {_training(default)}.")
    command = shlex.join(["python", "src/train_emotion_model.py", *arguments.given])
    evaluation = evaluate(
        default,
        configured,
        prepared,
        metric=metric,
        ledger=Ledger(models),
        provenance=provenance(configuration.seed, command),
    )
    write_json(models / "evaluation.json", evaluation)
    dataset = prepared.dataset
    Bundle.save(
        models / "bundle",
        model=configured.model,
        class_names=dataset.class_names,
        input_shape=prepared.problem.input_shape,
        scaler=prepared.scaler,
        layout=dataset.layout,
        features=configuration.feature_settings if "window_s" in dataset.provenance else None,
        hyperparameters=configured.hyperparameters,
        provenance={
            "data": dataset.name,
            "features": dict(dataset.provenance),
            "split": prepared.split.to_dict(),
            **provenance(configuration.seed, command),
        },
        findings=prepared.findings,
        evaluation={name: evaluation[name] for name in ("metric", "n_people", "n_windows", "configured", "default")},
    )
    return evaluation


def _training(trained: Any) -> str:
    fit = trained.fit
    return f"{len(fit.scores)} epochs, {fit.score:.3f} on the validation part, {trained.seconds:.1f} s"


def _report(evaluation: Mapping[str, Any], models: Path) -> None:
    from emotune.cli.configuration import shown_path
    from emotune.report.tables import print_table
    from emotune.studies.retrain import sentence

    n_people, protocol = evaluation["n_people"], evaluation["split"]["protocol"]
    who = f"{n_people} people never seen" if protocol == "subject" else f"parts kept apart by {protocol}"
    majority = evaluation["configured"]["majority"]
    print(f"\nMeasured on {who}, {evaluation['n_windows']} windows ({_times(evaluation['openings'])}):")
    rows = [
        (
            name,
            *(_score(evaluation[name][key]) for key in ("balanced_accuracy", "accuracy", "macro_f1")),
            _over_people(evaluation[name]["over_people"]),
        )
        for name in ("default", "configured")
    ]
    rows.append(("majority class", _score(majority["balanced_accuracy"]), _score(majority["accuracy"]), "-", "-"))
    print_table(("network", "balanced accuracy", "accuracy", "macro F1", f"{evaluation['metric']} over people"), rows)
    print(sentence(evaluation))
    for line in three_lines(evaluation):
        print(line)
    bundle = shown_path(models / "bundle")
    print(f"Written: {shown_path(models / 'evaluation.json')}, {bundle}")
    print(f"Next: python -m emotune predict RECORDING --bundle {bundle}")


def _score(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _over_people(interval: Mapping[str, Any]) -> str:
    if interval["mean"] is None:
        return "undefined"
    if interval["low"] is None:
        return f"{interval['mean']:.3f} (interval {interval['method']})"
    return f"{interval['mean']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


def three_lines(evaluation: Mapping[str, Any]) -> list[str]:
    """Accuracy before and after, on the test part: what `test_pipeline_quick.py` prints."""
    before, after = evaluation["default"]["accuracy"], evaluation["configured"]["accuracy"]
    if before is None or after is None:
        return ["Before optimization: undefined", "After optimization: undefined", "Improvement: undefined"]
    return [
        f"Before optimization: {before:.1%} accuracy",
        f"After optimization: {after:.1%} accuracy",
        f"Improvement: {100 * (after - before):+.1f} percentage points",
    ]


def _times(openings: int) -> str:
    return "opened for the first time" if openings == 1 else f"opened {openings} times so far"
