"""DASPS's files of MATLAB 7.3, whose stretches come in pairs."""

import h5py
import numpy as np
import pytest
import scipy.io

from emotune.errors import InputError
from emotune.recordings.channels import CHANNELS
from emotune.recordings.sets.dasps import Dasps
from emotune.recordings.sets.deap import Deap
from emotune.recordings.targets import TargetChoice

N_TRIALS, N_TIMES = 12, 131


def save(path, arrays):
    """A file of MATLAB 7.3: its text in a block of 512 bytes, then HDF5 with every array turned."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            file[name] = array
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(124) + b"\x00\x02IM")


def dasps_person(seed, n_times=N_TIMES):
    """As h5py reads them: `data` (12, n_times, 14) around the headset's offset, `labels` (2, 12)."""
    source = np.random.default_rng(seed)
    data = np.round(4200 + source.normal(0.0, 12.0, (N_TRIALS, n_times, 14)), 1)
    return data, np.repeat(source.integers(1, 10, (2, N_TRIALS // 2)), 2, axis=1).astype(float)


def write_dasps(folder, people=(1, 2), ending="preprocessed"):
    folder.mkdir(exist_ok=True)
    content = {}
    for number in people:
        data, labels = dasps_person(number)
        content[f"s{number:02d}"] = data, labels
        save(folder / f"S{number:02d}{ending}.mat", {"data": data, "labels": labels})
    return content


@pytest.mark.parametrize("ending", ["preprocessed", ""])
def test_every_stretch_is_a_recording(tmp_path, ending):
    written = write_dasps(tmp_path / "dasps", people=(2, 11), ending=ending)
    dasps = Dasps(tmp_path / "dasps")
    recordings = list(dasps)
    assert len(dasps) == len(recordings) == 24
    assert [recording.subject for recording in recordings] == ["s02"] * 12 + ["s11"] * 12
    for index, recording in enumerate(recordings):
        data, labels = written[recording.subject]
        expected = data[index % 12].T
        np.testing.assert_allclose(
            recording.samples_uv, expected - expected.mean(axis=1, keepdims=True), rtol=0, atol=1e-5
        )
        assert recording.samples_uv.shape == (14, N_TIMES)
        assert recording.samples_uv.dtype == np.float32
        assert recording.sampling_rate_hz == 128
        assert set(recording.channel_names) < set(CHANNELS)
        assert recording.label == int(labels[0, index % 12] > 5.0)
    assert recordings[0].channel_names[:5] == ("AF3", "F7", "F3", "FC5", "T7")
    assert dasps.class_names == ("low valence", "high valence")


def test_the_two_stretches_of_a_situation_have_one_trial_and_two_sources(tmp_path):
    write_dasps(tmp_path / "dasps", people=(1,))
    recordings = list(Dasps(tmp_path / "dasps"))
    assert [recording.trial for recording in recordings] == [f"{pair:02d}" for pair in range(1, 7) for _ in range(2)]
    assert len({recording.source for recording in recordings}) == 12
    assert recordings[5].source.endswith("S01preprocessed.mat, situation 3, recalled")
    for first, second in zip(recordings[::2], recordings[1::2], strict=True):
        assert (first.trial, first.label) == (second.trial, second.label)
        assert first.source.removesuffix("told") == second.source.removesuffix("recalled")


@pytest.mark.parametrize(
    ("choice", "row", "label"),
    [
        (TargetChoice("valence", 4.5), 0, lambda value: value > 4.5),
        (TargetChoice("arousal", 5.0, ">="), 1, lambda value: value >= 5),
    ],
)
def test_each_rating_can_be_the_target(tmp_path, choice, row, label):
    written = write_dasps(tmp_path / "dasps", people=(1,))
    dasps = Dasps(tmp_path / "dasps", choice)
    assert [recording.label for recording in dasps] == [int(label(value)) for value in written["s01"][1][row]]
    assert choice.name in str(dasps.findings[0])


def test_reading_is_lazy_and_one_file_at_a_time(tmp_path):
    write_dasps(tmp_path / "dasps", people=(1, 2))
    (tmp_path / "dasps" / "S02preprocessed.mat").write_bytes(b"damaged")
    recordings = iter(Dasps(tmp_path / "dasps"))
    for _ in range(12):
        assert next(recordings).subject == "s01"
    with pytest.raises(InputError, match=r"MATLAB file at .*S02preprocessed\.mat"):
        next(recordings)


def test_the_fingerprint_changes_with_the_bytes_and_the_target_not_with_the_place(tmp_path):
    write_dasps(tmp_path / "dasps", people=(1,))
    before = Dasps(tmp_path / "dasps").fingerprint()
    assert Dasps(tmp_path / "dasps", TargetChoice("arousal")).fingerprint() != before
    assert Dasps(tmp_path / "dasps", TargetChoice("valence", 5.0)).fingerprint() == before
    (tmp_path / "dasps").rename(tmp_path / "moved")
    assert Dasps(tmp_path / "moved").fingerprint() == before
    path = tmp_path / "moved" / "S01preprocessed.mat"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    assert Dasps(tmp_path / "moved").fingerprint() != before


DATA, LABELS = np.zeros((12, 9, 14)), np.full((2, 12), 5.0)


@pytest.mark.parametrize(
    ("content", "received"),
    [
        ({}, "nothing and nothing"),
        ({"data": DATA}, r"float64 \(14, 9, 12\) and nothing"),
        ({"data": DATA[:, :, :13], "labels": LABELS}, r"float64 \(13, 9, 12\) and float64 \(12, 2\)"),
        ({"data": DATA[:11], "labels": LABELS}, r"float64 \(14, 9, 11\) and float64 \(12, 2\)"),
        ({"data": DATA[:, :0], "labels": LABELS}, r"float64 \(14, 0, 12\) and float64 \(12, 2\)"),
        ({"data": DATA, "labels": LABELS.T}, r"float64 \(14, 9, 12\) and float64 \(2, 12\)"),
        ({"data": DATA[0], "labels": LABELS}, r"float64 \(14, 9\) and float64 \(12, 2\)"),
        ({"data": DATA.astype("S1"), "labels": LABELS}, r"\|S1 \(14, 9, 12\) and"),
    ],
)
def test_other_keys_and_shapes_are_named(tmp_path, content, received):
    save(tmp_path / "S01preprocessed.mat", content)
    with pytest.raises(
        InputError,
        match=r"Expected `data` \(14, 1920, 12\) and `labels` \(12, 2\) in .*S01preprocessed\.mat, "
        rf".*Received: {received}",
    ):
        list(Dasps(tmp_path))


def test_a_pair_with_two_ratings_is_named(tmp_path):
    labels = LABELS.copy()
    labels[1, 5] = 6
    save(tmp_path / "S01preprocessed.mat", {"data": DATA, "labels": labels})
    with pytest.raises(
        InputError, match=r"stretches 5 and 6 of .*S01pre.*Received: \[5\.0, 5\.0\] and \[5\.0, 6\.0\]\. Download"
    ):
        list(Dasps(tmp_path))


@pytest.mark.parametrize("rating", [0.0, 9.5, float("nan")])
def test_a_rating_outside_the_scale_is_named(tmp_path, rating):
    labels = LABELS.copy()
    labels[0, 6:8] = rating
    save(tmp_path / "S01preprocessed.mat", {"data": DATA, "labels": labels})
    with pytest.raises(
        InputError, match=r"valence from 1 to 9 in .*S01preprocessed\.mat, situation 4, told\. Received"
    ):
        list(Dasps(tmp_path))


@pytest.mark.parametrize("damage", ["cut", "empty", "html"])
def test_damaged_files_are_named(tmp_path, damage):
    write_dasps(tmp_path / "dasps", people=(1,))
    path = tmp_path / "dasps" / "S01preprocessed.mat"
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "html": b"<!DOCTYPE html><html>login"}[damage])
    with pytest.raises(InputError, match=r"S01preprocessed\.mat") as raised:
        list(Dasps(tmp_path / "dasps"))
    assert "\n" not in str(raised.value)


def test_the_preprocessed_file_goes_before_the_raw_one_of_the_same_person(tmp_path):
    write_dasps(tmp_path / "dasps", people=(1, 2), ending="")
    write_dasps(tmp_path / "dasps", people=(2,))
    assert [path.name for path in Dasps(tmp_path / "dasps").files] == ["S01.mat", "S02preprocessed.mat"]


def test_the_matlab_files_of_deap_are_not_taken_for_its_own(tmp_path):
    scipy.io.savemat(tmp_path / "s01.mat", {"data": np.zeros((1, 2)), "labels": np.zeros((1, 2))})
    assert Deap.why_not(tmp_path) == ""
    assert Dasps.why_not(tmp_path) == "none of these files"


def test_another_folder_is_refused_with_what_was_looked_for(tmp_path):
    with pytest.raises(
        InputError, match=r"Expected DASPS in .*S01preprocessed\.mat to .*Received: none of these files"
    ):
        Dasps(tmp_path)
    with pytest.raises(InputError, match="Received: no such folder"):
        Dasps(tmp_path / "nowhere")
