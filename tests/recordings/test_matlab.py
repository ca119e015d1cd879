"""MATLAB files that lie: changed bytes, claimed sizes, and links to other files."""

import random
import struct
import subprocess
import sys
import zlib

import h5py
import numpy as np
import pytest
import scipy.io

from emotune.errors import InputError
from emotune.recordings.matlab import read_matlab
from emotune.recordings.matlab_elements import check_elements
from emotune.recordings.reading import read_recording

_CELLS = np.array([[np.ones((3, 2))], [np.zeros((0, 0))]], dtype=object)
LAYOUTS = {
    "deap": {"data": np.ones((2, 3, 4)), "labels": np.ones((2, 4))},
    "seed": {"djc_eeg1": np.ones((3, 5)), "djc_eeg2": np.full((3, 2), 1j)},
    "dreamer": {"DREAMER": {"Data": _CELLS, "Version": "1.0.2"}},
}

# A reader that crashes takes the process with it, so another one reads; the last line says which change it was.
_READ_CHANGED = """
import sys
from pathlib import Path
from emotune.errors import InputError
from emotune.recordings.matlab import read_matlab
from emotune.recordings.reading import read_recording
from emotune.recordings.sets.seed_files import variables_of

folder, names = Path(sys.argv[1]), sys.argv[2:]
for path in sorted(folder.glob("changed-*")):
    print(path.name, flush=True)
    try:
        if path.suffix == ".set":
            read_recording(path)
        else:
            variables_of(path)
            read_matlab(path, names)
    except InputError as error:
        assert str(path) in str(error) and "\\n" not in str(error), error
print("all read")
"""


def read_changed(folder, content, suffix, names, n_changes, *, compressed=False):
    """Write copies with one byte changed in what stands before the values, and read them in another process."""
    rng = random.Random(0)
    changes = [(i, value) for i in range(124, len(content)) for value in (0, 0xFF, content[i] ^ 8, content[i] ^ 1)]
    for i, value in rng.sample(changes, n_changes):
        changed = bytearray(content)
        changed[i] = value
        if compressed:
            packed = zlib.compress(bytes(changed[128:]))
            changed[128:] = struct.pack("<II", 15, len(packed)) + packed
        (folder / f"changed-{i:05d}-{value:02x}{suffix}").write_bytes(changed)
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _READ_CHANGED, str(folder), *names],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout[-200:]} {ran.stderr[-1000:]}"
    assert ran.stdout.endswith("all read\n")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_changed_byte_is_an_error_or_nothing(tmp_path, layout, compressed):
    file = tmp_path / "whole.mat"
    scipy.io.savemat(file, LAYOUTS[layout])
    content = file.read_bytes()
    if compressed:  # one variable, packed as a whole
        content = content[: 136 + struct.unpack_from("<I", content, 132)[0]]
    read_changed(tmp_path, content, ".mat", list(LAYOUTS[layout]), 400, compressed=compressed)


def test_a_changed_byte_of_an_eeglab_file_is_an_error_or_nothing(tmp_path, write_recording, make_eeg):
    file = write_recording(tmp_path / "a.set", ["Fz", "Cz"], make_eeg(["Fz", "Cz"], seconds=1), events=[("S", 5, 1)])
    read_changed(tmp_path, file.read_bytes(), ".set", [], 300)


@pytest.mark.parametrize("do_compression", [False, True])
def test_every_class_is_followed_to_its_end(tmp_path, do_compression):
    content = {
        "numbers": np.arange(24.0).reshape(2, 3, 4),
        "small": np.array([[1, 2]], dtype=np.int8),
        "complex": np.array([[1 + 2j, 3.0]]),
        "text": "some text",
        "cells": _CELLS,
        "struct": {"a": {"b": _CELLS}, "c": np.zeros((0, 3))},
        "sparse": scipy.sparse.csc_array(np.eye(5)),
    }
    file = tmp_path / "a.mat"
    scipy.io.savemat(file, content, do_compression=do_compression)
    read = read_matlab(file, list(content))
    assert list(read) == list(content)
    for name in ("numbers", "small", "complex"):
        np.testing.assert_array_equal(read[name], content[name])


@pytest.mark.parametrize("do_compression", [False, True])
@pytest.mark.parametrize(("values", "received"), [(np.zeros((40, 50)), 2000), (_CELLS, 6), ({"a": "text"}, 4)])
def test_more_values_than_expected_are_not_read(tmp_path, values, received, do_compression):
    file = tmp_path / "a.mat"
    scipy.io.savemat(file, {"data": values, "b": 1.0}, do_compression=do_compression)
    assert set(read_matlab(file, ("data", "b"), max_items=received)) == {"data", "b"}
    with pytest.raises(
        InputError, match=rf"a\.mat, .*{received} values .*more than the {received - 1} expected at mos"
    ):
        read_matlab(file, ("data", "b"), max_items=received - 1)
    assert set(read_matlab(file, ("b",), max_items=1)) == {"b"}


def _matrix(class_, shape, rest):
    dims = struct.pack(f"<II{len(shape)}i", 5, 4 * len(shape), *shape)
    content = struct.pack("<4I", 6, 8, class_, 0) + dims + bytes(-len(dims) % 8)
    content += struct.pack("<HHI", 1, 1, ord("a")) + rest
    return struct.pack("<II", 14, len(content)) + content


