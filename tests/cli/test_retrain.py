"""The retrain's command: what it refuses before it trains, when it opens the test part, and whom it warns about."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from emotune.cli.constants import CONSTANTS
from emotune.cli.retrain import main
from emotune.data.sources import load_dataset
from emotune.evaluation.ledger import LEDGER
from emotune.evaluation.protocols import split_dataset
from emotune.features.settings import FeatureSettings
from emotune.prediction.bundle import Bundle
from emotune.studies.provenance import features_of

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SPACE = """
import keras

{layer}

class EmotionHyperModel:
    def __init__(self, problem):
        self.problem = problem

    def build_model(self, hp):
        inputs = keras.Input(self.problem.input_shape)
        x = {body}
        outputs = keras.layers.Dense(self.problem.n_classes, activation="softmax")(x)
        model = keras.Model(inputs, outputs)
        model.compile(keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 0.5, default=1e-2)),
                      "sparse_categorical_crossentropy")
        return model
"""
PLAIN = SPACE.format(layer="", body='keras.layers.Dense(hp.Int("dense_units_0", 1, 64, default=8))(inputs)')
OWN_LAYER = SPACE.format(
    layer="""
@keras.saving.register_keras_serializable("own")
class Twice(keras.layers.Layer):
    def call(self, inputs):
        return 2.0 * inputs
""",
    body="Twice()(inputs)",
)
CONSTANTS_OF_TEST = {"EPOCHS": 2, "PATIENCE": 2, "DENSE_UNITS": [4], "EXTRA_HYPERPARAMETERS": {}, "SEED": 1}


class Project:
    """A folder with src/config.py, src/hyperparameter_tuner.py and a table of eight people."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.models = root / "models"
        self.models.mkdir()
        (root / "src").mkdir()
        self.table(root / "table.npz", [f"P{number}" for number in range(8)])
        self.space(PLAIN)
        self.configure()

    @staticmethod
    def table(path, names, seed=0):
        source = np.random.default_rng(seed)
        labels = np.tile([0, 1], 6 * len(names))
        inputs = source.normal(size=(len(labels), 7)).astype(np.float32)
        inputs[:, 0] += 3 * labels
        np.savez(path, X=inputs, y=labels, subject=np.repeat(names, 12))

    def space(self, text):
        (self.root / "src" / "hyperparameter_tuner.py").write_text(text, encoding="utf-8")

    def configure(self, **changes):
        values = {constant.name: constant.example for constant in CONSTANTS}
        values |= {"DATA": "table.npz", **CONSTANTS_OF_TEST, **changes}
        lines = "".join(f"{name} = {value!r}\n" for name, value in values.items())
        (self.root / "src" / "config.py").write_text(lines, encoding="utf-8")

    def best(self, hyperparameters, *, table="table.npz", seed=1, **metadata):
        dataset = load_dataset(table, FeatureSettings())
        split = split_dataset(dataset, seed=seed)
        content = {
            "best_score": 0.7,
            "default_score": 0.6,
            "trial": 3,
            "study": "toy-study",
            "data": dataset.name,
            "split": split.to_dict(),
            "fingerprints": {"data": dataset.fingerprint, "split": split.fingerprint},
            **metadata,
        }
        path = self.models / "best_hyperparameters.json"
        path.write_text(json.dumps({"hyperparameters": hyperparameters, "metadata": content}), encoding="utf-8")
        return split

    def run(self, *arguments):
        return main([*arguments], root=self.root)

    def evaluation(self):
        return json.loads((self.models / "evaluation.json").read_text(encoding="utf-8"))

    def untouched(self):
        return not (self.models / LEDGER).exists() and not (self.models / "evaluation.json").exists()


APPLIED = {"dense_units_0": 4, "learning_rate": 0.001}


@pytest.fixture
def project(tmp_path, monkeypatch):
    import emotune.models.backend as backend

    monkeypatch.chdir(tmp_path)
    # Threads can be set only before TensorFlow has computed anything, as an earlier test may have it do.
    monkeypatch.setattr(backend, "prepare_backend", lambda: None)
    return Project(tmp_path)


