"""A CSV of recordings: as people and spreadsheets write it; whatever is wrong is said before a file is decoded."""

import pickle
import shutil

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings import manifest as manifest_module
from emotune.recordings.manifest import Manifest
from emotune.recordings.reading import read_recording
from emotune.recordings.targets import Rating

NAMES = ("Fp1", "Cz", "O2")


@pytest.fixture
def folder(tmp_path, write_recording, make_eeg):
    """Four recordings of 4 s: a.edf to d.edf."""
    for seed, name in enumerate("abcd"):
        write_recording(tmp_path / f"{name}.edf", NAMES, make_eeg(NAMES, seed=seed))
    return tmp_path


def write(folder, text, *, encoding="utf-8", name="recordings.csv"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def message_of(path):
    with pytest.raises(InputError) as caught:
        Manifest(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


FOUR = "file,subject,label\na.edf,01,calm\nb.edf,01,afraid\nc.edf,02,calm\nd.edf,02,afraid\n"


# --- what is read


def test_people_in_two_spellings_are_refused(folder):
    for first, second in (("p1", "P1"), ("1", "01")):
        text = FOUR.replace(",01,", f",{first},").replace(",02,", f",{second},")
        assert f"Received: {min(first, second)!r} and {max(first, second)!r}. Spell" in message_of(write(folder, text))


def test_a_spreadsheets_fraction_of_a_whole_number_is_none(folder):
    text = "file,subject,label,trial\na.edf,1.0,calm,1\nb.edf,1,sad,2.0\nc.edf,2.0,calm,1\nd.edf,03,sad,1\n"
    recordings = list(Manifest(write(folder, text)))
    assert [(r.subject, r.trial) for r in recordings] == [("1", "1"), ("1", "2"), ("2", "1"), ("03", "1")]


def test_rows_become_recordings_in_their_order(folder):
    manifest = Manifest(write(folder, FOUR))
    assert manifest.name == f"manifest:{folder / 'recordings.csv'}"
    assert len(manifest) == 4
    assert manifest.emotions == ("afraid", "calm")
    recordings = list(manifest)
    assert [r.subject for r in recordings] == ["01", "01", "02", "02"]
    assert [r.emotion for r in recordings] == ["calm", "afraid", "calm", "afraid"]
    for recording, name in zip(recordings, "abcd", strict=True):
        assert recording.source == str(folder / f"{name}.edf")
        np.testing.assert_array_equal(recording.samples_uv, read_recording(folder / f"{name}.edf").samples_uv)


def test_it_can_be_read_twice(folder):
    manifest = Manifest(write(folder, FOUR))
    assert [r.source for r in manifest] == [r.source for r in manifest]


def test_its_parts_are_its_files_and_can_be_sent_to_other_processes(folder):
    text = "file,subject,label,start_s,stop_s\na.edf,1,x,0,1.5\na.edf,1,y,1.5,3\nb.edf,2,x,,\n"
    manifest = Manifest(write(folder, text))
    parts = [pickle.loads(pickle.dumps(part)) for part in manifest.parts()]
    assert [[recording.emotion for recording in part] for part in parts] == [["x", "y"], ["x"]]
    for recording, same in zip([one for part in parts for one in part], manifest, strict=True):
        np.testing.assert_array_equal(recording.samples_uv, same.samples_uv)
        assert (recording.trial, recording.source) == (same.trial, same.source)


def test_stretches_and_groups_are_taken_from_the_optional_columns(folder):
    text = (
        "trial,stimulus,start_s,stop_s,session,file,label,subject,remark\n"
        "t1,film 3,0,1.5,s1,a.edf,x,P1,good\nt2,film 4,1.5,,s1,a.edf,y,P1,\nt1,film 3,,2,s2,b.edf,x,P1,\n"
    )
    first, second, third = Manifest(write(folder, text))
    assert (first.trial, first.stimulus, first.session, first.subject) == ("t1", "film 3", "s1", "P1")
    assert (first.duration_s, second.duration_s, third.duration_s) == (1.5, 2.5, 2.0)
    whole = read_recording(folder / "a.edf").samples_uv
    part = whole[:, 192:]
    np.testing.assert_allclose(second.samples_uv, part - part.mean(axis=1, keepdims=True), atol=1e-3)


def test_without_trials_the_rows_of_a_person_and_session_are_numbered(folder):
    text = "file,subject,label,session\na.edf,1,x,m\nb.edf,2,y,m\nc.edf,1,y,e\nd.edf,1,y,m\n"
    manifest = Manifest(write(folder, text))
    assert [(r.subject, r.session, r.trial) for r in manifest] == [
        ("1", "m", "1"),
        ("2", "m", "1"),
        ("1", "e", "1"),
        ("1", "m", "2"),
    ]


@pytest.mark.parametrize(
    ("labels", "emotions", "indices"),
    [
        (("sad", "happy", "sad", "calm"), ("calm", "happy", "sad"), [2, 1, 2, 0]),
        (("10", "9", "-1", "9"), ("-1", "9", "10"), [2, 1, 0, 1]),
        (("0", "1", "2", "10"), ("0", "1", "2", "10"), [0, 1, 2, 3]),
        (("01", "1.0", "2", "02"), ("1", "2"), [0, 0, 1, 1]),
        (("1", "2", "10", "x"), ("1", "10", "2", "x"), [0, 2, 1, 3]),
        (("1.5", "1.25", "1.5", "3"), ("1.25", "1.5", "3"), [1, 0, 1, 2]),
    ],
)
def test_labels_are_ordered_by_number_or_alphabet(labels, emotions, indices, folder):
    rows = "".join(f"{file}.edf,1,{label}\n" for file, label in zip("abcd", labels, strict=True))
    manifest = Manifest(write(folder, "file,subject,label\n" + rows))
    assert manifest.emotions == emotions
    assert [manifest.emotions.index(r.emotion) for r in manifest] == indices


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_what_spreadsheets_write_is_understood(separator, encoding, line_end, folder):
    text = FOUR.replace("01", "Müller").replace("\n", "\n\n", 2) + ",,\n"
    text = text.replace(",", separator).replace("\n", line_end)
    manifest = Manifest(write(folder, text, encoding=encoding))
    assert [r.subject for r in manifest] == ["Müller", "Müller", "02", "02"]


def test_a_decimal_comma_and_names_in_other_case_are_understood(folder):
    text = "File;SUBJECT; Label ;Start_s\na.edf;1;x;0,5\nb.edf;1;y;1\n"
    first, second = Manifest(write(folder, text))
    assert (first.duration_s, second.duration_s) == (3.5, 3.0)


def test_files_are_found_beside_the_table_in_folders_and_by_full_path(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("else where")
    (folder / "sub").mkdir()
    shutil.move(folder / "a.edf", folder / "sub" / "a.edf")
    shutil.move(folder / "b.edf", folder / "sub" / "b.edf")
    shutil.move(folder / "c.edf", elsewhere / "c.edf")
    text = f'file,subject,label\nsub/a.edf,1,x\nsub\\b.edf,1,y\n"{elsewhere / "c.edf"}",2,x\n'
    assert len(list(Manifest(write(folder, text)))) == 3


def test_the_table_of_eegmat(shared_data):
    manifest = Manifest(shared_data / "eegmat" / "recordings.csv")
    assert len(manifest) == 32
    assert manifest.emotions == ("arithmetic", "rest")
    first = next(iter(manifest))
    assert (first.subject, first.session, first.trial, first.emotion) == ("00", "1", "00-1", "rest")
    assert first.samples_uv.shape == (20, 31_000)


def test_a_file_of_many_stretches_is_opened_once(folder, monkeypatch):
    opened = []
    original = manifest_module.open_recording
    monkeypatch.setattr(manifest_module, "open_recording", lambda file: opened.append(file.name) or original(file))
    text = "file,subject,label,start_s,stop_s\na.edf,1,x,0,1\na.edf,1,y,1,2\nb.edf,1,x,2,3\na.edf,1,x,2,3\n"
    assert [r.duration_s for r in Manifest(write(folder, text))] == [1.0] * 4
    assert opened == ["a.edf", "b.edf", "a.edf"]


# --- ratings

RATED = "file,subject,Valence,rating:How tense\na.edf,1,1.5,-3\nb.edf,1,,0\nc.edf,2,8,\nd.edf,2,5,2\n"


def test_ratings_stand_instead_of_a_label(folder):
    manifest = Manifest(write(folder, RATED))
    assert manifest.emotions == ()
    assert manifest.scales == {
        "valence": Rating(1.5, 8.0, is_observed=True),
        "how tense": Rating(-3.0, 2.0, is_observed=True),
    }
    recordings = list(manifest)
    assert [r.emotion for r in recordings] == [""] * 4
    np.testing.assert_equal([r.ratings["valence"] for r in recordings], [1.5, np.nan, 8.0, 5.0])
    np.testing.assert_equal([r.ratings["how tense"] for r in recordings], [-3.0, 0.0, np.nan, 2.0])


def test_ratings_stand_beside_labels_of_which_some_may_be_blank(folder):
    text = "file;subject;label;arousal\na.edf;1;01;1,5\nb.edf;1;2.0;4\nc.edf;2;;5\n"
    manifest = Manifest(write(folder, text))
    assert (manifest.emotions, manifest.scales) == (("1", "2"), {"arousal": Rating(1.5, 5.0, is_observed=True)})
    assert [r.emotion for r in manifest] == ["1", "2", ""]


def test_a_header_may_state_a_scale(folder):
    for valence, tense in (
        ("Valence[1-9]", "[-4 to 4]"),
        ("valence [ 1 – 9 ]", "[-4..4.0]"),
        ("valence[1..9]", "[-4-4]"),
    ):
        manifest = Manifest(write(folder, RATED.replace("Valence", valence).replace("tense", f"tense{tense}")))
        assert manifest.scales == {"valence": Rating(1.0, 9.0), "how tense": Rating(-4.0, 4.0)}
    assert next(iter(manifest)).ratings == {"valence": 1.5, "how tense": -3.0}


def test_without_ratings_there_are_no_scales(folder):
    assert Manifest(write(folder, FOUR)).scales == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RATED.replace("1.5", "high"), "Expected a number as `valence` in row 2 of"),
        (RATED.replace("1.5", "inf"), "Received: 'inf'."),
        (RATED.replace("-3", "n/a"), "as `rating:how tense` in row 2 of"),
        (RATED.replace("rating:How tense", "rating:"), "Expected a name behind `rating:`"),
        (RATED.replace("rating:How tense", "rating:valence"), "Received 'valence' twice"),
        (RATED.replace("rating:How tense", "valence"), "Received 'valence' twice"),
        (RATED.replace("How tense", "x").replace("1.5", "8").replace(",5,", ",8,"), "8 in all 3 rows that have one"),
        ("file,subject,label,liking\na.edf,1,x,\nb.edf,1,y,\n", "Received: blank cells alone."),
        (RATED.replace("subject", "who"), "Missing: subject."),
        (RATED.replace("Valence", "Valence[2-9]"), "Expected `valence` from 2 to 9 in row 2 of"),
        (RATED.replace("Valence", "Valence[9-1]"), "as in valence[1-9]. Received: valence[9-1]."),
        (RATED.replace("Valence", "Valence[SAM]"), "as in valence[1-9]. Received: valence[sam]."),
        (
            "file,subject,trial,valence\na.edf,1,t,1\nb.edf,1,t,2\n",
            "one rating of valence for trial 't' of subject '1' in",
        ),
    ],
)
def test_ratings_that_cannot_be_used(text, said, folder):
    assert said in message_of(write(folder, text))


