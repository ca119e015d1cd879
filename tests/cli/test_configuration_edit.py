import ast
import importlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.cli.config_edit import Change, apply_to_config
from emotune.cli.configuration import read_configuration
from emotune.cli.constants import CONSTANTS
from emotune.errors import InputError

LINES = {constant.name: f"{constant.name} = {constant.example!r}  # why\n" for constant in CONSTANTS}

COMMENTED = '''\
#!/usr/bin/env python
"""My settings."""

import math   # mine


LEARNING_RATE: float = 1e-3      # keep   this comment
LATER = math.pi

if LATER > 3:
    WINDOW = "not a constant of emotune"

CNN_FILTERS = [   # filters
    64,    # first block
    # about the second
    96,    # second block
]  # end
KERNEL_SIZES = [3, 5]; POOLING = ['max', "average"]
POOL_SIZES = [2,3,]
CNN_DROPOUTS = [
    0.2, 0.3
]
EXTRA_HYPERPARAMETERS = {
    'activation': "relu",   # mine too
    "own" : 3,
}
# the end
'''


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write_with(changes=None, text=""):
        path = tmp_path / "config.py"
        assigned = {line.split("=")[0].split(":")[0].strip() for part in text.splitlines() for line in part.split(";")}
        rest = "".join(line for name, line in {**LINES, **(changes or {})}.items() if name not in assigned)
        path.write_bytes((rest + text).encode())
        return path

    return write_with


def test_only_the_value_changes_and_the_change_is_named(write):
    path = write()
    before = path.read_text()
    changes = apply_to_config(path, {"learning_rate": 0.0004, "activation": "relu"})
    assert [str(change) for change in changes] == ["LEARNING_RATE 0.001 -> 0.0004"]
    assert path.read_text() == before.replace("LEARNING_RATE = 0.001", "LEARNING_RATE = 0.0004")


def test_comments_layout_and_order_stay(write):
    path = write(text=COMMENTED)
    head = path.read_text().removesuffix(COMMENTED)
    best = {
        "learning_rate": 0.01,
        "cnn_blocks": 2,
        "cnn_filters_0": 32,
        "cnn_filters_1": 128,
        "kernel_size_0": 7,
        "kernel_size_1": 5,
        "activation": "gelu",
        "own": 3,
    }
    apply_to_config(path, best)
    expected = (
        COMMENTED.replace("1e-3", "0.01")
        .replace("64,    # first", "32,    # first")
        .replace("96,    # second", "128,    # second")
        .replace("[3, 5]", "[7, 5]")
        .replace('"relu"', '"gelu"')
    )
    assert path.read_text() == head + expected


def test_a_shorter_list_keeps_the_comments_of_what_is_left(write):
    path = write(text=COMMENTED)
    first = {"cnn_filters_0": 32, "kernel_size_0": 7, "pooling_0": "average", "pool_size_0": 3, "cnn_dropout_0": 0.1}
    apply_to_config(path, {"cnn_blocks": 1, **first})
    text = path.read_text()
    expected = "CNN_FILTERS = [   # filters\n    32,    # first block\n    # about the second\n]  # end\n"
    assert expected in text
    assert 'KERNEL_SIZES = [7]; POOLING = ["average"]\nPOOL_SIZES = [3,]\nCNN_DROPOUTS = [\n    0.1\n]\n' in text


def test_a_longer_list_keeps_each_comment_at_its_item(write):
    path = write(text=COMMENTED)
    apply_to_config(
        path, {"cnn_blocks": 3, "cnn_filters_2": 256, "kernel_size_2": 7, "pooling_2": "max", "cnn_dropout_2": 0.1}
    )
    text = path.read_text()
    assert "    96,    # second block\n    256,\n]  # end\n" in text
    assert 'KERNEL_SIZES = [3, 5, 7]; POOLING = [\'max\', "average", "max"]\n' in text
    # The last value serves further layers: nothing to write.
    assert "POOL_SIZES = [2,3,]\n" in text
    assert "CNN_DROPOUTS = [\n    0.2, 0.3,\n    0.1\n]\n" in text


