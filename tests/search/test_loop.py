"""The loop with real workers: what is proposed is trained, whatever a network or its process does."""

import contextlib
import json
import os
import time
from dataclasses import dataclass, field, replace

import numpy as np
import psutil
import pytest

from emotune.errors import EmotuneError, InputError
from emotune.evaluation.metrics import metric_named
from emotune.features.settings import FeatureSettings
from emotune.files import fingerprint, fingerprint_of_file
from emotune.models.problem import Problem
from emotune.search.development import DevelopmentData, load_development_data, save_development_data
from emotune.search.loop import Search
from emotune.search.messages import WorkerSetup
from emotune.search.methods import Nothing, Ticket
from emotune.search.presence import Slots
from emotune.search.rungs import reported, reports_of, rungs
from emotune.search.trials import Trial, read_best
from emotune.search.workers import RECYCLE_AFTER_TRIALS, WorkerPool, warm_up
from emotune.studies.preparation import prepare
from emotune.studies.stored_fits import StoredFits
from emotune.studies.tuning import Tuning, TuningSettings

N_FEATURES, N_CLASSES, EPOCHS = 167, 3, 6

HYPERMODEL = '''
"""Dense layers, and every kind of trouble."""

import os
import signal
from pathlib import Path

import keras


class EmotionHyperModel:
    def __init__(self, problem):
        self.problem = problem

    def build_model(self, hp):
        units = hp.Int("units", 4, 32, default=4)
        rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log", default=1e-2)
        trouble = hp.Choice("trouble", ["none", "raise", "nan", "kill", "kill once", "exit", "sums"])
        print("building", units, "in process", os.getpid(), flush=True)
        if trouble == "raise":
            raise ValueError("no such network\\nsecond line")
        if trouble == "exit":
            raise SystemExit(3)
        mark = Path(__file__).with_suffix(f".killed-{units}")
        if trouble == "kill" or (trouble == "kill once" and not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        layers = [keras.layers.Input(self.problem.input_shape), keras.layers.Dense(units, activation="relu")]
        answer = "sigmoid" if trouble == "sums" else "softmax"
        layers.append(keras.layers.Dense(self.problem.n_classes, activation=answer))
        model = keras.Sequential(layers)
        optimizer = keras.optimizers.SGD(1e30 if trouble == "nan" else rate)
        model.compile(optimizer=optimizer, loss="categorical_crossentropy")
        return model

    def fit_arguments(self, hp):
        return {"batch_size": hp.Choice("batch_size", [16, 32])}
'''


def n_parameters(units):
    return (N_FEATURES + 1) * units + (units + 1) * N_CLASSES


def toy_rows(n, seed=0):
    """Three classes that a network can tell apart, but not at once."""
    source = np.random.default_rng(seed)
    targets = np.arange(n) % N_CLASSES
    inputs = source.normal(size=(n, N_FEATURES)).astype(np.float32)
    inputs[:, :10] += targets[:, None]
    return inputs, targets.astype(np.int64)


@pytest.fixture(scope="module", autouse=True)
def fork_server():
    warm_up()


@dataclass
class Scripted:
    """A method that proposes what a test says, and notes what it is told."""

    configurations: list
    tickets: list = field(default_factory=list)
    prunes: object = lambda ticket, epoch: False
    needs_space: bool = False
    space: tuple = ()
    told: dict = field(default_factory=dict)
    released: list = field(default_factory=list)
    reports: list = field(default_factory=list)
    opened: int = 0

    @property
    def total(self):
        return len(self.configurations)

    def learn_space(self, parameters):
        self.space = tuple(parameters)

    def ask(self):
        if self.opened == self.total:
            return Nothing.DONE if len(self.told) == self.total else Nothing.WAIT
        self.opened += 1
        number = self.opened - 1
        return self.tickets[number] if self.tickets else Ticket(number)

    def suggest(self, ticket, parameter):
        return self.configurations[ticket.number].get(parameter.name, parameter.default)

    def report(self, ticket, epoch, score):
        self.reports.append((ticket.number, epoch, score))
        return self.prunes(ticket, epoch)

    def tell(self, ticket, trial):
        assert ticket.number == trial.number
        assert trial.number not in self.told
        self.told[trial.number] = trial

    def release(self, ticket):
        self.released.append(ticket.number)

    def trials(self):
        return [self.told[number] for number in sorted(self.told)]

    def close(self):
        pass