def test_the_fingerprint_changes_with_a_rating(folder):
    texts = (RATED, RATED.replace("1.5", "2"), RATED.replace("8,", ","), RATED.replace("How", "So"))
    assert len({Manifest(write(folder, text)).fingerprint() for text in texts}) == 4


# --- the fingerprint


def test_the_fingerprint_changes_with_what_matters_and_with_nothing_else(folder, tmp_path_factory):
    whole = Manifest(write(folder, FOUR)).fingerprint()
    assert len(whole) == 16
    assert Manifest(write(folder, FOUR)).fingerprint() == whole
    # Written by another program, and moved as a whole.
    assert Manifest(write(folder, FOUR.replace(",", ";"), encoding="utf-8-sig")).fingerprint() == whole
    moved = tmp_path_factory.mktemp("moved")
    for file in folder.iterdir():
        shutil.copyfile(file, moved / file.name)
    assert Manifest(moved / "recordings.csv").fingerprint() == whole
    changes = [
        FOUR.replace("a.edf,01,calm\nb.edf,01,afraid", "b.edf,01,afraid\na.edf,01,calm"),
        FOUR.replace("a.edf,01,calm", "a.edf,01,sad"),
        FOUR.replace("a.edf,01", "a.edf,03"),
        FOUR.replace("a.edf", "b.edf", 1).replace("\nb.edf,01,a", "\na.edf,01,a"),
        FOUR.replace("d.edf,02,afraid\n", ""),
        "file,subject,label,stop_s\n" + FOUR.partition("\n")[2].replace("calm", "calm,3").replace("raid", "raid,4"),
    ]
    prints = [Manifest(write(folder, text)).fingerprint() for text in changes]
    assert len({whole, *prints}) == len(changes) + 1