@pytest.fixture
def untrained(monkeypatch):
    """Training is an error: whatever is wrong must be said before."""
    import emotune.studies.retrain as study

    monkeypatch.setattr(study, "train", lambda *_args, **_options: pytest.fail("it trained"))


def test_people_whom_the_applied_search_has_seen_are_named_and_written_down(project, capsys):
    theirs = project.best(APPLIED)
    project.configure(SEED=2)
    assert project.run("--quiet") == 0
    evaluation = project.evaluation()
    test = evaluation["split"]["people"]["test"]
    seen = [name for name in test if name not in theirs.people["test"]]
    assert seen
    assert evaluation["chosen_with"] == seen
    out = capsys.readouterr().out
    assert (
        f"warning: the configuration was chosen by the search toy-study on table.npz, in which {', '.join(seen)}" in out
    )
    assert "never seen" not in out
    bundle = json.loads((project.models / "bundle" / "bundle.json").read_text(encoding="utf-8"))
    assert bundle["evaluation"]["chosen_with"] == seen
    assert sorted(path.name for path in project.models.iterdir()) == [
        "best_hyperparameters.json", "bundle", "evaluation.json", LEDGER
    ]  # fmt: skip


def seen_by(project, capsys):
    """What the run says of the search, without training anything."""
    from argparse import Namespace

    from emotune.cli.configuration import read_configuration
    from emotune.cli.retrain import _say_what_is_not_applied, _seen_by_the_choice
    from emotune.search.trials import read_best
    from emotune.studies.preparation import prepare

    configuration = read_configuration(project.root / "src" / "config.py")
    prepared = prepare(configuration.data, FeatureSettings(), n_steps=1, seed=configuration.seed)
    path = project.models / "best_hyperparameters.json"
    seen = _seen_by_the_choice(configuration, read_best(path), prepared, Namespace(quiet=False))
    _say_what_is_not_applied(configuration, read_best(path), prepared, path)
    return seen, capsys.readouterr().out


def test_the_same_data_and_split_need_no_word(project, capsys):
    project.best(APPLIED)
    assert seen_by(project, capsys) == ([], "")


def test_a_configuration_of_ones_own_was_chosen_with_nobody(project, capsys):
    project.best({"dense_units_0": 16, "learning_rate": 0.001}, seed=2)
    seen, out = seen_by(project, capsys)
    assert seen == []
    assert "not applied: DENSE_UNITS = [16]" in out


def test_people_of_the_same_name_in_other_data_are_warned_of(project, capsys):
    project.table(project.root / "other.npz", [f"P{number}" for number in range(8)], seed=5)
    project.best(APPLIED, table="other.npz", seed=2)
    seen, out = seen_by(project, capsys)
    assert seen
    assert "if the same names mean the same people" in out


def test_quite_other_data_is_only_noted(project, capsys):
    project.table(project.root / "other.npz", [f"Q{number}" for number in range(8)], seed=5)
    project.best(APPLIED, table="other.npz")
    seen, out = seen_by(project, capsys)
    assert seen == []
    assert out == "note: the configuration was chosen by the search toy-study on other.npz, not on table.npz.\n"


def test_a_search_that_does_not_say_who_was_where_is_noted(project, capsys):
    project.best(APPLIED, seed=2, split=None)
    assert "does not say who was in which part" in seen_by(project, capsys)[1]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (
            {},
            "is chosen by the search toy-study on table.npz: 0.700 on its validation part, against 0.600 of the",
        ),
        ({"default_score": None}, "on table.npz: 0.700 on its validation part. `python"),
        ({"trial": 0}, "is the default configuration, chosen by the search toy-study on table.npz: 0.700 on its val"),
        ({"best_score": None}, "on table.npz. `python run_hyperparameter_tuning.py --apply` writes it"),
        ({"fingerprints": {"data": "x"}}, "on table.npz, which is not the data of this run (table.npz): 0.700"),
    ],
)
def test_what_is_not_applied_says_where_it_comes_from(project, capsys, metadata, said):
    project.best({"dense_units_0": 16, "learning_rate": 0.001}, **metadata)
    out = seen_by(project, capsys)[1]
    assert "not applied: DENSE_UNITS = [16] in best_hyperparameters.json; src/config.py has [4]" in out
    assert said in out