@dataclass
class Watcher:
    """An observer that remembers."""

    on_start: object = lambda number: None
    on_end: object = lambda trial: None
    starts: list = field(default_factory=list)
    ends: list = field(default_factory=list)
    waits: list = field(default_factory=list)

    def started(self, number):
        self.starts.append(number)
        self.on_start(number)

    def ended(self, trial):
        self.ends.append(trial.number)
        self.on_end(trial)

    def waiting(self, what):
        self.waits.append(what)


@dataclass
class Bench:
    """A search on the bench: data, a hypermodel and slots in the test's folder."""

    folder: object
    source: str = HYPERMODEL
    folds: tuple = ()
    seeds_per_trial: int = 1

    def __post_init__(self):
        inputs, targets = toy_rows(60)
        validation_inputs, validation_targets = toy_rows(30, seed=1)
        save_development_data(
            self.folder / "data", DevelopmentData(inputs, targets, validation_inputs, validation_targets)
        )
        self.log = self.folder / "search.log"

    def search(self, method, *, workers=1, observer=None, **more):
        path = self.folder / "space.py"
        path.write_text(self.source)
        setup = WorkerSetup(
            data=str(self.folder / "data"),
            hypermodel=str(path),
            hypermodel_fingerprint=fingerprint_of_file(path),
            modules={},
            problem=Problem((N_FEATURES,), N_CLASSES).to_dict(),
            metric="balanced_accuracy",
            epochs=EPOCHS,
            patience=EPOCHS,
            log=str(self.log),
            search_path=(),
            folds=self.folds,
            seeds_per_trial=self.seeds_per_trial,
        )
        slots = Slots(self.folder / "slots", workers)
        return Search(method, WorkerPool(setup, workers), slots, 0, observer or Watcher(), **more)

    def run(self, method, **more):
        return self.search(method, **more).run()


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def workers_alive():
    """Processes that belong to this one and train: all but the fork server and the resource tracker."""
    found = psutil.Process().children(recursive=True)
    servers = {child.pid for child in psutil.Process().children()}
    alive = []
    for child in found:
        with contextlib.suppress(psutil.NoSuchProcess):  # ended since it was listed
            if child.pid not in servers and child.status() != psutil.STATUS_ZOMBIE:
                alive.append(child.pid)
    return alive


def none_alive(seconds=10):
    until = time.monotonic() + seconds
    while workers_alive() and time.monotonic() < until:
        time.sleep(0.05)
    return not workers_alive()


class TestTrials:
    def test_of_every_kind_end_with_their_reason_and_what_the_model_used(self, bench):
        configurations = [
            {},
            {"units": 9, "batch_size": 32},
            {"trouble": "raise", "units": 5},
            {"trouble": "nan"},
            {"trouble": "kill"},
            {"trouble": "kill once", "units": 7},
            {"trouble": "exit", "units": 6},
            {"trouble": "sums"},
            {"units": 99},
            {"units": 11},
        ]
        method, watcher = Scripted(configurations), Watcher()
        result = bench.run(method, workers=2, observer=watcher)
        trials = result
        assert len(watcher.ends) == 10
        assert [trial.number for trial in trials] == list(range(10))
        assert [trial.state for trial in trials] == (
            ["complete"] * 2 + ["failed"] * 3 + ["complete"] + ["failed"] * 3 + ["complete"]
        )
        line = 1 + bench.source.splitlines().index('            raise ValueError("no such network\\nsecond line")')
        assert trials[2].reason == f"ValueError: no such network (line {line} of hyperparameter_tuner.py)"
        assert trials[3].reason.startswith("diverged: ")
        assert trials[4].reason == "worker killed twice (exit code -9)"
        assert trials[6].reason == "worker killed twice (exit code 3)"
        assert trials[7].reason.startswith("InputError: The model's outputs must be probabilities")
        assert "`units` must be a whole number from 4 to 32. Received: 99" in trials[8].reason
        for trial in trials:
            if trial.state == "complete":
                # The network that was trained is the one that is recorded.
                assert trial.n_parameters == n_parameters(trial.hyperparameters["units"])
                assert set(trial.hyperparameters) == {"units", "learning_rate", "trouble", "batch_size"}
                assert len(trial.scores) == EPOCHS
                assert 0 <= trial.score <= 1
                assert trial.reason == "epochs"
                assert trial.full_length
            else:
                assert trial.score is None
        assert trials[1].hyperparameters["batch_size"] == 32
        assert trials[2].hyperparameters == {"units": 5, "learning_rate": 1e-2, "trouble": "raise"}
        # A killed worker's trial starts once more.
        assert sorted(watcher.starts) == sorted([*range(10), 4, 5, 6])
        assert sorted(watcher.ends) == list(range(10))
        assert method.released == []
        assert none_alive()
        log = bench.log.read_text()
        assert "building 9 in process" in log
        assert "ValueError: no such network" in log

    def test_report_at_the_rungs_and_end_when_told(self, bench):
        method = Scripted([{}, {}], prunes=lambda ticket, epoch: ticket.number == 1 and epoch == 4)
        whole, pruned = bench.run(method)
        ends = rungs(EPOCHS)
        assert [(number, epoch) for number, epoch, _ in method.reports] == [(0, end) for end in ends] + [(1, 2), (1, 4)]
        for number, epoch, score in method.reports:
            scores = (whole, pruned)[number].scores
            assert score == pytest.approx(reported(scores, epoch))
        assert (pruned.state, pruned.reason, len(pruned.scores)) == ("pruned", "pruned", 5)

    def test_go_on_with_an_earlier_one_s_weights(self, bench):
        tickets = [Ticket(0, last_epoch=3), Ticket(1, last_epoch=EPOCHS, first_epoch=3, continues=0), Ticket(2)]
        short, continued, whole = bench.run(Scripted([{}, {}, {}], tickets=tickets), weights=bench.folder / "weights")
        assert (len(short.scores), short.full_length) == (3, False)
        assert (len(continued.scores), continued.full_length) == (EPOCHS - 3, True)
        assert continued.kept_epoch >= 3
        assert (len(whole.scores), whole.full_length) == (EPOCHS, True)

    def test_whose_earlier_one_s_weights_are_gone_start_at_the_beginning(self, bench):
        tickets = [Ticket(0, last_epoch=EPOCHS, first_epoch=3, continues=7)]
        trial = bench.run(Scripted([{}], tickets=tickets), weights=bench.folder / "weights")[0]
        assert (trial.state, len(trial.scores)) == ("complete", EPOCHS)


