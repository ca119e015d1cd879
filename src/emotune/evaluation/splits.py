"""Which rows train, which choose, and which are only measured: parts that share no person, or no trial.

A protocol is a function of the dataset, the shares of the parts and a seed; `PROTOCOLS` is the one table of
them. Every protocol decides on group names in natural order, never on row numbers, so that the same people
come out whatever the order of the files.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.errors import InputError
from emotune.evaluation.grouping import (
    class_counts,
    deal_people,
    deal_trials,
    group_is_known,
    natural_order,
    require_group,
    shares,
)
from emotune.files import fingerprint

__all__ = [
    "OWN_PARTS",
    "PARTS",
    "PROTOCOLS",
    "Split",
    "development_folds",
    "development_groups",
    "split_dataset",
]

PARTS = ("train", "validation", "test")
FRACTIONS = (0.6, 0.2, 0.2)
OWN_PARTS = "own parts"  # the protocol of a dataset that comes divided


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Three parts of a dataset, as row numbers in ascending order.

    Attributes:
        train: rows that weights and the scaler are fitted on.
        validation: rows that epochs and hyperparameters are chosen on.
        test: rows that are opened once, by the retrain.
        protocol: what keeps the test part apart: `subject`, `trial` or `own parts`.
        seed: what the shuffle came from; 0 for the user's own parts, which no chance is involved in.
        people: names of the people in each part; empty where people are not known.
        trials: names of the trials in each part, where trials are what was divided; else empty.
        validation_protocol: what keeps validation and training apart; `protocol` unless there are two people.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    protocol: str
    seed: int
    people: Mapping[str, list[str]]
    trials: Mapping[str, list[str]] = field(default_factory=dict)
    validation_protocol: str = ""

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
            "fingerprint": self.fingerprint,
            "n_rows": {name: len(rows) for name, rows in self.parts.items()},
            "people": {name: list(people) for name, people in self.people.items()},
            "trials": {name: list(trials) for name, trials in self.trials.items()},
        }


def split_dataset(
    dataset: Dataset,
    *,
    seed: int,
    fractions: tuple[float, float, float] = FRACTIONS,
    protocol: str | None = None,
) -> Split:
    """Divide a dataset into training, validation and test parts that share no person.

    Without a `protocol`: the user's own parts where the dataset has them; by subject where there are at least
    two people; by trial where there is one person, or where people are not known but trials are.

    - `subject`: whole people. Validation and test get their fraction rounded to the nearest whole person and
      at least one, training the rest: 36 people make 22/7/7, 16 make 10/3/3, 12 make 8/2/2, 3 make 1/1/1.
      Of up to 100 seeded shuffles the first is taken whose parts all hold every class; where none does, the
      one that lacks fewest, and the audit says which class is missing where. With two people one is the test
      part and validation is trials of the other: what is measured is still a person never seen, but what is
      chosen is chosen on a person already known, and the audit says so.
    - `trial`: whole trials, those of each class shared by the same rule. A class of two trials has none in
      the validation part, a class of one is in the training part alone.

    Args:
        dataset: what to divide.
        seed: 0 or above; the same seed gives the same groups, whatever the order of the rows.
        fractions: shares of training, validation and test.
        protocol: a name in `PROTOCOLS`, to insist on one.

    Raises:
        InputError: if the protocol or the fractions are none, or the groups cannot support the protocol.
    """
    if len(fractions) != len(PARTS) or min(fractions) <= 0 or not math.isclose(sum(fractions), 1.0):
        raise InputError(
            "`fractions` must be three shares above 0 for train, validation and test that sum to 1. "
            f"Received: {fractions}. Take such as {FRACTIONS}."
        )
    if seed < 0:
        raise InputError(f"`seed` must be 0 or above. Received: {seed}. Choose another.")
    if protocol is None:
        if dataset.parts is not None:
            return _own_parts(dataset, dataset.parts)
        protocol = _protocol_that_fits(dataset)
    if protocol not in PROTOCOLS:
        raise InputError(
            f"Expected a protocol out of {', '.join(PROTOCOLS)}. Received: {protocol!r}. Choose one of them."
        )
    return PROTOCOLS[protocol](dataset, fractions, seed)


def _protocol_that_fits(dataset: Dataset) -> str:
    if group_is_known(dataset, "subject"):
        return "subject" if len(np.unique(dataset.groups["subject"])) > 1 else "trial"
    if group_is_known(dataset, "trial"):
        return "trial"
    raise InputError(
        f"Expected a subject or a trial for each row of {dataset.name}, so that the windows of a recording "
        "stay together. Received: neither. Add `subject` or `trial`, or divide the rows yourself (`X_val`, "
        "`y_val`, `X_test`, `y_test`)."
    )


def _by_subject(dataset: Dataset, fractions: Sequence[float], seed: int) -> Split:
    require_group(dataset, "subject", "a split by person")
    subjects = dataset.groups["subject"]
    names = natural_order(subjects)
    if len(names) < 2:
        raise InputError(
            f"Expected at least 2 people for a split by person of {dataset.name}. Received: 1 ({names[0]}). "
            "Record more people, or split by trial: the score then holds for new trials of this person alone."
        )
    if len(names) == 2:
        return _by_subject_of_two(dataset, fractions, seed)
    parts = deal_people(subjects, dataset.targets, shares(len(names), fractions), seed)
    return _split(dataset, [np.isin(subjects, part) for part in parts], "subject", seed)


def _by_subject_of_two(dataset: Dataset, fractions: Sequence[float], seed: int) -> Split:
    require_group(dataset, "trial", "a split of 2 people, with validation on trials of the training person,")
    subjects, trials = dataset.groups["subject"], dataset.groups["trial"]
    (known,), (unseen,) = deal_people(subjects, dataset.targets, [1, 1], seed)
    own = subjects == known
    within = [share / sum(fractions[:2]) for share in fractions[:2]]
    train, validation = deal_trials(trials[own], dataset.targets[own], within, seed)
    if not validation:
        raise InputError(
            f"Expected at least 2 trials of one class of {known}: with 2 people, validation is on trials of "
            f"the training person. Received: {_trials_by_class(dataset, own)}. Record a third person or more "
            "trials."
        )
    members = [own & np.isin(trials, train), own & np.isin(trials, validation), subjects == unseen]
    return _split(dataset, members, "subject", seed, validation_protocol="trial")


def _by_trial(dataset: Dataset, fractions: Sequence[float], seed: int) -> Split:
    require_group(dataset, "trial", "a split by trial")
    trials = dataset.groups["trial"]
    parts = deal_trials(trials, dataset.targets, fractions, seed)
    if not all(parts):
        everyone = np.ones(len(dataset), dtype=bool)
        raise InputError(
            f"Expected at least 3 trials of one class for a split by trial of {dataset.name}. Received: "
            f"{_trials_by_class(dataset, everyone)}. Record more trials, or divide the rows yourself."
        )
    return _split(dataset, [np.isin(trials, part) for part in parts], "trial", seed)


# A protocol takes (dataset, fractions, seed).
PROTOCOLS: Mapping[str, Callable[[Dataset, Sequence[float], int], Split]] = {
    "subject": _by_subject,
    "trial": _by_trial,
}


def _own_parts(dataset: Dataset, given: Mapping[str, NDArray[np.int64]]) -> Split:
    missing = [name for name in PARTS if len(given.get(name, ())) == 0]
    if missing:
        raise InputError(
            f"Expected rows in each of the parts {', '.join(PARTS)} of {dataset.name}. Received: none in "
            f"{', '.join(missing)}. Add them, or leave the parts out and give `subject` or `trial`."
        )
    outside = [name for name in PARTS if min(given[name]) < 0 or max(given[name]) >= len(dataset)]
    if outside:
        raise InputError(
            f"Expected row numbers from 0 to {len(dataset) - 1} in the parts of {dataset.name}. Received: "
            f"others in {', '.join(outside)}. Correct them."
        )
    train, validation, test = (np.sort(np.asarray(given[name], dtype=np.int64)) for name in PARTS)
    return Split(
        train,
        validation,
        test,
        protocol=OWN_PARTS,
        seed=0,
        people=_names_in(dataset, "subject", (train, validation, test)),
    )


def _split(
    dataset: Dataset,
    members: Sequence[NDArray[np.bool_]],
    protocol: str,
    seed: int,
    *,
    validation_protocol: str = "",
) -> Split:
    train, validation, test = (np.flatnonzero(inside).astype(np.int64) for inside in members)
    by_trial = "trial" in (protocol, validation_protocol)
    return Split(
        train,
        validation,
        test,
        protocol=protocol,
        seed=seed,
        people=_names_in(dataset, "subject", (train, validation, test)),
        trials=_names_in(dataset, "trial", (train, validation, test)) if by_trial else {},
        validation_protocol=validation_protocol,
    )


def _names_in(dataset: Dataset, column: str, parts: Sequence[NDArray[np.int64]]) -> dict[str, list[str]]:
    known = group_is_known(dataset, column)
    names = dataset.groups[column]
    return {part: natural_order(names[rows]) if known else [] for part, rows in zip(PARTS, parts, strict=True)}


def _trials_by_class(dataset: Dataset, rows: NDArray[np.bool_]) -> str:
    counts = class_counts(dataset.groups["trial"][rows], dataset.targets[rows]).values()
    commonest = [int(count.argmax()) for count in counts]
    return ", ".join(f"{commonest.count(index)} of {name}" for index, name in enumerate(dataset.class_names))


def development_groups(dataset: Dataset, rows: NDArray[np.int64]) -> tuple[NDArray[np.str_], str]:
    """What must stay together when `rows` are folded: people, or trials where they are of one person.

    Returns:
        one name for each row, and which of `GROUPS` they are: `subject` or `trial`.

    Raises:
        InputError: if neither people nor trials are known.
    """
    if group_is_known(dataset, "subject") and len(np.unique(dataset.groups["subject"][rows])) > 1:
        return dataset.groups["subject"][rows], "subject"
    require_group(dataset, "trial", "folding the rows of one person, or of people not known,")
    return dataset.groups["trial"][rows], "trial"


def development_folds(
    groups: NDArray[np.str_], targets: NDArray[np.int64], n_folds: int, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Grouped folds with classes as even as the groups allow, as (train rows, validation rows).

    Every row is in one validation part, and no group is on both sides of a fold. With fewer groups than folds
    each group is a fold (leave one out), so the list may be shorter than `n_folds`. Where few groups hold a
    class, a training part may lack it.

    Args:
        groups: `(n,)`, what must stay together, such as `development_groups` gives.
        targets: `(n,)`, their classes.
        n_folds: number of folds, at least 2.
        seed: another seed gives other folds, for repeated folds.

    Returns:
        Row numbers that count from 0 within `groups`, not within the dataset: index `split.development` by
        them.

    Raises:
        InputError: if `n_folds` is below 2, or there are fewer than 2 groups.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    n_groups = len(np.unique(groups))
    if n_folds < 2:
        raise InputError(f"`n_folds` must be at least 2. Received: {n_folds}. Take such as 5.")
    if n_groups < 2:
        raise InputError(
            f"Expected at least 2 people, or trials of one person, for grouped folds. Received: {n_groups}. "
            "Add data, or keep the one validation part."
        )
    # With one group a fold there is nothing to even out, and scikit-learn refuses to stratify where every
    # class has fewer rows than there are folds.
    plain = n_groups <= n_folds or np.bincount(targets).max() < n_folds
    splitter = (GroupKFold if plain else StratifiedGroupKFold)(min(n_folds, n_groups), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class of fewer rows than folds cannot be in each: the docstring says so.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        folds = list(splitter.split(targets, targets, groups))
    return [(np.asarray(train, dtype=np.int64), np.asarray(rows, dtype=np.int64)) for train, rows in folds]
