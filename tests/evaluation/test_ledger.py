"""The count of openings is never lower than what happened."""

import json

import numpy as np
import pytest

from emotune.evaluation.ledger import LEDGER, Ledger
from emotune.evaluation.splits import Split


def split_of(seed):
    rows = (np.array(part, dtype=np.int64) for part in ([0, 1], [2], [3]))
    return Split(*rows, protocol="subject", seed=seed, people={})


FIRST, SECOND = split_of(1), split_of(2)


def test_openings_are_counted_by_split_and_data(tmp_path):
    ledger = Ledger(tmp_path / "new")
    assert ledger.openings(FIRST) == 0
    assert ledger.record(FIRST, data="mine.csv", why="score", data_fingerprint="aa") == 1
    assert ledger.record(FIRST, data="mine.csv", why="score", data_fingerprint="bb") == 1
    assert ledger.record(FIRST, data="other name", why="score", data_fingerprint="aa") == 2
    assert ledger.record(SECOND, data="mine.csv", why="score", data_fingerprint="aa") == 1
    assert ledger.openings(FIRST) == 3
    lines = (ledger.folder / LEDGER).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["data_fingerprint"] for line in lines] == ["aa", "bb", "aa", "aa"]


@pytest.mark.parametrize(("protocol", "name"), [("subject", "people"), ("trial", "trials")])
def test_the_same_people_in_other_windows_are_the_same_part(tmp_path, protocol, name):
    def split(n_rows, tested, seed=1):
        rows = (np.arange(start, start + n_rows) for start in (0, n_rows, 2 * n_rows))
        who = {"train": ["a"], "validation": ["b"], "test": tested}
        return Split(*rows, **{"protocol": protocol, "seed": seed, "people": {}, name: who})

    ledger = Ledger(tmp_path)
    assert ledger.record(split(5, ["c", "d"]), data="x", why="score", data_fingerprint="aa") == 1
    assert ledger.record(split(9, ["d", "c"], seed=2), data="x", why="score", data_fingerprint="aa") == 2
    assert ledger.record(split(9, ["c"]), data="x", why="score", data_fingerprint="aa") == 1
    assert ledger.record(split(9, ["c", "d"]), data="x", why="score", data_fingerprint="bb") == 1


def test_an_opening_whose_data_are_not_known_counts_for_all(tmp_path):
    ledger = Ledger(tmp_path)
    assert ledger.record(FIRST, data="mine.csv", why="score") == 1
    assert ledger.openings(FIRST, data_fingerprint="aa") == 1
    assert ledger.openings(SECOND, data_fingerprint="aa") == 0


def test_a_fingerprint_in_another_field_is_no_opening(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.record(SECOND, data="mine.csv", why=f"after {FIRST.fingerprint}")
    assert ledger.openings(FIRST) == 0


@pytest.mark.parametrize("damage", [b'{"split": "abc', b"\xff\xfe\x00", b"[1]", b"7"])
def test_a_damaged_line_counts_and_swallows_no_other(tmp_path, damage):
    ledger = Ledger(tmp_path)
    (tmp_path / LEDGER).write_bytes(damage)
    assert ledger.openings(FIRST, data_fingerprint="aa") == 1
    assert ledger.record(FIRST, data="mine.csv", why="score", data_fingerprint="aa") == 2
    assert ledger.openings(SECOND) == 1
