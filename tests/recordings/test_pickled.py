"""A pickled recording: found by keys and shapes, never by running anything; what is unclear is listed."""

import pickle

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings.reading import read_recording

NAMES = ["Fp1", "Cz", "O2", "ECG"]


def centred(samples):
    return samples - samples.mean(axis=1, keepdims=True)


@pytest.fixture
def write(tmp_path, make_eeg):
    """Pickle what a function makes of four channels of noise; gives the path and the samples."""

    def write(content, name="a.pkl"):
        samples = make_eeg(NAMES)
        path = tmp_path / name
        path.write_bytes(pickle.dumps(content(samples) if callable(content) else content))
        return path, samples

    return write


def message_of(path):
    with pytest.raises(InputError) as caught:
        read_recording(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_the_real_one_is_its_raw_array(shared_data, caplog):
    from emotune.recordings.unpickling import load_pickle

    path = shared_data / "formats" / "pickle" / "EEG16sec_artifact.pkl"
    with caplog.at_level("INFO", logger="emotune"):
        recording = read_recording(path)
    raw = load_pickle(path)["X_raw"].T
    np.testing.assert_allclose(recording.samples_uv, centred(raw), atol=1e-4)
    assert (recording.sampling_rate_hz, len(recording.channel_names)) == (128.0, 14)
    assert recording.source == f"{path}, X_raw"
    assert "`X_raw` was taken, not X_fil, X_ica, X_atar_soft, X_atar_elim" in caplog.text


@pytest.mark.parametrize(
    ("array", "rate", "names"),
    [
        ("data", "fs", "ch_names"),
        ("EEG", "Sampling_Rate", "Channels"),
        ("X", "sfreq", "ch"),
        ("any", "srate", "labels"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_keys_of_many_kinds_and_both_orders_are_understood(array, rate, names, turned, write):
    path, samples = write(lambda x: {array: x.T if turned else x, rate: np.float64(128), names: np.array(NAMES)})
    recording = read_recording(path)
    assert recording.channel_names == ("Fp1", "Cz", "O2")
    assert recording.source == str(path)
    np.testing.assert_allclose(recording.samples_uv, centred(samples[:3]), atol=1e-3)


@pytest.mark.parametrize(("unit", "factor"), [("V", 1e6), ("mV", 1e3), ("uV", 1.0)])
def test_a_unit_is_used(unit, factor, write):
    path, samples = write(lambda x: {"data": x, "fs": 128, "ch_names": NAMES, "units": unit})
    np.testing.assert_allclose(read_recording(path).samples_uv, centred(samples[:3]) * factor, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda x: x, "Expected a dict by names"),
        (lambda x: {1: x}, "Expected a dict by names"),
        (lambda x: {}, "Expected channel names in"),
        (lambda x: {"data": x, "fs": 128}, "Expected channel names in"),
        (lambda x: {"data": x, "fs": 128, "ch_names": 4}, "Expected channel names in"),
        (lambda x: {"data": x, "ch_names": NAMES}, "Expected a sampling rate in"),
        (lambda x: {"data": x, "fs": 0, "ch_names": NAMES}, "Expected a sampling rate in"),
        (lambda x: {"data": x, "fs": float("nan"), "ch_names": NAMES}, "Expected a sampling rate in"),
        (lambda x: {"data": x, "fs": 128, "ch_names": NAMES[:3]}, "a row or column for each of the 3 channel names"),
        (lambda x: {"data": x[np.newaxis], "fs": 128, "ch_names": NAMES}, "data (float64 (1, 4, 512))"),
        (lambda x: {"data": x[:, :4], "fs": 128, "ch_names": NAMES}, "data (float64 (4, 4))"),
        (lambda x: {"left": x, "right": x, "fs": 128, "ch_names": NAMES}, "left (float64 (4, 512)), right (float64"),
        (lambda x: {"data": x, "fs": 128, "ch_names": NAMES, "unit": "lsb"}, "Received: 'lsb'. Scale it to µV."),
        (lambda x: {"data": x[:2], "fs": 128, "ch_names": ["ECG", "EMG"]}, "none of them good EEG: ECG, EMG."),
    ],
)
def test_what_is_unclear_is_listed(content, said, write):
    path, _ = write(content)
    assert said in message_of(path)


def test_half_of_one_and_one_that_would_run_code(write):
    path, _ = write(lambda x: {"data": x, "fs": 128, "ch_names": NAMES}, name="a.pickle")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "cannot be used" in message_of(path)
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    assert "os.system" in message_of(path)
