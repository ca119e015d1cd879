"""What the files of SEED and SEED-IV share: a sitting in each, a variable for each film clip."""

import numpy as np
import scipy.io

from writers import empty, half, web_page
from writers.signals import eeg_uv

RATE_HZ = 200

# The caps' own order.
CHANNELS = (
    "FP1", "FPZ", "FP2", "AF3", "AF4", "F7", "F5", "F3", "F1", "FZ", "F2", "F4", "F6", "F8", "FT7", "FC5", "FC3",
    "FC1", "FCZ", "FC2", "FC4", "FC6", "FT8", "T7", "C5", "C3", "C1", "CZ", "C2", "C4", "C6", "T8", "TP7", "CP5",
    "CP3", "CP1", "CPZ", "CP2", "CP4", "CP6", "TP8", "P7", "P5", "P3", "P1", "PZ", "P2", "P4", "P6", "P8", "PO7",
    "PO5", "PO3", "POZ", "PO4", "PO6", "PO8", "CB1", "O1", "OZ", "O2", "CB2",
)  # fmt: skip
INITIALS = {2: "jl", 9: "ww", 11: "w_x2"}


def sitting(seed, levels, seconds=1.0, initials="djc"):
    """The variables of one file, a clip for each level: of odd and different lengths, far from zero."""
    source = np.random.default_rng(seed)
    # MATLAB wrote them in the order of their names as text: *_eeg1, *_eeg10, *_eeg11, …
    return {
        f"{initials}_eeg{clip}": eeg_uv(
            source, len(CHANNELS), round(seconds * RATE_HZ) + 1 + 2 * clip, RATE_HZ, levels[clip - 1]
        )
        for clip in sorted(range(1, len(levels) + 1), key=str)
    }


def clip_of(variables, number):
    """The samples of a clip, whoever saw it."""
    (name,) = (name for name in variables if name.endswith(f"_eeg{number}"))
    return variables[name]


def save(file, content, compress=False):
    """A MATLAB file of version 5."""
    file.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(file, content, do_compression=compress)


def damages(first, n_clips):
    """Ways to spoil the file that `first` finds in a folder, of a set of so many clips."""
    clips = {f"djc_eeg{clip}": np.ones((len(CHANNELS), 9)) for clip in range(1, n_clips + 1)}

    def other(**changes):
        return lambda folder: save(
            first(folder), {name: value for name, value in {**clips, **changes}.items() if value is not None}
        )

    def wrong_key(folder):
        save(first(folder), {f"de_LDS{clip}": np.ones((len(CHANNELS), 9, 5)) for clip in range(1, n_clips + 1)})

    return {
        "cut in half": lambda folder: half(first(folder)),
        "empty": lambda folder: empty(first(folder)),
        "web page": lambda folder: web_page(first(folder)),
        "wrong key": wrong_key,
        "wrong shape": other(djc_eeg3=np.ones((len(CHANNELS), 9, 5))),
        "one channel gone": other(djc_eeg3=np.ones((len(CHANNELS) - 1, 9))),
        "one clip gone": other(djc_eeg3=None),
        "one clip twice": other(jl_eeg3=np.ones((len(CHANNELS), 9))),
        "nothing in a clip": other(djc_eeg3=np.ones((len(CHANNELS), 0))),
        "complex numbers": other(djc_eeg3=np.full((len(CHANNELS), 9), 1j)),
        "text in place of numbers": other(djc_eeg3="text"),
    }