def thirds():
    """The rows of the bench in three folds, each of the same classes."""
    parts = [np.arange(90)[first::9] for first in range(9)]
    held = [np.sort(np.concatenate(parts[first : first + 3])) for first in (0, 3, 6)]
    return tuple((np.setdiff1d(np.arange(90), rows), rows) for rows in held)


class TestTrialsOfSeveralFits:
    def test_have_the_mean_of_every_fold_and_seed(self, bench):
        bench.folds, bench.seeds_per_trial = thirds(), 2
        method = Scripted([{}, {"units": 9}])
        for trial in bench.run(method):
            assert [(fit.fold, fit.draw) for fit in trial.fits] == [(f, s) for s in range(2) for f in range(3)]
            assert trial.score == pytest.approx(np.mean([fit.score for fit in trial.fits]))
            assert len({fit.score for fit in trial.fits}) > 1
            assert [fit.n_epochs for fit in trial.fits] == [EPOCHS] * 6
            assert len(trial.scores) == 6 * EPOCHS
            assert trial.n_parameters == n_parameters(trial.hyperparameters["units"])
            own, _ = trial.reports
            # The same fold with another seed is another training.
            assert own[0] != own[3]
            # What a later search learns from a stored trial is what this one has reported.
            told = {step: score for number, step, score in method.reports if number == trial.number}
            assert told == pytest.approx(reports_of(*trial.reports, EPOCHS))
            assert list(told) == [fit * EPOCHS + end for fit in range(6) for end in rungs(EPOCHS)]
            assert Trial.from_dict(json.loads(json.dumps(trial.to_dict()))) == trial

    def test_are_one_where_there_is_one_part_and_one_seed(self, bench):
        (trial,) = bench.run(Scripted([{}]))
        assert trial.fits == ()
        assert "fits" not in trial.to_dict()

    def test_end_with_the_mean_so_far_when_they_are_pruned(self, bench):
        bench.folds = thirds()
        method = Scripted([{}], prunes=lambda ticket, step: step == EPOCHS + 4)
        (trial,) = bench.run(method)
        assert (trial.state, trial.reason) == ("pruned", "pruned")
        assert [fit.n_epochs for fit in trial.fits] == [EPOCHS, 5]
        assert trial.score == pytest.approx(np.mean([fit.score for fit in trial.fits]))

    def test_fail_with_the_fold_that_failed_and_are_redone_whole_after_a_kill(self, bench):
        bench.folds = thirds()
        bench.source = HYPERMODEL.replace(
            "        if trouble", "        self.n = getattr(self, 'n', 0) + 1\n        if self.n == 2 and trouble", 1
        ).replace('(trouble == "kill once" and', '(trouble == "kill once" and self.n == 2 and')
        failed, redone = bench.run(Scripted([{"trouble": "raise"}, {"trouble": "kill once", "units": 7}]), workers=2)
        assert failed.state == "failed"
        assert failed.reason.startswith("ValueError: no such network (line ")
        assert failed.reason.endswith(" (fold 2 of 3)")
        assert [fit.fold for fit in failed.fits] == [0]
        assert bench.folder.joinpath("space.killed-7").exists()
        assert redone.state == "complete"
        assert [fit.fold for fit in redone.fits] == [0, 1, 2]
        assert none_alive()

    def test_go_on_with_the_weights_of_each(self, bench):
        bench.folds = thirds()
        tickets = [Ticket(0, last_epoch=3), Ticket(1, last_epoch=EPOCHS, first_epoch=3, continues=0)]
        weights = bench.folder / "weights"
        short, continued = bench.run(Scripted([{}, {}], tickets=tickets), weights=weights)
        assert [fit.n_epochs for fit in short.fits] == [3] * 3
        assert [fit.n_epochs for fit in continued.fits] == [EPOCHS - 3] * 3
        assert {path.name for path in weights.iterdir()} == {f"{trial}{fit}.npz" for trial in (0, 1)
                                                             for fit in ("", ".1", ".2")}  # fmt: skip


