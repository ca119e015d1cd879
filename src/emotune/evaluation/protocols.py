"""Protocols: what is held apart between training and test, and so what a score is about.

`PROTOCOLS` is the one table of them. Every protocol divides the names of one or two group columns, in natural order
and never by row numbers, so that the same people come out whatever the order of the files; `window` alone divides
rows, which leaks. One protocol gives a single split (`split_dataset`) and folds of all rows (`outer_folds`), each
with a validation part that is held apart from training in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.errors import InputError
from emotune.evaluation.folds import development_folds, row_folds
from emotune.evaluation.grouping import (
    ROWS,
    WORDS,
    class_counts,
    deal_people,
    deal_rows,
    deal_trials,
    group_is_known,
    natural_order,
    require_group,
    shares,
)
from emotune.evaluation.splits import FRACTIONS, OWN_PARTS, PARTS, Split, names_in

__all__ = [
    "PROTOCOLS",
    "Protocol",
    "outer_folds",
    "protocol_named",
    "protocol_of",
    "protocol_that_fits",
    "split_dataset",
]


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is held apart.

    Attributes:
        name: on the command line and in files.
        columns: group columns of which no name is in two parts.
        about: what the score is about, in words.
        leaks: whether its scores are of rows that are all but known from training.
        one_by_one: whether a fold holds out one name, in place of a share of them.
    """

    name: str
    columns: tuple[str, ...]
    about: str
    leaks: bool = False
    one_by_one: bool = False


PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("subject", ("subject",), "people never seen"),
        Protocol("loso", ("subject",), "people never seen, left out one by one", one_by_one=True),
        Protocol("trial", ("trial",), "new trials"),
        Protocol("session", ("session",), "new sessions"),
        Protocol("stimulus", ("stimulus",), "clips never seen"),
        Protocol("subject+stimulus", ("subject", "stimulus"), "people never seen, on clips never seen"),
        Protocol("window", (ROWS,), "windows of known trials", leaks=True),
    )
}


def protocol_named(name: str) -> Protocol:
    """The protocol of this name.

    Raises:
        InputError: if there is none; the message lists the names.
    """
    if name not in PROTOCOLS:
        raise InputError(f"Expected a protocol out of {', '.join(PROTOCOLS)}. Received: {name!r}. Choose one of them.")
    return PROTOCOLS[name]


def protocol_of(split: Split) -> Protocol:
    """The protocol of a split; for the user's own parts what is known of them, people before trials."""
    if split.protocol in PROTOCOLS:
        return PROTOCOLS[split.protocol]
    return PROTOCOLS["subject" if split.people.get("train") else "trial"]


def split_dataset(
    dataset: Dataset,
    *,
    seed: int,
    fractions: tuple[float, float, float] = FRACTIONS,
    protocol: str | None = None,
) -> Split:
    """Divide a dataset into training, validation and test parts by a protocol.

    Without a `protocol`: the user's own parts where the dataset has them; by subject where there are at least
    two people; by trial where there is one person, or where people are not known but trials are.

    - `subject`, `session`: whole people, or sessions by their names. Validation and test get their fraction rounded
      to the nearest whole number and at least one, training the rest: 36 people make 22/7/7, 16 make 10/3/3, 12 make
      8/2/2, 3 make 1/1/1. Of up to 100 seeded shuffles the first is taken whose parts all hold every class; where
      none does, the one that lacks fewest, and the audit says which class is missing where. With two of them one is
      the test part and validation is trials of the other: what is measured is still a person never seen, but what is
      chosen is chosen on a person already known, and the audit says so.
    - `loso`: the test part is one person; of the others validation gets its share.
    - `trial`, `stimulus`: whole trials or stimuli, those of each class shared by the same rule. A class of two has
      none in the validation part, a class of one is in the training part alone.
    - `subject+stimulus`: people and stimuli are divided each by its rule; a part has the rows of its people with its
      stimuli, and all other rows are in none.
    - `window`: rows of each class at random.

    Args:
        dataset: what to divide.
        seed: 0 or above; the same seed gives the same groups, whatever the order of the rows.
        fractions: shares of training, validation and test.
        protocol: a name in `PROTOCOLS`, to insist on one.

    Raises:
        InputError: if the protocol or the fractions are none, or the groups cannot support the protocol.
    """
    _check(fractions, seed)
    if protocol is None:
        if dataset.parts is not None:
            return _own_parts(dataset, dataset.parts)
        protocol = protocol_that_fits(dataset)
    chosen = protocol_named(protocol)
    everything = np.ones(len(dataset), dtype=bool)
    members = [everything.copy() for _ in PARTS]
    for column in chosen.columns:
        names = _names(dataset, column)
        alone = len(chosen.columns) == 1
        if column in ("subject", "session") and alone and len(np.unique(names)) == 2:
            return _of_two(dataset, names, chosen, fractions, seed)
        parts = _dealt(dataset, names, everything, column, chosen, fractions, seed)
        members = [member & np.isin(names, part) for member, part in zip(members, parts, strict=True)]
    return _split(dataset, members, chosen, seed)


