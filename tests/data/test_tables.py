"""An NPZ in any of the forms that people write becomes a dataset; whatever is wrong with it is said in a line."""

import io
import zipfile

import numpy as np
import pytest

from emotune.data import npz_file
from emotune.data.dataset import GROUPS
from emotune.data.tables import read_npz
from emotune.errors import InputError
from emotune.features.layout import FEATURE_NAMES, STANDARD


def message_of(path):
    with pytest.raises(InputError) as caught:
        read_npz(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def names_of(findings):
    return [finding.name for finding in findings]


@pytest.fixture
def own_parts(make_table):
    """The guide's format: 12 + 4 + 6 rows."""
    train, validation, test = make_table(), make_table(4), make_table(6)
    return {
        **train,
        **{f"{key}_val": value for key, value in validation.items()},
        **{f"{key}_test": value for key, value in test.items()},
    }


# --- what is read


def test_a_plain_table(save, make_table):
    table = make_table()
    path = save(table)
    dataset = read_npz(path)
    assert dataset.inputs.dtype == np.float32
    np.testing.assert_array_equal(dataset.inputs, table["X"].astype(np.float32))
    assert dataset.targets.tolist() == table["y"].tolist()
    assert dataset.class_names == ("0", "1")
    assert dataset.groups["subject"].tolist() == table["subject"].tolist()
    assert all((dataset.groups[name] == "").all() for name in GROUPS[1:])
    assert dataset.feature_names == tuple(f"feature_{i}" for i in range(6))
    assert (dataset.name, dataset.layout, dataset.parts, dataset.findings) == (str(path), None, None, ())
    assert dataset.provenance["class_counts"] == {"0": 6, "1": 6}


def test_sequences_of_vectors(save, make_table):
    X = np.random.default_rng(0).normal(size=(12, 5, 6)).astype(np.float32)
    dataset = read_npz(save(make_table(X=X)))
    np.testing.assert_array_equal(dataset.inputs, X)
    assert len(dataset.feature_names) == 6


def test_x_train_alone_is_the_whole_table(save, make_table):
    table = make_table()
    path = save({f"{key}_train": value for key, value in table.items()})
    dataset = read_npz(path)
    assert dataset.parts is None
    assert dataset.groups["subject"].tolist() == table["subject"].tolist()


@pytest.mark.parametrize("train", ["", "_train"])
def test_own_parts_are_row_numbers_of_the_whole(train, save, own_parts):
    arrays = {(f"{key}{train}" if "_" not in key else key): value for key, value in own_parts.items()}
    dataset = read_npz(save(arrays))
    assert len(dataset) == 22
    assert {part: rows.tolist() for part, rows in dataset.parts.items()} == {
        "train": list(range(12)),
        "validation": list(range(12, 16)),
        "test": list(range(16, 22)),
    }
    assert all(rows.dtype == np.int64 for rows in dataset.parts.values())
    for part, suffix in (("train", ""), ("validation", "_val"), ("test", "_test")):
        rows = dataset.parts[part]
        np.testing.assert_array_equal(dataset.inputs[rows], own_parts[f"X{suffix}"].astype(np.float32))
        assert dataset.targets[rows].tolist() == own_parts[f"y{suffix}"].tolist()
        assert dataset.groups["subject"][rows].tolist() == own_parts[f"subject{suffix}"].tolist()


def test_classes_are_those_of_all_parts_together(save, own_parts):
    own_parts["y_val"] = np.array([5, 0, 1, 5])
    dataset = read_npz(save(own_parts))
    assert dataset.class_names == ("0", "1", "5")
    assert dataset.targets[dataset.parts["validation"]].tolist() == [2, 0, 1, 2]


def test_own_parts_without_people_are_read_and_that_is_said(save, own_parts):
    arrays = {key: value for key, value in own_parts.items() if not key.startswith("subject")}
    (finding,) = read_npz(save(arrays)).findings
    assert (finding.name, finding.severity) == ("no-subject", "note")
    assert "nobody can check that its parts share no person" in finding.message


def test_a_table_without_people_says_what_follows(save, make_table):
    dataset = read_npz(save(make_table(subject=None)))
    assert (dataset.groups["subject"] == "").all()
    (finding,) = dataset.findings
    assert "cannot be divided by person" in finding.message
    assert finding.remedy == "Add `subject`, one name a row."


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (np.arange(12) % 3, ["0", "1", "2"]),
        (np.arange(12) % 3 + 0.0, ["0", "1", "2"]),
        (np.array([b"a", b"b", b"\xc3\xbc"])[np.arange(12) % 3], ["a", "b", "ü"]),
        (np.array([["01"], ["02"], ["3 "]])[np.arange(12) % 3], ["01", "02", "3"]),
    ],
)
def test_people_may_be_numbers_or_text(subject, expected, save, make_table):
    dataset = read_npz(save(make_table(subject=subject)))
    assert dataset.groups["subject"][:3].tolist() == expected


