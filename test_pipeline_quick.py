"""The whole chain on small data in about a minute: recordings, features, search, retrain, evaluation, prediction.

    python test_pipeline_quick.py        prints the accuracy before and after optimization
    python -m pytest test_pipeline_quick.py

It uses your src/config.py and src/hyperparameter_tuner.py, and a temporary folder: your models/ is only read.
"""

import argparse
import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "src"))

from emotune.cli import console, retrain, tune  # noqa: E402  the path comes first
from emotune.cli.command import INTERRUPTED  # noqa: E402
from emotune.recordings.simulator import Simulator  # noqa: E402


def write_recordings(folder: Path) -> Path:
    """A manifest of simulated people as FIF files, such as a user would bring."""
    import mne

    people = Simulator(n_people=6, n_emotions=3, trials_per_emotion=2, seconds=24.0, seed=1)
    lines = ["file,subject,label,trial,stimulus"]
    for recording in people:
        name = f"{recording.subject}_{recording.trial}_raw.fif"
        info = mne.create_info(list(recording.channel_names), recording.sampling_rate_hz, "eeg")
        raw = mne.io.RawArray(recording.samples_uv * 1e-6, info, verbose="error")
        raw.save(folder / name, verbose="error")
        label = recording.emotion
        lines.append(f"{name},{recording.subject},{label},{recording.trial},{recording.stimulus}")
    manifest = folder / "recordings.csv"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def run_pipeline(folder: Path) -> dict:
    """Search, retrain and predict in `folder`; what the retrain measured."""
    manifest = write_recordings(folder)
    run = ["--data", f"manifest:{manifest}", "--models-dir", str(folder / "models"), "--epochs", "15", "--quiet"]
    (recording, *others), bundle = sorted(folder.glob("*_raw.fif")), folder / "models" / "bundle"
    person = recording.name.split("_")[0]
    steps = {
        "searching": lambda: tune.main([*run, "--method", "optuna", "--max-trials", "6"], root=ROOT),
        "training": lambda: retrain.main([*run, "--from-best"], root=ROOT),
        "predicting": lambda: console.main(
            ["predict", str(recording), "--bundle", str(bundle), "--quiet", *calibration(bundle, person, others)]
        ),
    }
    for name, step in steps.items():
        print(f"{name} ...", flush=True)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = step()
        if code == INTERRUPTED:
            raise SystemExit(code)  # what the step says of its temporary files would only mislead
        if code != 0:
            print(output.getvalue())
            raise SystemExit(code)
    return json.loads((folder / "models" / "evaluation.json").read_text(encoding="utf-8"))


def calibration(bundle: Path, person: str, others: list[Path]) -> list[str]:
    """The other recordings of a person, where NORMALISE of the configuration standardises each by their own."""
    by = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["normalisation"]["by"]
    return [f"--calibration={file}" for file in others if by == "subject" and file.name.split("_")[0] == person]


def test_the_pipeline_ends_with_a_measured_model(tmp_path):
    """From files to a Bundle that predicts, with every number in its range."""
    evaluation = run_pipeline(tmp_path)
    best = json.loads((tmp_path / "models" / "best_hyperparameters.json").read_text(encoding="utf-8"))
    assert best["metadata"]["n_trials"]["ended"] == 6
    assert evaluation["configured"]["hyperparameters"] == best["hyperparameters"]
    assert evaluation["n_people"] == 1
    assert 0.0 <= evaluation["default"]["accuracy"] <= 1.0
    assert 0.0 <= evaluation["configured"]["accuracy"] <= 1.0
    assert (tmp_path / "models" / "bundle" / "emotion_model.keras").is_file()


def main() -> int:
    """Run the chain and print the three lines for it, and for the user's own model where there is one."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(ROOT):
        evaluation = run_pipeline(Path(folder))
    from emotune.studies.retrain import measured_on  # Keras takes a while to import

    print(f"\nThe chain works. On its small simulated data, {measured_on(evaluation)}:")
    print("\n".join(retrain.three_lines(evaluation)))
    own = ROOT / "models" / "evaluation.json"
    if own.exists():
        evaluation = json.loads(own.read_text(encoding="utf-8"))
        print(f"\nYour own model, {evaluation['data']}, measured on {measured_on(evaluation)}:")
        print("\n".join(retrain.three_lines(evaluation)))
    else:
        print("\nFor your own model: python src/train_emotion_model.py, then run this again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
