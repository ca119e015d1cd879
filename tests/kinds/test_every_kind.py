"""From the folder of each kind of data to a Bundle: a search of five trials over people, and the retrain."""

import json

import pytest

from emotune.prediction.bundle import Bundle
from project_copy import copy_project, run_python
from writers import WRITERS

# Ratings, an extra, another cap and a table; all of them run by `make kinds`.
_ALWAYS = {"deap", "mahnob", "bids", "csv"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("kinds") / "emotune")


def run(project, models, *words):
    done = run_python(project, *words, "--models-dir", str(models), "--epochs", "3", "--patience", "2")
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
