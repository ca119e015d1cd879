"""Folders of the SEED family's ready-made features: MATLAB files, and for SEED-V pickles inside NPZ files.

Not recordings: `write` functions give, row by row, what a reader must give, and there is a table of damages each.
"""

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io

from emotune.recordings.sets.seed_files import SEED_CODES, SEED_IV_CODES, SEED_V_CODES
from writers import empty, half, web_page

DATES = ("20131027", "20131030", "20140102")


@dataclass(frozen=True)
class WrittenFeatures:
    """A folder that was written, and its rows in the order of reading."""

    spec: str
    folder: Path
    first_file: Path
    inputs: np.ndarray  # (n, 310)
    targets: np.ndarray  # (n,)
    subject: list
    session: list
    trial: list
    stimulus: list


class _Rows:
    def __init__(self):
        self.columns = {name: [] for name in ("inputs", "targets", "subject", "session", "trial", "stimulus")}

    def add(self, values, target, person, session, clip, stimulus):
        """`values` is (62, n, 5), as MATLAB has them."""
        n = values.shape[1]
        names = (f"{person:02d}", str(session), f"{person:02d}/{session}/{clip:02d}", stimulus)
        rows = [np.concatenate(list(values[:, window, :])) for window in range(n)]
        self.columns["inputs"] += rows
        for column, cell in zip(list(self.columns)[1:], (target, *names), strict=True):
            self.columns[column] += [cell] * n

    def written(self, spec, folder, first_file):
        columns = {**self.columns, "inputs": np.array(self.columns["inputs"])}
        return WrittenFeatures(spec, folder, first_file, **{**columns, "targets": np.array(columns["targets"])})


def _values(person, session, clip):
    source = np.random.default_rng(10_000 * person + 100 * session + clip)
    return source.normal(25.0, 3.0, (62, 3 + clip % 4, 5))


def _variables(person, session, n_clips):
    content = {}
    for clip in sorted(range(1, n_clips + 1), key=str):
        values = _values(person, session, clip)
        content |= {f"de_movingAve{clip}": values, f"de_LDS{clip}": values + 1, f"psd_movingAve{clip}": values + 2}
    return content


def write_seed(folder, n_people=2, inner="ExtractedFeatures", sessions=(1, 2, 3)):
    """`ExtractedFeatures` with `label.mat`."""
    rows, place = _Rows(), folder / inner
    place.mkdir(parents=True)
    for person in range(1, n_people + 1):
        for session in sessions:
            file = place / f"{person}_{DATES[session - 1]}.mat"
            scipy.io.savemat(file, _variables(person, session, 15), do_compression=True)
            for clip in range(1, 16):
                values, target = _values(person, session, clip), SEED_CODES[clip - 1] + 1
                rows.add(values, target, person, session, clip, f"clip {clip:02d}")
    scipy.io.savemat(place / "label.mat", {"label": np.array([SEED_CODES], dtype=np.int16)})
    return rows.written(f"seed:{folder}", folder, place / f"1_{DATES[0]}.mat")


def write_seed_iv(folder, n_people=2, sessions=(1, 2, 3)):
    """`eeg_feature_smooth` with its folders 1 to 3."""
    rows, place = _Rows(), folder / "eeg_feature_smooth"
    for person in range(1, n_people + 1):
        for session in sessions:
            (place / str(session)).mkdir(parents=True, exist_ok=True)
            file = place / str(session) / f"{person}_2015121{session}.mat"
            scipy.io.savemat(file, _variables(person, session, 24))
            for clip in range(1, 25):
                values, target = _values(person, session, clip), SEED_IV_CODES[session - 1][clip - 1]
                rows.add(values, target, person, session, clip, f"session {session} clip {clip:02d}")
    return rows.written(f"seed-iv:{folder}", folder, place / "1" / "1_20151211.mat")


