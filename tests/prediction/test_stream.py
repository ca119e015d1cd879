"""A stream is answered as the finished recording is."""

from dataclasses import replace

import numpy as np
import pytest

from emotune.data.normalising import Normalisation
from emotune.errors import InputError
from emotune.features.layout import CHANNELS, STANDARD
from emotune.features.preprocessing import Preprocessing
from emotune.features.settings import FeatureSettings
from emotune.prediction.bundle import Bundle
from emotune.prediction.predictor import predict_recording
from emotune.prediction.stream import StreamingPredictor
from emotune.prediction.vectors import calibration_vectors

from .conftest import contents, network, noise

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CAUSAL = FeatureSettings(window_s=2.0, overlap=0.5, preprocessing=Preprocessing((0.5, 45.0), 50.0, 128.0))


def _pushed(predictor, samples, size):
    return [answer for at in range(0, samples.shape[1], size) for answer in predictor.push(samples[:, at : at + size])]


@pytest.mark.parametrize("n_steps", [None, 1, 3])
def test_answers_are_those_of_the_finished_recording(tmp_path, n_steps):
    shape = (STANDARD.n_features,) if n_steps is None else (n_steps, STANDARD.n_features)
    made = contents(model=network(shape), input_shape=shape, features=CAUSAL, temperature=2.0)
    bundle = Bundle.save(tmp_path, **made)
    recording = noise(seconds=13.0, rate_hz=250.0)
    broken = replace(recording, breaks_s=((6.2, 7.0),))
    wanted = predict_recording(bundle, broken)
    predictor = StreamingPredictor(bundle, CHANNELS, 250.0)
    samples = recording.samples_uv.astype(np.float64) + 1e4
    answers = _pushed(predictor, samples[:, :1550], 97)
    predictor.gap(200)
    answers += _pushed(predictor, samples[:, 1750:], 97)
    assert len(answers) == wanted.n_windows > 3
    np.testing.assert_allclose([answer.start_s for answer in answers], wanted.starts_s)
    np.testing.assert_allclose([answer.stop_s for answer in answers], wanted.stops_s)
    np.testing.assert_allclose([answer.probabilities for answer in answers], wanted.probabilities, atol=2e-5)


@pytest.mark.parametrize("n_lost", [0, 500])
def test_no_run_of_windows_crosses_a_gap_whatever_its_length(tmp_path, n_lost):
    shape = (3, STANDARD.n_features)
    plain = FeatureSettings(window_s=2.0)
    bundle = Bundle.save(tmp_path, **contents(model=network(shape), input_shape=shape, features=plain))
    predictor, samples = StreamingPredictor(bundle, CHANNELS, 250.0), noise(seconds=16.0, rate_hz=250.0).samples_uv
    first = _pushed(predictor, samples[:, :2000], 97)
    predictor.gap(n_lost)
    second = _pushed(predictor, samples[:, 2000:], 97)
    assert [answer.start_s for answer in first] == [0.0, 2.0]
    assert [answer.start_s - n_lost / 250.0 for answer in second] == [8.0, 10.0]


def test_runs_of_windows_a_sample_apart_are_answered(tmp_path):
    shape = (2, STANDARD.n_features)
    close = FeatureSettings(window_s=1.0, overlap=0.995)
    bundle = Bundle.save(tmp_path, **contents(model=network(shape), input_shape=shape, features=close))
    recording = noise(seconds=1.1)
    answers = _pushed(StreamingPredictor(bundle, CHANNELS, 128.0), recording.samples_uv, 50)
    assert len(answers) == predict_recording(bundle, recording).n_windows == 13


def test_a_model_that_looks_ahead_is_refused_and_says_why(saved):
    bundle = Bundle.load(saved)
    assert bundle.looks_ahead == ()
    ahead = replace(bundle, features=FeatureSettings(preprocessing=Preprocessing(blinks="ica"), smoothing="lds"))
    assert ahead.looks_ahead == ("ICA over the whole recording", "smoothing over later windows (lds)")
    with pytest.raises(InputError, match="need no later samples.*with ICA over the whole recording, smoothing"):
        StreamingPredictor(ahead, CHANNELS, 128.0)


def test_a_model_of_a_table_is_refused(saved):
    bundle = replace(Bundle.load(saved), features=None)
    assert bundle.looks_ahead == ()
    with pytest.raises(InputError, match="trained on recordings.*trained on a table"):
        StreamingPredictor(bundle, CHANNELS, 128.0)


def test_a_cap_of_another_layout_is_refused(saved):
    with pytest.raises(InputError, match="the model's layout of 32 channels.*Received: 4 channels"):
        StreamingPredictor(Bundle.load(saved), ("TP9", "AF7", "AF8", "TP10"), 128.0)


def test_samples_that_cannot_be_used_are_refused_until_a_gap_is_said(saved):
    predictor, recording = StreamingPredictor(Bundle.load(saved), CHANNELS, 128.0), noise(seconds=13.0)
    spoilt = np.full((32, 4), np.nan)
    with pytest.raises(InputError, match="Expected finite samples"):
        predictor.push(spoilt)
    with pytest.raises(InputError, match=r"Expected `gap\(\)`"):
        predictor.push(recording.samples_uv)
    predictor.gap(4)
    answers = predictor.push(recording.samples_uv)
    assert [answer.start_s for answer in answers] == [4.0, 8.0]
    assert predictor.push(recording.samples_uv[:, :0]) == []


def test_a_person_who_was_calibrated_is_answered_as_from_the_finished_recording(tmp_path):
    made = contents(model=network(), features=CAUSAL)
    bundle = Bundle.save(tmp_path, **made, normalisation=Normalisation.parse("subject"))
    earlier, recording = (noise(seed=seed, seconds=15.0) for seed in (1, 2))
    known = calibration_vectors(bundle, [earlier])
    with pytest.raises(InputError, match="Expected windows of the stream to standardise by.*Received: none"):
        StreamingPredictor(bundle, CHANNELS, 128.0)
    answers = _pushed(StreamingPredictor(bundle, CHANNELS, 128.0, calibration=known), recording.samples_uv, 50)
    wanted = predict_recording(bundle, recording, calibration=known)
    np.testing.assert_allclose([answer.probabilities for answer in answers], wanted.probabilities, atol=2e-5)
