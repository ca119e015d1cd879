"""What a search names as the next commands does with its own data what it says."""

import shlex

import pytest

from emotune.cli import retrain, tune


def lines(*words):
    arguments = tune._parser().parse_args(words)
    return [shlex.split(line.removeprefix("Next:").split("   (")[0]) for line in tune._next_lines(arguments)]


def test_without_options_they_stand_alone():
    apply, train = lines()
    assert apply[1:] == ["run_hyperparameter_tuning.py", "--apply"]
    assert train[1:] == ["src/train_emotion_model.py"]


@pytest.mark.parametrize("data", [["--data", "deap:a folder"], ["--use-dummy-data"]])
def test_they_say_which_data_and_where_to_as_the_search_had_it(data):
    apply, train = lines(
        *data, "--target", "valence", "--threshold", ">=4.5", "--seed", "3", "--normalise", "subject",
        "--models-dir", "my models",
    )  # fmt: skip
    assert apply[1:] == ["run_hyperparameter_tuning.py", "--apply", "--models-dir=my models"]
    given = retrain._parser().parse_args(train[2:])
    assert (given.target, given.threshold, given.seed, given.models_dir) == ("valence", ">=4.5", 3, "my models")
    assert given.normalise == "subject"
    assert given.data == (data[1] if len(data) > 1 else "simulated")
    tune._parser().parse_args(apply[2:])


@pytest.mark.parametrize("how", [["--protocol", "stimulus"], ["--split", "a split.json"]])
def test_they_divide_the_data_as_the_search_did(how):
    train = lines(*how, "--allow-leakage")[1]
    given = vars(retrain._parser().parse_args(train[2:]))
    assert given[how[0].removeprefix("--")] == how[1]
    assert given["allow_leakage"] is True
