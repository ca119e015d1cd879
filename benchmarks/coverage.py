"""Whether the statistics of a score hold: coverage of chance by the interval over people, and how often p is small.

    python benchmarks/coverage.py --data eegmat:FOLDER --runs 200

Each run gives the trials of every person each other's labels (never windows) and trains logistic regression. There is
then nothing to find: the 95 % interval over people must hold 0.5 in 95 % of the runs, and p must be at most 0.05 in no
more than 5 % of them (in fewer where many labellings tie). People are measured in three ways:

- held out: half of the people train one model, the other half measures it;
- left out: each person is measured by a model of all the others;
- left out, as if independent: the same predictions, judged without what `cross_validated` adds.

Classes are weighted in training: else, where one has more windows, leaving a person out would shift the balance against
what that person is measured on, and scores would lie below chance.

The interval of a model that was trained once is also compared with a truth that is known, for scores that spread evenly
over people and for skewed ones.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

METRIC = "balanced_accuracy"
LEVEL = 0.95
COLUMNS = ("data", "people", "runs", "covered", "expected", "below", "above", "mean", "p <= 0.05", "p expected")
TRUTH = ("people a study", "scores", "truth", "studies", "covered", "expected")


def simulated(n_people, trials, windows, rng):
    """A table of people and trials that differ, in 8 features, and classes that do not."""
    from emotune.data.dataset import GROUPS, Dataset

    n = n_people * trials * windows
    subject = np.repeat([f"P{person}" for person in range(n_people)], trials * windows)
    trial = np.repeat([f"P{person}/{number}" for person in range(n_people) for number in range(trials)], windows)
    inputs = rng.normal(size=(n, 8)) + np.repeat(rng.normal(size=(n_people, 8)), trials * windows, axis=0)
    inputs += np.repeat(rng.normal(size=(n_people * trials, 8)), windows, axis=0)
    groups = {name: np.full(n, "") for name in GROUPS} | {"subject": subject, "trial": trial}
    names = tuple(f"f{index}" for index in range(8))
    targets = np.repeat(np.tile(np.arange(trials) % 2, n_people), windows)
    return Dataset(inputs.astype(np.float32), targets, groups, ("a", "b"), names, "no signal, simulated", "0")


def permuted(dataset, rng):
    """The dataset with the labels of trials exchanged within each person."""
    trials, first, of_row = np.unique(dataset.groups["trial"], return_index=True, return_inverse=True)
    labels, people = dataset.targets[first].copy(), dataset.groups["subject"][first]
    if (labels[of_row] != dataset.targets).any():
        sys.exit(
            f"Expected one label a trial. Received: {dataset.name}, where labels change within one of {len(trials)}."
        )
    for person in np.unique(people):
        labels[people == person] = rng.permutation(labels[people == person])
    return replace(dataset, targets=labels[of_row])


def predictions(dataset, folds):
    """Probabilities of the test rows of all folds, `(n, n_classes)`; NaN where a row tests nothing."""
    from sklearn.linear_model import LogisticRegression

    from emotune.data.scaling import Scaler

    probabilities = np.full((len(dataset), dataset.n_classes), np.nan)
    for split in folds:
        scaler = Scaler.fit(dataset.inputs[split.development])
        model = LogisticRegression(C=0.01, max_iter=100, tol=1e-2, class_weight="balanced")
        model.fit(scaler.transform(dataset.inputs[split.development]), dataset.targets[split.development])
        probabilities[split.test] = model.predict_proba(scaler.transform(dataset.inputs[split.test]))
    return probabilities


def judged(dataset, probabilities, seed, n_permutations, *, cross_validated):
    """Mean and interval over people, and p against chance."""
    from emotune.evaluation.metrics import metric_named
    from emotune.evaluation.scores import score_card

    rows = np.isfinite(probabilities[:, 0])
    card = score_card(
        metric_named(METRIC),
        dataset.targets[rows],
        probabilities[rows],
        dataset.class_names,
        {name: names[rows] for name, names in dataset.groups.items()},
        cross_validated=cross_validated,
        seed=seed,
        n_permutations=n_permutations,
    )
    return card["over_people"], card["chance"]["p_value"]


def under_chance(dataset, n_runs, n_permutations, rng):
    """Rows: what the interval and p do in `n_runs` runs with nothing to find."""
    from emotune.evaluation.protocols import outer_folds, split_dataset

    # By person, so that the same rows are held out whatever the labels are.
    held_out = [split_dataset(dataset, seed=0, fractions=(0.3, 0.2, 0.5), protocol="subject")]
    left_out = outer_folds(dataset, "loso", n_folds=2, seed=0)
    found = {"held out": [], "left out": [], "left out, as if independent": []}
    for run in range(n_runs):
        data = permuted(dataset, rng)
        once, many = predictions(data, held_out), predictions(data, left_out)
        found["held out"].append(judged(data, once, run, n_permutations, cross_validated=False))
        found["left out"].append(judged(data, many, run, n_permutations, cross_validated=True))
        found["left out, as if independent"].append(judged(data, many, run, n_permutations, cross_validated=False))
    return [(dataset.name, people, *_shares(results, 1.0 / dataset.n_classes)) for people, results in found.items()]


def _shares(results, chance):
    known = [(over, p) for over, p in results if over["low"] is not None]
    n = len(known)
    below = sum(over["high"] < chance for over, _ in known)
    above = sum(over["low"] > chance for over, _ in known)
    small = sum(p <= 0.05 for _, p in known)
    covered, mean = f"{1 - (below + above) / n:.1%}", f"{np.mean([over['mean'] for over, _ in known]):.3f}"
    return n, covered, expected(n, LEVEL), below, above, mean, f"{small / n:.1%}", expected(n, 1 - LEVEL)


def expected(n, share):
    """Where a share of `n` runs lies 95 times of 100."""
    from scipy.stats import binom

    low, high = binom.interval(0.95, n, share)
    return f"{low / n:.1%} to {high / n:.1%}"


def of_a_known_truth(n_studies, rng):
    """Rows: how often the interval holds the mean of all people, by how many people a study has."""
    from emotune.evaluation.significance import interval_over_people

    rows = []
    for words, ability in (
        ("even, mean 0.7", (14, 6)),
        ("skewed, mean 0.9", (9, 1)),
        ("near 1, a few low", (4.75, 0.25)),
    ):
        truth = ability[0] / sum(ability)
        for n_people in (6, 8, 12, 20, 36):
            scores = rng.binomial(60, rng.beta(*ability, (n_studies, n_people))) / 60
            intervals = [one for one in map(interval_over_people, scores) if one.low is not None]
            covered = sum(one.low <= truth <= one.high for one in intervals)
            share = f"{covered / len(intervals):.1%}"
            rows.append((n_people, words, f"{truth:.2f}", len(intervals), share, expected(len(intervals), LEVEL)))
    return rows


def main() -> None:
    """Run both and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", default="", help="also on these recordings or this table, which need people and trials"
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--studies", type=int, default=2_000)
    parser.add_argument("--permutations", type=int, default=999)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    from threadpoolctl import threadpool_limits

    from emotune.report.tables import print_table

    threadpool_limits(1)  # models this small only wait for a second thread
    rng = np.random.default_rng(arguments.seed)
    datasets = [simulated(16, 6, 2, rng)]
    if arguments.data:
        from emotune.data.sources import load_dataset
        from emotune.features.settings import FeatureSettings

        datasets.append(load_dataset(arguments.data, FeatureSettings()))
    begun, rows = time.monotonic(), []
    for dataset in datasets:
        people, trials = (len(np.unique(dataset.groups[name])) for name in ("subject", "trial"))
        counts = ", ".join(map(str, np.bincount(dataset.targets)))
        print(f"{dataset.name}: {people} people, {trials} trials, {counts} windows of the classes", flush=True)
        rows.extend(under_chance(dataset, arguments.runs, arguments.permutations, rng))
    print()
    print_table(COLUMNS, rows, title=f"Nothing to find: logistic regression, {METRIC}")
    print()
    title = "A truth that is known: intervals over the people of a study, 60 windows each"
    print_table(TRUTH, of_a_known_truth(arguments.studies, rng), title=title)
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn"))
    print(f"\n{time.monotonic() - begun:.0f} s; {platform.machine()}, Python {platform.python_version()}, {packages}.")


if __name__ == "__main__":
    main()
