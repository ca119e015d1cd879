"""Checks of what the parts are made of: classes, and people."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from emotune.data.dataset import Dataset
from emotune.evaluation.grouping import WORDS, class_counts, group_is_known
from emotune.evaluation.groups_of_parts import LISTED, n_people, shared_names
from emotune.evaluation.protocols import protocol_of
from emotune.evaluation.significance import MIN_PEOPLE
from emotune.evaluation.splits import Split
from emotune.findings import Finding, listed

__all__ = ["classes", "classes_of_people", "people"]


def classes(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """Each part has rows of at least two classes, and of every class that there is."""
    counts = np.bincount(dataset.targets, minlength=dataset.n_classes)
    present = np.flatnonzero(counts)
    if len(present) < 2:
        yield Finding(
            "one-class",
            "error",
            f"Expected rows of at least 2 classes in {dataset.name}. Received: "
            f"{listed([dataset.class_names[index] for index in present], LISTED) or 'no rows'} alone.",
            "Add recordings of another class.",
        )
        return
    absent = [name for index, name in enumerate(dataset.class_names) if not counts[index]]
    if absent:
        yield Finding(
            "class-without-rows",
            "warning",
            f"Expected rows of each class in {dataset.name}. Received: none of {listed(absent, LISTED)}.",
            "Add recordings of it, or leave it out of the classes: it can be neither learned nor measured.",
        )
    consequence = {
        "train": "Nothing could be learned.",
        "validation": "Nothing could be chosen by it.",
        "test": "Scores such as balanced accuracy and ROC-AUC are undefined.",
    }
    for part, rows in split.parts.items():
        there = np.unique(dataset.targets[rows])
        if len(there) == 1:
            yield Finding(
                "one-class-in-part",
                "warning" if part == "test" else "error",
                f"Expected rows of at least 2 classes in {part}. Received: {dataset.class_names[there[0]]} alone. "
                f"{consequence[part]}",
                "Add people (or trials) of another class, or try another seed or protocol.",
            )
        missing = np.setdiff1d(present, there)
        if len(missing) and len(there) > 1:
            training = part == "train"
            yield Finding(
                "class-missing",
                "error" if training else "warning",
                f"Expected rows of each class in {part}. Received: none of "
                f"{listed([dataset.class_names[index] for index in missing], LISTED)}. "
                + ("It could never be answered." if training else "The score says nothing about it."),
                "Add people (or trials) of this class, or try another seed.",
            )


def classes_of_people(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """People with one class, where others have more: what they score of their own is undefined."""
    if n_people(dataset) < 2:
        return
    counts = class_counts(dataset.groups["subject"], dataset.targets)
    single = [name for name, row in counts.items() if np.count_nonzero(row) == 1]
    # Where all have one class, `person-is-label` says more.
    if single and len(single) < len(counts):
        tested = sorted(set(dataset.groups["subject"][split.test].tolist()) & set(single), key=single.index)
        yield Finding(
            "person-with-one-class",
            "note",
            f"{len(single)} of {len(counts)} people of {dataset.name} have rows of one class alone: "
            f"{listed(single, LISTED)}. Balanced accuracy and ROC-AUC of such a person are undefined"
            + (f" (in the test part: {listed(tested, LISTED)})." if tested else "."),
            "Record them in another class too, or compare people by accuracy.",
        )


def people(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """Whether people are known, how many are tested, and whether training knows them."""
    subjects, n = dataset.groups["subject"], n_people(dataset)
    if n < 2 and not group_is_known(dataset, "trial"):
        yield Finding(
            "parts-not-checked",
            "warning",
            f"Expected a subject or trial for each row of {dataset.name}. Received: parts without them, so "
            "that nobody can tell whether they share people or recordings; if they do, every score of theirs is "
            "too high, often by tens of points.",
            "Give `subject` (and `trial`) and the parts are checked; do not report a score without.",
        )
    elif n == 0:
        yield Finding(
            "people-not-known",
            "warning",
            f"Expected a subject for each row of {dataset.name}. Received: trials alone, so that the parts "
            "may share people: the score may not hold for people never seen.",
            "Give `subject`.",
        )
    if n == 1:
        yield Finding(
            "one-person",
            "note",
            "All rows are of one person: the score holds for new trials of this person alone.",
            "Record more people for a model that works for others.",
        )
    elif n > 1 and shared_names(dataset, split, "subject", "train", "test"):
        yield Finding(
            "same-people",
            "warning",
            "Training and test hold the same people: the score holds for new trials of people already known.",
            "Split by person for a score that holds for people never seen.",
        )
    # Folds are scored together.
    elif n > 1 and split.fold is None and (n_tested := len(np.unique(subjects[split.test]))) < MIN_PEOPLE:
        yield Finding(
            "few-people",
            "note",
            f"The test part has {n_tested} {'person' if n_tested == 1 else 'people'}; an interval over people needs "
            f"{MIN_PEOPLE}, so none will be given.",
            "Measure over several splits, or record more people.",
        )
    if split.validation_protocol != split.protocol:
        one, many = WORDS[protocol_of(split).columns[0]]
        yield Finding(
            f"validation-on-known-{one}",
            "warning",
            f"Expected at least 3 {many}. Received: 2, so that validation is on other trials of the training "
            f"{one}: its scores flatter, and what is chosen by them fits this {one}.",
            f"Record a third {one}.",
        )
