"""A model on a whole set: another cap, another scale, what people said beside what is predicted."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

from emotune.cli.console import main
from emotune.data.normalising import Normalisation
from emotune.data.scaling import Scaler
from emotune.errors import InputError
from emotune.features.extraction import extract
from emotune.features.preprocessing import Preprocessing
from emotune.features.settings import FeatureSettings
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


def seen(tmp_path, **people):
    """A model that was trained on `a_set`, split by these people."""
    features = {"target": Target("emotion", EMOTIONS).to_dict(), "recordings": a_set().fingerprint()}
    provenance = {"features": features, "split": {"protocol": "subject", "people": people}}
    return Bundle.save(tmp_path / "seen", **contents(model=network(), provenance=provenance))


def test_of_the_data_that_the_model_was_trained_on_only_the_people_kept_out_are_measured(tmp_path):
    """The people are p0 of trials 0 and 2, and p1 of trial 1."""
    made = seen(tmp_path, train=["p0"], validation=[], test=["p1"])
    found = predict_set(made, a_set(name="another name, the same recordings"))
    assert (found.is_training_data, found.known_people, found.n_known) == (True, ("p0",), 1)
    assert found.recordings[1].known_as
    assert found.balanced_accuracy is None  # one recording is of one class


def test_where_everybody_was_trained_on_nothing_is_measured(tmp_path):
    found = predict_set(seen(tmp_path, train=["p0"], validation=["p1"], test=[]), a_set())
    assert (found.is_training_data, found.n_known, found.balanced_accuracy) == (True, 0, None)


def test_people_of_the_same_names_in_other_data_are_told(tmp_path):
    found = predict_set(seen(tmp_path, train=["p1"], validation=["p9"], test=["p0"]), a_set(version="2"))
    assert (found.is_training_data, found.known_people, found.n_known) == (False, ("p1",), 3)


def test_vectors_that_are_nothing_like_the_training_are_told(tmp_path):
    """A scaler in whose units the noise of `a_set` lies 1 from the mean, and 100 times as loud noise 5.6."""
    [first, *_] = a_set(channels=CHANNELS)
    mean = extract(first, FeatureSettings()).values.mean(axis=0)
    fitted = Scaler(mean - np.float32(1.0), np.ones_like(mean))
    made = Bundle.save(tmp_path / "b", **contents(model=network(), scaler=fitted))
    usual = predict_set(made, a_set(channels=CHANNELS))
    assert not [finding for finding in usual.findings if finding.name == "far-from-training"]
    loud = [replace(r, samples_uv=r.samples_uv * np.float32(100)) for r in a_set(channels=CHANNELS)]
    found = predict_set(made, RecordingsInMemory(loud, emotions=EMOTIONS))
    [far, *_] = [finding for finding in found.findings if finding.name == "far-from-training"]
    assert far.severity == "warning"
    assert "5." in far.message


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
    out = capsys.readouterr().out.splitlines()
    lines = [line for line in out if not line.startswith("reading recordings: ")]
    assert lines[0] == "Each recording of simulated"
    assert lines[2].split()[:2] == ["P01", "01"]
    assert "240 recordings" in lines


def test_stretches_are_of_one_recording_alone(bundle, capsys):
    assert main(["predict", "simulated", "--bundle", str(bundle.folder), "--start-s", "3"]) == 2
    assert "Expected a stretch of one recording alone" in capsys.readouterr().err


def test_a_model_of_differences_needs_the_rest(tmp_path, capsys):
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
    assert main(["predict", str(path), "--bundle", str(tmp_path / "b"), "--baseline", "0", "5"]) == 2
    assert "Expected a rest outside of what is predicted, 0 to 20 s" in capsys.readouterr().err
    words = ["--start-s", "5", "--baseline", "0", "5", "--json"]
    assert main(["predict", str(path), "--bundle", str(tmp_path / "b"), *words]) == 0
    assert json.loads(capsys.readouterr().out)["n_windows"] == 3


def test_a_rest_is_refused_by_a_model_that_knows_none(bundle, tmp_path, capsys):
    import mne

    recording = recorded(seconds=20.0)
    info = mne.create_info(list(CHANNELS), recording.sampling_rate_hz, "eeg")
    path = tmp_path / "noise_eeg.fif"
    mne.io.RawArray(recording.samples_uv * 1e-6, info, verbose="error").save(path, verbose="error")
    words = ["--bundle", str(bundle.folder), "--start-s", "5", "--baseline", "0", "5"]
    assert main(["predict", str(path), *words]) == 2
    assert "Expected no --baseline for the model in" in capsys.readouterr().err
    assert main(["predict", f"file:{path}", "--bundle", str(bundle.folder), "--json"]) == 0


@pytest.mark.parametrize("normalisation", ["training", "subject"])
def test_a_recording_that_is_all_rejected_gets_no_answer_and_is_named(tmp_path, normalisation):
    chosen = FeatureSettings(window_s=1.0, overlap=0.5, preprocessing=Preprocessing(reject_uv=150.0))
    made = Bundle.save(
        tmp_path / "b", **contents(model=network(), features=chosen, normalisation=Normalisation.parse(normalisation))
    )
    recordings = a_set()
    recordings.recordings[1] = recorded(EPOC_CHANNELS, seed=1, uv=100.0, subject="p1", trial="1")
    found = predict_set(made, recordings)
    assert [one.trial for one in found.recordings] == ["0", "2", "3"]
    [said] = [finding for finding in found.findings if finding.name == "rejected-recording"]
    assert (said.severity, "noise1.edf" in said.message) == ("warning", True)
    loud = [recorded(EPOC_CHANNELS, seed=i, uv=100.0, subject="p1") for i in range(2)]
    with pytest.raises(InputError, match="that can be answered for. Expected a window of noise0.edf"):
        predict_set(made, replace(recordings, recordings=loud))