def test_new_extra_hyperparameters_stand_below_the_old_ones(write):
    path = write(text=COMMENTED)
    apply_to_config(path, {"depth": 4, "own": 3, "activation": "relu"})
    expected = """{
    'activation': "relu",   # mine too
    "own" : 3,
    "depth": 4,
}
# the end
"""
    assert path.read_text().endswith(expected)


def test_nothing_is_written_where_nothing_changes(write):
    path = write()
    before = path.stat()
    assert apply_to_config(path, read_configuration(path).hyperparameters) == []
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_applying_twice_changes_nothing_the_second_time(write):
    path = write(text=COMMENTED)
    best = {"learning_rate": 0.02, "cnn_blocks": 3, "use_lstm": False, "own": 4}
    assert apply_to_config(path, best)
    assert apply_to_config(path, best) == []


@pytest.mark.parametrize(
    ("encoding", "head"),
    [("utf-8", ""), ("utf-8-sig", ""), ("latin-1", "# -*- coding: latin-1 -*-\n"), ("utf-8", "# größer …\n")],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_and_encoding_stay(write, encoding, head, newline):
    path = write()
    text = head + path.read_text().replace("# why", "# warum nicht größer?")
    path.write_bytes(text.replace("\n", newline).encode(encoding))
    before = path.read_bytes()
    apply_to_config(path, {"learning_rate": 0.5, "own": "größer", "activation": "relu"})
    expected = before.replace(b"LEARNING_RATE = 0.001", b"LEARNING_RATE = 0.5").replace(
        b"{'activation': 'relu'}", "{'activation': 'relu', \"own\": \"größer\"}".encode(encoding.removesuffix("-sig"))
    )
    assert path.read_bytes() == expected


def test_a_text_that_the_encoding_cannot_hold_is_escaped(write):
    path = write()
    path.write_bytes(b"# -*- coding: latin-1 -*-\n" + path.read_bytes())
    apply_to_config(path, {"own": "喜 \ud800"})
    assert b'"\\u559c \\ud800"' in path.read_bytes()
    assert read_configuration(path).hyperparameters["own"] == "喜 \ud800"


def test_a_file_without_a_last_newline_keeps_it_so(write):
    path = write(text="LEARNING_RATE = 0.001")
    apply_to_config(path, {"learning_rate": 0.5})
    assert path.read_text().endswith("\nLEARNING_RATE = 0.5")


def test_a_missing_constant_is_added_at_the_end_with_a_comment(write):
    path = write({"LSTM_UNITS": "", "L2": ""}, text="# the end")
    changes = apply_to_config(path, {"use_lstm": True, "lstm_units": 96, "activation": "relu"})
    assert sorted(map(str, changes)) == ["L2 (new) -> 1e-05", "LSTM_UNITS (new) -> 96"]
    expected = "# the end\n\n# Added with the winner of a search: the file had no such constant.\nLSTM_UNITS = 96\n"
    assert expected in path.read_text()
    assert read_configuration(path).hyperparameters["lstm_units"] == 96


def test_a_missing_setting_of_the_run_is_no_matter_of_a_search(write):
    path = write({"EPOCHS": ""})
    before = path.read_bytes()
    with pytest.raises(InputError, match="`EPOCHS` must be in .*no such constant"):
        apply_to_config(path, {"learning_rate": 0.5})
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("LEARNING_RATE = 0.001\nLEARNING_RATE = 0.001\n", "several"),
        ("LEARNING_RATE = 0.01\nLEARNING_RATE /= 10\n", "several"),
        ("if True:\n    LEARNING_RATE = 0.001\n", "one in a block, or together"),
        ("try:\n    LEARNING_RATE = 0.001\nfinally:\n    pass\n", "one in a block, or together"),
        ("for LEARNING_RATE in [0.001]:\n    pass\n", "one in a block, or together"),
        ("LEARNING_RATE = RATE = 0.001\n", "one in a block, or together"),
        ("LEARNING_RATE, RATE = 0.001, 1\n", "one in a block, or together"),
        ("[LEARNING_RATE, *REST] = 0.001, 1\n", "one in a block, or together"),
        ("(LEARNING_RATE := 0.001)\n", "one in a block, or together"),
    ],
)
def test_a_constant_that_is_not_one_plain_line_is_refused(write, line, reason):
    path = write({"LEARNING_RATE": line})
    before = path.read_bytes()
    match = rf"Expected one line `LEARNING_RATE = …` at the top level of config.py. Received: {reason}.* Keep one"
    with pytest.raises(InputError, match=match):
        apply_to_config(path, {"learning_rate": 0.5})
    assert path.read_bytes() == before


