"""MAHNOB-HCI's sessions: BDF with triggers in Status, and what was felt in XML."""

import math
import re
import shutil

import mne
import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings.sets.mahnob import Mahnob
from writers import mahnob as writer


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    return writer.write(tmp_path_factory.mktemp("mahnob"), n_people=2, seconds=3.3, n_clips=2)


@pytest.fixture
def written(untouched, tmp_path):
    """Of one's own, to spoil."""
    shutil.copytree(untouched.folder / "Sessions", tmp_path / "set" / "Sessions")
    return tmp_path / "set"


def message_of(folder):
    with pytest.raises(InputError) as raised:
        list(Mahnob(folder))
    message = str(raised.value)
    assert "\n" not in message
    return message


def centred(samples):
    return samples - samples.mean(axis=1, keepdims=True)


def test_every_rated_clip_is_a_recording(untouched):
    mahnob = Mahnob(untouched.folder)
    recordings = list(mahnob)
    assert len(mahnob) == len(recordings) == len(untouched.recordings) == 4
    for recording, truth in zip(recordings, untouched.recordings, strict=True):
        assert recording.samples_uv.shape == truth.samples_uv.shape
        np.testing.assert_allclose(recording.samples_uv, centred(truth.samples_uv), rtol=0, atol=untouched.tolerance_uv)
        np.testing.assert_allclose(recording.baseline_uv, centred(truth.baseline_uv), rtol=0, atol=0.05)
        assert recording.samples_uv.dtype == recording.baseline_uv.dtype == np.float32
        assert recording.baseline_uv.shape == (32, 30 * 256)
        for name in (
            "sampling_rate_hz",
            "channel_names",
            "subject",
            "trial",
            "session",
            "stimulus",
            "emotion",
            "ratings",
        ):
            assert getattr(recording, name) == getattr(truth, name), name
        assert recording.source.endswith("_emotion.bdf")
    assert mahnob.name == untouched.spec
    assert mahnob.findings == ()


def test_the_triggers_are_where_mne_finds_them(untouched):
    raw = mne.io.read_raw_bdf(writer.bdf(untouched.folder), stim_channel="Status", verbose="error")
    events = mne.find_events(raw, mask=0xFFFF, mask_type="and", verbose="error")
    assert [event[2] for event in events] == [writer.PULSE] * 2
    recording = next(iter(Mahnob(untouched.folder)))
    assert recording.samples_uv.shape[1] == events[1][0] - events[0][0]
    assert events[0][0] == 30 * 256


def test_sessions_come_by_number_and_the_folder_itself_is_the_same_set(untouched):
    inside = Mahnob(untouched.folder / "Sessions")
    assert [recording.trial for recording in inside] == ["2", "4", "132", "134"]
    assert inside.files == Mahnob(untouched.folder).files


def test_neutral_clips_tagging_and_sessions_without_eeg_are_left_alone(written):
    writer.replace_in_xml(written, 'isStim="1"', 'isStim="0"')  # the recording's name alone does not make it rated
    tagging = written / "Sessions" / "70"
    tagging.mkdir()
    (tagging / "session.xml").write_text("<session/>")
    (tagging / "Part_1_Trial1_tagging.bdf").touch()
    silent = written / "Sessions" / "72"
    silent.mkdir()
    (silent / "session.xml").write_text('<session isStim="1"/>')
    (written / "Sessions" / "readme.txt").touch()
    assert [recording.trial for recording in Mahnob(written)] == ["4", "132", "134"]


def test_where_a_session_does_not_say_whether_it_is_a_clip_its_answers_tell(written):
    writer.replace_in_xml(written, ' isStim="1"', "")
    assert len(Mahnob(written)) == 4
    writer.replace_in_xml(written, " felt.*(?= isStim| mediaFile)", "")
    assert len(Mahnob(written)) == 3


def test_no_rated_session_at_all_is_said(written):
    for number in (4, 132, 134):
        shutil.rmtree(written / "Sessions" / str(number))
    writer.replace_in_xml(written, 'isStim="1"', 'isStim="0"')
    assert "Expected sessions of MAHNOB-HCI in" in message_of(written)


def test_what_was_not_answered_is_not_made_up(written):
    writer.replace_in_xml(written, ' feltEmo="[^"]*"', "")
    writer.replace_in_xml(written, 'feltVlnc="[^"]*"', 'feltVlnc=""')
    mahnob = Mahnob(written)
    first = next(iter(mahnob))
    assert first.emotion == ""
    assert math.isnan(first.ratings["valence"])
    assert 1 <= first.ratings["arousal"] <= 9
    assert mahnob.findings == ()
    writer.replace_in_xml(written, ' feltArsl="[^"]*" feltCtrl="[^"]*" feltPred="[^"]*"', "")
    (finding,) = Mahnob(written).findings
    assert str(finding) == "1 of 4 sessions have no rating: 2."


