"""One conformance suite for every method and algorithm of the table, and what is special to each library."""

import os
import warnings

import pytest

from emotune.errors import InputError
from emotune.search.methods import METHODS, Nothing, StudySettings, keras_tuner_oracles, open_method, seed_of
from emotune.search.methods.median import PRUNER_STARTUP_TRIALS
from emotune.search.methods.method import BadStart
from emotune.search.methods.study_name import check_study_name
from emotune.search.rungs import reports_of
from emotune.search.space import Defaults
from emotune.search.trials import FitScore, Trial, best_of

ALL = [(method, algorithm) for method, entry in METHODS.items() for algorithm in entry.algorithms]


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture(params=ALL, ids=["-".join(pair) for pair in ALL])
def toy(request, make_toy):
    return make_toy(*request.param)


def values_of(trials):
    return [dict(trial.hyperparameters) for trial in trials]


class TestEveryMethod:
    def test_ends_with_exactly_its_total_and_starts_with_the_default(self, toy):
        trials = toy.search(6)
        assert [trial.number for trial in trials] == list(range(6))
        default = Defaults()
        toy.space(default)
        assert trials[0].hyperparameters == default.values

    def test_then_takes_the_starts_that_it_is_given(self, toy):
        starts = ({}, {"layers": 3, "units_2": 48, "kind": "lstm"}, {"layers": 1, "rate": 0.005})
        trials = toy.search(5, starts=starts)
        for number, start in enumerate(starts):
            replay = Defaults()
            toy.space(replay)
            expected = {**replay.values, "units_2": 16, "memory": 32, **start}
            values = trials[number].hyperparameters
            assert values == {name: expected[name] for name in values}
            assert start.items() <= values.items()
        assert "memory" in trials[1].hyperparameters
        assert len({repr(values) for values in values_of(trials)}) == 5

    def test_refuses_a_start_outside_the_space_by_name(self, toy):
        method = toy.open(3, starts=({}, {"rate": 2.0}))
        message = r"`known_good\[0\]` in hyperparameter_tuner.py: .*`rate` must be a number from 0.0001 to 0.01"
        with pytest.raises(BadStart, match=message):
            for _ in range(2):
                toy.train(method, toy.next(method))
        method.close()

    def test_trains_what_it_is_given_in_full(self, toy):
        trials = toy.search(6, starts=({}, {"layers": 3}))
        assert [trial.full_length for trial in trials[:2]] == [True, True]
        assert all(toy.tickets[number].last_epoch is None for number in range(2))

    def test_says_which_names_of_a_start_the_model_did_not_ask_for(self, toy):
        toy.search(4, starts=({}, {"layer": 3, "memory": 8, "rate": 0.005}))
        notes = [line for line in toy.said if line.startswith("note: ")]
        assert notes == [
            "note: `known_good[0]` in hyperparameter_tuner.py names layer, memory, which the model of trial 1 did not "
            "ask for."
        ]

    def test_proposes_within_the_space_and_only_what_the_model_uses(self, toy):
        trials = toy.search(8)
        for values in values_of(trials):  # each value's range was checked when it was proposed
            units = {name for name in values if name.startswith("units_")}
            assert units == {f"units_{i}" for i in range(values["layers"])}
            assert ("memory" in values) == (values["kind"] == "lstm")
            assert values["classes"] == 3
        assert len({repr(values) for values in values_of(trials)}) > 5

    def test_can_be_repeated(self, toy, tmp_path, monkeypatch):
        monkeypatch.setattr(keras_tuner_oracles, "N_INITIAL_POINTS", 3)  # the Gaussian process has its say
        first = values_of(toy.search(5))
        toy.folder = tmp_path / "again"
        assert values_of(toy.search(5)) == first
        toy.folder = tmp_path / "other"
        assert values_of(toy.search(2, seed=4)) != first[:2]

    def test_resumes_without_repeating_itself_and_takes_a_larger_total(self, toy):
        first = toy.search(3)
        assert toy.search(3) == first
        second = toy.search(7)
        assert second[:3] == first
        assert [trial.number for trial in second] == list(range(7))
        rates = [values["rate"] for values in values_of(second) if values["rate"] not in (1e-4, 1e-2)]
        assert len(set(rates)) == len(rates)

    def test_does_nothing_where_the_total_is_smaller_than_what_is_there(self, toy):
        first = toy.search(4)
        method = toy.open(2)
        assert toy.next(method) is Nothing.DONE
        assert method.trials() == first
        method.close()

    def test_adds_to_what_is_there(self, toy):
        toy.search(3)
        method = toy.open(add=2)
        assert method.total == 5
        toy.search_on(method)
        assert len(method.trials()) == 5
        method.close()
        assert len(toy.search(add=1)) == 6

    def test_opens_no_more_trials_than_its_total_however_many_workers_ask(self, toy):
        method = toy.open(5)
        tickets = [toy.next(method) for _ in range(3)]
        assert len({ticket.number for ticket in tickets}) == 3
        for ticket in tickets[::-1]:
            toy.train(method, ticket)
        tickets = [toy.next(method) for _ in range(2)]
        assert method.ask() is Nothing.WAIT
        toy.train(method, tickets[1])
        assert method.ask() is Nothing.WAIT
        toy.train(method, tickets[0])
        assert toy.next(method) is Nothing.DONE
        assert [trial.number for trial in method.trials()] == list(range(5))
        method.close()

    def test_gives_the_same_answer_when_asked_again(self, toy):
        method = toy.open(3)
        toy.train(method, toy.next(method))
        ticket = toy.next(method)
        first = toy.values(method, ticket)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert toy.values(method, ticket) == first
            # A worker has died: its trial reports once more from its start.
            assert method.report(ticket, 2, 0.5) is False
            assert method.report(ticket, 4, 0.6) is False
            assert method.report(ticket, 2, 0.5) is False
        assert toy.train(method, ticket).hyperparameters == first
        method.close()

    def test_hands_released_trials_out_again_first_and_as_they_were(self, toy):
        method = toy.open(6)
        toy.search_on(method, 2)
        tickets = [toy.next(method) for _ in range(2)]
        before = {ticket.number: dict(toy.values(method, ticket)) for ticket in tickets}
        for ticket in tickets:
            method.release(ticket)
        assert [trial.number for trial in method.trials()] == [0, 1]
        method.close()
        trials = toy.search(6)
        assert [trial.number for trial in trials] == list(range(6))
        assert {number: dict(trials[number].hyperparameters) for number in before} == before
        assert [ticket.number for ticket in toy.tickets[2:4]] == [2, 3]

    def test_keeps_to_a_smaller_total_with_released_trials_about(self, toy):
        method = toy.open(6)
        toy.search_on(method, 2)
        for ticket in [toy.next(method) for _ in range(2)]:
            toy.values(method, ticket)
            method.release(ticket)
        method.close()
        assert [trial.number for trial in toy.search(3)] == [0, 1, 2]
        assert [trial.number for trial in toy.search(add=2)] == [0, 1, 2, 3, 4]

    def test_takes_a_trial_up_again_whose_process_was_killed(self, toy):
        method = toy.open(4)
        toy.search_on(method, 1)
        ticket = toy.next(method)
        before = dict(toy.values(method, ticket))
        method.close()  # neither told nor released
        trials = toy.search(4)
        assert [trial.number for trial in trials] == list(range(4))
        assert trials[ticket.number].hyperparameters == before

    def test_counts_failed_trials_and_remembers_why(self, toy):
        toy.fails = lambda number: number in (1, 2)
        toy.score = lambda values: -values["rate"]
        trials = toy.search(6)
        assert [trial.number for trial in trials if trial.state == "failed"] == [1, 2]
        method = toy.open(6)
        again = method.trials()
        method.close()
        assert again == trials
        assert again[1].reason == "diverged: the toy fails"
        assert best_of(again, maximise=True).number not in (1, 2)

    def test_ends_where_every_trial_fails(self, toy):
        toy.fails = lambda number: True
        trials = toy.search(4)
        assert [trial.state for trial in trials] == ["failed"] * 4
        assert best_of(trials, maximise=True) is None

    def test_remembers_everything_of_a_trial(self, toy):
        trials = toy.search(3)
        method = toy.open(3)
        assert method.trials() == trials
        assert method.trials()[0].seconds == 0.25
        assert method.trials()[0].scores == trials[0].scores
        method.close()

    def test_puts_a_study_of_another_space_aside_and_goes_on_with_it_when_it_fits_again(self, toy):
        first = toy.search(3)
        toy.said.clear()
        other = toy.search(2, space="wider")
        assert len(other) == 2
        assert len(toy.said) == 1
        assert "study toy is put aside as toy-" in toy.said[0]
        assert "another space" in toy.said[0]
        toy.said.clear()
        again = toy.search(4)
        assert again[:3] == first
        assert "put aside" in toy.said[0]
        assert "fits this run again" in toy.said[1]
        assert toy.search(2, space="wider") == other

    def test_starts_anew_when_told_to_and_keeps_the_old_study(self, toy):
        first = toy.search(2)
        toy.said.clear()
        second = toy.search(3, fresh=True)
        assert "put aside as toy-" in toy.said[0]
        assert "--fresh starts anew" in toy.said[0]
        assert second[:2] == first  # the same seed proposes the same
        toy.search(1, fresh=True)
        toy.search(1, space="wider")
        # What was put aside last is what was in use last.
        assert len(toy.search(1)) == 1

    def test_a_wider_range_is_used(self, toy):
        narrow = {value for t in toy.search(6) for name, value in t.hyperparameters.items() if "units" in name}
        assert max(narrow) <= 64
        narrow_space = toy.space
        toy.space = lambda hp: narrow_space(hp, most_units=512)
        wide = {
            value for t in toy.search(6, space="wider") for name, value in t.hyperparameters.items() if "units" in name
        }
        assert max(wide) > 64

    def test_a_range_of_one_value_and_a_computed_default_are_no_obstacle(self, toy):
        def space(hp):
            hp.Float("one", 0.5, 0.5)
            hp.Int("only", 3, 3)
            hp.Choice("sole", ["a"])
            hp.Float("x", 0.1, 0.7, step=0.1, default=3 * 0.1)
            hp.Int("n", 1, 1000, sampling="log", default=10)

        toy.space, toy.score = space, lambda values: values["x"]
        trials = toy.search(6)
        assert trials[0].hyperparameters == {"one": 0.5, "only": 3, "sole": "a", "x": 0.3, "n": 10}
        assert len(trials) == 6

    def test_a_branch_that_the_discovery_has_not_met_is_searched(self, toy):
        method = toy.open(6)
        known = toy.space

        def space(hp):
            known(hp)
            if hp.get("layers") > 1:
                hp.Float("momentum", 0.5, 0.99)

        toy.space = space
        toy.search_on(method)
        method.close()
        trials = toy.search(9)
        assert len(trials) == 9
        found = [t.hyperparameters["momentum"] for t in trials if t.hyperparameters["layers"] > 1]
        assert len(set(found)) > 1
        assert all("momentum" not in t.hyperparameters for t in trials if t.hyperparameters["layers"] == 1)

    def test_a_space_of_few_values_ends(self, toy):
        toy.space, toy.score = lambda hp: hp.Boolean("flag"), lambda values: float(values["flag"])
        trials = toy.search(4)
        assert 1 <= len(trials) <= 4
        assert [trial.number for trial in trials] == list(range(len(trials)))

    def test_a_space_of_nothing_ends(self, toy):
        toy.space, toy.score = lambda hp: hp.Fixed("classes", 3), lambda values: 0.5
        assert len(toy.search(2)) <= 2


