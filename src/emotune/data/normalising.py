"""Standardisation by person: each one's vectors by the mean and spread of their own, without any label.

People differ more than emotions do, and what is subtracted here is the person. But it takes windows of the very person
who is scored, so a score says something else than one of a person of whom nothing was known: `Normalisation.label` is
the word for it, and `labelled` the one way in which it stands beside a score.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.data.scaling import Scaler
from emotune.errors import InputError
from emotune.files import fingerprint
from emotune.findings import Finding, listed

__all__ = [
    "FROM_TRAINING",
    "MIN_WINDOWS",
    "Normalisation",
    "calibration_of",
    "calibration_windows",
    "ONE_EMOTION_ALONE",
    "data_identity",
    "labelled",
    "normalised",
    "scaler_of_person",
]

# The spread of 10 windows is known to a quarter (1 / sqrt(2 · 9)); of fewer it would be a number without a meaning.
MIN_WINDOWS = 10

ONE_EMOTION_ALONE = "A stretch of one emotion alone takes some of that emotion away."

_TRAINING, _SUBJECT = "training", "subject"

# Windows start on whole samples, so that a length in seconds may be off by a little; of the window's length.
_TOLERANCE = 0.01

# So many names are shown in a message.
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Normalisation:
    """By what vectors are standardised before the training rows' own scaler.

    Attributes:
        by_subject: each person by their own windows; False for the training rows' scaler alone.
        seconds: of each person's first signal that their windows are standardised by, which are then not used
            otherwise; None for all of the person's windows. Either way windows without a label count too.
    """

    by_subject: bool = False
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None and not (self.by_subject and 0 < self.seconds < math.inf):
            raise InputError(
                f"A calibration stretch must be above 0 s, of a standardisation by person. Received: {self.seconds}."
            )

    @classmethod
    def parse(cls, text: str) -> Normalisation:
        """What `training`, `subject` or `subject:SECONDS` stands for.

        Raises:
            InputError: if it is none of them.
        """
        name, colon, seconds = text.strip().partition(":")
        if not colon and name in (_TRAINING, _SUBJECT):
            return cls(name == _SUBJECT)
        try:
            if name == _SUBJECT:
                return cls(True, float(seconds))
        except (ValueError, InputError):
            pass  # said below
        raise InputError(
            f"Expected a normalisation as `training`, `subject` or `subject:SECONDS`. Received: {text!r}. Write for "
            "example subject:60, the first minute of each person."
        )

    @classmethod
    def of(cls, provenance: Mapping[str, Any]) -> Normalisation:
        """How the rows of a dataset with this provenance were standardised."""
        content = provenance.get("normalisation")
        return FROM_TRAINING if content is None else cls.from_dict(content)

    def __str__(self) -> str:
        if not self.by_subject:
            return _TRAINING
        return _SUBJECT if self.seconds is None else f"{_SUBJECT}:{self.seconds:.15g}"

    @property
    def label(self) -> str:
        """What is to be said beside every score; empty where nothing of the scored people was used."""
        if not self.by_subject:
            return ""
        if self.seconds is None:
            return "transductive"
        return f"transductive: calibrated on each person's first {self.seconds:g} s"

    def to_dict(self) -> dict[str, Any]:
        """The normalisation as plain JSON values."""
        return {"by": _SUBJECT if self.by_subject else _TRAINING, "seconds": self.seconds}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Normalisation:
        """The normalisation that `to_dict` described.

        Raises:
            ValueError: if it is none.
        """
        by, seconds = content["by"], content["seconds"]
        if by not in (_TRAINING, _SUBJECT) or not (seconds is None or type(seconds) in (int, float)):
            raise ValueError(f"normalisation {dict(content)!r}")
        return cls(by == _SUBJECT, None if seconds is None else float(seconds))


FROM_TRAINING = Normalisation()
"""By the training rows alone: nothing of a scored person is used."""


def labelled(text: str, label: str) -> str:
    """A score's name with what is to be said of it: `accuracy (transductive)`."""
    return f"{text} ({label})" if label else text


