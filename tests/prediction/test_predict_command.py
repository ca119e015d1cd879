import argparse
import json

import numpy as np
import pytest

from emotune.cli import predict
from emotune.errors import InputError
from emotune.features.layout import CHANNELS
from emotune.prediction.bundle import Bundle
from emotune.prediction.predictor import predict_recording
from emotune.recordings.reading import read_recording

from .conftest import CLASSES, noise

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def recording_file(tmp_path_factory):
    """Twenty seconds of noise as a FIF file, the format that needs nothing but MNE."""
    import mne

    recording = noise(seconds=20.0)
    info = mne.create_info(list(CHANNELS), recording.sampling_rate_hz, "eeg")
    path = tmp_path_factory.mktemp("recordings") / "noise_eeg.fif"
    mne.io.RawArray(recording.samples_uv * 1e-6, info, verbose="error").save(path, verbose="error")
    return path


def _run(*words):
    parser = argparse.ArgumentParser()
    predict.add_arguments(parser)
    return predict.run(parser.parse_args([str(word) for word in words]))


def test_a_table_of_windows_and_the_whole(saved, recording_file, capsys):
    assert _run(recording_file, "--bundle", saved) == 0
    out = capsys.readouterr().out
    prediction = predict_recording(Bundle.load(saved), read_recording(recording_file))
    lines = out.splitlines()
    assert lines[0] == "Each window"
    assert lines[1].split() == ["from", "s", "to", "s", "emotion", *CLASSES]
    assert lines[2].split() == ["0.0", "4.0", prediction.window_emotions[0]] + [
        f"{value:.3f}" for value in prediction.probabilities[0]
    ]
    assert f"Whole recording: {prediction.emotion} (mean of 5 windows)" in lines
    assert lines[-3].split() == [prediction.emotion, f"{prediction.mean_probabilities.max():.3f}"]


def test_json_is_all_there_is_on_standard_output(saved, recording_file, capsys):
    assert _run(recording_file, "--bundle", saved, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    prediction = predict_recording(Bundle.load(saved), read_recording(recording_file))
    assert content["emotion"] == prediction.emotion
    assert content["recording"] == str(recording_file)
    np.testing.assert_allclose(list(content["probabilities"].values()), prediction.mean_probabilities, atol=1e-5)


def test_a_stretch_keeps_the_times_of_the_file(saved, recording_file, capsys):
    assert _run(recording_file, "--bundle", saved, "--json", "--start-s", 8, "--stop-s", 17) == 0
    windows = json.loads(capsys.readouterr().out)["windows"]
    assert [(window["start_s"], window["stop_s"]) for window in windows] == [(8.0, 12.0), (12.0, 16.0)]


def test_quiet_prints_the_whole_alone(saved, recording_file, capsys):
    assert _run(recording_file, "--bundle", saved, "--quiet") == 0
    out = capsys.readouterr().out
    assert out.startswith("Whole recording: ")
    assert "Each window" not in out


def test_verbose_says_more_on_standard_error(saved, recording_file, capsys):
    assert _run(recording_file, "--bundle", saved, "--verbose") == 0
    captured = capsys.readouterr()
    assert "note: the model in" in captured.err
    assert "note: the model in" not in captured.out


def test_without_a_bundle_the_folder_of_the_retrain_is_used(recording_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="Expected a Bundle with bundle.json in models.bundle.*Train the model again"):
        _run(recording_file)


def test_a_missing_recording_is_an_error(saved, tmp_path):
    with pytest.raises(InputError, match="Expected a recording at"):
        _run(tmp_path / "none.edf", "--bundle", saved)


def test_real_recordings_go_through(saved, shared_data, capsys):
    assert _run(shared_data / "eegmat" / "Subject00_1.edf", "--bundle", saved, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["n_windows"] == 15
    assert len(content["interpolated_channels"]) == 32 - 19
