"""The store: hit, miss, damage, several processes, folders that cannot be written."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import emotune
from emotune.errors import InputError
from emotune.features import store
from emotune.features.extraction import FeatureSettings, FeatureTable
from emotune.features.store import cache_folder, stored_features
from emotune.features.store_file import STORE_VERSION, DamagedStore, read_table
from emotune.recordings.targets import Rating

SECOND = FeatureSettings(window_s=1.0)


@pytest.fixture
def recordings(recording, set_of):
    """Two short recordings, with letters beyond ASCII in the groups and a finding."""
    return set_of(
        recording(seconds=3, seed=1, subject="Zoë", emotion="joy", stimulus="映画"),
        recording(seconds=2, seed=2, subject="bo", session="2", trial="x", ratings={"valence": 2.5}),
        recording([*"Fp1 Fp2 F3 F4 C3 C4 O1 O2".split()], seconds=2, seed=3, emotion=""),
        scales={"valence": Rating(1.0, 5.0), "arousal": Rating(1.0, 9.0, is_observed=True)},
    )


def stored_file(folder: Path) -> Path:
    [path] = folder.glob("*.h5")
    return path


def assert_same(one: FeatureTable, other: FeatureTable) -> None:
    for name in (
        "values",
        "emotion",
        "subject",
        "session",
        "trial",
        "stimulus",
        "recording",
        "starts_s",
        "stops_s",
        "numbers",
    ):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype.kind == getattr(other, name).dtype.kind
    assert one.ratings.keys() == other.ratings.keys()
    for name, values in one.ratings.items():
        np.testing.assert_array_equal(values, other.ratings[name])
    for name in ("layout", "emotions", "scales", "findings", "interpolated", "n_recordings", "fingerprint"):
        assert getattr(one, name) == getattr(other, name), name


def test_what_was_stored_is_read_and_not_computed_again(recordings, tmp_path):
    calls = []
    first = stored_features(recordings, SECOND, folder=tmp_path)
    second = stored_features(recordings, SECOND, folder=tmp_path, on_recording=lambda *call: calls.append(call))
    assert_same(first, second)
    assert second.findings
    assert recordings.times_read == 1
    assert calls == [(3, 3)]
    assert second.subject.tolist()[:3] == ["Zoë"] * 3


def test_other_settings_or_recordings_are_another_file(recordings, tmp_path):
    stored_features(recordings, SECOND, folder=tmp_path)
    stored_features(recordings, FeatureSettings(window_s=2.0), folder=tmp_path)
    recordings.version = "2"
    stored_features(recordings, SECOND, folder=tmp_path)
    assert recordings.times_read == 3
    assert len(list(tmp_path.glob("*.h5"))) == 3


def test_a_new_version_of_the_features_is_another_file(recordings, tmp_path, monkeypatch):
    stored_features(recordings, SECOND, folder=tmp_path)
    monkeypatch.setattr("emotune.features.extraction.FEATURE_VERSION", 99)
    stored_features(recordings, SECOND, folder=tmp_path)
    assert recordings.times_read == 2


def cut_in_half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("not HDF5")


def one_value_changed(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["values"][1, 5] += 0.001


def one_rating_changed(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["ratings"][0, 1] = 1.0


def one_byte_of(name: str):
    """Another letter in a text: of a label, of the layout, of the header."""

    def changed(path: Path) -> None:
        content = path.read_bytes()
        assert name.encode() in content
        path.write_bytes(content.replace(name.encode(), name[:-1].encode() + b"#", 1))

    changed.__name__ = f"one_byte_of_{name}"
    return changed


def an_array_missing(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["starts_s"]


def an_attribute_more(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["note"] = "from elsewhere"


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def header_alone(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4096])


def of_another_schema(path: Path) -> None:
    path.unlink()
    with h5py.File(path, "w") as file:
        file.create_dataset("values", data=np.zeros((7, 167), dtype=np.float32))


def of_a_later_version(path: Path) -> None:
    import zlib

    this, later = (b"emotune vectors %d" % version for version in (STORE_VERSION, STORE_VERSION + 1))
    content = path.read_bytes().replace(this, later, 1)
    path.write_bytes(content[:4088] + b"%08x" % zlib.crc32(content[:4088]) + content[4096:])


@pytest.mark.parametrize(
    "damage",
    [
        cut_in_half,
        empty,
        text,
        one_value_changed,
        one_rating_changed,
        one_byte_of("joy"),
        one_byte_of("Fp1"),
        one_byte_of("s windows"),
        an_array_missing,
        an_attribute_more,
        longer,
        header_alone,
        of_another_schema,
        of_a_later_version,
    ],
)
def test_a_damaged_store_is_computed_anew_with_a_warning(recordings, tmp_path, damage):
    first = stored_features(recordings, SECOND, folder=tmp_path)
    damage(stored_file(tmp_path))
    second = stored_features(recordings, SECOND, folder=tmp_path)
    assert recordings.times_read == 2
    np.testing.assert_array_equal(second.values, first.values)
    assert (second.findings[-1].name, second.findings[-1].severity) == ("damaged-store", "warning")
    assert "have been computed anew" in second.findings[-1].message
    third = stored_features(recordings, SECOND, folder=tmp_path)
    assert recordings.times_read == 2
    assert_same(third, first)


def test_every_changed_byte_is_found(recordings, tmp_path):
    stored_features(recordings, SECOND, folder=tmp_path)
    path = stored_file(tmp_path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    places = [
        0,
        1,
        4087,
        4088,
        4095,
        4096,
        len(whole) - 1,
        *rng.integers(len(whole), size=150),
        *rng.integers(4096, size=50),
    ]
    for place in places:
        content = bytearray(whole)
        content[place] ^= int(rng.integers(1, 256))
        path.write_bytes(content)
        with pytest.raises(DamagedStore):
            read_table(path)
    for length in [0, 1, 4095, 4096, *rng.integers(len(whole), size=30)]:
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedStore):
            read_table(path)


@pytest.mark.parametrize("seed", range(6))
def test_a_flipped_byte_is_computed_anew_with_a_warning(recordings, tmp_path, seed):
    first = stored_features(recordings, SECOND, folder=tmp_path)
    path = stored_file(tmp_path)
    content = bytearray(path.read_bytes())
    content[np.random.default_rng(seed).integers(len(content))] ^= 0x41
    path.write_bytes(content)
    second = stored_features(recordings, SECOND, folder=tmp_path)
    assert second.findings[-1].name == "damaged-store"
    assert_same(replace(second, findings=second.findings[:-1]), first)


def test_a_file_under_the_name_of_another_is_not_used(recordings, tmp_path):
    stored_features(recordings, SECOND, folder=tmp_path / "one")
    stored_features(recordings, FeatureSettings(window_s=2.0), folder=tmp_path / "other")
    stored_file(tmp_path / "other").write_bytes(stored_file(tmp_path / "one").read_bytes())
    table = stored_features(recordings, FeatureSettings(window_s=2.0), folder=tmp_path / "other")
    assert table.findings[-1].name == "damaged-store"
    assert table.window_s == 2.0


def test_stored_values_are_mapped_and_cannot_be_changed(recordings, tmp_path):
    stored_features(recordings, SECOND, folder=tmp_path)
    table = stored_features(recordings, SECOND, folder=tmp_path)
    assert table.values.base is not None
    assert table.values.flags.aligned
    assert table.values.ctypes.data % 64 == 0
    with pytest.raises(ValueError, match="read-only"):
        table.values[0, 0] = 1.0


def test_values_in_use_outlive_their_file(recordings, tmp_path):
    first = stored_features(recordings, SECOND, folder=tmp_path)
    table = stored_features(recordings, SECOND, folder=tmp_path)
    stored_file(tmp_path).unlink()
    np.testing.assert_array_equal(table.values, first.values)


def test_a_use_is_remembered_where_it_can_be(recordings, tmp_path, monkeypatch):
    stored_features(recordings, SECOND, folder=tmp_path)
    path = stored_file(tmp_path)
    os.utime(path, (1e9, 1e9))
    stored_features(recordings, SECOND, folder=tmp_path)
    assert time.time() - path.stat().st_mtime < 60

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(store.os, "utime", refused)
    stored_features(recordings, SECOND, folder=tmp_path)
    assert recordings.times_read == 1


def test_a_failed_write_leaves_nothing_behind_and_says_so(recordings, tmp_path, monkeypatch):
    def full(path, table, key, about):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_table", full)
    table = stored_features(recordings, SECOND, folder=tmp_path)
    assert len(table) == 7
    assert (table.findings[-1].name, table.findings[-1].severity) == ("store-not-written", "note")
    assert "No space left on device" in table.findings[-1].message
    assert [path.suffix for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_a_folder_that_cannot_be_made_is_done_without(recordings, tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    table = stored_features(recordings, SECOND, folder=tmp_path / "taken" / "features")
    assert len(table) == 7
    assert table.findings[-1].name == "store-not-written"
    assert "Set EMOTUNE_CACHE" in table.findings[-1].remedy


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), NotImplementedError("no flock here")])
def test_a_folder_that_can_only_be_read_still_serves(recordings, tmp_path, monkeypatch, error):
    first = stored_features(recordings, SECOND, folder=tmp_path)

    def refused(path):
        raise error

    monkeypatch.setattr(store, "_locked", refused)
    assert_same(stored_features(recordings, SECOND, folder=tmp_path), first)
    other = stored_features(recordings, FeatureSettings(window_s=2.0), folder=tmp_path)
    assert recordings.times_read == 2
    assert other.findings[-1].name == "store-not-written"
    assert str(error) in other.findings[-1].message


def test_a_refused_recording_stores_nothing_and_frees_the_lock(recording, set_of, tmp_path):
    bad = set_of(recording(seconds=0.5))
    for _ in range(2):
        with pytest.raises(InputError, match="at least one window"):
            stored_features(bad, SECOND, folder=tmp_path)
    assert list(tmp_path.glob("*.h5")) == []


def test_the_folder_is_the_systems_unless_it_is_set(monkeypatch, tmp_path):
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path / "features"
    monkeypatch.delenv("EMOTUNE_CACHE")
    assert cache_folder().name == "features"
    assert "emotune" in cache_folder().parts


def test_without_a_folder_the_cache_folder_is_used(recordings, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path))
    stored_features(recordings, SECOND)
    assert stored_file(tmp_path / "features").is_file()


PROCESS = """
import sys, time
from pathlib import Path
import numpy as np
from emotune.features.extraction import FeatureSettings
from emotune.features.layout import CHANNELS
from emotune.features.store import stored_features
from emotune.recordings.recording import Recording

