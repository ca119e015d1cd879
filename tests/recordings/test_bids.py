"""A BIDS folder: which events are trials, what they are called and rated, which channels count; faults in one line."""

import builtins
import shutil

import numpy as np
import pytest

from emotune.errors import InputError, MissingExtra
from emotune.findings import refuse_errors
from emotune.recordings import bids as bids_module
from emotune.recordings.bids import BidsSet
from emotune.recordings.recording import refuse_foreign_labels
from emotune.recordings.targets import Rating
from writers import bids


def centred(samples):
    return samples - samples.mean(axis=1, keepdims=True)


def message_of(folder):
    with pytest.raises(InputError) as caught:
        list(BidsSet(folder))
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def written(tmp_path):
    return bids.write(tmp_path / "set", n_people=2, seconds=2.0)


@pytest.fixture
def one_file(tmp_path):
    """A set of one recording of 6 s, with a table of events that the test gives."""

    def write(events, *, channels=None, names=("Fp1", "Cz", "O2"), name="sub-01_task-x", at="sub-01/eeg"):
        folder = tmp_path / "set"
        (folder / at).mkdir(parents=True, exist_ok=True)
        (folder / "dataset_description.json").write_text("{}")
        steps = np.random.default_rng(1).integers(-300, 300, (len(names), 6 * 128))
        bids.write_brainvision(folder / at / f"{name}_eeg.vhdr", names, steps, 128)
        for suffix, table in (("events", events), ("channels", channels)):
            if table is not None:
                rows = [line.split("|") for line in table]
                bids.write_table(folder / at / f"{name}_{suffix}.tsv", rows[0], rows[1:])
        return folder, steps * 0.1

    return write


# --- what was written is read


def test_every_trial_comes_back_as_it_was_written(written):
    read = BidsSet(written.folder)
    recordings = list(read)
    assert len(read) == len(recordings) == len(written.recordings)
    for got, truth in zip(recordings, written.recordings, strict=True):
        np.testing.assert_allclose(got.samples_uv, centred(truth.samples_uv), atol=written.tolerance_uv)
        assert got.channel_names == truth.channel_names
        assert got.sampling_rate_hz == truth.sampling_rate_hz
        for name in ("subject", "session", "trial", "stimulus", "emotion"):
            assert getattr(got, name) == getattr(truth, name)
        np.testing.assert_equal(dict(got.ratings), dict(truth.ratings))
        refuse_foreign_labels(got, read)
    assert read.name == written.spec
    assert read.emotions == ("happy", "neutral", "sad")
    assert read.scales == {
        "valence": Rating(2.0, 8.5, is_observed=True),
        "arousal": Rating(2.0, 5.0, is_observed=True),
    }
    places = [(r.subject, r.session, r.trial) for r in recordings]
    assert len(set(places)) == len(places)


def test_what_is_no_trial_is_named(written):
    findings = {finding.name: str(finding) for finding in BidsSet(written.folder).findings}
    assert list(findings) == ["moments", "no-events"]
    assert findings["moments"] == (
        "16 events without a duration, beside events that have one are no trials: answered (16)."
    )
    assert "No events.tsv for 2 of 10 recordings (sub-01_ses-b_task-rest_eeg.vhdr, " in findings["no-events"]
    refuse_errors(BidsSet(written.folder).findings)


def test_the_real_tiny_set(shared_data):
    read = BidsSet(shared_data / "formats" / "bids" / "tiny_bids")
    first, second = read
    assert len(read) == 2
    assert read.emotions == ("show_stimulus", "start_experiment")
    assert (first.emotion, second.emotion) == ("start_experiment", "show_stimulus")
    assert (first.samples_uv.shape[1], second.samples_uv.shape[1]) == (1000, 4000)
    assert (first.subject, first.session, first.trial) == ("01", "eeg", "task-rest 0001")
    assert not {"ECG", "HEOG", "VEOG"} & set(first.channel_names)
    assert [finding.name for finding in read.findings] == ["no-durations"]


