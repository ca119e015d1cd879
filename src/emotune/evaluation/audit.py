"""The audit before training: does anything in one part give away another part's labels?

`CHECKS` is the one list of checks: each a function of the dataset and the split that yields findings, with what it
looks for in words and what must be known for it. An error stops the run (`findings.refuse_errors`), a warning travels
with the score, a note is only said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

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
from emotune.evaluation.groups_of_parts import recordings_of_rows
from emotune.evaluation.leaks import (
    groups_apart,
    looks_ahead,
    overlapping_windows,
    protocol_leaks,
    rows_apart,
    smoothing,
)
from emotune.evaluation.near_copies import are_measurements, identical_rows, nearly_identical_rows
from emotune.evaluation.neighbours import lone_trials, shared_steps
from emotune.evaluation.scaled_values import scaled_values
from emotune.evaluation.splits import Split
from emotune.findings import Finding

__all__ = ["CHECKS", "LEAKING", "LEAKS", "Check", "audit"]

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


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked for.

    Attributes:
        looked_for: in words.
        find: what there is of it.
        needs: what must be known for it, one of these, by the names in `UNKNOWN`; empty where nothing is needed.
    """

    looked_for: str
    find: Callable[[Dataset, Split], Iterator[Finding]]
    needs: tuple[str, ...] = ()

    def missing(self, dataset: Dataset) -> str:
        """Why it cannot be looked for in this dataset, in words; empty where it can."""
        unknown = [UNKNOWN[need][0] for need in self.needs if not UNKNOWN[need][1](dataset)]
        return " and ".join(unknown) if self.needs and len(unknown) == len(self.needs) else ""


# What a check may need -> that it is not there, in words, and whether it is.
UNKNOWN: Mapping[str, tuple[str, Callable[[Dataset], bool]]] = {
    "subject": ("people are not known", lambda dataset: _is_named(dataset, "subject")),
    "session": ("sessions are not known", lambda dataset: _is_named(dataset, "session")),
    "trial": ("trials are not known", lambda dataset: _is_named(dataset, "trial")),
    "stimulus": ("stimuli are not known", lambda dataset: _is_named(dataset, "stimulus")),
    "recording": ("recordings are not known", lambda dataset: recordings_of_rows(dataset) is not None),
    "times": ("times of windows are not known", lambda dataset: dataset.table is not None),
    "making": ("how the values were made is not known", lambda dataset: looks_ahead(dataset) is not None),
    "measurements": ("columns are few, or values in steps", are_measurements),
}

# Cheap and fatal ones first: `refuse_errors` shows the first error.
CHECKS: tuple[Check, ...] = (
    Check("rows in two parts", rows_apart),
    Check("a protocol that leaks", protocol_leaks),
    Check("classes missing in a part", classes),
    Check("people, trials or what else is held apart, in two parts", groups_apart, ("subject", "trial")),
    Check("windows that share samples across parts", overlapping_windows, ("times",)),
    Check("sequences that share windows across parts", shared_steps),
    Check("trials of single rows", lone_trials, ("trial",)),
    Check("smoothing or filters that look across parts", smoothing, ("making",)),
    Check("identical rows across parts", identical_rows),
    Check("near-identical rows across parts", nearly_identical_rows, ("measurements",)),
    Check("values scaled over all parts", scaled_values),
    Check("the label among the features", label_among_features),
    Check("people among the features", person_among_features, ("subject",)),
    Check("labels in no order", label_order, ("recording",)),
    Check("people of one class each", person_is_label, ("subject",)),
    Check("sessions of one class each", session_is_label, ("session",)),
    Check("recordings that coincide with classes", recording_is_label, ("recording",)),
    Check("stimuli that coincide with classes", stimuli, ("stimulus",)),
    Check("people with one class", classes_of_people, ("subject",)),
    Check("people: how many, and whether they are known", people),
)


def audit(dataset: Dataset, split: Split) -> list[Finding]:
    """What is wrong, doubtful or worth knowing about this split of this dataset, in the order of `CHECKS`.

    The dataset's own findings (`dataset.findings`) are not repeated.

    Raises:
        InputError: if some rows have a group name and others have none.
    """
    return [finding for check in CHECKS for finding in check.find(dataset, split)]


def _is_named(dataset: Dataset, column: str) -> bool:
    return bool((dataset.groups[column] != "").any())
