"""Ready-made features of the SEED family: every row with its person, clip and emotion, and no pickle trusted."""

import io
import pickle
import shutil
import tracemalloc
import zipfile

import numpy as np
import pytest
import scipy.io

from emotune.data.feature_folders import FEATURE_FOLDERS
from emotune.data.pickled_npz import load_pickled_arrays
from emotune.data.seed_features import SEED_LAYOUT
from emotune.errors import InputError
from emotune.features.layout import STANDARD, Layout
from emotune.models.problem import Problem
from emotune.recordings.sets.seed import Seed, SeedIV
from emotune.recordings.sets.seed_files import SEED_CODES, SEED_IV_CODES
from emotune.recordings.sets.seed_v import SeedV
from writers import seed_features as writer

KINDS = tuple(FEATURE_FOLDERS)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return {kind: writer.WRITERS[kind](tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.fixture
def copy(written, tmp_path):
    """A folder of a kind that may be spoiled, and its first file."""

    def make(kind):
        folder = shutil.copytree(written[kind].folder, tmp_path / kind)
        return folder, folder / written[kind].first_file.relative_to(written[kind].folder)

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_is_there_with_its_groups_and_emotion(written, kind):
    expected = written[kind]
    dataset = FEATURE_FOLDERS[kind].read(expected.folder)
    np.testing.assert_array_equal(dataset.inputs, expected.inputs.astype(np.float32))
    assert dataset.targets.tolist() == expected.targets.tolist()
    for name in ("subject", "session", "trial", "stimulus"):
        assert dataset.groups[name].tolist() == getattr(expected, name), name
    assert dataset.name == expected.spec
    assert dataset.provenance["source"] == "features"
    assert dataset.provenance["set"] == kind
    assert "window_s" not in dataset.provenance  # a Bundle would take it for a model of recordings
    (finding,) = dataset.findings
    assert (finding.name, finding.severity) == ("smoothed-features", "warning")


@pytest.mark.parametrize(("kind", "raw"), [("seed", Seed), ("seed-iv", SeedIV), ("seed-v", SeedV)])
def test_classes_are_those_of_the_recordings_of_the_set(kind, raw):
    assert FEATURE_FOLDERS[kind].emotions == raw.about.emotions
    assert FEATURE_FOLDERS[kind].title == raw.about.title


@pytest.mark.parametrize("kind", KINDS)
def test_the_folder_of_the_files_is_the_same_as_the_one_above(written, kind):
    features, folder = FEATURE_FOLDERS[kind], written[kind].folder
    (inner,) = (place for place in folder.iterdir() if place.is_dir())
    assert features.files_in(inner) == features.files_in(folder)
    assert features.why_not(inner) == features.why_not(folder) == ""
    assert features.read(inner).fingerprint == features.read(folder).fingerprint


def test_the_newer_folders_of_seed_are_found(tmp_path):
    for seconds in (1, 4):
        written = writer.write_seed(tmp_path / str(seconds), 1, f"ExtractedFeatures_{seconds}s", sessions=(1,))
        dataset = FEATURE_FOLDERS["seed"].read(written.folder)
        assert dataset.provenance["files"] == f"ExtractedFeatures_{seconds}s"


@pytest.mark.parametrize("kind", KINDS)
def test_no_folder_passes_for_another(written, kind):
    for other in KINDS:
        assert (FEATURE_FOLDERS[other].why_not(written[kind].folder) == "") == (other == kind)
    for raw in (Seed, SeedIV, SeedV):
        assert raw.why_not(written[kind].folder)


def test_recordings_are_no_features(tmp_path):
    (tmp_path / "1").mkdir()
    scipy.io.savemat(tmp_path / "1_20131027.mat", {"djc_eeg1": np.zeros((62, 9))})
    scipy.io.savemat(tmp_path / "1" / "1_20131027.mat", {"djc_eeg1": np.zeros((62, 9))})
    for kind in ("seed", "seed-iv"):
        assert "no variables de_movingAve1 and on in" in FEATURE_FOLDERS[kind].why_not(tmp_path)
        with pytest.raises(InputError, match=r"Expected the features of SEED.*Received: no variables de_movingAve1"):
            FEATURE_FOLDERS[kind].read(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_another_folder_is_refused(tmp_path, kind):
    (tmp_path / "file").touch()
    for place, said in (
        (tmp_path, "none of these files"),
        (tmp_path / "x", "no such folder"),
        (tmp_path / "file", "a"),
    ):
        with pytest.raises(InputError, match=f"Expected the features of SEED.*Received: {said}"):
            FEATURE_FOLDERS[kind].read(place)


@pytest.mark.parametrize(("kind", "damage"), [(kind, damage) for kind in KINDS for damage in writer.DAMAGES[kind]])
def test_damage_is_said_in_a_line_that_names_the_file(copy, kind, damage):
    folder, file = copy(kind)
    writer.DAMAGES[kind][damage](file)
    with pytest.raises(InputError, match="Expected ") as raised:
        FEATURE_FOLDERS[kind].read(folder)
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_labels_of_the_folder_go_before_the_published_ones_and_that_is_said(copy):
    folder, file = copy("seed")
    scipy.io.savemat(file.parent / "label.mat", {"label": np.array([[0] * 14 + [1]])})
    dataset = FEATURE_FOLDERS["seed"].read(folder)
    assert dataset.provenance["class_counts"]["negative"] == 0
    assert [finding.name for finding in dataset.findings] == ["smoothed-features", "label-file"]
    (file.parent / "label.mat").unlink()
    assert FEATURE_FOLDERS["seed"].read(folder).provenance["class_counts"]["negative"] > 0
    writer.web_page(file.parent / "label.mat")
    with pytest.raises(InputError, match=r"label\.mat"):
        FEATURE_FOLDERS["seed"].read(folder)


def test_copies_of_a_sitting_are_refused(copy):
    for kind, name in (("seed", "1_20150101.mat"), ("seed-iv", "1_20200101.mat")):
        folder, file = copy(kind)
        shutil.copy(file, file.with_name(name))
        with pytest.raises(InputError, match=rf"{name}, which is one more"):
            FEATURE_FOLDERS[kind].read(folder)


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol(copy, protocol):
    folder, file = copy("seed-v")
    before = FEATURE_FOLDERS["seed-v"].read(folder).fingerprint
    writer.save_seed_v(file, *writer.seed_v_contents(1), protocol=protocol)
    assert FEATURE_FOLDERS["seed-v"].read(folder).fingerprint == before


# --- pickles inside an NPZ


class Evil:
    def __reduce__(self):
        return (print, ("this code ran",))


@pytest.mark.parametrize("wrap", [lambda x: x, np.void, lambda x: np.frombuffer(x, np.uint8), lambda x: np.array([x])])
def test_a_pickle_may_lie_as_bytes_of_any_kind(tmp_path, wrap):
    path = tmp_path / "file.npz"
    np.savez_compressed(path, data=wrap(pickle.dumps({0: np.arange(3)})))
    np.testing.assert_array_equal(load_pickled_arrays(path, ("data", "label"))["data"][0], [0, 1, 2])


@pytest.mark.parametrize("as_bytes", [True, False])
def test_code_in_a_pickle_does_not_run(tmp_path, capfd, as_bytes):
    path = tmp_path / "file.npz"
    content = pickle.dumps(Evil()) if as_bytes else np.array([Evil()], dtype=object)
    np.savez(path, data=content)
    with pytest.raises(InputError, match=r"Expected a pickle of arrays in `data` of .*file\.npz"):
        load_pickled_arrays(path, ("data",))
    assert capfd.readouterr().out == ""


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "file.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("data.npy", "w", force_zip64=True) as npy:
        for _ in range(300):
            npy.write(bytes(2**20))
    assert path.stat().st_size < 1e6
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"at most 268435456 bytes in .*Received: 314572800 bytes packed in"):
            load_pickled_arrays(path, ("data",))
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def npy(header, body=b""):
    text = repr(header).encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00" + bytes(100),
        npy({"descr": "|S900000000", "fortran_order": False, "shape": (9,)}, b"abc"),
        npy({"descr": "|S3", "fortran_order": False, "shape": (-1,)}, b"abc"),
        npy({"descr": "|O", "fortran_order": False, "shape": ()}, b"cos\nsystem\n(S'echo ran'\ntR."),
        npy({"descr": "<f8", "fortran_order": False, "shape": ()}, bytes(8)),
        npy("no header"),
    ],
)
def test_a_member_that_is_none_is_said(tmp_path, content):
    path = tmp_path / "file.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("data.npy", content)
    with pytest.raises(InputError, match=r"file\.npz") as raised:
        load_pickled_arrays(path, ("data",))
    assert "\n" not in str(raised.value)