@pytest.mark.parametrize("code", [7, 8, 9, 10])
def test_codes_without_a_key_are_no_emotion(written, code):
    writer.replace_in_xml(written, 'feltEmo="[^"]*"', f'feltEmo="{code}"')
    assert next(iter(Mahnob(written))).emotion == ""


def test_a_session_is_called_after_its_folder_where_it_does_not_say(written):
    writer.replace_in_xml(written, ' sessionId="2"', "")
    assert next(iter(Mahnob(written))).trial == "2"


def test_a_clip_that_begins_early_has_less_before_it_and_at_once_has_nothing(written):
    writer.set_status(written, [100, 600])
    first = next(iter(Mahnob(written)))
    assert first.baseline_uv.shape == (32, 100)
    assert first.samples_uv.shape == (32, 500)
    writer.set_status(written, [1, 600])
    assert next(iter(Mahnob(written))).baseline_uv.shape == (32, 1)


def test_more_than_two_triggers_are_refused(written):
    writer.set_status(written, [1000, 2000, 3000])
    assert "Expected two triggers in the Status channel of" in message_of(written)


def test_reading_is_lazy_and_one_session_at_a_time(written):
    later = written / "Sessions" / "4" / "Part_1_S_Trial2_emotion.bdf"
    later.write_bytes(b"damaged")
    recordings = iter(Mahnob(written))
    assert next(recordings).trial == "2"
    with pytest.raises(InputError, match=r"Part_1_S_Trial2_emotion\.bdf"):
        next(recordings)


def test_the_fingerprint_changes_with_samples_and_answers_not_with_the_place(written):
    before = Mahnob(written).fingerprint()
    moved = written.rename(written.with_name("moved"))
    assert Mahnob(moved).fingerprint() == before
    writer.replace_in_xml(moved, 'feltVlnc="[^"]*"', 'feltVlnc=""')
    answered = Mahnob(moved).fingerprint()
    content = bytearray(writer.bdf(moved).read_bytes())
    content[-5000] ^= 1
    writer.bdf(moved).write_bytes(content)
    assert len({before, answered, Mahnob(moved).fingerprint()}) == 3


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("cut in half", r"bytes \(\d+ data records\) in .*Trial1_emotion\.bdf.*truncated"),
        ("empty", r"Trial1_emotion\.bdf, but the file is empty"),
        ("web page", r"Trial1_emotion\.bdf, but it holds a web page"),
        ("one channel gone", r"32 electrodes Fp1 to O2 in .*Received: none called Oz\. Download"),
        ("no Status channel", r"Expected a channel Status in .*Received: 47 channels without it"),
        ("no triggers", r"two triggers in the Status channel of .*Received: 0\."),
        ("one trigger", r"two triggers in the Status channel of .*Received: 1\."),
        ("missing labels", r"Expected session\.xml beside the recording in .*2, where.*no such file"),
        ("labels cut in half", r"<session \.\.\.>, in .*session\.xml\. Received: (unclosed token|not well|no element)"),
        ("empty labels", r"<session \.\.\.>, in .*session\.xml\. Received: an empty file\."),
        ("web page of labels", r"<session \.\.\.>, in .*session\.xml\. Received: a document type"),
        ("labels that grow", r"<session \.\.\.>, in .*session\.xml\. Received: a document type"),
        ("labels of another kind", r"<session \.\.\.>, in .*session\.xml\. Received: <trial>\."),
        ("no subject", r'Expected <subject id="\.\.\."> in .*session\.xml\. Received: none'),
        ("another subject", r"Expected the recording of person 2 beside .*Received: Part_1_S_Trial1_emotion\.bdf"),
        ("wrong key", r"Expected a code from 0 to 12 as `feltEmo` in .*session\.xml\. Received: 13\."),
        ("a rating in words", r"Expected a number as `feltVlnc` in .*session\.xml\. Received: 'high'\."),
        ("the same session twice", r"Received: session 4 in .*session\.xml and in .*session\.xml\. Take copies out"),
    ],
)
def test_damage_is_named(written, damage, message):
    writer.DAMAGES[damage](written)
    assert re.search(message, message_of(written))


def test_every_damage_has_its_message():
    marks = test_damage_is_named.pytestmark
    assert {case[0] for case in marks[0].args[1]} == set(writer.DAMAGES)


def test_entities_are_refused_in_any_encoding(written):
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE session [<!ENTITY a SYSTEM "/etc/passwd">]><session/>'
    writer.xml(written).write_bytes(text.encode("utf-16"))
    assert "Received: a document type" in message_of(written)


def test_an_encoding_that_nobody_knows_and_an_endless_file_are_refused(written):
    writer.xml(written).write_text('<?xml version="1.0" encoding="klingon"?><session/>')
    assert "session.xml. Received: unknown encoding" in message_of(written)
    writer.xml(written).write_bytes(b"<session>" + b" " * 2**20)
    assert "session.xml. Received: more than 1 MB." in message_of(written)


def test_another_folder_is_refused_with_what_was_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"Expected MAHNOB-HCI in .*session\.xml.*Received: none of these files"):
        Mahnob(tmp_path)
