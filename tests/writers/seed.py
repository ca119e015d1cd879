"""SEED's `Preprocessed_EEG`: a MATLAB file for each sitting, and `label.mat`."""

import numpy as np

from writers import Truth, Written, empty, half, web_page
from writers.film_clips import CHANNELS, INITIALS, RATE_HZ, clip_of, damages, save, sitting
from writers.signals import numbers

CODES = (1, 0, -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 0, 1, -1)
EMOTIONS = ("negative", "neutral", "positive")
LEVELS = [(code + 1) / 2 for code in CODES]
DATES = ("20131027", "20131030", "20140102")  # their order as text is their order in time


def write_labels(folder, codes=CODES):
    """`label.mat`."""
    save(folder / "label.mat", {"label": np.array([codes], dtype=np.int16)})


def write(folder, n_people=2, seconds=1.0, n_sessions=2, compress=False):
    """`Preprocessed_EEG`, written last to first, so that no order of the file system helps."""
    truths = []
    for person in reversed(numbers(n_people)):
        for session in range(n_sessions, 0, -1):
            clips = sitting(100 * person + session, LEVELS, seconds, INITIALS.get(person, "djc"))
            save(folder / f"{person}_{DATES[session - 1]}.mat", clips, compress)
            truths[:0] = [
                Truth(
                    clip_of(clips, clip),
                    float(RATE_HZ),
                    CHANNELS,
                    subject=f"{person:02d}",
                    session=str(session),
                    trial=f"{clip:02d}",
                    stimulus=f"clip {clip:02d}",
                    emotion=EMOTIONS[code + 1],
                )
                for clip, code in enumerate(CODES, start=1)
            ]
    write_labels(folder)
    return Written(f"seed:{folder}", folder, truths)


def first(folder):
    """The sitting that is read first."""
    return folder / f"2_{DATES[0]}.mat"


def _labels(**content):
    return lambda folder: save(folder / "label.mat", content)


DAMAGES = {
    **damages(first, len(CODES)),
    "missing labels": _labels(other=np.zeros((1, len(CODES)))),
    "labels of another length": _labels(label=np.zeros((1, 14))),
    "labels beyond the coding": _labels(label=np.full((1, len(CODES)), 2)),
    "labels cut in half": lambda folder: half(folder / "label.mat"),
    "labels empty": lambda folder: empty(folder / "label.mat"),
    "labels a web page": lambda folder: web_page(folder / "label.mat"),
}
