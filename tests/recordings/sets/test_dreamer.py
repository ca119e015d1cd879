"""DREAMER's one file of nested MATLAB structs."""

import numpy as np
import pytest
import scipy.io

from emotune.errors import InputError
from emotune.recordings.channels import CHANNELS
from emotune.recordings.sets.dreamer import Dreamer
from emotune.recordings.targets import TargetChoice

N_PEOPLE, N_CLIPS = 23, 18
ELECTRODES = ("AF3", "F7", "F3", "FC5", "T7", "P7", "O1", "O2", "P8", "T8", "FC6", "F4", "F8", "AF4")
SCORES = {"valence": "ScoreValence", "arousal": "ScoreArousal", "dominance": "ScoreDominance"}


def cells(values, shape):
    """A MATLAB cell array; NumPy would make one array of cells of equal size."""
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = value
    return array.reshape(shape)


def dreamer_person(seed):
    """One cell of `Data`: (n_times, 14) around the headset's offset, of another odd length for each clip."""
    source = np.random.default_rng(seed)
    stimuli = [np.round(4200 + source.normal(0, 12, (129 + 2 * clip + seed, 14)), 1) for clip in range(N_CLIPS)]
    return {
        "Age": "27",
        "Gender": "female",
        "EEG": {
            "baseline": cells([np.full((61, 14), -9999.0)] * N_CLIPS, (N_CLIPS, 1)),
            "stimuli": cells(stimuli, (N_CLIPS, 1)),
        },
        "ECG": {name: cells([np.zeros((10, 2))] * N_CLIPS, (N_CLIPS, 1)) for name in ("baseline", "stimuli")},
        **{field: source.integers(1, 6, (N_CLIPS, 1)).astype(np.uint8) for field in SCORES.values()},
    }


def save(folder, people, **fields):
    folder.mkdir(exist_ok=True)
    content = {
        "Data": cells(people, (1, len(people))),
        "EEG_SamplingRate": 128,
        "ECG_SamplingRate": 256,
        "EEG_Electrodes": cells(list(ELECTRODES), (1, 14)),
        "noOfSubjects": N_PEOPLE,
        "noOfVideoSequences": N_CLIPS,
        **fields,
    }
    scipy.io.savemat(folder / "DREAMER.mat", {"DREAMER": content}, do_compression=True)


@pytest.fixture(scope="module")
def people():
    return [dreamer_person(seed) for seed in range(N_PEOPLE)]


