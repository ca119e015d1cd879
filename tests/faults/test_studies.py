"""Studies whose files are damaged or whose process dies at the worst moment: nothing is lost, nothing counts twice."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from emotune.errors import EmotuneError, InputError
from emotune.search.methods import Nothing, keras_tuner
from emotune.search.methods.optuna import OptunaMethod


@pytest.fixture
def study(make_toy):
    """A KerasTuner study of four trials, and its folder."""
    toy = make_toy("keras-tuner", "random")
    return toy, toy.search(4), toy.folder / "toy"


class TestOptunaSDatabase:
    @pytest.mark.parametrize("damage", ["garbage", "half", "folder"])
    def test_that_is_damaged_is_named_and_left_as_it_is(self, make_toy, damage):
        toy = make_toy("optuna", "random")
        toy.search(3)
        path = toy.folder / "optuna.db"
        before = path.read_bytes()
        if damage == "folder":
            path.unlink()
            path.mkdir()
        else:
            path.write_bytes(b"no database at all " * 100 if damage == "garbage" else before[: len(before) // 2])
        content = None if damage == "folder" else path.read_bytes()
        with pytest.raises(
            EmotuneError, match="Expected an Optuna database at .*optuna.db, but .* Move the file away"
        ) as e:
            toy.search(5)
        assert "\n" not in str(e.value)
        assert damage == "folder" or path.read_bytes() == content

    def test_keeps_the_result_of_a_process_that_dies_while_it_closes_the_trial(self, make_toy, monkeypatch):
        toy = make_toy("optuna", "random")
        method = toy.open(3)
        toy.search_on(method, 1)
        with monkeypatch.context() as patch:
            patch.setattr(OptunaMethod, "_close_trial", lambda self, trial: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                toy.train(method, toy.next(method))
            method._presence.close()  # gone without a word
        trials = toy.search(3)
        method.close()
        assert [trial.state for trial in trials] == ["complete"] * 3
        assert [ticket.number for ticket in toy.tickets] == [0, 1, 2]  # none was trained again

    def test_keeps_both_studies_of_a_process_that_dies_while_it_puts_one_aside(self, make_toy, monkeypatch):
        toy = make_toy("optuna", "random")
        first = toy.search(3)
        with monkeypatch.context() as patch:
            patch.setattr("optuna.create_study", lambda **given: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                toy.open(2, space="wider")
        assert len(toy.search(2, space="wider")) == 2
        assert toy.search(3) == first


class TestKerasTunerSFiles:
    @pytest.mark.parametrize("damage", ["half", "empty", "gone"])
    def test_an_oracle_that_is_damaged_is_read_from_its_copy(self, study, damage):
        toy, trials, folder = study
        path = folder / "oracle.json"
        content = path.read_bytes()
        path.unlink() if damage == "gone" else path.write_bytes(content[: len(content) // 2 if damage == "half" else 0])
        assert toy.search(6)[:4] == trials
        assert any("oracle.json was damaged; its copy is used" in line for line in toy.said)
        assert len(toy.tickets) == 6

    def test_without_an_oracle_the_folder_is_named_and_fresh_helps(self, study):
        toy, trials, folder = study
        for name in ("oracle.json", "oracle.copy.json"):
            (folder / name).write_text('{"start_order": [')
        with pytest.raises(EmotuneError, match="KerasTuner's files in .*toy, but they are damaged .*--fresh"):
            toy.open(6)
        assert len(toy.search(2, fresh=True)) == 2
        aside = [path for path in toy.folder.iterdir() if path.name.startswith("toy-")]
        assert len(aside) == 1
        assert len((aside[0] / "trials.jsonl").read_text().splitlines()) == len(trials)

    @pytest.mark.parametrize("content", ["[]", "{}", '{"start_order": 3}'])
    def test_an_oracle_of_another_shape_is_damaged_too(self, study, content):
        toy, _, folder = study
        (folder / "oracle.json").write_text(content)
        with pytest.raises(EmotuneError, match="they are damaged"):
            toy.open(6)

    @pytest.mark.parametrize("damage", ["gone", "half"])
    def test_a_trial_s_file_that_is_damaged_is_an_error_and_no_loss(self, study, damage):
        toy, _, folder = study
        path = folder / "trial_2" / "trial.json"
        path.unlink() if damage == "gone" else path.write_text(path.read_text()[:50])
        with pytest.raises(EmotuneError, match="they are damaged .*--fresh; the folder is put aside, not deleted"):
            toy.open(6)
        assert (folder / "trials.jsonl").exists()

    def test_a_torn_last_line_is_trained_again_with_the_same_values(self, study):
        toy, trials, folder = study
        path = folder / "trials.jsonl"
        path.write_bytes(path.read_bytes()[:-40])
        assert toy.search(4) == trials
        assert [ticket.number for ticket in toy.tickets] == [0, 1, 2, 3, 3]
        assert len(path.read_text().splitlines()) == 4

    def test_a_last_line_that_lacks_only_its_end_is_kept(self, study):
        toy, trials, folder = study
        path = folder / "trials.jsonl"
        path.write_bytes(path.read_bytes()[:-1])
        assert toy.search(5)[:4] == trials
        assert toy.search(5)[:4] == trials
        assert [ticket.number for ticket in toy.tickets] == [0, 1, 2, 3, 4]

    def test_a_bad_line_in_the_middle_is_named(self, study):
        toy, _, folder = study
        path = folder / "trials.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join([lines[0], lines[1][:30] + "\n", *lines[2:]]))
        with pytest.raises(InputError, match="line 2 of .*trials.jsonl, but it is damaged. Start anew with --fresh"):
            toy.open(6)
        assert len(toy.search(1, fresh=True)) == 1

    def test_a_study_that_no_longer_says_what_it_belongs_to(self, study):
        toy, _, folder = study
        (folder / "study.json").write_text("{")
        with pytest.raises(InputError, match="study.json, but it is damaged .*--fresh"):
            toy.open(6)
        assert len(toy.search(1, fresh=True)) == 1

    def test_a_result_is_not_lost_where_the_process_dies_before_the_oracle_knows(self, study, monkeypatch):
        toy, trials, folder = study
        method = toy.open(6)
        with monkeypatch.context() as patch:
            patch.setattr(keras_tuner, "end_trial", lambda oracle, handle, trial: None)
            toy.train(method, toy.next(method))
            method.close()
        assert json.loads((folder / "trial_4" / "trial.json").read_text())["status"] == "RUNNING"
        assert len(toy.search(6)) == 6
        assert [ticket.number for ticket in toy.tickets] == [0, 1, 2, 3, 4, 5]
        oracle = json.loads((folder / "oracle.json").read_text())
        assert sorted(oracle["end_order"]) == [str(number) for number in range(6)]

    def test_a_trial_that_was_saved_but_never_handed_out_is_forgotten(self, study):
        toy, trials, folder = study
        shutil.copytree(folder / "trial_3", folder / "trial_4")
        path = folder / "trial_4" / "trial.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "trial_id": "4", "status": "RUNNING"}))
        found = toy.search(6)
        assert [trial.number for trial in found] == list(range(6))
        assert found[4].hyperparameters != trials[3].hyperparameters


LOOP = """
    import importlib.util, sys, time
    from pathlib import Path
    spec = importlib.util.spec_from_file_location("toy", sys.argv[1])
    toy = sys.modules["toy"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(toy)
    study = toy.Toy(Path(sys.argv[2]), sys.argv[3], sys.argv[4])
    method = study.open(int(sys.argv[5]))
    print("open", flush=True)
    while (ticket := study.next(method)) is not toy.Nothing.DONE:
        if sys.argv[6] == "hang":
            study.values(method, ticket)
            print(ticket.number, flush=True)
            time.sleep(60)
        study.train(method, ticket)
        print(ticket.number, flush=True)
"""


@pytest.fixture
def start(toy_file):
    """Start a process that searches a toy study; it is killed at the test's end."""
    started = []

    def process(toy, total, how="run"):
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(LOOP), toy_file, toy.folder, toy.method, toy.algorithm]
                + [str(total), how],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": "src"},
            )
        )
        assert started[-1].stdout.readline() == "open\n"
        return started[-1]

    yield process
    for each in started:
        each.kill()
        each.communicate()