def test_the_fingerprint_changes_with_one_byte_of_a_file_or_its_companion(tmp_path, write_recording, make_eeg):
    for suffix, part in ((".edf", ".edf"), (".vhdr", ".eeg"), (".vhdr", ".vmrk"), (".set", ".fdt")):
        for name in "ab":
            write_recording(tmp_path / f"{name}{suffix}", NAMES, make_eeg(NAMES))
        path = write(tmp_path, f"file,subject,label\na{suffix},1,x\nb{suffix},1,y\n")
        before = Manifest(path).fingerprint()
        changed = tmp_path / f"b{part}"
        content = bytearray(changed.read_bytes())
        content[-5] ^= 1
        changed.write_bytes(content)
        assert Manifest(path).fingerprint() != before, part


def test_nothing_is_decoded_for_length_names_and_fingerprint(folder, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("decoded")

    monkeypatch.setattr(manifest_module, "open_recording", refuse)
    manifest = Manifest(write(folder, FOUR))
    assert (len(manifest), manifest.emotions) == (4, ("afraid", "calm"))
    assert manifest.fingerprint()


def test_a_file_of_many_stretches_is_hashed_once(folder, monkeypatch):
    hashed = []
    original = manifest_module.fingerprint_of_file
    monkeypatch.setattr(manifest_module, "fingerprint_of_file", lambda file: hashed.append(file) or original(file))
    text = "file,subject,label,start_s,stop_s\na.edf,1,x,0,1\na.edf,1,y,1,2\na.edf,1,x,2,3\n"
    manifest = Manifest(write(folder, text))
    assert manifest.fingerprint() == manifest.fingerprint()
    assert hashed == [folder / "a.edf"]


# --- faults of the table


def test_no_such_table(tmp_path):
    path = tmp_path / "none.csv"
    assert message_of(path) == f"Expected a CSV of recordings at {path}, but there is no such file. Check the path."


def test_a_folder_is_no_table(tmp_path):
    assert message_of(tmp_path) == f"Expected a CSV file, received the folder {tmp_path}. Name the CSV in it."


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_table(text, tmp_path):
    message = message_of(write(tmp_path, text))
    assert "with the columns file, subject, label" in message
    assert "Received: an empty file." in message


def test_a_header_alone(tmp_path):
    message = message_of(write(tmp_path, "file,subject,label\n\n"))
    assert "Received: a header and no row." in message


def test_a_spreadsheet_is_no_text(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"PK\x03\x04\x00\x00\x08\x00")
    assert message_of(path) == f"Expected a CSV at {path}, but it is not text. Save the table as CSV (UTF-8)."


@pytest.mark.parametrize(
    ("header", "missing", "received"),
    [
        ("file,subject", "label", "file, subject"),
        ("path,label", "file, subject", "path, label"),
        ("a.edf,01,calm", "file, subject, label", "a.edf, 01, calm"),
    ],
)
def test_missing_columns_are_named_with_what_is_there(header, missing, received, tmp_path):
    message = message_of(write(tmp_path, f"{header}\na,b,c\n"))
    assert "Expected the columns file, subject, label in" in message
    assert f"Missing: {missing}. Received: {received}." in message


def test_a_column_that_comes_twice(folder):
    message = message_of(write(folder, "file,subject,label,label\na.edf,1,x,y\n"))
    assert "Received 'label' twice: file, subject, label, label." in message


@pytest.mark.parametrize("column", ["file", "subject", "label"])
def test_a_blank_cell_is_named_with_its_row(column, folder):
    values = {"file": "c.edf", "subject": "02", "label": "calm", column: "  "}
    message = message_of(write(folder, FOUR.replace("c.edf,02,calm", ",".join(values.values()))))
    assert message.startswith(f"Expected a {column} in row 4 of {folder / 'recordings.csv'}. Received: a blank cell.")


def test_blank_lines_do_not_shift_the_row_numbers(folder):
    message = message_of(write(folder, "file,subject,label\n\na.edf,1,x\n\nb.edf,1,\n"))
    assert "in row 5 of" in message


def test_too_many_cells(folder):
    message = message_of(write(folder, FOUR.replace("c.edf,02", "c,.edf,02")))
    assert "Expected 3 cells in row 4" in message
    assert "Received: 4." in message


def test_quotation_marks_that_do_not_close(folder):
    message = message_of(write(folder, FOUR.replace("c.edf", '"c.edf')))
    assert "cannot be read" in message
    assert "quotation marks" in message


def test_one_label_only(folder):
    message = message_of(write(folder, FOUR.replace("afraid", "calm")))
    assert "Expected at least 2 labels" in message
    assert "Received one: 'calm' in all 4 rows." in message


def test_labels_that_differ_in_case_only(folder):
    message = message_of(write(folder, FOUR.replace("c.edf,02,calm", "c.edf,02,Calm")))
    assert "Received: 'Calm' and 'calm'." in message


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "1:30"])
@pytest.mark.parametrize("column", ["start_s", "stop_s"])
def test_times_that_are_none(text, column, folder):
    message = message_of(write(folder, f"file,subject,label,{column}\na.edf,1,x,\nb.edf,1,y,{text}\n"))
    assert f"`{column}` in row 3" in message
    assert f"Received: {text!r}." in message


