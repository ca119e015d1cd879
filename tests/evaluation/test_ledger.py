"""The count of openings is never lower than what happened."""

import getpass
import json
import multiprocessing
import socket

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
    # One of them was looked at before, twice; somebody else was not.
    assert ledger.record(split(9, ["c"]), data="x", why="score", data_fingerprint="aa") == 3
    assert ledger.record(split(7, ["e"]), data="x", why="score", data_fingerprint="aa") == 1
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


def lines_of(ledger):
    return [json.loads(line) for line in (ledger.folder / LEDGER).read_text(encoding="utf-8").splitlines() if line]


def test_a_line_says_who_and_when(tmp_path, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    monkeypatch.setattr(socket, "gethostname", lambda: "lab")
    Ledger(tmp_path).record(FIRST, data="mine.csv", why="score")
    (line,) = lines_of(Ledger(tmp_path))
    assert line["who"] == "ada@lab"
    assert line["when"].endswith("+00:00")


@pytest.mark.parametrize("error", [KeyError("uid"), OSError("no user"), ImportError("pwd")])
def test_an_opening_by_a_user_without_a_name_is_written_down(tmp_path, monkeypatch, error):
    def fails():
        raise error

    monkeypatch.setattr(getpass, "getuser", fails)
    assert Ledger(tmp_path).record(FIRST, data="mine.csv", why="score") == 1
    assert lines_of(Ledger(tmp_path))[0]["who"].startswith("unknown@")


def test_a_line_of_before_who_was_written_counts(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.record(FIRST, data="mine.csv", why="retrain: two networks")
    (line,) = lines_of(ledger)
    del line["who"], line["test"]
    (tmp_path / LEDGER).write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert ledger.record(FIRST, data="mine.csv", why="evaluate: fold 1 of 3") == 2
    assert str(ledger.summary()) == "opened 2 times: retrain 1, evaluate 1"


def test_the_summary_says_how_often_and_by_what(tmp_path):
    ledger = Ledger(tmp_path)
    assert str(ledger.summary()) == "never opened"
    ledger.record(FIRST, data="mine.csv", why="retrain: two networks", data_fingerprint="aa")
    assert str(ledger.summary()) == "opened once: retrain 1"
    ledger.record(FIRST, data="mine.csv", why="evaluate: fold 1 of 2", data_fingerprint="aa")
    ledger.record(SECOND, data="mine.csv", why="evaluate: fold 2 of 2", data_fingerprint="aa")
    ledger.record(FIRST, data="mine.csv", why="retrain: two networks", data_fingerprint="bb")
    assert str(ledger.summary()) == "opened 4 times: retrain 2, evaluate 2"
    assert str(ledger.summary([FIRST, SECOND], data_fingerprint="aa")) == "opened 3 times: retrain 1, evaluate 2"
    assert ledger.summary([SECOND], data_fingerprint="aa").to_dict() == {"total": 1, "by": {"evaluate": 1}}


def test_what_one_run_opens_counts_once(tmp_path):
    def fold(name):
        rows = (np.arange(start, start + 3) for start in (0, 3, 6))
        return Split(*rows, protocol="loso", seed=1, people={"train": ["x"], "validation": ["y"], "test": [name]})

    for run in ("first", "second"):
        for name in "abcabc":
            Ledger(tmp_path, run=run).record(fold(name), data="x", why="ladder: loso")
    ledger = Ledger(tmp_path)
    assert ledger.openings(fold("a")) == 2
    assert str(ledger.summary()) == "opened 2 times: ladder 2"
    assert ledger.record(fold("a"), data="x", why="retrain: two networks") == 3
    assert str(ledger.summary([fold("a")])) == "opened 3 times: ladder 2, retrain 1"


def test_who_tries_one_split_after_another_has_opened_the_data_each_time(tmp_path):
    ledger = Ledger(tmp_path)
    for seed in (1, 2, 3):
        assert ledger.record(split_of(seed), data="x", why="retrain", data_fingerprint="aa") == 1
    ledger.record(split_of(4), data="y", why="retrain", data_fingerprint="bb")
    assert ledger.of_data("aa").total == 3


def test_trials_and_people_tell_whether_two_parts_share_rows(tmp_path):
    def part(seed, protocol, people, trials):
        rows = (np.arange(start, start + 3) for start in (0, 3, 6))
        tested = {"test": trials} if trials else {}
        return Split(*rows, protocol=protocol, seed=seed, people={"test": people}, trials=tested)

    ledger = Ledger(tmp_path)
    ledger.record(part(1, "trial", ["a", "b"], ["a/1", "b/1"]), data="x", why="retrain")
    assert ledger.openings(part(2, "trial", ["a"], ["a/2"])) == 0
    assert ledger.openings(part(3, "trial", ["a"], ["a/1"])) == 1
    assert ledger.openings(part(4, "subject", ["b"], [])) == 1
    assert ledger.openings(part(5, "subject", ["c"], [])) == 0


@pytest.mark.parametrize("damage", [b"[1]\n", b'{"why": "retr\n'])
def test_a_damaged_line_is_in_the_summary_of_any_part_once(tmp_path, damage):
    (tmp_path / LEDGER).write_bytes(damage + b'{"why": 7}\n')
    assert Ledger(tmp_path).summary([FIRST, SECOND]).by == {"damaged line": 1, "unknown": 1}


def test_a_person_left_out_alone_is_the_same_part_as_held_out_by_a_split(tmp_path):
    def split(protocol, tested, n_rows, **groups):
        rows = (np.arange(start, start + n_rows) for start in (0, n_rows, 2 * n_rows))
        return Split(*rows, protocol=protocol, seed=1, people={"train": ["a"], "validation": ["b"], **tested}, **groups)

    ledger = Ledger(tmp_path)
    assert ledger.record(split("subject", {"test": ["c"]}, 3), data="x", why="retrain") == 1
    assert ledger.openings(split("loso", {"test": ["c"]}, 4)) == 1
    assert ledger.openings(split("loso", {"test": ["d"]}, 4)) == 0
    clips = [
        split("stimulus", {"test": []}, n, groups={"stimulus": {"test": [name]}})
        for n, name in ((5, "x"), (6, "x"), (7, "y"))
    ]
    assert ledger.record(clips[0], data="x", why="retrain") == 1
    assert [ledger.openings(clip) for clip in clips] == [1, 1, 0]


def write(folder, n):
    for _ in range(n):
        Ledger(folder).record(FIRST, data="x" * 3000, why="evaluate: fold")


def test_processes_that_write_at_once_lose_no_line(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write, args=(tmp_path, 40)) for _ in range(2)]
    for process in processes:
        process.start()
    write(tmp_path, 40)
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(lines_of(Ledger(tmp_path))) == 120
    assert Ledger(tmp_path).summary().by == {"evaluate": 120}