class TestKill:
    @pytest.mark.parametrize(("pair", "n_kills"), [(("optuna", "tpe"), 4), (("keras-tuner", "hyperband"), 2)])
    def test_at_any_time_loses_no_trial_and_counts_none_twice(self, make_toy, start, pair, n_kills):
        toy, total = make_toy(*pair), 23
        source = random.Random(1)
        for _ in range(n_kills):
            process = start(toy, total)
            time.sleep(source.uniform(0.02, 0.3))
            process.send_signal(signal.SIGKILL)
            process.wait()
        trials = toy.search(total)
        assert [trial.number for trial in trials] == list(range(total))
        method = toy.open(total)
        assert toy.next(method) is Nothing.DONE
        method.close()
        if pair[0] == "optuna":
            import optuna

            stored = optuna.load_study(study_name="toy", storage=f"sqlite:///{toy.folder}/optuna.db").trials
            assert all(trial.state.is_finished() for trial in stored)

    def test_twice_of_the_same_trial_s_process_is_that_trial_s_failure(self, make_toy, start):
        toy = make_toy("optuna", "random")
        for _ in range(2):
            process = start(toy, 3, "hang")
            assert process.stdout.readline() == "0\n"
            process.kill()
            process.wait()
        trials = toy.search(3)
        assert [trial.state for trial in trials] == ["failed", "complete", "complete"]
        assert trials[0].reason == "its process was killed twice"
        assert trials[0].hyperparameters["rate"] == 1e-3

    def test_of_one_process_hands_its_trial_to_the_other(self, make_toy, start):
        toy = make_toy("optuna", "random")
        method = toy.open(2)
        process = start(toy, 2, "hang")
        assert process.stdout.readline() == "0\n"
        toy.search_on(method, 1)
        assert method.ask() is Nothing.WAIT
        process.kill()
        process.wait()
        toy.search_on(method)
        assert [trial.number for trial in method.trials()] == [0, 1]
        method.close()
