"""SEED's and SEED-IV's MATLAB files: a sitting in each, a variable for each film clip."""

import re

import numpy as np
import pytest
import scipy.io

from emotune.errors import InputError
from emotune.recordings.sets.deap import Deap
from emotune.recordings.sets.seed import Seed, SeedIV
from emotune.recordings.targets import TargetChoice

LABELS = (1, 0, -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 0, 1, -1)
SEED_IV_LABELS = {
    1: (1, 2, 3, 0, 2, 0, 0, 1, 0, 1, 2, 1, 1, 1, 2, 3, 2, 2, 3, 3, 0, 3, 0, 3),
    2: (2, 1, 3, 0, 0, 2, 0, 2, 3, 3, 2, 3, 2, 0, 1, 1, 2, 1, 0, 3, 0, 1, 3, 1),
    3: (1, 2, 2, 1, 3, 3, 3, 1, 1, 2, 1, 0, 2, 3, 3, 0, 2, 3, 0, 0, 2, 0, 1, 0),
}
DATES = ("20131027", "20131030", "20140102")  # their order as text is their order in time
SEED_IV_DATES = {1: "20151210", 2: "20151018", 3: "20151118"}  # the folder is the session, whatever the date
INITIALS = {1: "djc", 2: "jl", 9: "ww", 11: "w_x2"}


def sitting(seed, n_clips, initials="djc"):
    """The variables of one file: as many clips as asked, of odd and different lengths, far from zero."""
    source = np.random.default_rng(seed)
    # MATLAB wrote them in the order of their names as text: *_eeg1, *_eeg10, *_eeg11, …
    return {
        f"{initials}_eeg{clip}": source.normal(40.0, 12.0, (62, 201 + 2 * clip))
        for clip in sorted(range(1, n_clips + 1), key=str)
    }


def write_mat(path, content, compress=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, content, do_compression=compress)
    return content


def write_seed(folder, people=(1,), dates=DATES, labels=LABELS, compress=False):
    """Files by (subject, session) as two-digit and one-digit text, and `label.mat` unless there are no labels."""
    content = {}
    # Written last to first, so that no order of the file system helps.
    for person in reversed(people):
        for session, date in reversed(list(enumerate(dates, start=1))):
            variables = sitting(100 * person + session, 15, INITIALS[person])
            content[f"{person:02d}", str(session)] = variables
            write_mat(folder / f"{person}_{date}.mat", variables, compress)
    if labels is not None:
        write_mat(folder / "label.mat", {"label": np.array([labels], dtype=np.int16)})
    return content


def write_seed_iv(folder, people=(1,), sessions=(1, 2, 3)):
    content = {}
    for session in reversed(sessions):
        for person in reversed(people):
            variables = sitting(1000 * session + person, 24, INITIALS[person])
            content[f"{person:02d}", str(session)] = variables
            write_mat(folder / str(session) / f"{person}_{SEED_IV_DATES[session]}.mat", variables)
    return content


def clip_of(variables, number):
    (name,) = (name for name in variables if name.endswith(f"_eeg{number}"))
    return variables[name]


def assert_the_same(recording, samples):
    centred = samples - samples.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(recording.samples_uv, centred, rtol=0, atol=1e-4)
    assert recording.samples_uv.dtype == np.float32


@pytest.mark.parametrize("compress", [False, True])
def test_every_clip_of_seed_is_a_recording(tmp_path, compress):
    written = write_seed(tmp_path, people=(2, 11), dates=DATES[:2], compress=compress)
    seed = Seed(tmp_path)
    recordings = list(seed)
    assert len(seed) == len(recordings) == 2 * 2 * 15
    assert [(recording.subject, recording.session) for recording in recordings[::15]] == [
        ("02", "1"), ("02", "2"), ("11", "1"), ("11", "2"),
    ]  # fmt: skip
    for index, recording in enumerate(recordings):
        clip = index % 15 + 1
        assert_the_same(recording, clip_of(written[recording.subject, recording.session], clip))
        assert (recording.trial, recording.stimulus) == (f"{clip:02d}", f"clip {clip:02d}")
        assert recording.label == LABELS[clip - 1] + 1
        assert recording.sampling_rate_hz == 200
        assert recording.source.endswith(f".mat, clip {clip}")
    assert seed.class_names == ("negative", "neutral", "positive")
    assert seed.findings == ()


