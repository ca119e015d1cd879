"""Where data come from: the one table of kinds, and `load_dataset`, which takes what the user wrote."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from emotune.data.column_tables import read_table
from emotune.data.dataset import Dataset
from emotune.data.feature_folders import FEATURE_FOLDERS
from emotune.data.of_recordings import dataset_of_recordings
from emotune.data.table_files import PARQUET_SUFFIXES, TEXT_SUFFIXES
from emotune.data.tables import read_npz
from emotune.errors import InputError
from emotune.features.settings import FeatureSettings
from emotune.recordings.bids import BidsSet
from emotune.recordings.manifest import Manifest
from emotune.recordings.manifest_rows import is_manifest
from emotune.recordings.reading import FORMATS
from emotune.recordings.recording import RecordingSet
from emotune.recordings.sets import SETS
from emotune.recordings.single import RecordingFile
from emotune.recordings.targets import EMOTION, TargetChoice, parse_targets

__all__ = ["FETCHED", "KINDS", "Kind", "Vectors", "dataset_of_recordings", "is_set", "load_dataset", "open_source"]


FETCHED = "eegmat"
"""The one kind that is fetched where no folder is given: the others need an agreement."""

_NEED_NO_PATH = ("simulated", FETCHED)


@dataclass(frozen=True, slots=True)
class Vectors:
    """Ready-made vectors: a table, or the feature files of a published set.

    Attributes:
        name: what the user called it.
        read: gives the dataset for a target.
    """

    name: str
    read: Callable[[TargetChoice], Dataset]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of data.

    Attributes:
        written: how the user writes it.
        description: what it is, in a line.
        open: from the text behind the colon to recordings or vectors; no sample is read.
    """

    written: str
    description: str
    open: Callable[[str], RecordingSet | Vectors]


def is_set(spec: str) -> bool:
    """Whether `spec` means more than one recording, or may; False for a path of a file that can be read as one."""
    head, _, _ = spec.strip().partition(":")
    return head != "file" and (head in KINDS or Path(spec).expanduser().is_dir() or _is_table(spec))


def _is_table(spec: str) -> bool:
    return Path(spec).suffix.lower() in (".npz", *PARQUET_SUFFIXES, *TEXT_SUFFIXES)


def open_source(spec: str) -> RecordingSet | Vectors:
    """The recordings or vectors that `spec` names, as `KINDS` lists them.

    Raises:
        InputError: if the kind is not known, or there is no such data.
    """
    kind, argument = _parse(spec)
    return KINDS[kind].open(argument)


def load_dataset(
    spec: str,
    settings: FeatureSettings,
    *,
    n_steps: int = 1,
    workers: int = 1,
    on_recording: Callable[[int, int], None] | None = None,
    target: str = "",
) -> Dataset:
    """The dataset that `spec` names, as `KINDS` lists them.

    Args:
        spec: a name of `KINDS`, with a path behind a colon where the kind has one.
        settings: windows, bands and reference for recordings.
        n_steps: consecutive windows of one trial that make a sample; above 1 `inputs` are
            `(n, n_steps, n_features)`.
        workers: processes that read and compute, as for `extract_all`.
        on_recording: called with (done, total) after each recording.
        target: what to tell apart where there is a choice: `valence`, `valence >= 5`, a table's column; empty for
            the first.

    Raises:
        InputError: if the kind is not known, or the data cannot be used; the message says what to do.
    """
    if n_steps < 1:
        raise InputError(f"`n_steps` must be 1 or more windows a sample. Received: {n_steps}.")
    choices = parse_targets(target)
    if len(choices) > 1 or choices[0].as_rating:
        raise InputError(
            f"Expected one target whose classes a network tells apart. Received: {target!r}. Choose one of them, cut "
            "by a threshold where it is a rating; `emotune inspect` shows several, and ratings as they are."
        )
    source = open_source(spec)
    if not isinstance(source, Vectors):
        return dataset_of_recordings(
            source, settings, n_steps=n_steps, workers=workers, on_recording=on_recording, choice=choices[0]
        )
    dataset = source.read(choices[0])
    n_steps_there = dataset.inputs.shape[1] if dataset.inputs.ndim == 3 else 1
    if n_steps not in (1, n_steps_there):
        raise InputError(
            f"Expected `n_steps` of {n_steps_there}, as the rows of {source.name} have. Received: {n_steps}. "
            "Save X as (n, n_steps, n_features); only recordings are put in sequences here."
        )
    return dataset


def _open_simulated(argument: str) -> RecordingSet:
    from emotune.recordings.simulator import Simulator  # who brings recordings needs no simulator

    if argument:
        raise InputError(f"Expected `simulated` alone. Received: `simulated:{argument}`. Drop what is behind it.")
    return Simulator()  # the same people for every seed of a run: a split of known data is what a seed changes


def _open_manifest(argument: str) -> RecordingSet:
    return Manifest(_path(argument, "manifest:PATH.csv"))


def _open_bids(argument: str) -> RecordingSet:
    return BidsSet(_path(argument, "bids:FOLDER"))


def _open_file(argument: str) -> RecordingSet:
    return RecordingFile(_path(argument, "file:PATH"))


