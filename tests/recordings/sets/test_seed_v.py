"""SEED-V's Neuroscan files: an hour of a sitting in each, cut at the clips."""

import shutil
import tracemalloc

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings.sets import seed_v
from emotune.recordings.sets.seed_files import SEED_V_CODES
from emotune.recordings.sets.seed_v import SeedV
from writers import seed_v as writer


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return writer.write(tmp_path_factory.mktemp("seed-v"), n_people=2, seconds=1, sessions=(1, 3))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return writer.write(tmp_path_factory.mktemp("small"), n_people=1, seconds=1)


@pytest.fixture
def copy(small, tmp_path):
    return shutil.copytree(small.folder, tmp_path / "seed-v")


def assert_the_same(recording, truth, tolerance_uv=1e-3):
    expected = truth.samples_uv - truth.samples_uv.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(recording.samples_uv, expected, rtol=0, atol=tolerance_uv)
    assert recording.samples_uv.dtype == np.float32


def test_every_clip_is_a_recording(written):
    seed_v_set = SeedV(written.folder)
    recordings = list(seed_v_set)
    assert len(seed_v_set) == len(recordings) == len(written.recordings) == 2 * 2 * 15
    for recording, truth in zip(recordings, written.recordings, strict=True):
        assert_the_same(recording, truth, written.tolerance_uv)
        for name in ("subject", "session", "trial", "stimulus", "emotion", "sampling_rate_hz", "channel_names"):
            assert getattr(recording, name) == getattr(truth, name), name
        assert recording.baseline_uv is None
    assert recordings[0].source.endswith("1_1_20180804.cnt, clip 1")
    assert seed_v_set.emotions == ("disgust", "fear", "sad", "neutral", "happy")


def test_mne_alone_gives_the_same_microvolts(small):
    import mne

    raw = mne.io.read_raw_cnt(writer.first_file(small.folder), data_format="auto", verbose="error")
    assert raw.ch_names == list(writer.CHANNELS)
    start, end = (times[3] for times in writer.clips_s(1, 1))
    volts = raw.get_data(picks=["CB2"], start=start * 1000, stop=end * 1000)
    np.testing.assert_allclose(1e6 * volts[0], small.recordings[3].samples_uv[61], rtol=1e-9)


def test_electrodes_are_the_caps_and_ears_and_eyes_stay_out(small):
    names = next(iter(SeedV(small.folder))).channel_names
    assert len(names) == 62
    assert not {"M1", "M2", "VEO", "HEO"} & set(names)
    assert names[-5:] == ("CB1", "O1", "OZ", "O2", "CB2")


def test_the_folder_of_the_files_alone_uses_the_table_above_it(copy):
    assert SeedV(copy / "EEG_raw").fingerprint() == SeedV(copy / "EEG_raw").fingerprint()
    assert len(next(iter(SeedV(copy / "EEG_raw"))).samples_uv[0]) == 1000


def test_without_the_table_the_published_times_are_used(copy):
    assert [finding.name for finding in SeedV(copy).findings] == ["clip-times"]
    before = SeedV(copy).fingerprint()
    (copy / writer.TABLE).unlink()
    without = SeedV(copy)
    assert without.findings == ()
    assert without.fingerprint() != before
    with pytest.raises(InputError, match=r"Expected clip 1 from 30 to 102 s in .*1_1_20180804\.cnt\. Received: a rec"):
        next(iter(without))
    (copy / writer.TABLE).write_text(
        "".join(
            f"Session {number}:\nstart_second: {[int(start) for start, _ in clips]}\n"
            f"end_second: {[int(end) for _, end in clips]}\n\n"
            for number, clips in enumerate(seed_v._CLIPS_S, start=1)
        )
    )
    assert SeedV(copy).findings == ()
    assert SeedV(copy).fingerprint() == without.fingerprint()


