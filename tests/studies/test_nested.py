"""Nested evaluation: every fold once, nothing twice, no test row where the search could see it, and honest words."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock

from emotune.data.dataset import GROUPS, Dataset
from emotune.errors import EmotuneError, InputError
from emotune.evaluation.ledger import LEDGER, Ledger
from emotune.evaluation.metrics import metric_named
from emotune.evaluation.significance import per_person_scores
from emotune.search.workers import warm_up
from emotune.studies.nested import NestedEvaluation, names_tested
from emotune.studies.nested_folds import FoldResult, read_fold, save_fold
from emotune.studies.nested_plan import NestedSettings
from emotune.studies.nested_summary import nested_sentence, summary
from emotune.studies.preparation import Loaded
from emotune.studies.tuning import TuningSettings

METRIC = metric_named("balanced_accuracy")
N_FOLDS, N_TRIALS = 3, 2

SPACE = """
import keras

class EmotionHyperModel:
    known_good = [{"rate": 0.05}]

    def __init__(self, problem):
        self.problem = problem

    def build_model(self, hp):
        inputs = keras.Input(self.problem.input_shape)
        outputs = keras.layers.Dense(self.problem.n_classes, activation="softmax")(inputs)
        model = keras.Model(inputs, outputs)
        rate = hp.Float("rate", 1e-4, 3e38, sampling="log", default=1e-2)
        model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
        return model
"""


def loaded_of(n_people=9, windows=8, seed=0, trials=1, targets=None):
    """Two classes that differ a little in the first of five features; people differ in all."""
    source = np.random.default_rng(seed)
    n = n_people * windows
    people = np.repeat([f"P{index:02d}" for index in range(n_people)], windows)
    trial = np.array([f"{person}//{row % windows // trials}" for row, person in enumerate(people)])
    classes = (np.arange(n) // trials % 2 if targets is None else targets).astype(np.int64)
    inputs = source.normal(size=(n, 5)) + source.normal(size=(n_people, 1)).repeat(windows, axis=0)
    inputs[:, 0] += 1.5 * classes
    groups = {name: np.full(n, "") for name in GROUPS} | {"subject": people, "trial": trial}
    names = tuple(f"f{index}" for index in range(5))
    dataset = Dataset(inputs.astype(np.float32), classes, groups, ("rest", "task"), names, "toy", f"toy-{seed}")
    return Loaded(dataset, dataset, ())


class Watcher:
    """Keeps what happens; `at` is called with what has just happened, and may interrupt it."""

    def __init__(self, at=lambda *what: None):
        self.at, self.trials, self.lines, self.new, self.old = at, {}, [], [], []
        self.plan, self.fold, self.results = None, None, []

    def planned(self, plan):
        self.plan = plan

    def begun(self, split):
        self.fold = split.fold[0]

    def searching(self, tuning):
        self.tuning = tuning
        return self

    def refitted(self, done, total):
        self.lines.append(f"{done} of {total}")

    def said(self, line):
        self.lines.append(line)

    def started(self, number):
        pass

    def waiting(self, what):
        pass

    def ended(self, what, is_new=None):
        if is_new is None:
            self.trials.setdefault(self.fold, []).append(what.number)
            self.at("trial", self)
        else:
            (self.new if is_new else self.old).append(what.number)
            self.results.append(what)
            self.at("fold", self)


def evaluation_in(folder, loaded=None, space=SPACE, *, protocol="subject", tuning=None, **changes):
    file = folder / "src" / "hyperparameter_tuner.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(space, encoding="utf-8")
    search = {
        "method": "optuna",
        "algorithm": "random",
        "metric": METRIC,
        "total": N_TRIALS,
        "add": 0,
        "epochs": 3,
        "patience": 3,
        "seed": 0,
        "workers": 1,
        "hypermodel": file,
        "folder": folder,
        "slots": folder / "slots",
    }
    settings = {"n_folds": N_FOLDS, "confirm": False, **changes}
    models = folder / "models"
    return NestedEvaluation(
        NestedSettings(
            protocol, tuning=TuningSettings(**{**search, **(tuning or {})}), folder=models / "nested", **settings
        ),
        loaded or loaded_of(),
        Ledger(models),
    )


def n_openings(evaluation):
    return len((evaluation.ledger.folder / LEDGER).read_text(encoding="utf-8").splitlines())


def holds_any(folder, rows):
    """Whether any file holds the bytes of one of the rows."""
    wanted = [row.astype(kind).tobytes() for row in rows for kind in (np.float32, np.float64)]
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return any(row in content for content in contents for row in wanted)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An evaluation that is interrupted after its first fold and within its second, and then goes on to its end.

    With it: the watchers of the three runs, and what the files of each fold held when a trial had ended.
    """
    warm_up()
    folder, seen = tmp_path_factory.mktemp("whole"), []

    def look(watcher):
        prepared, fold = watcher.tuning.prepared, watcher.tuning.settings.folder.parent
        test, train = prepared.split.test, prepared.split.train
        standardised = [prepared.part(rows)[0] for rows in (test, train)]
        raw = prepared.dataset.inputs[test]
        seen.append((holds_any(fold, [*raw, *standardised[0]]), holds_any(fold, standardised[1])))

    def stops_after(event):
        def at(what, watcher):
            if what == "trial":
                look(watcher)
            if what == event:
                raise KeyboardInterrupt

        return at

    watchers = [Watcher(stops_after(event)) for event in ("fold", "trial", "")]
    for watcher, fold in zip(watchers[:2], (2, 2), strict=True):
        with pytest.raises(KeyboardInterrupt):
            evaluation_in(folder).run(watcher)
        assert evaluation_in(folder).next_fold() == fold
    evaluation = evaluation_in(folder)
    return evaluation, watchers, evaluation.run(watchers[2]), seen, folder


