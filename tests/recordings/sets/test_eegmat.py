"""EEGMAT's EDF files of rest and arithmetic."""

import re
import shutil

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings.sets.eegmat import Eegmat
from writers import eegmat as writer


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    return writer.write(tmp_path_factory.mktemp("eegmat") / "set", n_people=2, seconds=5.0)


@pytest.fixture
def written(untouched, tmp_path):
    """Of one's own, to spoil."""
    return shutil.copytree(untouched.folder, tmp_path / "set")


def message_of(folder):
    with pytest.raises(InputError) as raised:
        list(Eegmat(folder))
    message = str(raised.value)
    assert "\n" not in message
    return message


def check(recordings, truths):
    assert len(recordings) == len(truths)
    for recording, truth in zip(recordings, truths, strict=True):
        expected = truth.samples_uv - truth.samples_uv.mean(axis=1, keepdims=True)
        assert recording.samples_uv.shape == expected.shape
        np.testing.assert_allclose(recording.samples_uv, expected, rtol=0, atol=1e-4)
        assert recording.samples_uv.dtype == np.float32
        assert recording.baseline_uv is None
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


def test_every_file_is_a_recording_of_19_electrodes(untouched):
    eegmat = Eegmat(untouched.folder)
    assert len(eegmat) == 4
    assert eegmat.emotions == ("rest", "arithmetic")
    assert eegmat.name == untouched.spec
    check(list(eegmat), untouched.recordings)


def test_of_rest_the_last_62_seconds_are_read(tmp_path):
    written = writer.write(tmp_path, n_people=1)
    rest, arithmetic = Eegmat(tmp_path)
    check([rest, arithmetic], written.recordings)
    assert rest.duration_s == arithmetic.duration_s == 62


def test_people_come_by_number_and_other_files_are_left_alone(written):
    (written / "Subject00_1.edf").rename(written / "Subject11_1.edf")
    for name in (
        "subject-info.csv",
        "RECORDS",
        "SHA256SUMS.txt",
        "Subject1_1.edf",
        "Subject01_3.edf",
        "Subject02_1.edf.part",
    ):
        (written / name).touch()
    names = [file.name for file in Eegmat(written).files]
    assert names == ["Subject00_2.edf", "Subject01_1.edf", "Subject01_2.edf", "Subject11_1.edf"]


def test_the_folder_above_is_the_same_set(written):
    inside = written.rename(written.with_name("eeg-during-mental-arithmetic-tasks-1.0.0"))
    assert Eegmat(inside.parent).files == Eegmat(inside).files


def test_that_states_are_no_emotions_is_said(untouched):
    (finding,) = Eegmat(untouched.folder).findings
    assert (finding.name, finding.severity) == ("not-emotions", "note")
    assert "mental workload, not emotion" in str(finding)


def test_a_person_with_one_state_is_said(written):
    (written / "Subject01_2.edf").unlink()
    findings = {finding.name: finding for finding in Eegmat(written).findings}
    assert findings["missing-state"].severity == "warning"
    assert "Of Subject01 one state alone is in" in str(findings["missing-state"])


def test_a_recorder_that_says_no_duration_is_read_whole(written):
    content = bytearray((written / writer.FIRST).read_bytes())
    content[236:244] = b"-1      "
    (written / writer.FIRST).write_bytes(content)
    assert next(iter(Eegmat(written))).duration_s == 8


def test_reading_is_lazy_and_one_file_at_a_time(written):
    (written / "Subject00_2.edf").write_bytes(b"damaged")
    recordings = iter(Eegmat(written))
    assert next(recordings).emotion == "rest"
    with pytest.raises(InputError, match=r"Subject00_2\.edf"):
        next(recordings)


def test_the_fingerprint_changes_with_the_bytes_not_with_the_place(written):
    before = Eegmat(written).fingerprint()
    moved = written.rename(written.with_name("moved"))
    assert Eegmat(moved).fingerprint() == before
    content = bytearray((moved / writer.FIRST).read_bytes())
    content[-5000] ^= 1
    (moved / writer.FIRST).write_bytes(content)
    assert Eegmat(moved).fingerprint() != before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("cut in half", r"bytes \(8 data records\) in .*Subject00_1\.edf.*truncated"),
        ("cut in its header", r"header of EDF in .*Subject00_1\.edf, but it is damaged or truncated"),
        ("empty", r"Subject00_1\.edf, but the file is empty"),
        ("web page", r"Subject00_1\.edf, but it holds a web page"),
        ("one channel gone", r"19 electrodes EEG Fp1 to EEG Pz in .*Subject00_1\.edf\. Received: none called EEG Cz\."),
        ("other units", r"Expected EEG channels in .*Subject00_1\.edf"),
        ("recorded with gaps", r"without interruptions in .*Subject00_1\.edf"),
    ],
)
def test_damage_is_named(written, damage, message):
    writer.DAMAGES[damage](written)
    assert re.search(message, message_of(written))


def test_every_damage_has_its_message():
    marks = test_damage_is_named.pytestmark
    assert {case[0] for case in marks[0].args[1]} == set(writer.DAMAGES)


def test_another_folder_is_refused_with_what_was_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"Expected EEGMAT in .*Subject00_1\.edf.*Received: none of these files"):
        Eegmat(tmp_path)


def test_real_people(shared_data):
    eegmat = Eegmat(shared_data / "eegmat")
    assert len(eegmat) == 32
    rest, arithmetic = list(eegmat)[:2]
    assert rest.samples_uv.shape == arithmetic.samples_uv.shape == (19, 31000)
    assert (rest.emotion, arithmetic.emotion) == ("rest", "arithmetic")
    assert 1 < np.median(rest.samples_uv.std(axis=1)) < 50
