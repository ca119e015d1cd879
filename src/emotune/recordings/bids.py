"""A folder of EEG in the Brain Imaging Data Structure (BIDS), as OpenNeuro has them.

References:
    Pernet et al. (2019), EEG-BIDS, an extension to the brain imaging data structure for electroencephalography.
    Appelhoff et al. (2019), MNE-BIDS: Organizing electrophysiological data into the BIDS format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emotune.errors import InputError, MissingExtra
from emotune.files import fingerprint, fingerprint_of_file
from emotune.findings import Finding, listed
from emotune.recordings.bids_tables import Channel, Event, EventTable, read_channels, read_events
from emotune.recordings.bids_trials import Trial, trials_of
from emotune.recordings.companions import companions
from emotune.recordings.interruptions import breaks_within, is_recorders_mark
from emotune.recordings.opened import OpenedFile, no_eeg, one_line
from emotune.recordings.reading import check_recording_file, open_recording
from emotune.recordings.recording import Recording
from emotune.recordings.targets import Rating

__all__ = ["BidsSet"]

_FOLDER = "dataset_description.json and sub-*/eeg/*_eeg.* or sub-*/ses-*/eeg/*_eeg.*"
_PLACES = ("sub-*/eeg", "sub-*/ses-*/eeg")
_SUFFIXES = (".edf", ".bdf", ".vhdr", ".set")  # all that BIDS allows for EEG


@dataclass(frozen=True, slots=True)
class _File:
    """A recording of the folder with its tables."""

    path: Path
    subject: str
    session: str
    task: str  # what else its name says: task, acquisition, run
    events: EventTable | None
    channels_path: Path | None
    channels: tuple[Channel, ...]

    @property
    def parts(self) -> list[Path]:
        tables = [self.events.path if self.events else None, self.channels_path]
        return [self.path, *companions(self.path), *(table for table in tables if table)]


class BidsSet:
    """The EEG of a BIDS folder; satisfies `RecordingSet`. Each event that lasts is a recording.

    Classes are the events' `trial_type`, or their `value` where no trial has a `trial_type`. Columns of numbers are
    ratings, of whose scales the lowest and highest answers alone are known. Channels whose type is not EEG, or whose
    status is bad, are left out. `derivatives` and `sourcedata` are not looked at.

    Attributes:
        name: `bids:` and the folder.
        emotions: the classes, in numeric order if all are integers, else in alphabetical order.
        scales: the ratings.
        files: the recordings that are read, in the order of reading.

    Raises:
        InputError: on creation, if the folder is none, or a table or a file of it cannot be used. Nothing is decoded.
        MissingExtra: if mne-bids is not installed.
    """

    name: str
    emotions: tuple[str, ...]
    scales: Mapping[str, Rating]
    files: tuple[Path, ...]

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder)
        self.name = f"bids:{folder}"
        reason = self.why_not(self._folder)
        if reason:
            raise InputError(
                f"Expected a BIDS folder of EEG at {folder}: {_FOLDER}. Received: {reason}. Point at the folder that "
                "holds dataset_description.json."
            )
        self._files = _files_in(self._folder)
        self.files = tuple(file.path for file in self._files)
        self._refuse_lost_recordings()
        with_events = [(file, file.events) for file in self._files if file.events is not None]
        found = trials_of([table for _, table in with_events])
        self.emotions, self.scales = found.emotions, found.scales
        self._trials = {file.path: trials for (file, _), trials in zip(with_events, found.of, strict=True)}
        self._findings = (*found.findings, *self._without_events())

    def _refuse_lost_recordings(self) -> None:
        """A table of events that no recording took is all that is left of one."""
        taken = {file.events.path for file in self._files if file.events}
        for place in _PLACES:
            for table in sorted(self._folder.glob(f"{place}/*_events.tsv")):
                if table not in taken:
                    raise InputError(
                        f"Expected a recording ({', '.join(_SUFFIXES)}) beside {table}. Received: none of its name. "
                        "Fetch the recording, or take the table away."
                    )

    @classmethod
    def why_not(cls, folder: Path) -> str:
        """Why a folder is no BIDS folder of EEG, in a few words; empty where it is one."""
        if not folder.exists():
            return "no such folder"
        if not folder.is_dir():
            return "a file"
        if not (folder / "dataset_description.json").is_file():
            return "no dataset_description.json"
        return "" if _recordings_in(folder) else f"no recordings ({', '.join(_SUFFIXES)})"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Which events are no trials, what was supposed of their durations, which recordings have none."""
        return self._findings

    def __len__(self) -> int:
        return sum(len(self._trials.get(file.path, (None,))) for file in self._files)

    def __iter__(self) -> Iterator[Recording]:
        for file in self._files:
            trials = self._trials.get(file.path)
            if trials == ():
                continue
            with open_recording(file.path) as opened:
                rows, names = _chosen_channels(file, opened)
                for recording in self._recordings(file, opened, trials):
                    samples = recording.samples_uv
                    if rows != list(range(len(samples))):
                        samples = samples[rows]
                    yield replace(
                        recording, samples_uv=samples, channel_names=names, subject=file.subject, session=file.session
                    )

    def parts(self) -> list[BidsSet]:
        """The same recordings in the same order, a file each: sets that other processes can read."""
        return [self._of(file) for file in self._files]

    def _of(self, file: _File) -> BidsSet:
        part = copy(self)
        part._files, part.files, part._findings = [file], (), ()
        part._trials = {file.path: self._trials[file.path]} if file.path in self._trials else {}
        return part

    def _recordings(self, file: _File, opened: OpenedFile, trials: Sequence[Trial] | None) -> Iterator[Recording]:
        if trials is None or file.events is None:
            unknown = dict.fromkeys(self.scales, float("nan"))
            yield replace(opened.stretch(), trial=file.task, ratings=unknown)
            return
        marks = [_mark(event) for event in file.events.events if is_recorders_mark(event.name)]
        for trial in trials:
            place = f"{file.events.path}, row {trial.row}"
            try:
                recording = opened.stretch(trial.start_s, _within(trial.stop_s, opened))
            except InputError as error:
                raise type(error)(f"{place}: {error}") from error
            stop_s = trial.start_s + recording.duration_s
            noted = breaks_within(marks, trial.start_s, stop_s)
            yield replace(
                recording,
                emotion=trial.emotion,
                ratings=trial.ratings,
                trial=f"{file.task} {trial.row - 1:04d}".strip(),
                stimulus=trial.stimulus,
                source=f"{file.path}, {place.rpartition(', ')[2]} of its events",
                breaks_s=tuple(sorted({*recording.breaks_s, *noted})),
            )

    def fingerprint(self) -> str:
        """Of the bytes of every recording and its tables, wherever the folder lies."""
        contents = [
            [part.relative_to(self._folder).as_posix(), fingerprint_of_file(part)]
            for part in dict.fromkeys(part for file in self._files for part in file.parts)
        ]
        return fingerprint({"kind": "bids", "files": contents})

    def _without_events(self) -> list[Finding]:
        bare = [file.path.name for file in self._files if file.events is None]
        if not bare:
            return []
        return [
            Finding(
                "no-events",
                "note",
                f"No events.tsv for {len(bare)} of {len(self._files)} recordings ({listed(bare, 3)}): each is taken as "
                "a whole, without a label.",
            )
        ]