@pytest.fixture
def copied(whole, tmp_path):
    """The same evaluation in a folder of its own."""
    shutil.copytree(whole[4], tmp_path / "copy")
    return evaluation_in(tmp_path / "copy")


@pytest.mark.parametrize(("part", "is_there"), [(0, False), (1, True)])
def test_no_file_of_a_fold_holds_a_test_row_while_it_is_searched(whole, part, is_there):
    seen = [one[part] for one in whole[3]]
    assert seen == [is_there] * (N_FOLDS * N_TRIALS)


def test_every_row_is_tested_once(whole):
    evaluation, watchers, results, _, _ = whole
    rows = np.concatenate([result.rows for result in results])
    assert sorted(rows) == list(range(len(evaluation.loaded.dataset)))
    assert n_openings(evaluation) == N_FOLDS
    plan = watchers[0].plan
    assert (plan.n_folds, plan.n_trials, plan.n_confirming, plan.n_final) == (3, 2, 0, 2)


def test_an_interruption_between_folds_and_one_within_a_fold_lose_nothing(whole):
    first, second, third = whole[1]
    assert [watcher.trials for watcher in whole[1]] == [{1: [0, 1]}, {2: [0]}, {2: [1], 3: [0, 1]}]
    assert [watcher.plan.n_done for watcher in whole[1]] == [0, 1, 1]
    assert (first.new, second.new, third.new) == ([1], [], [2, 3])
    assert (first.old, second.old, third.old) == ([], [1], [1])


def test_each_fold_searches_with_a_seed_of_its_own(whole):
    folders = [whole[0].folder / f"fold-{fold:02d}" / "best_hyperparameters.json" for fold in (1, 2, 3)]
    assert [json.loads(path.read_text(encoding="utf-8"))["metadata"]["seed"] for path in folders] == [0, 1, 2]


def test_each_opening_says_what_opened_it(whole):
    summed = whole[0].ledger.summary([prepared.split for prepared in whole[0].prepared])
    assert str(summed) == "opened 3 times: evaluate 3"
    lines = (whole[0].ledger.folder / LEDGER).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["why"] for line in lines] == [
        f"evaluate: fold {fold} of 3, tuned and default network" for fold in (1, 2, 3)
    ]


