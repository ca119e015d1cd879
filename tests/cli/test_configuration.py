import re
import sys
from pathlib import Path

import pytest

from emotune.cli.configuration import not_applied, read_configuration, shown
from emotune.cli.constants import CONSTANTS, REQUIRED
from emotune.errors import InputError
from emotune.evaluation.metrics import metric_named
from emotune.features.layout import BANDS_HZ, CHANNELS
from emotune.features.settings import FeatureSettings
from emotune.recordings.rhythms import EMOTIONS

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "src" / "config.py"

# A file of its own, so that these tests hold whatever a user has written into src/config.py.
LINES = {constant.name: f"{constant.name} = {constant.example!r}  # why\n" for constant in CONSTANTS}


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write_with(changes=None, before=""):
        path = tmp_path / "config.py"
        path.write_text(before + "".join({**LINES, **(changes or {})}.values()), encoding="utf-8")
        return path

    return write_with


def test_every_constant_has_an_example_that_fits():
    for constant in CONSTANTS:
        assert constant.check(constant.example) == constant.example, constant.name


def test_values_are_typed_and_their_source_is_the_file(write):
    configuration = read_configuration(write({"LEARNING_RATE": "LEARNING_RATE: float = 1\n"}))
    assert type(configuration.values["LEARNING_RATE"]) is float
    assert configuration.source_of("LEARNING_RATE") == "config.py"
    assert configuration.source_of("workers") == "default"
    assert configuration.data == "simulated"
    assert configuration.models_dir == Path("models")
    assert (configuration.epochs, configuration.patience, configuration.seed) == (50, 10, 0)
    assert configuration.emotion_labels == {0: "calm", 1: "tense"}
    assert configuration.channels == ("Fp1", "Fp2")


def test_the_constants_become_the_hyperparameters_of_the_model(write):
    lists = {
        "CNN_FILTERS": "CNN_FILTERS = [32, 64]\n",
        "KERNEL_SIZES": "KERNEL_SIZES = (3, 5)\n",
        "POOLING": 'POOLING = ["max", "average"]\n',
        "POOL_SIZES": "POOL_SIZES = [2, 3]\n",
        "CNN_DROPOUTS": "CNN_DROPOUTS = [0.1] * 2\n",
    }
    hyperparameters = read_configuration(write(lists)).hyperparameters
    assert hyperparameters["cnn_blocks"] == 2
    assert [hyperparameters[f"cnn_filters_{i}"] for i in range(2)] == [32, 64]
    assert [hyperparameters[f"kernel_size_{i}"] for i in range(2)] == [3, 5]
    assert [hyperparameters[f"pooling_{i}"] for i in range(2)] == ["max", "average"]
    assert "cnn_filters_2" not in hyperparameters
    assert hyperparameters["use_lstm"] is True
    assert hyperparameters["lstm_units"] == 32
    assert hyperparameters["activation"] == "relu"


def test_no_lstm_units_mean_no_lstm(write):
    hyperparameters = read_configuration(write({"LSTM_UNITS": "LSTM_UNITS = 0\n"})).hyperparameters
    assert hyperparameters["use_lstm"] is False
    assert "lstm_units" not in hyperparameters


def test_names_that_are_not_known_are_ignored(write):
    before = "import math\nMY_OWN = object()\nfrom pathlib import Path\n"
    assert "MY_OWN" not in read_configuration(write(before=before)).values


def test_a_file_of_an_earlier_version_means_what_it_meant_then(write):
    since = [constant for constant in CONSTANTS if constant.default is not REQUIRED]
    assert len(since) == 14
    older, usual = read_configuration(write({constant.name: "" for constant in since})), FeatureSettings()
    settings = older.feature_settings
    for name in ("preprocessing", "estimator", "extra_blocks", "smoothing"):
        assert getattr(settings, name) == getattr(usual, name)
    assert older.values["NORMALISE"] == "training"
    assert [older.values[name] for name in ("PROTOCOL", "INNER_FOLDS", "SEEDS_PER_TRIAL")] == ["", 1, 1]
    assert {older.source_of(constant.name) for constant in since} == {"default"}


@pytest.mark.parametrize("name", ["BANDPASS_HZ", "NOTCHES_HZ", "EPOCHES", "WINDOWS_S"])
def test_a_misspelt_constant_is_named_with_the_one_that_is_meant(write, name):
    with pytest.raises(
        InputError, match=rf"^Expected settings in config\.py.*Received: {name}.*Did you mean [A-Z_]+\?"
    ):
        read_configuration(write(before=f"{name} = 1\n"))


