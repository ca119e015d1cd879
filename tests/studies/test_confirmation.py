"""The choice among candidates: who they are, the folds they share, the judgement and its words."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from emotune.evaluation.metrics import metric_named
from emotune.search.development import DevelopmentData, fold_of
from emotune.search.methods import seed_of
from emotune.search.trials import Trial
from emotune.studies.confirmation import FoldPlan, candidates_of, drawings, fold_orders, judge, n_fits

N_FOLDS = 4
METRIC = metric_named("balanced_accuracy")


def trial(number, score, state="complete", **more):
    return Trial(number, state, {"units": 8 + number}, score=score, seconds=1.0, **more)


def results(*scores_of_candidates):
    return [trial(0, score) for scores in scores_of_candidates for score in scores]


def test_candidates_are_the_three_best_and_the_default():
    trials = [trial(n, score) for n, score in enumerate([0.5, 0.7, 0.9, 0.6, 0.8])]
    assert [candidate.trial for candidate in candidates_of(trials, maximise=True)] == [2, 4, 1, 0]
    assert [candidate.trial for candidate in candidates_of(trials, maximise=False)] == [0, 3, 1]


def test_what_was_given_is_a_candidate_however_the_search_ranks_it():
    trials = [trial(n, score) for n, score in enumerate([0.5, 0.1, 0.9, 0.6, 0.8])]
    assert [candidate.trial for candidate in candidates_of(trials, maximise=True, n_starts=2)] == [2, 4, 3, 0, 1]
    trials[1] = trial(1, 0.1, "pruned")
    assert [candidate.trial for candidate in candidates_of(trials, maximise=True, n_starts=2)] == [2, 4, 3, 0, 1]


def test_a_given_one_that_is_the_default_is_one_candidate():
    trials = [Trial(n, "complete", {"units": 8}, score=0.5, seconds=1.0) for n in range(2)]
    trials += [trial(n, score) for n, score in ((2, 0.4), (3, 0.6), (4, 0.3))]
    assert [candidate.trial for candidate in candidates_of(trials, maximise=True, n_starts=2)] == [3, 0, 2]


def test_pruned_failed_and_shortened_trials_are_no_candidates():
    trials = [
        trial(0, 0.5),
        trial(1, 0.9, "pruned"),
        trial(2, None, "failed"),
        trial(3, 0.8, full_length=False),
        trial(4, 0.6),
    ]
    assert [candidate.trial for candidate in candidates_of(trials, maximise=True)] == [4, 0]


def test_a_shortened_default_has_no_search_score_and_a_configuration_comes_once():
    trials = [
        trial(0, 0.4, full_length=False),
        Trial(1, "complete", {"units": 8}, score=0.9),  # the default again, promoted to full length
        trial(2, 0.8),
    ]
    candidates = candidates_of(trials, maximise=True)
    assert [(candidate.trial, candidate.search_score) for candidate in candidates] == [(2, 0.8), (0, None)]


def test_candidates_are_scored_on_people_whom_the_search_did_not_choose_by(prepared):
    candidates = candidates_of([trial(0, 0.5), trial(1, 0.7)], maximise=True)
    plan = fold_orders(candidates, prepared, repeats=2, folds=N_FOLDS, seed=1, all_chosen_by=False)
    orders = plan.orders
    assert (plan.n_folds, plan.held_out, plan.chosen_by) == (N_FOLDS, "people", False)
    assert len(orders) == 2 * 2 * N_FOLDS
    first, second = orders[: 2 * N_FOLDS], orders[2 * N_FOLDS :]
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.validation, b.validation)
        assert a.seed == b.seed
    split, subjects = prepared.split, prepared.dataset.groups["subject"]
    rows = np.concatenate((split.train, split.validation))
    chosen_by = set(subjects[split.validation])
    for order in first:
        trained, held = set(subjects[rows[order.train]]), set(subjects[rows[order.validation]])
        assert not trained & held
        assert chosen_by <= trained
        assert not (trained | held) & set(subjects[split.test])
    for drawing in (first[:N_FOLDS], first[N_FOLDS:]):
        assert sorted(np.concatenate([order.validation for order in drawing])) == list(range(len(split.train)))
    assert any(a.validation.tolist() != b.validation.tolist()
               for a, b in zip(first[:N_FOLDS], first[N_FOLDS:], strict=True))  # fmt: skip


def test_a_fold_is_standardised_on_its_own_training_rows(prepared):
    split = prepared.split
    data = DevelopmentData(*prepared.part(split.train), *prepared.part(split.validation))
    candidates = candidates_of([trial(0, 0.5), trial(1, 0.6)], maximise=True)
    orders = fold_orders(candidates, prepared, repeats=1, folds=N_FOLDS, seed=0, all_chosen_by=False).orders
    fold = fold_of(data, orders[0].train, orders[0].validation)
    np.testing.assert_allclose(fold.inputs.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(fold.inputs.std(axis=0), 1.0, atol=1e-4)
    raw = prepared.dataset.inputs[np.concatenate((split.train, split.validation))[orders[0].train]]
    np.testing.assert_allclose(fold.inputs, (raw - raw.mean(axis=0)) / raw.std(axis=0), atol=1e-4)


def judged(*scores, trials=((1, 0.8), (0, 0.6)), repeats=2, **more):
    candidates = candidates_of([trial(number, score) for number, score in trials], maximise=True)
    return judge(candidates, results(*scores), FoldPlan([], 5, repeats, "people", **more), metric=METRIC)


def test_a_better_candidate_is_chosen_and_the_gain_is_compared():
    better = judged([0.7, 0.72, 0.69, 0.71, 0.7] * 2, [0.6, 0.61, 0.6, 0.62, 0.59] * 2)
    assert better.chosen.trial == 1
    assert better.comparison.mean_difference == pytest.approx(0.1, abs=0.01)
    assert better.over_tuning == pytest.approx((0.8 - 0.6) - better.comparison.mean_difference)
    assert better.sentence.endswith(": better.")


def test_an_uncertain_gain_is_called_uncertain():
    unsure = judged([0.9, 0.3, 0.8, 0.4, 0.7] * 2, [0.6, 0.6, 0.6, 0.6, 0.6] * 2)
    assert unsure.chosen.trial == 1
    assert "the default may be as good" in unsure.sentence


def test_the_interval_is_widened_for_the_best_of_several():
    scores = ([0.7, 0.72, 0.69, 0.74, 0.7] * 2, [0.5] * 10, [0.6, 0.61, 0.6, 0.62, 0.59] * 2)
    of_two = judged(scores[0], scores[2])
    of_three = judged(*scores, trials=((1, 0.8), (2, 0.7), (0, 0.6)))
    assert of_three.comparison.mean_difference == pytest.approx(of_two.comparison.mean_difference)
    assert of_three.comparison.interval.low < of_two.comparison.interval.low
    assert (of_two.comparison.interval.level, of_three.comparison.interval.level) == (0.95, 0.975)


def test_the_default_is_kept_when_nothing_beats_it():
    kept = judged([0.6] * 10, [0.6] * 10)
    assert kept.chosen.trial == 0
    assert kept.comparison is None
    # All that the search's best had gained was luck.
    assert kept.over_tuning == pytest.approx(kept.search_gain) == pytest.approx(0.2)
    assert kept.over_tuning_sentence == (
        "The search's own best, trial 1, gained +0.200 over the default in the search and +0.000 on the folds: +0.200 "
        "of it was luck of the search."
    )
    assert kept.sentence.startswith("The default is as good")


def test_a_candidate_that_failed_on_a_fold_is_not_chosen():
    assert judged([0.9, None, 0.9, 0.9, 0.9] * 2, [0.6] * 10).chosen.trial == 0


def test_where_all_fail_the_search_decides():
    failed = judged([None] * 10, [None] * 10)
    assert failed.chosen.trial == 1
    assert "could not be compared" in failed.sentence


def test_everything_goes_into_json():
    content = json.loads(json.dumps(judged([0.7] * 5 + [0.8] * 5, [0.6] * 10).to_dict(), allow_nan=False))
    assert content["chosen"] == 1
    assert [candidate["trial"] for candidate in content["candidates"]] == [1, 0]
    assert content["candidates"][0]["mean"] == pytest.approx(0.75)


def test_a_short_search_is_confirmed_on_one_drawing():
    assert (drawings(19), drawings(20), drawings(50)) == ((1, 6), (3, 5), (3, 5))
    assert (n_fits(19), n_fits(20), n_fits(50, 2), n_fits(2, 2)) == (24, 60, 75, 12)


def test_the_sentence_has_the_word_for_scores_by_person():
    candidates = candidates_of([trial(0, 0.6), trial(1, 0.8)], maximise=True)
    found = judge(
        candidates,
        results([0.9, 0.9], [0.5, 0.5]),
        FoldPlan([], 2, 1, "people"),
        metric=metric_named("accuracy"),
        score_label="transductive",
    )
    assert "accuracy (transductive) 0." in found.sentence
    assert found.to_dict()["sentence"] == found.sentence


def test_after_inner_folds_all_development_people_are_held_out_and_the_sentence_says_so(prepared):
    candidates = candidates_of([trial(0, 0.5), trial(1, 0.7)], maximise=True)
    plan = fold_orders(candidates, prepared, repeats=1, folds=3, seed=1, all_chosen_by=True)
    split = prepared.split
    held = np.sort(np.concatenate([order.validation for order in plan.orders[:3]]))
    assert held.tolist() == list(range(len(split.train) + len(split.validation)))
    for order in plan.orders:
        assert not set(order.train) & set(order.validation)
        assert len(order.train) + len(order.validation) == len(held)
    found = judge(candidates, results([0.9] * 3, [0.5] * 3), plan, metric=METRIC)
    assert found.sentence.endswith("The search chose by these people too: some of its luck is still in this.")
    assert found.to_dict()["search_chose_by_them"] is True


def test_the_seeds_are_no_trial_s(prepared):
    candidates = candidates_of([trial(0, 0.5), trial(1, 0.7)], maximise=True)
    plan = fold_orders(candidates, prepared, repeats=3, folds=4, seed=1, all_chosen_by=False)
    trials = {seed_of(1, "trial", number) for number in range(200)}
    trials |= {seed_of(seed, "fit", index) for seed in list(trials) for index in range(1, 10)}
    seeds = {order.seed for order in plan.orders}
    assert len(seeds) == 3 * 4
    assert not seeds & trials


def test_people_who_are_left_out_one_by_one_are_compared_as_people(prepared):
    candidates = candidates_of([trial(0, 0.5), trial(1, 0.7)], maximise=True)
    plan = fold_orders(candidates, prepared, repeats=2, folds=5, seed=1, all_chosen_by=False)
    train = set(prepared.dataset.groups["subject"][prepared.split.train])
    assert plan.n_folds == len(train)
    assert set(plan.left_out) == train
    assert len(plan.left_out) == 2 * len(train)
    few = judge(candidates, results([0.8] * 8, [0.6] * 8), plan, metric=METRIC).comparison
    assert (few.n, few.p_value, few.test) == (4, None, "undefined below 6 people")

    people = tuple("ABCDEF")
    plan = FoldPlan([], 6, 2, "people", (*people, *people[::-1]))
    gains = [0.1, 0.2, 0.05, 0.15, 0.3, 0.1]
    tuned = results([0.5 + gain for gain in gains] + [0.5 + gain for gain in gains[::-1]], [0.5] * 12)
    found = judge(candidates, tuned, plan, metric=METRIC)
    assert found.comparison.test == "paired t, variance doubled: cross-validated"
    expected = stats.ttest_1samp(gains, 0.0).statistic / np.sqrt(2)
    assert found.comparison.p_value == pytest.approx(2 * stats.t.sf(expected, 5))
    assert found.comparison.n == 6
    assert found.comparison.interval.mean == pytest.approx(np.mean(gains))


def test_folds_of_several_people_are_compared_as_resampled_splits():
    found = judged([0.7, 0.72, 0.69, 0.71, 0.7] * 2, [0.6, 0.61, 0.6, 0.62, 0.59] * 2)
    assert found.comparison.test == "Nadeau-Bengio corrected resampled t"


def test_the_file_holds_what_a_reviewer_asks_for():
    confirmation = judged([0.7, 0.72, 0.69, 0.71, 0.7] * 2, [0.6, 0.61, 0.6, 0.62, 0.59] * 2)
    assert confirmation.over_tuning_sentence.endswith(" on the folds: +0.100 of it was luck of the search.")
    more = judged([0.9] * 10, [0.6, 0.61, 0.6, 0.62, 0.59] * 2)
    assert more.over_tuning_sentence.endswith(" on the folds, which confirm all of it.")
    better = confirmation.to_dict()
    comparison = better["chosen_minus_default"]
    assert comparison["effect_size"] > 0
    assert comparison["p_value"] < 0.05
    assert comparison["interval"]["low"] > 0
    assert better["challenger_minus_default"] is None
    assert better["seconds"] == {"default": 1.0, "chosen": 1.0}
    assert better["search_gain"] == pytest.approx(0.2)
    assert better["over_tuning"] == pytest.approx(better["search_gain"] - better["confirmed_gain"])

    kept = judged([0.6, 0.62, 0.59, 0.61, 0.6] * 2, [0.7, 0.71, 0.7, 0.72, 0.69] * 2).to_dict()
    assert kept["chosen"] == 0
    assert kept["chosen_minus_default"] is None
    assert kept["challenger_minus_default"]["mean_difference"] == pytest.approx(-0.1)
    assert (kept["search_best"], kept["chosen_by_these_folds"]) == (1, True)
    assert kept["search_gain"] == pytest.approx(0.2)
    assert kept["confirmed_gain"] == pytest.approx(-0.1)
    assert kept["over_tuning"] == pytest.approx(0.3)


def test_the_folds_hold_out_what_the_protocol_does(prepared_by_stimulus):
    split, dataset = prepared_by_stimulus.split, prepared_by_stimulus.dataset
    candidates = candidates_of([trial(0, 0.5), trial(1, 0.7)], maximise=True)
    plan = fold_orders(candidates, prepared_by_stimulus, repeats=1, folds=2, seed=0, all_chosen_by=False)
    assert (plan.held_out, plan.left_out) == ("stimuli", ())
    stimuli = dataset.groups["stimulus"][np.concatenate((split.train, split.validation))]
    for order in plan.orders:
        assert not set(stimuli[order.train]) & set(stimuli[order.validation])


def test_people_who_show_one_class_are_held_out_several_at_once(prepared):
    dataset = prepared.dataset
    people = np.unique(dataset.groups["subject"][prepared.split.train])
    targets = np.isin(dataset.groups["subject"], people[::2]).astype(np.int64)
    shown = replace(prepared, dataset=replace(dataset, targets=targets))
    candidates = candidates_of([trial(0, 0.5), trial(1, 0.7)], maximise=True)
    plan = fold_orders(candidates, shown, repeats=3, folds=5, seed=0, all_chosen_by=False)
    assert (len(people), plan.n_folds, plan.left_out) == (4, 2, ())
    for order in plan.orders:
        assert set(targets[prepared.split.train][order.validation]) == {0, 1}