def test_a_trials_name_is_unique_over_the_table(save, make_table):
    dataset = read_npz(save(make_table(session=np.arange(12) // 6, trial=np.arange(12) % 2, stimulus=np.arange(12))))
    assert dataset.groups["trial"][:2].tolist() == ["P0/0/0", "P1/0/1"]
    assert len(set(dataset.groups["trial"].tolist())) == 12
    assert dataset.groups["stimulus"][11] == "11"


def test_columns_as_many_as_emotunes_own_are_taken_for_them_and_that_is_said(save, make_table):
    dataset = read_npz(save(make_table(n_features=len(FEATURE_NAMES))))
    assert dataset.layout == STANDARD
    assert dataset.feature_names == FEATURE_NAMES
    (finding,) = dataset.findings
    assert (finding.name, finding.severity) == ("columns-assumed", "note")


def test_named_columns_are_what_they_are_called(save, make_table):
    n = len(FEATURE_NAMES)
    own = read_npz(save(make_table(n_features=n, feature_names=np.array(FEATURE_NAMES))))
    assert (own.layout, own.findings) == (STANDARD, ())
    other = read_npz(save(make_table(n_features=n, feature_names=np.array([f"gene {i}" for i in range(n)]))))
    assert (other.layout, other.feature_names[3], other.findings) == (None, "gene 3", ())


def test_the_shape_of_the_guides_network_is_no_sequence(save, make_table):
    X = np.random.default_rng(0).normal(size=(12, len(FEATURE_NAMES), 1))
    dataset = read_npz(save(make_table(X=X)))
    assert dataset.inputs.shape == (12, len(FEATURE_NAMES))
    assert "trailing-axis" in names_of(dataset.findings)


def test_words_one_hot_rows_and_class_names(save, make_table):
    words = np.array(["sad", "calm"])[np.arange(12) % 2]
    assert read_npz(save(make_table(y=words))).class_names == ("calm", "sad")
    one_hot = np.eye(3)[np.arange(12) % 2]
    dataset = read_npz(save(make_table(y=one_hot, class_names=np.array(["a", "b", "c"]))))
    assert dataset.class_names == ("a", "b", "c")
    assert dataset.provenance["class_counts"] == {"a": 6, "b": 6, "c": 0}


def test_arrays_that_are_not_used_are_named(save, make_table):
    arrays = make_table(subjects=np.arange(3), notes=np.array([{"a": 1}], dtype=object))
    (finding,) = read_npz(save(arrays)).findings
    assert finding.severity == "note"
    assert "not used: notes, subjects." in finding.message


def test_a_compressed_file_is_the_same(tmp_path, make_table, save):
    np.savez_compressed(tmp_path / "small.npz", **make_table())
    assert read_npz(tmp_path / "small.npz").fingerprint == read_npz(save(make_table())).fingerprint


# --- the fingerprint


def test_the_fingerprint_changes_with_values_targets_groups_and_parts(save, make_table, own_parts):
    tables = [make_table() for _ in range(4)]
    tables[1]["X"][3, 2] += 1e-3
    tables[2]["y"] = 1 - tables[2]["y"]
    tables[3]["subject"][0] = "P9"
    tables.append(own_parts)
    moved = {**own_parts, **{f"{k}_val": own_parts[f"{k}_val"][:3] for k in ("X", "y", "subject")}}
    for key in ("X", "y", "subject"):
        moved[f"{key}_test"] = np.concatenate([own_parts[f"{key}_val"][3:], own_parts[f"{key}_test"]])
    tables.append(moved)
    prints = [read_npz(save(table)).fingerprint for table in tables]
    assert len(set(prints)) == len(tables)
    assert prints[0] == read_npz(save(make_table())).fingerprint
    assert all(len(text) == 16 for text in prints)


# --- faults


def test_no_such_file(tmp_path):
    path = tmp_path / "none.npz"
    assert message_of(path) == f"Expected an NPZ file at {path}, but there is no such file. Check the path."


def test_a_folder(tmp_path):
    assert "received the folder" in message_of(tmp_path)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x93NUMPY\x01\x00"])
def test_what_is_no_npz(content, tmp_path):
    path = tmp_path / "table.npz"
    path.write_bytes(content)
    assert "but it is none, or a part of it is missing. Write it with numpy.savez" in message_of(path)


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.95])
def test_a_truncated_npz(keep, save, make_table):
    path = save(make_table())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    assert "a part of it is missing" in message_of(path)


def test_a_changed_byte_is_found(save, make_table):
    path = save(make_table())
    content = bytearray(path.read_bytes())
    content[400] ^= 0xFF
    path.write_bytes(content)
    assert "but it is damaged" in message_of(path)


def test_a_zip_of_something_else(tmp_path):
    path = tmp_path / "table.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("X.npy", b"no array")
        file.writestr("y.npy", b"no array")
    assert "but it is damaged (`X` is no array)" in message_of(path)


@pytest.mark.parametrize(("shape", "dtype"), [((10**15, 3), "<f8"), ((10**15,), "<U0"), ((101,), "<f8")])
def test_a_header_that_promises_more_than_there_is(shape, dtype, tmp_path):
    path = tmp_path / "table.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("X.npy", header.getvalue() + bytes(800))
    assert "but it is damaged (`X` has 800 bytes for" in message_of(path)


def test_values_that_shrink_to_nothing_are_not_unpacked(tmp_path):
    path = tmp_path / "table.npz"
    zeros = bytes(2**20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("X.npy", "w") as member:
        for _ in range(257):
            member.write(zeros)
    assert "one value over and over" in message_of(path)


def test_more_than_memory_can_hold_is_not_read(monkeypatch, save, make_table):
    path = save(make_table())
    monkeypatch.setattr(npz_file, "_MOST_BYTES", 100)
    assert "Received: 0.0 GiB. Save fewer rows" in message_of(path)


def test_memory_that_is_short_is_said(monkeypatch, save, make_table):
    def read(*_, **__):
        raise MemoryError

    path = save(make_table())
    monkeypatch.setattr(np.lib.format, "read_array", read)
    assert "(MemoryError)" in message_of(path)


def test_names_of_arrays_are_said_in_a_short_line(save, make_table):
    table = make_table()
    del table["y"]
    path = save(
        {
            **table,
            "two\nlines": np.zeros(1),
            "\x1b[31m": np.zeros(1),
            **{"n" * 500 + str(i): np.zeros(1) for i in range(50)},
        }
    )
    assert len(message_of(path)) < 2500


@pytest.mark.parametrize("name", ["X", "y", "subject"])
def test_python_objects_are_refused(name, save, make_table):
    table = make_table()
    message = message_of(save({**table, name: table[name].astype(object)}))
    assert f"Expected plain numbers or text in `{name}`" in message
    assert "loading them can run code" in message


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ("X", "Expected `X` (or `X_train`) and `y`"),
        ("y", "Expected `y` beside `X`"),
    ],
)
def test_a_missing_array_is_said_with_those_that_are_there(left_out, said, save, make_table):
    table = make_table()
    del table[left_out]
    message = message_of(save(table))
    assert said in message
    assert f"There: {', '.join(sorted(table))}." in message


