"""The retrain: two networks, one opening of the test part, and what is said about them."""

import json

import numpy as np
import pytest

from emotune.evaluation.ledger import LEDGER, Ledger
from emotune.evaluation.metrics import metric_named
from emotune.evaluation.splits import Split
from emotune.search.hypermodel import load_hypermodel
from emotune.search.space import Defaults, Replay
from emotune.studies.retrain import (
    evaluate,
    measured_on,
    names_in_short,
    same_people,
    seen_by_search,
    sentence,
    train_configuration,
)

METRIC = metric_named("balanced_accuracy")
SMALL = """
import keras

class EmotionHyperModel:
    def __init__(self, problem):
        self.problem = problem

    def build_model(self, hp):
        inputs = keras.Input(self.problem.input_shape)
        x = keras.layers.Dense(hp.Int("units", 1, 16, default=8), activation="relu")(inputs)
        outputs = keras.layers.Dense(self.problem.n_classes, activation="softmax")(x)
        model = keras.Model(inputs, outputs)
        model.compile(keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-1, sampling="log", default=1e-2)),
                      "sparse_categorical_crossentropy")
        return model
"""
SETTINGS = {"metric": METRIC, "epochs": 15, "patience": 15, "seed": 5}


@pytest.fixture
def hypermodel(tmp_path, prepared):
    path = tmp_path / "hyperparameter_tuner.py"
    path.write_text(SMALL, encoding="utf-8")
    return load_hypermodel(path, prepared.problem)


@pytest.fixture
def measured(tmp_path, hypermodel, prepared):
    default = train_configuration(hypermodel, Defaults(), prepared, **SETTINGS)
    configured = train_configuration(hypermodel, Replay({"units": 4, "learning_rate": 0.02}), prepared, **SETTINGS)
    return evaluate([default], [configured], prepared, metric=METRIC, ledger=Ledger(tmp_path), provenance={"seed": 5})


def test_what_the_evaluation_holds(measured, prepared, tmp_path):
    content = json.loads(json.dumps(measured, allow_nan=False))
    assert content["configured"]["hyperparameters"] == {"units": 4, "learning_rate": 0.02}
    assert content["default"]["hyperparameters"]["units"] == 8
    assert set(content["default"]["per_person"]) == set(prepared.split.people["test"])
    assert content["n_windows"] == content["default"]["n"] == len(prepared.split.test)
    assert content["default"]["majority"]["balanced_accuracy"] == pytest.approx(0.5)
    assert not content["same_configuration"]
    assert content["chosen_with"] == []
    assert content["watermark"] == content["score_label"] == ""
    assert content["default"]["stratified"]["balanced_accuracy"] == pytest.approx(0.5)
    assert content["default"]["over_people"]["undefined_people"] == []
    # The rows of this set name no trials.
    assert content["default"]["chance"]["p_value"] is None
    assert content["default"]["chance"]["method"].startswith("undefined: trials are not known")
    # Two well separated classes: anything near chance would be a bug.
    assert content["default"]["balanced_accuracy"] > 0.6


def test_several_seeds_are_one_opening_and_the_mean_of_each_person(tmp_path, hypermodel, prepared):
    def trained(seed):
        return train_configuration(hypermodel, Defaults(), prepared, **{**SETTINGS, "seed": seed, "epochs": 3})

    def measured_with(folder, *networks):
        return evaluate(networks, networks[:1], prepared, metric=METRIC, ledger=Ledger(folder), provenance={})

    first, second = trained(5), trained(6)
    both = measured_with(tmp_path / "both", first, second)
    alone = [measured_with(tmp_path / str(index), one)["default"] for index, one in enumerate((first, second))]
    assert both["openings"] == 1
    for name, score in both["default"]["per_person"].items():
        assert score == pytest.approx((alone[0]["per_person"][name] + alone[1]["per_person"][name]) / 2)
    mean = sum(both["default"]["per_person"].values()) / len(both["default"]["per_person"])
    assert both["default"]["over_people"]["mean"] == pytest.approx(mean)
    assert both["configured_minus_default"]["mean_difference"] == pytest.approx(alone[0]["over_people"]["mean"] - mean)
    # All else is of the first seed, whose network is kept.
    assert both["default"]["confusion"] == alone[0]["confusion"]
    assert [seed["over_people"] for seed in both["default"]["seeds"]] == [one["over_people"]["mean"] for one in alone]
    assert len(both["configured"]["seeds"]) == 1


