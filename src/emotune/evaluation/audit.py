"""The audit before training: does anything in one part give away another part's labels?

Each check is a function of the dataset and the split that yields findings; `CHECKS` is the one list of them.
An error stops the run (`findings.refuse_errors`), a warning travels with the score, a note is only said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import GROUPS, Dataset
from emotune.evaluation.grouping import class_counts, group_is_known, natural_order
from emotune.evaluation.protocols import PROTOCOLS
from emotune.evaluation.significance import MIN_PEOPLE
from emotune.evaluation.splits import OWN_PARTS, Split
from emotune.findings import Finding, listed

__all__ = ["CHECKS", "LEAKING", "LEAKS", "audit"]

# Errors that are leaks: with --allow-leakage they are warnings, and mark every score.
LEAKS = frozenset(
    {
        "leaking-protocol",
        "rows-in-two-parts",
        "person-in-two-parts",
        "trial-in-two-parts",
        "identical-rows",
        "label-among-features",
        "person-is-label",
    }
)

# What a score with such a leak is called.
LEAKING = "LEAKS"

SINGULAR = {"subject": "person", "session": "session", "trial": "trial", "stimulus": "stimulus"}

# In so few rows a measurement in steps may go with the classes or the people by chance.
_COINCIDENCE = 20

# So many names are shown in a message.
_LISTED = 5


def audit(dataset: Dataset, split: Split) -> list[Finding]:
    """What is wrong, doubtful or worth knowing about this split of this dataset, in the order of `CHECKS`.

    The dataset's own findings (`dataset.findings`) are not repeated.

    Raises:
        InputError: if some rows have a group name and others have none.
    """
    return [finding for check in CHECKS for finding in check(dataset, split)]


def _rows(dataset: Dataset, split: Split) -> Iterator[Finding]:
    empty = [part for part, rows in split.parts.items() if len(rows) == 0]
    if empty:
        yield Finding(
            "empty-part",
            "error",
            f"Expected rows of {dataset.name} in each part. Received: none in {listed(empty, _LISTED)}.",
            "Correct the parts.",
        )
    for first, second in combinations(split.parts, 2):
        shared = np.intersect1d(split.parts[first], split.parts[second])
        if len(shared):
            yield Finding(
                "rows-in-two-parts",
                "error",
                f"Expected each row of {dataset.name} in one part. Received: {len(shared)} in both {first} "
                f"and {second}, such as row {shared[0]}.",
                "Correct the parts.",
            )


def _groups_apart(dataset: Dataset, split: Split) -> Iterator[Finding]:
    for first, second in combinations(split.parts, 2):
        choosing = (first, second) == ("train", "validation")
        protocol = split.validation_protocol if choosing else split.protocol
        # Own parts of one person cannot be apart in people: they are held to the rule of trials.
        alone = protocol == OWN_PARTS and _n_people(dataset) == 1
        for column in _held_apart("trial" if alone else protocol):
            if group_is_known(dataset, column):
                shared = _shared(dataset, split, column, first, second)
                if shared:
                    yield _straddling(column, shared, first, second)


def _held_apart(protocol: str) -> tuple[str, ...]:
    """The group columns of which no two parts may share a name: what was divided, and a trial in any case."""
    if protocol == OWN_PARTS:
        return ("subject", "trial")
    return tuple(dict.fromkeys(column for column in (*PROTOCOLS[protocol].columns, "trial") if column in GROUPS))


def _straddling(column: str, shared: Sequence[str], first: str, second: str) -> Finding:
    consequence = {
        "subject": "The score would be that of people already known.",
        "session": "The score would be that of sessions already known.",
        "stimulus": "The score would be that of clips already known.",
        "trial": "Windows of one trial are nearly alike, and share samples where they overlap: the score "
        "would be that of rows already seen.",
    }
    group = SINGULAR[column]
    return Finding(
        f"{group}-in-two-parts",
        "error",
        f"Expected no {group} in both {first} and {second}. Received: {listed(shared, _LISTED)}. {consequence[column]}",
        f"Move each {group} into one part, or leave the parts out: they are then divided by person.",
    )


def _identical_rows(dataset: Dataset, split: Split) -> Iterator[Finding]:
    # Adding zero makes -0.0 the same bytes as 0.0.
    values = np.ascontiguousarray(dataset.inputs.reshape(len(dataset), -1)) + np.float32(0.0)
    digests = {
        part: [hashlib.blake2b(values[row].tobytes(), digest_size=16).digest() for row in rows]
        for part, rows in split.parts.items()
    }
    for first, second in combinations(split.parts, 2):
        common = set(digests[first]) & set(digests[second])
        if not common:
            continue
        copies = {part: split.parts[part][[digest in common for digest in digests[part]]] for part in (first, second)}
        yield Finding(
            "identical-rows",
            "error",
            f"Expected no row twice. Received: {len(copies[second])} rows of {second} that are also in {first}: "
            f"{_owners(dataset, copies[second])} in {second}, {_owners(dataset, copies[first])} in {first}.",
            "If these are one person under two names, give them one name; else remove the copies.",
        )


def _classes(dataset: Dataset, split: Split) -> Iterator[Finding]:
    counts = np.bincount(dataset.targets, minlength=dataset.n_classes)
    present = np.flatnonzero(counts)
    if len(present) < 2:
        yield Finding(
            "one-class",
            "error",
            f"Expected rows of at least 2 classes in {dataset.name}. Received: "
            f"{listed([dataset.class_names[index] for index in present], _LISTED) or 'no rows'} alone.",
            "Add recordings of another class.",
        )
        return
    absent = [name for index, name in enumerate(dataset.class_names) if not counts[index]]
    if absent:
        yield Finding(
            "class-without-rows",
            "warning",
            f"Expected rows of each class in {dataset.name}. Received: none of {listed(absent, _LISTED)}.",
            "Add recordings of it, or leave it out of the classes: it can be neither learned nor measured.",
        )
    for part, rows in split.parts.items():
        missing = np.setdiff1d(present, dataset.targets[rows])
        if len(missing):
            training = part == "train"
            yield Finding(
                "class-missing",
                "error" if training else "warning",
                f"Expected rows of each class in {part}. Received: none of "
                f"{listed([dataset.class_names[index] for index in missing], _LISTED)}. "
                + ("It could never be answered." if training else "The score says nothing about it."),
                "Add people (or trials) of this class, or try another seed.",
            )


def _person_is_label(dataset: Dataset, split: Split) -> Iterator[Finding]:
    if _n_people(dataset) < 2 or len(np.unique(dataset.targets)) < 2:
        return
    counts = class_counts(dataset.groups["subject"], dataset.targets)
    single = [name for name, row in counts.items() if np.count_nonzero(row) == 1]
    if len(single) == len(counts):
        recognised = bool(_shared(dataset, split, "subject", "train", "test"))
        yield Finding(
            "person-is-label",
            "error" if recognised else "warning",
            "Expected people with rows of more than one class. Received: one class a person, so that "
            "whatever tells people apart looks like emotion"
            + (", and the test people are known from training." if recognised else "."),
            "Split by person." if recognised else "Record each person in several classes, or say so with the score.",
        )


def _label_among_features(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """A column with one value a class, another for each, is the label under another name."""
    if len(dataset) <= _COINCIDENCE or len(np.unique(dataset.targets)) < 2:
        return
    copies = _columns_that_name(dataset, dataset.targets)
    if copies:
        yield Finding(
            "label-among-features",
            "error",
            f"Expected features of {dataset.name} that were measured. Received: one value a class, and another for "
            f"each, over all {len(dataset)} rows of {listed(copies, _LISTED)}, as a copy of the label has.",
            "Take these columns out.",
        )


def _person_among_features(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """A column with one value a person, another for each, is the person under another name."""
    n_people = _n_people(dataset)
    # One row a person is a table of people, in which every measurement has this property.
    if n_people < 2 or len(dataset) < max(2 * n_people, _COINCIDENCE + 1):
        return
    names = _columns_that_name(dataset, np.unique(dataset.groups["subject"], return_inverse=True)[1])
    if names:
        yield Finding(
            "person-among-features",
            "warning",
            f"Expected features of {dataset.name} that change within a person. Received: one value a person, and "
            f"another for each, in {listed(names, _LISTED)}: these say who it is, not what is felt.",
            "Take these columns out.",
        )


def _columns_that_name(dataset: Dataset, groups: NDArray[np.int64]) -> list[str]:
    """Names of the features whose value is the same in all rows of a group and no other group's.

    Args:
        dataset: the inputs.
        groups: `(n,)`, which group a row is of.
    """
    values = dataset.inputs.reshape(len(dataset), -1)
    columns = np.arange(values.shape[1])
    of_group: list[NDArray[np.float32]] = []
    # What is measured differs between two rows of the first group: few columns, if any, are looked at in all.
    for group in np.unique(groups):
        of_it = np.flatnonzero(groups == group)
        same = values[of_it[0], columns] == values[of_it[-1], columns]
        columns, of_group = columns[same], [kept[same] for kept in of_group]
        rows = values[np.ix_(of_it, columns)]
        same = (rows == rows[:1]).all(axis=0)
        columns = columns[same]
        of_group = [*(kept[same] for kept in of_group), rows[0, same]]
        if not len(columns):
            return []
    different = (np.diff(np.sort(np.stack(of_group), axis=0), axis=0) != 0).all(axis=0)
    n_features = len(dataset.feature_names)
    return [dataset.feature_names[place] for place in dict.fromkeys((columns[different] % n_features).tolist())]


def _people(dataset: Dataset, split: Split) -> Iterator[Finding]:
    subjects, n_people = dataset.groups["subject"], _n_people(dataset)
    if n_people < 2 and not group_is_known(dataset, "trial"):
        yield Finding(
            "parts-not-checked",
            "warning",
            f"Expected a subject or trial for each row of {dataset.name}. Received: parts without them, so "
            "that nobody can tell whether they share people or recordings; if they do, every score of theirs is "
            "too high, often by tens of points.",
            "Give `subject` (and `trial`) and the parts are checked; do not report a score without.",
        )
    elif n_people == 0:
        yield Finding(
            "people-not-known",
            "warning",
            f"Expected a subject for each row of {dataset.name}. Received: trials alone, so that the parts "
            "may share people: the score may not hold for people never seen.",
            "Give `subject`.",
        )
    if n_people == 1:
        yield Finding(
            "one-person",
            "note",
            "All rows are of one person: the score holds for new trials of this person alone.",
            "Record more people for a model that works for others.",
        )
    elif n_people > 1 and _shared(dataset, split, "subject", "train", "test"):
        yield Finding(
            "same-people",
            "warning",
            "Training and test hold the same people: the score holds for new trials of people already known.",
            "Split by person for a score that holds for people never seen.",
        )
    elif n_people > 1 and (n_tested := len(np.unique(subjects[split.test]))) < MIN_PEOPLE:
        yield Finding(
            "few-people",
            "note",
            f"The test part has {n_tested} {'person' if n_tested == 1 else 'people'}; an interval over people needs "
            f"{MIN_PEOPLE}, so none will be given.",
            "Measure over several splits, or record more people.",
        )
    if split.validation_protocol != split.protocol:
        yield Finding(
            "validation-on-known-person",
            "warning",
            "Expected at least 3 people. Received: 2, so that validation is on other trials of the training "
            "person: its scores flatter, and what is chosen by them fits this person.",
            "Record a third person.",
        )


def _stimuli(dataset: Dataset, split: Split) -> Iterator[Finding]:
    shared = [name for name in _shared(dataset, split, "stimulus", "train", "test") if name]
    if not shared:
        return
    known = dataset.groups["stimulus"] != ""
    counts = class_counts(dataset.groups["stimulus"][known], dataset.targets[known])
    one_label = all(np.count_nonzero(counts[name]) == 1 for name in shared)
    yield Finding(
        "same-stimuli",
        "note",
        f"Training and test hold the same stimuli ({listed(shared, _LISTED)}): the scores may in part be about the "
        "clips" + (", as each has one label, which recognising it would give." if one_label else "."),
        "Say so with the score, or give parts of your own that hold stimuli apart.",
    )
    labels = [int(row.argmax()) for row in counts.values() if np.count_nonzero(row) == 1]
    if len(labels) == len(counts) == len(set(labels)):
        yield Finding(
            "stimulus-is-label",
            "note",
            "Each class has one stimulus: whatever tells the clips apart looks like emotion, and no split can show "
            "the difference.",
            "Record each class with several stimuli, or say so with the score.",
        )


# Cheap and fatal ones first: `refuse_errors` shows the first error.
CHECKS: tuple[Callable[[Dataset, Split], Iterator[Finding]], ...] = (
    _rows,
    _classes,
    _groups_apart,
    _identical_rows,
    _label_among_features,
    _person_is_label,
    _person_among_features,
    _people,
    _stimuli,
)


def _n_people(dataset: Dataset) -> int:
    """Number of people; 0 where they are not known."""
    return len(np.unique(dataset.groups["subject"])) if group_is_known(dataset, "subject") else 0


def _shared(dataset: Dataset, split: Split, column: str, first: str, second: str) -> list[str]:
    names: NDArray[np.str_] = dataset.groups[column]
    return natural_order(np.intersect1d(names[split.parts[first]], names[split.parts[second]]))


def _owners(dataset: Dataset, rows: NDArray[np.int64]) -> str:
    if group_is_known(dataset, "subject"):
        return listed(natural_order(dataset.groups["subject"][rows]), _LISTED)
    return "row " + listed([str(row) for row in rows], _LISTED)
