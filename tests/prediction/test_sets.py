"""A model on a whole set: another cap, another scale, what people said beside what is predicted."""

import json
import warnings

import numpy as np
import pytest

from emotune.cli.console import main
from emotune.errors import InputError
from emotune.prediction.bundle import Bundle
from emotune.prediction.predictor import predict_recording
from emotune.prediction.sets import predict_set
from emotune.recordings.channels import CHANNELS, EPOC_CHANNELS
from emotune.recordings.targets import Rating, Target
from recordings_in_memory import RecordingsInMemory
from recordings_in_memory import noise as recorded

from .conftest import contents, network

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

EMOTIONS = ("neutral", "happy", "sad")
VALENCE = Target("valence", ("low valence", "high valence"), Rating(1, 9), 5.0)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Trained, so it says, for three emotions."""
    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):
        return Bundle.save(
            tmp_path_factory.mktemp("sets") / "bundle",
            **contents(
                model=network(),
                provenance={"data": "the training set", "features": {"target": Target("emotion", EMOTIONS).to_dict()}},
            ),
        )


def a_set(*, emotions=EMOTIONS, channels=EPOC_CHANNELS, **fields):
    recordings = [
        recorded(channels, seconds=9.0, seed=i, subject=f"p{i % 2}", trial=str(i), emotion=emotion)
        for i, emotion in enumerate((*emotions, ""))
    ]
    return RecordingsInMemory(recordings, emotions=emotions, **fields)


def test_every_recording_gets_what_it_gets_alone(bundle):
    recordings = a_set()
    found = predict_set(bundle, recordings)
    assert len(found.recordings) == 4
    for one, recording in zip(found.recordings, recordings, strict=True):
        alone = predict_recording(bundle, recording)
        assert (one.subject, one.trial, one.known_as) == (recording.subject, recording.trial, recording.emotion)
        assert one.emotion == alone.emotion
        np.testing.assert_allclose(list(one.probabilities.values()), alone.mean_probabilities)
    assert found.interpolated == {name: 4 for name in CHANNELS if name not in EPOC_CHANNELS}
    assert not found.is_training_data
    [interpolated] = [finding for finding in found.findings if finding.name == "interpolated-channels"]
    assert "18 of the 32 channels were not recorded and are interpolated" in interpolated.message
    assert "(in all 4 recordings)" in interpolated.message


def test_agreement_is_measured_over_the_recordings_whose_class_is_known(bundle):
    found = predict_set(bundle, a_set())
    assert found.n_known == 3
    assert found.target == "emotion"
    right = [one.emotion == one.known_as for one in found.recordings[:3]]
    assert found.balanced_accuracy == pytest.approx(np.mean(right))


def test_other_emotions_are_shown_and_not_measured(bundle):
    found = predict_set(bundle, a_set(emotions=("joy", "fear", "anger")))
    assert [one.known_as for one in found.recordings] == ["joy", "fear", "anger", ""]
    assert (found.n_known, found.target, found.balanced_accuracy) == (0, "", None)


def test_a_threshold_keeps_its_place_on_another_scale(bundle, tmp_path):
    other = Bundle.save(
        tmp_path / "b",
        **contents(
            model=network(),
            provenance={"data": "deap", "features": {"target": VALENCE.to_dict()}},
        ),
    )
    # The network of the tests has three outputs; what it is called does not matter here.
    object.__setattr__(other, "class_names", ("low valence", "high valence", "none"))
    target = VALENCE.on((), {"valence": Rating(1, 5)})
    assert str(target) == "valence > 3"
    assert VALENCE.on((), {"arousal": Rating(1, 5)}) is None
    assert VALENCE.on(("joy",), {}) is None
    found = predict_set(other, a_set(scales={"valence": Rating(1, 5)}))
    assert found.target == ""  # other classes than the model's


@pytest.mark.parametrize("target", [None, "valence", {}, {"name": 1}, {"name": "a", "scale": 3}])
def test_a_description_without_a_target_is_no_reason_to_fail(tmp_path, target):
    made = Bundle.save(tmp_path / "b", **contents(model=network(), provenance={"features": {"target": target}}))
    assert predict_set(made, a_set()).target == ""


def test_data_that_the_model_was_trained_on_is_said(bundle):
    assert predict_set(bundle, a_set(name="the training set")).is_training_data


def test_an_empty_set_is_refused(bundle):
    with pytest.raises(InputError, match="at least one recording in in memory"):
        predict_set(bundle, RecordingsInMemory([]))


def test_the_command_prints_a_line_a_recording_and_what_was_interpolated(bundle, capsys):
    assert main(["predict", "simulated", "--bundle", str(bundle.folder), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert len(content["recordings"]) == 240
    assert content["target"] == ""  # the simulated people feel five emotions
    assert content["recordings"][0].keys() >= {"subject", "trial", "known_as", "emotion", "probabilities"}
    assert main(["predict", "simulated", "--bundle", str(bundle.folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Each recording of simulated"
    assert lines[2].split()[:2] == ["P01", "01"]
    assert "240 recordings" in lines


def test_stretches_are_of_one_recording_alone(bundle, capsys):
    assert main(["predict", "simulated", "--bundle", str(bundle.folder), "--start-s", "3"]) == 2
    assert "Expected a stretch of one recording alone" in capsys.readouterr().err


def test_a_model_of_differences_needs_the_rest(tmp_path, capsys):
    from emotune.features.settings import FeatureSettings

    made = Bundle.save(tmp_path / "b", **contents(model=network(), features=FeatureSettings(baseline="subtract")))
    with pytest.raises(InputError, match="--baseline START STOP"):
        predict_set(made, a_set())
    import mne

    recording = recorded(seconds=20.0)
    info = mne.create_info(list(CHANNELS), recording.sampling_rate_hz, "eeg")
    path = tmp_path / "noise_eeg.fif"
    mne.io.RawArray(recording.samples_uv * 1e-6, info, verbose="error").save(path, verbose="error")
    assert main(["predict", str(path), "--bundle", str(tmp_path / "b")]) == 2
    assert "--baseline START STOP" in capsys.readouterr().err
    words = ["--start-s", "5", "--baseline", "0", "5", "--json"]
    assert main(["predict", str(path), "--bundle", str(tmp_path / "b"), *words]) == 0
    assert json.loads(capsys.readouterr().out)["n_windows"] == 3
