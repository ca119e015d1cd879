"""Standardisation by person: by hand, blind to labels, nobody else's business, and another fingerprint."""

from dataclasses import replace

import numpy as np
import pytest

from emotune.data.dataset import GROUPS, Dataset
from emotune.data.normalising import (
    FROM_TRAINING,
    MIN_WINDOWS,
    Normalisation,
    calibration_windows,
    data_identity,
    labelled,
    normalised,
    scaler_of_person,
)
from emotune.data.of_recordings import dataset_of_recordings
from emotune.errors import InputError
from emotune.features.settings import FeatureSettings
from emotune.studies.preparation import prepare
from recordings_in_memory import RecordingsInMemory, noise

BY_SUBJECT = Normalisation(True)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "cache"))


def toy(n_people=3, windows=12, n_features=2, seed=0, n_steps=None, **changes):
    """Rows of a table, without times."""
    source = np.random.default_rng(seed)
    shape = (n_people * windows, n_features) if n_steps is None else (n_people * windows, n_steps, n_features)
    inputs = source.normal(source.normal(0, 9, n_people).repeat(windows).reshape(-1, *[1] * (len(shape) - 1)), 2, shape)
    groups = {name: np.full(len(inputs), "") for name in GROUPS}
    groups["subject"] = np.repeat([f"P{number}" for number in range(n_people)], windows)
    return Dataset(
        **{
            "inputs": inputs.astype(np.float32),
            "targets": np.tile([0, 1], len(inputs) // 2),
            "groups": groups,
            "class_names": ("rest", "task"),
            "feature_names": tuple(f"f{i}" for i in range(n_features)),
            "name": "toy",
            "fingerprint": f"toy-{seed}",
            **changes,
        }
    )


def recorded(n_people=2, n_trials=3, windows=6, overlap=0.0, unlabelled=(), **options):
    """A dataset of recordings, person after person, `windows` of 4 s each; some trials of each have no label."""
    seconds = 4.0 + (windows - 1) * 4.0 * (1 - overlap)
    recordings = [
        noise(seed=10 * person + trial, seconds=seconds, uv=10.0 + 5 * person, subject=f"P{person}", trial=str(trial),
              emotion="" if trial in unlabelled else ("calm", "joy")[trial % 2])
        for person in range(n_people)
        for trial in range(n_trials)
    ]  # fmt: skip
    version = f"{n_people} {n_trials} {windows} {overlap} {unlabelled}"
    settings = FeatureSettings(overlap=overlap)
    return dataset_of_recordings(RecordingsInMemory(recordings, version=version), settings, **options)


def with_values(dataset, change):
    """The dataset with other vectors: `change` is given all windows, `(n_windows, n_features)`."""
    table = replace(dataset.table, values=change(dataset.table.values.copy()))
    values = table.values[dataset.windows]
    return replace(dataset, table=table, inputs=values if dataset.inputs.ndim == 3 else values[:, 0])


class TestBySubject:
    def test_every_column_of_a_person_is_its_own_standard_score(self):
        column = np.arange(12.0)
        dataset = replace(toy(1), inputs=np.stack([column, 100 + 5 * column], axis=1).astype(np.float32))
        found, rows = normalised(dataset, BY_SUBJECT)
        # The mean of 0 to 11 is 5.5, their variance (12² - 1) / 12.
        wanted = (column - 5.5) / np.sqrt(143 / 12)
        np.testing.assert_allclose(found.inputs, np.stack([wanted, wanted], axis=1), atol=1e-6)
        assert rows.tolist() == list(range(12))

    def test_all_steps_of_a_sequence_count(self):
        found, _ = normalised(toy(n_steps=3), BY_SUBJECT)
        for person in np.unique(found.groups["subject"]):
            own = found.inputs[found.groups["subject"] == person].reshape(-1, 2)
            np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-5)
            np.testing.assert_allclose(own.std(axis=0), 1, atol=1e-5)

    def test_labels_have_no_part_in_it(self):
        dataset = toy()
        other = replace(dataset, targets=np.random.default_rng(1).permutation(dataset.targets))
        np.testing.assert_array_equal(
            normalised(dataset, BY_SUBJECT)[0].inputs, normalised(other, BY_SUBJECT)[0].inputs
        )

    def test_one_person_s_rows_change_nobody_else_s(self):
        dataset = toy()
        is_last = dataset.groups["subject"] == "P2"
        moved = replace(dataset, inputs=np.where(is_last[:, None], 7 * dataset.inputs**3 + 1, dataset.inputs))
        before, after = (normalised(each, BY_SUBJECT)[0].inputs for each in (dataset, moved))
        np.testing.assert_array_equal(before[~is_last], after[~is_last])
        assert not np.allclose(before[is_last], after[is_last])

    def test_a_constant_column_of_a_person_becomes_zero(self):
        dataset = toy()
        dataset.inputs[dataset.groups["subject"] == "P1", 0] = 3.5
        found, _ = normalised(dataset, BY_SUBJECT)
        assert (found.inputs[found.groups["subject"] == "P1", 0] == 0).all()

    def test_a_person_with_too_few_windows_is_named(self):
        dataset = toy(windows=MIN_WINDOWS)
        dataset.groups["subject"][-1] = "alone"
        with pytest.raises(InputError, match=r"at least 10 windows of each person.*Received: 9 of P2 in toy\."):
            normalised(dataset, BY_SUBJECT)

    def test_rows_of_nobody_are_refused(self):
        dataset = toy()
        dataset.groups["subject"][3:5] = ""
        with pytest.raises(InputError, match=r"the person of each row in toy.*Received: 2 of 36 rows without"):
            normalised(dataset, BY_SUBJECT)

    def test_a_value_that_is_no_number_is_refused(self):
        dataset = toy()
        dataset.inputs[4, 1] = np.nan
        with pytest.raises(InputError, match="1 that are NaN or infinite"):
            normalised(dataset, BY_SUBJECT)

    def test_it_is_other_data_of_the_same_people(self):
        dataset = recorded()
        found, _ = normalised(dataset, BY_SUBJECT)
        first, _ = normalised(dataset, Normalisation(True, 40.0))
        assert len({dataset.fingerprint, found.fingerprint, first.fingerprint}) == 3
        assert data_identity(found) == data_identity(first) == data_identity(dataset) == "2 3 6 0.0 ()"
        table = toy()
        assert data_identity(normalised(table, BY_SUBJECT)[0]) == data_identity(table) == table.fingerprint
        [warning] = [finding for finding in found.findings if finding.severity == "warning"]
        assert warning.name == "transductive"
        assert "Every score is transductive" in warning.message

    def test_training_alone_leaves_the_dataset_as_it_is(self):
        dataset = toy()
        assert normalised(dataset, FROM_TRAINING)[0] is dataset