def test_each_opening_of_the_test_part_is_counted(measured, prepared, tmp_path):
    assert measured["openings"] == 1
    assert len((tmp_path / LEDGER).read_text(encoding="utf-8").splitlines()) == 1
    assert Ledger(tmp_path).record(prepared.split, data="toy", why="again") == 2
    assert "again" in (tmp_path / LEDGER).read_text(encoding="utf-8")


def test_the_same_seed_trains_the_same_network(hypermodel, prepared):
    first, second = (train_configuration(hypermodel, Defaults(), prepared, **SETTINGS) for _ in range(2))
    assert first.fit.scores == second.fit.scores
    assert first.fit.losses == second.fit.losses


def on(protocol, train, validation, test, trials=(), chosen_with=(), groups=None):
    return {
        "split": {
            "protocol": protocol,
            "people": {"train": train, "validation": validation, "test": test},
            "trials": {"train": [], "validation": [], "test": list(trials)},
            "groups": {column: {"test": list(names)} for column, names in (groups or {}).items()},
        },
        "chosen_with": list(chosen_with),
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (on("subject", ["A"], ["B"], ["C", "D"]), "2 people never seen"),
        (on("subject", ["A"], ["A"], ["B"]), "1 person never seen"),
        (
            on("subject", ["A"], ["B"], ["C", "D"], chosen_with=["D"]),
            "2 people, 1 of them seen by the search that chose this configuration",
        ),
        (on("trial", ["A"], ["A"], ["A"], "xyz"), "3 trials never seen, of a person who was trained on"),
        (on("trial", ["A", "B"], ["A"], ["A", "B"], "x"), "1 trial never seen, of people who were trained on"),
        (on("trial", [], [], [], "xy"), "2 trials never seen, of people who are not known"),
        (
            on("trial", ["A"], ["A"], ["A"], "xyz", chosen_with="xy"),
            "3 trials, of a person who was trained on, 2 of them seen by the search that chose this configuration",
        ),
        (on("loso", ["A"], ["B"], ["C"]), "1 person never seen"),
        (
            on("session", ["A", "B"], ["A", "B"], ["A", "B"], groups={"session": "1"}),
            "1 session never seen, of people who were trained on",
        ),
        (
            on("session", ["A"], ["B"], ["C"], groups={"session": "12"}),
            "2 sessions never seen, of a person who was not trained on",
        ),
        (
            on("session", ["A"], ["B"], ["B", "C", "D"], groups={"session": "12"}),
            "2 sessions never seen, of 3 people of whom 1 was trained on",
        ),
        (
            on("stimulus", ["A", "B"], ["A", "B"], ["A", "B"], groups={"stimulus": "vwxyz"}),
            "5 stimuli never seen, of people who were trained on",
        ),
        (
            on("stimulus", ["A", "B"], [], ["A", "B"], groups={"stimulus": "x"}, chosen_with="A"),
            "1 stimulus, of people who were trained on, 1 of them seen by the search that chose this configuration",
        ),
        (
            on("subject+stimulus", ["A"], ["B"], ["C", "D"], groups={"stimulus": "xyz"}),
            "2 people never seen, with 3 stimuli never seen",
        ),
        (on("window", ["A", "B"], ["A", "B"], ["A", "B"]), "windows of trials that were trained on"),
        (on("own parts", ["A"], ["B"], ["C"]), "your own test part, 1 person never seen"),
        (
            on("own parts", ["A"], ["B"], ["B", "C"]),
            "your own test part, 1 of its 2 people trained or validated on",
        ),
        (on("own parts", [], [], []), "your own test part, of people who are not known"),
    ],
)
def test_what_was_measured_on_claims_no_more_than_the_protocol_holds(content, words):
    assert measured_on(content) == words
    comma = "," if "," in words else ""
    assert sentence(evaluation(0.1, 0.02, 0.18) | content).startswith(f"On {words}{comma} the configured network is")


