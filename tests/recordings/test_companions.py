"""The files that belong together are found by their names and headers."""

import pytest

from emotune.recordings.companions import companions


@pytest.fixture
def folder(tmp_path):
    for name in ("a.set", "a.fdt", "b.set", "c.fif", "c-1.fif", "c-2.fif", "c-ave.fif", "d.edf", "d.fdt"):
        (tmp_path / name).touch()
    for name in ("s1_split-01_eeg.fif", "s1_split-02_eeg.fif", "s2_split-01_eeg.fif", "x[1]_raw.fif", "x[1]_raw-1.fif"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.set", ["a.fdt"]),
        ("b.set", ["a.fdt", "d.fdt"]),
        ("c.fif", ["c-1.fif", "c-2.fif"]),
        ("s1_split-01_eeg.fif", ["s1_split-02_eeg.fif"]),
        ("s2_split-01_eeg.fif", []),
        ("x[1]_raw.fif", ["x[1]_raw-1.fif"]),
        ("d.edf", []),
    ],
)
def test_parts_beside_a_file(name, expected, folder):
    assert [part.name for part in companions(folder / name)] == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_a_brainvision_header_names_its_parts_whether_they_are_there_or_not(encoding, tmp_path):
    header = tmp_path / "new.vhdr"
    text = "[Common Infos]\nDataFile=älter.eeg\nMarkerFile=old.vmrk\n[Comment]\nDataFile=other.eeg\n"
    header.write_text(text, encoding=encoding)
    assert [part.name for part in companions(header)] == ["älter.eeg", "old.vmrk"]
    (tmp_path / "new.vmrk").touch()
    assert [part.name for part in companions(header)] == ["älter.eeg", "new.vmrk"]
    (tmp_path / "old.vmrk").touch()
    assert [part.name for part in companions(header)] == ["älter.eeg", "old.vmrk"]