def test_names_inside_functions_and_classes_are_no_constants(write):
    own = "def rate():\n    LEARNING_RATE = 3\n    return LEARNING_RATE\n\nclass Mine:\n    L2 = 7\n"
    path = write({"EPOCHS": LINES["EPOCHS"] + own})
    apply_to_config(path, {"learning_rate": 0.5, "l2": 0.25})
    assert own in path.read_text()
    assert read_configuration(path).hyperparameters["l2"] == 0.25


def test_a_declaration_without_a_value_is_no_second_assignment(write):
    path = write({"LEARNING_RATE": "LEARNING_RATE: float\nLEARNING_RATE = 0.001\n"})
    apply_to_config(path, {"learning_rate": 0.5})
    assert "LEARNING_RATE: float\nLEARNING_RATE = 0.5\n" in path.read_text()


def test_a_value_that_follows_another_constant_is_refused_and_the_file_kept(write):
    path = write(text="L2 = LEARNING_RATE / 10\n")
    before = path.read_bytes()
    with pytest.raises(InputError, match="depend on no other. Received: `L2`, which would be 0.05 after the edit"):
        apply_to_config(path, {"learning_rate": 0.5, "l2": 0.0001})
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["config.py"]


def test_a_constant_set_behind_our_back_is_noticed(write):
    path = write(text="globals()['LEARNING_RATE'] = 0.75\n")
    before = path.read_bytes()
    with pytest.raises(InputError, match="`LEARNING_RATE`, which would be 0.75 after the edit"):
        apply_to_config(path, {"learning_rate": 0.5})
    assert path.read_bytes() == before


INJECTIONS = [
    '"; import os; os.abort() #',
    "'; import os; os.abort() #",
    "'''\nimport os\nos.abort()\n'''",
    '"""+__import__("os").abort()+"""',
    "\\",
    "\\'",
    '\\"',
    "a\nb",
    "a\r\nb",
    "{__import__('os').abort()}",
    "\x00\x1b[2J",
    "a\u2028b\u2029",
    "'\"",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_text_is_written_as_text_whatever_it_holds(write, text):
    path = write()
    apply_to_config(path, {"optimizer": text, "activation": text, f"name {text}": 1})
    read = read_configuration(path)
    assert read.values["OPTIMIZER"] == text
    assert read.values["EXTRA_HYPERPARAMETERS"] == {"activation": text, f"name {text}": 1}
    calls = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call | ast.Import)]
    assert calls == []


class _Text(str):
    def __repr__(self):
        return "__import__('os').abort()"


class _Number(float):
    def __repr__(self):
        return "__import__('os').abort()"


@pytest.mark.parametrize(
    "best",
    [
        {"optimizer": _Text("adam2")},
        {"learning_rate": _Number(0.5)},
        {"own": _Text("x")},
        {_Text("own"): 1},
        {"own": b"x"},
        {"own": None},
        {"own": object()},
        {"own": float("inf")},
        {"own": 1 + 2j},
    ],
)
def test_only_pythons_own_plain_types_are_written(write, best):
    path = write()
    before = path.read_bytes()
    with pytest.raises(InputError, match="must be"):
        apply_to_config(path, best)
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", ["Path.replace", "os.fsync"])
def test_a_write_that_fails_leaves_the_file_as_it_was(write, monkeypatch, place):
    path = write()
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(*(Path, "replace") if place == "Path.replace" else (os, "fsync"), fail)
    with pytest.raises(OSError, match="disk full"):
        apply_to_config(path, {"learning_rate": 0.5})
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["config.py"]