def test_the_channels_are_those_of_the_cap_in_its_order(tmp_path):
    write_seed(tmp_path, dates=DATES[:1])
    names = next(iter(Seed(tmp_path))).channel_names
    assert len(names) == len(set(names)) == 62
    assert names[:6] == ("FP1", "FPZ", "FP2", "AF3", "AF4", "F7")
    assert names[27] == "CZ"
    assert names[-5:] == ("CB1", "O1", "OZ", "O2", "CB2")


def test_sessions_are_in_the_order_of_dates_whatever_the_order_of_people_and_names(tmp_path):
    for person, dates in {9: ("20140704", "20140620", "20140627"), 11: ("20140618", "20140630", "20140625")}.items():
        for date in dates:
            write_mat(tmp_path / f"{person}_{date}.mat", {})
    assert [file.name for file in Seed(tmp_path).files] == [
        "9_20140620.mat", "9_20140627.mat", "9_20140704.mat", "11_20140618.mat", "11_20140625.mat", "11_20140630.mat",
    ]  # fmt: skip


def test_every_clip_of_seed_iv_is_a_recording_and_its_stimulus_names_the_session(tmp_path):
    written = write_seed_iv(tmp_path / "eeg_raw_data", people=(1,))
    seed_iv = SeedIV(tmp_path / "eeg_raw_data")
    recordings = list(seed_iv)
    assert len(seed_iv) == len(recordings) == 3 * 24
    assert [recording.session for recording in recordings] == ["1"] * 24 + ["2"] * 24 + ["3"] * 24
    for index, recording in enumerate(recordings):
        session, clip = index // 24 + 1, index % 24 + 1
        assert_the_same(recording, clip_of(written["01", str(session)], clip))
        assert recording.label == SEED_IV_LABELS[session][clip - 1]
        assert (recording.trial, recording.stimulus) == (f"{clip:02d}", f"session {session} clip {clip:02d}")
    assert seed_iv.class_names == ("neutral", "sad", "fear", "happy")
    assert len({recording.stimulus for recording in recordings}) == 72


def test_seed_iv_goes_person_by_person_and_may_lack_sessions(tmp_path):
    for session, people in {1: (2, 11), 3: (11, 2)}.items():
        for person in people:
            write_mat(tmp_path / str(session) / f"{person}_20150915.mat", {})
    seed_iv = SeedIV(tmp_path)
    assert [file.relative_to(tmp_path).as_posix() for file in seed_iv.files] == [
        "1/2_20150915.mat", "3/2_20150915.mat", "1/11_20150915.mat", "3/11_20150915.mat",
    ]  # fmt: skip
    assert len(seed_iv) == 4 * 24


@pytest.mark.parametrize(("reader", "inner"), [(Seed, "Preprocessed_EEG"), (SeedIV, "eeg_raw_data")])
def test_the_folder_above_is_the_same_set(tmp_path, reader, inner):
    (write_seed if reader is Seed else write_seed_iv)(tmp_path / inner)
    inside, above = reader(tmp_path / inner), reader(tmp_path)
    assert inside.files == above.files
    assert reader.why_not(tmp_path) == ""


def test_each_set_is_told_from_the_others(write_deap, tmp_path):
    write_seed(tmp_path / "seed" / "Preprocessed_EEG", dates=DATES[:1])
    write_seed_iv(tmp_path / "seed-iv" / "eeg_raw_data", sessions=(1,))
    write_deap(tmp_path / "deap", people=(1,), kind="mat")
    readers = {"seed": Seed, "seed-iv": SeedIV, "deap": Deap}
    for folder in readers:
        assert [kind for kind, reader in readers.items() if reader.files_in(tmp_path / folder)] == [folder]
    assert SeedIV.files_in(tmp_path / "seed" / "Preprocessed_EEG") == []
    assert Seed.files_in(tmp_path / "seed-iv" / "eeg_raw_data") == []


def test_one_session_of_seed_iv_is_not_seed(tmp_path):
    write_seed_iv(tmp_path, sessions=(2,))
    assert Seed.files_in(tmp_path / "2") == []
    with pytest.raises(
        InputError, match=r"Expected SEED in .*Received: 24 clips in .*1_20151018\.mat, as another set has"
    ):
        Seed(tmp_path / "2")


@pytest.mark.parametrize(("reader", "inner"), [(Seed, "."), (SeedIV, "1")])
def test_extracted_features_are_not_taken_for_eeg(tmp_path, reader, inner):
    write_mat(tmp_path / inner / "1_20131027.mat", {f"de_LDS{clip}": np.zeros((62, 5, 5)) for clip in range(1, 16)})
    with pytest.raises(InputError, match=r"Received: no variables \*_eeg1.*1_20131027\.mat but de_LDS1.*features"):
        reader(tmp_path)


