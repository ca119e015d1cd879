"""The command itself, killed and interrupted: the study goes on, and its total is exact."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import optuna
import psutil
import pytest

PROJECT = Path(__file__).resolve().parents[2]
STUDY = "emotion_recognition_optuna"

SCRIPT = """
import sys
from pathlib import Path

from emotune.cli.tune import main

if __name__ == "__main__":
    code = main(root=Path(__file__).parent)
    print("loaded here:", [name for name in ("tensorflow", "keras", "keras_tuner") if name in sys.modules])
    sys.exit(code)
"""

HYPERMODEL = """
import keras


class EmotionHyperModel:
    def __init__(self, problem):
        self.problem = problem

    def build_model(self, hp):
        units = hp.Int("units", 4, 8)
        layers = [keras.layers.Input(self.problem.input_shape), keras.layers.Dense(units, activation="relu")]
        model = keras.Sequential([*layers, keras.layers.Dense(self.problem.n_classes, activation="softmax")])
        rate = hp.Float("learning_rate", 1e-3, 1e-1, sampling="log", default=1e-2)
        model.compile(optimizer=keras.optimizers.SGD(rate), loss="categorical_crossentropy")
        return model
"""


@pytest.fixture
def root(tmp_path):
    """A project with toy data and a tiny space; there is a space in its path too."""
    root = tmp_path / "a project"
    (root / "src").mkdir(parents=True)
    shutil.copy(PROJECT / "src" / "config.py", root / "src")
    (root / "src" / "hyperparameter_tuner.py").write_text(HYPERMODEL)
    (root / "tune.py").write_text(SCRIPT)
    source = np.random.default_rng(0)
    targets = np.arange(60) % 3
    inputs = source.normal(size=(60, 167)) + targets[:, None] / 4
    np.savez(root / "toy.npz", X=inputs.astype(np.float32), y=targets, subject=np.repeat(np.arange(6), 10))
    return root


@pytest.fixture
def start(root, tmp_path):
    """Start the command; whatever is left of it is killed at the test's end."""
    started = []

    def process(max_trials, *more):
        command = ["--method", "optuna", "--max-trials", max_trials, "--data", "toy.npz", "--epochs", 6, "--no-confirm"]
        started.append(
            subprocess.Popen(
                [sys.executable, "-u", "tune.py", *map(str, [*command, *more])],
                cwd=root,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(PROJECT / "src"), "EMOTUNE_CACHE": str(tmp_path / "cache")},
            )
        )
        return started[-1]

    yield process
    for each in started:
        family = psutil.Process(each.pid).children(recursive=True) if each.poll() is None else []
        each.kill()
        for child in family:
            child.kill()
        each.communicate()


def lines_until(process, n, word="trial "):
    """Read what the command prints up to its line number `n` that begins with a word."""
    read = []
    while sum(line.startswith(word) for line in read) < n:
        line = process.stdout.readline()
        assert line, (read, process.communicate())
        read.append(line)
    return read


def stored(root):
    """The study as Optuna sees it."""
    return optuna.load_study(study_name=STUDY, storage=f"sqlite:///{root}/models/tuning/optuna.db").trials


def best(root):
    return json.loads((root / "models" / "best_hyperparameters.json").read_text())


def workers_of(process):
    """The processes that train: children of the fork server."""
    return [worker for server in psutil.Process(process.pid).children() for worker in server.children()]


def test_kill_9_of_a_worker_and_then_of_the_search_loses_nothing(root, start):
    search = start(9, "--workers", 2)
    lines_until(search, 1)
    for worker in workers_of(search)[:1]:
        worker.kill()
    lines_until(search, 2)
    family = psutil.Process(search.pid).children(recursive=True)
    assert len(family) >= 3  # the fork server and two workers, at the least
    search.kill()
    search.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []  # nobody trains for a search that is gone

    before = [trial for trial in stored(root) if trial.state.is_finished()]
    assert len(before) >= 2
    search = start(9, "--workers", 2)
    out, errors = search.communicate(timeout=120)
    assert search.returncode == 0, errors
    assert f"{len(before)} of them done" in out
    assert "9 trials: 9 complete, 0 pruned, 0 failed." in out
    assert "loaded here: []" in out  # the process that proposes trains nothing
    trials = stored(root)
    assert [trial.number for trial in trials] == list(range(9))
    assert all(trial.state.is_finished() for trial in trials)
    assert [trials[trial.number].params for trial in before] == [trial.params for trial in before]
    winner = max(trials, key=lambda trial: trial.value)
    assert best(root)["metadata"]["best_score"] == winner.value
    assert list((root / "models").glob(".*.json")) == []


