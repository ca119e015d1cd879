"""Every command of the README's workflow, as it stands there but for the budget, in a copy of the project."""

import ast
import json
import re
import shlex
import subprocess
import sys
import warnings

import pytest

from project_copy import ROOT, copy_project, environment

# What a test can afford in place of what the README's command has; the confirmation has a test of its own.
SMALL = {
    r"--protocol loso --max-trials \d+": "--protocol subject --outer-folds 2 --max-trials 2 --no-confirm",
    r"tuning.py(.*)--max-trials \d+": r"tuning.py\1--max-trials 3 --no-confirm",
    r"emotune ladder$": "emotune ladder --repeats 1 --protocols window,subject",
}


def small(command):
    for pattern, replacement in SMALL.items():
        command = re.sub(pattern, replacement, command)
    return command


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with few epochs."""
    folder = copy_project(tmp_path_factory.mktemp("a project") / "emotune")
    edit(folder / "src" / "config.py", r"^EPOCHS = \d+", "EPOCHS = 3")
    return folder


def edit(path, pattern, replacement):
    text = path.read_text(encoding="utf-8")
    edited, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    assert count == 1, pattern
    path.write_text(edited, encoding="utf-8")


def run(project, command, code=0):
    words = shlex.split(small(command))
    assert words[0] == "python"
    done = subprocess.run(
        [sys.executable, *words[1:]],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def best(project):
    return json.loads((project / "models" / "best_hyperparameters.json").read_text(encoding="utf-8"))


def study_trials(project):
    import optuna

    path = project / "models" / "tuning" / "optuna.db"
    study = optuna.load_study(study_name="emotion_recognition_optuna", storage=f"sqlite:///{path.as_posix()}")
    return study, study.trials


KERAS_TUNER = [
    "python run_hyperparameter_tuning.py --method keras-tuner --max-trials 5 --use-dummy-data",
    "python run_hyperparameter_tuning.py --method keras-tuner --max-trials 30",
    "python run_hyperparameter_tuning.py --method keras-tuner --tuning-algorithm hyperband --max-trials 50",
    "python run_hyperparameter_tuning.py --method keras-tuner --tuning-algorithm random --max-trials 50",
    "python run_hyperparameter_tuning.py --tuning-algorithm hyperband --max-trials 50",
]
OPTUNA = "python run_hyperparameter_tuning.py --method optuna --max-trials 50"
FOUR = "for i in {1..4}; do python run_hyperparameter_tuning.py --method optuna --max-trials 25 & done; wait"
APPLY = "python run_hyperparameter_tuning.py --apply"
RETRAIN = "python src/train_emotion_model.py"
QUICK = "python test_pipeline_quick.py"
PREDICT = "python -m emotune predict RECORDING"
AUDIT = "python -m emotune audit --protocol window"
LADDER = "python -m emotune ladder"
EVALUATE = "python -m emotune evaluate --protocol loso --max-trials 20 --method optuna"


@pytest.mark.parametrize(
    "command", [*KERAS_TUNER, OPTUNA, FOUR, APPLY, RETRAIN, QUICK, PREDICT, AUDIT, LADDER, EVALUATE]
)
def test_the_readme_has_the_command(command):
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", KERAS_TUNER)
def test_keras_tuner_commands(project, command):
    out = run(project, command)
    assert "3 trials:" in out
    metadata = best(project)["metadata"]
    assert metadata["method"] == "keras-tuner"
    words = shlex.split(command)
    named = words[words.index("--tuning-algorithm") + 1] if "--tuning-algorithm" in words else "bayesian"
    assert metadata["algorithm"] == named
    assert (project / "models" / "tuning" / "emotion_recognition_keras_tuner" / "oracle.json").is_file()


def test_optuna_continues_and_plots(project):
    out = run(project, OPTUNA)
    assert "3 trials: " in out
    assert "best_hyperparameters.json, in place of the winner of emotion_recognition_keras_tuner on simulated" in out
    assert best(project)["metadata"]["confirmation"] is None
    confirmed = run(project, "python run_hyperparameter_tuning.py --method optuna --add-trials 1")
    assert "in place of the winner" not in confirmed
    assert "4 trials, 3 of them done" in confirmed
    assert re.search(r"^default +0\.\d+ +0\.\d+", confirmed, flags=re.MULTILINE)
    assert best(project)["metadata"]["confirmation"]["sentence"] in confirmed
    study, trials = study_trials(project)
    assert len(trials) == 4
    from optuna.visualization import plot_optimization_history, plot_param_importances, plot_slice

    assert plot_optimization_history(study).data
    assert plot_slice(study).data
    with warnings.catch_warnings():
        # Four trials say little of importances, and Optuna says so.
        warnings.filterwarnings("ignore", message="Some regimes", category=UserWarning)
        importances = plot_param_importances(study).data[0]
    assert "learning_rate" in importances.y
    assert sum(importances.x) == pytest.approx(1.0)


def test_what_the_file_holds(project):
    content = best(project)
    assert set(content) == {"hyperparameters", "metadata"}
    assert {"learning_rate", "batch_size", "optimizer"} <= set(content["hyperparameters"])
    assert {"best_score", "timestamp", "n_trials", "fingerprints", "versions", "command"} <= set(content["metadata"])
    layers = content["hyperparameters"]["dense_layers"]
    assert [name for name in content["hyperparameters"] if name.startswith("dense_units_")] == [
        f"dense_units_{index}" for index in range(layers)
    ]


def test_four_terminals_share_one_study(project):
    words = shlex.split(FOUR.split("do ")[1].split(" &")[0])
    command = [sys.executable, *words[1:-1], "7", "--no-confirm"]
    processes = [
        subprocess.Popen(
            command, cwd=project, env=environment(project), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=280)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], "\n".join(outputs)
    _, trials = study_trials(project)
    assert [trial.number for trial in trials] == list(range(7))
    assert all(trial.state.is_finished() for trial in trials)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A person's recording as a FIF file: not the head of anybody trained on, and two electrodes less."""
    import mne

    from emotune.recordings.simulator import Simulator

    made = next(iter(Simulator(n_people=1, trials_per_emotion=1, seed=99)))
    names = made.channel_names[:-2]
    info = mne.create_info(list(names), made.sampling_rate_hz, "eeg")
    path = tmp_path_factory.mktemp("recordings") / "a person_raw.fif"
    mne.io.RawArray(made.samples_uv[:-2] * 1e-6, info, verbose="error").save(path, verbose="error")
    return path


