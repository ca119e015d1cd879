"""Recordings to a dataset: what is told apart, and what becomes of trials that nobody rated."""

import math
from dataclasses import replace

import numpy as np
import pytest

from emotune.data.of_recordings import dataset_of_recordings
from emotune.data.sources import load_dataset
from emotune.errors import InputError
from emotune.features.extraction import extract
from emotune.features.preprocessing import Preprocessing
from emotune.features.settings import FeatureSettings
from emotune.recordings.targets import Rating, parse_targets
from recordings_in_memory import RecordingsInMemory, noise

SETTINGS = FeatureSettings()
SCALES = {"valence": Rating(1.0, 9.0), "arousal": Rating(1.0, 9.0)}


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "cache"))


def rated(*valences, **fields):
    recordings = [
        noise(
            seconds=8.0, seed=i, subject=f"p{i}", trial="1", emotion="joy", ratings={"valence": v, "arousal": 10.0 - v}
        )
        for i, v in enumerate(valences)
    ]
    return RecordingsInMemory(recordings, scales=SCALES, **fields)


def dataset_of(recordings, target, **options):
    return dataset_of_recordings(recordings, SETTINGS, choice=parse_targets(target)[0], **options)


@pytest.mark.parametrize(
    ("target", "labels", "said"),
    [
        ("valence", [0, 0, 1, 1], "high valence is valence > 5, low valence the rest"),
        ("valence >= 5", [0, 1, 1, 1], "high valence is valence >= 5"),
        ("valence > 8", [0, 0, 0, 1], "the larger class, low valence, has 75.0% of the rows"),
        ("arousal > 3.5", [1, 1, 0, 0], "high arousal is arousal > 3.5"),
    ],
)
def test_a_rating_is_cut_where_it_was_asked_to_be(target, labels, said):
    dataset = dataset_of(rated(2.0, 5.0, 7.5, 9.0), target)
    assert dataset.targets.tolist() == np.repeat(labels, 2).tolist()
    name = target.split()[0]
    assert dataset.class_names == (f"low {name}", f"high {name}")
    [finding] = [finding for finding in dataset.findings if finding.name == "rating-threshold"]
    assert finding.severity == "note"
    assert said in finding.message


def test_another_target_needs_no_other_vectors():
    recordings = rated(2.0, 5.0, 7.5, 9.0)
    first = dataset_of(recordings, "valence")
    second = dataset_of(recordings, "arousal >= 4")
    assert recordings.times_read == 1
    np.testing.assert_array_equal(first.inputs, second.inputs)
    assert first.fingerprint != second.fingerprint
    assert dataset_of(recordings, "valence > 5").fingerprint == first.fingerprint
    assert second.provenance["target"] == {
        "name": "arousal",
        "class_names": ["low arousal", "high arousal"],
        "scale": [1.0, 9.0],
        "threshold": 4.0,
        "rule": ">=",
    }


def test_trials_that_nobody_rated_are_left_out_and_said():
    dataset = dataset_of(rated(2.0, math.nan, 7.5, 9.0), "valence")
    assert sorted(set(dataset.groups["subject"].tolist())) == ["p0", "p2", "p3"]
    [finding] = [finding for finding in dataset.findings if finding.name == "unlabelled-trials"]
    assert finding.severity == "warning"
    assert "1 of 4 trials of in memory have no valence and are not used (2 of 8 windows)" in finding.message


def test_a_rating_that_nobody_gave_is_refused():
    with pytest.raises(InputError, match=r"the target valence > 5 in in memory\. Received: not one trial that has it"):
        dataset_of(rated(math.nan, math.nan), "valence")


def test_sequences_leave_unrated_trials_out_too():
    dataset = dataset_of(rated(2.0, math.nan, 7.5), "valence", n_steps=2)
    assert dataset.inputs.shape == (2, 2, 167)
    assert dataset.groups["subject"].tolist() == ["p0", "p2"]


def test_one_class_only_names_the_threshold():
    with pytest.raises(InputError, match=r"Received: 'high valence' alone\. .* or choose another threshold\."):
        dataset_of(rated(6.0, 7.0), "valence")


@pytest.mark.parametrize(("value", "received"), [(0.5, "0.5"), (9.5, "9.5"), (math.inf, "inf")])
def test_a_rating_outside_its_scale_is_refused_by_place(value, received):
    with pytest.raises(InputError, match=rf"valence from 1 to 9 in noise1\.edf\. Received: {received}\."):
        dataset_of(rated(2.0, value), "valence")


