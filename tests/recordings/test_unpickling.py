"""Pickles of arrays are read; pickles that do anything else are refused before they do it."""

import pickle
import tracemalloc

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings.unpickling import load_pickle

ARRAYS = {
    "floats": np.arange(12.0).reshape(3, 4),
    "turned": np.arange(12, dtype=np.int16).reshape(3, 4).T,
    "big-endian": np.arange(3, dtype=">i4"),
    "text": np.array(["a", "longer"]),
    "bytes": np.array([b"a", b"longer"]),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "number": np.float32(2.5),
    "plain": [1, (2.5, "text"), None, {"inner": np.arange(2)}],
}


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "file.pkl"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_come_back_as_they_were(written, protocol):
    read = load_pickle(written(pickle.dumps(ARRAYS, protocol=protocol)))
    assert list(read) == list(ARRAYS)
    for name in list(ARRAYS)[:-1]:
        np.testing.assert_array_equal(read[name], ARRAYS[name])
        assert np.asarray(read[name]).dtype == np.asarray(ARRAYS[name]).dtype, name
    assert read["plain"][:3] == ARRAYS["plain"][:3]
    np.testing.assert_array_equal(read["plain"][3]["inner"], [0, 1])


def test_a_real_emotiv_recording(shared_data):
    read = load_pickle(shared_data / "formats" / "pickle" / "EEG16sec_artifact.pkl")
    assert read["X_raw"].shape == (2048, 14)
    assert read["fs"] == 128
    assert len(read["ch_names"]) == 14


class Evil:
    def __reduce__(self):
        return (print, ("this code ran",))


def doubled(container, times):
    content = container()
    for _ in range(times):
        content = container((content, content))
    return content


NEW = b"cnumpy.core.multiarray\n_reconstruct\n"
ARRAY, DTYPE = b"cnumpy\nndarray\n", b"cnumpy\ndtype\n"

CRAFTED = {
    "a function": pickle.dumps(Evil()),
    "os.system": b"cos\nsystem\n(S'echo ran'\ntR.",
    "builtins.eval": b"cbuiltins\neval\n(S'1+1'\ntR.",
    "another of numpy's": b"cnumpy\nload\n(S'x'\ntR.",
    "an attribute of a module": b"cnumpy\nndarray.tofile\n.",
    "an array of 300 MB": NEW + b"(" + ARRAY + b"(J\x00\x00\x00\x12tS'b'\ntR.",
    "a call of the class": ARRAY + b"(J\x00\x00\x00\x40tR.",
    "objects": pickle.dumps(np.array([object()], dtype=object)),
    "fields": pickle.dumps(np.zeros(2, dtype=[("a", "f4"), ("b", "i4")])),
    "a type of 2 GB": DTYPE + b"(S'V2000000000'\nI0\nI1\ntR.",
    "a type's name of numbers": DTYPE + b"(I5\ntR.",
    "an unpickled persistent name": b"Pname\n.",
    "an extension": b"\x80\x02\x82\x01.",
    "the class itself": ARRAY + b".",
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "a length beyond the file": b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"abc.",
    "a frame beyond the file": b"\x80\x04\x95" + (2**40).to_bytes(8, "little") + b"abc.",
    "fewer bytes than its shape": pickle.dumps(np.arange(100.0), protocol=2).replace(b"Kd\x85", b"Ke\x85"),
    "an attribute set on a function": NEW + b"}S'__defaults__'\nI1\nsb.",
    "a memory of a high number": b"\x80\x02Nr" + (10**9).to_bytes(4, "little") + b"h\x00.",
    "a list of two lists of two lists": pickle.dumps(doubled(list, 40), 2),
    "a tuple of two tuples of two tuples": pickle.dumps(doubled(tuple, 40), 2),
    "such a tuple as a key": b"}" + pickle.dumps(doubled(tuple, 40), 2)[2:-1] + b"Ns.",
    "such a tuple as a type": DTYPE + b"(" + pickle.dumps(doubled(tuple, 40), 2)[2:-1] + b"tR.",
    "such a tuple as a type's state": DTYPE + b"(S'f8'\ntR" + pickle.dumps(doubled(tuple, 40), 2)[2:-1] + b"b.",
    "one array over and over": b"(" + pickle.dumps(np.zeros(20_000), 2)[2:-1] + b"q\xff" + b"h\xff" * 100 + b"l.",
    "one text encoded over and over": (
        b"\x80\x02X"
        + (100_000).to_bytes(4, "little")
        + b"a" * 100_000
        + b"q\x010c_codecs\nencode\nq\x020]("
        + b"h\x02h\x01X\x06\x00\x00\x00latin1\x86R" * 200
        + b"e."
    ),
    "one text as arrays over and over": (
        b"\x80\x02X"
        + (100_000).to_bytes(4, "little")
        + b"a" * 100_000
        + b"q\x010"
        + DTYPE
        + b"(S'u1'\ntRq\x020cnumpy.core.numeric\n_frombuffer\nq\x030]("
        + b"h\x03(h\x01h\x02J\xa0\x86\x01\x00\x85S'C'\ntR" * 200
        + b"e."
    ),
    "lists 1000 deep": b"]" * 1000 + b"a" * 999 + b".",
    "tuples a hundred thousand deep": b"N" + b"\x85" * 100_000 + b".",
    "tuples a hundred thousand deep as a key": b"}N" + b"\x85" * 100_000 + b"Ns.",
    "marks a hundred thousand deep": b"(" * 100_000 + b".",
    "a set": pickle.dumps({1, 2}, 4),
    "a bytearray beyond the file": b"\x80\x05\x96" + (2**33).to_bytes(8, "little") + b"abc.",
    "a text cut short": b"X\xff\xff\xff\x7fabc",
    "lines and no end of them": b"c" + b"a\x0b\r" * 2000 + b"\nb\n.",
    "nothing": b"",
    "html": b"<!DOCTYPE html>",
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_file_is_refused_without_side_effect_or_large_allocation(written, name, capfd):
    path = written(CRAFTED[name])
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"Expected a pickle of arrays in .*file\.pkl, but it cannot be used") as e:
            load_pickle(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000 + 100 * len(CRAFTED[name])
    finally:
        tracemalloc.stop()
    assert capfd.readouterr().out == ""
    assert len(str(e.value)) < 500 + len(str(path))
    assert len(str(e.value).splitlines()) == 1


def test_what_a_file_refers_to_twice_is_there_twice(written):
    names, samples = ["Fp1", "Cz"], np.arange(50.0)
    read = load_pickle(written(pickle.dumps({"names": names, "again": names, "a": samples, "b": samples, 3: ()})))
    assert read["names"] == read["again"] == names
    assert read["names"] is read["again"]
    np.testing.assert_array_equal(read["b"], samples)
    assert read[3] == ()


def test_nothing_of_one_file_is_left_for_the_next(written):
    crafted = NEW + b"}S'_function'\nI1\nsb."
    with pytest.raises(InputError):
        load_pickle(written(crafted))
    np.testing.assert_array_equal(load_pickle(written(pickle.dumps(np.arange(3)))), [0, 1, 2])


def test_a_file_that_is_cut_is_refused(written):
    content = pickle.dumps(ARRAYS)
    for length in range(0, len(content) - 1, 37):
        with pytest.raises(InputError):
            load_pickle(written(content[:length]))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_pickle(tmp_path / "nowhere.pkl")