def test_the_summary_is_of_all_folds(whole):
    evaluation, _, results, _, _ = whole
    content = json.loads(json.dumps(summary(evaluation, results, provenance={"seed": 0}), allow_nan=False))
    dataset = evaluation.loaded.dataset
    assert [person["person"] for person in content["people"]] == [f"P{index:02d}" for index in range(9)]
    order = np.argsort(np.concatenate([result.rows for result in results]))
    for name in ("tuned", "default"):
        pooled = np.concatenate([result.probabilities[name] for result in results], axis=1)[:, order]
        assert pooled.shape == (1, len(dataset), 2)
        scores = per_person_scores(METRIC, dataset.targets, pooled[0], dataset.groups["subject"])
        assert {person["person"]: person[name] for person in content["people"]} == scores
        assert content["over_people"][name]["n"] == 9
        assert [card["n"] for card in content["cards"][name]] == [len(dataset)]
    assert content["tuned_minus_default"]["n"] == 9
    assert content["openings"] == {"total": 3, "by": {"evaluate": 3}}
    assert [fold["split"]["people"]["test"] for fold in content["folds"]] == [
        names_tested(prepared.split) for prepared in evaluation.prepared
    ]
    assert content["sentence"]


def test_what_has_ended_is_read_and_not_run_again(copied):
    before = {path: path.stat().st_mtime_ns for path in copied.folder.rglob("result.json")}
    watcher = Watcher()
    results = copied.run(watcher)
    assert (watcher.old, watcher.new, watcher.trials) == ([1, 2, 3], [], {})
    assert watcher.plan.n_done == 3
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert n_openings(copied) == N_FOLDS
    assert len(results) == N_FOLDS
    assert copied.next_fold() is None


def test_a_damaged_fold_is_named_and_made_again_without_searching_again(copied):
    folder = copied.folder / "fold-02"
    content = (folder / "predictions.npz").read_bytes()
    (folder / "predictions.npz").write_bytes(content[:-30] + bytes(30))
    watcher = Watcher()
    results = copied.run(watcher)
    (line,) = [line for line in watcher.lines if "damaged" in line]
    assert f"{folder.name}/result.json" in line.replace("\\", "/")
    assert line.endswith("The fold is made again.")
    assert (watcher.old, watcher.new, watcher.trials) == ([1, 3], [2], {})
    assert n_openings(copied) == N_FOLDS + 1
    assert [result.number for result in results] == [1, 2, 3]


class TestItsName:
    @pytest.mark.parametrize(
        "change",
        [
            {"loaded": loaded_of(seed=1)},
            {"space": SPACE.replace("1e-4", "1e-3")},
            {"protocol": "loso"},
            {"n_folds": 4},
            {"n_seeds": 2},
            {"confirm": True},
            {"tuning": {"seed": 1}},
            {"tuning": {"total": 3}},
            {"tuning": {"epochs": 4}},
            {"tuning": {"patience": 1}},
            {"tuning": {"metric": metric_named("accuracy")}},
            {"tuning": {"algorithm": "tpe"}},
            {"tuning": {"method": "keras-tuner"}},
        ],
    )
    def test_changes_with_what_would_change_a_result(self, tmp_path, change):
        assert evaluation_in(tmp_path / "b", **change).name != evaluation_in(tmp_path / "a").name

    @pytest.mark.parametrize("change", [{"tuning": {"workers": 4}}, {"fresh": True}, {"command": "other"}])
    def test_stays_with_what_would_not(self, tmp_path, change):
        assert evaluation_in(tmp_path / "b", **change).name == evaluation_in(tmp_path / "a").name

    def test_is_the_same_where_the_default_algorithm_is_named(self, tmp_path):
        names = [evaluation_in(tmp_path, tuning={"algorithm": name}).name for name in ("", "tpe", "random")]
        assert names[0] == names[1] != names[2]