def test_other_files_beside_the_recordings_are_left_alone(tmp_path):
    write_seed(tmp_path, dates=DATES[:1])
    for name in ("._1_20131027.mat", "1_20131027.mat.part", "1_20131027 (1).mat", "readme.txt", "s01.mat", "1.mat"):
        (tmp_path / name).write_bytes(b"x")
    assert [file.name for file in Seed(tmp_path).files] == ["1_20131027.mat"]


def test_reading_is_lazy_and_one_file_at_a_time(tmp_path):
    write_seed(tmp_path, dates=DATES[:2])
    (tmp_path / f"1_{DATES[1]}.mat").write_bytes(b"damaged")
    seed = Seed(tmp_path)
    assert len(seed) == 30
    recordings = iter(seed)
    for _ in range(15):
        assert next(recordings).session == "1"
    with pytest.raises(InputError, match=rf"MATLAB file.*1_{DATES[1]}\.mat"):
        next(recordings)


def test_only_one_clip_is_read_at_a_time(tmp_path, monkeypatch):
    write_seed(tmp_path, dates=DATES[:1])
    asked = []
    loadmat = scipy.io.loadmat

    def watched(path, **options):
        asked.append(options["variable_names"])
        return loadmat(path, **options)

    monkeypatch.setattr(scipy.io, "loadmat", watched)
    recordings = iter(Seed(tmp_path))
    for _ in range(3):
        next(recordings)
    assert asked == [["label"], ["djc_eeg1"], ["djc_eeg2"], ["djc_eeg3"]]


def test_nan_is_left_to_the_checks_of_samples(tmp_path):
    content = sitting(1, 15)
    content["djc_eeg4"][3, 7] = np.nan
    write_mat(tmp_path / "1_20131027.mat", content)
    assert np.argwhere(np.isnan(list(Seed(tmp_path))[3].samples_uv)).tolist() == [[3, 7]]


def test_labels_are_the_published_ones_where_there_is_no_label_file(tmp_path):
    write_seed(tmp_path, dates=DATES[:1], labels=None)
    assert [recording.label for recording in Seed(tmp_path)] == [label + 1 for label in LABELS]


def test_labels_of_the_folder_go_before_the_published_ones_and_that_is_said(tmp_path):
    write_seed(tmp_path, dates=DATES[:1], labels=LABELS[::-1])
    seed = Seed(tmp_path)
    assert [recording.label for recording in seed] == [label + 1 for label in LABELS[::-1]]
    assert [(finding.name, finding.severity) for finding in seed.findings] == [("label-file", "warning")]


@pytest.mark.parametrize(
    ("content", "received"),
    [
        ({"label": np.zeros((1, 14))}, "0, 0,"),
        ({"label": np.arange(15)}, "0, 1, 2, 3,"),
        ({"label": np.full((1, 15), 0.5)}, "0.5, "),
        ({"label": np.full((1, 15), np.nan)}, "nan, "),
        ({"label": SEED_IV_LABELS[1]}, "1, 2, 3, 0,"),
        ({"label": "positive"}, "no numbers"),
        ({"label": np.zeros((0, 0))}, "no numbers"),
        ({"labels": np.zeros((1, 15))}, "no numbers"),
    ],
)
def test_another_label_file_is_refused_by_its_name(tmp_path, content, received):
    write_mat(tmp_path / "1_20131027.mat", {"djc_eeg1": np.zeros((62, 9))})
    write_mat(tmp_path / "label.mat", content)
    expected = rf"Expected `label` in .*label\.mat: 15 values, each -1, 0 or 1\. Received: {re.escape(received)}"
    with pytest.raises(InputError, match=expected):
        Seed(tmp_path)


@pytest.mark.parametrize("reader", [Seed, SeedIV])
def test_a_target_is_an_emotion(tmp_path, reader):
    write_mat(tmp_path / ("." if reader is Seed else "1") / "1_20131027.mat", {"djc_eeg1": np.zeros((62, 9))})
    assert reader(tmp_path, TargetChoice("emotion")).class_names == reader.about.emotions
    with pytest.raises(InputError, match=r"Expected a target among emotion\. Received: valence"):
        reader(tmp_path, TargetChoice("valence"))


