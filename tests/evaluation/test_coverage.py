"""The interval covers what it claims to, and the test against chance is wrong no more often than it says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression

from emotune.data.dataset import GROUPS, Dataset
from emotune.evaluation.metrics import METRICS
from emotune.evaluation.protocols import outer_folds
from emotune.evaluation.scores import score_card
from emotune.evaluation.significance import interval_over_people, per_person_scores

METRIC = METRICS["balanced_accuracy"]
N_RUNS = 200


def binomial_range(n, share):
    """What a share of `n` runs lies in 99.9 times of 100, where `share` is the truth."""
    return binom.interval(0.999, n, share)


def people(rng, n_people, trials=6, windows=2, n_features=8, signal=0.0):
    """Windows of people who differ, in trials that differ; half of each person's trials are of either class."""
    n = n_people * trials * windows
    subject = np.repeat([f"P{person}" for person in range(n_people)], trials * windows)
    trial = np.repeat([f"P{person}/{number}" for person in range(n_people) for number in range(trials)], windows)
    targets = np.repeat(np.concatenate([rng.permutation(np.arange(trials) % 2) for _ in range(n_people)]), windows)
    inputs = rng.normal(size=(n, n_features))
    inputs += np.repeat(rng.normal(size=(n_people * trials, n_features)), windows, axis=0)
    inputs += np.repeat(rng.normal(size=(n_people, n_features)), trials * windows, axis=0)
    # How strongly a feeling shows differs from person to person.
    inputs[:, 0] += np.repeat(rng.normal(1.0, 0.5, n_people), trials * windows) * signal * (2 * targets - 1)
    groups = {name: np.full(n, "") for name in GROUPS} | {"subject": subject, "trial": trial}
    names = tuple(f"f{index}" for index in range(n_features))
    return Dataset(inputs.astype(np.float32), targets, groups, ("calm", "joy"), names, "simulated", "0")


def left_out_one_by_one(dataset, seed):
    """The score card of a linear model that each person was kept from."""
    probabilities = np.full((len(dataset), 2), np.nan)
    for split in outer_folds(dataset, "loso", n_folds=2, seed=seed):
        model = LogisticRegression().fit(dataset.inputs[split.development], dataset.targets[split.development])
        probabilities[split.test] = model.predict_proba(dataset.inputs[split.test])
    return score_card(
        METRIC,
        dataset.targets,
        probabilities,
        dataset.class_names,
        dataset.groups,
        protocol="loso",
        seed=seed,
        n_permutations=499,
    )


@pytest.fixture(scope="module")
def with_permuted_labels():
    """Cards of models of people whose trial labels were drawn anew."""
    rng = np.random.default_rng(1)
    dataset, cards = people(rng, 10), []
    for seed in range(N_RUNS):
        labels = np.concatenate([rng.permutation(np.arange(6) % 2) for _ in range(10)])
        cards.append(left_out_one_by_one(replace(dataset, targets=np.repeat(labels, 2)), seed))
    return cards


def test_with_permuted_labels_the_interval_covers_chance_at_its_rate(with_permuted_labels):
    over = [card["over_people"] for card in with_permuted_labels]
    covered = sum(one["low"] <= 0.5 <= one["high"] for one in over)
    low, high = binomial_range(N_RUNS, 0.95)
    assert low <= covered <= high
    assert np.mean([one["mean"] for one in over]) == pytest.approx(0.5, abs=0.02)


def test_with_permuted_labels_p_is_small_as_rarely_as_it_says(with_permuted_labels):
    values = np.array([card["chance"]["p_value"] for card in with_permuted_labels])
    for level in (0.05, 0.25, 0.5, 0.75):
        low, high = binomial_range(N_RUNS, level)
        assert low <= (values <= level).sum() <= high, level


def test_of_a_signal_p_is_small_and_chance_is_outside_the_interval():
    cards = [left_out_one_by_one(people(np.random.default_rng(seed), 10, signal=2.0), seed) for seed in range(5)]
    assert all(card["chance"]["p_value"] <= 0.01 for card in cards)
    assert all(card["over_people"]["low"] > 0.5 for card in cards)


@pytest.mark.parametrize("n_people", [6, 12, 20])
def test_the_interval_covers_the_score_of_all_people_at_its_rate(n_people):
    """A network that was trained once: what it scores on 4,000 fresh people is what a study of a few estimates."""
    rng = np.random.default_rng(n_people)
    fixed = people(rng, 30, signal=1.0)
    model = LogisticRegression().fit(fixed.inputs, fixed.targets)

    def study(n):
        fresh = people(rng, n, trials=10, windows=3, signal=1.0)
        answers = model.predict_proba(fresh.inputs)
        return per_person_scores(METRIC, fresh.targets, answers, fresh.groups["subject"])

    truth = np.mean([list(study(40).values()) for _ in range(100)])
    assert 0.65 < truth < 0.85
    n_studies = 1_000
    intervals = [interval_over_people(study(n_people)) for _ in range(n_studies)]
    covered = sum(one.low <= truth <= one.high for one in intervals)
    low, high = binomial_range(n_studies, 0.95)
    assert low <= covered <= high
