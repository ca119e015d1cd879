"""What only the method `optuna` does: a study that many processes and Optuna's own tools share."""

import json
import os
import subprocess
import sys
import textwrap

import optuna
import pytest

from emotune.errors import InputError
from emotune.search.methods import Nothing
from emotune.search.methods.median import PRUNER_STARTUP_TRIALS
from emotune.search.trials import Trial


@pytest.fixture
def toy(make_toy):
    return make_toy("optuna", "random")


@pytest.fixture
def load(toy):
    """Optuna's own view of the study."""
    return lambda: optuna.load_study(study_name="toy", storage=f"sqlite:///{toy.folder}/optuna.db")


@pytest.mark.filterwarnings("ignore:Some regimes for parameter")  # eight trials are few for an importance
def test_optuna_s_own_tools_find_the_study_and_plot_it(toy, load):
    toy.fails = lambda number: number == 3
    trials = toy.search(8)
    study = load()
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3 + ["FAIL"] + ["COMPLETE"] * 4
    assert study.direction.name == "MAXIMIZE"
    assert study.best_trial.number == max(trials, key=lambda trial: trial.score or 0).number
    assert study.best_params["rate"] == trials[study.best_trial.number].hyperparameters["rate"]
    for plot in (
        "optimization_history",
        "intermediate_values",
        "param_importances",
        "parallel_coordinate",
        "slice",
        "timeline",
        "edf",
    ):
        figure = getattr(optuna.visualization, f"plot_{plot}")(study)
        assert json.loads(figure.to_json())["data"], plot


class TestPruning:
    def test_is_optuna_s_own_state(self, toy, load):
        method = toy.open(PRUNER_STARTUP_TRIALS + 1)
        for _ in range(PRUNER_STARTUP_TRIALS):
            ticket = toy.next(method)
            method.report(ticket, 2, 0.5)
            method.tell(ticket, Trial(ticket.number, "complete", toy.values(method, ticket), score=0.6))
        ticket = toy.next(method)
        assert method.report(ticket, 2, 0.1)
        method.tell(ticket, Trial(ticket.number, "pruned", toy.values(method, ticket), score=0.1))
        method.close()
        last = load().trials[-1]
        assert last.state.name == "PRUNED"
        assert last.intermediate_values == {2: 0.1}

    @pytest.mark.parametrize(("maximise", "bad"), [(True, 0.1), (False, 0.9)])
    def test_knows_the_metric_s_direction(self, toy, maximise, bad, monkeypatch):
        settings = type(toy).open.__globals__["StudySettings"]
        monkeypatch.setitem(
            type(toy).open.__globals__, "StudySettings", lambda **given: settings(**{**given, "maximise": maximise})
        )
        method = toy.open(PRUNER_STARTUP_TRIALS + 2)
        for _ in range(PRUNER_STARTUP_TRIALS):
            ticket = toy.next(method)
            method.report(ticket, 2, 0.5)
            method.tell(ticket, Trial(ticket.number, "complete", {}, score=0.5))
        assert method.report(toy.next(method), 2, bad) is True
        assert method.report(toy.next(method), 2, 1 - bad) is False
        method.close()


class TestSeveralProcesses:
    SCRIPT = """
        import importlib.util, os, sys, time
        from pathlib import Path
        spec = importlib.util.spec_from_file_location("toy", sys.argv[1])
        toy = sys.modules["toy"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(toy)
        study = toy.Toy(Path(sys.argv[2]), "optuna", "random")
        while not Path(sys.argv[3]).exists():
            time.sleep(0.001)
        study.search(24)
        print(*[ticket.number for ticket in study.tickets])
    """

    def test_that_start_at_one_instant_end_with_exactly_the_total(self, toy, load, tmp_path, request):
        conftest = request.path.parents[1] / "conftest.py"
        starters = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-W",
                    "error",
                    "-c",
                    textwrap.dedent(self.SCRIPT),
                    conftest,
                    toy.folder,
                    tmp_path / "go",
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": "src"},
            )
            for _ in range(4)
        ]
        (tmp_path / "go").touch()
        said = [process.communicate(timeout=120) for process in starters]
        assert [process.returncode for process in starters] == [0] * 4, said
        numbers = sorted(int(number) for out, _ in said for number in out.split())
        assert numbers == list(range(24))
        trials = load().trials
        assert [trial.number for trial in trials] == list(range(24))
        assert all(trial.state.is_finished() for trial in trials)

    def test_a_study_that_another_process_works_on_is_not_put_aside(self, toy):
        other = toy.open(3)
        for changes, why in (({"space": "wider"}, "with another space"), ({"fresh": True}, "with another start")):
            with pytest.raises(
                InputError, match=f"being searched by another process {why}. Wait until it ends, or use"
            ):
                toy.open(3, **changes)
        with pytest.raises(InputError, match="another process"):
            toy.open(3, space="wider")
        toy.search_on(other)
        other.close()
        assert len(toy.search(1, space="wider")) == 1

    def test_a_trial_of_another_machine_is_waited_for(self, toy):
        method = toy.open(2)
        ticket = toy.next(method)
        ticket.handle.set_user_attr("host", "elsewhere")
        ticket.handle.set_user_attr("owner", "77-gone")
        method.close()
        method = toy.open(2)
        toy.search_on(method, 1)
        assert method.ask() is Nothing.WAIT
        method.close()


def test_a_trial_that_someone_else_ended_is_a_failed_one(toy, load):
    method = toy.open(2)
    ticket = toy.next(method)
    load().tell(ticket.number, state=optuna.trial.TrialState.FAIL)
    toy.search_on(method)
    trials = method.trials()
    method.close()
    assert [trial.state for trial in trials] == ["failed", "complete"]
    assert trials[0].reason == "ended without a result"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda hp: hp.Choice("x", ["a", "b"]), lambda hp: hp.Choice("x", ["a", "b", "c"])),
        (lambda hp: hp.Int("x", 1, 5), lambda hp: hp.Float("x", 1, 5)),
        (lambda hp: hp.Float("x", 1, 5), lambda hp: hp.Float("x", 1, 5, sampling="log")),
        (lambda hp: hp.Int("x", 1, 5, sampling="log"), lambda hp: hp.Int("x", 1, 5)),
        (lambda hp: hp.Boolean("x"), lambda hp: hp.Int("x", 0, 1)),
    ],
    ids=["other values", "int then float", "linear then log", "log then linear", "flag then number"],
)
def test_a_name_that_is_declared_in_another_way_is_the_trial_s_failure_and_not_the_search_s(toy, first, second):
    method = toy.open(3)
    toy.space, toy.score = first, lambda values: 0.5
    toy.train(method, toy.next(method))
    toy.space = second
    ticket = toy.next(method)
    with pytest.raises(InputError, match="`x` must be declared alike in every trial.* Received: .*'name': 'x'.* Give"):
        toy.values(method, ticket)
    method.tell(ticket, Trial(ticket.number, "failed", reason="InputError"))
    toy.space = first
    toy.search_on(method)
    assert [trial.state for trial in method.trials()] == ["complete", "failed", "complete"]
    method.close()


def test_a_range_that_moves_with_another_value_is_no_contradiction(toy):
    toy.space = lambda hp: hp.Int("small", 1, hp.Int("large", 2, 60))
    toy.score = lambda values: values["small"] / values["large"]
    assert [trial.state for trial in toy.search(6)] == ["complete"] * 6


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files through /proc")
def test_opening_and_closing_leaks_no_file(toy):
    toy.search(2)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        toy.search(2)
    assert len(os.listdir("/proc/self/fd")) <= before
    assert list((toy.folder / "owners").iterdir()) == []