def test_the_fingerprint_changes_with_bytes_and_labels_not_with_the_place(tmp_path):
    write_seed(tmp_path / "seed", dates=DATES[:1])
    before = Seed(tmp_path / "seed").fingerprint()
    (tmp_path / "seed").rename(tmp_path / "moved")
    assert Seed(tmp_path / "moved").fingerprint() == before
    (tmp_path / "moved" / "label.mat").unlink()
    assert Seed(tmp_path / "moved").fingerprint() == before
    write_mat(tmp_path / "moved" / "label.mat", {"label": np.array([LABELS[::-1]])})
    assert Seed(tmp_path / "moved").fingerprint() != before
    (tmp_path / "moved" / "label.mat").unlink()
    path = tmp_path / "moved" / f"1_{DATES[0]}.mat"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    assert Seed(tmp_path / "moved").fingerprint() != before


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
            r"Expected `djc_eeg9` of shape \(62, n_times\) in .*one row for each electrode\. Received: \(61, 219\)",
        ),
        (lambda clips: clips | {"djc_eeg9": clips["djc_eeg9"].T}, r"Received: \(219, 62\)"),
        (lambda clips: clips | {"djc_eeg9": np.zeros((62, 0))}, r"`djc_eeg9` of shape.*Received: \(62, 0\)"),
        (lambda clips: clips | {"djc_eeg9": np.zeros((62, 5, 5))}, r"Received: \(62, 5, 5\)"),
        (lambda clips: clips | {"djc_eeg9": "text"}, r"`djc_eeg9` of shape.*Received: \(1,\)"),
        (
            lambda clips: clips | {"djc_eeg9": np.full((62, 9), 1j)},
            r"Expected `djc_eeg9` in .* to hold real numbers, in µV\. Received: complex128",
        ),
        (lambda clips: clips | {"djc_eeg9": np.full((62, 9), "x", object)}, r"real numbers.*Received: object"),
    ],
)
def test_other_keys_and_shapes_are_named(tmp_path, change, message):
    write_mat(tmp_path / "1_20131027.mat", change(sitting(1, 15)))
    with pytest.raises(InputError, match=message) as raised:
        list(Seed(tmp_path))
    assert "1_20131027.mat" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_seed_iv_wants_24_clips(tmp_path):
    write_mat(tmp_path / "3" / "1_20151018.mat", sitting(1, 15))
    with pytest.raises(InputError, match=r"24 clips in .*1_20151018\.mat.*no clip 16, 17, 18, 19, 20 and 4 more"):
        list(SeedIV(tmp_path))


@pytest.mark.parametrize("reader", [Seed, SeedIV])
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("damage", ["cut", "cut early", "cut late", "empty", "html", "hdf5"])
def test_damaged_files_are_named(tmp_path, reader, compress, damage):
    path = tmp_path / ("." if reader is Seed else "1") / "1_20131027.mat"
    write_mat(path, sitting(1, reader.n_clips), compress)
    content = path.read_bytes()
    path.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "cut early": content[:100],
            "cut late": content[:-9],
            "empty": b"",
            "html": b"<!DOCTYPE html><html>login" * 20,
            "hdf5": b"\x89HDF\r\n\x1a\n" + b"\0" * 500,
        }[damage]
    )
    with pytest.raises(InputError, match=r"Expected.*1_20131027\.mat.*Download") as raised:
        list(reader(tmp_path))
    assert "\n" not in str(raised.value)


def test_copies_of_a_sitting_are_refused(tmp_path):
    for date in (*DATES, "20140103"):
        write_mat(tmp_path / "seed" / f"1_{date}.mat", {})
    with pytest.raises(InputError, match=r"3 sessions of person 1 in .*Received: .*1_20140103\.mat, which is one more"):
        Seed(tmp_path / "seed")
    for date in DATES[:2]:
        write_mat(tmp_path / "seed-iv" / "2" / f"1_{date}.mat", {})
    with pytest.raises(InputError, match=rf"Received: .*1_{DATES[1]}\.mat, which is one more\. Take copies out"):
        SeedIV(tmp_path / "seed-iv")


@pytest.mark.parametrize("reader", [Seed, SeedIV])
def test_another_folder_is_refused_with_what_was_looked_for(tmp_path, reader):
    with pytest.raises(InputError, match=rf"Expected {reader.about.title} in .*1_20.*Received: none of these files"):
        reader(tmp_path)
    with pytest.raises(InputError, match="Received: no such folder"):
        reader(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Received: a file"):
        reader(tmp_path / "file")
