"""DREAMER's one file of nested MATLAB structs."""

import numpy as np
import pytest
import scipy.io

from emotune.errors import InputError
from emotune.recordings.channels import CHANNELS
from emotune.recordings.sets.dreamer import Dreamer
from writers import dreamer
from writers.dreamer import N_CLIPS, cells, with_a_changed_person


def test_the_writer_nests_as_the_published_file(tmp_path):
    truths = dreamer.write(tmp_path, seconds=0.2).recordings
    read = scipy.io.loadmat(tmp_path / "DREAMER.mat")["DREAMER"]
    for person, clip in ((0, 0), (22, 17)):
        truth = truths[person * N_CLIPS + clip]
        of_person = read[0, 0]["Data"][0, person]
        eeg = of_person["EEG"][0, 0]
        np.testing.assert_array_equal(eeg["stimuli"][0, 0][clip, 0].T, truth.samples_uv)
        np.testing.assert_array_equal(eeg["baseline"][0, 0][clip, 0].T, truth.baseline_uv)
        assert of_person["ScoreValence"][0, 0][clip, 0] == truth.ratings["valence"]


def test_its_channels_are_among_the_standard_ones(tmp_path):
    with_a_changed_person()(tmp_path)
    assert set(next(iter(Dreamer(tmp_path))).channel_names) < set(CHANNELS)


def test_people_before_a_damaged_one_can_be_read(tmp_path):
    with_a_changed_person(ScoreArousal=None)(tmp_path)
    recordings = iter(Dreamer(tmp_path))
    assert [next(recordings).subject for _ in range(36)] == ["p01"] * 18 + ["p02"] * 18
    with pytest.raises(InputError, match=r"field `ScoreArousal` in .*DREAMER\.mat, person 3, as .*Received: Age, EEG"):
        next(recordings)


@pytest.mark.parametrize("nothing", [np.zeros((0, 0)), np.zeros((0, 14)), np.zeros((14, 0))])
def test_a_clip_without_the_rest_before_it_is_read(tmp_path, nothing):
    with_a_changed_person(baseline=cells([np.ones((5, 14))] * 17 + [nothing], (18, 1)))(tmp_path)
    recordings = list(Dreamer(tmp_path))
    without = [index for index, recording in enumerate(recordings) if recording.baseline_uv is None]
    assert without == [2 * N_CLIPS + 17]


def test_no_answer_is_left_to_the_target(tmp_path):
    scores = np.full((N_CLIPS, 1), 3.0)
    scores[7] = np.nan
    with_a_changed_person(ScoreValence=scores)(tmp_path)
    recordings = list(Dreamer(tmp_path))
    assert [i for i, recording in enumerate(recordings) if np.isnan(recording.ratings["valence"])] == [2 * N_CLIPS + 7]


def last(samples):
    return cells([np.ones((5, 14))] * 17 + [samples], (18, 1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"EEG": None}, r"struct with the field `EEG` in .*DREAMER\.mat, person 3, as DREAMER has it\. Received: Age"),
        ({"EEG": np.ones((3, 3))}, r"struct with the field `stimuli` in .*person 3, .*Received: no struct\. Down"),
        ({"EEG": {"baseline": 1}}, r"struct with the field `stimuli` in .*person 3, .*Received: baseline\. Down"),
        ({"baseline": None}, r"struct with the field `baseline` in .*person 3, .*Received: stimuli\. Down"),
        ({"stimuli": np.ones((18, 14))}, r"`stimuli` of 18 clips in .*person 3\. Received: no cells\. Down"),
        ({"baseline": np.ones((18, 14))}, r"`baseline` of 18 clips in .*person 3\. Received: no cells\. Down"),
        ({"stimuli": cells([np.ones((5, 14))] * 17, (17, 1))}, r"`stimuli` of 18 clips in .*Received: 17\. Down"),
        (
            {"stimuli": last(np.ones((5, 13)))},
            r"14 channels, \(n_times, 14\), in .*DREAMER\.mat, person 3, clip 18\. Received: float64 \(5, 13\)\. Down",
        ),
        (
            {"baseline": last(np.ones((5, 13)))},
            r"14 channels, \(n_times, 14\), in .*DREAMER\.mat, person 3, baseline 18\. Received: float64 \(5, 13\)",
        ),
        ({"stimuli": cells([np.ones((0, 14))] * 18, (18, 1))}, r"person 3, clip 1\. Received: float64 \(0, \d+\)"),
        ({"stimuli": cells(["text"] * 18, (18, 1))}, r"person 3, clip 1\. Received: <U4 \(1,\)"),
        ({"ScoreValence": np.ones((17, 1))}, r"`ScoreValence` of 18 numbers in .*Received: float64 \(17, 1\)\. Down"),
        ({"ScoreValence": "text"}, r"`ScoreValence` of 18 numbers in .*person 3\. Received: <U4 \(1,\)\. Down"),
    ],
)
def test_other_fields_and_shapes_are_named(tmp_path, changes, message):
    with_a_changed_person(**changes)(tmp_path)
    with pytest.raises(InputError, match=message):
        list(Dreamer(tmp_path))


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