def test_fresh_puts_what_is_there_aside(copied):
    again = evaluation_in(copied.ledger.folder.parent, fresh=True)

    def stop(what, watcher):
        raise KeyboardInterrupt

    watcher = Watcher(stop)
    with pytest.raises(KeyboardInterrupt):
        again.run(watcher)
    assert watcher.plan.n_done == 0
    (aside,) = [path for path in copied.settings.folder.iterdir() if "aside" in path.name]
    assert len(list(aside.rglob("result.json"))) == N_FOLDS
    assert str(aside) in watcher.lines[0]


def test_one_process_at_a_time(copied):
    with FileLock(copied.settings.folder / f"{copied.name}.lock"):
        with pytest.raises(InputError, match="Another process makes this evaluation .*Wait for it"):
            copied.run(Watcher())


def test_a_space_that_changes_on_the_way_is_refused(tmp_path):
    evaluation = evaluation_in(tmp_path)
    evaluation.settings.tuning.hypermodel.write_text(SPACE.replace("1e-4", "1e-3"), encoding="utf-8")
    with pytest.raises(InputError, match="Fold 1 of 3: Expected hyperparameter_tuner.py as it was .* Put it back"):
        evaluation.run(Watcher())
    assert not (tmp_path / "models" / LEDGER).exists()


def test_folds_that_cannot_be_trained_on_are_refused_before_anything_is_searched(tmp_path):
    targets = np.zeros(72)
    targets[:8] = np.arange(8) % 2  # one person alone has both classes
    with pytest.raises(InputError) as error:
        evaluation_in(tmp_path, loaded_of(targets=targets))
    said = str(error.value)
    assert said.startswith(
        "Expected 3 folds that can all be trained on and measured. Received: none, all for one reason: Expected rows"
    )
    assert said.endswith("Nothing has been searched.")
    assert not (tmp_path / "models").exists()


def test_a_network_that_cannot_be_trained_answers_nothing(tmp_path):
    # The default diverges; the known good one does not.
    evaluation = evaluation_in(tmp_path, space=SPACE.replace("default=1e-2", "default=3e38"), n_folds=2)

    def stop(what, watcher):
        if what == "fold":
            raise KeyboardInterrupt

    watcher = Watcher(stop)
    with pytest.raises(KeyboardInterrupt):
        evaluation.run(watcher)
    (result,) = watcher.results
    assert np.isnan(result.probabilities["default"]).all()
    assert np.isfinite(result.probabilities["tuned"]).all()
    assert (result.content["chosen"]["trial"], result.content["chosen"]["is_default"]) == (1, False)
    assert [fit["failed"] for fit in result.content["networks"]["default"]] == [True]
    targets = evaluation.loaded.dataset.targets
    assert result.score("default", METRIC, targets) is None
    assert result.score("tuned", METRIC, targets) is not None
    assert any(line.startswith("The default network could not be trained (") for line in watcher.lines)


def test_what_goes_wrong_in_a_fold_names_it(tmp_path):
    evaluation = evaluation_in(tmp_path)
    (evaluation.folder / "fold-01" / "tuning").mkdir(parents=True)
    (evaluation.folder / "fold-01" / "tuning" / "optuna.db").write_bytes(b"no database at all " * 100)
    with pytest.raises(EmotuneError, match="^Fold 1 of 3: Expected an Optuna database at") as error:
        evaluation.run(Watcher())
    assert error.value.exit_code == 1


def made(evaluation, right):
    """Results as they would be of networks that answer right where `right` says so: `(n,)`, or `(n_seeds, n)`."""
    targets, results = evaluation.loaded.dataset.targets, []
    for prepared in evaluation.prepared:
        rows = prepared.split.test
        probabilities = {
            name: np.eye(2)[np.where(np.atleast_2d(right[name])[:, rows], targets[rows], 1 - targets[rows])]
            for name in right
        }
        chosen = {"trial": 1, "is_default": False, "hyperparameters": {"rate": 0.1}}
        networks = {name: [{"seed": 0, "failed": False}] for name in right}
        content = {"fold": list(prepared.split.fold), "chosen": chosen, "networks": networks}
        content |= {"notes": [], "seconds": 1.0, "split": prepared.split.to_dict()}
        results.append(FoldResult(content, rows, probabilities))
    return results