class Slow:
    name, emotions, scales, findings = "slow", ("calm", "joy"), {}, ()
    def __len__(self): return 1
    def fingerprint(self): return "slow"
    def __iter__(self):
        with open(sys.argv[2], "a") as log:
            log.write("computed\\n")
        time.sleep(0.5)
        samples = np.random.default_rng(0).standard_normal((32, 1280)).astype(np.float32)
        yield Recording(samples, 128.0, CHANNELS, subject="p", emotion="calm")

(Path(sys.argv[1]) / f"ready{sys.argv[3]}").touch()
while not (Path(sys.argv[1]) / "go").exists():
    time.sleep(0.01)
table = stored_features(Slow(), FeatureSettings(), folder=Path(sys.argv[1]) / "store")
print(table.values.sum())
"""


def test_of_several_processes_one_computes(tmp_path):
    log = tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(Path(emotune.__file__).parents[1])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(tmp_path), str(log), str(i)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(3)
    ]
    while len(list(tmp_path.glob("ready*"))) < 3 and all(process.poll() is None for process in processes):
        time.sleep(0.02)
    (tmp_path / "go").touch()
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert len({output for output, _ in outputs}) == 1
    assert log.read_text() == "computed\n"


def test_other_code_computes_anew(recording, set_of, tmp_path, monkeypatch):
    from emotune.features import store

    recordings = set_of(recording(seconds=9.0))
    stored_features(recordings, SECOND, folder=tmp_path)
    stored_features(recordings, SECOND, folder=tmp_path)
    assert recordings.times_read == 1
    monkeypatch.setattr(store, "code_version", lambda: "another version")
    stored_features(recordings, SECOND, folder=tmp_path)
    assert recordings.times_read == 2
