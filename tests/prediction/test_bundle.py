import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import emotune
from emotune.errors import EmotuneError, InputError
from emotune.features.layout import STANDARD, Layout
from emotune.features.settings import FeatureSettings
from emotune.findings import Finding
from emotune.prediction.bundle import DESCRIPTION, MODEL, SCHEMA, Bundle

from .conftest import CLASSES, contents, network, scaler

# Keras 3.15 reads the values of TensorFlow 2.21's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def _answers(bundle):
    sample = np.random.default_rng(5).standard_normal((3, *bundle.input_shape)).astype(np.float32)
    return bundle.model.predict(sample, verbose=0)


def _edit(folder, **changes):
    path = folder / DESCRIPTION
    content = json.loads(path.read_text())
    for key, value in changes.items():
        if value is KeyError:
            del content[key]
        else:
            content[key] = value
    path.write_text(json.dumps(content))


def test_everything_comes_back(tmp_path, model):
    finding = Finding("flat-channel", "warning", "Cz is flat.", "Look at the cap.")
    saved = Bundle.save(
        tmp_path / "a" / "bundle",
        **contents(
            model=model,
            features=FeatureSettings(window_s=2.0, overlap=0.5, reference="none"),
            temperature=1.5,
            hyperparameters={"learning_rate": 0.001, "use_lstm": False},
            provenance={"data": "simulated", "parts": {"train": ["1", "2"]}},
            findings=[finding],
            evaluation={"balanced_accuracy": 0.61},
        ),
    )
    loaded = Bundle.load(tmp_path / "a" / "bundle")
    for bundle in (saved, loaded):
        assert bundle.class_names == CLASSES
        assert bundle.input_shape == (167,)
        assert bundle.n_steps == 1
        assert bundle.layout == STANDARD
        assert bundle.features == FeatureSettings(window_s=2.0, overlap=0.5, reference="none")
        assert bundle.temperature == 1.5
        assert bundle.hyperparameters == {"learning_rate": 0.001, "use_lstm": False}
        assert bundle.provenance == {"data": "simulated", "parts": {"train": ["1", "2"]}}
        assert bundle.findings == (finding,)
        assert bundle.evaluation == {"balanced_accuracy": 0.61}
        np.testing.assert_array_equal(bundle.scaler.mean, scaler().mean)
        np.testing.assert_array_equal(bundle.scaler.scale, scaler().scale)
    sample = np.random.default_rng(5).standard_normal((3, 167)).astype(np.float32)
    np.testing.assert_allclose(_answers(loaded), model.predict(sample, verbose=0), atol=1e-6)


def test_the_folder_holds_two_files_that_others_can_read(saved):
    assert sorted(path.name for path in saved.iterdir()) == [DESCRIPTION, MODEL]
    assert json.loads((saved / DESCRIPTION).read_text())["schema"] == SCHEMA
    assert {path.stat().st_mode & 0o044 for path in saved.iterdir()} <= {0o044, 0o000, 0o040}


def test_a_table_of_unknown_columns_has_no_layout(tmp_path, model):
    Bundle.save(tmp_path, **contents(model=model, layout=None, features=None))
    loaded = Bundle.load(tmp_path)
    assert (loaded.layout, loaded.features, loaded.temperature) == (None, None, None)


def test_windows_in_a_row_have_steps(tmp_path):
    Bundle.save(tmp_path, **contents(model=network((3, 167)), input_shape=(3, 167)))
    assert Bundle.load(tmp_path).n_steps == 3