def test_a_damaged_winner_stops_only_a_run_that_asks_for_it(project, capsys, untrained):
    project.configure(EXTRA_HYPERPARAMETERS={"gate": 1})
    (project.models / "best_hyperparameters.json").write_text("{", encoding="utf-8")
    assert project.run("--from-best") != 0
    assert "EXTRA" not in capsys.readouterr().err
    assert project.run() != 0
    printed = capsys.readouterr()
    assert "note: Expected a JSON file at" in printed.out
    assert "`EXTRA_HYPERPARAMETERS` must hold names that the model asks for. Received: gate" in printed.err


def test_a_value_that_does_not_fit_is_named_by_its_constant_before_training(project, capsys, untrained):
    body = 'hp.Choice("vector_entry", ["windows"]) and keras.layers.Dense(4)(inputs)'
    project.space(SPACE.format(layer="", body=body))
    assert project.run() != 0
    message = "`VECTOR_ENTRY` must be one of 'windows'. Received: 'electrodes'. Edit it in src/config.py"
    assert message in capsys.readouterr().err
    assert project.untouched()


def test_values_outside_the_space_are_noted_by_their_constants(project, capsys):
    project.configure(DENSE_UNITS=[100])
    assert project.run("--quiet") == 0
    assert "note: outside the space, taken as it is. `DENSE_UNITS[0]` must be a whole" in capsys.readouterr().out
    assert project.evaluation()["configured"]["hyperparameters"]["dense_units_0"] == 100
    assert project.evaluation()["chosen_with"] == []


@pytest.mark.parametrize("from_best", [True, False])
def test_a_space_of_the_users_own_may_mean_another_kind_of_value(project, from_best):
    body = 'keras.layers.Dense({"narrow": 4, "wide": 8}[hp.Choice("dense_units_0", ["narrow", "wide"])])(inputs)'
    project.space(SPACE.format(layer="", body=body))
    best = {"dense_units_0": "wide", "learning_rate": 0.01}
    project.best(best)
    if not from_best:
        project.configure(LEARNING_RATE=0.01, EXTRA_HYPERPARAMETERS={"dense_units_0": "wide"})
    assert project.run("--quiet", *(["--from-best"] if from_best else [])) == 0
    assert project.evaluation()["configured"]["hyperparameters"] == best


def test_a_hyperparameter_of_the_users_own_needs_no_edit_of_the_configuration(project, capsys):
    body = 'keras.layers.Dense(4, hp.Choice("activation", ["tanh", "relu"]))(inputs)'
    project.space(SPACE.format(layer="", body=body))
    assert project.run() == 0
    out = capsys.readouterr().out
    assert "note: activation = 'tanh', the space's default: src/config.py does not name it." in out
    assert "EXTRA_HYPERPARAMETERS = {'activation': ...}" in out
    assert project.evaluation()["configured"]["hyperparameters"]["activation"] == "tanh"


def test_a_winner_of_the_same_data_that_has_changed_since_is_refused(project, capsys, untrained):
    project.best(APPLIED, fingerprints={"data": "other", "split": "other"})
    assert project.run("--from-best") == 2
    assert "comes from a search on table.npz as it was then; its content, TARGET or" in capsys.readouterr().err


def test_a_winner_of_another_split_is_refused(project, capsys, untrained):
    project.best(APPLIED, seed=2)
    assert project.run("--from-best") != 0
    assert "comes from a search on another split of table.npz (by subject, seed 2)" in capsys.readouterr().err
    assert project.untouched()


def test_a_winner_of_other_features_is_refused_by_their_names(project, capsys, untrained):
    features = features_of(load_dataset("table.npz", FeatureSettings()))
    project.best(APPLIED, features={**features, "columns": ["f0"], "fingerprint": "other"})
    assert project.run("--from-best") == 2
    assert "with 1 columns, --normalise training, not 7 columns, --normalise training." in capsys.readouterr().err
    assert project.untouched()