def scaler_of_person(vectors: NDArray[np.floating[Any]], whose: str) -> Scaler:
    """What a person's windows are standardised by, from `(n, n_features)` or `(n, n_steps, n_features)` of theirs.

    Training and prediction both come here, so that the same windows give the same vectors.

    Raises:
        InputError: if there are fewer than `MIN_WINDOWS`, or a value is not finite.
    """
    n_windows = vectors.size // vectors.shape[-1] if vectors.ndim and vectors.shape[-1] else 0
    if n_windows < MIN_WINDOWS:
        raise InputError(
            f"Expected at least {MIN_WINDOWS} windows of each person to standardise by: the spread of fewer says "
            f"nothing. Received: {n_windows} of {whose}. Give more of this person's signal, a longer calibration or "
            "shorter windows, or train with --normalise training."
        )
    return Scaler.fit(vectors)


def calibration_windows(
    recording: NDArray[np.int64], starts_s: NDArray[np.float64], window_s: float, seconds: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which windows of one person lie in their first `seconds`, and which only reach into them.

    A second counts once, however many windows hold it. Seconds between recordings, or lost to a gap, do not count.

    Two windows share samples as they are after preprocessing. Causal filters and resampling delay, so that the first
    window behind the calibration still holds what was recorded up to half a second before its start.

    Args:
        recording: `(n,)`, which recording a window is of; recording after recording, each in time.
        starts_s: `(n,)`, start of each window in its recording.
        window_s: seconds of a window.
        seconds: of signal.

    Returns:
        two `(n,)` masks: the windows to calibrate by, and others that share samples with those.
    """
    inside, touching = np.zeros(len(recording), dtype=bool), np.zeros(len(recording), dtype=bool)
    if not len(recording):
        return inside, touching
    new = np.full(len(recording), window_s)
    same = recording[1:] == recording[:-1]
    new[1:][same] = np.minimum(window_s, np.diff(starts_s)[same])
    little = _TOLERANCE * window_s
    inside = np.cumsum(new) <= seconds + little
    if inside.any():
        last = int(np.flatnonzero(inside)[-1])
        reaches = (recording == recording[last]) & (starts_s < starts_s[last] + window_s - little)
        touching = reaches & ~inside
    return inside, touching


def calibration_of(
    values: NDArray[np.float32],
    recording: NDArray[np.int64],
    starts_s: NDArray[np.float64],
    window_s: float,
    seconds: float | None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What a person is standardised by, of all windows of theirs, and which windows share no sample with it.

    Training and prediction both come here, with every window that there is, whatever is known of it.

    Args:
        values: `(n, n_features)`, all windows of one person.
        recording: `(n,)`, as for `calibration_windows`, like `starts_s` and `window_s`.
        starts_s: `(n,)`.
        window_s: seconds of a window.
        seconds: of signal; None for all of it, which is then no reason to leave a window out.

    Returns:
        the vectors, `(n_calibration, n_features)`, and a mask `(n,)` of the windows that may be trained on and scored.
    """
    if seconds is None:
        return values, np.ones(len(values), dtype=bool)
    inside, touching = calibration_windows(recording, starts_s, window_s, seconds)
    return values[inside], ~(inside | touching)


def normalised(dataset: Dataset, normalisation: Normalisation) -> tuple[Dataset, NDArray[np.int64]]:
    """The dataset with each person's rows standardised by their own, and which of its rows these are.

    Of recordings all windows of a person count, also those without a label and those that fill no sequence, as they
    do in prediction; of a table, its rows. A person's sessions are standardised together: what differs between sessions
    stays. Labels have no part in it, so that another target leaves a person's windows as they are.
    The fingerprint becomes another, so that no study or winner of another normalisation is taken for this one's.

    Returns:
        the dataset as it is and all its rows for `FROM_TRAINING`; else a new one, of the rows that are left.

    Raises:
        InputError: if a person is not known or has too few windows, or a calibration stretch is asked of vectors
            whose times are not known.
    """
    if not normalisation.by_subject:
        return dataset, np.arange(len(dataset), dtype=np.int64)
    inputs = np.empty(dataset.inputs.shape, dtype=np.float32)
    left = np.ones(len(dataset), dtype=bool)
    n_windows = 0
    for person, rows in _people(dataset, normalisation):
        calibration, left[rows] = _calibration(dataset, person, rows, normalisation.seconds)
        if not left[rows].any():
            raise InputError(
                f"Expected windows beyond the first {normalisation.seconds:g} s of each person in {dataset.name}. "
                f"Received: none of {person}. Lower the seconds of --normalise {normalisation}."
            )
        n_windows += len(calibration)
        inputs[rows] = scaler_of_person(calibration, f"{person} in {dataset.name}").transform(dataset.inputs[rows])
    kept = np.flatnonzero(left).astype(np.int64)
    counts = np.bincount(dataset.targets[kept], minlength=dataset.n_classes)
    gone = [dataset.class_names[i] for i in np.unique(dataset.targets) if not counts[i]]
    if gone:
        raise InputError(
            f"Expected windows of every class beyond each person's first {normalisation.seconds:g} s in "
            f"{dataset.name}. Received: none of {listed(gone, _LISTED)}. Lower the seconds of --normalise "
            f"{normalisation}."
        )
    finding = _finding(dataset, normalisation, n_windows, len(dataset) - len(kept))
    return (
        replace(
            dataset,
            inputs=inputs if len(kept) == len(dataset) else inputs[kept],
            targets=dataset.targets[kept],
            groups={name: values[kept] for name, values in dataset.groups.items()},
            windows=None if dataset.windows is None else dataset.windows[kept],
            fingerprint=fingerprint([dataset.fingerprint, normalisation.to_dict()]),
            findings=(*dataset.findings, finding),
            provenance={
                **dataset.provenance,
                "normalisation": {**normalisation.to_dict(), "of": dataset.fingerprint},
                "n_rows": len(kept),
                "class_counts": {name: int(count) for name, count in zip(dataset.class_names, counts, strict=True)},
            },
        ),
        kept,
    )


def data_identity(dataset: Dataset) -> str:
    """Whose test part is opened, however the vectors are made or standardised: of recordings, else of the rows."""
    recordings = dataset.provenance.get("recordings")
    if recordings is not None:
        return str(recordings)
    return str(dataset.provenance.get("normalisation", {}).get("of", dataset.fingerprint))


def _people(dataset: Dataset, normalisation: Normalisation) -> Iterator[tuple[str, NDArray[np.int64]]]:
    subjects = dataset.groups["subject"]
    n_unknown = int((subjects == "").sum())
    if n_unknown:
        raise InputError(
            f"Expected the person of each row in {dataset.name} for --normalise {normalisation}. Received: {n_unknown} "
            f"of {len(dataset)} rows without. Name the subjects, or take --normalise training."
        )
    for person in np.unique(subjects).tolist():
        yield person, np.flatnonzero(subjects == person).astype(np.int64)


def _calibration(
    dataset: Dataset, person: str, rows: NDArray[np.int64], seconds: float | None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What a person is standardised by, `(..., n_features)`, and which of their rows share no sample with it."""
    table, windows = dataset.table, dataset.windows
    if table is None or windows is None:
        if seconds is not None:
            raise InputError(
                f"Expected recordings for --normalise subject:{seconds:g}, so that it is known which windows come "
                f"first. Received: {dataset.name}, vectors without times. Take --normalise subject, or the recordings."
            )
        return dataset.inputs[rows], np.ones(len(rows), dtype=bool)
    own = (table.recordings.subject == person)[table.recording]
    free = np.ones(len(table), dtype=bool)
    calibration, free[own] = calibration_of(
        table.values[own], table.recording[own], table.starts_s[own], table.window_s, seconds
    )
    return calibration, np.asarray(free[windows[rows]].all(axis=1))


def _finding(dataset: Dataset, normalisation: Normalisation, n_windows: int, n_left_out: int) -> Finding:
    n_people = len(np.unique(dataset.groups["subject"]))
    if normalisation.seconds is None:
        return Finding(
            "transductive",
            "warning",
            f"Each of the {n_people} people of {dataset.name} is standardised by their own windows, those that are "
            "scored too, all sessions of a person together. Every score is transductive: it holds where windows of "
            "the same person are there before the first answer, and is no score of a person seen for the first time.",
            "Compare it with transductive scores alone, or take --normalise training.",
        )
    return Finding(
        "calibrated",
        "warning",
        f"Each of the {n_people} people of {dataset.name} is standardised by their own first {normalisation.seconds:g} "
        f"s of signal in the order of the recordings, without labels: {n_windows} windows. {n_left_out} rows that "
        "hold any of it are in no part. Every score is transductive: it holds for people who give as much signal "
        f"before the first answer. {ONE_EMOTION_ALONE}",
        "Say it with the score, or take --normalise training.",
    )
