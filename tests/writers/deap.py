"""DEAP's prepared files: pickles as Python 2 wrote them, or MATLAB files of version 5."""

import pickle
import struct

import numpy as np
import scipy.io

from emotune.recordings.channels import CHANNELS
from writers import Truth, Written, empty, half, web_page
from writers.signals import eeg_uv, numbers

RATE_HZ = 128
N_TRIALS, N_CHANNELS, N_BASELINE = 40, 40, 3 * RATE_HZ
RATINGS = ("valence", "arousal", "dominance", "liking")


def pickle_of_python_2(arrays):
    """The bytes that Python 2's cPickle, protocol 2, wrote for a dict of C-ordered float64 arrays.

    Raw bytes are a `str` there: opcode BINSTRING, of which Python 3 cannot write any.
    """

    def text(value):
        return b"U" + bytes([len(value)]) + value

    def number(value):
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value) if value < 65536 else b""

    parts = [b"\x80\x02}("]
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array, dtype="<f8").tobytes()
        shape = b"".join(number(length) for length in array.shape)
        parts += [
            text(name.encode()) + b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85",
            text(b"b") + b"\x87R(" + number(1),
            b"(" + shape + b"t" if len(array.shape) > 3 else shape + bytes([0x84 + len(array.shape)]),
            b"cnumpy\ndtype\n" + text(b"f8") + number(0) + number(1) + b"\x87R(" + number(3) + text(b"<") + b"NNN",
            b"J\xff\xff\xff\xffJ\xff\xff\xff\xff" + number(0) + b"tb\x89",
            b"T" + struct.pack("<i", len(raw)),
            raw,
            b"tb",
        ]
    return b"".join([*parts, b"u."])


def person(number, seconds):
    """`data` (40, 40, n_times) with 3 s of rest before each video, and `labels` (40, 4)."""
    source = np.random.default_rng(number)
    n_times = N_BASELINE + round(seconds * RATE_HZ)
    labels = source.uniform(1.0, 9.0, (N_TRIALS, len(RATINGS))).round(2)
    data = np.empty((N_TRIALS, N_CHANNELS, n_times))
    for trial, valence in zip(data, labels[:, 0], strict=True):
        trial[:] = eeg_uv(source, N_CHANNELS, n_times, RATE_HZ, (valence - 1.0) / 8.0)
        trial[len(CHANNELS) :] += 1000.0  # no EEG: eyes, muscles, skin, breath, pulse, warmth
    return data, labels


def save(file, content, kind="dat"):
    """A file of these arrays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if kind == "dat":
        file.write_bytes(pickle_of_python_2(content))
    else:
        scipy.io.savemat(file, content)


def write(folder, n_people=2, seconds=2.0, kind="dat"):
    """`data_preprocessed_python` or, with the kind `mat`, `data_preprocessed_matlab`."""
    truths = []
    for number in reversed(numbers(n_people)):
        name = f"s{number:02d}"
        data, labels = person(number, seconds)
        save(folder / f"{name}.{kind}", {"labels": labels, "data": data}, kind)
        truths[:0] = [
            Truth(
                samples[: len(CHANNELS), N_BASELINE:],
                float(RATE_HZ),
                CHANNELS,
                subject=name,
                trial=f"{video:02d}",
                stimulus=f"video {video:02d}",
                ratings=dict(zip(RATINGS, rated.tolist(), strict=True)),
                baseline_uv=samples[: len(CHANNELS), :N_BASELINE],
            )
            for video, (samples, rated) in enumerate(zip(data, labels, strict=True), start=1)
        ]
    return Written(f"deap:{folder}", folder, truths)


DATA, LABELS = np.ones((N_TRIALS, N_CHANNELS, N_BASELINE + 16)), np.full((N_TRIALS, len(RATINGS)), 5.0)


def damages(kind):
    """Ways to spoil a folder of one kind of files."""

    def first(folder):
        return min(folder.glob(f"*.{kind}"))

    def other(**content):
        return lambda folder: save(first(folder), content, kind)

    def a_rating_beyond_the_scale(folder):
        labels = LABELS.copy()
        labels[7, 0] = 9.5
        save(first(folder), {"data": DATA, "labels": labels}, kind)

    def text(folder):
        content = {"data": DATA.astype("S1"), "labels": LABELS}
        if kind == "mat":
            save(first(folder), {**content, "data": np.full(DATA.shape[:1], "text")}, kind)
        else:
            first(folder).write_bytes(pickle.dumps(content, protocol=2))

    return {
        "cut in half": lambda folder: half(first(folder)),
        "empty": lambda folder: empty(first(folder)),
        "web page": lambda folder: web_page(first(folder)),
        "wrong key": other(samples=DATA, labels=LABELS),
        "wrong shape": other(data=DATA[0], labels=LABELS),
        "missing labels": other(data=DATA),
        "one channel gone": other(data=DATA[:, 1:], labels=LABELS),
        "one trial gone": other(data=DATA[1:], labels=LABELS[1:]),
        "labels of another length": other(data=DATA, labels=LABELS[1:]),
        "nothing behind the baseline": other(data=DATA[:, :, :N_BASELINE], labels=LABELS),
        "text in place of numbers": text,
        "a rating beyond the scale": a_rating_beyond_the_scale,
    }


DAMAGES = damages("dat")
