from dataclasses import replace

import numpy as np

from emotune.recordings import in_memory
from emotune.recordings.in_memory import RecordingsInMemory
from emotune.recordings.recording import InParts
from emotune.recordings.targets import Rating
from recordings_in_memory import noise


def test_it_is_what_it_was_given():
    recordings = [noise(seed=i, subject=str(i), emotion="joy", ratings={"valence": 3.0}) for i in range(3)]
    data = RecordingsInMemory(recordings, "mine", ("calm", "joy"), {"valence": Rating(1, 9)})
    assert (data.name, data.emotions, dict(data.scales), len(data)) == (
        "mine",
        ("calm", "joy"),
        {"valence": Rating(1, 9)},
        3,
    )
    assert [one is other for one, other in zip(data, recordings, strict=True)] == [True] * 3


def test_its_parts_are_a_few_recordings_each_in_order(monkeypatch):
    recordings = [noise(seed=i, trial=str(i)) for i in range(5)]
    monkeypatch.setattr(in_memory, "_BYTES_A_PART", 2 * recordings[0].samples_uv.nbytes)
    data = RecordingsInMemory(recordings)
    assert isinstance(data, InParts)
    assert [[one.trial for one in part] for part in data.parts()] == [["0", "1"], ["2", "3"], ["4"]]
    monkeypatch.setattr(in_memory, "_BYTES_A_PART", 1)  # a recording that is larger than a part is one
    assert [len(part) for part in data.parts()] == [1] * 5


def test_its_fingerprint_changes_with_everything_that_is_read_of_it():
    first = noise(subject="1", emotion="joy", ratings={"valence": 3.0})
    fingerprint = RecordingsInMemory([first]).fingerprint()
    assert RecordingsInMemory([replace(first)]).fingerprint() == fingerprint
    samples = first.samples_uv.copy()
    samples[3, 7] = np.nextafter(samples[3, 7], np.float32(1e9))
    changes = [
        {"samples_uv": samples},
        {"subject": "2"},
        {"emotion": "calm"},
        {"session": "2"},
        {"trial": "2"},
        {"stimulus": "film"},
        {"ratings": {"valence": 4.0}},
        {"ratings": {"valence": float("nan")}},
        {"sampling_rate_hz": 129.0},
        {"channel_names": first.channel_names[::-1]},
        {"breaks_s": ((1.0, 2.0),)},
        {"baseline_uv": samples[:, :5]},
    ]
    found = {RecordingsInMemory([replace(first, **change)]).fingerprint() for change in changes}
    assert len(found) == len(changes)
    assert fingerprint not in found
    assert RecordingsInMemory([first, first]).fingerprint() != fingerprint