def seed_v_contents(person):
    """The two dicts of a person, `(n, 310)` and `(n,)` for each of 45 clips."""
    data, label = {}, {}
    for key in range(45):
        session, clip = key // 15 + 1, key % 15 + 1
        values = _values(person, session, clip)
        data[key] = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)
        label[key] = np.full(values.shape[1], SEED_V_CODES[session - 1][clip - 1])
    return data, label


def save_seed_v(file, data, label, protocol=3):
    """As the set's authors did: the pickles' bytes as arrays without axes."""
    np.savez(file, data=pickle.dumps(data, protocol=protocol), label=pickle.dumps(label, protocol=protocol))


def write_seed_v(folder, n_people=2):
    """`EEG_DE_features` with a file a person."""
    rows, place = _Rows(), folder / "EEG_DE_features"
    place.mkdir(parents=True)
    for person in range(1, n_people + 1):
        save_seed_v(place / f"{person}_123.npz", *seed_v_contents(person))
        for key in range(45):
            session, clip = key // 15 + 1, key % 15 + 1
            values, target = _values(person, session, clip), SEED_V_CODES[session - 1][clip - 1]
            rows.add(values, target, person, session, clip, f"session {session} clip {clip:02d}")
    return rows.written(f"seed-v:{folder}", folder, place / "1_123.npz")


WRITERS = {"seed": write_seed, "seed-iv": write_seed_iv, "seed-v": write_seed_v}


def _with_variables(**changes):
    def damage(file):
        content = {name: value for name, value in scipy.io.loadmat(file).items() if not name.startswith("_")}
        content |= changes
        scipy.io.savemat(file, {name: value for name, value in content.items() if value is not None})

    return damage


def _with_dicts(change):
    def damage(file):
        data, label = seed_v_contents(1)
        change(data, label)
        save_seed_v(file, data, label)

    return damage


_COMMON = {"cut in half": half, "empty": empty, "web page": web_page}
_MATLAB = {
    **_COMMON,
    "a clip gone": _with_variables(de_movingAve7=None),
    "one channel gone": _with_variables(de_movingAve7=np.ones((61, 4, 5))),
    "four bands": _with_variables(de_movingAve7=np.ones((62, 4, 4))),
    "no windows": _with_variables(de_movingAve7=np.ones((62, 0, 5))),
    "turned": _with_variables(de_movingAve7=np.ones((5, 4, 62))),
    "text": _with_variables(de_movingAve7="text"),
    "a NaN": _with_variables(de_movingAve7=np.full((62, 4, 5), np.nan)),
}

# Each spoils one file of features.
DAMAGES = {
    "seed": _MATLAB,
    "seed-iv": _MATLAB,
    "seed-v": {
        **_COMMON,
        "a clip gone": _with_dicts(lambda data, label: data.pop(44)),
        "wrong keys": _with_dicts(lambda data, label: data.update(extra=data.pop(0))),
        "missing labels": _with_dicts(lambda data, label: label.clear()),
        "one channel gone": _with_dicts(lambda data, label: data.update({3: data[3][:, :305]})),
        "eye movements": _with_dicts(lambda data, label: data.update({k: v[:, :33] for k, v in data.items()})),
        "too few labels": _with_dicts(lambda data, label: label.update({3: label[3][:-1]})),
        "two labels in a clip": _with_dicts(lambda data, label: label.update({3: np.arange(len(label[3]))})),
        "an unknown label": _with_dicts(lambda data, label: label.update({3: np.full(len(label[3]), 5)})),
        "a NaN": _with_dicts(lambda data, label: data.update({3: np.full((len(label[3]), 310), np.nan)})),
        "a list": lambda file: save_seed_v(file, [1, 2], [3]),
        "no data": lambda file: np.savez(file, label=b"."),
        "numbers": lambda file: np.savez(file, data=np.zeros((9, 310)), label=np.zeros(9)),
        "objects": lambda file: np.savez(file, data={0: np.zeros(3)}, label={0: np.zeros(3)}),
        "a cut pickle": lambda file: np.savez(file, data=pickle.dumps(seed_v_contents(1)[0])[:-300], label=b"."),
    },
}