def outer_folds(
    dataset: Dataset,
    protocol: str,
    *,
    n_folds: int,
    seed: int,
    fractions: tuple[float, float, float] = FRACTIONS,
) -> list[Split]:
    """Folds whose test parts hold every name once, each with a training and a validation part of what is left.

    With fewer names than folds each name is a fold. `loso` leaves out one person a fold, whatever `n_folds` is.
    `subject+stimulus` pairs the i-th fold of the people with the i-th of the stimuli: every person and every
    stimulus is tested, but not every pair of them.

    Args:
        dataset: what to divide; its own parts, if any, have no say in it.
        protocol: a name in `PROTOCOLS`.
        n_folds: number of folds, at least 2.
        seed: 0 or above.
        fractions: of training and validation the rest is shared by.

    Raises:
        InputError: if the groups cannot support the protocol.
    """
    _check(fractions, seed)
    chosen = protocol_named(protocol)
    if n_folds < 2:
        raise InputError(f"`n_folds` must be at least 2. Received: {n_folds}. Take such as 5.")
    columns = {column: _names(dataset, column) for column in chosen.columns}
    for column, names in columns.items():
        if (n := len(np.unique(names))) < 2:
            raise _too_few(dataset, column, chosen, n, 2)
    tested = {column: _test_names(dataset, names, column, chosen, n_folds, seed) for column, names in columns.items()}
    n_folds = min(len(folds) for folds in tested.values())
    rest = [share / sum(fractions[:2]) for share in fractions[:2]]
    splits = []
    for fold in range(n_folds):
        test, development = (np.ones(len(dataset), dtype=bool) for _ in range(2))
        for column, names in columns.items():
            held = np.isin(names, tested[column][fold])
            test, development = test & held, development & ~held
        train, validation = development.copy(), development.copy()
        validation_protocol = ""
        for column, names in columns.items():
            known = np.unique(names[development])
            if len(known) == 1 and column in ("subject", "session"):
                # Two people: what is chosen is chosen on trials of the one that is left.
                require_group(dataset, "trial", f"validation on trials of the one training {WORDS[column][0]}")
                names, validation_protocol = dataset.groups["trial"], "trial"
                parts = deal_trials(names[development], dataset.targets[development], rest, seed)
            else:
                parts = _dealt(dataset, names, development, column, chosen, rest, seed + fold)
            train, validation = train & np.isin(names, parts[0]), validation & np.isin(names, parts[1])
        splits.append(
            _split(
                dataset,
                [train, validation, test],
                chosen,
                seed,
                validation_protocol=validation_protocol,
                fold=(fold + 1, n_folds),
            )
        )
    return splits


def _check(fractions: Sequence[float], seed: int) -> None:
    if len(fractions) != len(PARTS) or min(fractions) <= 0 or not math.isclose(sum(fractions), 1.0):
        raise InputError(
            "`fractions` must be three shares above 0 for train, validation and test that sum to 1. "
            f"Received: {fractions}. Take such as {FRACTIONS}."
        )
    if seed < 0:
        raise InputError(f"`seed` must be 0 or above. Received: {seed}. Choose another.")


def protocol_that_fits(dataset: Dataset) -> str:
    """The protocol of data that no one has asked for: by person, or by trial where there is one, or none is known.

    Raises:
        InputError: if neither people nor trials are known.
    """
    if group_is_known(dataset, "subject"):
        return "subject" if len(np.unique(dataset.groups["subject"])) > 1 else "trial"
    if group_is_known(dataset, "trial"):
        return "trial"
    raise InputError(
        f"Expected a subject or a trial for each row of {dataset.name}, so that the windows of a recording "
        "stay together. Received: neither. Add `subject` or `trial`, or divide the rows yourself (`X_val`, "
        "`y_val`, `X_test`, `y_test`)."
    )


def _names(dataset: Dataset, column: str) -> NDArray[np.str_]:
    """What a protocol divides, one name a row."""
    if column == ROWS:
        return np.arange(len(dataset)).astype(np.str_)
    require_group(dataset, column, f"a split by {WORDS[column][0]}")
    return dataset.groups[column]