def test_kill_9_in_the_middle_of_a_trial_of_several_fits_redoes_it_whole(root, start):
    folds = ("--workers", 2, "--inner-folds", 2, "--seeds-per-trial", 2)
    search = start(3, *folds)
    lines_until(search, 1)
    search.kill()
    search.wait()
    search = start(3, *folds)
    out, errors = search.communicate(timeout=120)
    assert search.returncode == 0, errors
    assert "A trial is the mean over 2 inner folds by people × 2 seeds." in out
    trials = stored(root)
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 3
    for trial in trials:
        fits = trial.user_attrs["emotune"]["fits"]
        assert [(fit["fold"], fit["draw"]) for fit in fits] == [(0, 0), (1, 0), (0, 1), (1, 1)]
        assert trial.value == pytest.approx(sum(fit["score"] for fit in fits) / 4)
    metadata = best(root)["metadata"]
    assert (metadata["inner_folds"], metadata["seeds_per_trial"]) == (2, 2)
    assert "on the 2 inner folds that it was chosen by" in out


def test_ctrl_c_saves_the_best_and_hands_back_what_was_running(root, start):
    search = start(500, "--workers", 2)
    lines_until(search, 2)
    family = psutil.Process(search.pid).children(recursive=True)
    os.killpg(search.pid, signal.SIGINT)  # as a terminal does: to workers and fork server too
    out, errors = search.communicate(timeout=30)
    assert search.returncode == 130, errors
    assert errors == "Interrupted; the best so far is saved. The same command goes on from here.\n"
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
    trials = stored(root)
    assert {trial.state.name for trial in trials} <= {"COMPLETE", "PRUNED", "WAITING"}
    n_ended = sum(trial.state.is_finished() for trial in trials)
    assert 2 <= n_ended < 500
    assert best(root)["metadata"]["n_trials"]["ended"] == n_ended
    scores = [trial.value for trial in trials if trial.state.name == "COMPLETE"]
    assert best(root)["metadata"]["best_score"] == max(scores)
    assert {trial.user_attrs["starts"] for trial in trials if trial.state.name == "WAITING"} <= {0}

    # Being told to end is the same; this time before any new trial has ended.
    shutil.copy(root / "models" / "best_hyperparameters.json", root / "before.json")
    search = start(500, "--workers", 2)
    lines_until(search, 1, "Study ")
    search.send_signal(signal.SIGTERM)
    _, errors = search.communicate(timeout=30)
    assert search.returncode == 130, errors
    assert "Traceback" not in errors
    assert best(root)["hyperparameters"] == json.loads((root / "before.json").read_text())["hyperparameters"]


def test_four_starts_at_one_instant_end_with_exactly_the_total(root, start):
    searches = [start(10, "--workers", 1) for _ in range(4)]
    said = [search.communicate(timeout=200) for search in searches]
    assert [search.returncode for search in searches] == [0] * 4, said
    trials = stored(root)
    assert [trial.number for trial in trials] == list(range(10))
    assert all(trial.state.is_finished() for trial in trials)
    printed = sorted(
        int(line.split()[1].rstrip(":")) for out, _ in said for line in out.splitlines() if line.startswith("trial ")
    )
    assert printed == list(range(10))  # each was trained by one of them, once
    assert best(root)["metadata"]["n_trials"]["ended"] == 10


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("database", "Expected an Optuna database at"),
        ("file for a folder", "FileExistsError|NotADirectoryError"),
    ],
)
def test_what_cannot_be_written_to_is_one_line_and_exit_code_1(root, start, damage, message):
    models = root / "models"
    if damage == "database":
        (models / "tuning").mkdir(parents=True)
        (models / "tuning" / "optuna.db").write_text("this is no database\n" * 50)
    else:
        models.mkdir()
        (models / "tuning").write_text("a file where a folder should be")
    begun = time.monotonic()
    search = start(3)
    out, errors = search.communicate(timeout=60)
    assert search.returncode == 1, out + errors
    assert errors.count("\n") == 1
    assert errors.startswith("error: ")
    assert any(word in errors for word in message.split("|"))
    assert time.monotonic() - begun < 30
    assert not (models / "best_hyperparameters.json").exists()


@pytest.mark.parametrize("delay_s", [0.1, 1.0, 3.0])
def test_ctrl_c_of_the_terminal_at_the_start_is_an_interruption_too(root, start, delay_s):
    search = start(500, "--workers", 2)
    lines_until(search, 1, word="Study ")
    time.sleep(delay_s)
    # The whole terminal hears it: the fork server too, which may still be importing TensorFlow.
    os.killpg(search.pid, signal.SIGINT)
    _, errors = search.communicate(timeout=30)
    assert search.returncode == 130, errors
    assert errors.startswith("Interrupted")
    assert "Traceback" not in errors
    search = start(2)
    out, errors = search.communicate(timeout=120)
    assert search.returncode == 0, errors