def test_a_winner_of_another_split_is_taken_where_told_and_the_people_it_has_seen_are_written_down(project, capsys):
    theirs = project.best(APPLIED, seed=2)
    assert project.run("--from-best", "--other-data") == 0
    evaluation = project.evaluation()
    seen = {*theirs.people["train"], *theirs.people["validation"]}
    assert evaluation["chosen_with"] == [name for name in evaluation["split"]["people"]["test"] if name in seen]
    assert evaluation["chosen_with"]
    out = capsys.readouterr().out
    assert "its score flatters the configured network" in out
    assert evaluation["score_label"] == evaluation["watermark"] == "LEAKS: chosen-with-test-people"
    assert "Scores (LEAKS: chosen-with-test-people)" in out
    assert Bundle.load(project.models / "bundle").watermark == "LEAKS: chosen-with-test-people"


def test_several_seeds_are_trained_and_said(project, capsys):
    assert project.run("--seeds", "2") == 0
    out = capsys.readouterr().out
    assert "Trained the configured network (seed 2 of 2): " in out
    assert (
        len(
            re.findall(
                r"^(?:default|configured): .*, mean of 2 seeds \(0\.\d+ to 0\.\d+\); of the first seed, ", out, re.M
            )
        )
        == 2
    )
    assert project.evaluation()["openings"] == 1
    assert len(project.evaluation()["configured"]["seeds"]) == 2


def test_the_evaluation_and_the_bundle_say_what_they_belong_to(project):
    assert project.run("--quiet") == 0
    evaluation, bundle = project.evaluation(), Bundle.load(project.models / "bundle")
    names = {"data", "split", "features", "space", "code"}
    assert set(evaluation["fingerprints"]) == {*names, "configured"}
    assert {name: evaluation["fingerprints"][name] for name in names} == bundle.provenance["fingerprints"]
    assert evaluation["versions"]["code"] == evaluation["fingerprints"]["code"]
    assert {"seed", "command", "versions", "machine"} <= {*evaluation} & {*bundle.provenance}
    before = evaluation["fingerprints"]
    file = project.root / "src" / "hyperparameter_tuner.py"
    project.space(file.read_text(encoding="utf-8") + "\nMORE = 1\n")
    assert project.run("--quiet") == 0
    after = project.evaluation()["fingerprints"]
    assert [name for name in before if before[name] != after[name]] == ["space"]


def test_a_split_that_leaks_is_refused_and_marks_every_score_where_it_is_allowed(project, capsys):
    assert project.run("--protocol", "window") == 2
    assert "--allow-leakage goes on all the same, and marks every score." in capsys.readouterr().err
    assert project.untouched()
    assert project.run("--protocol", "window", "--allow-leakage") == 0
    out = capsys.readouterr().out
    evaluation = project.evaluation()
    assert evaluation["score_label"].startswith("LEAKS: ")
    assert f"Scores ({evaluation['score_label']})" in out
    for line in ("Before optimization: ", "After optimization: ", "Improvement: "):
        assert next(each for each in out.splitlines() if each.startswith(line)).endswith(
            f" ({evaluation['score_label']})"
        )
    bundle = Bundle.load(project.models / "bundle")
    assert bundle.watermark == bundle.evaluation["score_label"] == evaluation["score_label"]
    assert [finding.name for finding in bundle.leaks] == ["leaking-model"]


def test_the_test_part_stays_closed_where_the_network_cannot_be_saved(project, capsys):
    import keras

    project.space(OWN_LAYER)
    assert project.run("--quiet") != 0
    keras.saving.get_custom_objects().pop("own>Twice")
    assert "Received: Twice. Build it of Keras's layers" in capsys.readouterr().err
    assert project.untouched()
    assert list(project.models.iterdir()) == []


