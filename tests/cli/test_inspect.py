"""`emotune inspect` and `emotune datasets`: what there is, without training."""

import numpy as np
import pytest

from emotune.cli.console import main
from emotune.data.sources import KINDS
from emotune.recordings.sets import SETS


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.npz"
    source = np.random.default_rng(0)
    labels = np.array(["calm", "calm", "glad"] * 20)
    np.savez(path, X=source.normal(size=(60, 5)), y=labels, subject=np.repeat(np.arange(6), 10))
    return path


def test_people_classes_and_shares(table, capsys):
    assert main(["inspect", str(table)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["people", "6"] in lines
    assert ["stimuli", "not", "known"] in lines
    assert ["windows", "60", "of", "5", "values"] in lines
    assert ["calm", "40", "66.7%", "6"] in lines
    assert ["glad", "20", "33.3%", "6"] in lines


def test_recordings_say_how_many_channels_are_interpolated(shared_data, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "cache"))
    assert main(["inspect", f"manifest:{shared_data / 'eegmat' / 'recordings.csv'}"]) == 0
    out = capsys.readouterr().out
    assert "32, 13 of them interpolated in some recordings" in out
    assert ["people", "16"] in [line.split() for line in out.splitlines()]
    assert "note: 13 of the 32 channels were not recorded" in out


def test_a_slip_is_one_line(tmp_path, capsys):
    assert main(["inspect", "nothing:here"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: Expected data as one of: ")
    assert error.count("\n") == 1


def test_every_kind_and_every_set_is_listed(capsys):
    assert main(["datasets"]) == 0
    out = capsys.readouterr().out
    for kind in KINDS.values():
        assert kind.written in out
    for reader in SETS.values():
        for said in (reader.about.folder, reader.about.access, reader.about.licence):
            assert said in out
