"""FACED's processed files: one pickled array a person, whose clips alone say the emotion."""

import pickle

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings.sets.faced import Faced
from emotune.recordings.targets import TargetChoice

N_CLIPS, N_CHANNELS, N_TIMES = 28, 32, 251
NINE = ("anger", "disgust", "fear", "sadness", "neutral", "amusement", "inspiration", "joy", "tenderness")
LABELS = [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3 + [4] * 4 + [5] * 3 + [6] * 3 + [7] * 3 + [8] * 3


def write_faced(folder, people=(0, 1), n_times=N_TIMES, protocol=4):
    """`Processed_data` with files of these people, and what is in them."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {}
    for number in people:
        data = np.random.default_rng(number).normal(0.0, 12.0, (N_CLIPS, N_CHANNELS, n_times))
        content[f"sub{number:03d}"] = data
        (folder / f"sub{number:03d}.pkl").write_bytes(pickle.dumps(data, protocol=protocol))
    return content


def write_content(folder, content):
    folder.mkdir()
    (folder / "sub007.pkl").write_bytes(pickle.dumps(content, protocol=4))


@pytest.mark.parametrize("protocol", [2, 4])
def test_every_clip_is_a_recording_with_the_emotion_of_its_number(tmp_path, protocol):
    folder = tmp_path / "Processed_data"
    written = write_faced(folder, people=(122, 3), protocol=protocol)
    faced = Faced(folder)
    recordings = list(faced)
    assert len(faced) == len(recordings) == 56
    assert [recording.subject for recording in recordings] == ["sub003"] * 28 + ["sub122"] * 28
    assert [recording.label for recording in recordings] == LABELS * 2
    for index, recording in enumerate(recordings):
        clip = index % N_CLIPS
        expected = written[recording.subject][clip]
        np.testing.assert_allclose(
            recording.samples_uv, expected - expected.mean(axis=1, keepdims=True), rtol=0, atol=1e-5
        )
        assert recording.samples_uv.dtype == np.float32
        assert recording.sampling_rate_hz == 250
        assert (recording.trial, recording.stimulus) == (f"{clip + 1:02d}", f"clip {clip + 1:02d}")
    assert faced.class_names == faced.about.emotions == NINE


def test_the_channels_are_32_with_the_ears_last(tmp_path):
    write_faced(tmp_path / "Processed_data", people=(0,), n_times=1)
    names = next(iter(Faced(tmp_path / "Processed_data"))).channel_names
    assert len(names) == len(set(names)) == 32
    assert names[:3] == ("FP1", "FP2", "FZ")
    assert names[-4:] == ("O1", "O2", "A2", "A1")


def test_emotions_are_its_only_target(tmp_path):
    write_faced(tmp_path / "Processed_data", people=(0,), n_times=1)
    assert Faced(tmp_path / "Processed_data", TargetChoice("emotion")).findings == ()
    with pytest.raises(InputError, match=r"Expected a target among emotion\. Received: valence"):
        Faced(tmp_path / "Processed_data", TargetChoice("valence"))


def test_reading_is_lazy_and_one_file_at_a_time(tmp_path):
    write_faced(tmp_path / "Processed_data", people=(1, 2))
    (tmp_path / "Processed_data" / "sub002.pkl").write_bytes(b"damaged")
    recordings = iter(Faced(tmp_path / "Processed_data"))
    for _ in range(N_CLIPS):
        assert next(recordings).subject == "sub001"
    with pytest.raises(InputError, match=r"pickle of arrays in .*sub002\.pkl"):
        next(recordings)


def test_the_fingerprint_changes_with_the_bytes_not_with_the_place(tmp_path):
    write_faced(tmp_path / "Processed_data", people=(1,))
    before = Faced(tmp_path / "Processed_data").fingerprint()
    (tmp_path / "Processed_data").rename(tmp_path / "moved")
    assert Faced(tmp_path / "moved").fingerprint() == before
    path = tmp_path / "moved" / "sub001.pkl"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    assert Faced(tmp_path / "moved").fingerprint() != before


@pytest.mark.parametrize(
    ("content", "received"),
    [
        ({"data": np.zeros((28, 32, 10))}, "dict"),
        ([1, 2], "list"),
        (np.zeros((28, 30, 10)), r"float64 \(28, 30, 10\)"),
        (np.zeros((27, 32, 10)), r"float64 \(27, 32, 10\)"),
        (np.zeros((28, 32, 0)), r"float64 \(28, 32, 0\)"),
        (np.zeros((28, 32)), r"float64 \(28, 32\)"),
        (np.full((28, 32, 2), "text"), r"<U4 \(28, 32, 2\)"),
    ],
)
def test_other_contents_are_named(tmp_path, content, received):
    write_content(tmp_path / "Processed_data", content)
    with pytest.raises(
        InputError,
        match=rf"Expected an array \(28, 32, 7500\) in .*sub007\.pkl, .*Received: {received}\. Download the file again",
    ):
        list(Faced(tmp_path / "Processed_data"))


@pytest.mark.parametrize("content", [np.array([{}]), print])
def test_a_pickle_that_asks_for_more_than_arrays_is_refused(tmp_path, content):
    write_content(tmp_path / "Processed_data", content)
    with pytest.raises(InputError, match=r"pickle of arrays in .*sub007\.pkl, but it cannot be used"):
        list(Faced(tmp_path / "Processed_data"))


@pytest.mark.parametrize("damage", ["cut", "empty", "html"])
def test_damaged_files_are_named(tmp_path, damage):
    write_faced(tmp_path / "Processed_data", people=(0,))
    path = tmp_path / "Processed_data" / "sub000.pkl"
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "html": b"<!DOCTYPE html><html>login"}[damage])
    with pytest.raises(InputError, match=r"sub000\.pkl") as raised:
        list(Faced(tmp_path / "Processed_data"))
    assert "\n" not in str(raised.value)


def test_other_files_in_the_folder_are_passed_over(tmp_path):
    write_faced(tmp_path / "Processed_data", people=(5,), n_times=1)
    for name in ("sub005.pkl.pkl", "sub5.pkl", "sub006.pkl.part", "readme.txt"):
        (tmp_path / "Processed_data" / name).touch()
    assert [path.name for path in Faced(tmp_path / "Processed_data").files] == ["sub005.pkl"]


def test_another_folder_is_refused_with_what_was_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"Expected FACED in .*sub000\.pkl to sub122\.pkl.*Received: none of these fi"):
        Faced(tmp_path)
    with pytest.raises(InputError, match="Received: no such folder"):
        Faced(tmp_path / "nowhere")
