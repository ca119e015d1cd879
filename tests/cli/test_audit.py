"""`emotune audit`: what a split holds and whether it leaks, without training."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from emotune.cli.console import main
from emotune.cli.constants import CONSTANTS
from emotune.data.sources import load_dataset
from emotune.evaluation.audit import CHECKS
from emotune.evaluation.protocols import split_dataset
from emotune.evaluation.splits import save_split
from emotune.features.settings import FeatureSettings


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with src/config.py and a table of 24 people, four trials of each class, three windows each."""
    (tmp_path / "src").mkdir()
    values = {constant.name: constant.example for constant in CONSTANTS} | {"DATA": "table.npz", "SEED": 1}
    text = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    (tmp_path / "src" / "config.py").write_text(text, encoding="utf-8")
    person = np.repeat(np.arange(24), 24)
    trial = np.tile(np.repeat(np.arange(8), 3), 24)
    inputs = np.random.default_rng(0).normal(5.0, 2.0, (len(person), 8)).astype(np.float32)
    arrays = {"X": inputs, "y": np.where(trial % 2, "joy", "calm"), "subject": person}
    np.savez(tmp_path / "table.npz", **arrays, trial=[f"{p}/{t}" for p, t in zip(person, trial, strict=True)])
    inputs = inputs.copy()
    inputs[person == 3] = inputs[person == 4].round(3)
    names = np.array([f"Q{p}" for p in person])
    np.savez(tmp_path / "copied.npz", **{**arrays, "X": inputs, "subject": names}, trial=names)
    np.savez(tmp_path / "bare.npz", X=arrays["X"][:90], y=arrays["y"][:90])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def audited(capsys, *words):
    """Exit code, lines printed, and what stands on standard error."""
    code = main(["audit", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err


def results(lines):
    """The result of each check, by what was looked for, of the only table of checks."""
    looked_for = {check.looked_for for check in CHECKS}
    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]
    return {row[0]: row[1] for row in rows if row and row[0] in looked_for}


def test_a_clean_split_says_so_with_its_parts_and_every_check(project, capsys):
    code, lines, _ = audited(capsys)
    assert code == 0
    assert lines[0] == "Data table.npz: 576 rows of 8 values, classes calm, joy."
    assert lines[1] == "Protocol subject: a score is about people never seen."
    words = [line.split() for line in lines]
    assert ["part", "rows", "people", "sessions", "trials", "stimuli", "calm", "joy"] in words
    assert ["train", "336", "14", "112", "168", "168"] in words
    assert ["test", "120", "5", "40", "60", "60"] in words
    found = results(lines)
    assert list(found) == [check.looked_for for check in CHECKS]
    assert found["identical rows across parts"] == "passed"
    assert found["windows that share samples across parts"] == "not checked"
    assert found["people: how many, and whether they are known"] == "note"
    assert lines[-1] == "No leak found: a search would take this split."


def test_the_window_protocol_is_refused_unless_it_is_allowed(project, capsys):
    code, lines, _ = audited(capsys, "--protocol", "window")
    assert code == 2
    assert lines[1] == "Protocol window: a score is about windows of known trials. It leaks."
    assert results(lines)["a protocol that leaks"] == "error"
    (error,) = [line for line in lines if line.startswith("error: ")]
    assert error.endswith("(--allow-leakage goes on all the same, and marks every score.)")
    assert lines[-1] == "1 error: a search would refuse this split."

    code, lines, _ = audited(capsys, "--protocol", "window", "--allow-leakage")
    assert code == 0
    assert results(lines)["a protocol that leaks"] == "warning"
    assert "Every score of this split would say: LEAKS: leaking-protocol" in lines
    assert lines[-1] == "No error: a search would take this split, and 2 warnings travel with the scores."


def test_a_copied_person_is_found_in_the_folds_that_divide_the_names(project, capsys):
    code, lines, _ = audited(capsys, "--data", "copied.npz", "--folds", "4")
    assert code == 2
    parts = [line.split()[:3] for line in lines if line.startswith("fold ")]
    assert parts == [["fold", str(fold), part] for fold in range(1, 5) for part in ("train", "validation", "test")]
    errors = [line for line in lines if line.startswith("error: ")]
    assert errors and all(": Q3 in " in line or ": Q4 in " in line for line in errors)
    assert all(re.search(r"\((fold [1-4]|folds [1-4](, [1-4])+)\)$", line) for line in errors)
    assert results(lines)["near-identical rows across parts"] == "error"
    assert re.fullmatch(r"\d errors? in [1-4] of 4 folds: a search would refuse these splits\.", lines[-1])


def test_quiet_prints_what_is_wrong_and_the_end(project, capsys):
    assert audited(capsys, "--quiet")[:2] == (0, ["No leak found: a search would take this split."])
    code, lines, _ = audited(capsys, "--quiet", "--protocol", "window", "--folds", "2")
    assert code == 2
    assert [line.split(":")[0] for line in lines] == ["error", "warning", "1 error in 2 of 2 folds"]


def test_a_saved_split_is_audited_as_it_was_saved(project, capsys):
    dataset = load_dataset("table.npz", FeatureSettings())
    split = split_dataset(dataset, seed=5, protocol="trial")
    save_split("mine.json", split, dataset=dataset)
    code, lines, _ = audited(capsys, "--split", "mine.json")
    assert code == 0 and lines[1] == "Protocol trial: a score is about new trials."
    assert results(lines)["people: how many, and whether they are known"] == "warning"
    assert lines[-1] == "No error: a search would take this split, and 1 warning travels with the scores."


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--protocol", "session"], "Expected a session for each row of table.npz"),
        (["--protocol", "moon"], "Expected a protocol out of subject, loso"),
        (["--data", "bare.npz"], "Expected a subject or a trial for each row of bare.npz"),
        (["--data", "bare.npz", "--folds", "3"], "Expected a subject or a trial for each row of bare.npz"),
        (["--split", "none.json"], "Expected a saved split in none.json. Received: no such file."),
        (["--split", "x.json", "--folds", "3"], "Expected --split or --folds. Received: both"),
        (["--split", "other.json"], "Expected in other.json a split of these data. Received: one of other.npz"),
    ],
)
def test_what_cannot_be_divided_is_one_line(project, capsys, words, expected):
    dataset = load_dataset("table.npz", FeatureSettings())
    other = replace(dataset, name="other.npz", fingerprint="x")
    save_split("other.json", split_dataset(dataset, seed=0), dataset=other)
    code, lines, error = audited(capsys, *words)
    assert code == 2 and lines == []
    assert error.startswith(f"error: {expected}") and error.count("\n") == 1