class TestWorkers:
    def test_are_replaced_before_they_have_leaked_much(self, bench):
        n = RECYCLE_AFTER_TRIALS + 2
        assert len(bench.run(Scripted([{}] * n))) == n
        pids = [line.split()[-1] for line in bench.log.read_text().splitlines() if line.startswith("building")]
        assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [RECYCLE_AFTER_TRIALS, 2]

    def test_are_not_started_where_there_is_nothing_to_do(self, bench):
        method = Scripted([{}, {}])
        bench.run(method)
        n_lines = len(bench.log.read_text().splitlines())
        before = time.monotonic()
        result = bench.run(method)
        assert len(result) == 2
        assert time.monotonic() - before < 0.5
        assert len(bench.log.read_text().splitlines()) == n_lines

    @pytest.mark.parametrize(("n_workers", "n_trials", "expected"), [(3, 9, 3), (3, 2, 2), (2, 1, 1)])
    def test_are_started_all_at_once_but_never_more_than_trials_are_left(
        self, bench, monkeypatch, n_workers, n_trials, expected
    ):
        started, alive = [], []
        start = WorkerPool.start

        def note(pool):
            started.append(any(worker.ready for worker in pool.workers))
            worker = start(pool)
            alive.append(len(pool.workers))
            return worker

        monkeypatch.setattr(WorkerPool, "start", note)
        assert len(bench.run(Scripted([{}] * n_trials), workers=n_workers)) == n_trials
        # None waited for another one to get ready.
        assert started[:expected] == [False] * expected
        assert max(alive) == expected

    @pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files through /proc")
    def test_leave_no_open_file_behind(self, bench):
        counted = []
        for units in (5, 6):
            bench.run(Scripted([{"trouble": "kill once", "units": units}, {}], prunes=lambda *_: True))
            counted.append(len(os.listdir("/proc/self/fd")))
        assert counted[1] <= counted[0]

    def test_end_with_the_search_however_badly_it_ends(self, bench):
        class Broken(Scripted):
            def tell(self, ticket, trial):
                raise OSError("disk full")

            def release(self, ticket):
                super().release(ticket)
                raise OSError("still full")

        method = Broken([{}] * 4)
        with pytest.raises(OSError, match="full"):
            bench.run(method, workers=2)
        assert method.released
        assert none_alive()

    def test_are_let_go_when_the_search_is_stopped_and_their_trials_handed_back(self, bench):
        method = Scripted([{}, {}, {"learning_rate": 1e-3}, {"learning_rate": 1e-3}])

        def stop(trial):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            bench.run(method, workers=2, observer=Watcher(on_end=stop))
        assert len(method.told) == 1
        assert sorted([*method.told, *method.released]) == list(range(method.opened))
        assert none_alive()

    def test_wait_for_cores_that_others_hold(self, bench, monkeypatch):
        monkeypatch.setattr("emotune.search.loop._SAY_WAITING_AFTER_S", 0.0)
        others = Slots(bench.folder / "slots", 1)
        held = others.take()
        watcher = Watcher()

        def stop_holding(what):
            if held.is_locked:
                held.release()

        watcher.waiting = lambda what: (watcher.waits.append(what), stop_holding(what))
        assert len(bench.run(Scripted([{}]), observer=watcher)) == 1
        assert watcher.waits[0] == "cores that other searches on this machine hold"
        free = others.take()
        assert free is not None
        free.release()


