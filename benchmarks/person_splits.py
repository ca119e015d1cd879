"""Tuned network against default network, logistic regression and an RBF SVM, over random splits by person.

    python benchmarks/person_splits.py --data manifest:recordings.csv --splits 10 --max-trials 20

Every split divides the people anew (60/20/20). All four see the same vectors, standardised on the training people.
The network is tuned on training and validation people as the main job does it; the linear model and the SVM are
fitted once on the training people alone and once more on training and validation people, since they need no
validation part to stop. The test people are opened once a split, at its end. Differences are paired over splits,
with the interval of Nadeau and Bengio (2003), since splits share people.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

HYPERMODEL = ROOT / "src" / "hyperparameter_tuner.py"
METRIC = "balanced_accuracy"


class Silent:
    """Watches a search and says nothing."""

    def started(self, number):
        """Nothing."""

    def ended(self, trial):
        """Nothing."""

    def waiting(self, what):
        """Nothing."""


def classical(prepared, metric):
    """Test scores of logistic regression and an RBF SVM, fitted on training people and on all development people."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    split, one_hot = prepared.split, np.eye(prepared.dataset.n_classes)
    inputs, targets = prepared.part(split.test)
    scores = {}
    for name, rows in (("", split.train), (", + validation people", split.development)):
        fitted_inputs, fitted_targets = prepared.part(rows)
        for model, made in (("logistic regression", LogisticRegression(max_iter=5000)), ("RBF SVM", SVC())):
            answers = made.fit(fitted_inputs, fitted_targets).predict(inputs)
            scores[model + name] = metric(targets, one_hot[answers])
    return scores


def tuned_and_default(prepared, metric, arguments, seed, folder):
    """Test scores of the default network and of the winner of a search."""
    from emotune.features.store import cache_folder
    from emotune.search.hypermodel import load_hypermodel
    from emotune.search.space import Defaults, Replay
    from emotune.search.workers import warm_up
    from emotune.studies.tuning import Tuning, TuningSettings

    warm_up()
    tuning = Tuning(
        TuningSettings(
            method=arguments.method,
            algorithm=arguments.tuning_algorithm,
            metric=metric,
            total=arguments.max_trials,
            add=0,
            epochs=arguments.epochs,
            patience=arguments.patience,
            seed=seed,
            workers=arguments.workers,
            hypermodel=HYPERMODEL,
            folder=folder,
            slots=cache_folder() / "slots",
        ),
        prepared,
    )
    try:
        begun = time.monotonic()
        trials = tuning.run(Silent())
        unconfirmed = tuning.save_best(folder / "best.json", trials, "benchmark")
        confirmation = tuning.confirm(trials, lambda done, total: None)
        confirmed = tuning.save_best(folder / "best.json", trials, "benchmark", confirmation)
        seconds = time.monotonic() - begun
    finally:
        tuning.method.close()

    from emotune.studies.retrain import train_configuration

    hypermodel = load_hypermodel(HYPERMODEL, prepared.problem)
    inputs, targets = prepared.part(prepared.split.test)
    settings = {"metric": metric, "epochs": arguments.epochs, "patience": arguments.patience, "seed": seed}
    networks = {
        "tuned network": Replay(confirmed.hyperparameters),
        "tuned, not confirmed": Replay(unconfirmed.hyperparameters),
        "default network": Defaults(),
    }
    scores = {}
    for name, hp in networks.items():
        trained = train_configuration(hypermodel, hp, prepared, **settings)
        scores[name] = metric(targets, trained.probabilities(inputs))
    return scores, seconds


def main() -> None:
    """Run the splits and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="simulated")
    parser.add_argument("--normalise", default="training")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--max-trials", type=int, default=20)
    parser.add_argument("--method", default="optuna")
    parser.add_argument("--tuning-algorithm", default="")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--patience", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()

    from emotune.evaluation.metrics import metric_named
    from emotune.evaluation.significance import nadeau_bengio
    from emotune.features.settings import FeatureSettings
    from emotune.imports import import_quietly
    from emotune.report.tables import print_table
    from emotune.studies.preparation import prepare

    import_quietly("keras")
    from emotune.models.backend import prepare_backend

    prepare_backend()
    metric = metric_named(METRIC)
    runs: list[dict[str, float]] = []
    seconds: list[float] = []
    for seed in range(arguments.splits):
        prepared = prepare(arguments.data, FeatureSettings(), n_steps=1, seed=seed, normalise=arguments.normalise)
        with tempfile.TemporaryDirectory() as folder:
            scores, taken = tuned_and_default(prepared, metric, arguments, seed, Path(folder))
        runs.append({**scores, **classical(prepared, metric)})
        seconds.append(taken)
        print(
            prepared.labelled(f"split {seed}")
            + ": "
            + ", ".join(f"{name} {score:.3f}" for name, score in runs[-1].items()),
            flush=True,
        )

    people = {name: len(names) for name, names in prepared.split.people.items()}
    print(
        f"\n{prepared.dataset.name}: {len(prepared.dataset)} windows, {people['train']}/{people['validation']}/"
        f"{people['test']} people to train, validate and test; {arguments.splits} splits by person; "
        f"{arguments.method} {arguments.tuning_algorithm}".rstrip()
        + f", {arguments.max_trials} trials a search, {np.mean(seconds):.0f} s a search."
    )
    packages = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "optuna", "scikit-learn"))
    print(f"{platform.machine()}, {arguments.workers} workers, Python {platform.python_version()}, {packages}.\n")
    tuned = np.array([run["tuned network"] for run in runs])
    rows = []
    for name in runs[0]:
        values = np.array([run[name] for run in runs])
        row = [name, f"{values.mean():.3f}", f"{values.std(ddof=1):.3f}"]
        if name == "tuned network":
            row += ["", "", ""]
        else:
            against = nadeau_bengio(tuned - values, 0.2, train_fraction=0.6)
            low, high = against.interval.low, against.interval.high
            interval = "undefined" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
            p_value = "-" if against.p_value is None else f"{against.p_value:.2f}"
            row += [f"{np.mean(tuned - values):+.3f}", interval, p_value]
        rows.append(row)
    print_table(("model", f"{prepared.labelled(METRIC)}, mean", "SD", "tuned minus it", "95 % interval", "p"), rows)


if __name__ == "__main__":
    main()
