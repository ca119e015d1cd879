"""CSV and Parquet tables as people write them become datasets; whatever is wrong with one is said in a line."""

import csv
import sys
import time

import numpy as np
import pandas as pd
import pytest

from emotune.data.column_tables import read_table
from emotune.data.dataset import GROUPS
from emotune.data.tables import read_npz
from emotune.errors import InputError, MissingExtra
from emotune.features.layout import EXTRA_BLOCKS, FEATURE_NAMES, STANDARD, WHOLE_HEAD, Layout
from emotune.recordings.targets import TargetChoice

OWN = TargetChoice()


def frame_of(n=12, n_features=4, **columns):
    """A good table: 3 people, 2 classes."""
    values = np.random.default_rng(7).normal(size=(n, n_features))
    content = {"subject": [f"P{i % 3}" for i in range(n)], "label": ["sad", "calm"] * (n // 2)}
    content |= {f"f{i}": values[:, i] for i in range(n_features)}
    return pd.DataFrame({name: column for name, column in {**content, **columns}.items() if column is not None})


@pytest.fixture
def save(tmp_path):
    def write(frame, suffix=".csv", **options):
        path = tmp_path / f"table{suffix}"
        if suffix == ".parquet":
            frame.to_parquet(path, **options)
        else:
            frame.to_csv(path, **{"index": False, **options})
        return path

    return write


@pytest.fixture
def text(tmp_path):
    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def message_of(path, target=OWN):
    with pytest.raises(InputError) as caught:
        read_table(path, target)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


WRITTEN = {
    "commas": {},
    "semicolons and decimal commas": {"sep": ";", "decimal": ","},
    "tabs": {"sep": "\t", "suffix": ".tsv"},
    "tabs and decimal commas": {"sep": "\t", "decimal": ",", "suffix": ".txt"},
    "a mark": {"encoding": "utf-8-sig"},
    "UTF-16": {"encoding": "utf-16", "sep": "\t"},
    "the Windows code page": {"encoding": "cp1252"},
    "row numbers": {"index": True},
    "Windows line ends": {"lineterminator": "\r\n"},
    "quoted": {"quoting": 1},
    "Parquet": {"suffix": ".parquet"},
    "Parquet with an index": {"suffix": ".parquet", "index": True},
}


@pytest.mark.parametrize("written", WRITTEN)
def test_every_way_of_writing_gives_the_same_rows(save, written):
    frame = frame_of(subject=[f"Jürgen {i % 3}" for i in range(12)])
    dataset = read_table(save(frame, **WRITTEN[written]))
    np.testing.assert_allclose(dataset.inputs, frame[["f0", "f1", "f2", "f3"]].to_numpy(), rtol=1e-6)
    assert dataset.inputs.dtype == np.float32
    assert dataset.targets.tolist() == [1, 0] * 6
    assert dataset.class_names == ("calm", "sad")
    assert dataset.feature_names == ("f0", "f1", "f2", "f3")
    assert dataset.groups["subject"].tolist() == frame["subject"].tolist()
    assert dataset.provenance["source"] == "table"
    assert dataset.provenance["class_counts"] == {"calm": 6, "sad": 6}
    expected = ["unused-columns"] if written in ("row numbers", "Parquet with an index") else []
    assert [finding.name for finding in dataset.findings] == expected


def test_an_npz_of_the_same_rows_has_the_same_fingerprint(save, tmp_path):
    frame = frame_of(session=np.arange(12) // 6, trial=np.arange(12) % 2, stimulus=["a", "b"] * 6)
    np.savez(
        tmp_path / "table.npz",
        X=frame[["f0", "f1", "f2", "f3"]].to_numpy(),
        y=frame["label"].to_numpy(dtype=str),
        **{name: frame[name].to_numpy(dtype=str) for name in GROUPS},
    )
    tables = [read_table(save(frame)), read_table(save(frame, ".parquet")), read_npz(tmp_path / "table.npz")]
    assert len({table.fingerprint for table in tables}) == 1
    assert tables[0].groups["trial"][:2].tolist() == ["P0/0/0", "P1/0/1"]


def test_roles_are_found_whatever_their_capitals_and_order(save):
    frame = frame_of().rename(columns={"subject": "SUBJECT", "label": "Emotion", "f1": "Trial"})
    frame["Trial"] = np.arange(12) % 4 + 0.0
    dataset = read_table(save(frame[["f3", "Emotion", "f0", "Trial", "SUBJECT", "f2"]]))
    assert dataset.feature_names == ("f3", "f0", "f2")
    assert dataset.groups["trial"][0].startswith("P0//0")
    assert dataset.class_names == ("calm", "sad")


@pytest.mark.parametrize("name", ["NA", "None", "nan", "01", "null"])
def test_names_that_look_like_nothing_or_numbers_stay_names(save, name):
    for suffix in (".csv", ".parquet"):
        dataset = read_table(save(frame_of(subject=[name, "b", "c"] * 4), suffix))
        assert dataset.groups["subject"][0] == name


def test_one_person_in_two_spellings_is_refused_and_a_fraction_of_zero_is_none(save, tmp_path):
    assert "Received: 'P01' and 'p01'. Spell" in message_of(save(frame_of(subject=["P01", "p01", "b"] * 4)))
    assert "Received: '01' and '1'. Spell" in message_of(save(frame_of(subject=["01", "1.0", "2"] * 4)))
    np.savez(tmp_path / "t.npz", X=np.eye(4), y=["a", "b"] * 2, subject=["P1", "p1", "P2", "P3"])
    with pytest.raises(InputError, match="'P1' and 'p1'"):
        read_npz(tmp_path / "t.npz")
    assert set(read_table(save(frame_of(subject=["1.0", "1", "2.0"] * 4))).groups["subject"]) == {"1", "2"}


@pytest.mark.parametrize(
    ("cells", "classes"),
    [([3, 1], ("1", "3")), ([1.0, 0.0], ("0", "1")), (["b", "10"], ("10", "b")), ([True, False], ("False", "True"))],
)
def test_labels_are_words_or_whole_numbers(save, cells, classes):
    for suffix in (".csv", ".parquet"):
        dataset = read_table(save(frame_of(label=cells * 6), suffix))
        assert dataset.class_names == classes
        assert len(set(dataset.targets.tolist())) == 2


def test_a_rating_is_cut_where_the_user_says(save):
    valence = [1.0, 4.5, 5.0, 9.0] * 3
    for options in ({}, {"sep": ";", "decimal": ","}, {"suffix": ".parquet"}):
        path = save(frame_of(label=None, valence=valence), **options)
        at_least = read_table(path, TargetChoice("valence", 5.0, ">="))
        assert at_least.targets.tolist() == [0, 0, 1, 1] * 3
        assert at_least.class_names == ("low valence", "high valence")
        assert at_least.provenance["target"]["rule"] == ">="
        assert read_table(path, TargetChoice("Valence", 5.0)).targets.tolist() == [0, 0, 0, 1] * 3


def test_a_rating_without_a_threshold_is_refused_with_the_remedy(save):
    path = save(frame_of(label=None, valence=[1.0, 4.5, 5.0, 9.0] * 3))
    message = message_of(path, TargetChoice("valence"))
    assert "words or at most 30 different whole numbers. Received: 4 different numbers from 1 to 9." in message
    assert "--threshold 5" in message
    assert "--threshold 5" in message_of(path, TargetChoice("valence", as_rating=True))


def test_many_whole_numbers_are_no_classes(save):
    assert "Received: 40 different numbers from 0 to 39." in message_of(save(frame_of(40, label=np.arange(40))))


def test_a_threshold_must_part_what_was_observed(save):
    path = save(frame_of(label=None, valence=[1.0, 4.5, 5.0, 9.0] * 3))
    assert "which goes from 1 to 9. Received: > 9. Choose" in message_of(path, TargetChoice("valence", 9.0))
    assert "which goes from 1 to 9. Received: >= 1. Choose" in message_of(path, TargetChoice("valence", 1.0, ">="))
    assert read_table(path, TargetChoice("valence", 9.0, ">=")).targets.tolist() == [0, 0, 0, 1] * 3
    assert "to be cut at 3. Received: 'sad'." in message_of(save(frame_of()), TargetChoice("label", 3.0))


def test_other_answers_are_no_features_and_that_is_said(save):
    frame = frame_of(arousal=np.arange(12.0), class_=np.arange(12)).rename(columns={"class_": "Class"})
    dataset = read_table(save(frame))
    assert dataset.feature_names == ("f0", "f1", "f2", "f3")
    (finding,) = dataset.findings
    assert (finding.name, finding.severity) == ("other-answers", "note")
    assert "arousal, Class" in finding.message


def test_answers_are_known_by_the_words_of_their_names(save):
    answers = ("emotion_id", "rating:valence", "valence_rating", "familiarity", "Class label")
    frame = frame_of(target_power=np.arange(12.0), **{name: np.arange(12) for name in answers})
    dataset = read_table(save(frame))
    assert dataset.feature_names == ("f0", "f1", "f2", "f3", "target_power")
    (finding,) = dataset.findings
    assert all(name in finding.message for name in answers)
    assert finding.remedy == "Rename those that were measured rather than answered: `feature:emotion_id`."
    frame = frame.rename(columns={"valence_rating": "feature:valence_rating"})
    assert read_table(save(frame)).feature_names[-1] == "feature:valence_rating"


def test_whose_or_which_a_row_is_is_no_feature_and_that_is_a_warning(save):
    frame = frame_of(
        subject_id=np.arange(12) % 3, trial_no=np.arange(12), time=np.arange(12.0), filename=["a.edf"] * 12
    )
    for suffix in (".csv", ".parquet"):
        dataset = read_table(save(frame, suffix))
        assert dataset.feature_names == ("f0", "f1", "f2", "f3")
        texts, identities = dataset.findings
        assert (texts.name, identities.name, identities.severity) == ("unused-columns", "identity-columns", "warning")
        assert identities.message.endswith("are no features: subject_id, trial_no, time.")
        assert "Rename them to `subject`, `session`, `trial`, `stimulus` where they are that" in identities.remedy
    kept = read_table(save(frame.rename(columns={"time": "feature:time"})))
    assert kept.feature_names[-1] == "feature:time"


@pytest.mark.parametrize("people", [np.arange(12) % 3, ["a", "b", "c"] * 4])
def test_people_under_another_name_are_refused(save, people):
    message = message_of(save(frame_of(subject=None, participant_id=people)))
    assert "in a column `subject`. Received: participant_id. Rename" in message


def test_texts_and_dates_are_not_used_and_that_is_said(save):
    day = pd.Series(pd.date_range("2024-01-01", periods=12))
    dataset = read_table(save(frame_of(note=["fine"] * 12, day=day, nested=[[1, 2]] * 12), ".parquet"))
    assert dataset.feature_names == ("f0", "f1", "f2", "f3")
    assert "not used: note, day, nested." in dataset.findings[0].message
    assert "not used: note, day." in read_table(save(frame_of(note=["fine"] * 12, day=day))).findings[0].message


def test_constant_columns_are_said(save):
    (finding,) = read_table(save(frame_of(f2=np.ones(12)))).findings
    assert (finding.name, finding.severity) == ("constant-columns", "note")
    assert "1 of 4 columns" in finding.message
    assert "f2" in finding.message


def test_a_table_without_people_says_what_follows(save):
    (finding,) = read_table(save(frame_of(subject=None))).findings
    assert finding.name == "no-subject"


def test_own_parts(save):
    part = ["train", "Train", "training", "val", "validation", "test"] * 2
    dataset = read_table(save(frame_of(Part=part)))
    assert {name: rows.tolist() for name, rows in dataset.parts.items()} == {
        "train": [0, 1, 2, 6, 7, 8],
        "validation": [3, 4, 9, 10],
        "test": [5, 11],
    }
    assert all(rows.dtype == np.int64 for rows in dataset.parts.values())
    assert dataset.feature_names == ("f0", "f1", "f2", "f3")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (["train"] * 11 + ["dev"], "Received: dev in row 13."),
        (["train"] * 11 + [""], "Received: nothing in row 13."),
        (["train"] * 11 + ["test"], "Received: none of validation."),
    ],
)
def test_parts_that_are_none(save, part, said):
    assert said in message_of(save(frame_of(part=part)))


def named(names, n=12):
    values = np.random.default_rng(3).normal(size=(n, len(names)))
    return pd.concat([frame_of(n)[["subject", "label"]], pd.DataFrame(values, columns=list(names))], axis=1)


def test_emotunes_own_columns_have_its_layout(save):
    assert read_table(save(named(FEATURE_NAMES))).layout == STANDARD
    assert read_table(save(named(FEATURE_NAMES[::-1]))).layout is None
    assert read_table(save(named(FEATURE_NAMES[:-1]))).layout is None


def test_a_full_grid_of_electrodes_and_bands_has_a_layout(save):
    layout = Layout(("Fp1", "Cz", "CB1"), (("theta", 4.0, 8.0), ("alpha", 8.0, 14.0)), (), ())
    dataset = read_table(save(named(layout.feature_names)))
    assert dataset.layout == layout
    whole = Layout(("F3", "F4"), (("alpha", 8.0, 14.0),), (("F4", "F3"),), WHOLE_HEAD)
    assert read_table(save(named(whole.feature_names))).layout == whole
    for blocks in (("relative_power",), EXTRA_BLOCKS, EXTRA_BLOCKS[::-1]):
        for more in (Layout(("F3", "F4"), whole.bands_hz, whole.pairs, heads, blocks) for heads in (WHOLE_HEAD, ())):
            assert read_table(save(named(more.feature_names))).layout == more
            assert read_table(save(named(more.feature_names[:-1]))).layout is None
    for names in (layout.feature_names[:-1], ("de_Cz_low", "de_Cz_high"), ("de_Cz_alpha", "age")):
        assert read_table(save(named(names))).layout is None


# --- faults

HEAD = "subject,label,f0,f1\n"

FAULTS = {
    "empty": (b"", "Received: an empty file. Write one row a sample."),
    "blank": (b" \n \n", "Received: an empty file"),
    "only a header": (HEAD, "Received: a header and no row. Add the rows."),
    "a web page": ("<!DOCTYPE html><html>login</html>", "holds a web page"),
    "not text": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "it is not text"),
    "no header": ("1,0,0.5,0.1\n2,1,0.5,0.2\n", "Received: numbers, such as 1. Add a header."),
    "no names": (",,\n1,2,3\n", "first row of"),
    "no label": ("subject,f0\na,1\nb,2\n", "one of label, emotion, class, target, y. Received: subject, f0. Rename"),
    "a name twice": ("label,f0,f0\na,1,2\n", "Received: 'f0' 2 times"),
    "a role twice": ("label,Label,f0\na,b,2\n", "Received: 'label' and 'Label'"),
    "no features": ("subject,label\na,x\nb,y\n", "none beside the label and the groups"),
    "one class": (HEAD + "a,x,1,2\nb,x,2,3\n", "Received one: 'x' in all 2 rows"),
    "a blank label": (HEAD + "a,x,1,2\nb,,2,3\n", "label in every row of `label`"),
    "a missing label": (HEAD + "a,1,1,2\nb,0,2,3\nc,NA,2,3\n", "Received: NA in row 4."),
    "a label that is not a number": (HEAD + "a,1,1,2\nb,0,2,3\nc,nan,2,3\n", "Received: nan in row 4."),
    "a blank person": (HEAD + "a,x,1,2\n ,y,2,3\n", "name in every row of `subject`"),
    "a blank cell": (HEAD + "a,x,1,2\nb,y,,3\n", "the first in row 3, column f0. Remove or repair"),
    "NaN": (HEAD + "a,x,1,NaN\nb,y,1,n/a\n", "Received: 2 that are blank, NaN, infinite"),
    "infinite": (HEAD + "a,x,1,2\nb,y,1,-inf\n", "the first in row 3, column f1"),
    "too large": (HEAD + "a,x,1,2\nb,y,1e39,3\n", "too large for float32"),
    "a word among numbers": (HEAD + "a,x,1,2\nb,y,1.2.3,3\nb,y,3,3\n", "Received: '1.2.3' in row 3."),
    "too many cells": (HEAD + "a,x,1,2\nb,y,3,4,5\n", "cannot be read"),
    "too many cells everywhere": (HEAD + "a,x,1,2,9\nb,y,3,4,9\n", "Expected 4 cells in every row"),
    "too few cells": (HEAD + "a,x,1,2\nb,y\n", "the first in row 3, column f0"),
    "an open quotation mark": (HEAD + 'a,x,1,2\nb,"y,3,4\n', "EOF inside string"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_text_files_are_said_in_a_line(text, fault):
    content, said = FAULTS[fault]
    assert said in message_of(text(content))


def test_a_target_that_is_not_there_or_is_a_group(save):
    path = save(frame_of())
    assert "`valence`. Received: subject, label, f0, f1, f2, f3." in message_of(path, TargetChoice("valence"))
    assert "Received: subject, which says whose" in message_of(path, TargetChoice("subject"))


def test_a_missing_file_and_a_folder(tmp_path):
    assert "there is no such file" in message_of(tmp_path / "none.csv")
    assert "received the folder" in message_of(tmp_path)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.6, 0.99])