def test_own_parts_are_audited_and_need_a_protocol_for_folds(project, capsys):
    source = np.random.default_rng(0)
    parts = {}
    for suffix, people in (("_train", "ABC"), ("_val", "DE"), ("_test", "CF")):
        n = 6 * len(people)
        parts |= {f"X{suffix}": source.normal(5, 2, (n, 6)), f"y{suffix}": np.arange(n) % 2}
        parts |= {f"subject{suffix}": np.repeat(list(people), 6)}
    np.savez("own.npz", **parts)
    code, lines, _ = audited(capsys, "--data", "own.npz")
    assert code == 2
    assert lines[1] == "Protocol own parts: the data comes divided; a score is about people never seen."
    assert "Expected no person in both train and test. Received: C." in "\n".join(lines)
    code, lines, error = audited(capsys, "--data", "own.npz", "--folds", "3")
    assert (code, lines) == (2, []) and "Expected a protocol for folds of own.npz, which comes divided." in error
    assert audited(capsys, "--data", "own.npz", "--folds", "3", "--protocol", "subject", "--quiet")[0] == 0


def test_it_must_be_run_in_the_project(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, _, error = audited(capsys)
    assert code == 2 and "Expected to be in the project's folder" in error


@pytest.mark.parametrize("folds", ["1", "0", "-3", "many"])
def test_fewer_than_two_folds_are_none(project, capsys, folds):
    with pytest.raises(SystemExit) as ended:
        main(["audit", "--folds", folds])
    assert ended.value.code == 2
    assert "whole number from 2" in capsys.readouterr().err


def test_recordings_refuse_the_window_split_and_pass_by_person(project, shared_data, capsys):
    data = f"eegmat:{shared_data / 'eegmat'}"
    code, lines, _ = audited(capsys, "--data", data, "--protocol", "window")
    assert code == 2
    found = results(lines)
    assert found["a protocol that leaks"] == found["recordings that coincide with classes"] == "error"
    code, lines, _ = audited(capsys, "--data", data)
    assert code == 0
    found = results(lines)
    assert {found.pop("recordings that coincide with classes"), found.pop(CHECKS[-1].looked_for)} == {"note"}
    assert found.pop("sessions of one class each") == found.pop("stimuli that coincide with classes") == "not checked"
    assert set(found.values()) == {"passed"}
    assert lines[-1] == "No leak found: a search would take this split."


def test_no_network_is_loaded_for_it(project):
    code = (
        "import sys, json\n"
        "from emotune.cli.console import main\n"
        "assert main(['audit', '--quiet']) == 0\n"
        "print(json.dumps(sorted({'tensorflow', 'keras', 'torch', 'optuna'} & set(sys.modules))))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