@pytest.mark.parametrize(("start_s", "stop_s"), [("2", "1"), ("2", "2"), ("", "0")])
def test_a_stretch_that_ends_before_it_starts(start_s, stop_s, folder):
    message = message_of(write(folder, f"file,subject,label,start_s,stop_s\na.edf,1,x,{start_s},{stop_s}\n"))
    assert message.startswith("Expected `stop_s` after `start_s` in row 2")


# --- faults of the files


def test_files_that_do_not_exist_are_all_counted_before_any_is_read(folder, monkeypatch):
    monkeypatch.setattr(manifest_module, "open_recording", None)
    (folder / "b.edf").unlink()
    (folder / "d.edf").unlink()
    message = message_of(write(folder, FOUR))
    assert "Received 2 that do not: b.edf (row 3), d.edf (row 5)." in message
    assert str(folder) in message


def test_many_missing_files_are_not_all_listed(folder):
    rows = "".join(f"{i}.edf,1,{i % 2}\n" for i in range(50))
    message = message_of(write(folder, "file,subject,label\n" + rows))
    assert "Received 50 that do not: 0.edf (row 2), 1.edf (row 3), 2.edf (row 4) and 47 more." in message


@pytest.mark.parametrize(
    ("content", "suffix", "said"),
    [(b"", ".edf", "the file is empty"), (b"<html>", ".edf", "web page"), (b"x", ".docx", "EDF .edf, BDF .bdf")],
)
def test_a_file_that_is_no_recording_is_refused_with_its_row(content, suffix, said, folder):
    (folder / f"x{suffix}").write_bytes(content)
    message = message_of(write(folder, FOUR.replace("c.edf", f"x{suffix}")))
    assert message.startswith(f"{folder / 'recordings.csv'}, row 4: Expected ")
    assert said in message