@pytest.mark.parametrize("name", [constant.name for constant in CONSTANTS if constant.default is REQUIRED])
def test_a_missing_constant_is_named_with_a_line_to_add(write, name):
    with pytest.raises(InputError, match=rf"^`{name}` must be in config\.py: .* Add a line like {name} = ") as caught:
        read_configuration(write({name: ""}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LEARNING_RATE", "'fast'", "a number above 0"),
        ("LEARNING_RATE", "0", "a number above 0"),
        ("LEARNING_RATE", "-1e-3", "a number above 0"),
        ("LEARNING_RATE", "True", "a number above 0"),
        ("LEARNING_RATE", "float('nan')", "a number above 0"),
        ("LEARNING_RATE", "float('inf')", "a number above 0"),
        ("BATCH_SIZE", "32.0", "a whole number from 1"),
        ("BATCH_SIZE", "0", "a whole number from 1"),
        ("EPOCHS", "None", "a whole number from 1"),
        ("SEED", "-1", "a whole number from 0"),
        ("LSTM_UNITS", "False", r"a whole number \(0 for no LSTM\)"),
        ("INPUT_DROPOUT", "1", "a number from 0 to below 1"),
        ("WINDOW_OVERLAP", "1.0", "a number from 0 to below 1"),
        ("CNN_FILTERS", "64", "a list with a whole number from 1 for each layer"),
        ("CNN_FILTERS", "[64.5]", "a list with a whole number from 1 for each layer"),
        ("POOLING", "'max'", "a list with a text for each layer"),
        ("OPTIMIZER", "''", "a text"),
        ("BATCH_NORM", "1", "True or False"),
        ("DATA", "3", "a text: `simulated`"),
        ("EMOTION_LABELS", "['calm', 'tense']", "a dict from 0, 1, 2 … to different names"),
        ("EMOTION_LABELS", "{1: 'calm', 2: 'tense'}", "a dict from 0, 1, 2 … to different names"),
        ("EMOTION_LABELS", "{0: 'calm', 1: 'calm'}", "a dict from 0, 1, 2 … to different names"),
        ("EMOTION_LABELS", "{0: 'calm'}", "a dict from 0, 1, 2 … to different names"),
        ("EMOTION_LABELS", "{False: 'calm', True: 'tense'}", "a dict from 0, 1, 2 … to different names"),
        ("EMOTION_LABELS", "{'0': 'calm', 1: 'tense'}", "a dict from 0, 1, 2 … to different names"),
        ("CHANNELS", "[]", "a list of different channel names"),
        ("CHANNELS", "['Fp1', 'FP1']", "a list of different channel names"),
        ("BANDS_HZ", "{}", r"a dict from names to \(low, high\) in Hz"),
        ("BANDS_HZ", "[('alpha', 8, 14)]", r"a dict from names to \(low, high\) in Hz"),
        ("BANDS_HZ", "{'alpha': (14, 8)}", r"a dict from names to \(low, high\) in Hz"),
        ("BANDS_HZ", "{'alpha': 8}", r"a dict from names to \(low, high\) in Hz"),
        ("BANDS_HZ", "{'alpha': (8, 10, 12)}", r"a dict from names to \(low, high\) in Hz"),
        ("EXTRA_HYPERPARAMETERS", "{'a': None}", "a dict from names to numbers, texts or booleans"),
        ("EXTRA_HYPERPARAMETERS", "{'a': [1]}", "a dict from names to numbers, texts or booleans"),
        ("EXTRA_HYPERPARAMETERS", "{1: 2}", "a dict from names to numbers, texts or booleans"),
        ("EXTRA_HYPERPARAMETERS", "[]", "a dict from names to numbers, texts or booleans"),
    ],
)
def test_a_value_of_another_type_is_refused(write, name, value, expected):
    with pytest.raises(InputError, match=f"^`{name}` must be {expected}.* Received: .* from config.py. Write for"):
        read_configuration(write({name: f"{name} = {value}\n"}))


def test_the_last_value_of_a_list_serves_further_layers_and_surplus_ones_none(write):
    changes = {"CNN_FILTERS": "CNN_FILTERS = [8, 16, 32]\n", "KERNEL_SIZES": "KERNEL_SIZES = [7, 5]\n"}
    hyperparameters = read_configuration(write(changes)).hyperparameters
    assert [hyperparameters[f"kernel_size_{i}"] for i in range(3)] == [7, 5, 5]
    hyperparameters = read_configuration(write({**changes, "CNN_FILTERS": "CNN_FILTERS = [8]\n"})).hyperparameters
    assert (hyperparameters["cnn_blocks"], hyperparameters["kernel_size_0"]) == (1, 7)
    assert "kernel_size_1" not in hyperparameters