class TestTheUserSFile:
    def test_is_explored_before_a_method_that_wants_to_know(self, bench):
        method = Scripted([{}], needs_space=True)
        bench.source = HYPERMODEL.replace(
            '["none", "raise", "nan", "kill", "kill once", "exit", "sums"]', '["none", "nan"]'
        )
        bench.run(method)
        assert [parameter.name for parameter in method.space] == ["units", "learning_rate", "trouble", "batch_size"]
        assert method.space[2].choices == ("none", "nan")

    def test_whose_default_cannot_be_built_is_the_user_s_to_mend(self, bench):
        bench.source = HYPERMODEL.replace('trouble == "raise"', "True")
        with pytest.raises(InputError, match="default configuration, but it raised ValueError: no such network"):
            bench.run(Scripted([{}], needs_space=True))
        assert none_alive()

    def test_whose_models_kill_the_worker_is_said_and_not_tried_for_ever(self, bench):
        with pytest.raises(
            EmotuneError, match=r"Building models .* 2 in a row died \(exit code -9\). Lower the largest"
        ):
            bench.source = HYPERMODEL.replace('trouble == "kill"', "True")
            bench.run(Scripted([{}], needs_space=True))
        assert none_alive()

    def test_that_cannot_be_run_is_the_user_s_to_mend(self, bench):
        bench.source = HYPERMODEL.replace("self.problem = problem", "self.layout = problem.lay_out")
        with pytest.raises(InputError, match=r"space.py cannot be run: AttributeError: .*lay_out.* Mend the file"):
            bench.run(Scripted([{}]), workers=2)
        assert "AttributeError" in bench.log.read_text()
        assert none_alive()

    def test_that_kills_workers_when_it_is_imported_is_given_up(self, bench):
        bench.source = HYPERMODEL.replace("import keras\n", "import keras\nos._exit(7)\n")
        with pytest.raises(
            EmotuneError, match=r"3 in a row died \(exit code 7\). The reason is at the end of .*search.log"
        ):
            bench.run(Scripted([{}]), workers=2)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Six people's rows, split by person."""
    path = tmp_path_factory.mktemp("data") / "toy.npz"
    inputs, targets = toy_rows(120)
    np.savez(path, X=inputs, y=targets, subject=np.repeat(np.arange(6), 20))
    return prepare(str(path), FeatureSettings(), n_steps=1, seed=0)


SPACE = HYPERMODEL.replace('["none", "raise", "nan", "kill", "kill once", "exit", "sums"]', '["none"]')


@pytest.fixture
def tune(tmp_path, prepared):
    """Open a whole search in the test's folder."""
    opened = []
    file = tmp_path / "src" / "hyperparameter_tuner.py"
    file.parent.mkdir()
    file.write_text(SPACE)

    def start(total, *, method="optuna", algorithm="random", workers=2, folder="tuning", **changes):
        settings = TuningSettings(
            method=method,
            algorithm=algorithm,
            metric=metric_named("balanced_accuracy"),
            total=total,
            add=0,
            epochs=4,
            patience=4,
            seed=0,
            workers=workers,
            hypermodel=file,
            folder=tmp_path / folder,
            slots=tmp_path / "slots",
            **changes,
        )
        opened.append(Tuning(settings, prepared, say=lambda line: None))
        return opened[-1]

    start.file = file
    yield start
    for tuning in opened:
        with contextlib.suppress(Exception):
            tuning.method.close()


