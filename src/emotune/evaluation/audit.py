"""The audit before training: does anything in one part give away another part's labels?

Each check is a function of the dataset and the split that yields findings; `CHECKS` is the one list of them, each
with what it looks for in words. An error stops the run (`findings.refuse_errors`), a warning travels with the score, a
note is only said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from emotune.data.dataset import Dataset
from emotune.evaluation.coincidences import (
    label_among_features,
    label_order,
    person_among_features,
    person_is_label,
    recording_is_label,
    session_is_label,
    stimuli,
)
from emotune.evaluation.composition import classes, classes_of_people, people
from emotune.evaluation.leaks import groups_apart, overlapping_windows, protocol_leaks, rows_apart, smoothing
from emotune.evaluation.near_copies import identical_rows, nearly_identical_rows
from emotune.evaluation.scaled_values import scaled_values
from emotune.evaluation.splits import Split
from emotune.findings import Finding

__all__ = ["CHECKS", "LEAKING", "LEAKS", "Check", "audit", "audit_by_check"]

Check = Callable[[Dataset, Split], Iterator[Finding]]

# Errors that are leaks: with --allow-leakage they are warnings, and mark every score.
LEAKS = frozenset(
    {
        "leaking-protocol",
        "rows-in-two-parts",
        "person-in-two-parts",
        "session-in-two-parts",
        "trial-in-two-parts",
        "stimulus-in-two-parts",
        "overlapping-windows",
        "smoothed-across-parts",
        "identical-rows",
        "near-identical-rows",
        "label-among-features",
        "person-is-label",
        "session-is-label",
        "recording-is-label",
    }
)

# What a score with such a leak is called.
LEAKING = "LEAKS"

# What is looked for -> the check. Cheap and fatal ones first: `refuse_errors` shows the first error.
CHECKS: Mapping[str, Check] = {
    "rows in two parts": rows_apart,
    "a protocol that leaks": protocol_leaks,
    "classes missing in a part": classes,
    "people, sessions, trials or stimuli in two parts": groups_apart,
    "windows that share samples across parts": overlapping_windows,
    "smoothing or filters that look across parts": smoothing,
    "identical rows across parts": identical_rows,
    "near-identical rows across parts": nearly_identical_rows,
    "values scaled over all parts": scaled_values,
    "the label among the features": label_among_features,
    "people among the features": person_among_features,
    "labels in no order": label_order,
    "people of one class each": person_is_label,
    "sessions of one class each": session_is_label,
    "recordings that coincide with classes": recording_is_label,
    "stimuli that coincide with classes": stimuli,
    "people with one class": classes_of_people,
    "people: how many, and whether they are known": people,
}


def audit(dataset: Dataset, split: Split) -> list[Finding]:
    """What is wrong, doubtful or worth knowing about this split of this dataset, in the order of `CHECKS`.

    The dataset's own findings (`dataset.findings`) are not repeated.

    Raises:
        InputError: if some rows have a group name and others have none.
    """
    return [finding for findings in audit_by_check(dataset, split).values() for finding in findings]


def audit_by_check(dataset: Dataset, split: Split) -> dict[str, list[Finding]]:
    """The same by what was looked for, with an empty list for each check that found nothing."""
    return {looked_for: list(check(dataset, split)) for looked_for, check in CHECKS.items()}
