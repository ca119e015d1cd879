"""The ladder: what each rung knows, on people whose trials are made to have a fingerprint or a signal."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotune.data.dataset import GROUPS, Dataset
from emotune.errors import InputError
from emotune.evaluation.ledger import LEDGER, Ledger
from emotune.evaluation.metrics import metric_named
from emotune.report.ladder import rows as table_of
from emotune.report.ladder import sentences
from emotune.studies.ladder import RUNGS, climb
from emotune.studies.learners import Learner, classical, network
from emotune.studies.preparation import Loaded

METRIC = metric_named("balanced_accuracy")
ROOT = Path(__file__).resolve().parents[2]


def people(
    *, n_people=8, trials=2, windows=6, n_classes=2, fingerprint=0.0, signal=0.0, seed=0, stimuli=False, n_features=8
):
    """`trials` of each class a person; `fingerprint` is how far a trial's windows lie from any other trial's."""
    source = np.random.default_rng(seed)
    names = [
        (f"P{person}", f"P{person}//{label}-{trial}", label, f"clip {label}-{trial}")
        for person in range(1, n_people + 1)
        for label in range(n_classes)
        for trial in range(trials)
    ]
    places = fingerprint * source.normal(size=(len(names), n_features))
    targets = np.repeat([label for *_, label, _ in names], windows)
    inputs = source.normal(size=(len(targets), n_features)) + np.repeat(places, windows, axis=0)
    inputs[:, 0] += signal * targets
    return dataset_of(
        inputs,
        targets,
        subject=np.repeat([name for name, *_ in names], windows),
        trial=np.repeat([name for _, name, *_ in names], windows),
        **({"stimulus": np.repeat([clip for *_, clip in names], windows)} if stimuli else {}),
    )


def dataset_of(inputs, targets, **groups):
    n_classes = int(targets.max()) + 1
    return Dataset(
        inputs.astype(np.float32),
        targets.astype(np.int64),
        {name: groups.get(name, np.full(len(targets), "")).astype(np.str_) for name in GROUPS},
        tuple(f"class{label}" for label in range(n_classes)),
        tuple(f"f{index}" for index in range(inputs.shape[-1])),
        "toy",
        "toy",
    )


def climbed(dataset, tmp_path, learner=None, **options):
    options = {"metric": METRIC, "ledger": Ledger(tmp_path), "seed": 0, "repeats": 1, "n_folds": 4} | options
    return climb(Loaded(dataset, dataset, ()), learner or classical("svm"), **options)


def by_name(content):
    return {rung["protocol"]: rung for rung in content["rungs"]}


def reordered(dataset, order):
    return replace(
        dataset,
        inputs=dataset.inputs[order],
        targets=dataset.targets[order],
        groups={name: values[order] for name, values in dataset.groups.items()},
    )


def test_trials_with_a_fingerprint_make_the_window_rung_high_and_say_what_it_is_worth(tmp_path):
    content = climbed(people(fingerprint=4.0, n_people=10), tmp_path)
    rungs = by_name(content)
    assert list(rungs) == ["window", "trial", "subject", "loso"]
    assert rungs["window"]["score"] > 0.95
    assert rungs["window"]["watermark"].startswith("LEAKS: ")
    for name in ("trial", "subject", "loso"):
        assert rungs[name]["score"] < 0.7
        assert rungs[name]["watermark"] == rungs[name]["score_label"] == ""
    worth = rungs["window"]["minus_reference"]
    assert worth["mean_difference"] == pytest.approx(rungs["window"]["score"] - rungs["subject"]["score"])
    assert worth["interval"]["low"] > 0.15
    assert rungs["subject"]["minus_reference"] is None
    said = sentences(content)
    assert any("A random split of windows would report" in one and "of it is leak" in one for one in said)
    assert "LEAKS" in table_of(content)[1][0][-1]
    json.dumps(content, allow_nan=False)


def test_noise_is_at_chance_on_every_rung_and_is_said_to_be(tmp_path):
    content = climbed(people(n_people=16, windows=10, seed=1), tmp_path)
    for rung in content["rungs"]:
        assert abs(rung["score"] - 0.5) < 0.08
    assert "learned nothing" in sentences(content)[0]


def test_a_signal_that_all_people_share_is_found_on_every_rung(tmp_path):
    for rung in climbed(people(signal=4.0), tmp_path)["rungs"]:
        assert rung["score"] > 0.9


@pytest.mark.parametrize("validates", [False, True])
def test_every_fold_of_every_rung_trains_on_as_many_rows_and_on_none_that_it_tests(tmp_path, validates):
    dataset = people(n_people=7, stimuli=True, trials=5, windows=3)
    seen = []

    def train(prepared, seed):
        seen.append(prepared)
        return classical("svm").train(prepared, seed)

    learner = Learner("spy", "a spy", validates, False, train)
    content = climbed(dataset, tmp_path, learner, protocols=(*RUNGS, "subject+stimulus"), repeats=2)
    assert [rung["protocol"] for rung in content["rungs"]] == [
        *("window", "trial", "stimulus", "subject", "loso", "subject+stimulus")
    ]
    assert {len(prepared.split.train) for prepared in seen} == {content["n_train"]}
    assert content["n_train"] == min(rung["n_available"] for rung in content["rungs"])
    for prepared in seen:
        split = prepared.split
        assert not np.intersect1d(split.train, split.test).size
        assert not np.intersect1d(split.validation, split.test).size
        assert not np.intersect1d(split.train, split.validation).size
        np.testing.assert_allclose(prepared.part(split.train)[0].mean(axis=0), 0.0, atol=1e-5)
    sizes = {len(prepared.split.validation) for prepared in seen}
    assert sizes == ({content["n_validation"]} if validates else {0})


def test_the_most_rows_to_train_on_are_not_exceeded(tmp_path):
    content = climbed(people(), tmp_path, max_train=40)
    assert content["n_train"] == content["max_train"] == 40
    assert table_of(content)[1][0][2] == "40 of 144"


def test_what_the_data_cannot_support_is_left_out_with_its_reason(tmp_path):
    left_out = {rung["protocol"]: rung["reason"] for rung in climbed(people(), tmp_path)["left_out"]}
    assert set(left_out) == {"session", "stimulus"}
    assert "Add the session column" in left_out["session"]


@pytest.mark.parametrize("column", ["stimulus", "session"])
def test_a_rung_whose_folds_cannot_train_a_class_is_left_out(tmp_path, column):
    dataset = people(trials=3, n_classes=3, stimuli=True)
    names = {
        # One clip shows the third class: a fold that tests it has no other to learn the class from.
        "stimulus": np.where(dataset.targets == 2, "clip of its own", dataset.groups["stimulus"]),
        # Each class was recorded in a session of its own.
        "session": np.char.add("S", dataset.targets.astype(str)),
    }[column]
    content = climbed(replace(dataset, groups={**dataset.groups, column: names}), tmp_path)
    (reason,) = (rung["reason"] for rung in content["left_out"] if rung["protocol"] == column)
    said = {
        "stimulus": "Expected rows of each class to train on in every fold. Received: none of class",
        "session": "Expected rows of at least 2 classes in train. Received: class",
    }
    assert reason.startswith(said[column])
    assert column not in by_name(content)


def test_fewer_rows_of_a_class_than_folds_leave_the_window_rung_out(tmp_path):
    with pytest.raises(InputError, match="window: Expected at least 5 rows of a class"):
        climbed(people(n_people=4, trials=1, windows=1), tmp_path, n_folds=5, protocols=("window", "subject"))


def test_people_of_whom_a_fold_knows_the_other_class_alone_are_told(tmp_path):
    # One trial a class, and people who are far apart: who is recognised points to the other class.
    dataset = people(trials=1, n_people=10, fingerprint=0.3)
    offsets = 5.0 * np.random.default_rng(5).normal(size=(10, 8))
    dataset = replace(dataset, inputs=dataset.inputs + np.repeat(offsets, 12, axis=0).astype(np.float32))
    content = climbed(dataset, tmp_path)
    trial = by_name(content)["trial"]
    assert trial["score"] < 0.35
    assert "known-by-other-classes" in {finding["name"] for finding in trial["findings"]}
    assert any(one.startswith("A split by trial") and "pulls the score down" in one for one in sentences(content))
    others = [
        finding["name"] for name, rung in by_name(content).items() if name != "trial" for finding in rung["findings"]
    ]
    assert "known-by-other-classes" not in others


def test_people_with_one_class_are_undefined_where_the_metric_needs_two(tmp_path):
    dataset = people(signal=3.0, n_people=9)
    kept = np.flatnonzero((dataset.groups["subject"] != "P1") | (dataset.targets == 0))
    dataset = reordered(dataset, kept)
    content = climbed(dataset, tmp_path, classical("logistic"), metric=metric_named("roc_auc"))
    subject = by_name(content)["subject"]
    assert subject["card"]["per_person"]["P1"] is None
    assert subject["card"]["over_people"]["n"] == 8
    assert subject["score"] > 0.8
    assert any(one.startswith("1 of 9 people left out, whose roc auc is undefined: P1") for one in sentences(content))


def test_where_nobody_has_two_classes_the_score_is_undefined_and_printed_so(tmp_path):
    dataset = people(signal=3.0, n_people=12)
    odd = np.array([int(name[1:]) % 2 for name in dataset.groups["subject"]])
    dataset = reordered(dataset, np.flatnonzero(odd == dataset.targets))
    content = climbed(dataset, tmp_path, classical("logistic"), metric=metric_named("roc_auc"))
    rungs = by_name(content)
    assert rungs["subject"]["score"] is None
    # A known person's one class is known, too: that leaks in a split by trial.
    assert "person-is-label" in rungs["trial"]["watermark"]
    assert rungs["subject"]["watermark"] == ""
    assert {row[3] for row in table_of(content)[1]} == {"undefined"}
    assert all("undefined" in one for one in sentences(content))
    assert "12 of 12 people left out, whose roc auc is undefined: P1, P2, " in sentences(content)[0]


def test_fewer_than_six_people_have_no_interval(tmp_path):
    content = climbed(people(n_people=4, fingerprint=4.0), tmp_path)
    assert all(rung["score"] is not None and rung["low"] is None for rung in content["rungs"])
    assert any("no interval can be given" in one for one in sentences(content))
    assert "[undefined]" in table_of(content)[1][0][3]


def test_without_people_the_score_is_over_windows_and_has_no_interval(tmp_path):
    dataset = people(fingerprint=4.0, trials=6)
    dataset = replace(dataset, groups={**dataset.groups, "subject": np.full(len(dataset), "")})
    content = climbed(dataset, tmp_path)
    assert content["reference"] == "trial"
    assert content["n_people"] is None
    window = by_name(content)["window"]
    assert (window["score_over"], window["low"]) == ("windows", None)
    assert window["minus_reference"]["mean_difference"] > 0.2


def test_the_same_seed_gives_the_same_ladder_and_another_one_another(tmp_path):
    dataset = people(fingerprint=1.0)
    first, second, other = (climbed(dataset, tmp_path / str(i), seed=seed) for i, seed in enumerate((3, 3, 4)))
    assert first == second
    assert [rung["card"]["per_person"] for rung in first["rungs"]] != [
        rung["card"]["per_person"] for rung in other["rungs"]
    ]


def test_the_order_of_the_rows_does_not_matter_where_groups_are_held_apart(tmp_path):
    dataset = people(fingerprint=1.0, signal=1.0, stimuli=True, trials=5)
    order = np.random.default_rng(2).permutation(len(dataset))
    protocols = ("trial", "stimulus", "subject", "loso")
    first = by_name(climbed(dataset, tmp_path / "1", protocols=protocols, max_train=60))
    second = by_name(climbed(reordered(dataset, order), tmp_path / "2", protocols=protocols, max_train=60))
    for name in protocols:
        assert first[name]["card"]["per_person"] == second[name]["card"]["per_person"]


def test_one_person_under_two_names_is_refused_unless_allowed_and_then_marked(tmp_path):
    dataset = people(fingerprint=1.0)
    twin = dataset.groups["subject"] == "P2"
    inputs = dataset.inputs.copy()
    inputs[twin] = inputs[dataset.groups["subject"] == "P1"]
    dataset = replace(dataset, inputs=inputs)
    with pytest.raises(InputError, match=r"Expected no row twice.*--allow-leakage"):
        climbed(dataset, tmp_path)
    assert not (tmp_path / LEDGER).exists()
    content = climbed(dataset, tmp_path, allow_leakage=True)
    assert "identical-rows" in by_name(content)["subject"]["watermark"]
    assert "(LEAKS: identical-rows)" in sentences(content)[0]


def test_each_fold_that_is_opened_is_in_the_ledger(tmp_path):
    content = climbed(people(), tmp_path, repeats=2)
    lines = [json.loads(line) for line in (tmp_path / LEDGER).read_text().splitlines()]
    assert [line["why"] for line in lines] == [
        f"ladder: {name}" for name, n in (("window", 8), ("trial", 8), ("subject", 8), ("loso", 16)) for _ in range(n)
    ]
    assert [line["split"] for line in lines] == [split for rung in content["rungs"] for split in rung["splits"]]


def test_progress_is_told_after_each_fit(tmp_path):
    told = []
    climbed(people(), tmp_path, protocols=("window", "subject"), on_fit=lambda done, total: told.append((done, total)))
    assert told == [(done, 8) for done in range(1, 9)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_folds": 1}, "--folds of at least 2"),
        ({"repeats": 0}, "--repeats of at least 1"),
        ({"max_train": 1}, "--max-train of at least 2"),
        ({"protocols": ("window", "people")}, "Expected a protocol out of"),
        ({"protocols": ("subject",)}, "at least two protocols"),
        ({"protocols": ("subject", "session")}, "session: Expected a session"),
        ({"metric": metric_named("log_loss")}, "--model logistic"),
    ],
)
def test_what_cannot_be_climbed_is_refused_before_anything_is_opened(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        climbed(people(), tmp_path, **options)
    assert not (tmp_path / LEDGER).exists()


def test_one_class_and_rows_without_groups_are_refused(tmp_path):
    dataset = people()
    with pytest.raises(InputError, match="at least 2 classes"):
        climbed(replace(dataset, targets=np.zeros_like(dataset.targets)), tmp_path)
    alone = dataset_of(dataset.inputs, dataset.targets)
    with pytest.raises(InputError, match="one of them without a leak. Received: window"):
        climbed(alone, tmp_path)


def test_an_unknown_model_is_refused():
    with pytest.raises(InputError, match=r"svm, logistic, network.*'forest'"):
        classical("forest")


def test_answers_without_probabilities_have_no_area_and_no_calibration(tmp_path):
    content = climbed(people(), tmp_path, protocols=("window", "subject"))
    for rung in content["rungs"]:
        assert rung["card"]["roc_auc"] is rung["card"]["log_loss"] is rung["card"]["calibration_error"] is None


def test_the_default_network_climbs_too(tmp_path):
    learner = network(ROOT / "src" / "hyperparameter_tuner.py", metric=METRIC, epochs=2, patience=1)
    dataset = people(signal=4.0, windows=4)
    content = climbed(dataset, tmp_path, learner, protocols=("window", "subject"), n_folds=2)
    assert [rung["protocol"] for rung in content["rungs"]] == ["window", "subject"]
    assert all(rung["card"]["log_loss"] is not None for rung in content["rungs"])
    assert content["n_validation"] > 0
