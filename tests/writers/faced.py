"""FACED's `Processed_data`: one pickled array a person, whose clips alone say the emotion."""

import pickle

import numpy as np

from writers import Truth, Written, empty, half, web_page
from writers.signals import eeg_uv, numbers

RATE_HZ = 250
N_CLIPS = 28
CHANNELS = (
    "FP1", "FP2", "FZ", "F3", "F4", "F7", "F8", "FC1", "FC2", "FC5", "FC6", "CZ", "C3", "C4", "T7", "T8",
    "CP1", "CP2", "CP5", "CP6", "PZ", "P3", "P4", "P7", "P8", "PO3", "PO4", "OZ", "O1", "O2", "A2", "A1",
)  # fmt: skip
EMOTIONS = ("anger", "disgust", "fear", "sadness", "neutral", "amusement", "inspiration", "joy", "tenderness")
CODES = [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3 + [4] * 4 + [5] * 3 + [6] * 3 + [7] * 3 + [8] * 3


def save(file, content, protocol=4):
    """A pickle."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pickle.dumps(content, protocol=protocol))


def write(folder, n_people=2, seconds=1.0, protocol=4):
    """`Processed_data`."""
    truths = []
    for number in reversed(numbers(n_people)):
        source = np.random.default_rng(number)
        n_times = round(seconds * RATE_HZ)
        data = np.stack([eeg_uv(source, len(CHANNELS), n_times, RATE_HZ, code / 8) for code in CODES])
        save(folder / f"sub{number:03d}.pkl", data, protocol)
        truths[:0] = [
            Truth(
                samples,
                float(RATE_HZ),
                CHANNELS,
                subject=f"sub{number:03d}",
                trial=f"{clip:02d}",
                stimulus=f"clip {clip:02d}",
                emotion=EMOTIONS[code],
            )
            for clip, (samples, code) in enumerate(zip(data, CODES, strict=True), start=1)
        ]
    return Written(f"faced:{folder}", folder, truths)


DATA = np.ones((N_CLIPS, len(CHANNELS), 9))


def _other(content):
    return lambda folder: save(min(folder.glob("*.pkl")), content)


DAMAGES = {
    "cut in half": lambda folder: half(min(folder.glob("*.pkl"))),
    "empty": lambda folder: empty(min(folder.glob("*.pkl"))),
    "web page": lambda folder: web_page(min(folder.glob("*.pkl"))),
    "wrong key": _other({"data": DATA}),
    "wrong shape": _other(DATA[0]),
    "one channel gone": _other(DATA[:, 1:]),
    "one clip gone": _other(DATA[1:]),
    "nothing in the clips": _other(DATA[:, :, :0]),
    "text in place of numbers": _other(DATA.astype("U4")),
    "an array of objects": _other(np.array([{}])),
    "a call of a function": _other(print),
}
