from dataclasses import replace

import numpy as np
import pytest

from emotune.errors import EmotuneError, InputError
from emotune.features.extraction import extract
from emotune.features.layout import BANDS_HZ, CHANNELS, STANDARD
from emotune.features.settings import FeatureSettings
from emotune.prediction.bundle import Bundle
from emotune.prediction.predictor import predict_recording

from .conftest import CLASSES, contents, network, noise

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def _softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _by_hand(model, bundle, rows):
    """The softmax regression of conftest in float64, from its weights."""
    kernel, bias = (np.asarray(weight, dtype=np.float64) for weight in model.get_weights())
    scaled = (rows.astype(np.float64) - bundle.scaler.mean) / bundle.scaler.scale
    return _softmax(scaled.reshape(len(rows), -1) @ kernel + bias)


def test_windows_get_the_networks_probabilities_and_the_file_their_mean(saved, model):
    bundle, recording = Bundle.load(saved), noise(seconds=13.0)
    prediction = predict_recording(bundle, recording)
    features = extract(recording, FeatureSettings())
    wanted = _by_hand(model, bundle, features.values)
    np.testing.assert_allclose(prediction.probabilities, wanted, atol=1e-4)
    np.testing.assert_allclose(prediction.probabilities.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(prediction.mean_probabilities, wanted.mean(axis=0), atol=1e-4)
    assert prediction.emotion == CLASSES[int(wanted.mean(axis=0).argmax())]
    assert prediction.window_emotions == tuple(CLASSES[i] for i in wanted.argmax(axis=1))
    # 13 s hold three whole windows of 4 s.
    assert prediction.n_windows == 3
    np.testing.assert_allclose(prediction.starts_s, [0.0, 4.0, 8.0])
    np.testing.assert_allclose(prediction.stops_s, [4.0, 8.0, 12.0])


def test_times_count_from_the_start_of_the_file(saved):
    prediction = predict_recording(Bundle.load(saved), noise(), offset_s=100.0)
    np.testing.assert_allclose(prediction.starts_s, [100.0, 104.0, 108.0])


def test_windows_in_a_row_slide_by_one_window(tmp_path):
    model = network((2, STANDARD.n_features))
    bundle = Bundle.save(tmp_path, **contents(model=model, input_shape=(2, STANDARD.n_features)))
    recording = noise(seconds=13.0)
    prediction = predict_recording(bundle, recording)
    values = extract(recording, FeatureSettings()).values
    wanted = _by_hand(model, bundle, np.stack([values[0:2], values[1:3]]))
    np.testing.assert_allclose(prediction.probabilities, wanted, atol=1e-4)
    np.testing.assert_allclose(prediction.starts_s, [0.0, 4.0])
    np.testing.assert_allclose(prediction.stops_s, [8.0, 12.0])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_calibration_divides_the_logarithms(saved, temperature):
    bundle, recording = Bundle.load(saved), noise()
    plain = predict_recording(bundle, recording).probabilities
    calibrated = predict_recording(replace(bundle, temperature=temperature), recording).probabilities
    wanted = plain ** (1 / temperature)
    np.testing.assert_allclose(calibrated, wanted / wanted.sum(axis=1, keepdims=True), atol=1e-9)


def test_the_settings_of_the_bundle_are_used(tmp_path, model):
    settings = FeatureSettings(window_s=2.0, overlap=0.5, reference="none")
    bundle = Bundle.save(tmp_path, **contents(model=model, features=settings))
    recording = noise(seconds=5.0)
    prediction = predict_recording(bundle, recording)
    np.testing.assert_allclose(prediction.starts_s, [0.0, 1.0, 2.0, 3.0])
    np.testing.assert_allclose(prediction.stops_s, [2.0, 3.0, 4.0, 5.0])
    wanted = _by_hand(model, bundle, extract(recording, settings).values)
    np.testing.assert_allclose(prediction.probabilities, wanted, atol=1e-4)


def test_missing_and_extra_channels_are_named(saved):
    names = [*(name for name in CHANNELS if name not in ("Oz", "Cz")), "ECG"]
    prediction = predict_recording(Bundle.load(saved), noise(names))
    assert set(prediction.interpolated) == {"Oz", "Cz"}
    assert prediction.dropped == ("ECG",)
    assert "interpolated-channels" in {finding.name for finding in prediction.findings}


def test_old_names_and_another_order_give_the_same_answer(saved):
    bundle, recording = Bundle.load(saved), noise()
    old = {"T7": "EEG T3", "T8": "EEG T4", "P7": "EEG T5", "P8": "EEG T6"}
    names = tuple(old.get(name, name.upper()) for name in reversed(recording.channel_names))
    turned = replace(recording, samples_uv=recording.samples_uv[::-1].copy(), channel_names=names)
    wanted = predict_recording(bundle, recording).probabilities
    np.testing.assert_allclose(predict_recording(bundle, turned).probabilities, wanted, atol=1e-4)


def test_a_model_of_one_cap_does_not_take_another(saved, tmp_path):
    muse = noise(("TP9", "AF7", "AF8", "TP10"))
    message = r"the model's layout, 32 channels \(Fp1, AF3, F3, F7 …\) .* Received: 4 channels .* from noise\.edf\. Use"
    with pytest.raises(InputError, match=message):
        predict_recording(Bundle.load(saved), muse)
    layout = extract(muse, FeatureSettings()).layout
    own = contents(model=network((layout.n_features,)), layout=layout, input_shape=(layout.n_features,))
    own["scaler"] = type(own["scaler"]).fit(np.random.default_rng(0).standard_normal((9, layout.n_features)))
    bundle = Bundle.save(tmp_path / "muse", **own)
    assert predict_recording(bundle, muse).n_windows == 3
    with pytest.raises(InputError, match=r"the model's layout, 4 channels .* Received: 32 channels"):
        predict_recording(bundle, noise())


def test_a_bundle_whose_bands_and_layout_disagree_does_not_predict(tmp_path, model):
    settings = FeatureSettings(bands_hz={**BANDS_HZ, "gamma": (31.0, 40.0)})
    bundle = Bundle.save(tmp_path, **contents(model=model, features=settings))
    with pytest.raises(InputError, match="gamma 31–45 Hz.* Received: .*gamma 31–40 Hz"):
        predict_recording(bundle, noise())


def test_a_model_of_a_table_does_not_take_recordings(tmp_path, model):
    bundle = Bundle.save(tmp_path, **contents(model=model, layout=None, features=None))
    with pytest.raises(InputError, match="Expected a model that was trained on recordings.*windows and reference"):
        predict_recording(bundle, noise())


def test_a_recording_shorter_than_a_run_of_windows_is_refused(tmp_path):
    shape = (4, STANDARD.n_features)
    bundle = Bundle.save(tmp_path, **contents(model=network(shape), input_shape=shape))
    message = "at least 4 windows of 4 s, which the model sees in a row. Received: 3 in 13 s of noise.edf. Give a"
    with pytest.raises(InputError, match=message):
        predict_recording(bundle, noise(seconds=13.0))


def test_a_recording_with_holes_is_refused(saved):
    recording = noise()
    recording.samples_uv[3, 100] = np.nan
    with pytest.raises(InputError, match="NaN|finite|number"):
        predict_recording(Bundle.load(saved), recording)


def test_a_network_that_answers_with_no_numbers_is_a_failure(saved):
    class Broken:
        def __call__(self, inputs, **_):
            return np.full((len(inputs), len(CLASSES)), np.nan)

    bundle = Bundle.load(saved)
    bundle._models.append(Broken())
    with pytest.raises(EmotuneError, match="Expected a probability for each of the 3 classes .* Train the model again"):
        predict_recording(bundle, noise())


def test_certainty_survives_calibration(saved):
    class Certain:
        def __call__(self, inputs, **_):
            return np.tile([0.0, 1.0, 0.0], (len(inputs), 1))

    bundle = replace(Bundle.load(saved), temperature=2.0)
    bundle._models.append(Certain())
    prediction = predict_recording(bundle, noise())
    np.testing.assert_allclose(prediction.probabilities, [[0, 1, 0]] * 3, atol=1e-12)
    assert prediction.emotion == "happy"


def test_a_prediction_as_json(saved):
    import json

    content = json.loads(json.dumps(predict_recording(Bundle.load(saved), noise()).to_dict(), allow_nan=False))
    assert content["n_windows"] == len(content["windows"]) == 3
    assert content["emotion"] == max(content["probabilities"], key=content["probabilities"].get)
    assert list(content["probabilities"]) == list(CLASSES)
    assert content["windows"][1]["start_s"] == 4.0
    assert sum(content["windows"][1]["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
    assert content["whole_recording_is"] == "mean of the windows' probabilities"


def test_no_run_of_windows_crosses_an_interruption():
    from emotune.prediction.vectors import runs_of_windows

    numbers = np.array([0, 1, 2, 5, 6])  # two windows touched a break
    assert runs_of_windows(numbers, 2).tolist() == [[0, 1], [1, 2], [3, 4]]
    assert runs_of_windows(numbers, 1).tolist() == [[0], [1], [2], [3], [4]]
    assert runs_of_windows(numbers, 4).tolist() == []