PRUNING = [pair for pair in ALL if pair[1] != "hyperband"]


@pytest.mark.parametrize("pair", PRUNING, ids=["-".join(pair) for pair in PRUNING])
class TestPruning:
    @staticmethod
    def complete(toy, method, ticket, score, *, state="complete"):
        for epoch in (2, 4, 6):
            if state == "complete":
                assert method.report(ticket, epoch, score * (epoch + 1) / toy.epochs) is False
        scores = tuple(score * (epoch + 1) / toy.epochs for epoch in range(toy.epochs))
        method.tell(ticket, Trial(ticket.number, state, toy.values(method, ticket), score=score, scores=scores))

    def test_ends_a_bad_trial_after_ten_complete_ones_and_never_the_default(self, make_toy, pair):
        toy = make_toy(*pair)
        method = toy.open(40, starts=({}, {"layers": 3}))
        default, known_good = toy.next(method), toy.next(method)
        for start in (default, known_good):
            toy.values(method, start)
        for n_complete in range(PRUNER_STARTUP_TRIALS):
            ticket = toy.next(method)
            self.complete(toy, method, ticket, 0.5 + n_complete / 100)
            bad = toy.next(method)
            is_last = n_complete == PRUNER_STARTUP_TRIALS - 1
            assert method.report(bad, 2, 0.001) is is_last
            toy.values(method, bad)
            method.tell(bad, Trial(bad.number, "pruned" if is_last else "failed", toy.values(method, bad), score=0.001))
            if is_last:
                break
        assert method.report(default, 2, 0.0) is False
        assert method.report(known_good, 2, 0.0) is False
        assert method.report(toy.next(method), 2, 0.9) is False
        method.close()

    def test_knows_after_a_resume_what_it_knew(self, make_toy, pair):
        toy = make_toy(*pair)
        method = toy.open(PRUNER_STARTUP_TRIALS)
        while (ticket := toy.next(method)) is not Nothing.DONE:
            toy.values(method, ticket)
            self.complete(toy, method, ticket, 0.6)
        method.close()
        method = toy.open(PRUNER_STARTUP_TRIALS + 1)
        ticket = toy.next(method)
        toy.values(method, ticket)
        assert method.report(ticket, 2, 0.01) is True
        assert method.report(ticket, 4, 0.9) is False
        method.close()

    def test_judges_a_later_fit_by_the_means_of_the_others_there_and_not_by_its_own_first_fit(self, make_toy, pair):
        toy = make_toy(*pair)

        def tell(method, ticket, first, second):
            """A trial of two fits; the first is the easier fold."""
            fits = tuple(FitScore(fold, 0, score, 8, 9) for fold, score in enumerate((first, second)))
            scores = (first,) * 9 + (second,) * 9
            mean = (first + second) / 2
            for step, score in reports_of((scores[:9], scores[9:]), (first, second), toy.epochs).items():
                assert method.report(ticket, step, score) is False
            values = toy.values(method, ticket)
            method.tell(ticket, Trial(ticket.number, "complete", values, score=mean, scores=scores, fits=fits))

        method = toy.open(PRUNER_STARTUP_TRIALS)
        while (ticket := toy.next(method)) is not Nothing.DONE:
            toy.values(method, ticket)
            tell(method, ticket, 0.9, 0.5)
        method.close()
        # Taken up again: what is known of the others is what was stored of them.
        method = toy.open(PRUNER_STARTUP_TRIALS + 2)
        good, bad = toy.next(method), toy.next(method)
        for ticket in (good, bad):
            toy.values(method, ticket)
            assert method.report(ticket, 8, 0.9) is False
        assert method.report(good, toy.epochs + 2, (0.9 + 0.5) / 2) is False
        assert method.report(bad, toy.epochs + 2, (0.9 + 0.3) / 2) is True
        method.close()