def test_an_emotion_outside_the_coding_is_refused_by_place():
    recordings = rated(2.0, 7.0, emotions=("calm", "sad"))
    with pytest.raises(InputError, match=r"noise0\.edf among calm, sad\. Received: joy\."):
        dataset_of(recordings, "emotion")


@pytest.mark.parametrize("target", ["valence,arousal", "valence as rating", "emotion,valence"])
def test_what_a_search_does_not_train_is_said_before_anything_is_read(target):
    with pytest.raises(InputError, match="Expected one target whose classes a network tells apart"):
        load_dataset("deap:/nowhere", SETTINGS, target=target)


def test_a_sequence_never_joins_two_pieces_of_a_trial():
    """The second piece loses its first windows to a break: its next one starts where the first piece's would."""
    first = noise(seconds=8.0, seed=1, subject="a", trial="1", emotion="joy")
    second = noise(seconds=20.0, seed=2, subject="a", trial="1", emotion="joy", breaks_s=((0.0, 8.0),))
    other = noise(seconds=24.0, seed=3, subject="b", trial="1", emotion="calm")
    recordings = RecordingsInMemory([first, second, other])
    dataset = dataset_of_recordings(recordings, SETTINGS, n_steps=3)
    assert dataset.groups["subject"].tolist() == ["a", "b", "b"]
    alone = dataset_of_recordings(RecordingsInMemory([second, other], version="2"), SETTINGS, n_steps=3)
    np.testing.assert_array_equal(dataset.inputs, alone.inputs)


def test_a_sequence_never_crosses_a_break_between_two_windows():
    trials = noise(seconds=24.0, seed=1, subject="a", emotion="joy")
    broken, other = replace(trials, breaks_s=((12.0, 12.0),)), noise(seconds=24.0, seed=3, subject="b", emotion="calm")
    dataset = dataset_of_recordings(RecordingsInMemory([broken, other]), SETTINGS, n_steps=2)
    own = dataset.inputs[dataset.groups["subject"] == "a"]
    np.testing.assert_array_equal(own, extract(trials, SETTINGS).values[[[0, 1], [3, 4]]])
    assert [f.message for f in dataset.findings if f.name == "windows-left-over"] == [
        "2 of 12 windows of in memory fill no sequence of 2 within a trial and are not used."
    ]


def test_windows_whose_hop_is_rounded_to_samples_are_a_sequence_whatever_their_rate():
    """Half as much again as the settings say at 100 Hz, a quarter at 250 Hz."""
    settings = FeatureSettings(window_s=1.0, overlap=0.9935)
    both = [
        noise(seconds=1.1, rate_hz=rate_hz, seed=i, subject=str(i), emotion=emotion)
        for i, (rate_hz, emotion) in enumerate([(100.0, "joy"), (250.0, "calm")])
    ]
    dataset = dataset_of_recordings(RecordingsInMemory(both), settings, n_steps=2)
    assert [int((dataset.groups["subject"] == subject).sum()) for subject in "01"] == [5, 6]


def test_another_reading_of_the_same_files_is_another_dataset():
    first = dataset_of(rated(2.0, 5.0, 7.5, 9.0), "valence")
    learned_better = rated(2.0, 5.0, 7.5, 9.0)
    learned_better.recordings = [replace(r, subject="q") for r in learned_better.recordings]
    learned_better.version = "1 "  # another entry of the store, as other code would ask for
    assert dataset_of(learned_better, "valence").fingerprint != first.fingerprint


def test_vectors_that_look_ahead_are_said_to_be_for_finished_recordings():
    choice = parse_targets("valence")[0]
    ahead = FeatureSettings(preprocessing=Preprocessing(band_pass_hz=(2.0, 45.0), phase="zero"))
    found = {f.name: f for f in dataset_of_recordings(rated(2.0, 8.0), ahead, choice=choice).findings}
    assert found["offline-only"].severity == "note"
    assert "(filters of zero phase): a model of them is for finished recordings" in found["offline-only"].message
    causal = FeatureSettings(preprocessing=Preprocessing(band_pass_hz=(2.0, 45.0)))
    findings = dataset_of_recordings(rated(2.0, 8.0), causal, choice=choice).findings
    assert "offline-only" not in [finding.name for finding in findings]