def test_each_file_is_opened_once_and_only_when_it_is_reached(written, monkeypatch):
    opened = []
    original = bids_module.open_recording
    monkeypatch.setattr(bids_module, "open_recording", lambda path: opened.append(path) or original(path))
    read = BidsSet(written.folder)
    assert read.fingerprint()
    assert opened == []
    next(iter(read))
    assert len(opened) == 1
    list(read)
    assert len(opened) == 1 + 10


# --- which events are trials


def test_without_durations_each_event_lasts_until_the_next(one_file):
    folder, uv = one_file(
        ["onset|duration|trial_type", "4|n/a|sad", "0.5|0|happy", "3.99|0.0078125|sad", "0.51|n/a|joy"]
    )
    read = BidsSet(folder)
    got = {(r.trial, r.emotion): r for r in read}
    assert [name for _, name in got] == ["happy", "joy", "sad", "sad"]
    np.testing.assert_allclose(got["task-x 0002", "happy"].samples_uv, centred(uv[:, 64:511]), atol=1e-3)
    assert got["task-x 0004", "joy"].duration_s == pytest.approx(3.48, abs=0.01)
    assert got["task-x 0001", "sad"].duration_s == 2.0
    findings = {finding.name: str(finding) for finding in read.findings}
    assert list(findings) == ["no-durations", "overlapping-trials"]
    assert "each of the 4 events is taken to last until the next one" in findings["no-durations"]


def test_interruptions_are_breaks_and_no_trials(one_file):
    folder, _ = one_file(
        [
            "onset|duration|trial_type",
            "-0.5|2|before",
            "0|0|New Segment",
            "1|4|happy",
            "2|0.5|BAD_cough",
            "3|0|boundary",
        ]
    )
    read = BidsSet(folder)
    (recording,) = read
    assert recording.breaks_s == ((1.0, 1.5), (2.0, 2.0))
    findings = {finding.name: str(finding) for finding in read.findings}
    assert "New Segment (1), BAD_cough (1), boundary (1)" in findings["interruptions"]
    assert "before (1)" in findings["before-start"]


def test_a_class_that_is_called_bad_is_a_class(one_file):
    folder, _ = one_file(
        ["onset|duration|trial_type", "0|1|bad", "1|1|good", "2|1|edge", "3|1|bad picture", "4|1|good", "5|0|boundary"]
    )
    read = BidsSet(folder)
    assert read.emotions == ("bad", "bad picture", "edge", "good")
    assert [r.emotion for r in read] == ["bad", "good", "edge", "bad picture", "good"]
    assert all(r.breaks_s == () for r in read)
    assert [finding.name for finding in read.findings] == ["interruptions"]


@pytest.mark.parametrize(
    ("event", "n", "is_warned"),
    [("1|BAD_face", 2, True), ("1|BAD_face", 1, False), ("0.1|BAD_blink", 2, False), ("1|bad interval", 2, False)],
)
def test_marks_that_come_and_last_like_trials_are_a_warning(event, n, is_warned, one_file):
    rows = ["onset|duration|trial_type", "0|1|good", "1|1|sad", "2|1|good", "3|1|sad"]
    folder, _ = one_file(rows + [f"{onset}|{event}" for onset in (4, 5)[:n]])
    read = BidsSet(folder)
    assert read.emotions == ("good", "sad")
    severities = {finding.name: finding.severity for finding in read.findings}
    assert severities == {"interruptions": "note"} | ({"class-taken-for-marks": "warning"} if is_warned else {})


def test_events_that_enclose_others_are_a_warning(one_file):
    folder, _ = one_file(["onset|duration|trial_type", "0|6|block", "1|2|happy", "3|2|sad"])
    read = BidsSet(folder)
    assert len(list(read)) == 3
    (finding,) = read.findings
    assert (finding.name, finding.severity) == ("overlapping-trials", "warning")
    assert str(finding).startswith("2 of 3 trials begin before an earlier one")


