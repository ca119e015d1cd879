"""Digests of large files: read once, until the file changes; damage and folders that cannot be written."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import emotune
from emotune import files
from emotune.files import digests_folder, fingerprint_of_file

HOUR_AGO = time.time() - 3600


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A file over the limit, settled, in a process that knows no digests yet."""
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "_LARGE_BYTES", 1000)
    path = tmp_path / "large.edf"
    path.write_bytes(b"a" * 2000)
    os.utime(path, (HOUR_AGO, HOUR_AGO))
    files._fingerprint_of_version.cache_clear()
    return path


@pytest.fixture
def read(monkeypatch):
    """The files that were read, one entry a reading."""
    entries = []
    original = files._digest
    monkeypatch.setattr(files, "_digest", lambda path: entries.append(str(path)) or original(path))
    return entries


def asked_by_another_process(path: Path) -> str:
    files._fingerprint_of_version.cache_clear()
    return fingerprint_of_file(path)


def test_a_large_file_is_read_once_in_all_processes(large, read):
    assert len({asked_by_another_process(large) for _ in range(3)}) == 1
    assert len(read) == 1


def test_a_small_file_leaves_nothing_behind(large, read):
    large.write_bytes(b"a" * 999)
    os.utime(large, (HOUR_AGO, HOUR_AGO))
    asked_by_another_process(large)
    asked_by_another_process(large)
    assert len(read) == 2
    assert not digests_folder().exists()


def test_a_fresh_file_is_not_kept(large, read):
    large.write_bytes(b"b" * 2000)
    first = asked_by_another_process(large)
    large.write_bytes(b"c" * 2000)
    assert asked_by_another_process(large) != first
    assert len(read) == 2


@pytest.mark.skipif(os.name == "nt", reason="there is no change time")
def test_another_content_of_the_same_size_and_time_is_read_anew(large, read):
    first = asked_by_another_process(large)
    large.write_bytes(b"b" * 2000)
    os.utime(large, (HOUR_AGO, HOUR_AGO))
    assert asked_by_another_process(large) != first


def digest_changed(path: Path) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "digest": "0" * 16}))


@pytest.mark.parametrize(
    "damage",
    [
        digest_changed,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:40]),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: path.write_text("[]"),
        lambda path: path.write_text("{}"),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_a_damaged_digest_is_not_used(large, read, damage):
    first = asked_by_another_process(large)
    [kept] = digests_folder().glob("*.json")
    damage(kept)
    assert asked_by_another_process(large) == first
    assert len(read) == 2


def test_a_folder_that_cannot_be_written_is_done_without(large, read, tmp_path):
    (tmp_path / "cache").write_text("a file, not a folder")
    assert asked_by_another_process(large) == asked_by_another_process(large)
    assert len(read) == 2


def test_the_oldest_digests_are_dropped(large, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_MOST_DIGESTS", 10)
    for number in range(11):
        path = tmp_path / f"{number}.edf"
        path.write_bytes(b"%04d" % number * 500)
        os.utime(path, (HOUR_AGO, HOUR_AGO))
        fingerprint_of_file(path)
        for kept in digests_folder().glob("*.json"):
            if json.loads(kept.read_text())["file"][0] == str(path):
                os.utime(kept, (HOUR_AGO + number, HOUR_AGO + number))
    left = {Path(json.loads(kept.read_text())["file"][0]).stem for kept in digests_folder().glob("*.json")}
    assert left == {str(number) for number in range(2, 11)}


def test_several_processes_keep_digests_at_once(large):
    program = """
import sys
from emotune import files
files._LARGE_BYTES = 1000
print(files.fingerprint_of_file(sys.argv[1]))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(emotune.__file__).parents[1])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(large)], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    answers = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert answers == {fingerprint_of_file(large)}
    assert len(list(digests_folder().iterdir())) == 1
