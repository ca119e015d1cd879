"""A `Split`: which rows train, which choose, and which are only measured; kept in a file that says who is where."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.errors import InputError
from emotune.evaluation.grouping import group_is_known, natural_order
from emotune.files import fingerprint, read_json, write_json

__all__ = ["FRACTIONS", "OWN_PARTS", "PARTS", "SPLIT_SCHEMA", "Split", "load_split", "names_in", "save_split"]

PARTS = ("train", "validation", "test")
FRACTIONS = (0.6, 0.2, 0.2)
OWN_PARTS = "own parts"  # the protocol of a dataset that comes divided

# Raised when the meaning of a key of a saved split changes.
SPLIT_SCHEMA = 1


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Three parts of a dataset, as row numbers in ascending order; some rows may be in none.

    Attributes:
        train: rows that weights and the scaler are fitted on.
        validation: rows that epochs and hyperparameters are chosen on.
        test: rows that are opened once, by the retrain or the evaluation.
        protocol: what keeps the test part apart: a name in `PROTOCOLS`, or `own parts`.
        seed: what the shuffle came from; 0 for the user's own parts, which no chance is involved in.
        people: names of the people in each part; empty where people are not known.
        trials: names of the trials in each part, where trials are what was divided; else empty.
        validation_protocol: what keeps validation and training apart; `protocol` unless there are two people (or
            sessions).
        fold: which fold of how many, counted from 1; None for a split that is none.
        groups: names in each part by the column that was divided, for columns other than people and trials.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    protocol: str
    seed: int
    people: Mapping[str, list[str]]
    trials: Mapping[str, list[str]] = field(default_factory=dict)
    validation_protocol: str = ""
    fold: tuple[int, int] | None = None
    groups: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.validation_protocol:
            object.__setattr__(self, "validation_protocol", self.protocol)

    @property
    def parts(self) -> dict[str, NDArray[np.int64]]:
        """The rows of each part by its name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def development(self) -> NDArray[np.int64]:
        """Training and validation rows together, ascending: all that may be looked at before the retrain."""
        return np.sort(np.concatenate((self.train, self.validation)))

    @property
    def fingerprint(self) -> str:
        """Changes with the protocol, the seed or any row of any part."""
        rows = {name: hashlib.sha256(part.astype("<i8").tobytes()).hexdigest() for name, part in self.parts.items()}
        return fingerprint({"protocol": self.protocol, "seed": self.seed, "rows": rows})

    def to_dict(self) -> dict[str, Any]:
        """Who is where, as plain JSON values; the rows themselves follow from dataset, protocol and seed."""
        return {
            "protocol": self.protocol,
            "validation_protocol": self.validation_protocol,
            "seed": self.seed,
            "fold": None if self.fold is None else list(self.fold),
            "fingerprint": self.fingerprint,
            "n_rows": {name: len(rows) for name, rows in self.parts.items()},
            "people": {name: list(people) for name, people in self.people.items()},
            "trials": {name: list(trials) for name, trials in self.trials.items()},
            "groups": {column: {part: list(names) for part, names in of.items()} for column, of in self.groups.items()},
        }


def names_in(dataset: Dataset, column: str, parts: Sequence[NDArray[np.int64]]) -> dict[str, list[str]]:
    """The names of a group in each of the three parts, in natural order; empty lists where they are not known."""
    known = group_is_known(dataset, column)
    names = dataset.groups[column]
    return {part: natural_order(names[rows]) if known else [] for part, rows in zip(PARTS, parts, strict=True)}


def save_split(path: Path | str, split: Split, *, dataset: Dataset) -> None:
    """Write a split whole: who is where, and every row, as stretches [first, last]."""
    rows = {name: _stretches(part) for name, part in split.parts.items()}
    of = {"data": dataset.name, "data_fingerprint": dataset.fingerprint, "n_rows_of_data": len(dataset)}
    content = {"schema": SPLIT_SCHEMA, **of, **split.to_dict()}
    write_json(path, {**content, "rows": rows})


def load_split(path: Path | str, *, dataset: Dataset) -> Split:
    """Read a split that `save_split` wrote.

    Raises:
        InputError: if the file is missing or damaged, of a newer schema, or of other data.
    """
    remedy = "Make it again by the command that wrote it."
    content: Any = read_json(path, remedy=remedy)
    try:
        schema, of = content["schema"], content["data_fingerprint"]
        if not isinstance(schema, int) or schema > SPLIT_SCHEMA:
            raise InputError(
                f"{path} has schema {schema}, newer than {SPLIT_SCHEMA}, the newest known. Update emotune."
            )
        if of != dataset.fingerprint:
            raise InputError(
                f"Expected in {path} a split of these data. Received: one of {content['data']} as it was made of other "
                f"rows. {remedy}"
            )
        train, validation, test = (_rows(content["rows"][name], len(dataset)) for name in PARTS)
        split = Split(
            train,
            validation,
            test,
            protocol=content["protocol"],
            seed=content["seed"],
            people=content["people"],
            trials=content["trials"],
            validation_protocol=content["validation_protocol"],
            fold=None if content["fold"] is None else (content["fold"][0], content["fold"][1]),
            groups=content["groups"],
        )
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, IndexError) as error:
        missing = f"a file without {error}" if isinstance(error, KeyError) else "a file that was changed, or is none"
        raise InputError(f"Expected a saved split in {path}. Received: {missing}. {remedy}") from error
    if split.fingerprint != content["fingerprint"]:
        raise InputError(f"Expected in {path} the rows that its fingerprint names. Received: others. {remedy}")
    return split


def _stretches(rows: NDArray[np.int64]) -> list[list[int]]:
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) != 1)
    firsts, lasts = np.r_[0, breaks + 1], np.r_[breaks, len(rows) - 1]
    return [[int(rows[first]), int(rows[last])] for first, last in zip(firsts, lasts, strict=True)]


def _rows(stretches: Sequence[Sequence[int]], n_rows: int) -> NDArray[np.int64]:
    if not all(0 <= first <= last < n_rows for first, last in stretches):
        raise ValueError(f"rows beyond the {n_rows} of the data")
    pieces = [np.arange(first, last + 1, dtype=np.int64) for first, last in stretches]
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)