def test_the_description_is_read_without_keras(saved):
    code = (
        "import sys\nfrom emotune.prediction.bundle import Bundle\nBundle.load(sys.argv[1])\n"
        "print([name for name in ('keras', 'tensorflow', 'sklearn', 'mne') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(emotune.__file__).parents[1])}
    command = [sys.executable, "-c", code, str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [DESCRIPTION, MODEL])
def test_a_missing_file_is_an_error(saved, name):
    (saved / name).unlink()
    with pytest.raises(InputError, match=rf"Expected a Bundle with {name} in .*no such file\. Train the model again"):
        Bundle.load(saved)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"Expected a Bundle with bundle\.json in .*nowhere.*Train the model again"):
        Bundle.load(tmp_path / "nowhere")


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "appended"])
def test_a_damaged_network_is_an_error(saved, damage):
    path = saved / MODEL
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "cut": content[:middle],
            "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "empty": b"",
            "appended": content + b"x",
        }[damage]
    )
    with pytest.raises(InputError, match=r"Expected in .* with the checksum that bundle\.json names.*Train the model"):
        Bundle.load(saved)


@pytest.mark.parametrize("content", ["", "{", "\xff", "[1, 2]", '"text"', "null"])
def test_a_damaged_description_is_an_error(saved, content):
    (saved / DESCRIPTION).write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=r"damaged.* Train the model again") as caught:
        Bundle.load(saved)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": KeyError},
        {"schema": "1"},
        {"schema": 0},
        {"schema": True},
        {"class_names": "abc"},
        {"class_names": ["one"]},
        {"class_names": [1, 2, 3]},
        {"class_names": KeyError},
        {"input_shape": [160]},
        {"input_shape": []},
        {"input_shape": [2, 2, 167]},
        {"input_shape": [167.0]},
        {"scaler": None},
        {"scaler": {"mean": [0.0], "scale": [1.0]}},
        {"scaler": {"mean": [0.0] * 167, "scale": [0.0] * 167}},
        {"layout": {}},
        {"layout": KeyError},
        {"layout": Layout(("Fp1",), STANDARD.bands_hz, ()).to_dict()},
        {"features": {"window_s": 4.0}},
        {"features": {**FeatureSettings().to_dict(), "window_s": -1}},
        {"calibration": 1.5},
        {"calibration": {"temperature": 0}},
        {"calibration": {"temperature": "hot"}},
        {"findings": [{"name": "x"}]},
        {"evaluation": 3},
        {"hyperparameters": None},
        {"created": None},
        {"model_sha256": 5},
    ],
)
def test_a_description_that_makes_no_sense_is_an_error(saved, changes):
    _edit(saved, **changes)
    with pytest.raises(InputError, match=r"Expected the description of a network in .*a damaged one .*Train the model"):
        Bundle.load(saved)


def test_a_newer_bundle_is_an_error(saved):
    _edit(saved, schema=SCHEMA + 1, emotune="9.0")
    message = rf"version {SCHEMA} or older .* Received: version {SCHEMA + 1}, written by emotune 9\.0\. Update emotune"
    with pytest.raises(InputError, match=message):
        Bundle.load(saved)


def test_files_of_two_bundles_do_not_mix(saved, tmp_path, other_model):
    other = tmp_path / "other"
    Bundle.save(other, **contents(model=other_model))
    (other / MODEL).replace(saved / MODEL)
    with pytest.raises(InputError, match="the two come from different runs"):
        Bundle.load(saved)


def test_a_network_that_is_replaced_after_reading_is_noticed(saved, other_model):
    before = Bundle.load(saved)
    Bundle.save(saved, **contents(model=other_model))
    with pytest.raises(InputError, match="Received: another one, saved since. Load the Bundle again"):
        _ = before.model


def test_saving_again_replaces_the_bundle(saved, other_model):
    Bundle.save(saved, **contents(model=other_model, provenance={"data": "second"}))
    assert Bundle.load(saved).provenance == {"data": "second"}
    assert sorted(path.name for path in saved.iterdir()) == [DESCRIPTION, MODEL]


class _CutOff(BaseException):
    """Stands for a power cut: nothing that the code does about exceptions may help."""


def _cut_off_at(monkeypatch, n_th, error):
    """The `n_th` renaming of a file, counted from 1, does not take place."""
    calls = []
    rename = Path.replace

    def replace(self, target):
        calls.append(target)
        if len(calls) == n_th:
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    return calls


