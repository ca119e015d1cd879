import shutil
import warnings

import numpy as np
import pytest

from emotune.data.scaling import Scaler
from emotune.features.layout import CHANNELS, STANDARD
from emotune.features.settings import FeatureSettings
from emotune.prediction.bundle import Bundle
from emotune.recordings.recording import Recording

CLASSES = ("neutral", "happy", "sad")


def noise(channel_names=CHANNELS, seconds=13.0, rate_hz=128.0, seed=0):
    """A recording of white noise, 10 µV, no two channels alike."""
    samples = np.random.default_rng(seed).standard_normal((len(channel_names), round(seconds * rate_hz))) * 10
    return Recording(samples.astype(np.float32), rate_hz, tuple(channel_names), source="noise.edf")


def network(input_shape=(STANDARD.n_features,), seed=0):
    """An untrained softmax regression; small weights, so that no probability is all or nothing."""
    import keras

    keras.utils.set_random_seed(seed)
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(inputs) if len(input_shape) > 1 else inputs
    outputs = keras.layers.Dense(len(CLASSES), activation="softmax", bias_initializer="random_normal")(x)
    model = keras.Model(inputs, outputs)
    model.compile("adam", "categorical_crossentropy")
    return model


def scaler(n_features=STANDARD.n_features):
    generator = np.random.default_rng(3)
    return Scaler(
        generator.normal(size=n_features).astype(np.float32),
        generator.uniform(2.0, 3.0, size=n_features).astype(np.float32),
    )


def contents(**changes):
    """What `Bundle.save` takes."""
    return {
        "model": None,
        "class_names": CLASSES,
        "input_shape": (STANDARD.n_features,),
        "scaler": scaler(),
        "layout": STANDARD,
        "features": FeatureSettings(),
        **changes,
    }


@pytest.fixture(scope="session")
def model():
    return network()


@pytest.fixture(scope="session")
def other_model():
    return network(seed=1)


@pytest.fixture(scope="session")
def saved_once(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("saved") / "bundle"
    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):
        Bundle.save(folder, **contents(model=model, provenance={"data": "first"}))
    return folder


@pytest.fixture
def saved(tmp_path, saved_once):
    """A folder with a Bundle, for a test to damage."""
    return shutil.copytree(saved_once, tmp_path / "bundle")