def _files_in(folder: Path) -> list[_File]:
    try:
        import mne_bids
    except ImportError as error:
        raise MissingExtra(f'Reading the BIDS folder {folder} needs mne-bids: pip install "emotune[bids]".') from error
    remedy = "Rename it, or check the folder with the BIDS validator."
    try:
        found = mne_bids.find_matching_paths(
            folder, datatypes="eeg", suffixes="eeg", extensions=list(_SUFFIXES), ignore_nosub=True
        )
    except Exception as error:  # a name that is none of BIDS ends in whatever it leads to
        raise InputError(f"Expected names as BIDS has them in {folder} ({one_line(error)}). {remedy}") from error
    paths = {Path(path.fpath): path for path in found}
    # mne-bids passes over what it cannot parse.
    for file in _recordings_in(folder):
        if file not in paths:
            raise InputError(
                f"Expected names as BIDS has them (sub-, ses-, task-, acq-, run-, in this order). Received: {file}. "
                f"{remedy}"
            )
    return [_file(paths[file]) for file in sorted(paths, key=lambda file: file.relative_to(folder).as_posix())]


def _recordings_in(folder: Path) -> list[Path]:
    return [file for place in _PLACES for suffix in _SUFFIXES for file in sorted(folder.glob(f"{place}/*_eeg{suffix}"))]