class TestFirstSeconds:
    def test_by_hand(self):
        # Five seconds that count in the first recording (two windows that overlap by half, then a gap), then 4 more.
        recording, starts_s = np.array([0, 0, 0, 1, 1]), np.array([0.0, 2.0, 20.0, 0.0, 2.0])
        inside, touching = calibration_windows(recording, starts_s, 4.0, 14.0)
        assert inside.tolist() == [True, True, True, True, False]
        assert touching.tolist() == [False, False, False, False, True]
        inside, touching = calibration_windows(recording, starts_s, 4.0, 13.9)
        assert (inside.tolist(), touching.tolist()) == ([True, True, True, False, False], [False] * 5)

    def test_less_than_a_window_is_none(self):
        inside, touching = calibration_windows(np.zeros(3, dtype=int), np.arange(3) * 4.0, 4.0, 3.0)
        assert not inside.any()
        assert not touching.any()

    def test_these_windows_standardise_and_are_left_out(self):
        dataset = recorded()
        found, rows = normalised(dataset, Normalisation(True, 40.0))
        assert len(found) == len(rows) == 2 * (18 - 10)
        for start in (0, 18):
            own = dataset.inputs[start : start + 10]
            assert not set(range(start, start + 10)) & set(rows.tolist())
            left = rows[(rows >= start) & (rows < start + 18)]
            wanted = (dataset.inputs[left] - own.mean(axis=0)) / own.std(axis=0)
            np.testing.assert_allclose(found.inputs[np.isin(rows, left)], wanted, atol=1e-3)
        assert found.groups["subject"].tolist() == ["P0"] * 8 + ["P1"] * 8
        assert found.provenance["n_rows"] == 16
        assert sum(found.provenance["class_counts"].values()) == 16
        [finding] = [finding for finding in found.findings if finding.name == "calibrated"]
        assert "Every score is transductive" in finding.message
        assert "20 windows. 20 rows" in finding.message

    def test_what_comes_later_changes_nothing_before(self):
        dataset = recorded()

        def change(values):
            values[17] += 5.0
            return values

        moved = with_values(dataset, change)
        one, other = (normalised(each, Normalisation(True, 40.0))[0].inputs for each in (dataset, moved))
        np.testing.assert_array_equal(one[:7], other[:7])
        assert not np.allclose(one[7], other[7])

    def test_windows_that_share_samples_with_them_are_left_out_too(self):
        dataset = recorded(windows=12, overlap=0.75)
        _, rows = normalised(dataset, Normalisation(True, 20.0))
        # 12 windows in a row are 15 s; the next recording's first two are 5 s more, and three others reach into them.
        assert rows[0] == 12 + 2 + 3

    def test_a_sequence_with_any_of_them_is_left_out(self):
        dataset = recorded(windows=12, n_steps=2)
        _, rows = normalised(dataset, Normalisation(True, 44.0))  # 11 windows: five sequences and half of one
        assert rows[0] == 6

    def test_vectors_without_times_are_refused(self):
        with pytest.raises(InputError, match="Expected recordings for --normalise subject:60"):
            normalised(toy(), Normalisation(True, 60.0))

    def test_too_short_a_stretch_and_too_long_a_one_name_the_person(self):
        with pytest.raises(InputError, match="Received: 9 of P0"):
            normalised(recorded(), Normalisation(True, 36.0))
        with pytest.raises(InputError, match="Received: none of P0. Lower the seconds of --normalise subject:72"):
            normalised(recorded(), Normalisation(True, 72.0))

    def test_a_class_that_is_all_calibration_is_named(self):
        dataset = recorded()
        targets = np.tile(np.arange(18) >= 10, 2).astype(np.int64)
        with pytest.raises(InputError, match="windows of every class beyond.*Received: none of calm"):
            normalised(replace(dataset, targets=targets), Normalisation(True, 40.0))

    def test_recordings_bring_the_times(self):
        recordings = RecordingsInMemory(
            [noise(seed=i, seconds=24.5, subject=f"p{i % 2}", trial=str(i), emotion=("calm", "joy")[i // 2 % 2])
             for i in range(8)]
        )  # fmt: skip
        dataset = dataset_of_recordings(recordings, FeatureSettings())
        found, rows = normalised(dataset, Normalisation(True, 40.0))
        of_rows = dataset.table.recording[dataset.windows[rows, 0]]
        assert of_rows.tolist() == [2] * 2 + [3] * 2 + [4] * 6 + [5] * 6 + [6] * 6 + [7] * 6
        np.testing.assert_array_equal(found.windows, dataset.windows[rows])

    def test_features_that_look_ahead_are_refused(self):
        with pytest.raises(InputError, match="use no later samples.*Received: smoothing over later windows"):
            prepare("none.csv", FeatureSettings(smoothing="lds"), n_steps=1, seed=0, normalise="subject:60")


class TestWindowsInNoRow:
    """Trials without a label and windows that fill no sequence count as they do in prediction."""

    @pytest.mark.parametrize("choice", [BY_SUBJECT, Normalisation(True, 48.0)])
    def test_they_are_among_what_a_person_is_standardised_by(self, choice):
        dataset = recorded(n_trials=4, windows=7, unlabelled=(0,), n_steps=3)
        found, rows = normalised(dataset, choice)
        # Of 28 windows a person 18 are in rows; 48 s are 12 windows, the 7 without a label among them.
        calibration = dataset.table.values[28:] if choice.seconds is None else dataset.table.values[28:40]
        mean, spread = calibration.mean(axis=0), calibration.std(axis=0)
        own = found.groups["subject"] == "P1"
        np.testing.assert_allclose(found.inputs[own], (dataset.inputs[rows][own] - mean) / spread, atol=1e-3)
        assert rows[own].tolist() == ([6, 7, 8, 9, 10, 11] if choice.seconds is None else [8, 9, 10, 11])

    def test_another_target_leaves_a_person_s_windows_as_they_are(self):
        few, many = (normalised(recorded(n_trials=6, unlabelled=each), BY_SUBJECT) for each in ((0, 3), ()))
        is_shared = ~np.isin(many[0].table.recording[many[0].windows[:, 0]] % 6, (0, 3))
        np.testing.assert_array_equal(few[0].inputs, many[0].inputs[is_shared])

    def test_a_person_without_any_row_is_nobody_s_business(self):
        dataset = recorded(n_people=3)
        stranger = dataset.groups["subject"] == "P2"
        alone = replace(
            dataset,
            inputs=dataset.inputs[~stranger],
            targets=dataset.targets[~stranger],
            groups={name: values[~stranger] for name, values in dataset.groups.items()},
            windows=dataset.windows[~stranger],
        )
        found, _ = normalised(alone, Normalisation(True, 40.0))
        assert np.unique(found.groups["subject"]).tolist() == ["P0", "P1"]

    @pytest.mark.parametrize("choice", [BY_SUBJECT, Normalisation(True, 40.0)])
    def test_a_recording_without_any_window_changes_nothing(self, choice):
        dataset = recorded()
        labels = dataset.table.recordings
        more = {name: np.insert(getattr(labels, name), 3, "P1") for name in ("subject", "session", "trial", "stimulus")}
        emotion = np.insert(labels.emotion, 3, "joy")
        moved = dataset.table.recording + (dataset.table.recording >= 3)
        table = replace(dataset.table, recordings=replace(labels, **more, emotion=emotion), recording=moved)
        one, other = (normalised(each, choice)[0].inputs for each in (dataset, replace(dataset, table=table)))
        np.testing.assert_array_equal(one, other)


class TestTheChoice:
    @pytest.mark.parametrize("text", ["training", "subject", "subject:60", "subject:2.5", "subject:1234567"])
    def test_comes_back_from_text_and_json(self, text):
        choice = Normalisation.parse(text)
        assert str(choice) == text
        assert Normalisation.from_dict(choice.to_dict()) == choice

    @pytest.mark.parametrize("text", ["", "person", "subject:", "subject:0", "subject:-1", "subject:nan", "training:6"])
    def test_anything_else_is_refused(self, text):
        with pytest.raises(InputError, match="Expected a normalisation as `training`, `subject` or `subject:SECONDS`"):
            Normalisation.parse(text)

    def test_every_score_by_person_has_its_word(self):
        assert labelled("accuracy", FROM_TRAINING.label) == "accuracy"
        assert labelled("accuracy", BY_SUBJECT.label) == "accuracy (transductive)"
        assert (
            labelled("accuracy", Normalisation(True, 60.0).label)
            == "accuracy (transductive: calibrated on each person's first 60 s)"
        )

    def test_another_choice_is_the_data_of_another_study(self, tmp_path):
        path = tmp_path / "table.npz"
        source = np.random.default_rng(0)
        np.savez(path, X=source.normal(size=(60, 5)), y=np.tile([0, 1], 30), subject=np.repeat(np.arange(6), 10))
        plain, by_subject = (
            prepare(str(path), FeatureSettings(), n_steps=1, seed=0, normalise=choice)
            for choice in ("training", "subject")
        )
        assert plain.dataset.fingerprint != by_subject.dataset.fingerprint
        assert plain.split.fingerprint == by_subject.split.fingerprint
        assert (plain.score_label, by_subject.labelled("kappa")) == ("", "kappa (transductive)")
        # What follows is as ever: fitted on the training rows.
        np.testing.assert_allclose(by_subject.part(by_subject.split.train)[0].mean(axis=0), 0, atol=1e-5)

    def test_rows_that_two_people_share_are_found_in_the_values_as_they_came(self, tmp_path):
        path = tmp_path / "table.npz"
        inputs = np.random.default_rng(0).normal(size=(60, 5))
        subject = np.repeat(np.arange(6), 10)
        inputs[10:13] = inputs[20:23] = inputs[30:33] = inputs[40:43] = inputs[50:53] = inputs[:3]
        np.savez(path, X=inputs, y=np.tile([0, 1], 30), subject=subject)
        said = []
        for choice in ("training", "subject"):
            try:
                prepared = prepare(str(path), FeatureSettings(), n_steps=1, seed=0, normalise=choice)
                said.append({f.name for f in prepared.findings} - {"transductive"})
            except InputError as error:
                said.append(str(error))
        assert said[0] == said[1] != set()


def test_a_person_s_scaler_needs_enough_windows():
    with pytest.raises(InputError, match="Received: 9 of P1"):
        scaler_of_person(np.zeros((9, 3)), "P1")
    with pytest.raises(InputError, match="Received: 0 of P1"):
        scaler_of_person(np.zeros((0, 3)), "P1")