def _dealt(
    dataset: Dataset,
    names: NDArray[np.str_],
    rows: NDArray[np.bool_],
    column: str,
    protocol: Protocol,
    fractions: Sequence[float],
    seed: int,
) -> list[list[str]]:
    """The names of `rows` in as many parts as there are fractions."""
    own, targets = names[rows], dataset.targets[rows]
    n = len(np.unique(own))
    if column == ROWS:
        return deal_rows(own, targets, fractions, seed)
    if n < len(fractions):
        raise _too_few(dataset, column, protocol, n, len(fractions))
    if column in ("subject", "session"):
        sizes = shares(n, fractions)
        if protocol.one_by_one and len(fractions) == len(PARTS):
            sizes = [*shares(n - 1, [share / sum(fractions[:2]) for share in fractions[:2]]), 1]
        return deal_people(own, targets, sizes, seed)
    parts = deal_trials(own, targets, fractions, seed)
    if not all(parts):
        raise InputError(
            f"Expected at least {len(fractions)} {WORDS[column][1]} of one class for a split by {column} of "
            f"{dataset.name}. Received: {_by_class(dataset, own, targets)}. Record more {WORDS[column][1]}, or divide "
            "the rows yourself."
        )
    return parts


def _test_names(
    dataset: Dataset, names: NDArray[np.str_], column: str, protocol: Protocol, n_folds: int, seed: int
) -> list[list[str]]:
    """The names that each fold tests."""
    if protocol.one_by_one:
        return [[name] for name in natural_order(names)]
    if column == ROWS:
        folds = row_folds(dataset.targets, n_folds, seed)
    else:
        folds = development_folds(names, dataset.targets, n_folds, seed)
    return [natural_order(names[held]) for _, held in folds]


def _of_two(
    dataset: Dataset, names: NDArray[np.str_], protocol: Protocol, fractions: Sequence[float], seed: int
) -> Split:
    """One person (or session) tests; validation is on trials of the other."""
    column = protocol.columns[0]
    one, many = WORDS[column]
    require_group(dataset, "trial", f"a split of 2 {many}, with validation on trials of the training {one},")
    trials = dataset.groups["trial"]
    (known,), (unseen,) = deal_people(names, dataset.targets, [1, 1], seed)
    own = names == known
    within = [share / sum(fractions[:2]) for share in fractions[:2]]
    train, validation = deal_trials(trials[own], dataset.targets[own], within, seed)
    if not validation:
        raise InputError(
            f"Expected at least 2 trials of one class of {known}: with 2 {many}, validation is on trials of the "
            f"training {one}. Received: {_by_class(dataset, trials[own], dataset.targets[own])}. Record a third {one} "
            "or more trials."
        )
    members = [own & np.isin(trials, train), own & np.isin(trials, validation), names == unseen]
    return _split(dataset, members, protocol, seed, validation_protocol="trial")


def _too_few(dataset: Dataset, column: str, protocol: Protocol, n: int, needed: int) -> InputError:
    many = WORDS[column][1]
    if protocol.columns in (("subject",), ("session",)):
        needed = 2  # with two, validation is on trials
    if protocol.columns == ("subject",):
        first = natural_order(dataset.groups["subject"])[0]
        return InputError(
            f"Expected at least 2 people for a split by person of {dataset.name}. Received: {n} "
            f"({first}). Record more people, or split by trial: the score then holds for new trials of this person "
            "alone."
        )
    return InputError(
        f"Expected at least {needed} {many} for the protocol {protocol.name} on {dataset.name}. Received: {n}. "
        f"Record more {many}, or take another protocol."
    )


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
        people=names_in(dataset, "subject", (train, validation, test)),
    )


def _split(
    dataset: Dataset,
    members: Sequence[NDArray[np.bool_]],
    protocol: Protocol,
    seed: int,
    *,
    validation_protocol: str = "",
    fold: tuple[int, int] | None = None,
) -> Split:
    train, validation, test = (np.flatnonzero(inside).astype(np.int64) for inside in members)
    parts = (train, validation, test)
    by_trial = "trial" in (*protocol.columns, validation_protocol)
    others = [column for column in protocol.columns if column not in ("subject", "trial", ROWS)]
    return Split(
        train,
        validation,
        test,
        protocol=protocol.name,
        seed=seed,
        people=names_in(dataset, "subject", parts),
        trials=names_in(dataset, "trial", parts) if by_trial else {},
        validation_protocol=validation_protocol,
        fold=fold,
        groups={column: names_in(dataset, column, parts) for column in others},
    )


def _by_class(dataset: Dataset, names: NDArray[np.str_], targets: NDArray[np.int64]) -> str:
    commonest = [int(count.argmax()) for count in class_counts(names, targets).values()]
    return ", ".join(f"{commonest.count(index)} of {name}" for index, name in enumerate(dataset.class_names))
