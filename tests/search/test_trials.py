"""A trial's record, which trial wins, and the file that holds the winner."""

import json
import math

import pytest

from emotune.errors import InputError
from emotune.search.trials import SCHEMA, Best, FitScore, Trial, best_of, ranked, read_best, write_best


def trial(number, score, state="complete", **more):
    return Trial(number, state, {"units": 8}, score=score, **more)


class TestTheWinner:
    @pytest.mark.parametrize(("maximise", "expected"), [(True, 1), (False, 2)])
    def test_is_the_best_in_the_metric_s_direction(self, maximise, expected):
        assert best_of([trial(0, 0.5), trial(1, 0.8), trial(2, 0.2)], maximise=maximise).number == expected

    @pytest.mark.parametrize(
        "loser",
        [
            trial(1, 0.99, state="pruned"),
            trial(1, None, state="failed"),
            trial(1, 0.99, full_length=False),
            trial(1, math.nan),
            trial(1, math.inf),
            trial(1, -math.inf),
            trial(1, None),
        ],
        ids=["pruned", "failed", "shortened", "nan", "inf", "-inf", "none"],
    )
    @pytest.mark.parametrize("maximise", [True, False])
    def test_is_no_trial_that_did_not_end_well(self, loser, maximise):
        assert best_of([loser, trial(2, 0.3)], maximise=maximise).number == 2
        assert best_of([loser], maximise=maximise) is None

    def test_of_equal_ones_is_the_smallest_network_and_then_the_first(self):
        large, small, again = (
            trial(0, 0.7, n_parameters=900),
            trial(1, 0.7, n_parameters=100),
            trial(2, 0.7, n_parameters=100),
        )
        assert [t.number for t in ranked([large, again, small], maximise=True)] == [1, 2, 0]

    def test_of_nothing_is_nobody(self):
        assert best_of([], maximise=True) is None


def test_a_trial_comes_back_from_json_as_it_was():
    whole = Trial(
        3,
        "complete",
        {"units": 8, "rate": 0.1, "flag": True, "kind": "a"},
        score=0.5,
        scores=(0.4, 0.5),
        kept_epoch=1,
        n_parameters=77,
        seconds=1.5,
        reason="patience",
        full_length=False,
    )
    assert Trial.from_dict(json.loads(json.dumps(whole.to_dict()))) == whole
    assert Trial.from_dict(json.loads(json.dumps(trial(0, None, state="failed").to_dict()))).score is None


def test_a_trial_of_several_fits_comes_back_and_one_of_an_earlier_version_has_none():
    fits = (FitScore(0, 0, 0.5, 1, 2), FitScore(1, 0, 0.7, 0, 1))
    whole = Trial(0, "complete", {"units": 8}, score=0.6, scores=(0.4, 0.5, 0.7), kept_epoch=0, fits=fits)
    assert Trial.from_dict(json.loads(json.dumps(whole.to_dict()))) == whole
    assert whole.reports == (((0.4, 0.5), (0.7,)), (0.5, 0.7))
    content = trial(3, 0.5).to_dict()
    assert "fits" not in content
    assert Trial.from_dict(content).fits == ()


class TestTheFile:
    def test_holds_what_was_written(self, tmp_path):
        path = tmp_path / "models" / "best_hyperparameters.json"
        write_best(path, Best({"units": 8, "flag": False, "optimizer": "adam"}, {"best_score": 0.7}))
        best = read_best(path)
        assert best.hyperparameters == {"units": 8, "flag": False, "optimizer": "adam"}
        assert best.metadata == {"schema": SCHEMA, "best_score": 0.7}
        assert list(json.loads(path.read_text())) == ["hyperparameters", "metadata"]

    def test_a_score_that_json_has_no_word_for_leaves_the_old_file(self, tmp_path):
        path = tmp_path / "best.json"
        write_best(path, Best({"units": 8}, {}))
        before = path.read_bytes()
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_best(path, Best({"units": 9}, {"best_score": math.nan}))
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]

    def test_that_is_missing_says_how_to_make_it(self, tmp_path):
        with pytest.raises(InputError, match="there is none. Search again with run_hyperparameter_tuning.py"):
            read_best(tmp_path / "best.json")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "damaged"),
            ('{"hyperparameters": {"units": 8}, "metada', "damaged"),
            ("\xff\xfe", "Expected the objects|damaged"),
            ("[]", "Expected the objects `hyperparameters` and `metadata`"),
            ("3", "Expected the objects `hyperparameters` and `metadata`"),
            ('{"metadata": {}}', "Expected the objects `hyperparameters` and `metadata`"),
            ('{"hyperparameters": [], "metadata": {}}', "Expected the objects `hyperparameters` and `metadata`"),
            ('{"hyperparameters": {}, "metadata": {"schema": 99}}', "schema 99, newer than .* Update emotune"),
            ('{"hyperparameters": {}, "metadata": {"schema": "1"}}', "schema 1, newer"),
            ('{"hyperparameters": {"units": [8]}, "metadata": {}}', r"texts, finite numbers or booleans.*units=\[8\]"),
            ('{"hyperparameters": {"rate": NaN}, "metadata": {}}', r"texts, finite numbers or booleans.*rate=nan"),
            ('{"hyperparameters": {"rate": 1e999}, "metadata": {}}', r"texts, finite numbers or booleans.*rate=inf"),
            ('{"hyperparameters": {"units": null}, "metadata": {}}', "units=None"),
        ],
    )
    def test_that_is_damaged_is_one_line_with_the_remedy(self, tmp_path, content, message):
        path = tmp_path / "best.json"
        path.write_text(content, encoding="latin-1")
        with pytest.raises(InputError, match=message) as raised:
            read_best(path)
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)

    def test_cut_anywhere_is_never_half_read(self, tmp_path):
        path = tmp_path / "best.json"
        write_best(path, Best({"units": 8, "rate": 0.125}, {"best_score": 0.7}))
        whole = path.read_bytes().rstrip()
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            with pytest.raises(InputError):
                read_best(path)
