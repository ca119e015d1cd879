"""`emotune ladder`: one model under every protocol, to show what each leak is worth on the user's own data."""

from __future__ import annotations

import argparse
import shlex
import time
import uuid
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotune.cli.command import add_output_arguments
from emotune.cli.run_settings import add_data_arguments, configured, project_folder

if TYPE_CHECKING:
    from emotune.cli.configuration import Configuration
    from emotune.evaluation.metrics import Metric
    from emotune.studies.learners import Learner

__all__ = ["add_arguments", "run"]

_EXAMPLES = """\
examples:
  python -m emotune ladder --data eegmat:                   a support vector machine, some seconds
  python -m emotune ladder --model network --repeats 1      the default network of src/hyperparameter_tuner.py
  python -m emotune ladder --protocols window,subject       two rungs alone

A rung that the data cannot support is left out, and it is said why. A rung that leaks is marked LEAKS.
"""

_SAID_EVERY_S = 5.0


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog, parser.formatter_class = _EXAMPLES, argparse.RawDescriptionHelpFormatter
    climbing = parser.add_argument_group("ladder")
    climbing.add_argument(
        "--model", metavar="NAME", default="svm", help="svm, logistic, or network, which is slow (default: svm)"
    )
    climbing.add_argument(
        "--protocols",
        metavar="NAMES",
        help="the rungs, also subject+stimulus (default: window,trial,session,stimulus,subject,loso)",
    )
    climbing.add_argument("--folds", type=int, default=5, metavar="K", help="folds of each rung (default: 5)")
    climbing.add_argument(
        "--repeats", type=int, default=3, metavar="R", help="times all of it is done, with other folds (default: 3)"
    )
    climbing.add_argument(
        "--max-train", type=int, default=3000, metavar="N", help="most windows to train on (default: 3000)"
    )
    climbing.add_argument("--seed", type=int, metavar="N", help="of the folds and the training (default: SEED)")
    climbing.add_argument(
        "--allow-leakage",
        action="store_true",
        help="go on where even the rung that the others are compared with leaks; every score of it then says LEAKS",
    )
    add_data_arguments(parser.add_argument_group("data"))
    add_output_arguments(parser)


def run(arguments: Namespace) -> int:
    """Climb, print the table and what it says, and write ladder.json, ladder.png and ladder.svg.

    Raises:
        InputError: if the data or an option cannot be used.
    """
    from emotune.cli.loading import load_undivided
    from emotune.evaluation.ledger import Ledger
    from emotune.evaluation.metrics import metric_named
    from emotune.evaluation.protocols import protocol_named
    from emotune.files import write_json
    from emotune.report.figures import save_ladder
    from emotune.studies.ladder import RUNGS, climb
    from emotune.studies.provenance import provenance

    arguments.root = project_folder()
    configuration = configured(arguments)
    metric = metric_named(configuration.metric)
    protocols = _names(arguments.protocols) if arguments.protocols is not None else RUNGS
    # A slip of the pen is said before anything is read.
    for name in protocols:
        protocol_named(name)
    learner = _learner(arguments, configuration, metric)
    loaded = load_undivided(configuration, quiet=arguments.quiet, anew=True)
    if not arguments.quiet:
        dataset = loaded.dataset
        print(f"Data {dataset.name}: {len(dataset)} windows, classes {', '.join(dataset.class_names)}.")
        for finding in loaded.findings:
            print(f"{finding.severity}: {finding}")
    models = arguments.root / configuration.models_dir
    begun = time.monotonic()
    content = climb(
        loaded,
        learner,
        metric=metric,
        ledger=Ledger(models, run=uuid.uuid4().hex),  # all rungs are one look
        seed=configuration.seed,
        protocols=protocols,
        n_folds=arguments.folds,
        repeats=arguments.repeats,
        max_train=arguments.max_train,
        allow_leakage=arguments.allow_leakage,
        on_fit=None if arguments.quiet else _Climbing().fitted,
    )
    command = shlex.join(["python", "-m", "emotune", *arguments.given])
    content |= {"seconds": time.monotonic() - begun, **provenance(configuration.seed, command)}
    write_json(models / "ladder.json", content)
    written = [models / "ladder.json", *save_ladder(models, content)]
    _report(content, written)
    return 0


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _learner(arguments: Namespace, configuration: Configuration, metric: Metric) -> Learner:
    from emotune.studies.learners import NETWORK, classical, network

    if arguments.model != NETWORK:
        return classical(arguments.model)
    from emotune.imports import import_quietly

    import_quietly("keras")
    from emotune.models.backend import prepare_backend

    prepare_backend()
    return network(
        arguments.root / "src" / "hyperparameter_tuner.py",
        metric=metric,
        epochs=configuration.epochs,
        patience=configuration.patience,
    )


class _Climbing:
    """Says how far it is and how long the rest may take, where it takes long enough to wonder."""

    def __init__(self) -> None:
        # The audit of all folds comes before the first model.
        self._begun: float | None = None
        self._said = time.monotonic()

    def fitted(self, done: int, total: int) -> None:
        """`done` of `total` models are trained and measured."""
        from emotune.cli.progress import duration

        now = time.monotonic()
        if self._begun is None:
            self._begun = now
        elif now - self._said > _SAID_EVERY_S and done < total:
            self._said = now
            left = duration((now - self._begun) / (done - 1) * (total - done))
            print(f"training: {done} of {total} models, about {left} left", flush=True)


def _report(content: Mapping[str, Any], written: list[Path]) -> None:
    from emotune.cli.configuration import shown_path
    from emotune.report.ladder import rows, sentences
    from emotune.report.tables import print_table

    headings, table = rows(content)
    repeats = f", {content['repeats']} times" if content["repeats"] > 1 else ""
    most = ", the most that --max-train lets" if content["n_train"] == content["max_train"] else ""
    print()
    print_table(
        headings,
        table,
        title=f"{content['model_about'].capitalize()}, trained on {content['n_train']} windows on every rung{most}; "
        f"{content['n_folds']} folds{repeats}",
    )
    print()
    for sentence in sentences(content):
        print(sentence)
    for rung in content["left_out"]:
        print(f"Left out: {rung['protocol']}. {rung['reason']}")
    print(f"Written: {', '.join(str(shown_path(path)) for path in written)}")