@pytest.mark.parametrize("error", [_CutOff(), OSError("disk full")])
@pytest.mark.parametrize(("n_th", "expected"), [(1, "first"), (2, "first"), (3, "second")])
def test_a_save_that_is_cut_off_leaves_the_old_or_the_new_bundle(
    saved, model, other_model, monkeypatch, error, n_th, expected
):
    with monkeypatch.context() as patch:
        _cut_off_at(patch, n_th, error)
        with pytest.raises(type(error)):
            Bundle.save(saved, **contents(model=other_model, provenance={"data": "second"}))
    bundle = Bundle.load(saved)
    assert bundle.provenance == {"data": expected}
    sample = np.random.default_rng(5).standard_normal((3, 167)).astype(np.float32)
    wanted = {"first": model, "second": other_model}[expected].predict(sample, verbose=0)
    np.testing.assert_allclose(_answers(bundle), wanted, atol=1e-6)
    # The next save goes through, and leaves no trace of the one that was cut off.
    Bundle.save(saved, **contents(model=other_model, provenance={"data": "third"}))
    assert Bundle.load(saved).provenance == {"data": "third"}
    assert sorted(path.name for path in saved.iterdir()) == [DESCRIPTION, MODEL]


def test_a_save_has_three_renamings(saved, other_model, monkeypatch):
    # The test above would miss a fourth one.
    calls = _cut_off_at(monkeypatch, 0, None)
    Bundle.save(saved, **contents(model=other_model))
    assert [Path(path).name for path in calls] == ["bundle.next.json", MODEL, DESCRIPTION]


@pytest.mark.parametrize("n_th", [1, 2, 3])
def test_a_first_save_that_is_cut_off_is_whole_or_an_error(tmp_path, model, monkeypatch, n_th):
    with monkeypatch.context() as patch:
        _cut_off_at(patch, n_th, _CutOff())
        with pytest.raises(_CutOff):
            Bundle.save(tmp_path / "new", **contents(model=model))
    if n_th == 3:
        assert Bundle.load(tmp_path / "new").class_names == CLASSES
    else:
        with pytest.raises(InputError, match="no such file"):
            Bundle.load(tmp_path / "new")


def test_a_network_that_fails_while_it_is_written_leaves_the_old_bundle(saved, model):
    class Failing:
        def save(self, path):
            Path(path).write_bytes(b"half a network")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Bundle.save(saved, **contents(model=Failing()))
    assert Bundle.load(saved).provenance == {"data": "first"}


@pytest.mark.parametrize("value", [float("nan"), np.float32(1.0), {1, 2}, object()])
def test_what_is_no_json_is_refused_before_anything_is_written(tmp_path, model, value):
    with pytest.raises(InputError, match="must be JSON values. Received: .* Turn arrays into lists and NaN into None"):
        Bundle.save(tmp_path / "new", **contents(model=model, evaluation={"score": value}))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": ("a", "b")}, r"`class_names` must name each output .* Received: 2 names for .*\(3,\)"),
        ({"input_shape": (2, 167)}, r"`input_shape` must be the network's. Received: \(2, 167\) for \(167,\)"),
        ({"scaler": scaler(5)}, "numbers of columns"),
    ],
)
def test_a_description_that_does_not_fit_the_network_is_refused(saved, model, changes, message):
    with pytest.raises(InputError, match=message):
        Bundle.save(saved, **contents(model=model, **changes))
    assert Bundle.load(saved).provenance == {"data": "first"}


def test_a_network_without_probabilities_is_refused(tmp_path):
    import keras

    inputs = keras.Input((167,))
    with pytest.raises(InputError, match="must answer with probabilities.* End it with a softmax layer"):
        Bundle.save(tmp_path, **contents(model=keras.Model(inputs, keras.layers.Dense(3)(inputs))))


