"""`emotune ladder`: the table, the files, and what is refused."""

import json

import numpy as np
import pytest

from emotune.cli.console import main
from emotune.evaluation.ledger import LEDGER
from project_copy import copy_project, run_python

FILES = ["ladder.json", "ladder.png", "ladder.svg", LEDGER]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project, and people.npz: trials with a fingerprint, no signal."""
    folder = copy_project(tmp_path_factory.mktemp("ladder") / "project")
    source = np.random.default_rng(0)
    n_people, n_trials, n_windows = 8, 4, 6
    subject = np.repeat([f"P{index}" for index in range(n_people)], n_trials * n_windows)
    trial = np.tile(np.repeat(np.arange(n_trials), n_windows), n_people)
    places = 4.0 * source.normal(size=(n_people * n_trials, 8))
    inputs = source.normal(size=(len(subject), 8)) + np.repeat(places, n_windows, axis=0)
    columns = {"y": trial % 2, "subject": subject, "trial": trial.astype(str)}
    np.savez(folder / "people.npz", X=inputs.astype(np.float32), **columns)
    twins = inputs.copy()
    twins[subject == "P1"] = twins[subject == "P0"]
    np.savez(folder / "twins.npz", X=twins.astype(np.float32), **columns)
    return folder


@pytest.fixture
def here(project, monkeypatch, tmp_path):
    monkeypatch.chdir(project)
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "cache"))
    return project


def climb(tmp_path, *words):
    return main(["ladder", "--models-dir", str(tmp_path / "out"), "--repeats", "1", "--folds", "4", *words])


def test_the_table_the_words_and_the_files(here, tmp_path, capsys):
    assert climb(tmp_path, "--data", "people.npz") == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    header = next(index for index, line in enumerate(lines) if line.startswith("rung "))
    rungs = {line.split()[0]: line for line in lines[header + 1 : header + 5]}
    assert list(rungs) == ["window", "trial", "subject", "loso"]
    assert "LEAKS" in rungs["window"]
    assert "LEAKS" not in rungs["subject"]
    assert "A random split of windows would report" in printed
    assert "Left out: session. " in printed
    assert "Left out: stimulus. " in printed
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == FILES
    content = json.loads((out / "ladder.json").read_text(encoding="utf-8"))
    assert content["schema"] == 1
    assert content["command"].startswith("python -m emotune ladder --models-dir ")
    assert content["command"].endswith("--data people.npz")
    assert content["seed"] == 0
    assert content["fingerprints"]["data"]
    assert {rung["protocol"] for rung in content["left_out"]} == {"session", "stimulus"}
    window = content["rungs"][0]
    assert f"{window['score']:.3f} [" in rungs["window"]
    assert window["score"] - content["rungs"][2]["score"] > 0.2


def test_quiet_prints_the_result_alone(here, tmp_path, capsys):
    assert climb(tmp_path, "--data", "people.npz", "--protocols", "window,subject", "--quiet") == 0
    printed = capsys.readouterr().out
    assert "Data " not in printed
    assert "rung " in printed
    assert "Written: " in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "people.npz", "--protocols", "window,persons"], "Expected a protocol out of"),
        (["--data", "people.npz", "--protocols", ""], "at least two protocols"),
        (["--data", "people.npz", "--model", "forest"], "svm, logistic, network"),
        (["--data", "people.npz", "--folds", "1"], "--folds of at least 2"),
        (["--data", "people.npz", "--seed", "-1"], "must be a whole number from 0"),
        (["--data", "twins.npz"], "--allow-leakage"),
        (["--data", "nowhere.npz"], "nowhere.npz"),
    ],
)
def test_what_cannot_be_used_ends_with_a_line_and_writes_nothing(here, tmp_path, capsys, words, message):
    assert climb(tmp_path, *words) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_leak_of_the_reference_is_allowed_by_name_and_marked(here, tmp_path, capsys):
    assert climb(tmp_path, "--data", "twins.npz", "--allow-leakage") == 0
    subject = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("subject "))
    assert "LEAKS: identical-rows" in subject


def test_the_score_of_standardised_people_is_called_transductive(here, tmp_path, capsys):
    assert climb(tmp_path, "--data", "people.npz", "--normalise", "subject", "--protocols", "window,subject") == 0
    assert "[95 % interval] (transductive)" in capsys.readouterr().out
    assert "(transductive)" in (tmp_path / "out" / "ladder.svg").read_text(encoding="utf-8")


def test_it_is_run_in_the_project(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["ladder", "--data", "people.npz"]) == 2
    assert "project's folder" in capsys.readouterr().err


def test_a_support_vector_machine_needs_no_tensorflow(project):
    code = (
        "import sys; from emotune.cli.console import main; "
        "code = main(['ladder', '--data', 'people.npz', '--repeats', '1', '--protocols', 'window,subject']); "
        "sys.exit(code or ('tensorflow' in sys.modules) * 7)"
    )
    done = run_python(project, "-c", code)
    assert done.returncode == 0, done.stderr
    assert (project / "models" / "ladder.json").exists()


def test_on_real_recordings_a_random_split_of_windows_stands_far_above_people_never_seen(
    here, shared_data, tmp_path, capsys
):
    data = f"eegmat:{shared_data / 'eegmat'}"
    assert climb(tmp_path, "--data", data, "--protocols", "window,subject", "--quiet") == 0
    content = json.loads((tmp_path / "out" / "ladder.json").read_text(encoding="utf-8"))
    window, subject = content["rungs"]
    assert window["score"] > 0.85
    assert subject["score"] < 0.7
    assert window["minus_reference"]["interval"]["low"] > 0.2
    assert window["watermark"].startswith("LEAKS")
    assert subject["watermark"] == ""