def test_apply_then_retrain_then_predict(project, recording):
    config = project / "src" / "config.py"
    comments = re.findall(r"#.*", config.read_text(encoding="utf-8"))
    applied = run(project, APPLY)
    assert f"The winner of {best(project)['metadata']['study']} on simulated:" in applied
    assert "note: DATA" not in applied
    assert re.findall(r"#.*", config.read_text(encoding="utf-8"))[: len(comments)] == comments
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(config.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
    }
    assert constants["LEARNING_RATE"] == best(project)["hyperparameters"]["learning_rate"]

    out = run(project, RETRAIN)
    assert "not applied" not in out
    assert re.search(r"Measured on \d+ people never seen", out)
    assert re.search(r"majority class +0\.200", out)
    evaluation = json.loads((project / "models" / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluation["configured"]["hyperparameters"] == best(project)["hyperparameters"]
    assert evaluation["openings"] == 1

    out = run(project, PREDICT.replace("RECORDING", shlex.quote(recording.as_posix())))
    assert "2 of the 32 channels were not recorded and are interpolated: " in out
    assert re.search(r"^happy +0?\.\d+|^happy +\d\.\d+", out, flags=re.MULTILINE)


def test_an_edited_constant_reaches_the_retrain(project):
    edit(project / "src" / "config.py", r"^BATCH_SIZE = \d+", "BATCH_SIZE = 64")
    run(project, RETRAIN)
    evaluation = json.loads((project / "models" / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluation["configured"]["hyperparameters"]["batch_size"] == 64


def test_a_score_is_looked_into_before_it_is_believed(project):
    audited = run(project, AUDIT, code=2)
    assert audited.rstrip().splitlines()[-1].startswith("2 errors: a search would refuse this split.") or (
        "error: Expected a protocol that keeps each recording in one part" in audited
    )
    climbed = run(project, LADDER)
    assert re.search(r"^window +windows .*LEAKS: leaking-protocol", climbed, flags=re.MULTILINE)
    assert re.search(r"^subject +people ", climbed, flags=re.MULTILINE)
    assert {"ladder.json", "ladder.png", "ladder.svg"} <= {file.name for file in (project / "models").iterdir()}
    evaluated = run(project, EVALUATE)
    assert re.search(r"^P12 +120 +0\.\d{3} +0\.\d{3} +[+-]0\.\d{3}$", evaluated, flags=re.MULTILINE)
    evaluation = json.loads((project / "models" / "nested_evaluation.json").read_text(encoding="utf-8"))
    assert evaluation["sentence"] in evaluated
    assert len(evaluation["people"]) == 12


def test_the_quick_pipeline_prints_the_three_lines_twice(project):
    out = run(project, QUICK)
    assert len(re.findall(r"^Before optimization: \d+\.\d% accuracy$", out, flags=re.MULTILINE)) == 2
    assert len(re.findall(r"^After optimization: \d+\.\d% accuracy$", out, flags=re.MULTILINE)) == 2
    assert len(re.findall(r"^Improvement: [+-]\d+\.\d percentage points$", out, flags=re.MULTILINE)) == 2


@pytest.mark.parametrize("method", ["optuna", "keras-tuner"])
def test_a_widened_range_is_searched(project, method):
    space = project / "src" / "hyperparameter_tuner.py"
    before = space.read_text(encoding="utf-8")
    # No learning rate of the old range fits into the new one.
    edit(space, r'hp\.Float\("learning_rate", .*default=[^)]*\)', 'hp.Float("learning_rate", 0.02, 0.05, default=0.03)')
    try:
        out = run(project, f"python run_hyperparameter_tuning.py --method {method} --max-trials 4")
        assert "is put aside" in out
        assert "another space" in out
        assert 0.02 <= best(project)["hyperparameters"]["learning_rate"] <= 0.05
        if method == "optuna":
            assert all(0.02 <= trial.params["learning_rate"] <= 0.05 for trial in study_trials(project)[1])
    finally:
        space.write_text(before, encoding="utf-8")
    back = run(project, f"python run_hyperparameter_tuning.py --method {method} --max-trials 4")
    assert "fits this run again" in back


@pytest.mark.parametrize(
    "script",
    [
        "run_hyperparameter_tuning.py --help",
        "src/train_emotion_model.py --help",
        "test_pipeline_quick.py --help",
        "-m emotune --help",
    ],
)
def test_help_loads_no_tensorflow(project, script):
    listing = subprocess.run(
        [sys.executable, "-X", "importtime", *shlex.split(script)],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(re.findall(r"\| +([\w.]+)$", listing.stderr, flags=re.MULTILINE))
    assert "argparse" in loaded
    assert not loaded & {"tensorflow", "keras", "mne", "sklearn", "optuna", "keras_tuner", "pandas"}


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("python run_hyperparameter_tuning.py --data manifest:nowhere.csv", 2, "nowhere.csv"),
        ("python run_hyperparameter_tuning.py --metric luck", 2, "balanced_accuracy"),
        ("python run_hyperparameter_tuning.py --tuning-algorithm tpe", 2, "bayesian"),
        ("python src/train_emotion_model.py --from-best --models-dir nothing", 2, "best_hyperparameters.json"),
        ("python -m emotune predict nowhere.edf", 2, "nowhere.edf"),
    ],
)
def test_bad_input_is_one_line(project, command, code, message):
    words = shlex.split(command)
    done = subprocess.run(
        [sys.executable, *words[1:]],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
