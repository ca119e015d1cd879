"""SEED's and SEED-IV's MATLAB files: a sitting in each, a variable for each film clip."""

import re

import numpy as np
import pytest
import scipy.io

from emotune.errors import InputError
from emotune.recordings.sets.seed import Seed, SeedIV
from writers import seed, seed_iv
from writers.film_clips import save, sitting

LABELS = seed.CODES
DATES = seed.DATES
NAME = "1_20131027.mat"


def one_sitting(n_clips=15):
    return sitting(1, [0.0] * n_clips, seconds=0.1)


def write_seed(folder, n_sessions=1):
    return seed.write(folder, n_people=1, seconds=0.1, n_sessions=n_sessions)


def write_seed_iv(folder, sessions=(1, 2, 3)):
    return seed_iv.write(folder, n_people=1, seconds=0.1, sessions=sessions)


def test_compressed_files_are_read_too(tmp_path):
    truths = seed.write(tmp_path, n_people=1, n_sessions=1, compress=True).recordings
    for recording, truth in zip(Seed(tmp_path), truths, strict=True):
        expected = truth.samples_uv - truth.samples_uv.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(recording.samples_uv, expected, rtol=0, atol=1e-3)


def test_the_channels_are_those_of_the_cap_in_its_order(tmp_path):
    write_seed(tmp_path)
    names = next(iter(Seed(tmp_path))).channel_names
    assert len(names) == len(set(names)) == 62
    assert names[:6] == ("FP1", "FPZ", "FP2", "AF3", "AF4", "F7")
    assert names[27] == "CZ"
    assert names[-5:] == ("CB1", "O1", "OZ", "O2", "CB2")
    assert Seed(tmp_path).findings == ()


def test_sessions_are_in_the_order_of_dates_whatever_the_order_of_people_and_names(tmp_path):
    for person, dates in {9: ("20140704", "20140620", "20140627"), 11: ("20140618", "20140630", "20140625")}.items():
        for date in dates:
            save(tmp_path / f"{person}_{date}.mat", {})
    assert [file.name for file in Seed(tmp_path).files] == [
        "9_20140620.mat", "9_20140627.mat", "9_20140704.mat", "11_20140618.mat", "11_20140625.mat", "11_20140630.mat",
    ]  # fmt: skip


def test_every_session_of_seed_iv_has_clips_and_emotions_of_its_own(tmp_path):
    truths = write_seed_iv(tmp_path).recordings
    recordings = list(SeedIV(tmp_path))
    assert [recording.session for recording in recordings] == ["1"] * 24 + ["2"] * 24 + ["3"] * 24
    assert [recording.emotion for recording in recordings] == [truth.emotion for truth in truths]
    assert len({recording.stimulus for recording in recordings}) == 72


def test_seed_iv_goes_person_by_person_and_may_lack_sessions(tmp_path):
    for session, people in {1: (2, 11), 3: (11, 2)}.items():
        for person in people:
            save(tmp_path / str(session) / f"{person}_20150915.mat", {})
    files = SeedIV(tmp_path).files
    assert [file.relative_to(tmp_path).as_posix() for file in files] == [
        "1/2_20150915.mat", "3/2_20150915.mat", "1/11_20150915.mat", "3/11_20150915.mat",
    ]  # fmt: skip
    assert len(SeedIV(tmp_path)) == 4 * 24


@pytest.mark.parametrize(
    ("reader", "write", "inner"), [(Seed, write_seed, "Preprocessed_EEG"), (SeedIV, write_seed_iv, "eeg_raw_data")]
)
def test_the_folder_above_is_the_same_set(tmp_path, reader, write, inner):
    write(tmp_path / inner)
    inside, above = reader(tmp_path / inner), reader(tmp_path)
    assert inside.files == above.files
    assert reader.why_not(tmp_path) == ""