def _file(path: Any) -> _File:
    """A recording and its tables, by its `BIDSPath`."""
    file = Path(path.fpath)
    check_recording_file(file)
    events, channels = _sidecar(path, "events"), _sidecar(path, "channels")
    said = [part for part in file.stem.split("_")[:-1] if not part.startswith(("sub-", "ses-"))]
    return _File(
        file,
        path.subject or "",
        path.session or "",
        " ".join(said),
        read_events(events) if events else None,
        channels,
        read_channels(channels) if channels else (),
    )


def _sidecar(path: Any, suffix: str) -> Path | None:
    """The table of a recording: beside it or, as BIDS has it inherited, in a folder above; None where there is none."""
    from mne_bids import get_entities_from_fname

    try:
        found = path.find_matching_sidecar(suffix=suffix, extension=".tsv", on_error="raise")
    except RuntimeError as error:
        if str(error).startswith("Did not find"):
            return None
        raise InputError(f"Expected one {suffix}.tsv for {path.fpath} ({one_line(error)}). Keep one.") from error
    except (KeyError, ValueError) as error:
        raise InputError(
            f"Expected names as BIDS has them beside {path.fpath} ({one_line(error)}). Rename it."
        ) from error
    sidecar = Path(found)
    # mne-bids gives a recording without a run the table of run 1 too, where there is no other.
    entities = get_entities_from_fname(sidecar, on_error="ignore")
    return sidecar if all(path.entities.get(name) == value for name, value in entities.items() if value) else None


def _chosen_channels(file: _File, opened: OpenedFile) -> tuple[list[int], tuple[str, ...]]:
    """Rows of the file's EEG channels that its table does not take out, and what the table calls them."""
    if file.channels_path is None:
        return list(range(len(opened.channel_names))), opened.channel_names
    known = {channel.name: channel for channel in file.channels}
    called = {name: name for name in opened.all_names}
    unknown = [name for name in opened.channel_names if name not in known]
    if unknown:
        called = dict(zip(opened.all_names, known, strict=False))
        moved = [name for name, other in called.items() if name in known and name != other]
        if len(opened.all_names) != len(known) or len(called) < len(known) or moved:
            raise InputError(
                f"Expected every channel of {file.path} in {file.channels_path}, by its name or in the same order. "
                f"Received: {listed(unknown, 5)}, which it does not have. Mend the names in the table."
            )
    chosen = [
        (row, called[name])
        for row, name in enumerate(opened.channel_names)
        if known[called[name]].is_eeg and not known[called[name]].is_bad
    ]
    if not chosen:
        raise no_eeg(file.channels_path, list(known))
    return [row for row, _ in chosen], tuple(name for _, name in chosen)


def _within(stop_s: float | None, opened: OpenedFile) -> float | None:
    # Onset and duration are each rounded when they are written, so that their sum may pass the end by a sample.
    if stop_s is not None and 0 < stop_s - opened.duration_s <= max(1 / opened.sampling_rate_hz, 1e-3):
        return None
    return stop_s


def _mark(event: Event) -> tuple[float, float, str]:
    return event.onset_s, event.duration_s, event.name