def test_where_something_leaks_nobody_is_called_unseen():
    leaks = {"watermark": "LEAKS: copies", "score_label": "LEAKS: copies; transductive"}
    assert measured_on(on("subject", ["A"], ["B"], ["C", "D"]) | leaks) == "2 people"
    said = sentence(evaluation(0.1, 0.02, 0.18) | leaks)
    assert said.startswith(
        "On 3 people the configured network is better than the default one (+0.100 balanced_accuracy"
    )
    assert "balanced_accuracy (LEAKS: copies; transductive)" in said


def test_an_evaluation_of_before_the_watermark_can_be_worded():
    content = on("subject", ["A"], ["B"], ["C"])
    del content["chosen_with"], content["split"]["trials"], content["split"]["groups"]
    assert measured_on(content) == "1 person never seen"


def split_of(protocol, people, trials=None):
    rows = np.arange(1, dtype=np.int64)
    names = ("train", "validation", "test")
    parts = [dict(zip(names, map(list, groups), strict=True)) for groups in (people, trials or ("", "", ""))]
    return Split(rows, rows, rows, protocol, 0, *parts)


@pytest.mark.parametrize(
    ("theirs", "ours", "seen"),
    [
        (("subject", ("AB", "C", "DE")), ("subject", ("DE", "C", "AB")), ["A", "B"]),
        (("subject", ("AB", "C", "DE")), ("subject", ("AB", "D", "CE")), ["C"]),
        (("subject", ("AB", "C", "DE")), ("subject", ("BA", "C", "DE")), []),
        (("subject", ("AB", "C", "DE")), ("subject", ("X", "Y", "Z")), []),
        (("trial", ("A", "A", "A"), ("pq", "r", "st")), ("trial", ("A", "A", "A"), ("st", "p", "qr")), ["q", "r"]),
        # A search over people who include this one has seen all of the trials.
        (("subject", ("AB", "C", "D")), ("trial", ("A", "A", "A"), ("p", "q", "rs")), ["r", "s"]),
        (("subject", ("B", "C", "D")), ("trial", ("A", "A", "A"), ("p", "q", "rs")), []),
        (("trial", ("A", "A", "A"), ("p", "q", "r")), ("subject", ("B", "C", "AD")), ["A"]),
    ],
)
def test_who_of_the_test_part_a_search_has_seen(theirs, ours, seen):
    assert seen_by_search(split_of(*theirs).to_dict(), split_of(*ours)) == seen


def test_people_are_the_same_by_name():
    split = split_of("subject", ("A", "B", "C"))
    assert same_people(split_of("subject", ("X", "Y", "A")).to_dict(), split)
    assert not same_people(split_of("subject", ("X", "Y", "Z")).to_dict(), split)
    assert not same_people(split_of("own parts", ("", "", "")).to_dict(), split)


def test_many_names_are_cut_short():
    assert names_in_short(["A", "B"]) == "A, B"
    assert names_in_short(list("ABCDEFGHIJKLM")) == "A, B, C, D, E, F, G, H, I, J and 3 more"


def evaluation(difference, low, high, p_value=0.04, same=False, maximise=True):
    interval = {"low": low, "high": high}
    return {
        "metric": "balanced_accuracy",
        "maximise": maximise,
        "same_configuration": same,
        **on("subject", ["A"], ["B"], ["C", "D", "E"]),
        "configured_minus_default": {
            "mean_difference": difference, "interval": interval, "p_value": p_value, "n": 8
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (evaluation(0.1, 0.02, 0.18), "better than the default one (+0.100"),
        (evaluation(-0.1, -0.18, -0.02), "worse than the default one"),
        (evaluation(-0.1, -0.18, -0.02, maximise=False), "better than the default one"),
        (evaluation(0.1, -0.02, 0.2), "the default is as good as far as these people can tell"),
        (evaluation(0.1, None, None, None), "no interval can be given"),
        (evaluation(0.0, None, None, None, same=True), "there is nothing to compare"),
        (evaluation(None, None, None, None), "Too little is known"),
    ],
)
def test_the_sentence_is_as_ready_for_a_loss_as_for_a_gain(content, said):
    assert said in sentence(content)