class TestAWholeSearch:
    @pytest.mark.parametrize(("method", "algorithm"), [("optuna", "tpe"), ("keras-tuner", "hyperband")])
    def test_ends_with_a_winner_in_its_file(self, tune, tmp_path, method, algorithm):
        tuning = tune(6, method=method, algorithm=algorithm)
        watcher = Watcher()
        result = tuning.run(watcher)
        assert [trial.number for trial in result] == list(range(6))
        assert sorted(watcher.ends) == list(range(6))
        default = {"units": 4, "learning_rate": 1e-2, "trouble": "none", "batch_size": 16}
        assert result[0].hyperparameters == default
        assert len({trial.hyperparameters["learning_rate"] for trial in result}) >= 3
        for trial in result:
            assert trial.n_parameters == n_parameters(trial.hyperparameters["units"])
        path = tmp_path / "best_hyperparameters.json"
        best = tuning.save_best(path, result, "python run_hyperparameter_tuning.py")
        assert best.full_length
        stored = read_best(path)
        assert stored.hyperparameters == best.hyperparameters
        assert stored.metadata["best_score"] == best.score
        assert stored.metadata["n_trials"]["ended"] == 6
        assert stored.metadata["fingerprints"] == dict(tuning.identity)
        assert not (tmp_path / "tuning" / tuning.study / "weights").exists()
        tuning.method.close()

    def test_on_inner_folds_is_another_study_and_confirmed_on_all_development_people(self, tune, tmp_path, prepared):
        plain = tune(2)
        # What studies of one validation part have been known by from the first.
        assert plain.identity["training"] == fingerprint([1, 4, 4, 0])
        plain.method.close()
        tuning = tune(2, inner_folds=3, seeds_per_trial=2)
        changed = {name for name in plain.identity if plain.identity[name] != tuning.identity[name]}
        assert changed == {"training"}
        assert (tuning.held_out, len(tuning.folds), tuning.fits_per_trial) == ("people", 3, 6)
        rows = np.concatenate((prepared.split.train, prepared.split.validation))
        people = prepared.dataset.groups["subject"][rows]
        for train, held in tuning.folds:
            assert not set(people[train]) & set(people[held])
        trials = tuning.run(Watcher())
        assert [[fit.fold for fit in trial.fits] for trial in trials] == [[0, 1, 2] * 2] * 2
        confirmation = tuning.confirm(trials, lambda done, total: None)
        assert confirmation.chosen_by
        assert "The search chose by these people too" in confirmation.sentence
        path = tmp_path / "best.json"
        tuning.save_best(path, trials, "command", confirmation)
        metadata = read_best(path).metadata
        assert (metadata["inner_folds"], metadata["seeds_per_trial"], metadata["watermark"]) == (3, 2, "")
        tuning.method.close()
        again = tune(2, inner_folds=3, seeds_per_trial=2)
        assert again.run(Watcher()) == trials

    def test_whose_folds_would_hold_one_class_is_not_confirmed_and_says_why(self, tune, prepared):
        tuning = tune(2)
        said = []
        tuning.say = said.append
        dataset = prepared.dataset
        people = dataset.groups["subject"]
        alone = (people == people[prepared.split.train][0]).astype(np.int64)
        tuning.prepared = replace(prepared, dataset=replace(dataset, targets=alone))
        trials = [Trial(number, "complete", {"units": 8 + number}, score=0.5 + number / 10) for number in range(2)]
        assert tuning.confirm(trials, lambda done, total: None) is None
        assert said[0].startswith("The winner is not confirmed on folds: Expected in each of 4 folds by people every")
        assert said[0].endswith("Take fewer folds, or add people of each class.")

    def test_by_hyperband_goes_on_fold_by_fold(self, tune):
        trials = tune(6, method="keras-tuner", algorithm="hyperband", inner_folds=2).run(Watcher())
        assert [trial.state for trial in trials] == ["complete"] * 6
        assert all(len(trial.fits) == 2 for trial in trials)
        assert trials[0].full_length

    def test_of_folds_that_cannot_be_is_refused_before_a_study_is_opened(self, tune, tmp_path):
        with pytest.raises(InputError, match="`inner_folds` must be at least 1. Received: 0"):
            tune(2, inner_folds=0)
        assert not list((tmp_path / "tuning").glob("optuna.db"))

    def test_shows_workers_training_and_validation_rows_alone(self, tune, tmp_path, prepared):
        tuning = tune(1, workers=1)
        tuning.run(Watcher())
        (folder,) = (tmp_path / "tuning" / "data").iterdir()
        data = load_development_data(folder)
        assert len(data.inputs) == len(prepared.split.train)
        assert len(data.validation_inputs) == len(prepared.split.validation)
        written = {row.tobytes() for part in (data.inputs, data.validation_inputs) for row in np.asarray(part)}
        test_rows, _ = prepared.part(prepared.split.test)
        assert len(test_rows) > 0
        assert not written & {row.tobytes() for row in test_rows}
        raw = {row.tobytes() for row in prepared.dataset.inputs[prepared.split.test]}
        assert not written & raw

    def test_of_one_worker_can_be_repeated(self, tune):
        first, second = (tune(3, workers=1, folder=folder).run(Watcher()) for folder in ("one", "two"))
        assert [dict(trial.hyperparameters) for trial in first] == [dict(trial.hyperparameters) for trial in second]
        assert [trial.scores for trial in first] == [trial.scores for trial in second]

    def test_goes_on_with_the_space_that_it_began_with(self, tune, tmp_path):
        tuning = tune(4, workers=1)
        identity = dict(tuning.identity)

        def edit(trial):
            tune.file.write_text(SPACE.replace('"units", 4, 32', '"units", 64, 128') + "\nnot Python any more (")

        result = tuning.run(Watcher(on_end=edit))
        assert [trial.state for trial in result] == ["complete"] * 4
        assert all(trial.hyperparameters["units"] <= 32 for trial in result)
        path = tmp_path / "best.json"
        tuning.save_best(path, result, "command")
        assert read_best(path).metadata["fingerprints"] == identity

    def test_ends_where_a_module_of_the_users_own_is_edited_in_mid_search(self, tune, tmp_path):
        own = tune.file.with_name("own_sizes.py")
        own.write_text("LOW, HIGH = 4, 32\n")
        tune.file.write_text(
            SPACE.replace("import keras\n", "import keras\nfrom own_sizes import LOW, HIGH\n").replace(
                "4, 32", "LOW, HIGH"
            )
        )
        n_trials = RECYCLE_AFTER_TRIALS + 3  # the last ones are trained by a worker that is started after the edit
        tuning = tune(n_trials, workers=1)
        space = tuning.identity["space"]

        def edit(trial):
            own.write_text("LOW, HIGH = 64, 128\n")

        with pytest.raises(InputError, match=r"own_sizes\.py to stay as it was while the search runs"):
            tuning.run(Watcher(on_end=edit))
        assert none_alive()
        trials = tuning.method.trials()
        assert [trial.state for trial in trials] == ["complete"] * RECYCLE_AFTER_TRIALS
        assert all(trial.hyperparameters["units"] <= 32 for trial in trials)
        tuning.method.close()
        own.write_text("LOW, HIGH = 4, 32  # as before\n")
        again = tune(n_trials, workers=1)
        assert again.identity["space"] == space
        assert len(again.run(Watcher())) == n_trials
        again.method.close()
        own.write_text("LOW, HIGH = 64, 128\n")
        assert tune(n_trials).identity["space"] != space

    def test_writes_a_damaged_copy_of_the_space_anew(self, tune, tmp_path):
        tune(1)
        (copy,) = (tmp_path / "tuning" / "spaces").glob("*.py")
        copy.write_text("not Python (")
        tune(1).run(Watcher())
        assert copy.read_text() == SPACE

    def test_does_not_begin_without_its_default_however_often_it_is_started(self, tune, tmp_path):
        missing = tmp_path / "sizes.txt"
        tune.file.write_text(
            SPACE.replace("        rate =", f"        open({str(missing)!r}).close()\n        rate =", 1)
        )
        for _ in range(2):
            tuning = tune(3)
            with pytest.raises(InputError, match="default configuration, but it raised FileNotFoundError"):
                tuning.run(Watcher())
            tuning.method.close()
        missing.touch()
        trials = tune(3).run(Watcher())
        assert [trial.number for trial in trials if trial.state == "complete"][0] == 0
        assert trials[0].hyperparameters["units"] == 4

    @pytest.mark.parametrize(("method", "algorithm"), [("optuna", "tpe"), ("keras-tuner", "random")])
    def test_begins_with_what_is_known_to_be_good_and_confirms_it(self, tune, tmp_path, method, algorithm):
        known = 'known_good = [{"units": 7, "learning_rate": 1e-4}]'
        tune.file.write_text(SPACE.replace("    def __init__", f"    {known}\n\n    def __init__", 1))
        tuning = tune(5, method=method, algorithm=algorithm)
        trials = tuning.run(Watcher())
        assert (trials[0].hyperparameters["units"], trials[0].hyperparameters["learning_rate"]) == (4, 1e-2)
        assert (trials[1].hyperparameters["units"], trials[1].hyperparameters["learning_rate"]) == (7, 1e-4)
        confirmation = tuning.confirm(trials, lambda done, total: None)
        assert {0, 1} <= {candidate.trial for candidate in confirmation.candidates}
        path = tmp_path / "best.json"
        confirmed = tuning.save_best(path, trials, "command", confirmation)
        before = path.read_bytes()
        # A later run that confirms nothing keeps what was confirmed, and says so of the same trial.
        assert tuning.save_best(path, trials, "command").number == confirmed.number
        assert tuning.confirmed_in(path, trials).number == confirmed.number
        assert path.read_bytes() == before
        assert tuning.confirmed_in(path, [*trials, trials[0]]) is None
        # A study begun anew has other trials by the same numbers: its own best is written.
        others = [replace(trial, hyperparameters={**trial.hyperparameters, "units": 31}) for trial in trials]
        assert tuning.confirmed_in(path, others) is None
        assert tuning.save_best(path, others, "command").hyperparameters["units"] == 31
        assert read_best(path).hyperparameters["units"] == 31

    @pytest.mark.parametrize(("method", "algorithm"), [("optuna", "tpe"), ("keras-tuner", "hyperband")])
    def test_refuses_a_known_good_value_outside_the_space(self, tune, method, algorithm):
        tune.file.write_text(
            SPACE.replace("    def __init__", '    known_good = [{"units": 99}]\n\n    def __init__', 1)
        )
        with pytest.raises(InputError, match=r"`known_good\[0\]` in .*`units` must be a whole number from 4 to 32"):
            tune(4, method=method, algorithm=algorithm).run(Watcher())
        assert none_alive()

    def test_tries_a_fit_again_that_the_machine_has_killed(self, tune, tmp_path):
        tuning = tune(4)
        trials = tuning.run(Watcher())
        tuning.confirm(trials, lambda done, total: None)
        stores = list((tmp_path / "tuning" / "confirmations").glob("*.jsonl"))
        for store in stores:
            killed = Trial(0, "failed", reason="worker killed twice (exit code -9)")
            StoredFits(store).add(0, killed)
        again = tuning.confirm(trials, lambda done, total: None)
        assert all(candidate.mean is not None for candidate in again.candidates)

    def test_whose_every_trial_fails_says_why_and_writes_nothing(self, tune, tmp_path):
        tune.file.write_text(SPACE.replace('trouble == "raise"', "units > 4").replace('trouble == "nan"', "True"))
        tuning = tune(3)
        trials = tuning.run(Watcher())
        assert [trial.state for trial in trials] == ["failed"] * 3
        path = tmp_path / "best.json"
        with pytest.raises(
            EmotuneError, match="but none of 3 is. Most common reason: ValueError: no such network"
        ) as e:
            tuning.save_best(path, trials, "command")
        assert "best.json is left as it was" in str(e.value)
        assert not path.exists()

    def test_names_the_user_s_own_file_where_it_cannot_be_run(self, tune):
        tune.file.write_text(SPACE.replace("import keras\n", "import kerass\n"))
        with pytest.raises(InputError, match="hyperparameter_tuner.py cannot be run: ModuleNotFoundError") as raised:
            tune(1).run(Watcher())
        assert str(tune.file) in str(raised.value)
        assert "spaces" not in str(raised.value)

    @pytest.mark.parametrize(("method", "algorithm"), [("optuna", "tpe"), ("keras-tuner", "random")])
    def test_ends_at_once_where_the_default_cannot_be_built(self, tune, method, algorithm):
        tune.file.write_text(SPACE.replace("keras.Sequential(layers)", "keras.Sequentia(layers)"))
        line = 1 + next(i for i, text in enumerate(tune.file.read_text().splitlines()) if "Sequentia(" in text)
        watcher = Watcher()
        with pytest.raises(
            InputError, match=rf"default configuration, .*AttributeError.*\(line {line} of hyperparameter_t"
        ):
            tune(50, method=method, algorithm=algorithm).run(watcher)
        assert len(watcher.ends) <= 2  # of each worker the first one
        assert none_alive()

    def test_puts_the_weights_of_a_study_aside_with_it(self, tune, tmp_path):
        tuning = tune(6, method="keras-tuner", algorithm="hyperband")
        folder = tmp_path / "tuning" / tuning.study / "weights"
        folder.mkdir()
        (folder / "0.npz").touch()
        tuning.method.close()
        tune(6, method="keras-tuner", algorithm="hyperband", fresh=True).method.close()
        assert not folder.exists()
        assert len(list((tmp_path / "tuning").glob(f"{tuning.study}-*/weights/0.npz"))) == 1
