"""A model of people who were each standardised by their own windows: what a new person must bring, and what is said."""

import argparse
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

from emotune.cli import predict
from emotune.data.normalising import Normalisation, normalised
from emotune.data.of_recordings import dataset_of_recordings
from emotune.data.sources import open_source
from emotune.errors import InputError
from emotune.features.extraction import extract
from emotune.features.preprocessing import Preprocessing
from emotune.features.settings import FeatureSettings
from emotune.prediction.bundle import DESCRIPTION, Bundle
from emotune.prediction.predictor import predict_recording
from emotune.prediction.sets import predict_set
from emotune.prediction.vectors import calibration_vectors
from emotune.recordings.targets import Target
from emotune.studies.preparation import prepare
from recordings_in_memory import RecordingsInMemory
from recordings_in_memory import noise as recorded

from .conftest import CLASSES, contents, network, noise

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "cache"))


def bundle_of(folder, choice, **changes):
    provenance = {"features": {"target": Target("emotion", CLASSES).to_dict()}}
    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):
        return Bundle.save(
            folder,
            **contents(model=network(), normalisation=Normalisation.parse(choice), provenance=provenance, **changes),
        )


@pytest.fixture(scope="module")
def by_subject(tmp_path_factory):
    return bundle_of(tmp_path_factory.mktemp("by_subject") / "bundle", "subject")


@pytest.fixture(scope="module")
def by_first(tmp_path_factory):
    return bundle_of(tmp_path_factory.mktemp("by_first") / "bundle", "subject:42")