_FIELDS = struct.pack("<HHi", 5, 4, 32) + struct.pack("<II", 1, 0)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (_matrix(6, (2**20, 2**11), struct.pack("<II", 9, 0)), "values in a variable, more than"),
        (_matrix(6, (-1, -1), struct.pack("<IId", 9, 8, 1.0)), r"a variable of shape \(-1, -1\)"),
        (_matrix(6, (1, 2), struct.pack("<IId", 9, 8, 1.0)), r"8 bytes of type 9 for the shape \(1, 2\)"),
        (_matrix(6, (1, 1), struct.pack("<IId", 8, 8, 1.0)), "values of type 8"),
        (_matrix(18, (1, 1), b""), "a variable of class 18, which is none"),
        (_matrix(1, (2**12, 2**12), b""), "more than 4194304 cells and fields"),
        (_matrix(2, (2**12, 2**12), _FIELDS), r"no fields for the shape \(4096, 4096\)"),
        (_matrix(2, (1, 1), struct.pack("<HHi", 5, 4, 0) + struct.pack("<II", 1, 0)), r"field names of \(0,\) bytes"),
        (_matrix(4, (2**12, 2**12), struct.pack("<II", 1, 0)), "0 bytes of text for the shape"),
        (_matrix(6, (1, 1), struct.pack("<II", 9, 2**31)), "bytes at byte 184, where its variable ends at 184"),
    ],
)
def test_claims_are_refused_before_anything_is_made_of_them(tmp_path, matrix, message):
    file = tmp_path / "a.mat"
    file.write_bytes(b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + matrix)
    with pytest.raises(InputError, match=rf"Expected a MATLAB file at .*a\.mat, .*{message}.*\. Download it again"):
        read_matlab(file, ("a",))


def test_cells_without_end_are_refused(tmp_path):
    matrix = _matrix(6, (1, 1), struct.pack("<IId", 9, 8, 1.0))
    for _ in range(100):
        matrix = _matrix(1, (1, 1), matrix)
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + matrix)
    with pytest.raises(InputError, match="more than 64 cells and structs in one another"):
        read_matlab(tmp_path / "a.mat", ("a",))


def test_more_than_a_compressed_variable_can_hold_is_refused(tmp_path):
    packed = zlib.compress(_matrix(6, (1, 2**20), struct.pack("<II", 9, 2**23)))
    content = b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(packed)) + packed
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(InputError, match="bytes more than its compressed variable can hold"):
        read_matlab(tmp_path / "a.mat", ("a",))


def test_files_of_other_versions_are_left_to_their_readers_or_refused(tmp_path):
    file = tmp_path / "a.mat"
    scipy.io.savemat(file, {"a": np.ones((30, 3))}, format="4")
    with pytest.raises(InputError, match="version 4 is not read"):
        read_matlab(file, ("a",))
    file.write_bytes(b"MATLAB 7.3".ljust(124) + b"\x00\x02IM")
    check_elements(file)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"shape": (1000, 1000), "dtype": "f8", "chunks": (10, 10)}, r"0 bytes are stored of `data`, whose \(1000, 1"),
        ({"data": np.ones((40, 50))}, "2000 values in `data`, more than the 1000 expected at most"),
        ({"shape": (2, 2), "dtype": "u1", "external": [("other.raw", 0, 4)]}, "values of `data` are in another file"),
        ({"data": np.array(["a", "b"], dtype=object), "dtype": h5py.string_dtype()}, "`data` holds no numbers"),
    ],
)
def test_version_7_3_is_read_only_where_its_values_are(tmp_path, made, message):
    file = tmp_path / "a.mat"
    with h5py.File(file, "w") as content:
        content.create_dataset("data", **made)
    with pytest.raises(InputError, match=rf"a\.mat, but .*{message}"):
        read_matlab(file, ("data",), max_items=1000 if "data" in made else 10**7)


@pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "data"), h5py.SoftLink("/elsewhere")])
def test_version_7_3_does_not_follow_links(tmp_path, link):
    with h5py.File(tmp_path / "other.h5", "w") as content:
        content["data"] = np.ones((2, 2))
    with h5py.File(tmp_path / "a.mat", "w") as content:
        content["elsewhere"] = np.ones((2, 2))
        content["data"] = link
    with pytest.raises(InputError, match=r"a\.mat, but .*`data` is a link to another place"):
        read_matlab(tmp_path / "a.mat", ("data",))


def test_version_7_3_has_no_values_of_another_file(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as content:
        content["data"] = np.ones((2, 2))
    with h5py.File(tmp_path / "a.mat", "w") as content:
        layout = h5py.VirtualLayout((2, 2), "f8")
        layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "data", (2, 2))
        content.create_virtual_dataset("data", layout)
    with pytest.raises(InputError, match=r"a\.mat, but .*the values of `data` are in another file"):
        read_matlab(tmp_path / "a.mat", ("data",))


@pytest.mark.parametrize("kind", ["link", "inner link", "external values"])
def test_an_eeglab_file_of_version_7_3_does_not_point_to_other_files(tmp_path, kind):
    path = tmp_path / "a.set"
    with h5py.File(path, "w") as content:
        if kind == "link":
            content["data"] = h5py.ExternalLink("other.h5", "data")
        elif kind == "inner link":
            content["EEG/data"] = h5py.ExternalLink("other.h5", "data")
        else:
            content.create_dataset("EEG/data", (2, 2), "u1", external=[("other.raw", 0, 4)])
    with pytest.raises(
        InputError, match=r"EEGLAB data in .*a\.set, but .*(is a link to another place|in another file)"
    ):
        read_recording(path)
