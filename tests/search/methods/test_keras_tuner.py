"""What only the method `keras-tuner` does: its oracles' files, their Hyperband, one process a study."""

import json
import os
import random
import time

import pytest

from emotune.errors import InputError
from emotune.search.methods import Nothing
from emotune.search.methods.hyperband import hyperband_factor
from emotune.search.trials import Trial, best_of


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)


class TestHyperbandSFactor:
    @staticmethod
    def trials_of_one_iteration(toy, epochs, factor):
        """Counted: KerasTuner's own oracle, asked until it stops."""
        import keras_tuner

        class Unsaved(keras_tuner.oracles.HyperbandOracle):
            def save(self):
                pass

            def _save_trial(self, trial):
                pass

        space = keras_tuner.HyperParameters()
        space.Float("x", 0.0, 1.0)
        oracle = Unsaved(
            keras_tuner.Objective("score", "max"), epochs, factor, hyperband_iterations=1, hyperparameters=space, seed=1
        )
        oracle.verbose = 0
        longest = []
        while (trial := oracle.create_trial("worker")).status == "RUNNING":
            longest.append(trial.hyperparameters.values["tuner/epochs"])
            oracle.update_trial(trial.trial_id, {"score": trial.hyperparameters.values["x"]})
            trial.status = "COMPLETED"
            oracle.end_trial(trial)
        return longest

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # KerasTuner is frozen
    @pytest.mark.parametrize("epochs", [1, 2, 9, 27, 50])
    def test_is_the_smallest_whose_iteration_fits(self, make_toy, epochs):
        counted = {}
        for factor in range(3, epochs + 2):
            counted[factor] = self.trials_of_one_iteration(make_toy, epochs, factor)
            assert max(counted[factor]) == epochs
            if len(counted[factor]) <= 4:
                break
        for total in (4, 10, 23, 30, 50, 90, 100):
            fitting = [factor for factor, trials in counted.items() if len(trials) <= total]
            expected = min(fitting) if fitting and min(fitting) <= epochs else epochs + 1
            assert hyperband_factor(epochs, total) == expected

    def test_of_the_usual_run_halves_within_the_budget(self):
        assert hyperband_factor(50, 90) == 3
        assert hyperband_factor(50, 89) > 3
        # Too few trials to halve anything: each is trained in full.
        assert hyperband_factor(50, 1) == 51


class TestHyperband:
    @pytest.fixture
    def toy(self, make_toy):
        return make_toy("keras-tuner", "hyperband")

    def check(self, toy, trials):
        """Each round goes on with the best of the one before, from where it stopped."""
        tickets = {ticket.number: ticket for ticket in toy.tickets}
        continued = [ticket for ticket in tickets.values() if ticket.continues is not None]
        for ticket in continued:
            earlier = tickets[ticket.continues]
            assert ticket.continues < ticket.number
            assert ticket.first_epoch == earlier.last_epoch < ticket.last_epoch
            assert trials[ticket.number].hyperparameters == trials[ticket.continues].hyperparameters
        assert len({ticket.continues for ticket in continued}) == len(continued)
        return continued

    def test_goes_on_with_earlier_trials_and_its_winner_is_of_full_length(self, toy):
        n_iteration = 23  # 9 + 3 + 1, 5 + 2, 3: epochs 1, 3, 9 by a factor of 3
        assert hyperband_factor(toy.epochs, n_iteration) == 3
        trials = toy.search(1 + n_iteration)  # the default comes before all brackets, in full
        assert len(trials) == 1 + n_iteration
        assert len(self.check(toy, trials)) == 6
        assert toy.tickets[0].last_epoch is None
        assert {ticket.last_epoch for ticket in toy.tickets[1:]} == {1, 3, 9}
        assert sum(trial.full_length for trial in trials) == 1 + 6
        ranked = sorted(trials, key=lambda trial: -trial.score)
        toy_best = best_of(trials, maximise=True)
        assert toy_best.full_length
        assert toy_best.score == next(trial.score for trial in ranked if trial.full_length)

    @pytest.mark.parametrize("n_workers", [2, 8, 16])
    @pytest.mark.parametrize("total", [24, 31])
    def test_promotes_the_same_trials_however_many_workers_ask(self, toy, tmp_path, n_workers, total):
        def full_length(n, folder):
            toy.folder, toy.tickets, at_work = tmp_path / folder, [], []
            method = toy.open(total)
            until, source = time.monotonic() + 30, random.Random(n)
            while (answer := method.ask()) is not Nothing.DONE:
                assert time.monotonic() < until
                if answer is not Nothing.WAIT:
                    at_work.append(answer)
                if at_work and (len(at_work) == n or answer is Nothing.WAIT):
                    toy.train(method, at_work.pop(source.randrange(len(at_work))))
            trials = method.trials()
            method.close()
            assert len(trials) == total
            # The trials of the first iteration, which alone fits in.
            continued = self.check(toy, trials)
            assert len(continued) >= 6
            return {
                repr(sorted(trials[ticket.number].hyperparameters.items()))
                for ticket in toy.tickets
                if ticket.last_epoch == toy.epochs
            }

        alone, together = full_length(1, "alone"), full_length(n_workers, "together")
        assert len(alone) == 6
        assert together == alone

    def test_of_a_small_budget_trains_every_trial_in_full(self, toy):
        trials = toy.search(4)
        assert all(trial.full_length for trial in trials)
        assert {ticket.last_epoch for ticket in toy.tickets[1:]} == {toy.epochs}

    def test_goes_on_after_a_stop_where_it_was(self, toy):
        method = toy.open(24)
        toy.search_on(method, 11)  # the default, the first round of the first bracket, and one of the second
        open_one = toy.next(method)
        assert open_one.continues is not None
        before = dict(toy.values(method, open_one))
        method.release(open_one)
        method.close()
        trials = toy.search(24)
        assert [trial.number for trial in trials] == list(range(24))
        again = next(ticket for ticket in toy.tickets if ticket.number == open_one.number)
        assert (again.continues, again.first_epoch, again.last_epoch) == (
            open_one.continues,
            open_one.first_epoch,
            open_one.last_epoch,
        )
        assert trials[open_one.number].hyperparameters == before
        assert len(self.check(toy, trials)) == 6

    def test_with_failures_reaches_its_total_and_never_waits_for_ever(self, toy):
        toy.fails = lambda number: number % 3 == 1
        trials = toy.search(23)
        assert len(trials) == 23
        self.check(toy, trials)
        assert all(
            trials[ticket.continues].state == "complete" for ticket in toy.tickets if ticket.continues is not None
        )

    def test_never_prunes_a_trial_that_it_shortens_itself(self, toy):
        method = toy.open(23)
        for _ in range(12):
            toy.train(method, toy.next(method))
        assert method.report(toy.next(method), 2, -100.0) is False
        method.close()