def test_an_end_that_was_rounded_up_is_the_end_of_the_file(one_file):
    folder, _ = one_file(["onset|duration|trial_type", "2|4.001|happy"])
    (recording,) = BidsSet(folder)
    assert recording.duration_s == 4.0


@pytest.mark.parametrize("duration", ["4.02", "900"])
def test_an_end_behind_the_file_is_refused_with_the_row(duration, one_file):
    folder, _ = one_file(["onset|duration|trial_type", "0|1|sad", f"2|{duration}|happy"])
    message = message_of(folder)
    assert message.startswith(
        str(folder / "sub-01/eeg/sub-01_task-x_events.tsv") + ", row 3: Expected a stretch within"
    )


def test_a_recording_none_of_whose_events_lasts_is_left_out_with_a_note(written):
    bids.write_table(
        written.folder / f"{bids.RUN_1}_events.tsv", ("onset", "duration", "trial_type"), [("1", "0", "marker")]
    )
    read = BidsSet(written.folder)
    assert len(read) == len(list(read)) == len(written.recordings) - 2
    assert any("left out" in str(finding) for finding in read.findings if finding.name == "no-trials")


# --- what they say was felt


def test_values_are_classes_where_no_trial_has_a_type(one_file):
    folder, _ = one_file(["onset|duration|trial_type|value", "0|1|n/a|10", "1|1|n/a|9", "2|1|n/a|n/a"])
    read = BidsSet(folder)
    assert read.emotions == ("9", "10")
    assert [r.emotion for r in read] == ["10", "9", ""]


def test_a_type_is_worth_more_than_a_value(one_file):
    folder, _ = one_file(["onset|duration|trial_type|value", "0|1|happy|10", "1|1|n/a|9"])
    read = BidsSet(folder)
    assert (read.emotions, [r.emotion for r in read]) == (("happy",), ["happy", ""])


def test_columns_of_numbers_are_ratings_unless_they_are_codes_times_or_constant(one_file):
    columns = "onset|duration|Arousal|fear|SAM_Valence|stim_type|trial_number|response_time|word|same|HED|sample"
    folder, _ = one_file(
        [
            columns,
            "0|1|3|1|5.5|28|1|0.7|5|4|n/a|0",
            "1|1|4|n/a|-1|29|2|0.8|x|4|n/a|128",
            "2|1|n/a|2|2|30|3|0.9|6|4|n/a|0",
        ]
    )
    read = BidsSet(folder)
    assert read.emotions == ()
    assert list(read.scales.items()) == [
        ("sam_valence", Rating(-1.0, 5.5, is_observed=True)),
        ("arousal", Rating(3.0, 4.0, is_observed=True)),
        ("fear", Rating(1.0, 2.0, is_observed=True)),
    ]
    np.testing.assert_equal([r.ratings["arousal"] for r in read], [3.0, 4.0, float("nan")])


def test_valence_in_words_is_no_rating_and_harms_nothing(one_file):
    folder, _ = one_file(["onset|duration|trial_type|valence", "0|1|a|negative", "1|1|b|positive"])
    assert BidsSet(folder).scales == {}


# --- channels


def test_channels_are_matched_by_name_whatever_their_order(one_file):
    folder, uv = one_file(
        ["onset|duration|trial_type", "0|6|x"],
        channels=["name|type|units|status", "O2|EEG|uV|good", "Cz|eeg|uV|BAD", "Fp1|EEG|uV|n/a", "Extra|MISC|uV|good"],
    )
    (recording,) = BidsSet(folder)
    assert recording.channel_names == ("Fp1", "O2")
    np.testing.assert_allclose(recording.samples_uv, centred(uv[[0, 2]]), atol=1e-3)