class TestTheTable:
    def test_an_unknown_name_is_refused_with_those_that_are_known(self, tmp_path):
        settings = StudySettings("s", tmp_path, "tpe", True, {}, 0, 5, 3)
        with pytest.raises(InputError, match="must be one of optuna, keras-tuner. Received: ray"):
            open_method("ray", settings)
        with pytest.raises(
            InputError, match="keras-tuner knows the algorithms bayesian, hyperband, random. Received: tpe"
        ):
            open_method("keras-tuner", settings)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("", "must be letters, digits, .* Received: ''. Give another one by --study NAME"),
            ("a b", "must be letters, digits"),
            ("../up", "must be letters, digits"),
            (".hidden", "must be letters, digits"),
            ("über", "must be letters, digits"),
            ("line\n", "must be letters, digits"),
            ("data", "must be none of confirmations, data, .* Received: 'data'. Give another one by --study NAME"),
            ("Logs", "must be none of"),
            ("owners.", "must be none of"),
            ("optuna.lock", "must be none of"),
        ],
    )
    def test_a_name_that_cannot_be_a_study_s_is_refused_before_anything_is_written(self, tmp_path, method, name, why):
        algorithm = METHODS[method].algorithms[0]
        with pytest.raises(InputError, match=why):
            open_method(method, StudySettings(name, tmp_path, algorithm, True, {}, 0, 5, 3))
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", ["a", "7", "Data-2", "emotion_recognition.v1", "optuna"])
    def test_other_names_are_taken(self, name):
        check_study_name(name)

    def test_the_defaults_are_those_of_the_guide(self):
        assert METHODS["optuna"].algorithms[0] == "tpe"
        assert METHODS["keras-tuner"].algorithms[0] == "bayesian"
        assert METHODS["optuna"].study_name == "emotion_recognition_optuna"

    def test_a_seed_is_its_purpose_s_own_and_stable(self):
        assert seed_of(0, "trial", 3) == seed_of(0, "trial", 3)
        assert len({seed_of(0, "trial", number) for number in range(1000)}) == 1000
        assert seed_of(0, "trial", 3) != seed_of(1, "trial", 3) != seed_of(0, "sampler", 3)
        assert 0 <= seed_of("anything") < 2**31
