"""Recordings to a `Dataset`: their vectors, what is to be told apart in them, and whose they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.data.fingerprinting import fingerprint_of_rows
from emotune.data.sequences import consecutive_rows
from emotune.errors import InputError
from emotune.features.findings import settings_findings
from emotune.features.settings import FeatureSettings
from emotune.features.table import FeatureTable
from emotune.files import fingerprint
from emotune.findings import Finding, refuse_errors
from emotune.recordings.recording import RecordingSet
from emotune.recordings.targets import UNKNOWN, Target, TargetChoice, target_of

__all__ = ["dataset_of_recordings", "target_findings"]


def dataset_of_recordings(
    recordings: RecordingSet,
    settings: FeatureSettings,
    *,
    n_steps: int = 1,
    workers: int = 1,
    on_recording: Callable[[int, int], None] | None = None,
    choice: TargetChoice | None = None,
) -> Dataset:
    """Any recordings as a dataset: their vectors (stored ones where they are known), targets and groups.

    Args:
        recordings: with emotions or ratings.
        settings: windows, bands and reference.
        n_steps: consecutive windows of one trial that make a sample.
        workers: processes that read and compute, as for `extract_all`.
        on_recording: called with (done, total) after each recording.
        choice: what to tell apart; None for the set's own first target.

    Raises:
        InputError: if a recording cannot be used, the set has no such target, there is one class only, or no trial
            has `n_steps` windows.
    """
    # HDF5 takes longer to load than a table needs to be read.
    from emotune.features.store import stored_features

    # Said before anything is read: the samples do not change it.
    target = target_of(choice or TargetChoice(), recordings.emotions, recordings.scales, of=recordings.name)
    table = stored_features(recordings, settings, workers=workers, on_recording=on_recording)
    refuse_errors(table.findings)
    return _dataset_of_table(table, recordings, settings, n_steps, target)


def _dataset_of_table(
    table: FeatureTable, recordings: RecordingSet, settings: FeatureSettings, n_steps: int, target: Target
) -> Dataset:
    name = recordings.name
    targets = target.labels(table.emotion, table.ratings)
    groups = {
        "subject": table.subject,
        "session": table.session,
        "trial": _trial_names(table),
        "stimulus": table.stimulus,
    }
    findings = list(table.findings)
    known = np.flatnonzero(targets != UNKNOWN)
    findings += _unknown_findings(groups["trial"], targets, target, name)
    if n_steps > 1:
        rows = known[consecutive_rows(table.recording[known], table.numbers[known], n_steps)]
        findings += _left_over(len(known) - rows.size, len(known), n_steps, name)
        inputs, first = table.values[rows], rows[:, 0]
    else:
        inputs, first = (table.values, known) if len(known) == len(table) else (table.values[known], known)
        rows = known[:, np.newaxis]
    targets = targets[first]
    groups = {column: names[first] for column, names in groups.items()}
    said = {"targets": targets, **groups}
    if n_steps > 1:
        said["windows"] = rows  # which are in a row, a reader may learn better too
    present = np.unique(targets)
    if len(present) < 2:
        received = f"{target.class_names[present[0]]!r} alone" if len(present) else "no rows"
        raise InputError(
            f"Expected windows of at least 2 classes in {name}. Received: {received}. Add recordings of another class"
            f"{', or choose another threshold' if target.threshold is not None else ''}."
        )
    return Dataset(
        inputs=inputs,
        targets=targets,
        groups=groups,
        class_names=target.class_names,
        feature_names=table.layout.feature_names,
        name=name,
        # Of what the vectors are made of, as their values differ in the last bit between machines; labels and groups as
        # they are, since a reader may have learned better what they are.
        fingerprint=fingerprint([table.fingerprint, n_steps, target.to_dict(), fingerprint_of_rows(said)]),
        layout=table.layout,
        findings=(*findings, *settings_findings(settings), *target_findings(target, targets)),
        provenance={
            "source": "recordings",
            **settings.to_dict(),
            "n_steps": n_steps,
            # Whatever is learned from them and however they are cut: what a model has seen, whose test part was opened.
            "recordings": recordings.fingerprint(),
            "n_recordings": table.n_recordings,
            "n_rows": len(inputs),
            "interpolated": dict(table.interpolated),
            "target": target.to_dict(),
            "class_counts": {label: int((targets == i).sum()) for i, label in enumerate(target.class_names)},
        },
        table=table,
        windows=np.asarray(rows, dtype=np.int64),
    )


def target_findings(target: Target, targets: NDArray[np.int64]) -> list[Finding]:
    """Where a rating was cut, and how unequal the classes became: the scores depend on it; targets `(n,)`."""
    if target.threshold is None:
        return []
    counts = np.bincount(targets, minlength=len(target.class_names))
    larger = int(counts.argmax())
    return [
        Finding(
            "rating-threshold",
            "note",
            f"{target.class_names[1]} is {target}, {target.class_names[0]} the rest: the larger class, "
            f"{target.class_names[larger]}, has {counts[larger] / counts.sum():.1%} of the rows. Another threshold "
            "gives other shares and other scores: say it with the score.",
        )
    ]


def _unknown_findings(trials: NDArray[np.str_], targets: NDArray[np.int64], target: Target, name: str) -> list[Finding]:
    unknown = targets == UNKNOWN
    if not unknown.any():
        return []
    if unknown.all():
        raise InputError(
            f"Expected the target {target} in {name}. Received: not one trial that has it. Choose another target, "
            "or complete the labels."
        )
    n_trials = len(np.unique(trials[unknown]))
    return [
        Finding(
            "unlabelled-trials",
            "warning",
            f"{n_trials} of {len(np.unique(trials))} trials of {name} have no {target.name} and are not used "
            f"({int(unknown.sum())} of {len(targets)} windows).",
            "Complete the labels where they are known.",
        )
    ]


def _trial_names(table: FeatureTable) -> NDArray[np.str_]:
    if not (table.trial != "").any():
        return table.trial  # recordings without trials: a session is none
    columns = zip(table.subject.tolist(), table.session.tolist(), table.trial.tolist(), strict=True)
    return np.array(["/".join(names) for names in columns], dtype=np.str_)


def _left_over(n_left: int, n_windows: int, n_steps: int, name: str) -> list[Finding]:
    if n_left == n_windows:
        raise InputError(
            f"Expected trials of at least {n_steps} consecutive windows in {name}. Received: only shorter ones. "
            "Lower `n_steps`, or take shorter windows."
        )
    if not n_left:
        return []
    return [
        Finding(
            "windows-left-over",
            "note",
            f"{n_left} of {n_windows} windows of {name} fill no sequence of {n_steps} within a trial and are not used.",
        )
    ]
