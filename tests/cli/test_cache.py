"""`emotune cache`: list, verify, clear; what is not ours stays."""

import hashlib
import json
import os
import time
from pathlib import Path

import filelock
import h5py
import numpy as np
import pytest

from emotune.cli.console import main
from emotune.errors import InputError
from emotune.features.extraction import FeatureSettings
from emotune.features.store import cache_folder, stored_features
from emotune.files import digests_folder
from recordings_in_memory import RecordingsInMemory, noise

DAY = 86400.0


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The features folder with vectors of two settings; the longer windows were last used 40 days ago."""
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "cache"))
    recordings = RecordingsInMemory([noise(seconds=4, emotion="joy"), noise(seconds=4, seed=1, emotion="calm")])
    for window_s in (1.0, 2.0):
        stored_features(recordings, FeatureSettings(window_s=window_s))
    old = time.time() - 40 * DAY
    os.utime(file_of(2.0), (old, old))
    return cache_folder()


def listed(capsys):
    capsys.readouterr()
    assert main(["cache", "list", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def file_of(window_s: float) -> Path:
    for path in cache_folder().glob("*.h5"):
        if f"{window_s:g} s windows".encode() in path.read_bytes()[:4096]:
            return path
    raise FileNotFoundError


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_the_list_tells_what_is_stored(folder, capsys):
    found = listed(capsys)
    assert found["folder"] == str(folder)
    assert [(file["n_windows"], file["n_features"], file["n_recordings"]) for file in found["files"]] == [
        (8, 167, 2),
        (4, 167, 2),
    ]
    assert found["n_bytes"] == sum(path.stat().st_size for path in folder.glob("*.h5"))
    assert all(abs(file["made_s"] - time.time()) < 60 and file["state"] == "whole" for file in found["files"])
    assert main(["cache", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "8 × 167" in lines[1]
    assert lines[1].endswith("1 s windows")
    assert lines[-1].startswith("2 stored, ")


def test_an_empty_cache_is_listed_verified_and_cleared(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "none"))
    assert [main(["cache", action]) for action in ("list", "verify", "clear")] == [0, 0, 0]
    assert capsys.readouterr().out.startswith("0 stored, 0 B")
    assert not (tmp_path / "none").exists()


def test_listing_does_not_count_as_a_use(folder, capsys):
    assert main(["cache", "list"]) == main(["cache", "verify"]) == 0
    assert file_of(2.0).stat().st_mtime < time.time() - 39 * DAY


@pytest.mark.parametrize("place", [100, -1])
def test_verify_finds_a_changed_byte(folder, capsys, place):
    path = file_of(1.0)
    assert main(["cache", "verify"]) == 0
    assert "2 whole, 0 of another version, 0 damaged" in capsys.readouterr().out
    flip(path, place)
    assert main(["cache", "verify"]) == 1
    printed = capsys.readouterr().out
    assert f"damaged: {path} (its " in printed
    assert "1 whole, 0 of another version, 1 damaged" in printed


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 5000])
def test_what_is_no_store_is_damaged(folder, capsys, content):
    (folder / ("0" * 16 + ".h5")).write_bytes(content)
    assert {file["key"]: file["state"] for file in listed(capsys)["files"]}["0" * 16] == "damaged"
    assert main(["cache", "verify"]) == 1


def test_files_of_other_versions_are_listed_and_cleared(folder, capsys, monkeypatch):
    with h5py.File(folder / ("0" * 16 + ".h5"), "w") as file:
        file.attrs["digest"] = "as it was once"
        file["values"], file["content"] = np.zeros((2, 3)), "{}"
    with h5py.File(folder / ("1" * 16 + ".h5"), "w") as file:
        file["values"] = np.zeros(3)  # somebody's own, of a name like ours
    states = {file["key"]: file["state"] for file in listed(capsys)["files"]}
    assert sorted(states.values()) == ["of another version", "whole", "whole"]
    assert main(["cache", "verify"]) == 0
    monkeypatch.setattr("emotune.features.stored_files.code_version", lambda: "later")
    assert {file["state"] for file in listed(capsys)["files"]} == {"of another version"}
    assert main(["cache", "clear", "0" * 16]) == 0
    assert len(listed(capsys)["files"]) == 2
    assert main(["cache", "clear"]) == 0
    assert (folder / ("1" * 16 + ".h5")).exists()


def test_clear_removes_everything_of_ours_and_nothing_else(folder, tmp_path, capsys):
    (folder / ".0123456789abcdef-x1y2_z3w.h5").write_bytes(b"left by a killed process")
    digests_folder().mkdir()
    (digests_folder() / ("a" * 16 + ".json")).write_text("{}")
    theirs = [folder / "notes.txt", folder / "mine.h5", folder / "mine.lock", digests_folder() / "mine.json"]
    theirs.append(folder.parent / "eegmat" / "Subject00_1.edf")
    theirs[-1].parent.mkdir()
    for path in theirs:
        path.write_text("theirs")
    outside = tmp_path / ("b" * 16 + ".h5")
    outside.write_text("elsewhere")
    (folder / outside.name).symlink_to(outside)
    (folder / ("c" * 16 + ".h5")).mkdir()
    assert main(["cache", "clear"]) == 0
    left = {path for path in folder.parent.rglob("*") if path.is_file() and not path.is_symlink()}
    assert left == set(theirs)
    assert outside.read_text() == "elsewhere"
    assert (folder / outside.name).is_symlink()


def test_a_dry_run_removes_nothing(folder, capsys):
    before = sorted(folder.iterdir())
    assert main(["cache", "clear", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert sum(f"would be removed: {path}" in printed for path in before) == len(before)
    assert sorted(folder.iterdir()) == before


def test_clear_by_age_key_and_name(folder, capsys):
    assert main(["cache", "clear", "--older-than", "41"]) == 0
    assert len(listed(capsys)["files"]) == 2
    assert main(["cache", "clear", "--older-than", "39"]) == 0
    [file] = listed(capsys)["files"]
    assert file["n_windows"] == 8
    assert main(["cache", "clear", file["key"][:7]]) == 2
    assert "8 digits or more of a key" in capsys.readouterr().err
    assert main(["cache", "clear", file["key"][:8], "--dry-run"]) == 0
    assert main(["cache", "clear", file["name"]]) == 0
    assert listed(capsys)["files"] == []


def test_an_unknown_name_removes_nothing(folder, capsys):
    assert main(["cache", "clear", file_of(1.0).stem, "nothing of that name"]) == 2
    assert "'nothing of that name', which nothing stored is called" in capsys.readouterr().err
    assert len(listed(capsys)["files"]) == 2


@pytest.mark.parametrize("days", ["-1", "nan", "soon", "inf"])
def test_an_age_is_a_number_of_days(folder, days, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["cache", "clear", f"--older-than={days}"])
    assert ended.value.code == 2
    assert len(list(folder.glob("*.h5"))) == 2


def test_what_is_being_written_stays(folder, capsys):
    path = file_of(1.0)
    unfinished = folder / f".{path.stem}-x1y2_z3w.h5"
    unfinished.write_bytes(b"half")
    with filelock.FileLock(path.with_suffix(".lock")):
        assert main(["cache", "clear"]) == 1
        assert f"kept: {path} (is being written)" in capsys.readouterr().out
        assert path.exists()
        assert unfinished.exists()
    assert main(["cache", "clear"]) == 0
    assert list(folder.iterdir()) == []


def test_a_linked_folder_is_refused(folder, tmp_path, capsys):
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    for action in ("list", "verify", "clear"):
        assert main(["cache", action]) == 2
        assert "Expected a folder of its own" in capsys.readouterr().err
    assert len(list((tmp_path / "elsewhere").glob("*.h5"))) == 2


def test_fetched_data_goes_only_when_it_is_asked_for(folder, capsys):
    eegmat = folder.parent / "eegmat"
    eegmat.mkdir()
    names = ("a_1.edf", "b_1.edf", "../notes.txt")
    sums = "".join(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in names)
    (eegmat / ("d" * 16 + "-SHA256SUMS.txt")).write_text(sums)
    for name in ("a_1.edf", "b_1.edf.part", "mine.edf", "../notes.txt"):
        (eegmat / name).write_text(name)
    assert main(["cache", "clear"]) == 0
    assert len(list(eegmat.iterdir())) == 4
    assert main(["cache", "clear", "--downloads", "--older-than", "3"]) == 2
    (eegmat / "b_1.edf").write_text("another one's")
    assert main(["cache", "clear", "--downloads"]) == 1
    assert f"kept: {eegmat / 'b_1.edf'} (is not the file that was fetched)" in capsys.readouterr().out
    assert sorted(path.name for path in eegmat.iterdir()) == ["b_1.edf", "mine.edf"]
    (eegmat / "b_1.edf").unlink()
    assert (folder.parent / "notes.txt").exists()
    (eegmat / "mine.edf").unlink()
    (eegmat / ("d" * 16 + "-SHA256SUMS.txt")).write_text(sums)
    assert main(["cache", "clear", "--downloads"]) == 0
    assert not eegmat.exists()


def test_what_was_cleared_is_computed_anew(folder, capsys):
    recordings = RecordingsInMemory([noise(seconds=4, emotion="joy"), noise(seconds=4, seed=1, emotion="calm")])
    stored_features(recordings, FeatureSettings(window_s=1.0))
    assert recordings.times_read == 0
    assert main(["cache", "clear", "--quiet"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    stored_features(recordings, FeatureSettings(window_s=1.0))
    assert recordings.times_read == 1


def test_an_action_must_be_named(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["cache"])
    assert ended.value.code == 2


def test_a_folder_that_cannot_be_read_is_said(folder, monkeypatch):
    from emotune.features import stored_files

    def refused(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(stored_files.os, "scandir", refused)
    with pytest.raises(InputError, match="Expected a folder that can be read"):
        stored_files.stored_files()
