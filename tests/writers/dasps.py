"""DASPS's files of MATLAB 7.3, whose stretches come in pairs."""

import h5py
import numpy as np

from writers import Truth, Written, empty, half, web_page
from writers.signals import eeg_uv, numbers

RATE_HZ = 128
N_TRIALS = 12
CHANNELS = ("AF3", "F7", "F3", "FC5", "T7", "P7", "O1", "O2", "P8", "T8", "FC6", "F4", "F8", "AF4")
RATINGS = ("valence", "arousal")


def save(file, arrays):
    """A file of MATLAB 7.3: its text in a block of 512 bytes, then HDF5 with every array turned."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w", userblock_size=512) as content:
        for name, array in arrays.items():
            content[name] = array
            content[name].attrs["MATLAB_class"] = np.bytes_("double")
    with file.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(124) + b"\x00\x02IM")


def person(number, seconds):
    """As h5py reads them: `data` (12, n_times, 14) around the headset's offset, `labels` (2, 12)."""
    source = np.random.default_rng(number)
    labels = np.repeat(source.integers(1, 10, (len(RATINGS), N_TRIALS // 2)), 2, axis=1).astype(float)
    n_times = round(seconds * RATE_HZ)
    data = [
        eeg_uv(source, len(CHANNELS), n_times, RATE_HZ, (valence - 1.0) / 8.0, offset_uv=4200.0).T.round(1)
        for valence in labels[0].tolist()
    ]
    return np.stack(data), labels


def write(folder, n_people=2, seconds=2.0, ending="preprocessed"):
    """The prepared files; with an empty `ending` they are called as the raw ones."""
    truths = []
    for number in reversed(numbers(n_people)):
        data, labels = person(number, seconds)
        save(folder / f"S{number:02d}{ending}.mat", {"data": data, "labels": labels})
        truths[:0] = [
            Truth(
                samples.T,
                float(RATE_HZ),
                CHANNELS,
                subject=f"s{number:02d}",
                trial=f"{index // 2 + 1:02d}",
                ratings=dict(zip(RATINGS, rated.tolist(), strict=True)),
            )
            for index, (samples, rated) in enumerate(zip(data, labels.T, strict=True))
        ]
    return Written(f"dasps:{folder}", folder, truths)


DATA, LABELS = np.ones((N_TRIALS, 9, len(CHANNELS))), np.full((len(RATINGS), N_TRIALS), 5.0)


def first(folder):
    """The person who is read first."""
    return min(folder.glob("*.mat"))


def _other(**content):
    return lambda folder: save(first(folder), content)


def _changed(row, columns, rating):
    labels = LABELS.copy()
    labels[row, columns] = rating
    return _other(data=DATA, labels=labels)


DAMAGES = {
    "cut in half": lambda folder: half(first(folder)),
    "empty": lambda folder: empty(first(folder)),
    "web page": lambda folder: web_page(first(folder)),
    "wrong key": _other(samples=DATA, labels=LABELS),
    "wrong shape": _other(data=DATA[0], labels=LABELS),
    "missing labels": _other(data=DATA),
    "labels the other way round": _other(data=DATA, labels=LABELS.T),
    "one channel gone": _other(data=DATA[:, :, 1:], labels=LABELS),
    "one trial gone": _other(data=DATA[1:], labels=LABELS),
    "nothing in the trials": _other(data=DATA[:, :0], labels=LABELS),
    "text in place of numbers": _other(data=DATA.astype("S1"), labels=LABELS),
    "a pair with two ratings": _changed(1, 5, 6.0),
    "a rating beyond the scale": _changed(0, slice(6, 8), 9.5),
}