def test_scores_of_people_standardised_by_their_own_windows_are_called_transductive(project, capsys):
    assert project.run("--normalise", "subject") == 0
    out = capsys.readouterr().out
    assert "warning: Each of the 8 people of table.npz is standardised by their own windows" in out
    assert out.count(" on the validation part (transductive), ") == 2
    assert "Scores (transductive)" in out
    assert "people never trained on, " in out
    assert "never seen" not in out
    for line in ("Before optimization: ", "After optimization: ", "Improvement: "):
        assert next(each for each in out.splitlines() if each.startswith(line)).endswith(" (transductive)")
    evaluation = project.evaluation()
    assert evaluation["score_label"] == "transductive"
    assert evaluation["normalisation"] == {"by": "subject", "seconds": None}
    bundle = json.loads((project.models / "bundle" / "bundle.json").read_text(encoding="utf-8"))
    assert bundle["normalisation"] == {"by": "subject", "seconds": None}
    assert bundle["evaluation"]["score_label"] == "transductive"
    # The same people's test part, whatever they are standardised by.
    capsys.readouterr()
    assert project.run("--quiet") == 0
    out = capsys.readouterr().out
    assert "opened 2 times so far" in out
    assert "transductive" not in out


@pytest.fixture
def with_trials(project):
    """A table of eight people with six trials of two windows; the last person shows one class."""
    source = np.random.default_rng(0)
    subject = np.repeat([f"P{number}" for number in range(8)], 12)
    trial = np.tile(np.repeat([f"t{number}" for number in range(6)], 2), 8)
    labels = np.tile(np.repeat([0, 1], 2), 24)
    labels[subject == "P7"] = 1
    inputs = source.normal(size=(len(labels), 7)).astype(np.float32)
    inputs[:, 0] += 3 * labels
    np.savez(project.root / "table.npz", X=inputs, y=labels, subject=subject, trial=trial)
    return project


def test_the_report_has_baselines_people_chance_and_who_is_left_out(with_trials, capsys):
    seed = next(  # of which the test people include the one without a score
        seed
        for seed in range(50)
        if "P7" in split_dataset(load_dataset("table.npz", FeatureSettings()), seed=seed).people["test"]
    )
    with_trials.configure(SEED=seed)
    assert with_trials.run("--quiet") == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    heading = next(line for line in lines if line.startswith("network "))
    assert heading.split("  ")[1:] and all(
        name in heading
        for name in ("balanced accuracy", "accuracy", "macro F1", "kappa", "ROC-AUC", "calibration error")
    )
    assert len(heading) <= 100
    evaluation = with_trials.evaluation()
    card = evaluation["configured"]
    for name, key in (("majority class", "majority"), ("stratified guess", "stratified")):
        (line,) = [line for line in lines if line.startswith(name)]
        values = [f"{card[key][score]:.3f}" for score in ("balanced_accuracy", "accuracy")]
        assert line.split()[2:] == [*values, "-", "-", "-", "-"]
    assert card["per_person"]["P7"] is None
    assert "1 of 2 people left out, whose balanced_accuracy is undefined: P7." in lines
    (line,) = [line for line in lines if line.startswith("configured: ")]
    assert line.startswith("configured: balanced_accuracy over people ")
    assert "(interval undefined below 6 people), p = " in line
    # One person with six trials of two classes: 20 labellings.
    assert "against trial labels permuted within people (all 20)" in line
    (row,) = [line for line in lines if line.startswith("true class")]
    assert row.split() == f"true class as {' as '.join(card['class_names'])} recall".split()
    matrix = [line.split() for line in lines[lines.index(row) + 1 : lines.index(row) + 3]]
    assert [[int(value) for value in cells[1:3]] for cells in matrix] == card["confusion"]


def test_a_test_part_of_one_class_is_undefined_and_never_0_or_1(project):
    from emotune.cli.retrain import _people_and_chance, _rows
    from emotune.evaluation.metrics import metric_named
    from emotune.evaluation.scores import score_card

    targets = np.zeros(4, dtype=np.int64)
    groups = {name: np.array(["A"] * 4) for name in ("subject", "trial", "stimulus", "session")}
    card = score_card(metric_named("balanced_accuracy"), targets, np.eye(2)[targets], ("calm", "joy"), groups)
    evaluation = {"default": card, "configured": card, "metric": "balanced_accuracy", "score_label": "LEAKS: it"}
    default, _, majority, stratified = _rows(evaluation)
    assert default == ("default", "undefined", "1.000", "undefined", "undefined", "undefined", "0.000")
    assert majority[:3] == ("majority class", "undefined", "1.000")
    assert stratified[:3] == ("stratified guess", "undefined", "1.000")
    assert _people_and_chance(evaluation)[1:] == [
        "configured: balanced_accuracy (LEAKS: it) over people undefined, p against chance undefined: the score is.",
        "1 of 1 people left out, whose balanced_accuracy is undefined: A.",
    ]


