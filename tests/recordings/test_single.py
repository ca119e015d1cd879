"""One file as a set."""

import pytest

from emotune.errors import InputError
from emotune.recordings.single import RecordingFile


def test_a_file_is_one_unlabelled_recording(tmp_path, write_recording, make_eeg):
    path = write_recording(tmp_path / "a.vhdr", ("Fp1", "Cz"), make_eeg(("Fp1", "Cz")))
    recordings = RecordingFile(path)
    (recording,) = recordings
    assert (len(recordings), recordings.name, recordings.findings) == (1, str(path), ())
    assert (recordings.emotions, dict(recordings.scales)) == ((), {})
    assert (recording.subject, recording.emotion, recording.duration_s) == ("", "", 4.0)


def test_the_fingerprint_is_that_of_the_file_and_its_companions(tmp_path, write_recording, make_eeg):
    path = write_recording(tmp_path / "a.vhdr", ("Fp1", "Cz"), make_eeg(("Fp1", "Cz")))
    before = RecordingFile(str(path)).fingerprint()
    for suffix in (".vhdr", ".eeg", ".vmrk"):
        part = path.with_suffix(suffix)
        content = part.read_bytes()
        part.write_bytes(content + b" ")
        assert RecordingFile(path).fingerprint() != before
        part.write_bytes(content)
    assert RecordingFile(path).fingerprint() == before


def test_no_file_is_said_at_once(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        RecordingFile(tmp_path / "none.edf")