def test_channels_of_other_names_in_the_same_order_are_renamed(one_file):
    folder, uv = one_file(
        ["onset|duration|trial_type", "0|6|x"],
        names=("1", "ECG", "3", "Pz"),
        channels=["name|type|units|status", "Fp1|EEG|uV|good", "ECG|ECG|uV|good", "O2|EEG|uV|good", "Pz|EEG|uV|good"],
    )
    (recording,) = BidsSet(folder)
    assert recording.channel_names == ("Fp1", "O2", "Pz")
    np.testing.assert_allclose(recording.samples_uv, centred(uv[[0, 2, 3]]), atol=1e-3)


@pytest.mark.parametrize("names", [("Fp1", "Cz", "Pz", "O2"), ("Cz", "Fp1", "O9"), ("Fp1", "Cz")])
def test_channels_that_cannot_be_matched_are_refused(names, one_file):
    folder, _ = one_file(
        ["onset|duration|trial_type", "0|6|x"],
        names=("Fp1", "Cz", "A7"),
        channels=["name|type", *(f"{name}|EEG" for name in names)],
    )
    message = message_of(folder)
    assert "by its name or in the same order. Received: A7, which it does not have." in message


# --- which files belong together


@pytest.mark.parametrize("place", [".", "set", "./set/", "eeg/sub-9_ses-x/a b/set"])
def test_the_folder_may_be_named_in_any_way(place, written, monkeypatch, tmp_path):
    if place == ".":
        monkeypatch.chdir(written.folder)
    else:
        monkeypatch.chdir(tmp_path)
        if place.startswith("eeg"):
            shutil.copytree(written.folder, place)
    recordings = list(BidsSet(place))
    assert [r.emotion for r in recordings] == [truth.emotion for truth in written.recordings]
    assert [r.subject for r in recordings] == [truth.subject for truth in written.recordings]


def test_tables_are_inherited_from_folders_above(one_file):
    folder, _ = one_file(
        ["onset|duration|trial_type", "0|2|x", "2|2|y"], channels=["name|type", "Fp1|EEG", "Cz|EEG", "O2|EOG"]
    )
    eeg = folder / "sub-01" / "eeg"
    (eeg / "sub-01_task-x_events.tsv").rename(folder / "sub-01" / "sub-01_events.tsv")
    (eeg / "sub-01_task-x_channels.tsv").rename(folder / "task-x_channels.tsv")
    first, second = BidsSet(folder)
    assert (first.emotion, second.emotion) == ("x", "y")
    assert first.channel_names == ("Fp1", "Cz")


def test_a_table_of_another_run_is_not_taken(one_file):
    folder, _ = one_file(["onset|duration|trial_type", "0|2|x"], name="sub-01_task-x_run-1")
    one_file(None, name="sub-01_task-x")
    recordings = list(BidsSet(folder))
    assert [(r.trial, r.emotion) for r in recordings] == [("task-x", ""), ("task-x run-1 0001", "x")]


def test_a_set_without_events_is_unlabelled(one_file):
    folder, _ = one_file(None)
    read = BidsSet(folder)
    (recording,) = read
    assert (read.emotions, read.scales, recording.duration_s) == ((), {}, 6.0)


def test_recordings_in_edf_and_eeglab_are_read(one_file, write_recording, make_eeg):
    folder, _ = one_file(["onset|duration|trial_type", "0|2|x"])
    for number, suffix in ((2, ".edf"), (3, ".set"), (4, ".bdf")):
        place = folder / f"sub-0{number}" / "eeg"
        place.mkdir(parents=True)
        write_recording(place / f"sub-0{number}_task-x_eeg{suffix}", ("Fp1", "Cz"), make_eeg(("Fp1", "Cz")))
        bids.write_table(
            place / f"sub-0{number}_task-x_events.tsv", ("onset", "duration", "trial_type"), [("1", "2", "y")]
        )
    assert [(r.subject, r.duration_s) for r in BidsSet(folder)] == [(f"0{i}", 2.0) for i in range(1, 5)]


