"""DEAP's prepared files, as Python 2 and MATLAB wrote them."""

import pickle

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings.channels import CHANNELS
from emotune.recordings.sets.deap import Deap
from emotune.recordings.targets import TargetChoice

BASELINE = 3 * 128


def test_the_writer_writes_what_python_2_would(write_deap, tmp_path):
    written = write_deap(tmp_path / "deap", people=(1,))
    with (tmp_path / "deap" / "s01.dat").open("rb") as file:
        read = pickle.load(file, encoding="latin1")  # our own bytes
    np.testing.assert_array_equal(read["data"], written["s01"][0])
    np.testing.assert_array_equal(read["labels"], written["s01"][1])


@pytest.mark.parametrize("kind", ["dat", "mat"])
def test_every_trial_is_a_recording_without_its_baseline(write_deap, tmp_path, kind):
    written = write_deap(tmp_path / "deap", people=(2, 11), kind=kind)
    deap = Deap(tmp_path / "deap")
    recordings = list(deap)
    assert len(deap) == len(recordings) == 80
    assert [recording.subject for recording in recordings] == ["s02"] * 40 + ["s11"] * 40
    for index, recording in enumerate(recordings):
        data, labels = written[recording.subject]
        expected = data[index % 40, :32, BASELINE:]
        np.testing.assert_allclose(
            recording.samples_uv, expected - expected.mean(axis=1, keepdims=True), rtol=0, atol=1e-5
        )
        assert recording.samples_uv.dtype == np.float32
        assert recording.channel_names == CHANNELS
        assert recording.sampling_rate_hz == 128
        assert recording.label == int(labels[index % 40, 0] > 5.0)
        assert (recording.trial, recording.stimulus) == (f"{index % 40 + 1:02d}", f"video {index % 40 + 1:02d}")
    assert deap.class_names == ("low valence", "high valence")


@pytest.mark.parametrize(
    ("choice", "column", "label"),
    [
        (TargetChoice("arousal"), 1, lambda value: value > 5),
        (TargetChoice("dominance", 4.5), 2, lambda value: value > 4.5),
        (TargetChoice("liking", 9.0, ">="), 3, lambda value: value >= 9),
    ],
)
def test_each_rating_can_be_the_target(write_deap, tmp_path, choice, column, label):
    written = write_deap(tmp_path / "deap", people=(1,))
    deap = Deap(tmp_path / "deap", choice)
    expected = [int(label(value)) for value in written["s01"][1][:, column]]
    assert [recording.label for recording in deap] == expected
    assert choice.name in str(deap.findings[0])


def test_reading_is_lazy_and_one_file_at_a_time(write_deap, tmp_path):
    write_deap(tmp_path / "deap", people=(1, 2))
    (tmp_path / "deap" / "s02.dat").write_bytes(b"damaged")
    recordings = iter(Deap(tmp_path / "deap"))
    for _ in range(40):
        assert next(recordings).subject == "s01"
    with pytest.raises(InputError, match=r"pickle of arrays in .*s02\.dat"):
        next(recordings)


def test_delta_is_said_to_be_a_phantom(write_deap, tmp_path):
    write_deap(tmp_path / "deap", people=(1,))
    findings = {finding.name: finding for finding in Deap(tmp_path / "deap").findings}
    assert findings["phantom-band"].severity == "warning"
    assert "valence > 5" in str(findings["rating-threshold"])


def test_the_fingerprint_changes_with_the_bytes_and_the_target_not_with_the_place(write_deap, tmp_path):
    write_deap(tmp_path / "deap", people=(1,))
    before = Deap(tmp_path / "deap").fingerprint()
    assert Deap(tmp_path / "deap", TargetChoice("arousal")).fingerprint() != before
    assert Deap(tmp_path / "deap", TargetChoice("valence", 5.0)).fingerprint() == before
    (tmp_path / "deap").rename(tmp_path / "moved")
    assert Deap(tmp_path / "moved").fingerprint() == before
    path = tmp_path / "moved" / "s01.dat"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    assert Deap(tmp_path / "moved").fingerprint() != before


def write_pickle(folder, content):
    folder.mkdir()
    (folder / "s01.dat").write_bytes(pickle.dumps(content, protocol=2))


@pytest.mark.parametrize(
    "content",
    [
        {},
        [1, 2],
        {"data": np.zeros((40, 40, 800))},
        {"data": np.zeros((40, 32, 800)), "labels": np.zeros((40, 4))},
        {"data": np.zeros((40, 40, 100)), "labels": np.zeros((40, 4))},
        {"data": np.zeros((40, 40, 800)), "labels": np.zeros((39, 4))},
        {"data": np.zeros((39, 40, 800)), "labels": np.zeros((39, 4))},
        {"data": "text", "labels": np.zeros((40, 4))},
    ],
)
def test_other_keys_and_shapes_are_named(tmp_path, content):
    write_pickle(tmp_path / "deap", content)
    with pytest.raises(InputError, match=r"Expected `data` \(40, 40, 8064\) and `labels` \(40, 4\) in .*s01\.dat.*Rec"):
        list(Deap(tmp_path / "deap"))


@pytest.mark.parametrize("rating", [0.0, 9.5, float("nan")])
def test_a_rating_outside_the_scale_is_named(tmp_path, rating):
    labels = np.full((40, 4), 5.0)
    labels[7, 0] = rating
    write_pickle(tmp_path / "deap", {"data": np.ones((40, 40, 800)), "labels": labels})
    with pytest.raises(InputError, match=r"rating of valence from 1 to 9 in .*s01.dat, video 8\. Received: "):
        list(Deap(tmp_path / "deap"))


@pytest.mark.parametrize("kind", ["dat", "mat"])
@pytest.mark.parametrize("damage", ["cut", "empty", "html"])
def test_damaged_files_are_named(write_deap, tmp_path, kind, damage):
    write_deap(tmp_path / "deap", people=(1,), kind=kind)
    path = tmp_path / "deap" / f"s01.{kind}"
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "html": b"<!DOCTYPE html><html>login"}[damage])
    with pytest.raises(InputError, match=rf"s01\.{kind}"):
        list(Deap(tmp_path / "deap"))


def test_the_python_file_goes_before_the_matlab_one_of_the_same_person(write_deap, tmp_path):
    write_deap(tmp_path / "deap", people=(1, 2), kind="mat")
    write_deap(tmp_path / "deap", people=(2,))
    assert [path.name for path in Deap(tmp_path / "deap").files] == ["s01.mat", "s02.dat"]


def test_another_folder_is_refused_with_what_was_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"Expected DEAP in .*s01\.dat to s32\.dat.*Received: none of these files"):
        Deap(tmp_path)
    with pytest.raises(InputError, match="Received: no such folder"):
        Deap(tmp_path / "nowhere")