class TestTheOwner:
    def test_a_second_process_is_refused_and_let_in_afterwards(self, make_toy):
        toy = make_toy("keras-tuner", "random")
        method = toy.open(2)
        with pytest.raises(
            InputError, match="takes one process. Wait until it ends, .* --study NAME, or use --method opt"
        ):
            toy.open(2)
        toy.search_on(method)
        method.close()
        assert len(toy.search(3)) == 3

    def test_a_start_that_fails_holds_nothing(self, make_toy):
        toy = make_toy("keras-tuner", "random")
        toy.search(1)
        path = toy.folder / "toy" / "study.json"
        whole = path.read_text()
        path.write_text(whole[:20])
        for _ in range(2):
            with pytest.raises(InputError, match="damaged .* Start anew with --fresh"):
                toy.open(1)
        path.write_text(whole)
        assert len(toy.search(2)) == 2


class TestTheFolder:
    @pytest.mark.parametrize("has_earlier", [False, True])
    @pytest.mark.parametrize("fresh", [False, True])
    def test_with_files_of_others_is_neither_used_nor_deleted(self, make_toy, has_earlier, fresh):
        toy = make_toy("keras-tuner", "random")
        folder = toy.folder / "toy"
        if has_earlier:
            toy.search(1)
            toy.search(1, space="wider")
            folder.rename(toy.folder / "elsewhere")
        folder.mkdir(parents=True)
        (folder / "thesis.tex").write_text("years of work")
        with pytest.raises(
            InputError, match="must be empty or a study's own, .* a folder with thesis.tex and no .* Move"
        ):
            toy.open(2, fresh=fresh)
        assert (folder / "thesis.tex").read_text() == "years of work"
        (folder / "thesis.tex").unlink()
        assert len(toy.search(2, fresh=fresh)) == 2

    def test_of_a_start_that_was_killed_is_begun_anew(self, make_toy):
        toy = make_toy("keras-tuner", "random")
        first = toy.search(2)
        toy.search(1, space="wider")
        folder = toy.folder / "toy"
        folder.rename(toy.folder / "elsewhere")
        folder.mkdir()
        (folder / ".study-abc123.json").write_text('{"ident')
        assert toy.search(3)[:2] == first


class TestTheFiles:
    def test_are_keras_tuner_s_own(self, make_toy):
        toy = make_toy("keras-tuner", "random")
        toy.fails = lambda number: number == 1
        toy.search(3)
        folder = toy.folder / "toy"
        oracle = json.loads((folder / "oracle.json").read_text())
        assert oracle["start_order"] == oracle["end_order"] == ["0", "1", "2"]
        states = [json.loads((folder / f"trial_{n}" / "trial.json").read_text())["status"] for n in range(3)]
        assert states == ["COMPLETED", "FAILED", "COMPLETED"]
        assert [json.loads(line)["number"] for line in (folder / "trials.jsonl").read_text().splitlines()] == [0, 1, 2]

    def test_hold_defaults_for_what_a_trial_did_not_use(self, make_toy):
        toy = make_toy("keras-tuner", "random")
        trials = toy.search(6)
        defaults = {"units_1": 16, "units_2": 16, "memory": 32}
        for trial in trials:
            content = json.loads((toy.folder / "toy" / f"trial_{trial.number}" / "trial.json").read_text())
            values = content["hyperparameters"]["values"]
            assert {**defaults, **trial.hyperparameters}.items() >= values.items()

    def test_are_no_more_written_while_there_is_nothing_new(self, make_toy):
        toy = make_toy("keras-tuner", "random")
        method = toy.open(2)
        tickets = [toy.next(method), toy.next(method)]
        before = (toy.folder / "toy" / "oracle.json").stat().st_mtime_ns
        for _ in range(20):
            assert method.ask() is Nothing.WAIT
        assert (toy.folder / "toy" / "oracle.json").stat().st_mtime_ns == before
        for ticket in tickets:
            method.tell(ticket, Trial(ticket.number, "complete", toy.values(method, ticket), score=0.5))
        assert toy.next(method) is Nothing.DONE
        method.close()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files through /proc")
def test_opening_and_closing_leaks_no_file_and_no_thread(make_toy):
    import threading

    toy = make_toy("keras-tuner", "random")
    toy.search(1)
    files, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(3):
        toy.search(1)
    assert len(os.listdir("/proc/self/fd")) <= files
    assert threading.active_count() <= threads