def people(seconds=24.5, n=8, emotions=CLASSES):
    return RecordingsInMemory(
        [
            recorded(seed=i, seconds=seconds, uv=5.0 + 10 * (i % 2), subject=f"p{i % 2}", trial=str(i),
                     emotion=emotions[i // 2 % len(emotions)])
            for i in range(n)
        ],
        emotions=tuple(dict.fromkeys(emotions)),
    )  # fmt: skip


def vectors(recording):
    return extract(recording, FeatureSettings()).values


@pytest.mark.parametrize("choice", ["subject", "subject:42"])
def test_a_person_s_vectors_are_those_of_the_training(by_subject, by_first, choice):
    bundle = by_subject if choice == "subject" else by_first
    recordings = people()
    found, rows = normalised(dataset_of_recordings(recordings, FeatureSettings()), Normalisation.parse(choice))
    wanted = bundle.scaler.transform(found.inputs)
    own = [recording for recording in recordings.recordings if recording.subject == "p1"]
    scaler = bundle.scaler_for(calibration_vectors(bundle, own))
    given = scaler.transform(np.concatenate([vectors(recording) for recording in own]))
    is_own = found.groups["subject"] == "p1"
    first = len(given) - int(is_own.sum())
    assert first == (0 if choice == "subject" else 10)
    np.testing.assert_allclose(given[first:], wanted[is_own], atol=1e-5)


@pytest.fixture(scope="module")
def partly_labelled(tmp_path_factory):
    """A manifest of three people with seven trials: of 20 s, one longer; one that nobody labelled comes first."""
    import mne

    folder = tmp_path_factory.mktemp("partly_labelled")
    lines = ["file,subject,label,trial,valence[1-9]"]
    for person in range(3):
        for trial in range(7):
            recording = noise(seconds=27.0 if trial == 3 else 20.0, seed=10 * person + trial)
            info = mne.create_info(list(recording.channel_names), recording.sampling_rate_hz, "eeg")
            raw = mne.io.RawArray(recording.samples_uv * (1 + person) * 1e-6, info, verbose="error")
            raw.save(folder / f"{person}{trial}_eeg.fif", verbose="error")
            label = "" if trial == 0 else CLASSES[trial % 3]
            lines.append(f"{person}{trial}_eeg.fif,p{person},{label},{trial},{trial + 1}")
    (folder / "set.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"manifest:{folder / 'set.csv'}"


@pytest.mark.parametrize("choice", ["subject", "subject:60"])
def test_a_set_is_answered_for_what_was_trained_on_also_without_labels_and_with_windows_left_over(
    partly_labelled, tmp_path, choice
):
    settings, options = FeatureSettings(), {"n_steps": 5, "seed": 0, "normalise": choice}
    prepared = prepare(partly_labelled, settings, target="emotion", **options)
    shape = prepared.problem.input_shape
    model = network(shape)
    provenance = {"features": {"target": Target("emotion", CLASSES).to_dict()}}
    changes = {"input_shape": shape, "scaler": prepared.scaler, "normalisation": prepared.normalisation}
    bundle = Bundle.save(tmp_path / "bundle", **contents(model=model, provenance=provenance, **changes))
    dataset = prepared.dataset
    answers = model(prepared.part(np.arange(len(dataset)))[0]).numpy()
    trained = dict(zip(dataset.groups["trial"].tolist(), answers, strict=True))
    found = predict_set(bundle, open_source(partly_labelled))
    # Three trials of five windows are the first 60 s; the fourth has a window more, and so another run, than a sample.
    first = [] if choice == "subject" else ["0", "1", "2"]
    assert found.n_left_out == 3 * len(first)
    assert len(trained) == 3 * (6 if choice == "subject" else 4)
    compared = 0
    for one in found.recordings:
        assert one.trial not in first
        if one.trial not in ("0", "3"):
            wanted = trained[f"{one.subject}//{one.trial}"]
            np.testing.assert_allclose(list(one.probabilities.values()), wanted, atol=1e-5)
            compared += 1
    assert compared == 3 * (5 if choice == "subject" else 3)
    # Another target, with the trial that the first one has no label of.
    other = prepare(partly_labelled, settings, target="valence > 4", **options).dataset
    both = np.isin(other.groups["trial"], dataset.groups["trial"])
    np.testing.assert_array_equal(other.inputs[both], dataset.inputs)
    assert len(other) == len(dataset) + (3 if choice == "subject" else 0)


def test_the_bundle_comes_back_with_it_and_an_older_one_has_none(by_first, tmp_path, saved):
    assert Bundle.load(by_first.folder).normalisation == Normalisation(True, 42.0)
    content = json.loads((saved / DESCRIPTION).read_text(encoding="utf-8"))
    del content["normalisation"]
    (saved / DESCRIPTION).write_text(json.dumps({**content, "schema": 1}), encoding="utf-8")
    assert Bundle.load(saved).normalisation == Normalisation()
    content["normalisation"] = {"by": "planet", "seconds": None}
    (saved / DESCRIPTION).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match="a damaged one"):
        Bundle.load(saved)


def test_without_a_calibration_it_says_what_to_give(by_subject):
    with pytest.raises(
        InputError, match=r"trained with --normalise subject\. Received: none\. Give --calibration FILE"
    ):
        predict_recording(by_subject, noise(seconds=50.0))


def test_a_model_of_everybody_takes_no_calibration(saved):
    bundle = Bundle.load(saved)
    assert bundle.scaler_for() is bundle.scaler
    with pytest.raises(InputError, match="Expected no calibration.*Leave it out"):
        predict_recording(bundle, noise(seconds=50.0), calibration="self")
    with pytest.raises(InputError, match="Expected no calibration.*Leave it out"):
        bundle.scaler_for(vectors(noise(seconds=50.0)))


def test_its_own_windows_are_said_to_be_transductive(by_subject):
    recording = noise(seconds=50.0)
    found = predict_recording(by_subject, recording, calibration="self")
    assert found.standardised_by == "its own windows (transductive)"
    assert found.n_windows == 12
    other = predict_recording(by_subject, recording, calibration=vectors(recording))
    assert other.standardised_by == "12 other windows"
    np.testing.assert_allclose(found.probabilities, other.probabilities)
    # A person far from the training people is brought to them.
    louder = replace(recording, samples_uv=7 * recording.samples_uv)
    again = predict_recording(by_subject, louder, calibration="self")
    np.testing.assert_allclose(again.probabilities, found.probabilities, atol=1e-3)
    assert "far-from-training" not in {finding.name for finding in again.findings}


def test_its_first_seconds_are_not_answered_for(by_first):
    recording = noise(seconds=50.0)
    found = predict_recording(by_first, recording, calibration="self", offset_s=100.0)
    assert found.starts_s.tolist() == [140.0, 144.0]
    assert found.standardised_by == (
        "its own first seconds, which are not answered for (transductive: calibrated on each person's first 42 s)"
    )
    own = vectors(recording)
    other = predict_recording(by_first, recording, calibration=own[:10])
    np.testing.assert_allclose(found.probabilities, other.probabilities[10:], atol=1e-6)
    with pytest.raises(InputError, match="beyond the first 42 s"):
        predict_recording(by_first, noise(seconds=41.0), calibration="self")


def test_too_short_a_calibration_is_refused(by_subject):
    with pytest.raises(InputError, match="at least 10 windows of each person.*Received: 9 of noise.edf"):
        calibration_vectors(by_subject, [noise(seconds=37.0)])
    with pytest.raises(InputError, match="Received: 9 of noise.edf"):
        predict_recording(by_subject, noise(seconds=37.0), calibration="self")


@pytest.mark.parametrize("shape", [(20, 3), (167,), (20, 168)])
def test_vectors_of_another_width_are_no_calibration(by_subject, shape):
    with pytest.raises(InputError, match="Expected vectors of 167 values to standardise p1 by"):
        by_subject.scaler_for(np.zeros(shape), whose="p1")


def test_a_calibration_with_a_value_that_is_no_number_is_refused(by_subject):
    calibration = vectors(noise(seconds=50.0))
    calibration[3, 5] = np.nan
    with pytest.raises(InputError, match="Received: 1 that are NaN or infinite"):
        by_subject.scaler_for(calibration)


def test_a_set_is_standardised_person_by_person(by_subject):
    recordings = people()
    found = predict_set(by_subject, recordings)
    assert recordings.times_read == 1
    assert len(found.recordings) == 8
    assert found.score_label == found.to_dict()["score_label"] == "transductive"
    for person in ("p0", "p1"):
        own = [recording for recording in recordings.recordings if recording.subject == person]
        calibration = np.concatenate([vectors(recording) for recording in own])
        answers = [one for one in found.recordings if one.subject == person]
        for one, recording in zip(answers, own, strict=True):
            alone = predict_recording(by_subject, recording, calibration=calibration)
            np.testing.assert_allclose(list(one.probabilities.values()), alone.mean_probabilities, atol=1e-6)


def test_of_a_set_the_first_seconds_of_each_person_have_no_answer(by_first):
    found = predict_set(by_first, people())
    # Six windows a recording: ten of them are the first recording of each and most of the second.
    assert [(one.subject, one.trial, one.n_windows) for one in found.recordings] == [
        (f"p{i % 2}", str(i), 2 if i < 4 else 6) for i in range(2, 8)
    ]
    assert found.n_left_out == 2
    assert found.n_known == 6


def test_a_set_of_unknown_people_is_refused(by_subject):
    recordings = people()
    recordings.recordings[3] = replace(recordings.recordings[3], subject="")
    with pytest.raises(InputError, match="the person of each recording.*noise3.edf.*without"):
        predict_set(by_subject, recordings)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    import mne

    folder = tmp_path_factory.mktemp("files")
    lines = ["file,subject,label,trial"]
    for i in range(4):
        recording = noise(seconds=50.0, seed=i)
        info = mne.create_info(list(recording.channel_names), recording.sampling_rate_hz, "eeg")
        raw = mne.io.RawArray(recording.samples_uv * 1e-6, info, verbose="error")
        raw.save(folder / f"{i}_eeg.fif", verbose="error")
        lines.append(f"{i}_eeg.fif,p{i // 2},{CLASSES[i % 3]},{i}")
    (folder / "set.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


class TestCommand:
    @staticmethod
    def run(*words):
        parser = argparse.ArgumentParser()
        predict.add_arguments(parser)
        return predict.run(parser.parse_args([str(word) for word in words]))

    def test_another_recording_calibrates(self, by_subject, files, capsys):
        assert self.run(files / "0_eeg.fif", "--bundle", by_subject.folder, "--calibration", files / "1_eeg.fif") == 0
        assert capsys.readouterr().out.endswith("Standardised by 12 other windows.\n")

    def test_the_recording_itself_is_called_transductive(self, by_subject, files, capsys):
        self.run(files / "0_eeg.fif", "--bundle", by_subject.folder, "--calibration", "self", "--quiet")
        assert "Standardised by its own windows (transductive).\n" in capsys.readouterr().out
        self.run(files / "0_eeg.fif", "--bundle", by_subject.folder, "--calibration", "self", "--json")
        assert json.loads(capsys.readouterr().out)["standardised_by"] == "its own windows (transductive)"

    def test_the_same_file_is_no_other_recording(self, by_subject, files):
        path = files / "0_eeg.fif"
        with pytest.raises(InputError, match="another recording of the same person.*Say --calibration self"):
            self.run(path, "--bundle", by_subject.folder, "--calibration", files / "." / "0_eeg.fif")

    def test_a_model_of_everybody_and_a_set_take_none(self, saved, by_subject, files):
        with pytest.raises(InputError, match="Expected no calibration"):
            self.run(files / "0_eeg.fif", "--bundle", saved, "--calibration", files / "1_eeg.fif")
        with pytest.raises(InputError, match="--calibration out"):
            self.run(files / "set.csv", "--bundle", by_subject.folder, "--calibration", files / "1_eeg.fif")

    def test_a_set_and_its_balanced_accuracy_have_their_word(self, by_subject, by_first, files, capsys):
        self.run(files / "set.csv", "--bundle", by_subject.folder, "--quiet")
        assert "by their own windows of this set (transductive).\n" in capsys.readouterr().out
        predict._print_set(predict_set(by_subject, people()), people(), is_quiet=True)
        assert "Balanced accuracy (transductive) over the 8 recordings" in capsys.readouterr().out
        predict._print_set(predict_set(by_first, people()), people(), is_quiet=True)
        out = capsys.readouterr().out
        assert "Balanced accuracy (transductive: calibrated on each person's first 42 s) over the 6 recordings" in out
        assert "; 2 recordings are needed for that alone." in out


@pytest.mark.parametrize("choice", ["subject", "subject:42"])
def test_a_person_s_all_rejected_recording_is_left_out_of_training_and_prediction_alike(tmp_path, choice):
    steps = Preprocessing(reject_uv=150.0)
    settings = FeatureSettings(preprocessing=steps)
    recordings = people(n=12)
    loud = replace(recordings.recordings[2], samples_uv=50 * recordings.recordings[2].samples_uv)
    nobody = replace(loud, subject="p2")
    every = [nobody, *recordings.recordings[:2], loud, *recordings.recordings[3:]]
    more = replace(recordings, recordings=every, version="2")
    dataset, rows = normalised(dataset_of_recordings(more, settings), Normalisation.parse(choice))
    bundle = bundle_of(tmp_path / "bundle", choice, features=settings)
    found = predict_set(bundle, more)
    assert np.unique(dataset.groups["subject"]).tolist() == ["p0", "p1"]
    answers = bundle.model(bundle.scaler.transform(dataset.inputs)).numpy()
    for one in found.recordings:
        own = dataset.groups["trial"] == f"{one.subject}//{one.trial}"
        assert own.any()
        np.testing.assert_allclose(list(one.probabilities.values()), answers[own].mean(axis=0), atol=1e-5)
    assert len(found.recordings) == (11 if choice == "subject" else 9)