def test_a_truncated_parquet_file(save, keep):
    path = save(frame_of(600), ".parquet")
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    assert "a Parquet file at" in message_of(path)


@pytest.mark.parametrize("at", [4, 100, -40, -300])
def test_changed_bytes_of_a_parquet_file_end_in_a_line_or_are_harmless(save, at):
    path = save(frame_of(600), ".parquet")
    content = bytearray(path.read_bytes())
    content[at : at + 8] = b"\xff" * 8 if at > 0 else content[at : at + 8][::-1]
    path.write_bytes(content)
    try:
        read_table(path)
    except InputError as error:
        assert "\n" not in str(error)


def test_a_parquet_file_of_something_else(text):
    assert "a Parquet file at" in message_of(text("<!DOCTYPE html><html>login</html>", "table.parquet"))


def test_a_small_parquet_file_of_too_many_cells_is_refused_before_it_is_read(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as parquet

    path = tmp_path / "bomb.parquet"
    schema = pa.schema([(f"f{i}", pa.float64()) for i in range(300)])
    with parquet.ParquetWriter(path, schema) as writer:
        zeros = pa.table({f"f{i}": np.zeros(10_000) for i in range(300)}, schema=schema)
        for _ in range(23):
            writer.write_table(zeros)
    assert path.stat().st_size < 5e6
    assert "of at most 67108864 cells" in message_of(path)


def test_without_pyarrow_the_remedy_is_named(save, monkeypatch):
    path = save(frame_of(), ".parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r'pip install "emotune\[parquet\]"'):
        read_table(path)


def test_blank_cells_of_a_real_table_are_named(shared_data):
    path = shared_data / "tables" / "california_housing.csv"
    said = message_of(path, TargetChoice("median_house_value", 200_000.0))
    assert "Received: 207 that are blank" in said
    with path.open(newline="") as file:
        first = next(number for number, row in enumerate(csv.DictReader(file), start=2) if not row["total_bedrooms"])
    assert f"the first in row {first}, column total_bedrooms." in said
    assert "different numbers from 14999 to 500001" in message_of(path, TargetChoice("median_house_value"))


def test_a_real_table_of_few_rows(shared_data):
    dataset = read_table(shared_data / "tables" / "kimera_31band.csv", TargetChoice("kind"))
    assert dataset.class_names == ("masstone", "mix")
    assert len(dataset) == 75
    assert [finding.name for finding in dataset.findings] == ["no-subject", "unused-columns"]
    assert "not used: name." in dataset.findings[1].message


def test_many_rows_are_read_in_seconds(tmp_path):
    n = 10_000
    path = tmp_path / "large.csv"
    values = np.random.default_rng(0).normal(size=(n, len(FEATURE_NAMES)))
    header = ",".join(("subject", "label", *FEATURE_NAMES))
    np.savetxt(
        path, np.column_stack([np.arange(n) % 20, np.arange(n) % 3, values]), "%.6g", ",", header=header, comments=""
    )
    start = time.perf_counter()
    dataset = read_table(path)
    assert time.perf_counter() - start < 10
    assert dataset.inputs.shape == (n, 167)
    np.testing.assert_allclose(dataset.inputs[-1], values[-1], rtol=1e-5)


def test_a_name_longer_than_any(save):
    for suffix in (".csv", ".parquet"):
        with pytest.raises(InputError, match="at most 1000 characters in `subject` of .* one of 1001"):
            read_table(save(frame_of(subject=["a" * 1001] * 12), suffix))
