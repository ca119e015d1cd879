"""Checks of labels that something else gives away: a column, a person, a session, a recording, a stimulus."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.evaluation.grouping import class_counts
from emotune.evaluation.groups_of_parts import LISTED, n_people, recordings_of_rows, shared_names
from emotune.evaluation.splits import Split
from emotune.findings import Finding, listed

__all__ = [
    "label_among_features",
    "label_order",
    "person_among_features",
    "person_is_label",
    "recording_is_label",
    "session_is_label",
    "stimuli",
]

# In so few rows a measurement in steps may go with the classes or the people by chance.
_COINCIDENCE = 20

# Rows of a class that are looked at first, and what share of them may be on the wrong side.
_LOOKED_AT, _STRAY = 1000, 0.005

# Changes of label along the rows are as many as in a random order if they are within so many standard deviations of
# it; that they are in blocks must have been so clear that it would have been seen.
_LIKE_RANDOM, _CLEAR = 3.0, 6.0


def person_is_label(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """Not everybody has rows of one class alone."""
    if n_people(dataset) < 2 or len(np.unique(dataset.targets)) < 2:
        return
    counts = class_counts(dataset.groups["subject"], dataset.targets)
    single = [name for name, row in counts.items() if np.count_nonzero(row) == 1]
    if len(single) == len(counts):
        recognised = bool(shared_names(dataset, split, "subject", "train", "test"))
        yield Finding(
            "person-is-label",
            "error" if recognised else "warning",
            "Expected people with rows of more than one class. Received: one class a person, so that "
            "whatever tells people apart looks like emotion"
            + (", and the test people are known from training." if recognised else "."),
            "Split by person." if recognised else "Record each person in several classes, or say so with the score.",
        )


def session_is_label(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """Not every session of a person has one class, where the person has more."""
    sessions = _sessions(dataset)
    if sessions is None:
        return
    counts, of_person = _counts(sessions, dataset.targets), _counts(_people(dataset), dataset.targets)
    if _n_classes(counts).max() > 1 or _n_classes(of_person).max() < 2:
        return
    recognised = len(np.intersect1d(sessions[split.train], sessions[split.test])) > 0
    yield Finding(
        "session-is-label",
        "error" if recognised else "note",
        "Each session has one class, so that whatever tells sessions apart (the fit of the cap, the hour) looks like "
        "emotion" + (", and training knows sessions that are tested." if recognised else "."),
        "Split by session or person."
        if recognised
        else "Record each class in several sessions, several classes in each, or say so with the score.",
    )


def recording_is_label(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """Not every class of a person is one recording, which drifts and has a noise of its own."""
    recordings = recordings_of_rows(dataset)
    if recordings is None or len(dataset) < 2 * (int(recordings.max()) + 1):
        return  # unknown, or a row a recording, which then is no recording of windows
    counts = _counts(recordings, dataset.targets)
    if _n_classes(counts).max() > 1:
        return
    firsts = np.unique(recordings, return_index=True)[1]
    of_person = _counts(_people(dataset)[firsts], dataset.targets[firsts])
    # People with one class say nothing of it: `person-is-label`.
    of_person = of_person[_n_classes(of_person) > 1]
    if not len(of_person) or of_person.max() > 1:
        return
    recognised = len(np.intersect1d(recordings[split.train], recordings[split.test])) > 0
    yield Finding(
        "recording-is-label",
        "error" if recognised else "note",
        "Each class of a person is one recording, so that whatever tells recordings apart (drift, the electrodes' "
        "contact, the time) looks like emotion"
        + (", and training knows recordings that are tested." if recognised else ", and no split can show it."),
        "Split by trial or person."
        if recognised
        else "Record each class of a person several times, in changing order, or say so with the score.",
    )


def label_order(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """Where a trial holds several labels, they are in stretches and not shuffled over its rows."""
    recordings = recordings_of_rows(dataset)
    if recordings is None:
        return
    counts = _counts(recordings, dataset.targets)
    is_mixed = _n_classes(counts) > 1
    if not is_mixed.any():
        return
    where = (
        f"{int(is_mixed.sum())} of {len(counts)} trials of {dataset.name} have windows of several classes, such as "
        f"that of row {int(np.flatnonzero(is_mixed[recordings])[0])}"
    )
    # Rows of a trial that are not together are in an order of the table's own, not of time.
    together = np.bincount(recordings[1:][np.diff(recordings) != 0], minlength=len(counts))
    together[recordings[0]] += 1
    has_order = is_mixed & (together == 1)
    changes, expected, variance, fewest = _changes(recordings, dataset.targets, counts, has_order)
    spread = float(np.sqrt(variance))
    if changes > expected - _LIKE_RANDOM * spread and fewest < expected - _CLEAR * spread:
        most = bool(is_mixed.mean() > 0.5)
        yield Finding(
            "labels-in-no-order",
            "error" if most else "warning",
            f"Expected labels that go with the rows. Received: {where}, and the label changes {changes} times from "
            f"row to row, as often as in a random order ({expected:.0f}): the labels look shuffled.",
            "Compare the labels with their source, row by row. For a control by chance, permute the labels of whole "
            "trials within people.",
        )
    else:
        yield Finding(
            "several-labels-a-trial",
            "note",
            f"{where}: what was felt changed within the trial, or several trials have one name.",
            "Correct the trials if they are several.",
        )


def label_among_features(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """A column with one value a class, another for each, is the label under another name."""
    if len(dataset) <= _COINCIDENCE or len(np.unique(dataset.targets)) < 2:
        return
    copies = _columns_that_name(dataset, dataset.targets)
    # One column a class, as one-hot labels have.
    copies += [
        name
        for label in np.unique(dataset.targets)
        for name in _columns_that_name(dataset, (dataset.targets == label).astype(np.int64))
        if name not in copies
    ]
    if copies:
        yield Finding(
            "label-among-features",
            "error",
            f"Expected features of {dataset.name} that were measured. Received: one value a class, and another for "
            f"each, over all {len(dataset)} rows of {listed(list(dict.fromkeys(copies)), LISTED)}, as a copy of the "
            "label has.",
            "Take these columns out.",
        )
    telling = [name for name in _columns_that_tell(dataset) if name not in copies]
    if telling:
        yield Finding(
            "feature-tells-class",
            "warning",
            f"Expected features of {dataset.name} that tell classes apart in part. Received: "
            f"{listed(telling, LISTED)}, by a threshold on which alone one class is told from all others, as by a "
            "rating, an answer or a noisy copy of the label.",
            "Look what they are, and take out what was not measured from the signals.",
        )


def _columns_that_tell(dataset: Dataset) -> list[str]:
    """Names of the features by a threshold on which a class is told from all others, but for 0.5 % of the rows."""
    values, n_features = dataset.inputs.reshape(len(dataset), -1), len(dataset.feature_names)
    found: list[int] = []
    for label in np.unique(dataset.targets):
        own, others = (np.flatnonzero((dataset.targets == label) == is_own) for is_own in (True, False))
        if min(len(own), len(others)) <= _COINCIDENCE:
            continue
        # Few columns, if any, are looked at in all rows.
        columns = np.arange(values.shape[1])
        for most in (_LOOKED_AT, len(dataset)):
            some, rest = (
                rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)] for rows in (own, others)
            )
            (low, high), (rest_low, rest_high) = (
                np.quantile(values[np.ix_(rows, columns)], (_STRAY, 1 - _STRAY), axis=0) for rows in (some, rest)
            )
            columns = columns[(low > rest_high) | (high < rest_low)]
            if not len(columns):
                break
        found += columns.tolist()
    return [dataset.feature_names[place] for place in dict.fromkeys(place % n_features for place in sorted(found))]


def person_among_features(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """A column with one value a person, another for each, is the person under another name."""
    n = n_people(dataset)
    # One row a person is a table of people, in which every measurement has this property.
    if n < 2 or len(dataset) < max(2 * n, _COINCIDENCE + 1):
        return
    names = _columns_that_name(dataset, _people(dataset))
    if names:
        yield Finding(
            "person-among-features",
            "warning",
            f"Expected features of {dataset.name} that change within a person. Received: one value a person, and "
            f"another for each, in {listed(names, LISTED)}: these say who it is, not what is felt.",
            "Take these columns out.",
        )


def stimuli(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """Training and test hold different clips, and no class is one clip."""
    shared = [name for name in shared_names(dataset, split, "stimulus", "train", "test") if name]
    if not shared:
        return
    known = dataset.groups["stimulus"] != ""
    counts = class_counts(dataset.groups["stimulus"][known], dataset.targets[known])
    one_label = all(np.count_nonzero(counts[name]) == 1 for name in shared)
    yield Finding(
        "same-stimuli",
        "note",
        f"Training and test hold the same stimuli ({listed(shared, LISTED)}): the scores may in part be about the "
        "clips" + (", as each has one label, which recognising it would give." if one_label else "."),
        "Say so with the score, or hold them apart: --protocol subject+stimulus, or stimulus.",
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


def _people(dataset: Dataset) -> NDArray[np.int64]:
    """Which person a row is of, `(n,)`, counted from 0; people that are not known are one."""
    return np.unique(dataset.groups["subject"], return_inverse=True)[1].astype(np.int64)


def _sessions(dataset: Dataset) -> NDArray[np.int64] | None:
    """Which sitting of which person a row is of, `(n,)`; None where sessions are not known or there is but one."""
    names = dataset.groups["session"]
    if (names == "").any() or len(np.unique(names)) < 2:
        return None
    both = np.stack([_people(dataset), np.unique(names, return_inverse=True)[1]], axis=1)
    return np.asarray(np.unique(both, axis=0, return_inverse=True)[1], dtype=np.int64).ravel()


def _counts(groups: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of each class in each group, `(n_groups, n_classes)`."""
    counts = np.zeros((int(groups.max()) + 1, int(targets.max()) + 1), dtype=np.int64)
    np.add.at(counts, (groups, targets), 1)
    return counts


def _n_classes(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(np.count_nonzero(counts, axis=1), dtype=np.int64)


def _changes(
    groups: NDArray[np.int64], targets: NDArray[np.int64], counts: NDArray[np.int64], of: NDArray[np.bool_]
) -> tuple[int, float, float, int]:
    """How often the label changes from row to row of a group, over the groups of `of`, and what to expect of it.

    Returns:
        the changes that there are; mean and variance of their number in a random order of each group's labels; and
        the fewest there can be, one for each class but the first.

    References:
        Wald and Wolfowitz (1940), On a test whether two samples are from the same population; Barton and David (1957),
        Multiple runs, for more than two classes.
    """
    inside = (np.diff(groups) == 0) & of[groups[1:]]
    changes = int((inside & (np.diff(targets) != 0)).sum())
    counts = counts[of].astype(np.float64)
    n = counts.sum(axis=1)
    squares, cubes = (counts**2).sum(axis=1), (counts**3).sum(axis=1)
    expected = (n * n - squares) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n * n * (n - 1))
    return changes, float(expected.sum()), float(variance.sum()), int((_n_classes(counts) - 1).sum())
