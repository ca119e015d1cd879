"""Where data come from: the one table of kinds, and `load_dataset`, which takes what the user wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.data.sequences import consecutive_rows
from emotune.data.tables import read_npz
from emotune.errors import InputError
from emotune.features.settings import FeatureSettings
from emotune.features.table import FeatureTable
from emotune.files import fingerprint
from emotune.findings import Finding, refuse_errors
from emotune.recordings.manifest import Manifest
from emotune.recordings.reading import FORMATS
from emotune.recordings.recording import RecordingSet
from emotune.recordings.sets import SETS
from emotune.recordings.targets import TargetChoice, parse_target

__all__ = ["KINDS", "Kind", "LoadOptions", "dataset_of_recordings", "load_dataset"]


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What a loader is told beside the argument of its kind.

    Attributes:
        settings: how recordings become vectors; tables of vectors do not need it.
        n_steps: windows a sample.
        on_recording: called with (done, total) after each recording.
        target: which of a published set's targets.
    """

    settings: FeatureSettings
    n_steps: int = 1
    on_recording: Callable[[int, int], None] | None = None
    target: TargetChoice = TargetChoice()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of data.

    Attributes:
        written: how the user writes it.
        description: what it is, in a line.
        load: from the text behind the colon to a dataset.
    """

    written: str
    description: str
    load: Callable[[str, LoadOptions], Dataset]


def load_dataset(
    spec: str,
    settings: FeatureSettings,
    *,
    n_steps: int = 1,
    on_recording: Callable[[int, int], None] | None = None,
    target: str = "",
) -> Dataset:
    """The dataset that `spec` names, as `KINDS` lists them.

    Args:
        spec: a name of `KINDS`, with a path behind a colon where the kind has one.
        settings: windows, bands and reference for recordings.
        n_steps: consecutive windows of one trial that make a sample; above 1 `inputs` are
            `(n, n_steps, n_features)`.
        on_recording: called with (done, total) after each recording.
        target: what to tell apart where a set has several: `valence`, `valence >= 5`; empty for its first.

    Raises:
        InputError: if the kind is not known, or the data cannot be used; the message says what to do.
    """
    if n_steps < 1:
        raise InputError(f"`n_steps` must be 1 or more windows a sample. Received: {n_steps}.")
    kind, argument = _parse(spec)
    choice = parse_target(target)
    if choice.name and kind not in SETS:
        raise InputError(
            f"Expected no target for {spec}, whose labels are what it has. Received: {target}. Take it out, or "
            f"give a set with ratings ({', '.join(SETS)})."
        )
    return KINDS[kind].load(argument, LoadOptions(settings, n_steps, on_recording, choice))


def dataset_of_recordings(
    recordings: RecordingSet,
    settings: FeatureSettings,
    *,
    n_steps: int = 1,
    on_recording: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Any recordings as a dataset: their vectors (stored ones where they are known), labels and groups.

    Raises:
        InputError: if a recording cannot be used, there is one class only, or no trial has `n_steps` windows.
    """
    # HDF5 takes longer to load than a table needs to be read.
    from emotune.features.store import stored_features

    table = stored_features(recordings, settings, on_recording=on_recording)
    refuse_errors(table.findings)
    return _dataset_of_table(table, recordings.name, settings, n_steps)


def _dataset_of_table(table: FeatureTable, name: str, settings: FeatureSettings, n_steps: int) -> Dataset:
    inputs, targets, findings = table.values, table.labels, list(table.findings)
    groups = {
        "subject": table.subject,
        "session": table.session,
        "trial": _trial_names(table),
        "stimulus": table.stimulus,
    }
    if n_steps > 1:
        hop_s = settings.window_s * (1.0 - settings.overlap)
        rows = consecutive_rows(groups["trial"], table.starts_s, n_steps, hop_s)
        findings += _left_over(len(table) - rows.size, len(table), n_steps, name)
        inputs, targets = inputs[rows], targets[rows[:, 0]]
        groups = {column: names[rows[:, 0]] for column, names in groups.items()}
    present = np.unique(targets)
    if len(present) < 2:
        received = f"{table.class_names[present[0]]!r} alone" if len(present) else "no rows"
        raise InputError(
            f"Expected windows of at least 2 classes in {name}. Received: {received}. Add recordings of another class."
        )
    return Dataset(
        inputs=inputs,
        targets=targets,
        groups=groups,
        class_names=table.class_names,
        feature_names=table.layout.feature_names,
        name=name,
        # Of what the vectors are made of: their values differ in the last bit between machines.
        fingerprint=fingerprint([table.fingerprint, n_steps, list(table.class_names)]),
        layout=table.layout,
        findings=tuple(findings),
        provenance={
            "source": "recordings",
            **settings.to_dict(),
            "n_steps": n_steps,
            "n_recordings": table.n_recordings,
            "n_rows": len(inputs),
            "interpolated": dict(table.interpolated),
            "class_counts": {label: int((targets == i).sum()) for i, label in enumerate(table.class_names)},
        },
    )


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


