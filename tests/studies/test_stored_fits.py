"""Fits that are stored as they end."""

from emotune.search.trials import Trial
from emotune.studies.stored_fits import StoredFits


def result(score):
    return Trial(0, "complete", {"units": 8}, score=score, scores=(score,), seconds=1.5)


def test_what_was_stored_is_read(tmp_path):
    store = StoredFits(tmp_path / "new" / "fits.jsonl")
    assert store.read() == {}
    store.add(3, result(0.5))
    store.add(0, result(0.7))
    assert StoredFits(tmp_path / "new" / "fits.jsonl").read() == {3: result(0.5), 0: result(0.7)}


def test_a_line_that_was_cut_short_costs_only_itself(tmp_path):
    path = tmp_path / "fits.jsonl"
    store = StoredFits(path)
    store.add(0, result(0.5))
    store.add(1, result(0.6))
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    assert set(store.read()) == {0}
    store.add(2, result(0.7))
    assert set(store.read()) == {0, 2}


def test_a_failure_is_tried_again(tmp_path):
    store = StoredFits(tmp_path / "fits.jsonl")
    store.add(0, Trial(0, "failed", reason="worker killed twice (exit code -9)"))
    store.add(1, result(0.6))
    assert store.read() == {1: result(0.6)}
    store.add(0, result(0.5))
    assert store.read() == {0: result(0.5), 1: result(0.6)}
