"""Writers of small folders that are byte for byte like those of published data sets."""

import struct

import numpy as np
import pytest
import scipy.io

RATE_HZ = 128
N_DEAP_TIMES = 6 * RATE_HZ  # 3 s of baseline and 3 s more, in place of 63 s


def pickle_of_python_2(arrays):
    """The bytes that Python 2's cPickle, protocol 2, wrote for a dict of C-ordered float64 arrays.

    Raw bytes are a `str` there: opcode BINSTRING, of which Python 3 cannot write any.
    """

    def text(value):
        return b"U" + bytes([len(value)]) + value

    def number(value):
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value) if value < 65536 else b""

    out = b"\x80\x02}("
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array, dtype="<f8").tobytes()
        out += text(name.encode()) + b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85"
        out += text(b"b") + b"\x87R(" + number(1)
        shape = b"".join(number(length) for length in array.shape)
        out += b"(" + shape + b"t" if len(array.shape) > 3 else shape + bytes([0x84 + len(array.shape)])
        out += b"cnumpy\ndtype\n" + text(b"f8") + number(0) + number(1) + b"\x87R(" + number(3) + text(b"<") + b"NNN"
        out += b"J\xff\xff\xff\xffJ\xff\xff\xff\xff" + number(0) + b"tb\x89"
        out += b"T" + struct.pack("<i", len(raw)) + raw + b"tb"
    return out + b"u."


def deap_person(seed, n_trials=40, n_times=N_DEAP_TIMES):
    source = np.random.default_rng(seed)
    data = source.normal(0.0, 12.0, (n_trials, 40, n_times))
    labels = source.uniform(1.0, 9.0, (n_trials, 4)).round(2)
    return data, labels


@pytest.fixture
def write_deap():
    """A function that writes people's files into a folder and gives what is in them."""

    def write(folder, people=(1, 2), kind="dat"):
        folder.mkdir(exist_ok=True)
        content = {}
        for number in people:
            data, labels = deap_person(number)
            content[f"s{number:02d}"] = data, labels
            path = folder / f"s{number:02d}.{kind}"
            if kind == "dat":
                path.write_bytes(pickle_of_python_2({"labels": labels, "data": data}))
            else:
                scipy.io.savemat(path, {"data": data, "labels": labels})
        return content

    return write
