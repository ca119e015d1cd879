"""FIF files whose tags or continuations go round in a ring."""

import re
import struct

import pytest

from emotune.errors import InputError
from emotune.recordings.fif_tags import check_tags
from emotune.recordings.reading import read_recording

NAMES = ["Fz", "Cz"]


def tag(kind, type_, data, following=0):
    return struct.pack(">iIii", kind, type_, len(data), following) + data


START = tag(100, 31, bytes(20)) + tag(101, 3, struct.pack(">i", -1))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (tag(999, 3, bytes(4), len(START)), "a tag leads back to byte 56 of 76"),
        (tag(999, 3, bytes(4), 36), "a tag leads back to byte 36 of 76"),
        (struct.pack(">iIii", 999, 3, -16, 0), "a tag leads back to byte 56 of 72"),
        (tag(999, 3, bytes(4), 10**6), "a tag leads to byte 1000000 of 76"),
    ],
)
def test_a_ring_of_tags_is_refused(tmp_path, more, message):
    path = tmp_path / "a_raw.fif"
    path.write_bytes(START + more)
    with pytest.raises(InputError, match=rf"Expected FIF data in .*a_raw\.fif, but .*{message}.*\. Copy or download"):
        read_recording(path)


def test_a_directory_longer_than_the_file_is_refused(tmp_path):
    path = tmp_path / "a_raw.fif"
    start = tag(100, 31, bytes(20)) + tag(101, 3, struct.pack(">i", 56))
    path.write_bytes(start + struct.pack(">iIii", 102, 32, 2**30, -1) + bytes(16))
    with pytest.raises(InputError, match="a directory of 1073741824 bytes at byte 56 of 88"):
        read_recording(path)


def test_a_file_that_continues_in_itself_is_refused(tmp_path, make_eeg):
    import mne

    raw = mne.io.RawArray(make_eeg(NAMES, seconds=1200) * 1e-6, mne.create_info(NAMES, 128.0, "eeg"), verbose="error")
    path = tmp_path / "a_raw.fif"
    raw.save(path, fmt="double", split_size="2MB", verbose="error")
    assert (tmp_path / "a_raw-1.fif").exists()
    check_tags(path)
    assert read_recording(path).samples_uv.shape[1] == 1200 * 128
    content = path.read_bytes()
    path.write_bytes(content.replace(b"a_raw-1.fif", b"a_raw.fif\0\0"))
    with pytest.raises(InputError, match=r"Expected FIF data in .*a_raw\.fif is a continuation of itself"):
        read_recording(path)


def test_a_header_that_asks_for_more_than_there_is_names_the_file(tmp_path, write_recording, make_eeg, monkeypatch):
    import mne

    path = write_recording(tmp_path / "a_raw.fif", NAMES, make_eeg(NAMES))

    def asks_for_more(*_, **__):
        raise MemoryError("Unable to allocate 8 EiB")

    monkeypatch.setattr(mne.io, "read_raw_fif", asks_for_more)
    with pytest.raises(
        InputError, match=rf"in {re.escape(str(path))} whose header fits in memory.*Unable to allocate 8 EiB\)\. Copy"
    ):
        read_recording(path)