@pytest.fixture(scope="module")
def written(people, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written") / "dreamer"
    save(folder, people)
    return folder


@pytest.fixture(scope="module")
def damaged(people, tmp_path_factory):
    """A function that writes a folder whose third person has been changed."""

    def write(**changes):
        folder = tmp_path_factory.mktemp("damaged")
        small = {"baseline": cells([np.ones((1, 14))] * N_CLIPS, (N_CLIPS, 1))}
        small["stimuli"] = small["baseline"]
        everyone = [{**person, "EEG": small} for person in people]
        for field, value in changes.items():
            if field in small:
                everyone[2]["EEG"] = {**small, field: value}
            else:
                everyone[2][field] = value
        save(folder, [{name: value for name, value in one.items() if value is not None} for one in everyone])
        return folder

    return write


def test_the_writer_nests_as_the_published_file(written, people):
    read = scipy.io.loadmat(written / "DREAMER.mat")["DREAMER"]
    for person, clip in ((0, 0), (22, 17)):
        eeg = read[0, 0]["Data"][0, person]["EEG"][0, 0]
        for part in ("stimuli", "baseline"):
            expected = people[person]["EEG"][part][clip, 0]
            np.testing.assert_array_equal(eeg[part][0, 0][clip, 0], expected)
        score = read[0, 0]["Data"][0, person]["ScoreValence"][0, 0][clip, 0]
        assert score == people[person]["ScoreValence"][clip, 0]


def test_every_clip_is_a_recording_without_the_baseline(written, people):
    dreamer = Dreamer(written)
    recordings = list(dreamer)
    assert len(dreamer) == len(recordings) == 414
    for index, recording in enumerate(recordings):
        person, clip = divmod(index, N_CLIPS)
        expected = people[person]["EEG"]["stimuli"][clip, 0].T
        np.testing.assert_allclose(
            recording.samples_uv, expected - expected.mean(axis=1, keepdims=True), rtol=0, atol=1e-5
        )
        assert recording.samples_uv.dtype == np.float32
        assert recording.sampling_rate_hz == 128
        assert recording.subject == f"p{person + 1:02d}"
        assert (recording.trial, recording.stimulus) == (f"{clip + 1:02d}", f"clip {clip + 1:02d}")
        assert recording.label == int(people[person]["ScoreValence"][clip, 0] > 3)
    assert recordings[0].channel_names == ELECTRODES
    assert set(ELECTRODES) < set(CHANNELS)
    assert dreamer.class_names == ("low valence", "high valence")
    assert len({recording.samples_uv.shape[1] for recording in recordings}) > N_CLIPS


@pytest.mark.parametrize(
    ("choice", "field", "label"),
    [
        (TargetChoice("arousal"), "ScoreArousal", lambda value: value > 3),
        (TargetChoice("dominance", 3.0, ">="), "ScoreDominance", lambda value: value >= 3),
    ],
)
def test_each_rating_can_be_the_target(written, people, choice, field, label):
    dreamer = Dreamer(written, choice)
    expected = [int(label(value)) for person in people for value in person[field].ravel()]
    assert [recording.label for recording in dreamer] == expected
    assert choice.name in str(dreamer.findings[0])


def test_nothing_is_read_before_it_is_reached(damaged):
    dreamer = Dreamer(damaged(ScoreArousal=None))
    recordings = iter(dreamer)
    assert [next(recordings).subject for _ in range(36)] == ["p01"] * 18 + ["p02"] * 18
    with pytest.raises(InputError, match=r"field `ScoreArousal` in .*DREAMER\.mat, person 3, as .*Received: Age, Gen"):
        next(recordings)


def test_the_fingerprint_changes_with_the_bytes_and_the_target_not_with_the_place(damaged):
    folder = damaged()
    before = Dreamer(folder).fingerprint()
    assert Dreamer(folder, TargetChoice("arousal")).fingerprint() != before
    assert Dreamer(folder, TargetChoice("valence", 3.0)).fingerprint() == before
    folder = folder.rename(folder.with_name("moved"))
    assert Dreamer(folder).fingerprint() == before
    path = folder / "DREAMER.mat"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    assert Dreamer(folder).fingerprint() != before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"EEG": None}, r"struct with the field `EEG` in .*DREAMER\.mat, person 3, as DREAMER has it\. Received: Age"),
        ({"EEG": np.ones((3, 3))}, r"struct with the field `stimuli` in .*person 3, .*Received: no struct\. Down"),
        ({"EEG": {"baseline": 1}}, r"struct with the field `stimuli` in .*person 3, .*Received: baseline\. Down"),
        ({"stimuli": np.ones((18, 14))}, r"`stimuli` of 18 clips in .*person 3\. Received: no cells\. Down"),
        ({"stimuli": cells([np.ones((5, 14))] * 17, (17, 1))}, r"`stimuli` of 18 clips in .*Received: 17\. Down"),
        (
            {"stimuli": cells([np.ones((5, 14))] * 17 + [np.ones((5, 13))], (18, 1))},
            r"14 channels, \(n_times, 14\), in .*DREAMER\.mat, person 3, clip 18\. Received: float64 \(5, 13\)\. Down",
        ),
        ({"stimuli": cells([np.ones((0, 14))] * 18, (18, 1))}, r"person 3, clip 1\. Received: float64 \(0, \d+\)"),
        ({"stimuli": cells(["text"] * 18, (18, 1))}, r"person 3, clip 1\. Received: <U4 \(1,\)"),
        ({"ScoreValence": np.ones((17, 1))}, r"`ScoreValence` of 18 numbers in .*Received: float64 \(17, 1\)\. Down"),
        ({"ScoreValence": "text"}, r"`ScoreValence` of 18 numbers in .*person 3\. Received: <U4 \(1,\)\. Down"),
    ],
)
def test_other_fields_and_shapes_are_named(damaged, changes, message):
    with pytest.raises(InputError, match=message) as raised:
        list(Dreamer(damaged(**changes)))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"other": np.ones(3)}, r"field `Data` in .*DREAMER\.mat, as DREAMER has it\. Received: no struct"),
        ({"DREAMER": np.ones((2, 2))}, r"field `Data` in .*Received: no struct"),
        ({"DREAMER": {"Version": "1.0.2"}}, r"field `Data` in .*Received: Version\. Download"),
        ({"DREAMER": {"Data": np.ones((1, 23))}}, r"`Data` of 23 people in .*Received: no cells"),
        ({"DREAMER": {"Data": cells([1.0] * 22, (1, 22))}}, r"`Data` of 23 people in .*Received: 22\. Download"),
    ],
)
def test_other_files_are_named(tmp_path, content, message):
    scipy.io.savemat(tmp_path / "DREAMER.mat", content)
    with pytest.raises(InputError, match=message):
        list(Dreamer(tmp_path))


@pytest.mark.parametrize("rating", [0, 6, np.nan])
def test_a_rating_outside_the_scale_is_named(damaged, rating):
    scores = np.full((N_CLIPS, 1), 3.0)
    scores[7] = rating
    with pytest.raises(InputError, match=r"rating of valence from 1 to 5 in .*DREAMER\.mat, person 3, clip 8\. Rec"):
        list(Dreamer(damaged(ScoreValence=scores)))


@pytest.mark.parametrize("damage", ["cut", "empty", "html"])
def test_damaged_files_are_named(written, tmp_path, damage):
    content = (written / "DREAMER.mat").read_bytes()
    path = tmp_path / "DREAMER.mat"
    path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "html": b"<!DOCTYPE html><html>login"}[damage])
    with pytest.raises(InputError, match=r"Expected a MATLAB file at .*DREAMER\.mat") as raised:
        list(Dreamer(tmp_path))
    assert "\n" not in str(raised.value)


def test_another_folder_is_refused_with_what_was_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"Expected DREAMER in .*: DREAMER\.mat\. Received: none of these files"):
        Dreamer(tmp_path)
    with pytest.raises(InputError, match="Received: no such folder"):
        Dreamer(tmp_path / "nowhere")