def test_a_missing_companion_is_found_before_anything_is_read(tmp_path, write_recording, make_eeg):
    for name in "ab":
        write_recording(tmp_path / f"{name}.vhdr", NAMES, make_eeg(NAMES))
    (tmp_path / "b.eeg").unlink()
    message = message_of(write(tmp_path, "file,subject,label\na.vhdr,1,x\nb.vhdr,1,y\n"))
    assert "row 3: Expected b.eeg beside" in message


def test_an_error_while_reading_names_the_row(folder):
    manifest = Manifest(write(folder, "file,subject,label,stop_s\na.edf,1,x,\nb.edf,1,y,9\n"))
    recordings = iter(manifest)
    next(recordings)
    with pytest.raises(InputError, match=r"recordings.csv, row 3: Expected a stretch within the 4 s of .*b\.edf"):
        next(recordings)


# --- faults between rows


def test_a_row_that_comes_twice(folder):
    message = message_of(write(folder, FOUR + "a.edf,01,calm\n"))
    assert "Received the same stretch of a.edf in rows 2 and 6" in message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("01,calm,,", "01,afraid,,"),
        ("01,calm,,", "02,calm,,"),
        ("01,calm,0,2", "01,afraid,1.9,3"),
        ("01,calm,,", "01,afraid,3,4"),
        ("01,calm,1,2", "01,calm,1.5,3"),
        ("02,calm,2,", "01,calm,,2.5"),
    ],
)
def test_stretches_that_share_samples_are_refused(first, second, folder):
    text = f"file,subject,label,start_s,stop_s\na.edf,{first}\nb.edf,03,afraid,,\na.edf,{second}\n"
    message = message_of(write(folder, text))
    assert "Expected stretches of a.edf that do not overlap. Received in rows 2 and 4" in message
    assert "so that a sample belongs to one trial" in message