class TestSummaries:
    def test_a_person_tested_in_several_folds_is_one_person(self, tmp_path):
        evaluation = evaluation_in(tmp_path, loaded_of(7, 16, trials=2), protocol="trial")
        dataset = evaluation.loaded.dataset
        assert all(len(prepared.split.people["test"]) > 3 for prepared in evaluation.prepared)
        right = {
            name: np.random.default_rng(seed).random(len(dataset)) < 0.7
            for seed, name in enumerate(("tuned", "default"))
        }
        content = summary(evaluation, made(evaluation, right), provenance={})
        assert [person["n_windows"] for person in content["people"]] == [16] * 7
        for person in content["people"]:
            own = dataset.groups["subject"] == person["person"]
            by_class = [right["tuned"][own & (dataset.targets == label)].mean() for label in (0, 1)]
            assert person["tuned"] == pytest.approx(np.mean(by_class))
        assert content["over_people"]["tuned"]["low"] is not None

    def test_a_person_s_score_is_the_mean_over_seeds(self, tmp_path):
        evaluation = evaluation_in(tmp_path, n_seeds=2)
        dataset = evaluation.loaded.dataset
        right = np.random.default_rng(0).random((2, len(dataset))) < 0.7
        content = summary(
            evaluation, made(evaluation, {"tuned": right, "default": right[:1].repeat(2, 0)}), provenance={}
        )
        for person in content["people"]:
            own = dataset.groups["subject"] == person["person"]
            # Each person has as many rows of one class as of the other: balanced accuracy is accuracy.
            assert person["tuned"] == pytest.approx(right[:, own].mean())
            assert person["default"] == pytest.approx(right[0, own].mean())
        assert [card["accuracy"] for card in content["cards"]["tuned"]] == pytest.approx(list(right.mean(axis=1)))
        assert content["pooled"]["tuned"]["accuracy"] == pytest.approx(right.mean())

    @pytest.mark.parametrize("n_people", [1, 5])
    def test_below_six_people_there_is_no_interval(self, tmp_path, n_people):
        evaluation = evaluation_in(tmp_path, loaded_of(n_people, 16, trials=2), protocol="trial")
        everywhere = np.ones(len(evaluation.loaded.dataset), dtype=bool)
        right = {"tuned": everywhere, "default": np.arange(len(everywhere)) % 3 > 0}
        content = summary(evaluation, made(evaluation, right), provenance={})
        assert content["over_people"]["tuned"]["low"] is None
        assert content["tuned_minus_default"]["p_value"] is None
        assert "the interval is undefined below 6 people, so this may well be chance" in content["sentence"]

    def test_a_network_that_failed_in_a_fold_leaves_its_people_without_a_score(self, tmp_path):
        evaluation = evaluation_in(tmp_path)
        n = len(evaluation.loaded.dataset)
        results = made(evaluation, {"tuned": np.ones(n, dtype=bool), "default": np.arange(n) % 5 > 0})
        results[1].probabilities["tuned"][:] = np.nan
        results[1].content["networks"]["tuned"][0]["failed"] = True
        content = json.loads(json.dumps(summary(evaluation, results, provenance={}), allow_nan=False))
        failed = names_tested(evaluation.prepared[1].split)
        assert content["failed_fits"] == {"tuned": 1, "default": 0}
        for person in content["people"]:
            assert (person["tuned"] is None) == (person["difference"] is None) == (person["person"] in failed)
            assert person["default"] is not None
        assert content["pooled"]["tuned"]["accuracy"] is None
        assert content["tuned_minus_default"]["n"] == 9 - len(failed)
        assert f"; {len(failed)} more without a score of both" in content["sentence"]

    def test_a_leak_that_was_allowed_marks_the_scores(self, tmp_path):
        loaded = loaded_of(7, 16, trials=4)
        with pytest.raises(InputError, match="Received: none. .*--allow-leakage.* Nothing has been searched"):
            evaluation_in(tmp_path, loaded, protocol="window")
        evaluation = evaluation_in(tmp_path, loaded, protocol="window", allow_leakage=True)
        everywhere = np.ones(len(loaded.dataset), dtype=bool)
        content = summary(evaluation, made(evaluation, {"tuned": everywhere, "default": ~everywhere}), provenance={})
        assert content["score_label"].startswith("LEAKS: ")
        assert content["score_label"] in content["sentence"]