def test_layers_without_any_value_are_refused(write):
    with pytest.raises(
        InputError, match=r"`POOLING` must have a value for the layers of `CNN_FILTERS`. Received: \[\] "
    ):
        read_configuration(write({"POOLING": "POOLING = []\n"}))
    without = {"POOLING": "POOLING = []\n", "CNN_FILTERS": "CNN_FILTERS = []\n"}
    assert read_configuration(write(without)).hyperparameters["cnn_blocks"] == 0


def test_extra_hyperparameters_must_not_repeat_a_constant(write):
    extra = "EXTRA_HYPERPARAMETERS = {'learning_rate': 0.1, 'cnn_filters_0': 3}\n"
    with pytest.raises(
        InputError, match="no other constant can hold.* Received: cnn_filters_0, learning_rate. Remove them"
    ):
        read_configuration(write({"EXTRA_HYPERPARAMETERS": extra}))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"Expected a configuration file at .*no such file\. Run the command from"):
        read_configuration(tmp_path / "config.py")


def test_a_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match="Expected a configuration file at"):
        read_configuration(tmp_path)


def test_a_syntax_error_is_named_with_its_line(write):
    with pytest.raises(InputError, match=r"Expected Python in config\.py\. Received: .* at line 2: 'B = \('\. Mend"):
        read_configuration(write(before="A = 1\nB = (\n"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("A = 1 / 0", r"ZeroDivisionError: division by zero at line 2\. Mend"),
        ("A = int('x')", r"ValueError: invalid literal .* at line 2\. Mend"),
        ("import no_such_package", r"ModuleNotFoundError: .* at line 2\. Mend"),
        ("raise RuntimeError('no')", r"RuntimeError: no at line 2\. Mend"),
    ],
)
def test_a_file_that_fails_is_named_with_its_line(write, line, message):
    with pytest.raises(InputError, match=f"Expected plain constants in config.py. Received: {message}"):
        read_configuration(write(before=f"# first\n{line}\n"))


@pytest.mark.parametrize("content", [b"A = '\xff'\n", b"A = 1\x00\n"])
def test_a_file_that_is_no_text_is_an_error(tmp_path, content):
    path = tmp_path / "config.py"
    path.write_bytes(content)
    with pytest.raises(InputError, match="Expected (text|Python) in .* Received: "):
        read_configuration(path)


def test_an_edit_of_equal_length_within_a_second_is_seen(write):
    first = read_configuration(write({"SEED": "SEED = 1\n"})).seed
    second = read_configuration(write({"SEED": "SEED = 2\n"})).seed
    assert (first, second) == (1, 2)


def test_reading_leaves_nothing_behind(write, tmp_path):
    read_configuration(write())
    assert [path.name for path in tmp_path.iterdir()] == ["config.py"]
    assert "emotune_configuration" not in sys.modules


def test_the_command_line_overrides_and_is_named_as_the_source(write):
    configuration = read_configuration(write())
    changed = configuration.overridden({"DATA": "x.npz", "EPOCHS": 3, "SEED": None})
    assert (changed.data, changed.epochs, changed.seed) == ("x.npz", 3, 0)
    assert changed.source_of("DATA") == "command line"
    assert changed.source_of("SEED") == "config.py"
    assert configuration.data == "simulated"
    assert ("EPOCHS", "3", "command line") in changed.rows()
    assert [name for name, _, _ in changed.rows()] == [constant.name for constant in CONSTANTS]


def test_the_command_line_is_checked_too(write):
    with pytest.raises(InputError, match="`EPOCHS` must be a whole number from 1. Received: 0 from the command line"):
        read_configuration(write()).overridden({"EPOCHS": 0})


def test_a_winner_can_take_the_place_of_the_constants(write):
    best = {"learning_rate": 0.02, "cnn_blocks": 0, "use_lstm": False, "gate": True}
    configuration = read_configuration(write()).with_hyperparameters(best, source="models/best.json")
    assert best.items() <= configuration.hyperparameters.items()
    assert configuration.source_of("LEARNING_RATE") == "models/best.json"
    assert configuration.source_of("EPOCHS") == "config.py"


