"""The interval covers what it claims to, and the test against chance is wrong no more often than it says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from emotune.data.dataset import GROUPS, Dataset
from emotune.evaluation.metrics import METRICS
from emotune.evaluation.permutation import chance_test
from emotune.evaluation.protocols import outer_folds, split_dataset
from emotune.evaluation.scores import score_card
from emotune.evaluation.significance import interval_over_people, per_person_scores

METRIC = METRICS["balanced_accuracy"]
N_RUNS = 200


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Models this small are fitted many times faster by one thread than by several that wait for each other."""
    with threadpool_limits(1):
        yield


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


def measured(dataset, folds, seed, *, cross_validated):
    """The score card of a linear model on the rows that it was kept from."""
    probabilities = np.full((len(dataset), 2), np.nan)
    for split in folds:
        model = LogisticRegression(max_iter=50, tol=1e-2)
        model.fit(dataset.inputs[split.development], dataset.targets[split.development])
        probabilities[split.test] = model.predict_proba(dataset.inputs[split.test])
    rows = np.isfinite(probabilities[:, 0])
    return score_card(
        METRIC,
        dataset.targets[rows],
        probabilities[rows],
        dataset.class_names,
        {name: names[rows] for name, names in dataset.groups.items()},
        protocol="loso",
        cross_validated=cross_validated,
        seed=seed,
        n_permutations=199,
    )


def with_permuted_labels(n_people, trials, windows, folds_of, *, cross_validated):
    """Cards of models of people whose trials were given each other's labels, never whole people or windows."""
    rng = np.random.default_rng(1)
    dataset = people(rng, n_people, trials, windows)
    folds, cards = folds_of(dataset), []
    for seed in range(N_RUNS):
        labels = np.concatenate([rng.permutation(np.arange(trials) % 2) for _ in range(n_people)])
        permuted = replace(dataset, targets=np.repeat(labels, windows))
        cards.append(measured(permuted, folds, seed, cross_validated=cross_validated))
    return cards


@pytest.fixture(scope="module")
def held_out(one_thread):
    """Half of the people train one model, the other half measures it."""
    halves = (0.3, 0.2, 0.5)
    return with_permuted_labels(
        16, 6, 2, lambda data: [split_dataset(data, seed=1, fractions=halves)], cross_validated=False
    )


@pytest.fixture(scope="module")
def left_out(one_thread):
    """Each person is measured by a model of all the others."""
    return with_permuted_labels(
        10, 2, 6, lambda data: outer_folds(data, "loso", n_folds=2, seed=0), cross_validated=True
    )


def n_covered(intervals):
    return sum(one["low"] <= 0.5 <= one["high"] for one in intervals)


@pytest.mark.parametrize("cards", ["held_out", "left_out"])
def test_with_permuted_labels_the_interval_covers_chance_at_its_rate(cards, request):
    over = [card["over_people"] for card in request.getfixturevalue(cards)]
    low, high = binomial_range(N_RUNS, 0.95)
    assert low <= n_covered(over) <= high
    assert np.mean([one["mean"] for one in over]) == pytest.approx(0.5, abs=0.02)


def test_left_out_people_are_not_independent_and_an_interval_that_takes_them_so_is_too_narrow(left_out):
    plain = [interval_over_people(card["per_person"]).to_dict() for card in left_out]
    # Fewer than in 95 of 100 such tests of independent people.
    assert n_covered(plain) < binom.interval(0.95, N_RUNS, 0.95)[0]


@pytest.mark.parametrize("cards", ["held_out", "left_out"])
def test_with_permuted_labels_p_is_small_no_more_often_than_it_says(cards, request):
    values = np.array([card["chance"]["p_value"] for card in request.getfixturevalue(cards)])
    for level in (0.05, 0.25, 0.5):
        assert (values <= level).sum() <= binomial_range(N_RUNS, level)[1], level
    assert values.min() < 0.1


def test_with_permuted_labels_every_p_is_as_likely_where_scores_do_not_tie():
    rng = np.random.default_rng(3)
    dataset = people(rng, 8)
    answers = rng.dirichlet(np.ones(2), len(dataset))
    n_runs, values = 300, []
    for seed in range(n_runs):
        labels = np.concatenate([rng.permutation(np.arange(6) % 2) for _ in range(8)])
        found = chance_test(
            METRICS["log_loss"], np.repeat(labels, 2), answers, dataset.groups, seed=seed, n_permutations=199
        )
        values.append(found.p_value)
    for level in (0.05, 0.25, 0.5, 0.75):
        low, high = binomial_range(n_runs, level)
        assert low <= (np.array(values) <= level).sum() <= high, level


def test_of_a_signal_p_is_small_and_chance_is_outside_the_interval():
    cards = []
    for seed in range(5):
        dataset = people(np.random.default_rng(seed), 10, signal=2.0)
        folds = outer_folds(dataset, "loso", n_folds=2, seed=seed)
        cards.append(measured(dataset, folds, seed, cross_validated=True))
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
    n_studies = 600
    intervals = [interval_over_people(study(n_people)) for _ in range(n_studies)]
    covered = sum(one.low <= truth <= one.high for one in intervals)
    low, high = binomial_range(n_studies, 0.95)
    assert low <= covered <= high