def test_the_published_times_follow_each_other_and_last_as_the_set_says():
    assert [len(clips) for clips in seed_v._CLIPS_S] == [15, 15, 15]
    for clips in seed_v._CLIPS_S:
        moments = np.ravel(clips)
        assert (np.diff(moments) > 0).all()
        assert moments[0] == 30
    # Rows of four seconds in the set's own features: so many in the first clips of each session.
    assert [int(end - start) // 4 for (start, end), *_ in seed_v._CLIPS_S] == [18, 59, 72]


def test_a_repaired_copy_goes_before_the_original(copy):
    original = writer.first_file(copy)
    repaired = original.with_name(f"{original.stem}_repaired.cnt")
    shutil.copy(original, repaired)
    writer.empty(original)
    assert SeedV(copy).files == [repaired]
    assert len(list(SeedV(copy))) == 15


def test_a_header_that_miscounts_is_read_by_the_place_of_its_events(copy, small):
    writer._patched((writer.N_SAMPLES_AT, "<i", 0))(copy)
    assert_the_same(list(SeedV(copy))[14], small.recordings[14])
    writer._patched((writer.N_SAMPLES_AT, "<i", 12345))(copy)
    assert_the_same(next(iter(SeedV(copy))), small.recordings[0])


def test_copies_of_a_sitting_are_refused(copy):
    shutil.copy(writer.first_file(copy), copy / "EEG_raw" / "1_1_20180805.cnt")
    with pytest.raises(InputError, match=r"3 sessions of person 1 in .*1_1_20180805\.cnt, which is one more"):
        SeedV(copy)
    (copy / "EEG_raw" / "1_1_20180805.cnt").rename(copy / "EEG_raw" / "1_4_20180805.cnt")
    with pytest.raises(InputError, match=r"1_4_20180805\.cnt, which is one more"):
        SeedV(copy)


def test_people_are_in_the_order_of_their_numbers(copy):
    for name in ("10_2_20180524", "10_1_20180507", "2_3_20180425"):
        (copy / "EEG_raw" / f"{name}.cnt").touch()
    assert [file.name.rsplit("_", 1)[0] for file in SeedV(copy).files] == ["1_1", "2_3", "10_1", "10_2"]


@pytest.mark.parametrize("damage", writer.DAMAGES)
def test_damage_is_said_in_a_line_that_names_the_file(copy, damage):
    writer.DAMAGES[damage](copy)
    with pytest.raises(InputError, match=r"Expected .*(1_1_20180804\.cnt|timestamp\.txt).*Received: ") as raised:
        list(SeedV(copy))
    assert "\n" not in str(raised.value)


def test_every_cut_is_found_before_a_sample_is_read(copy):
    file = writer.first_file(copy)
    content = file.read_bytes()
    for share in np.linspace(0.001, 0.999, 23):
        file.write_bytes(content[: int(share * len(content))])
        with pytest.raises(InputError, match="truncated"):
            next(iter(SeedV(copy)))


def test_one_clip_is_in_memory_at_a_time(small):
    recordings = iter(SeedV(small.folder))
    next(recordings)  # what MNE needs of its own
    tracemalloc.start()
    try:
        for recording in recordings:
            del recording
        # 2 s of 66 channels in float64 a few times, not the 45 s of the file (24 MB in float64).
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_another_folder_is_refused_with_what_was_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"Expected SEED-V in .*1_1_20180804\.cnt.*Received: none of these files"):
        SeedV(tmp_path)


# As published: what each of the 15 clips of the three sessions was meant to raise, and when it began and ended.
CODES = (
    (4, 1, 3, 2, 0, 4, 1, 3, 2, 0, 4, 1, 3, 2, 0),
    (2, 1, 3, 0, 4, 4, 0, 3, 2, 1, 3, 4, 1, 2, 0),
    (2, 1, 3, 0, 4, 4, 0, 3, 2, 1, 3, 4, 1, 2, 0),
)
STARTS_S = (
    (30, 132, 287, 555, 773, 982, 1271, 1628, 1730, 2025, 2227, 2435, 2667, 2932, 3204),
    (30, 299, 548, 646, 836, 1000, 1091, 1392, 1657, 1809, 1966, 2186, 2333, 2490, 2741),
    (30, 353, 478, 674, 825, 908, 1200, 1346, 1451, 1711, 2055, 2307, 2457, 2726, 2888),
)
STOPS_S = (
    (102, 228, 524, 742, 920, 1240, 1568, 1697, 1994, 2166, 2401, 2607, 2901, 3172, 3359),
    (267, 488, 614, 773, 967, 1059, 1331, 1622, 1777, 1908, 2153, 2302, 2428, 2709, 2817),
    (321, 418, 643, 764, 877, 1147, 1284, 1418, 1679, 1996, 2275, 2425, 2664, 2857, 3066),
)


def test_labels_and_times_of_the_clips_are_the_published_ones():
    assert SEED_V_CODES == CODES
    assert SeedV.about.emotions == ("disgust", "fear", "sad", "neutral", "happy")
    for session, (starts_s, stops_s) in enumerate(zip(STARTS_S, STOPS_S, strict=True)):
        assert [tuple(clip) for clip in seed_v._CLIPS_S[session]] == list(zip(starts_s, stops_s, strict=True))