def _load_simulated(argument: str, options: LoadOptions) -> Dataset:
    from emotune.recordings.simulator import Simulator  # who brings recordings needs no simulator

    if argument:
        raise InputError(f"Expected `simulated` alone. Received: `simulated:{argument}`. Drop what is behind it.")
    return dataset_of_recordings(
        Simulator(),  # the same people for every seed of a run: a split of known data is what a seed changes
        options.settings,
        n_steps=options.n_steps,
        on_recording=options.on_recording,
    )


def _load_manifest(argument: str, options: LoadOptions) -> Dataset:
    return dataset_of_recordings(
        Manifest(_path(argument, "manifest:PATH.csv")),
        options.settings,
        n_steps=options.n_steps,
        on_recording=options.on_recording,
    )


def _set_loader(kind: str) -> Callable[[str, LoadOptions], Dataset]:
    def load(argument: str, options: LoadOptions) -> Dataset:
        return dataset_of_recordings(
            SETS[kind](_path(argument, f"{kind}:FOLDER"), options.target),
            options.settings,
            n_steps=options.n_steps,
            on_recording=options.on_recording,
        )

    return load


def _load_npz(argument: str, options: LoadOptions) -> Dataset:
    dataset = read_npz(_path(argument, "npz:PATH"))
    n_steps = dataset.inputs.shape[1] if dataset.inputs.ndim == 3 else 1
    if options.n_steps not in (1, n_steps):
        raise InputError(
            f"Expected `n_steps` of {n_steps}, as the rows of {argument} have. Received: {options.n_steps}. "
            "Save X as (n, n_steps, n_features); only recordings are put in sequences here."
        )
    return dataset


def _path(argument: str, written: str) -> Path:
    if not argument:
        raise InputError(f"Expected a path behind the colon, as in {written}. Received: none. Add it.")
    return Path(argument).expanduser()


KINDS: Mapping[str, Kind] = {
    "simulated": Kind("simulated", "simulated EEG of 12 people and 5 emotions, built in", _load_simulated),
    "manifest": Kind("manifest:PATH.csv", "recordings that a CSV lists: file, subject, label", _load_manifest),
    "npz": Kind("PATH.npz", "feature vectors in an NPZ file: X, y, subject (also npz:PATH)", _load_npz),
    **{
        kind: Kind(f"{kind}:FOLDER", f"{reader.about.title} as it is downloaded", _set_loader(kind))
        for kind, reader in SETS.items()
    },
}


def _parse(spec: str) -> tuple[str, str]:
    """The kind and the text behind its colon; a drive's letter before a path of Windows is no kind."""
    head, _, argument = spec.strip().partition(":")
    if head in KINDS:
        return head, argument.strip()
    path = spec.strip()
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        return "npz", path
    folder = Path(path).expanduser()
    if path and folder.is_dir():
        return _recognised(folder), path
    remedy = ""
    if suffix in (".csv", ".tsv", ".txt"):
        remedy = f" Write manifest:{path} where it lists recordings."
    elif suffix in FORMATS:
        remedy = " List recordings with their subjects and labels in a CSV, and write manifest:PATH.csv."
    known = "; ".join(f"{kind.written} ({kind.description})" for kind in KINDS.values())
    raise InputError(f"Expected data as one of: {known}. Received: {spec!r}.{remedy}")


def _recognised(folder: Path) -> str:
    """The one published set that a folder holds."""
    reasons = {kind: reader.why_not(folder) for kind, reader in SETS.items()}
    fitting = [kind for kind, reason in reasons.items() if not reason]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InputError(
            f"Expected a folder of one data set. Received: {folder}, which fits {' and '.join(fitting)}. "
            f"Say which, as in {fitting[0]}:{folder}."
        )
    looked = "; ".join(f"{kind} ({reader.about.folder}): {reasons[kind]}" for kind, reader in SETS.items())
    raise InputError(
        f"Expected a data set in {folder}. Looked for {looked}. Point at the folder that holds its files, or list "
        "recordings in a CSV and write manifest:PATH.csv."
    )