def test_stretches_that_touch_are_fine_and_so_are_pieces_of_one_trial(folder):
    text = (
        "file,subject,label,trial,start_s,stop_s\n"
        "a.edf,1,x,t1,0,1\na.edf,1,y,t2,1,2\na.edf,1,x,t1,2,3\na.edf,1,x,t1,2.5,4\n"
    )
    assert len(Manifest(write(folder, text))) == 4


def test_the_same_file_by_two_names_is_one_file(folder):
    (folder / "sub").mkdir()
    text = "file,subject,label\na.edf,1,x\nsub/../a.edf,1,y\n"
    assert "do not overlap" in message_of(write(folder, text))


def test_a_trial_has_one_label(folder):
    text = "file,subject,label,trial\na.edf,1,x,1\nb.edf,2,y,1\nc.edf,1,y,1\n"
    message = message_of(write(folder, text))
    assert "one label for trial '1' of subject '1'" in message
    assert "'x' in row 2 and 'y' in row 4" in message


def test_trials_are_named_in_every_row_or_in_none(folder):
    text = "file,subject,label,trial\na.edf,1,x,1\nb.edf,2,y,\n"
    assert "Expected a trial in row 3" in message_of(write(folder, text))


# --- the rest before a trial


def test_a_rest_comes_with_its_row(folder):
    text = "file,subject,label,start_s,stop_s,baseline_start_s,baseline_stop_s\na.edf,1,x,1,2,0,1\nb.edf,1,y,,,,\n"
    first, second = Manifest(write(folder, text))
    rest = next(iter(Manifest(write(folder, "file,subject,label,stop_s\na.edf,1,x,1\nb.edf,1,y,\n"))))
    np.testing.assert_array_equal(first.baseline_uv, rest.samples_uv)
    assert second.baseline_uv is None


@pytest.mark.parametrize(("start_s", "stop_s"), [("0", ""), ("", "1"), ("1", "1"), ("1", "0.5"), ("0", "0")])
def test_half_a_rest_is_none(folder, start_s, stop_s):
    text = f"file,subject,label,baseline_start_s,baseline_stop_s\na.edf,1,x,{start_s},{stop_s}\nb.edf,1,y,,\n"
    message = message_of(write(folder, text))
    assert "Expected `baseline_start_s` before `baseline_stop_s` in row 2 of" in message


def test_a_rest_beyond_the_file_names_the_row(folder):
    text = "file,subject,label,baseline_start_s,baseline_stop_s\na.edf,1,x,900,901\nb.edf,1,y,,\n"
    manifest = Manifest(write(folder, text))
    with pytest.raises(InputError, match=r"row 2: Expected a stretch within .*start_s=900, stop_s=901"):
        list(manifest)


def test_the_fingerprint_changes_with_a_rest(folder):
    head = "file,subject,label,baseline_start_s,baseline_stop_s\n"
    rests = (",", "0,1", "0,0.5")
    prints = {Manifest(write(folder, f"{head}a.edf,1,x,{rest}\nb.edf,1,y,,\n")).fingerprint() for rest in rests}
    assert len(prints) == 3
