"""What a set of recordings is, without vectors."""

from dataclasses import replace

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.features.extraction import extract_all
from emotune.features.inspection import inspect_recordings
from emotune.features.preprocessing import Preprocessing
from emotune.features.settings import FeatureSettings
from emotune.findings import Finding
from emotune.recordings.channels import CHANNELS, EPOC_CHANNELS
from emotune.recordings.simulator import Simulator
from emotune.recordings.targets import Rating
from recordings_in_memory import RecordingsInMemory, noise

SETTINGS = FeatureSettings()


def some():
    rest = np.zeros((32, 256), dtype=np.float32)
    return [
        noise(seconds=9.0, seed=1, subject="a", session="1", trial="1", stimulus="x", emotion="joy", baseline_uv=rest),
        noise(seconds=13.5, seed=2, subject="a", session="2", trial="1", stimulus="y", emotion="calm"),
        noise(EPOC_CHANNELS, seconds=8.0, rate_hz=256.0, seed=3, subject="b", trial="1", ratings={"valence": 4.0}),
    ]


def test_everything_is_counted_once():
    found = inspect_recordings(RecordingsInMemory(some(), scales={"valence": Rating(1, 9)}), SETTINGS)
    assert len(found) == 3
    assert found.subject.tolist() == ["a", "a", "b"]
    assert found.trial.tolist() == ["a/1/1", "a/2/1", "b//1"]
    assert found.stimulus.tolist() == ["x", "y", ""]
    assert found.emotion.tolist() == ["joy", "calm", ""]
    np.testing.assert_array_equal(found.ratings["valence"], [np.nan, np.nan, 4.0])
    assert found.seconds.tolist() == [9.0, 13.5, 8.0]
    assert found.baseline_s.tolist() == [2.0, 0.0, 0.0]
    assert found.rates_hz == {128.0: 2, 256.0: 1}
    assert found.n_channels == {32: 2, 14: 1}
    assert found.interpolated == {name: 1 for name in CHANNELS if name not in EPOC_CHANNELS}
    assert found.n_layout == 32


@pytest.mark.parametrize(("window_s", "overlap"), [(4.0, 0.0), (2.0, 0.5), (1.5, 0.9)])
def test_windows_are_as_many_as_the_vectors(window_s, overlap):
    settings = FeatureSettings(window_s=window_s, overlap=overlap)
    recordings = RecordingsInMemory([noise(seconds=s, seed=i, emotion="joy") for i, s in enumerate((9.0, 13.5, 4.0))])
    assert inspect_recordings(recordings, settings).n_windows.sum() == len(extract_all(recordings, settings))


def test_all_that_a_search_would_stop_at_is_found_at_once():
    broken = noise(seed=4, subject="c")
    broken.samples_uv[3, 7] = np.nan
    recordings = [*some(), broken, noise(seconds=1.0, seed=5), noise(("X1", "X2"), seed=6)]
    found = inspect_recordings(RecordingsInMemory(recordings, scales={"valence": Rating(1, 9)}), SETTINGS)
    errors = {finding.name: finding.message for finding in found.findings if finding.severity == "error"}
    assert errors.keys() == {"not-finite", "too-short", "cap"}
    assert "noise4.edf" in errors["not-finite"]
    assert "at least one window of 4 s in noise5.edf. Received: 1.00 s" in errors["too-short"]
    assert "noise6.edf" in errors["cap"]


def test_an_empty_set_and_progress():
    with pytest.raises(InputError, match="at least one recording in in memory"):
        inspect_recordings(RecordingsInMemory([]), SETTINGS)
    told = []
    recordings = RecordingsInMemory(some(), scales={"valence": Rating(1, 9)})
    inspect_recordings(recordings, SETTINGS, on_recording=lambda *counts: told.append(counts))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_copies_within_a_set_are_found_by_both_roads():
    first = noise(seed=7, subject="a", trial="1", emotion="joy")
    copy = replace(first, subject="b", source="copy.edf")
    recordings = RecordingsInMemory([first, noise(seed=8, subject="b", trial="2", emotion="calm"), copy])
    [inspected] = [f for f in inspect_recordings(recordings, SETTINGS).findings if f.name == "duplicate-trials"]
    assert (inspected.severity, inspected.message.count("copy.edf")) == ("error", 1)
    [extracted] = [f for f in extract_all(recordings, SETTINGS).findings if f.name == "duplicate-trials"]
    assert extracted == inspected


def test_a_set_without_blinks_is_said_to_be_untested_once():
    [note] = [f for f in inspect_recordings(RecordingsInMemory(some()[:2]), SETTINGS).findings if "blinks" in f.message]
    assert (note.name, note.severity) == ("channel-order-not-tested", "note")
    with_blinks = Simulator(n_people=1, n_emotions=2, trials_per_emotion=2, seconds=60.0)
    assert not [f for f in inspect_recordings(with_blinks, SETTINGS).findings if "blinks" in f.message]


def test_what_the_reader_of_a_set_says_is_not_said_again():
    known = Finding("clipped-channel", "warning", "All of this set is clipped.")
    clipped = noise(seed=9, emotion="joy")
    clipped.samples_uv[3] = np.clip(clipped.samples_uv[3], -5, 5)
    recordings = RecordingsInMemory([clipped], findings=(known,))
    assert [f for f in inspect_recordings(recordings, SETTINGS).findings if f.name == "clipped-channel"] == [known]
    assert len([f for f in extract_all(recordings, SETTINGS).findings if f.name == "clipped-channel"]) == 1
    recordings = RecordingsInMemory([clipped])
    assert [f.name for f in extract_all(recordings, SETTINGS).findings] == ["clipped-channel"]


def test_what_stops_on_the_way_to_the_vectors_is_found():
    recordings = RecordingsInMemory([noise(seconds=9.0, emotion="joy"), noise(seconds=9.0, seed=1, emotion="calm")])
    settings = FeatureSettings(preprocessing=Preprocessing(resample_hz=80.0))
    found = inspect_recordings(recordings, settings)
    assert [f.name for f in found.findings if f.severity == "error"] == ["no-vectors"] * 2
    with pytest.raises(InputError, match="at least 90 Hz"):
        extract_all(recordings, settings)


def test_rejected_windows_are_not_counted():
    quiet, loud = noise(seconds=9.0, emotion="joy"), noise(seconds=9.0, seed=1, emotion="calm")
    samples = loud.samples_uv.copy()
    samples[:, :200] *= 100
    louder = replace(loud, samples_uv=loud.samples_uv[::-1] * 100)
    recordings = RecordingsInMemory([quiet, replace(loud, samples_uv=samples), louder])
    settings = FeatureSettings(preprocessing=Preprocessing(reject_uv=200.0))
    found = inspect_recordings(recordings, settings)
    assert found.n_windows.tolist() == [2, 1, 0]
    assert {"rejected-windows", "rejected-recording"} <= {finding.name for finding in found.findings}
    assert not [finding for finding in found.findings if finding.severity == "error"]
    assert len(extract_all(recordings, settings)) == 3