def test_what_is_better_and_not_applied_is_named(write):
    configuration = read_configuration(write())
    best = {**configuration.hyperparameters, "learning_rate": 0.02, "cnn_filters_0": 96, "new": 1}
    assert not_applied(configuration, best) == [
        ("CNN_FILTERS", [32], [96]),
        ("LEARNING_RATE", 0.001, 0.02),
        ("EXTRA_HYPERPARAMETERS", {"activation": "relu"}, {"activation": "relu", "new": 1}),
    ]
    assert not_applied(configuration, configuration.hyperparameters) == []


def test_what_is_not_applied_can_be_said_of_any_winner(write):
    configuration = read_configuration(write())
    odd = {"batch_norm": "before", "cnn_blocks": "few", "own": float("nan"), "dense_units_0": None}
    extra = {"batch_norm": "before", "cnn_blocks": "few"}
    assert not_applied(configuration, odd) == [("EXTRA_HYPERPARAMETERS", {"activation": "relu"}, extra)]


def test_an_extra_hyperparameter_overrides_a_constant_that_cannot_hold_it(write):
    extra = "EXTRA_HYPERPARAMETERS = {'batch_norm': 'before', 'dense_units_0': 'wide'}\n"
    hyperparameters = read_configuration(write({"EXTRA_HYPERPARAMETERS": extra})).hyperparameters
    assert (hyperparameters["batch_norm"], hyperparameters["dense_units_0"]) == ("before", "wide")


def test_numbered_classes_get_the_names_of_the_configuration(write):
    configuration = read_configuration(write())
    assert configuration.class_names(("0", "1")) == ("calm", "tense")
    # Fewer or other numbers mean something else there: 0 and 1 of low and high are not neutral and happy.
    assert configuration.class_names(("1",)) == ("1",)
    assert configuration.class_names(("0", "1", "2")) == ("0", "1", "2")
    assert configuration.class_names(("rest", "arithmetic")) == ("rest", "arithmetic")
    assert configuration.class_names(("0", "7")) == ("0", "7")


def test_feature_settings_follow_the_constants(write):
    changes = {
        "WINDOW_S": "WINDOW_S = 2\n",
        "WINDOW_OVERLAP": "WINDOW_OVERLAP = 0.5\n",
        "BANDS_HZ": "BANDS_HZ = {'alpha': (8, 12)}\n",
        "REFERENCE": "REFERENCE = 'none'\n",
    }
    settings = read_configuration(write(changes)).feature_settings
    assert (settings.window_s, settings.overlap, settings.reference) == (2.0, 0.5, "none")
    assert settings.bands_hz == {"alpha": (8.0, 12.0)}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.001, "0.001"),
        ("adam", "adam"),
        ([64, 128], "[64, 128]"),
        ({}, "{}"),
        ({"alpha": (8.0, 14.0)}, "alpha: 8–14"),
        (list("abcdefghi"), "9 values: a, b, … i"),
    ],
)
def test_values_are_shown_in_one_short_line(value, text):
    assert shown(value) == text


def test_the_shipped_file_has_every_constant_and_no_other():
    assigned = set(re.findall(r"^([A-Z][A-Z0-9_]*)\b.*?=", SHIPPED.read_text(encoding="utf-8"), re.MULTILINE))
    names = {constant.name for constant in CONSTANTS}
    assert names <= assigned
    assert read_configuration(SHIPPED).values.keys() == names


def test_the_shipped_values_are_the_ones_of_the_code(shipped):
    settings = shipped.feature_settings
    assert settings == type(settings)()
    assert settings.bands_hz == BANDS_HZ
    assert shipped.channels == CHANNELS
    assert tuple(shipped.emotion_labels.values()) == tuple(emotion.name for emotion in EMOTIONS)
    assert shipped.data == "simulated"
    assert metric_named(shipped.metric).name == "balanced_accuracy"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FILTER_PHASE", "'Zero'"),
        ("BAD_CHANNELS", "'drop'"),
        ("BLINKS", "'ICA'"),
        ("ESTIMATOR", "'welch'"),
        ("REFERENCE", "'mastoids'"),
        ("SMOOTHING", "'LDS'"),
        ("EXTRA_BLOCKS", "['dasn']"),
        ("BAND_PASS_HZ", "(45.0, 0.5)"),
        ("BASELINE", "'minus'"),
    ],
)
def test_a_value_that_is_not_known_is_said_of_its_constant(write, name, value):
    configuration = read_configuration(write({name: f"{name} = {value}\n"}))
    with pytest.raises(InputError, match=rf"^`{name}` of config\.py must be .* Received: "):
        _ = configuration.feature_settings
