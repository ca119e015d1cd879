"""From the folder of each kind of data to a Bundle: a search of five trials over people, and the retrain."""

import json

import numpy as np
import pandas as pd
import pytest

from emotune.prediction.bundle import Bundle
from emotune.recordings.channels import CHANNELS, EPOC_CHANNELS
from project_copy import copy_project, run_python
from writers import WRITERS, seed_features

N_PEOPLE, SECONDS = 5, 9.0

# A format through an extra, and a table; DEAP and DREAMER have a test below. All of them run by `make kinds`.
_ALWAYS = {"bids", "csv"}


def of_a_set(writer):
    return lambda folder: writer.write(folder, n_people=N_PEOPLE, seconds=SECONDS).spec


def of_features(write):
    return lambda folder: write(folder, n_people=N_PEOPLE).spec


def rows():
    """Six rows of each class a person, in which the first column tells them apart."""
    source = np.random.default_rng(1)
    people, labels = np.repeat(np.arange(N_PEOPLE), 12), np.tile(np.repeat([0, 1], 6), N_PEOPLE)
    inputs = source.normal(size=(len(labels), 8))
    inputs[:, 0] += 2 * labels
    return inputs, np.array(["calm", "glad"])[labels], [f"p{person}" for person in people]


def npz(folder):
    folder.mkdir()
    inputs, labels, people = rows()
    np.savez(folder / "table.npz", X=inputs, y=labels, subject=people)
    return str(folder / "table.npz")


def columns(suffix):
    def write(folder):
        folder.mkdir()
        inputs, labels, people = rows()
        frame = pd.DataFrame(inputs, columns=[f"x{i}" for i in range(inputs.shape[1])])
        frame = frame.assign(label=labels, subject=people)
        path = folder / f"table{suffix}"
        frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, index=False)
        return str(path)

    return write


def manifest(folder):
    """The files of EEGMAT, listed."""
    written = WRITERS["eegmat"].write(folder, n_people=N_PEOPLE, seconds=SECONDS)
    files = [f"Subject{truth.subject}_{truth.trial}.edf" for truth in written.recordings]
    frame = pd.DataFrame({"file": files, "subject": [truth.subject for truth in written.recordings]})
    frame["label"] = [truth.emotion for truth in written.recordings]
    frame.to_csv(folder / "recordings.csv", index=False)
    return str(folder / "recordings.csv")


KINDS = {
    **{name: of_a_set(writer) for name, writer in WRITERS.items()},
    **{f"{kind} features": of_features(write) for kind, write in seed_features.WRITERS.items()},
    "manifest": manifest,
    "npz": npz,
    "csv": columns(".csv"),
    "parquet": columns(".parquet"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("kinds") / "emotune")


def run(project, models, *words):
    done = run_python(project, *words, "--models-dir", str(models), "--epochs", "3", "--patience", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "name", [name if name in _ALWAYS else pytest.param(name, marks=pytest.mark.long) for name in KINDS]
)
def test_a_search_over_people_ends_with_a_bundle(name, project, tmp_path):
    spec = KINDS[name](tmp_path / "data")
    models = tmp_path / "models"
    searched = run(
        project, models, "run_hyperparameter_tuning.py", "--method", "optuna", "--max-trials", "5", "--no-confirm",
        "--workers", "1", "--data", spec,
    )  # fmt: skip
    assert "Split by subject" in searched
    assert "5 trials: " in searched
    run(project, models, "src/train_emotion_model.py", "--from-best", "--data", spec)
    bundle = Bundle.load(models / "bundle")
    evaluation = json.loads((models / "evaluation.json").read_text(encoding="utf-8"))
    people = evaluation["split"]["people"]
    assert evaluation["split"]["protocol"] == "subject"
    assert not set(people["test"]) & {*people["train"], *people["validation"]}
    assert len(bundle.class_names) >= 2
    assert evaluation["configured"]["class_names"] == list(bundle.class_names)
    assert 0.0 <= evaluation["configured"]["balanced_accuracy"] <= 1.0


def test_a_model_of_one_set_predicts_on_another_with_another_cap(project, tmp_path):
    """Trained on DEAP's 32 electrodes and 1 to 9, used on DREAMER's 14 and 1 to 5."""
    trained_on = WRITERS["deap"].write(tmp_path / "deap", n_people=N_PEOPLE, seconds=SECONDS).spec
    dreamer = WRITERS["dreamer"].write(tmp_path / "dreamer", seconds=4.0)
    models = tmp_path / "models"
    run(project, models, "src/train_emotion_model.py", "--data", trained_on, "--target", "valence")
    done = run_python(project, "-m", "emotune", "predict", dreamer.spec, "--bundle", str(models / "bundle"))
    assert done.returncode == 0, done.stderr
    missing = [name for name in CHANNELS if name not in EPOC_CHANNELS]
    assert f"Interpolated, as the cap does not have them: {', '.join(missing)}." in done.stdout
    assert "18 of the 32 channels were not recorded and are interpolated" in done.stderr
    n = len(dreamer.recordings)
    assert f"Balanced accuracy over the {n} recordings of which valence > 3 is known: 0." in done.stdout
    known = [("low valence", "high valence")[truth.ratings["valence"] > 3] for truth in dreamer.recordings]
    printed = [line for line in done.stdout.splitlines() if line.startswith("p")]
    assert [" ".join(line.split()[2:4]) for line in printed] == known