def test_one_session_of_seed_iv_is_not_seed(tmp_path):
    write_seed_iv(tmp_path, sessions=(2,))
    assert Seed.files_in(tmp_path / "2") == []
    with pytest.raises(
        InputError, match=r"Expected SEED in .*Received: 24 clips in .*2_20151018\.mat, as another set has"
    ):
        Seed(tmp_path / "2")


@pytest.mark.parametrize(("reader", "inner"), [(Seed, "."), (SeedIV, "1")])
def test_extracted_features_are_not_taken_for_eeg(tmp_path, reader, inner):
    save(tmp_path / inner / NAME, {f"de_LDS{clip}": np.zeros((62, 5, 5)) for clip in range(1, 16)})
    with pytest.raises(InputError, match=r"Received: no variables \*_eeg1.*1_20131027\.mat but de_LDS1.*features"):
        reader(tmp_path)


def test_files_of_other_names_are_left_alone(tmp_path):
    write_seed(tmp_path)
    for name in ("s01.mat", "1.mat", "1_2013.mat", "a_20131027.mat"):
        (tmp_path / name).write_bytes(b"x")
    assert [file.name for file in Seed(tmp_path).files] == ["2_20131027.mat"]


def test_only_one_clip_is_read_at_a_time(tmp_path, monkeypatch):
    write_seed(tmp_path)
    asked = []
    loadmat = scipy.io.loadmat

    def watched(path, **options):
        asked.append(options["variable_names"])
        return loadmat(path, **options)

    monkeypatch.setattr(scipy.io, "loadmat", watched)
    recordings = iter(Seed(tmp_path))
    for _ in range(3):
        next(recordings)
    assert asked == [["label"], ["jl_eeg1"], ["jl_eeg2"], ["jl_eeg3"]]


def test_nan_is_left_to_the_checks_of_samples(tmp_path):
    content = one_sitting()
    content["djc_eeg4"][3, 7] = np.nan
    save(tmp_path / NAME, content)
    assert np.argwhere(np.isnan(list(Seed(tmp_path))[3].samples_uv)).tolist() == [[3, 7]]


def test_labels_are_the_published_ones_where_there_is_no_label_file(tmp_path):
    truths = write_seed(tmp_path).recordings
    before = Seed(tmp_path).fingerprint()
    (tmp_path / "label.mat").unlink()
    assert [recording.emotion for recording in Seed(tmp_path)] == [truth.emotion for truth in truths]
    assert Seed(tmp_path).fingerprint() == before


def test_labels_of_the_folder_go_before_the_published_ones_and_that_is_said(tmp_path):
    write_seed(tmp_path)
    before = Seed(tmp_path).fingerprint()
    seed.write_labels(tmp_path, LABELS[::-1])
    data = Seed(tmp_path)
    assert [recording.emotion for recording in data] == [seed.EMOTIONS[code + 1] for code in LABELS[::-1]]
    assert [(finding.name, finding.severity) for finding in data.findings] == [("label-file", "warning")]
    assert data.fingerprint() != before


@pytest.mark.parametrize(
    ("content", "received"),
    [
        ({"label": np.zeros((1, 14))}, "0, 0,"),
        ({"label": np.arange(15)}, "0, 1, 2, 3,"),
        ({"label": np.full((1, 15), 0.5)}, "0.5, "),
        ({"label": np.full((1, 15), np.nan)}, "nan, "),
        ({"label": seed_iv.CODES[1]}, "1, 2, 3, 0,"),
        ({"label": "positive"}, "no numbers"),
        ({"label": np.zeros((0, 0))}, "no numbers"),
        ({"labels": np.zeros((1, 15))}, "no numbers"),
    ],
)
def test_another_label_file_is_refused_by_its_name(tmp_path, content, received):
    save(tmp_path / NAME, {"djc_eeg1": np.zeros((62, 9))})
    save(tmp_path / "label.mat", content)
    expected = rf"Expected `label` in .*label\.mat: 15 values, each -1, 0 or 1\. Received: {re.escape(received)}"
    with pytest.raises(InputError, match=expected):
        Seed(tmp_path)


