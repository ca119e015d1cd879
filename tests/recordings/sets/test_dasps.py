"""DASPS's files of MATLAB 7.3, whose stretches come in pairs."""

import h5py
import numpy as np
import pytest
import scipy.io

from emotune.errors import InputError
from emotune.recordings.channels import CHANNELS
from emotune.recordings.sets.dasps import Dasps
from emotune.recordings.sets.deap import Deap
from writers import dasps


def test_its_channels_are_among_the_standard_ones(tmp_path):
    dasps.write(tmp_path, n_people=1)
    assert set(next(iter(Dasps(tmp_path))).channel_names) < set(CHANNELS)


def test_the_two_stretches_of_a_situation_have_one_trial_and_two_sources(tmp_path):
    dasps.write(tmp_path, n_people=1)
    recordings = list(Dasps(tmp_path))
    assert [recording.trial for recording in recordings] == [f"{pair:02d}" for pair in range(1, 7) for _ in range(2)]
    assert recordings[5].source.endswith("S02preprocessed.mat, situation 3, recalled")
    for first, second in zip(recordings[::2], recordings[1::2], strict=True):
        assert (first.trial, first.ratings) == (second.trial, second.ratings)
        assert first.source.removesuffix("told") == second.source.removesuffix("recalled")


@pytest.mark.parametrize(
    ("content", "received"),
    [
        ({}, "nothing and nothing"),
        ({"data": dasps.DATA}, r"float64 \(14, 9, 12\) and nothing"),
        ({"data": dasps.DATA[:, :, :13], "labels": dasps.LABELS}, r"float64 \(13, 9, 12\) and float64 \(12, 2\)"),
        ({"data": dasps.DATA, "labels": dasps.LABELS.T}, r"float64 \(14, 9, 12\) and float64 \(2, 12\)"),
        ({"data": dasps.DATA.astype("S1"), "labels": dasps.LABELS}, r"\|S1 \(14, 9, 12\) and"),
    ],
)
def test_other_keys_and_shapes_are_named(tmp_path, content, received):
    dasps.save(tmp_path / "S01preprocessed.mat", content)
    with pytest.raises(
        InputError,
        match=r"Expected `data` \(14, 1920, 12\) and `labels` \(12, 2\) in .*S01preprocessed\.mat, "
        rf".*Received: {received}",
    ):
        list(Dasps(tmp_path))


def test_a_pair_with_two_ratings_is_named(tmp_path):
    labels = dasps.LABELS.copy()
    labels[1, 5] = 6
    dasps.save(tmp_path / "S01preprocessed.mat", {"data": dasps.DATA, "labels": labels})
    with pytest.raises(
        InputError, match=r"stretches 5 and 6 of .*S01pre.*Received: \[5\.0, 5\.0\] and \[5\.0, 6\.0\]\. Download"
    ):
        list(Dasps(tmp_path))


def test_a_pair_without_an_answer_is_a_pair(tmp_path):
    labels = dasps.LABELS.copy()
    labels[0, 6:8] = np.nan
    dasps.save(tmp_path / "S01preprocessed.mat", {"data": dasps.DATA, "labels": labels})
    assert [np.isnan(recording.ratings["valence"]) for recording in Dasps(tmp_path)] == [i in (6, 7) for i in range(12)]


def test_the_preprocessed_file_goes_before_the_raw_one_of_the_same_person(tmp_path):
    for name in ("S01.mat", "S02.mat", "S02preprocessed.mat"):
        dasps.save(tmp_path / name, {"data": dasps.DATA, "labels": dasps.LABELS})
    assert [path.name for path in Dasps(tmp_path).files] == ["S01.mat", "S02preprocessed.mat"]


def test_the_matlab_files_of_deap_are_not_taken_for_its_own(tmp_path):
    scipy.io.savemat(tmp_path / "s01.mat", {"data": np.zeros((1, 2)), "labels": np.zeros((1, 2))})
    assert Deap.why_not(tmp_path) == ""
    assert Dasps.why_not(tmp_path) == "none of these files"


def test_a_small_file_that_claims_much_is_not_read(tmp_path):
    with h5py.File(tmp_path / "S01preprocessed.mat", "w") as content:
        content.create_dataset("data", data=np.zeros((12, 20_000, 14)), compression="gzip")
        content["labels"] = np.ones((2, 12))
    with pytest.raises(InputError, match=r"S01pre.*, but .*3360000 values in `data`, more than the 3225600 expected"):
        list(Dasps(tmp_path))
