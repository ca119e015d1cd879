"""From the folder of each kind of data to a Bundle: a search of five trials over people, and the retrain."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emotune.prediction.bundle import Bundle
from writers import WRITERS

ROOT = Path(__file__).resolve().parents[2]

# Ratings, an extra, another cap and a table; all of them run by `make kinds`.
_ALWAYS = {"deap", "mahnob", "bids", "csv"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "run_hyperparameter_tuning.py", folder)
    return folder


def run(project, models, *words):
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    variables |= {"EMOTUNE_CACHE": str(models.parent / "cache"), "PYTHONPATH": str(project / "src")}
    command = [sys.executable, *words, "--models-dir", str(models), "--epochs", "3", "--patience", "2"]
    done = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "name", [name if name in _ALWAYS else pytest.param(name, marks=pytest.mark.long) for name in WRITERS]
)
def test_a_search_over_people_ends_with_a_bundle(name, project, tmp_path):
    written = WRITERS[name].write(tmp_path / "data", n_people=5, seconds=9.0)
    models = tmp_path / "models"
    searched = run(
        project, models, "run_hyperparameter_tuning.py", "--method", "optuna", "--max-trials", "5", "--no-confirm",
        "--workers", "1", "--data", written.spec,
    )  # fmt: skip
    assert "Split by subject" in searched
    assert "5 trials: " in searched
    run(project, models, "src/train_emotion_model.py", "--from-best", "--data", written.spec)
    bundle = Bundle.load(models / "bundle")
    evaluation = json.loads((models / "evaluation.json").read_text(encoding="utf-8"))
    people = evaluation["split"]["people"]
    assert evaluation["split"]["protocol"] == "subject"
    assert not set(people["test"]) & {*people["train"], *people["validation"]}
    assert len(bundle.class_names) >= 2
    assert evaluation["configured"]["class_names"] == list(bundle.class_names)
    assert 0.0 <= evaluation["configured"]["balanced_accuracy"] <= 1.0
