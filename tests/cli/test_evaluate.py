"""The command that evaluates the whole search: its exit codes, what it prints, and where it goes on."""

import json
from pathlib import Path

import numpy as np
import pytest

from emotune.cli.console import main
from emotune.cli.constants import CONSTANTS
from emotune.evaluation.ledger import LEDGER

# In the process of the command, the first fit after the first fold's end is interrupted once.
SPACE = """
import multiprocessing, os, signal
from pathlib import Path
import keras

PROJECT = Path(__file__).parents[1]

class EmotionHyperModel:
    def __init__(self, problem):
        self.problem = problem

    def build_model(self, hp):
        flag = PROJECT / "interrupt"
        is_command = multiprocessing.current_process().name == "MainProcess"
        if is_command and flag.exists() and list(PROJECT.glob("models/nested/*/fold-01/result.json")):
            flag.unlink()
            os.kill(os.getpid(), signal.SIGINT)
        inputs = keras.Input(self.problem.input_shape)
        outputs = keras.layers.Dense(self.problem.n_classes, activation="softmax")(inputs)
        model = keras.Model(inputs, outputs)
        rate = hp.Float("rate", 1e-4, 1.0, default=1e-2)
        model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
        return model
"""
ONE_TRIAL = [
    "--method",
    "optuna",
    "--tuning-algorithm",
    "random",
    "--max-trials",
    "1",
    "--workers",
    "1",
    "--epochs",
    "2",
]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with src/config.py, src/hyperparameter_tuner.py and a table of six people."""
    import emotune.models.backend as backend

    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "hyperparameter_tuner.py").write_text(SPACE, encoding="utf-8")
    values = {constant.name: constant.example for constant in CONSTANTS}
    values |= {"DATA": "table.npz", "PROTOCOL": "", "TARGET": "", "SEED": 0, "EXTRA_HYPERPARAMETERS": {}}
    values |= {"NORMALISE": "training", "MODELS_DIR": "models", "METRIC": "balanced_accuracy"}
    values |= {"INNER_FOLDS": 1, "SEEDS_PER_TRIAL": 1, "N_STEPS": 1}
    lines = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    (tmp_path / "src" / "config.py").write_text(lines, encoding="utf-8")
    source, labels = np.random.default_rng(0), np.tile([0, 1], 36)
    inputs = source.normal(size=(72, 7)).astype(np.float32)
    inputs[:, 0] += labels
    np.savez(tmp_path / "table.npz", X=inputs, y=labels, subject=np.repeat([f"P{number}" for number in range(6)], 12))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "cache"))
    # Threads can be set only before TensorFlow has computed anything, as an earlier test may have it do.
    monkeypatch.setattr(backend, "prepare_backend", lambda: None)
    return tmp_path


def test_it_goes_on_after_ctrl_c_and_reports_all_folds_at_the_end(project, capsys):
    command = ["evaluate", "--outer-folds", "2", "--seeds", "2", "--no-confirm", *ONE_TRIAL]
    result, ledger = project / "models" / "nested_evaluation.json", project / "models" / LEDGER
    (project / "interrupt").touch()
    assert main(command) == 130
    out, err = capsys.readouterr()
    assert "2 folds × (1 trial + 4 fits): at most 10 trainings. A first guess: " in out
    assert "fold 1 of 2: P" in out
    assert "balanced_accuracy tuned 0." in out
    assert err == "Interrupted; what has ended is kept. The same command goes on from fold 2 of 2.\n"
    assert not result.exists()
    assert len(ledger.read_text(encoding="utf-8").splitlines()) == 1  # fold 2 was not opened

    assert main(command) == 0
    out = capsys.readouterr().out
    assert "at most 10 trainings; 1 fold is done. A first guess: " in out
    assert [line.split("; ")[-1] for line in out.splitlines() if line.startswith("fold ")] == [
        "done before",
        "the last one",
    ]
    lines = out.splitlines()
    (title,) = [index for index, line in enumerate(lines) if line.startswith("balanced_accuracy of each person")]
    assert lines[title + 1].split() == ["person", "windows", "tuned", "default", "difference"]
    assert [line.split()[:2] for line in lines[title + 2 : title + 8]] == [[f"P{number}", "12"] for number in range(6)]
    assert "in each of the 2 folds: tuning bought nothing here." in out
    assert "The procedure: searching, choosing and training anew" in out
    assert "were opened 2 times so far: evaluate 2." in out
    content = json.loads(result.read_text(encoding="utf-8"))
    assert content["protocol"] == "subject"
    assert content["n_windows"] == 72
    assert [fold["tested"] for fold in content["folds"]] == [
        fold["split"]["people"]["test"] for fold in content["folds"]
    ]
    for path in project.glob("models/nested/*/fold-*/predictions.npz"):
        with np.load(path) as predictions:
            assert not np.array_equal(*predictions["default"])  # two seeds are two networks
    assert content["command"].startswith("python -m emotune evaluate --outer-folds 2")

    assert main([*command, "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "fold 1 of 2" not in out
    assert "were opened 2 times so far" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--protocol", "people"], "Expected a protocol out of subject, loso"),
        (["--outer-folds", "1"], "`--outer-folds` must be at least 2. Received: 1."),
        (["--metric", "luck"], "Expected a metric out of"),
        (["--tuning-algorithm", "luck"], "knows the algorithms"),
        (["--protocol", "session"], "session"),
        (["--data", "none.npz"], "none.npz"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_before_anything_is_written(project, capsys, words, said):
    assert main(["evaluate", *ONE_TRIAL, *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1
    assert not (project / "models").exists()


def test_it_is_run_in_the_project_s_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate"]) == 2
    assert "Expected to be in the project's folder" in capsys.readouterr().err


def test_loso_says_that_the_number_of_folds_is_not_used(project, capsys, monkeypatch):
    (Path("src") / "hyperparameter_tuner.py").write_text("x = 1\n", encoding="utf-8")  # ends the run at its start
    assert main(["evaluate", "--protocol", "loso", "--outer-folds", "3", *ONE_TRIAL]) == 2
    out, err = capsys.readouterr()
    assert "note: --outer-folds is not used: loso leaves out one person a fold." in out
    assert "6 folds × (" in out
    assert "class EmotionHyperModel" in err


def test_a_saved_split_is_no_evaluation():
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--split", "models/split.json"])
    assert ended.value.code == 2