def test_x_and_x_train_together(save, make_table):
    table = make_table()
    assert "Received both." in message_of(save({**table, "X_train": table["X"]}))


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        (["X_val", "y_val", "subject_val"], "Expected both `X_val` and `X_test`"),
        (["X_test", "y_test", "subject_test"], "Received `X_val` alone"),
        (["y_test"], "Expected `y_test` beside `X_test`"),
        (["subject_val"], "Expected `subject_val` beside `subject`"),
    ],
)
def test_incomplete_parts(left_out, said, save, own_parts):
    assert said in message_of(save({key: value for key, value in own_parts.items() if key not in left_out}))


def test_parts_of_different_width(save, own_parts):
    own_parts["X_val"] = own_parts["X_val"][:, :5]
    assert "X (12, 6), X_val (4, 5), X_test (6, 6)" in message_of(save(own_parts))


def test_parts_with_labels_of_different_kinds(save, own_parts):
    own_parts["y_val"] = np.array(["0", "1", "0", "1"])
    assert "to be written in one way" in message_of(save(own_parts))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_values_that_are_not_finite_are_counted_and_the_first_is_named(bad, save, make_table):
    table = make_table(feature_names=np.array(list("abcdef")))
    table["X"][7, 2] = table["X"][3, 4] = bad
    message = message_of(save(table))
    assert "finite values in `X`" in message
    assert "Received: 2 that are NaN, infinite or too large for float32, the first in row 3, column 4 (e)." in message