# --- the fingerprint


def test_the_fingerprint_is_that_of_the_bytes_wherever_the_folder_lies(written, tmp_path):
    before = BidsSet(written.folder).fingerprint()
    moved = tmp_path / "moved"
    shutil.copytree(written.folder, moved)
    assert BidsSet(moved).fingerprint() == before
    (moved / "README").write_text("no part of the data")
    assert BidsSet(moved).fingerprint() == before
    for name in ("eeg.eeg", "eeg.vmrk", "events.tsv", "channels.tsv"):
        path = moved / f"{bids.RUN_1}_{name}"
        content = path.read_bytes()
        path.write_bytes(content.replace(b"good", b"GOOD").replace(b"happy", b"HAPPY")[:-2] + b" \n")
        assert BidsSet(moved).fingerprint() != before, name
        path.write_bytes(content)


# --- faults


@pytest.mark.parametrize("damage", bids.DAMAGES)
def test_every_damage_is_one_line_that_names_the_place(damage, written):
    bids.DAMAGES[damage](written.folder)
    message = message_of(written.folder)
    assert str(written.folder) in message
    assert message.startswith(("Expected ", str(written.folder)))
    assert "Expected " in message


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("onset is n/a", "as `onset` in row 2 of"),
        ("onset is a word", "Received: 'soon'."),
        ("duration is negative", "Received: '-2.000'."),
        ("rating is a word", "Expected a number or n/a as `valence` in row 2 of"),
        ("missing labels", "Expected a column `trial_type` or `value`, or ratings in numbers, in"),
        ("events are a web page", "`onset` among them"),
        ("description missing", "Received: no dataset_description.json."),
        ("no recordings", "Received: no recordings (.edf, .bdf, .vhdr, .set)."),
        ("header missing", "Expected a recording (.edf, .bdf, .vhdr, .set) beside"),
        ("one channel gone", "Received: F3, which it does not have."),
    ],
)
def test_what_is_wrong_is_said(damage, said, written):
    bids.DAMAGES[damage](written.folder)
    assert said in message_of(written.folder)


@pytest.mark.parametrize("name", ["sub-01_tsk-x_eeg.vhdr", "sub-01_run-1_task-x_eeg.vhdr", "x_eeg.edf"])
def test_a_name_that_is_none_of_bids_is_one_line(name, one_file):
    folder, _ = one_file(None)
    eeg = folder / "sub-01" / "eeg"
    shutil.copyfile(eeg / "sub-01_task-x_eeg.vhdr", eeg / name)
    message = message_of(folder)
    assert message.startswith("Expected names as BIDS has them (sub-, ses-, task-")
    assert f"Received: {eeg / name}." in message


def test_files_that_were_not_fetched_say_so(written):
    path = written.folder / f"{bids.RUN_1}_eeg.eeg"
    path.unlink()
    try:
        path.symlink_to("../../../.git/annex/objects/x/y.eeg")
    except OSError:
        pytest.skip("this system lets nobody make links")
    assert "Fetch it: `datalad get`." in message_of(written.folder)


@pytest.mark.parametrize("kind", ["nothing", "file", "empty"])
def test_what_is_no_folder(kind, tmp_path):
    path = tmp_path / "x"
    if kind == "file":
        path.touch()
    if kind == "empty":
        path.mkdir()
    said = {"nothing": "no such folder", "file": "a file", "empty": "no dataset_description.json"}[kind]
    assert BidsSet.why_not(path) == said
    assert f"Received: {said}." in message_of(path)


def test_without_mne_bids_the_extra_is_named(written, monkeypatch):
    original = builtins.__import__

    def refuse(name, *rest, **more):
        if name == "mne_bids":
            raise ImportError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtra, match=r'pip install "emotune\[bids\]"'):
        BidsSet(written.folder)
