"""What the SEED family has in common: the cap, how files are named and numbered, and what clips were meant as."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotune.errors import InputError
from emotune.findings import Finding, listed
from emotune.recordings.matlab import read_matlab
from emotune.recordings.matlab_elements import check_elements

__all__ = [
    "ACCESS",
    "LICENCE",
    "N_SESSIONS",
    "REMEDY",
    "SEED_CHANNELS",
    "SEED_CODES",
    "SEED_EMOTIONS",
    "SEED_IV_CODES",
    "SEED_IV_EMOTIONS",
    "SEED_V_CODES",
    "SEED_V_EMOTIONS",
    "Sitting",
    "changed_labels",
    "read_seed_codes",
    "refuse_copies",
    "sittings_by_date",
    "sittings_by_folder",
    "variables_of",
]

N_SESSIONS = 3
ACCESS = "https://bcmi.sjtu.edu.cn/home/seed/"
LICENCE = "for academic research, on request"
REMEDY = "Download the file again."

# The caps' own order, which the MATLAB files do not hold: `channel-order.xlsx` lies beside them.
SEED_CHANNELS = (
    "FP1", "FPZ", "FP2", "AF3", "AF4", "F7", "F5", "F3", "F1", "FZ", "F2", "F4", "F6", "F8", "FT7", "FC5", "FC3",
    "FC1", "FCZ", "FC2", "FC4", "FC6", "FT8", "T7", "C5", "C3", "C1", "CZ", "C2", "C4", "C6", "T8", "TP7", "CP5",
    "CP3", "CP1", "CPZ", "CP2", "CP4", "CP6", "TP8", "P7", "P5", "P3", "P1", "PZ", "P2", "P4", "P6", "P8", "PO7",
    "PO5", "PO3", "POZ", "PO4", "PO6", "PO8", "CB1", "O1", "OZ", "O2", "CB2",
)  # fmt: skip

SEED_EMOTIONS = ("negative", "neutral", "positive")
SEED_CODES = (1, 0, -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 0, 1, -1)  # as published, for folders without label.mat

SEED_IV_EMOTIONS = ("neutral", "sad", "fear", "happy")
SEED_IV_CODES = (
    (1, 2, 3, 0, 2, 0, 0, 1, 0, 1, 2, 1, 1, 1, 2, 3, 2, 2, 3, 3, 0, 3, 0, 3),
    (2, 1, 3, 0, 0, 2, 0, 2, 3, 3, 2, 3, 2, 0, 1, 1, 2, 1, 0, 3, 0, 1, 3, 1),
    (1, 2, 2, 1, 3, 3, 3, 1, 1, 2, 1, 0, 2, 3, 3, 0, 2, 3, 0, 0, 2, 0, 1, 0),
)

SEED_V_EMOTIONS = ("disgust", "fear", "sad", "neutral", "happy")
SEED_V_CODES = (
    (4, 1, 3, 2, 0, 4, 1, 3, 2, 0, 4, 1, 3, 2, 0),
    (2, 1, 3, 0, 4, 4, 0, 3, 2, 1, 3, 4, 1, 2, 0),
    (2, 1, 3, 0, 4, 4, 0, 3, 2, 1, 3, 4, 1, 2, 0),
)

_FILE = re.compile(r"(\d+)_(\d{8})\.mat", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sitting:
    """A person's one session, which is one file.

    Attributes:
        file: where it is.
        person: the number that the file's name begins with.
        session: from 1.
    """

    file: Path
    person: int
    session: int


def sittings_by_date(folder: Path) -> list[Sitting]:
    """SEED's `{person}_{date}.mat` of a folder, by person; a person's sessions are numbered in the order of dates."""
    so_far: Counter[int] = Counter()
    sittings = []
    for person, _, file in sorted((person, date, file) for file, person, date in _named_in(folder)):
        so_far[person] += 1
        sittings.append(Sitting(file, person, so_far[person]))
    return sittings


def sittings_by_folder(folder: Path) -> list[Sitting]:
    """SEED-IV's `{session}/{person}_{date}.mat` of a folder, by person and session."""
    named = sorted(
        (person, session, file)
        for session in range(1, N_SESSIONS + 1)
        for file, person, _ in _named_in(folder / str(session))
    )
    return [Sitting(file, person, session) for person, session, file in named]


def refuse_copies(sittings: Iterable[Sitting], folder: Path) -> None:
    """Refuse a second file of a session, and a fourth session.

    Raises:
        InputError: if there is one.
    """
    seen = set()
    for sitting in sittings:
        if (sitting.person, sitting.session) in seen or sitting.session > N_SESSIONS:
            raise InputError(
                f"Expected one file for each of the {N_SESSIONS} sessions of person {sitting.person} in {folder}. "
                f"Received: {sitting.file}, which is one more. Take copies out of the folder."
            )
        seen.add((sitting.person, sitting.session))


def read_seed_codes(file: Path) -> tuple[int, ...]:
    """The codes of SEED's clips in a `label.mat`; the published ones where there is no such file.

    Raises:
        InputError: if the file is damaged or holds something else.
    """
    if not file.exists():
        return SEED_CODES
    codes = read_matlab(file, ("label",), max_items=1000 * len(SEED_CODES)).get("label")
    values = codes.ravel().tolist() if isinstance(codes, np.ndarray) and codes.dtype.kind in "fiu" else []
    if len(values) != len(SEED_CODES) or not set(values) <= {-1, 0, 1}:
        received = listed([f"{value:g}" for value in values], 20) or "no numbers"
        raise InputError(
            f"Expected `label` in {file}: {len(SEED_CODES)} values, each -1, 0 or 1. Received: {received}. "
            "Download it again, or take it out: the published labels are used then."
        )
    return tuple(int(value) for value in values)


def changed_labels(codes: tuple[int, ...], folder: Path) -> tuple[Finding, ...]:
    """A label file of SEED that is not the published one is used, and said."""
    if codes == SEED_CODES:
        return ()
    return (
        Finding(
            "label-file",
            "warning",
            f"The labels in label.mat of {folder} are not those that SEED was published with.",
            "Download label.mat again, unless you changed it on purpose.",
        ),
    )


def variables_of(file: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes in a MATLAB file, told by its headers: no value is read.

    Raises:
        InputError: if the file is damaged.
    """
    import scipy.io

    try:
        check_elements(file, ())
        return [(name, tuple(shape)) for name, shape, _ in scipy.io.whosmat(str(file))]
    except Exception as error:  # it raises whatever damaged bytes lead it to
        raise InputError(
            f"Expected a MATLAB file (version 5 to 7) at {file}, but its variables cannot be listed "
            f"({' '.join(str(error).split())[:200]}). {REMEDY}"
        ) from error


def _named_in(folder: Path) -> list[tuple[Path, int, str]]:
    """Files called `{person}_{date}.mat` in a folder, with both; none where there is no such folder."""
    if not folder.is_dir():
        return []
    matches = [(file, _FILE.fullmatch(file.name)) for file in folder.iterdir()]
    return [(file, int(named[1]), named[2]) for file, named in matches if named]