def test_the_comparison_and_a_searchs_score_have_the_word(project, capsys):
    from emotune.studies.retrain import sentence

    comparison = {"mean_difference": 0.1, "interval": {"low": None, "high": None}, "p_value": None, "n": 2}
    evaluation = {
        "same_configuration": False,
        "configured_minus_default": comparison,
        "maximise": True,
        "metric": "accuracy",
        "score_label": "transductive",
        "split": {"protocol": "subject", "people": {"test": ["a", "b"]}},
    }
    assert "(+0.100 accuracy (transductive) per person)" in sentence(evaluation)
    project.best({"dense_units_0": 16, "learning_rate": 0.001}, score_label="transductive")
    assert "against 0.600 of the default (transductive)." in seen_by(project, capsys)[1]


def test_a_winner_of_another_normalisation_is_refused(project, untrained, capsys):
    features = features_of(load_dataset("table.npz", FeatureSettings()))
    project.best(APPLIED, features=features)
    assert project.run("--from-best", "--normalise", "subject") == 2
    error = capsys.readouterr().err
    assert "a search on table.npz with 7 columns, --normalise training, not 7 columns, --normalise subject." in error
    assert "--normalise and --seed as the search had them." in error
    assert project.untouched()


def test_a_normalisation_that_is_none_is_said_before_anything_is_read(project, untrained, capsys):
    project.configure(NORMALISE="person", DATA="missing.npz")
    assert project.run() == 2
    assert "Expected a normalisation as `training`, `subject` or `subject:SECONDS`" in capsys.readouterr().err


def test_a_search_says_it_beside_every_score(project, capsys):
    from emotune.cli import tune
    from emotune.evaluation.metrics import metric_named
    from emotune.studies.preparation import prepare
    from emotune.studies.tuning import Tuning, TuningSettings

    words = ["--normalise", "subject", "--max-trials", "1", "--workers", "1", "--epochs", "1"]
    assert tune.main(words, root=project.root) == 0
    out = capsys.readouterr().out
    assert "trial   0: balanced_accuracy (transductive) " in out
    assert "on the 24 validation windows that it was chosen by" in out
    assert out.count("balanced_accuracy (transductive) 0.") == 2
    assert "src/train_emotion_model.py --normalise=subject" in out
    metadata = json.loads((project.models / "best_hyperparameters.json").read_text(encoding="utf-8"))["metadata"]
    assert (metadata["normalisation"], metadata["score_label"]) == ({"by": "subject", "seconds": None}, "transductive")
    # A study that was begun with one normalisation does not go on with another.
    begun = prepare("table.npz", FeatureSettings(), n_steps=1, seed=1, normalise="subject")
    said = []
    for prepared in (begun, prepare("table.npz", FeatureSettings(), n_steps=1, seed=1)):
        settings = TuningSettings(
            method="keras-tuner",
            algorithm="",
            metric=metric_named("balanced_accuracy"),
            total=1,
            add=0,
            epochs=1,
            patience=2,
            seed=1,
            workers=1,
            hypermodel=project.root / "src" / "hyperparameter_tuner.py",
            folder=project.models / "tuning",
            slots=project.root / "slots",
        )
        tuning = Tuning(settings, prepared, say=said.append)
        said.append(len(tuning.method.trials()))
        tuning.method.close()
    assert said[0] == 1
    assert said[-1] == 0
    assert "put aside" in " ".join(map(str, said[1:-1]))
    assert tune.main(["--apply"], root=project.root) == 0
    assert "note: NORMALISE of src/config.py is training, and the search had subject." in capsys.readouterr().out