def _set_opener(kind: str) -> Callable[[str], RecordingSet | Vectors]:
    def open_set(argument: str) -> RecordingSet | Vectors:
        folder = _path(argument, f"{kind}:FOLDER")
        features = FEATURE_FOLDERS.get(kind)
        if features is not None and SETS[kind].why_not(folder) and not features.why_not(folder):
            return Vectors(f"{kind}:{folder}", partial(_read_without_choice, features.read, folder, features.emotions))
        return SETS[kind](folder)

    return open_set


def _open_eegmat(argument: str) -> RecordingSet:
    from emotune.recordings.sets.eegmat import fetch_eegmat  # who has the data needs no network

    return SETS[FETCHED](_path(argument, "eegmat:FOLDER") if argument else fetch_eegmat())


def _open_npz(argument: str) -> Vectors:
    path = _path(argument, "npz:PATH")
    return Vectors(str(path), partial(_read_without_choice, read_npz, path, ()))


def _read_without_choice(
    read: Callable[[Path], Dataset], path: Path, emotions: tuple[str, ...], choice: TargetChoice
) -> Dataset:
    if choice != TargetChoice() and (not emotions or choice != TargetChoice(EMOTION)):
        raise InputError(
            f"Expected no target for {path}, which has one kind of label. Received: {choice}. Take it out, or save "
            "the rows as CSV or Parquet with a column for each target."
        )
    return read(path)


def _open_columns(argument: str) -> Vectors:
    path = _path(argument, "csv:PATH")
    return Vectors(str(path), partial(read_table, path))


def _path(argument: str, written: str) -> Path:
    if not argument:
        raise InputError(f"Expected a path behind the colon, as in {written}. Received: none. Add it.")
    return Path(argument).expanduser()


KINDS: Mapping[str, Kind] = {
    "simulated": Kind("simulated", "simulated EEG of 12 people and 5 emotions, built in", _open_simulated),
    "manifest": Kind("manifest:PATH.csv", "recordings that a CSV lists: file, subject, label", _open_manifest),
    "bids": Kind("bids:FOLDER", "recordings of your own in the Brain Imaging Data Structure", _open_bids),
    "file": Kind("PATH.edf", "one recording, to inspect or predict; also .bdf, .vhdr, .set, .fif ...", _open_file),
    "npz": Kind("PATH.npz", "feature vectors in an NPZ file: X, y, subject (also npz:PATH)", _open_npz),
    "csv": Kind("PATH.csv", "feature vectors in columns beside label and subject (also csv:PATH)", _open_columns),
    "parquet": Kind("PATH.parquet", "the same as Parquet (also parquet:PATH)", _open_columns),
    **{
        kind: Kind(f"{kind}:FOLDER", f"{reader.about.title} as it is downloaded", _set_opener(kind))
        for kind, reader in SETS.items()
    },
    FETCHED: Kind("eegmat", "EEGMAT, fetched from PhysioNet; eegmat:FOLDER where you have it", _open_eegmat),
}


def _parse(spec: str) -> tuple[str, str]:
    """The kind and the text behind its colon; a drive's letter before a path of Windows is no kind."""
    head, colon, argument = spec.strip().partition(":")
    # A folder may be called like a kind that needs one.
    if head in KINDS and (colon or head in _NEED_NO_PATH or not Path(head).is_dir()):
        return head, argument.strip()
    path = spec.strip()
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        return "npz", path
    if suffix in PARQUET_SUFFIXES:
        return "parquet", path
    if suffix in TEXT_SUFFIXES:
        return ("manifest" if is_manifest(Path(path).expanduser()) else "csv"), path
    if suffix in FORMATS:
        return "file", path
    folder = Path(path).expanduser()
    if path and folder.is_dir():
        return _recognised(folder), path
    known = "; ".join(f"{kind.written} ({kind.description})" for kind in KINDS.values())
    nothing = "" if folder.exists() else ", which is no kind and no file or folder that is there"
    near = difflib.get_close_matches(head.lower(), KINDS, n=1)
    meant = f" Did you mean {near[0]}?" if near and head not in ("", ".") else ""
    raise InputError(f"Expected data as one of: {known}. Received: {spec!r}{nothing}.{meant}")


def _recognised(folder: Path) -> str:
    """The one kind of data that a folder holds."""
    folders = {kind: reader.about.folder for kind, reader in SETS.items()} | {"bids": "dataset_description.json, sub-*"}
    reasons = {kind: reader.why_not(folder) for kind, reader in SETS.items()} | {"bids": BidsSet.why_not(folder)}
    for kind, features in FEATURE_FOLDERS.items():
        if reasons[kind] and not features.why_not(folder):
            reasons[kind] = ""
    fitting = [kind for kind, reason in reasons.items() if not reason]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InputError(
            f"Expected a folder of one data set. Received: {folder}, which fits {' and '.join(fitting)}. "
            f"Say which, as in {fitting[0]}:{folder}."
        )
    looked = "; ".join(f"{kind} ({folders[kind]}): {reason}" for kind, reason in reasons.items())
    raise InputError(
        f"Expected a data set in {folder}. Looked for {looked}. Point at the folder that holds its files, or list "
        "recordings in a CSV and write manifest:PATH.csv."
    )