def test_the_part_with_a_nan_is_named(save, own_parts):
    own_parts["X_test"][1, 0] = np.nan
    assert "finite values in `X_test`" in message_of(save(own_parts))


@pytest.mark.parametrize("shape", [(12,), (12, 0), (0, 6), (12, 2, 3, 4)])
def test_shapes_that_are_no_table(shape, save, make_table):
    message = message_of(save(make_table(X=np.ones(shape))))
    assert "to be (n, n_features) or (n, n_steps, n_features), with rows" in message
    assert f"Received: shape {shape}." in message


def test_text_is_no_number(save, make_table):
    assert "Expected numbers in `X`" in message_of(save(make_table(X=np.full((12, 6), "1.0"))))


@pytest.mark.parametrize("n", [11, 13, 0])
def test_labels_of_another_length(n, save, make_table):
    message = message_of(save(make_table(y=np.zeros(n, dtype=int))))
    assert "Expected one label for each of the 12 rows of `X`" in message
    assert f"Received: `y` of shape ({n},)." in message


@pytest.mark.parametrize("value", [np.arange(11), np.zeros((12, 2)), np.array(3), np.full(12, 1j)])
def test_groups_of_another_shape_or_kind(value, save, make_table):
    assert "Expected `subject` of" in message_of(save(make_table(subject=value)))


@pytest.mark.parametrize("value", [np.array(["a"] * 11 + [" "]), np.array([1.0] * 11 + [np.nan])])
def test_a_row_without_a_person(value, save, make_table):
    assert "Row 11 has none." in message_of(save(make_table(subject=value)))


def test_one_class_only(save, make_table):
    message = message_of(save(make_table(y=np.full(12, 3))))
    assert "at least 2 classes" in message
    assert "Received one: '3' in all 12 rows." in message


@pytest.mark.parametrize("names", [np.array(["a"] * 6), np.arange(6), np.array([["a", "b"], ["c", "d"]])])
def test_names_that_are_none(names, save, make_table):
    assert "Expected different texts in `feature_names`" in message_of(save(make_table(feature_names=names)))


def test_too_few_names(save, make_table):
    message = message_of(save(make_table(feature_names=np.array(["a", "b"]))))
    assert "each of the 6 columns" in message
    assert "Received: 2." in message