def test_changed_bytes_are_found(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, data=pickle.dumps({0: np.arange(300)}))
    content = bytearray(buffer.getvalue())
    content[700] ^= 0xFF
    (tmp_path / "file.npz").write_bytes(content)
    with pytest.raises(InputError, match="it is damaged"):
        load_pickled_arrays(tmp_path / "file.npz", ("data",))


# --- the layout


def test_the_layout_is_electrodes_and_bands_alone():
    assert SEED_LAYOUT.n_features == len(SEED_LAYOUT.feature_names) == 310
    assert SEED_LAYOUT.n_scalars == 0
    assert SEED_LAYOUT.feature_names[:2] == ("de_Fp1_delta", "de_Fp1_theta")
    assert SEED_LAYOUT.feature_names[-1] == "de_CB2_gamma"
    assert len(set(SEED_LAYOUT.channels)) == 62
    assert Layout.from_dict(SEED_LAYOUT.to_dict()) == SEED_LAYOUT
    assert Problem((310,), 3, SEED_LAYOUT).to_dict()["layout"]["whole_head"] == []


def test_a_layout_with_whole_head_values_is_written_as_before():
    assert set(STANDARD.to_dict()) == {"channels", "bands_hz", "pairs"}
    assert Layout.from_dict(STANDARD.to_dict()) == STANDARD


def test_codes_of_the_clips_are_the_published_ones():
    """Written out: the writers of the tests take them from the readers."""
    assert SEED_CODES == (1, 0, -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 0, 1, -1)
    assert SEED_IV_CODES == (
        (1, 2, 3, 0, 2, 0, 0, 1, 0, 1, 2, 1, 1, 1, 2, 3, 2, 2, 3, 3, 0, 3, 0, 3),
        (2, 1, 3, 0, 0, 2, 0, 2, 3, 3, 2, 3, 2, 0, 1, 1, 2, 1, 0, 3, 0, 1, 3, 1),
        (1, 2, 2, 1, 3, 3, 3, 1, 1, 2, 1, 0, 2, 3, 3, 0, 2, 3, 0, 0, 2, 0, 1, 0),
    )