def test_a_network_of_not_a_numbers_is_refused(saved, model):
    import keras

    broken = keras.models.clone_model(model)
    broken.set_weights([np.full_like(weight, np.nan) for weight in broken.get_weights()])
    with pytest.raises(InputError, match="must answer with probabilities"):
        Bundle.save(saved, **contents(model=broken))
    assert Bundle.load(saved).provenance == {"data": "first"}


def test_a_network_that_answers_otherwise_after_loading_is_refused(tmp_path, model, other_model):
    class Forgetful:
        def __call__(self, *args, **options):
            return model(*args, **options)

        def save(self, path):
            other_model.save(path)

    with pytest.raises(EmotuneError, match="answer as the trained one does. Received: other answers after loading"):
        Bundle.save(tmp_path, **contents(model=Forgetful()))


OWN_LAYER = """
import keras

{registered}
class Scaled(keras.layers.Layer):
    def call(self, inputs):
        return 2.0 * inputs

def model():
    inputs = keras.Input((167,))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(Scaled()(inputs)))
"""


@pytest.mark.parametrize("registered", ["", '@keras.saving.register_keras_serializable("own")'])
def test_a_layer_that_only_this_program_knows_is_refused(saved, monkeypatch, registered):
    import keras

    own = ModuleType("emotune_user_hypermodel")
    monkeypatch.setitem(sys.modules, own.__name__, own)
    before = dict(keras.saving.get_custom_objects())
    exec(OWN_LAYER.format(registered=registered), own.__dict__)
    with keras.saving.custom_object_scope({"Scaled": own.Scaled}):
        with pytest.raises(
            InputError, match=r"Received: Scaled\. Build it of Keras's layers, and of functions of keras"
        ):
            Bundle.save(saved, **contents(model=own.model()))
        assert keras.saving.get_registered_object("Scaled") is own.Scaled
    # What was hidden while loading is back.
    assert sys.modules[own.__name__] is own
    assert ("own>Scaled" in keras.saving.get_custom_objects()) == bool(registered)
    assert before.items() <= keras.saving.get_custom_objects().items()
    keras.saving.get_custom_objects().pop("own>Scaled", None)
    assert Bundle.load(saved).provenance == {"data": "first"}


def test_functions_of_keras_ops_load_anywhere(tmp_path):
    import keras

    inputs = keras.Input((167,))
    outputs = keras.layers.Dense(3, activation="softmax")(keras.ops.tanh(2.0 * inputs))
    assert _answers(Bundle.save(tmp_path, **contents(model=keras.Model(inputs, outputs)))).shape == (3, 3)


def test_code_in_a_network_is_not_run(saved, tmp_path):
    import hashlib

    import keras

    marker = tmp_path / "was run"
    inputs = keras.Input((167,))
    hidden = keras.layers.Lambda(lambda x: x if not Path("/").exists() else x)(inputs)
    evil = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
    with pytest.raises(InputError, match="plain layers in .*Lambda"):
        Bundle.save(saved, **contents(model=evil))
    # A foreign Bundle with a checksum that fits is refused when its network is asked for.
    evil.save(saved / MODEL)
    _edit(saved, model_sha256=hashlib.sha256((saved / MODEL).read_bytes()).hexdigest())
    with pytest.raises(InputError, match="leave Lambda layers out") as caught:
        _ = Bundle.load(saved).model
    assert "\n" not in str(caught.value)
    assert not marker.exists()


def test_a_zip_that_is_no_network_is_an_error(saved):
    import hashlib

    with zipfile.ZipFile(saved / MODEL, "w") as archive:
        archive.writestr("config.json", "{}")
    _edit(saved, model_sha256=hashlib.sha256((saved / MODEL).read_bytes()).hexdigest())
    with pytest.raises(InputError, match="Expected a Keras network of plain layers"):
        _ = Bundle.load(saved).model


def test_the_network_is_loaded_once(saved):
    bundle = Bundle.load(saved)
    assert bundle.model is bundle.model