def said_of(difference=0.1, low=0.02, high=0.18, n_default=0, maximise=True, n=8, n_people=8, p_value=0.04):
    interval = {"low": low, "high": high, "level": 0.95, "method": "Student's t over 8 people"}
    if low is None:
        interval["method"] = "undefined below 6 people"
    return nested_sentence(
        {
            "metric": "balanced_accuracy",
            "maximise": maximise,
            "score_label": "transductive",
            "n_folds": 4,
            "people": [{}] * n_people,
            "chosen": {"n_default": n_default},
            "tuned_minus_default": {"mean_difference": difference, "interval": interval, "p_value": p_value, "n": n},
        }
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            said_of(),
            "better than the default one on the average of 8 people (+0.100 balanced_accuracy (transductive)",
        ),
        (said_of(), "95% interval +0.020 to +0.180, p = 0.040): tuning made it better."),
        (said_of(-0.1, -0.18, -0.02), ": tuning made it worse."),
        (said_of(-0.1, -0.18, -0.02, maximise=False), ": tuning made it better."),
        (said_of(0.1, -0.02, 0.2), "as far as these people can tell, tuning bought nothing."),
        (said_of(0.1, None, None, n=3, n_people=3, p_value=None), "the interval is undefined below 6 people"),
        (said_of(0.1, n=7), "; 1 more without a score of both"),
        (said_of(0.0, None, None, n_default=4), "in each of the 4 folds: tuning bought nothing here."),
        (said_of(None, None, None, n=0), "cannot be compared"),
    ],
)
def test_the_sentence_is_as_ready_for_a_loss_as_for_a_gain(said, words):
    assert words in said


def test_a_fold_of_another_shape_or_without_a_key_is_damaged(tmp_path):
    evaluation = evaluation_in(tmp_path)
    split = evaluation.prepared[0].split
    everywhere = np.ones(len(evaluation.loaded.dataset), dtype=bool)
    result = made(evaluation, {"tuned": everywhere, "default": everywhere})[0]
    result = replace(result, content={**result.content, "tested": [], "openings": 1})
    save_fold(tmp_path / "fold", result, belongs="x")
    expected = {
        "belongs": "x",
        "split_fingerprint": split.fingerprint,
        "rows": split.test,
        "shape": (1, len(split.test), 2),
    }
    assert read_fold(tmp_path / "fold", **expected).rows is split.test
    assert read_fold(tmp_path / "none", **expected) is None
    for change in ({"belongs": "y"}, {"shape": (2, len(split.test), 2)}, {"rows": split.test + 1}):
        with pytest.raises(InputError, match="result.json, but it is damaged .* The fold is made again"):
            read_fold(tmp_path / "fold", **{**expected, **change})
    path = tmp_path / "fold" / "result.json"
    for text in (path.read_text(encoding="utf-8")[:-40], "[]", "7", ""):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="result.json, but it is damaged .* The fold is made again"):
            read_fold(tmp_path / "fold", **expected)
    save_fold(tmp_path / "fold", replace(result, content={"split": result.content["split"]}), belongs="x")
    with pytest.raises(InputError, match="it lacks .*seconds"):
        read_fold(tmp_path / "fold", **expected)