def test_a_link_keeps_pointing_to_the_file(write, tmp_path):
    path = write()
    link = tmp_path / "link.py"
    try:
        link.symlink_to(path)
    except OSError:
        pytest.skip("this system lets only administrators make links")
    apply_to_config(link, {"learning_rate": 0.5})
    assert link.is_symlink()
    assert read_configuration(path).values["LEARNING_RATE"] == 0.5


def test_old_line_ends_are_refused(write):
    path = write()
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r"))
    before = path.read_bytes()
    with pytest.raises(InputError, match="Expected line ends in config.py that can be kept"):
        apply_to_config(path, {"learning_rate": 0.5})
    assert path.read_bytes() == before


def test_a_change_knows_what_was_there():
    assert str(Change("POOLING", ["max"], [])) == "POOLING ['max'] -> []"


_VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(value=_VALUES)
def test_a_literal_is_the_value(value):
    cst = importlib.import_module("libcst")
    literals = importlib.import_module("emotune.cli.literals")
    code = cst.Module([]).code_for_node(literals.literal(value))
    assert ast.literal_eval(code) == value


_OLD_LISTS = [
    "[]",
    "[\n]",
    "[  # none\n]",
    "[1]",
    "[1,]",
    "[ 1 , 2 ]",
    "[1,\n 2,  # two\n 3]",
    "[\n  1,  # one\n  2  # two\n]",
    "[\n  1, 2,  # both\n  # more\n  3,\n]",
    "[1, 2,  # tail\n]",
    "(1, 2)",
    "[*(1, 2), 3]",
    "[1] * 3",
]


@pytest.mark.parametrize("old", _OLD_LISTS)
@pytest.mark.parametrize("n_items", range(5))
def test_a_list_of_any_shape_takes_any_number_of_items(old, n_items):
    cst = importlib.import_module("libcst")
    literals = importlib.import_module("emotune.cli.literals")
    value = [10 * i for i in range(n_items)]
    module = cst.parse_module(f"A = {old}  # end\nB = 1\n")
    new = literals.literal(value, module.body[0].body[0].value)
    code = module.deep_replace(module.body[0].body[0].value, new).code
    assert code.endswith("  # end\nB = 1\n")
    scope = {}
    exec(code, scope)
    assert scope["A"] == value
    assert module.code_for_node(literals.literal(value, new)) == module.code_for_node(new)


@pytest.mark.parametrize("old", ["{}", "{'a': 1}", "{\n 'a': 1,  # a\n **{},\n}", "dict(a=1)", "{'a': {'b': [1,\n2]}}"])
@pytest.mark.parametrize("value", [{}, {"a": 2}, {"b": 1}, {"a": {"b": [3, 4, 5], "c": "x"}, "d": True}])
def test_a_dict_of_any_shape_takes_any_items(old, value):
    cst = importlib.import_module("libcst")
    literals = importlib.import_module("emotune.cli.literals")
    module = cst.parse_module(f"A = {old}  # end\n")
    code = module.deep_replace(module.body[0].body[0].value, literals.literal(value, module.body[0].body[0].value)).code
    assert code.endswith("  # end\n")
    scope = {}
    exec(code, scope)
    assert scope["A"] == value


def test_a_value_that_fits_no_constant_is_written_among_the_extra_ones(write):
    path = write()
    best = {"batch_norm": "before", "dense_layers": 1, "dense_units_0": "wide", "input_dropout": 0}
    changes = {change.constant: change.after for change in apply_to_config(path, best)}
    extra = {"batch_norm": "before", "dense_units_0": "wide"}
    assert changes == {"INPUT_DROPOUT": 0.0, "EXTRA_HYPERPARAMETERS": extra}
    configured = read_configuration(path).hyperparameters
    assert {name: configured[name] for name in best} == best
    assert apply_to_config(path, best) == []