def without(content, *names):
    return {name: samples for name, samples in content.items() if name not in names}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda clips: without(clips, "djc_eeg7"), r"15 clips in .*\*_eeg15\. Received: no clip 7\."),
        (
            lambda clips: {name: clips[name] for name in ("djc_eeg1", "djc_eeg2")},
            r"Received: no clip 3, 4, 5, 6, 7 and 8 more\.",
        ),
        (lambda clips: clips | {"jl_eeg2": np.zeros((62, 9))}, r"Received: more: djc_eeg2, jl_eeg2\."),
        (lambda clips: clips | {"djc_eeg0": np.zeros((62, 9))}, r"Received: more: djc_eeg0\."),
        (lambda clips: {}, r"Received: no clip 1, 2, 3, 4, 5 and 10 more\."),
        (
            lambda clips: clips | {"djc_eeg9": clips["djc_eeg9"][1:]},
            r"Expected `djc_eeg9` of shape \(62, n_times\) in .*one row for each electrode\. Received: \(61, 39\)",
        ),
        (lambda clips: clips | {"djc_eeg9": clips["djc_eeg9"].T}, r"Received: \(39, 62\)"),
        (lambda clips: clips | {"djc_eeg9": np.zeros((62, 0))}, r"`djc_eeg9` of shape.*Received: \(62, 0\)"),
        (lambda clips: clips | {"djc_eeg9": "text"}, r"`djc_eeg9` of shape.*Received: \(1,\)"),
        (
            lambda clips: clips | {"djc_eeg9": np.full((62, 9), 1j)},
            r"Expected `djc_eeg9` in .* to hold real numbers, in µV\. Received: complex128",
        ),
        (lambda clips: clips | {"djc_eeg9": np.full((62, 9), "x", object)}, r"real numbers.*Received: object"),
    ],
)
def test_other_keys_and_shapes_are_named(tmp_path, change, message):
    save(tmp_path / NAME, change(one_sitting()))
    with pytest.raises(InputError, match=message) as raised:
        list(Seed(tmp_path))
    assert NAME in str(raised.value)


def test_seed_iv_wants_24_clips(tmp_path):
    save(tmp_path / "3" / "1_20151018.mat", one_sitting())
    with pytest.raises(InputError, match=r"24 clips in .*1_20151018\.mat.*no clip 16, 17, 18, 19, 20 and 4 more"):
        list(SeedIV(tmp_path))


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("damage", ["cut", "cut early", "cut late", "hdf5"])
def test_damaged_files_are_named(tmp_path, compress, damage):
    path = tmp_path / NAME
    save(path, one_sitting(), compress)
    content = path.read_bytes()
    path.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "cut early": content[:100],
            "cut late": content[:-9],
            "hdf5": b"\x89HDF\r\n\x1a\n" + b"\0" * 500,
        }[damage]
    )
    with pytest.raises(InputError, match=r"Expected.*1_20131027\.mat.*Download") as raised:
        list(Seed(tmp_path))
    assert "\n" not in str(raised.value)


def test_copies_of_a_sitting_are_refused(tmp_path):
    for date in (*DATES, "20140103"):
        save(tmp_path / "seed" / f"1_{date}.mat", {})
    with pytest.raises(InputError, match=r"3 sessions of person 1 in .*Received: .*1_20140103\.mat, which is one more"):
        Seed(tmp_path / "seed")
    for date in DATES[:2]:
        save(tmp_path / "seed-iv" / "2" / f"1_{date}.mat", {})
    with pytest.raises(InputError, match=rf"Received: .*1_{DATES[1]}\.mat, which is one more\. Take copies out"):
        SeedIV(tmp_path / "seed-iv")


def test_a_clip_of_hours_is_not_read(tmp_path, monkeypatch):
    write_seed(tmp_path)
    monkeypatch.setattr("emotune.recordings.sets.seed._MAX_CLIP_S", 0.05)
    with pytest.raises(InputError, match=r"\.mat, but .* values in a variable, more than the 620 expected at most"):
        list(Seed(tmp_path))
