"""Checks of what two parts share: rows, names, samples, and what a smoothing or a filter saw of the other part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import GROUPS, Dataset
from emotune.evaluation.grouping import WORDS, group_is_known
from emotune.evaluation.groups_of_parts import LISTED, n_people, recordings_of_rows, shared_names
from emotune.evaluation.protocols import PROTOCOLS, protocol_named
from emotune.evaluation.splits import OWN_PARTS, Split
from emotune.features.settings import FeatureSettings
from emotune.features.table import FeatureTable
from emotune.findings import Finding, listed

__all__ = [
    "groups_apart",
    "held_apart",
    "looks_ahead",
    "overlapping_windows",
    "protocol_leaks",
    "rows_apart",
    "smoothing",
]

# Windows start on whole samples, so that neighbours may seem to overlap by a little; of the window's length.
_TOLERANCE = 0.01


def rows_apart(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """Each part has rows, and no row is in two."""
    empty = [part for part, rows in split.parts.items() if len(rows) == 0]
    if empty:
        yield Finding(
            "empty-part",
            "error",
            f"Expected rows of {dataset.name} in each part. Received: none in {listed(empty, LISTED)}.",
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


def protocol_leaks(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """The protocol parts what belongs together, whatever the groups say."""
    if _leaks(split.protocol):
        yield Finding(
            "leaking-protocol",
            "error",
            f"Expected a protocol that keeps each recording in one part. Received: {split.protocol}, which deals out "
            f"single windows of {dataset.name}: a window has its neighbours in the other parts, and the score would be "
            "that of recordings already known, often tens of points too high.",
            "Split by subject, or by trial where there is one person.",
        )


def groups_apart(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """No person, session, trial or stimulus that the protocol holds apart is in two parts."""
    for first, second in combinations(split.parts, 2):
        choosing = (first, second) == ("train", "validation")
        protocol = split.validation_protocol if choosing else split.protocol
        # Own parts of one person cannot be apart in people: they are held to the rule of trials.
        alone = protocol == OWN_PARTS and n_people(dataset) == 1
        for column in held_apart("trial" if alone else protocol):
            if group_is_known(dataset, column):
                shared = shared_names(dataset, split, column, first, second)
                if shared:
                    yield _straddling(column, shared, first, second)


def held_apart(protocol: str) -> tuple[str, ...]:
    """The group columns of which no two parts may share a name: what was divided, and a trial in any case.

    None for a protocol that leaks, of which that is said once.
    """
    if protocol == OWN_PARTS:
        return ("subject", "trial")
    if _leaks(protocol):
        return ()
    return tuple(dict.fromkeys(column for column in (*protocol_named(protocol).columns, "trial") if column in GROUPS))


def overlapping_windows(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """No window of one part shares samples with a window of another, in single windows or in sequences of them."""
    table, windows = dataset.table, dataset.windows
    if table is None or windows is None:
        return
    places = _places(table)
    for first, second in combinations(split.parts, 2):
        rows, known = split.parts[second], windows[split.parts[first]].ravel()
        if not len(rows) or not len(known):
            continue
        seconds = _nearest(np.sort(places[known]), places[windows[rows]]).min(axis=1)
        sharing = rows[seconds < table.window_s * (1 - _TOLERANCE)]
        # A row that is in both parts is said to be.
        sharing = np.setdiff1d(sharing, split.parts[first])
        if not len(sharing):
            continue
        recordings = np.unique(table.recording[windows[sharing, 0]])
        closest = float(seconds[np.isin(rows, sharing)].min())
        shared = "whole windows" if closest < table.window_s * _TOLERANCE else f"{table.window_s - closest:.3g} s"
        yield Finding(
            "overlapping-windows",
            "error",
            f"Expected no window of {second} that shares samples with a window of {first}. Received: {len(sharing)} of "
            f"{len(rows)} rows of {second} in {len(recordings)} recordings, which share up to {shared} of "
            f"{table.window_s:g} s, such as row {sharing[0]}.",
            "Keep each recording in one part, or take windows without overlap.",
        )


def smoothing(dataset: Dataset, split: Split) -> Iterator[Finding]:
    """Nothing that looks ahead in a recording was computed where a split divides recordings."""
    ahead = looks_ahead(dataset)
    recordings = recordings_of_rows(dataset)
    if not ahead or recordings is None:
        return
    pairs = list(combinations(split.parts, 2))
    divided = [np.intersect1d(recordings[split.parts[one]], recordings[split.parts[other]]) for one, other in pairs]
    n_divided = len(np.unique(np.concatenate(divided)))
    if n_divided:
        yield Finding(
            "smoothed-across-parts",
            "error",
            f"Expected vectors that saw nothing of another part. Received: {n_divided} recordings of {dataset.name} "
            f"with windows in two parts, whose vectors look ahead: {', '.join(ahead)}.",
            "Keep each recording in one part, or take the smoothing and the filters of zero phase out.",
        )


def looks_ahead(dataset: Dataset) -> tuple[str, ...] | None:
    """What of the vectors saw later samples, in words; None where it is not known how they were made."""
    if any(finding.name == "smoothed-features" for finding in dataset.findings):
        return ("they come smoothed over neighbouring windows",)
    if "window_s" not in dataset.provenance:
        return None
    known = {name: dataset.provenance[name] for name in FeatureSettings.__slots__ if name in dataset.provenance}
    return FeatureSettings.from_dict(known).looks_ahead


def _leaks(protocol: str) -> bool:
    return protocol in PROTOCOLS and PROTOCOLS[protocol].leaks


def _straddling(column: str, shared: Sequence[str], first: str, second: str) -> Finding:
    consequence = {
        "subject": "The score would be that of people already known.",
        "session": "The score would be that of sessions already known.",
        "stimulus": "The score would be that of clips already known.",
        "trial": "Windows of one trial are nearly alike, and share samples where they overlap: the score "
        "would be that of rows already seen.",
    }
    group = WORDS[column][0]
    return Finding(
        f"{group}-in-two-parts",
        "error",
        f"Expected no {group} in both {first} and {second}. Received: {listed(shared, LISTED)}. {consequence[column]}",
        f"Move each {group} into one part, or leave the parts out: they are then divided by person.",
    )


def _places(table: FeatureTable) -> NDArray[np.float64]:
    """Starts of all windows in seconds on one line, recordings so far apart that none touches the next: `(n,)`."""
    length = float(table.starts_s.max(initial=0.0) - table.starts_s.min(initial=0.0)) + 2 * table.window_s
    return np.asarray(table.recording * length + table.starts_s, dtype=np.float64)


def _nearest(known: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each place to the nearest of the known ones, which are in order: any shape -> the same."""
    behind = np.searchsorted(known, places)
    after = np.abs(known[np.minimum(behind, len(known) - 1)] - places)
    before = np.abs(known[np.maximum(behind - 1, 0)] - places)
    return np.asarray(np.minimum(after, before))
