"""MAHNOB-HCI: 20 film clips rated by 27 people (256 Hz, 32 electrodes, one BDF file and one XML file a session).

References:
    Soleymani et al. (2012), A multimodal database for affect recognition and implicit tagging.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.files import fingerprint, fingerprint_of_file
from emotune.findings import Finding, listed
from emotune.recordings.channels import CHANNELS
from emotune.recordings.edf_header import EdfHeader, read_edf_header
from emotune.recordings.reading import check_recording_file, read_recording
from emotune.recordings.sets.published import About, PublishedSet, RawTrial
from emotune.recordings.targets import Rating

__all__ = ["Mahnob"]

_BASELINE_S = 30.0  # as long as the recording goes on before and after the clip
_EMOTIONS = {
    0: "neutral", 1: "anger", 2: "disgust", 3: "fear", 4: "joy", 5: "sadness", 6: "surprise", 11: "amusement",
    12: "anxiety",
}  # fmt: skip
_OTHER_CODES = (7, 8, 9, 10)  # scream, bored, sleepy, unknown: in the code book, but on none of the nine keys
_RATINGS = {"valence": "feltVlnc", "arousal": "feltArsl", "control": "feltCtrl", "predictability": "feltPred"}
_FELT = ("feltEmo", *_RATINGS.values())
_RECORDING = re.compile(r"Part_(\d+)_([SN])_Trial(\d+)_emotion\.bdf", re.IGNORECASE)
_SESSION = "session.xml"
_MOST_BYTES = 2**20  # a session's XML has some kilobytes
_REMEDY = "Download the session again."


@dataclass(frozen=True, slots=True)
class _Session:
    """What `session.xml` says of a clip that was watched, and where its recording lies."""

    recording: Path
    description: Path
    session: str
    subject: str
    stimulus: str
    emotion: str
    ratings: dict[str, float]


class Mahnob(PublishedSet):
    """The folder `Sessions`, or some of its sessions: those of the emotion experiment in which a clip was rated.

    The neutral clips between them (`isStim="0"`), the tagging experiment and sessions without EEG are left alone. A
    clip lasts from the first to the second pulse in the low 16 bits of the Status channel; up to 30 s before it are
    the baseline. Every recording of the set has exactly two pulses, so one that has not is refused.
    """

    about = About(
        "mahnob",
        "MAHNOB-HCI",
        "Sessions with a folder for each session, in it session.xml and Part_1_S_Trial1_emotion.bdf",
        "https://mahnob-db.eu/hci-tagging/",
        "for academic research, by a signed agreement",
        27,
        emotions=tuple(_EMOTIONS.values()),
        ratings={name: Rating(1.0, 9.0) for name in _RATINGS},
    )

    def __init__(self, folder: Path | str) -> None:
        super().__init__(folder)
        found = [(recording, _attributes(recording.parent / _SESSION)) for recording in self.files]
        self._sessions = [_session(recording, *known) for recording, known in found if _was_rated(known[0])]
        if not self._sessions:
            raise InputError(
                f"Expected sessions of {self.about.title} in {folder} in which a clip was rated (`isStim` 1). "
                f"Received: {len(self.files)} without. Download the emotion experiment, or point at all of Sessions."
            )
        self.files = [session.recording for session in self._sessions]
        self.units = self._sessions
        seen: dict[tuple[str, str], Path] = {}
        for session in self._sessions:
            other = seen.setdefault((session.subject, session.session), session.description)
            if other != session.description:
                raise InputError(
                    f"Expected every session once. Received: session {session.session} in {session.description} and "
                    f"in {other}. Take copies out of the folder."
                )

    @classmethod
    def files_in(cls, folder: Path) -> list[Path]:
        """The BDF files of clips, by the number of their session; those of neutral clips are not among them."""
        for place in (folder, folder / "Sessions"):
            sessions = sorted(place.iterdir(), key=_by_number) if place.is_dir() else []
            files = [file for session in sessions if session.is_dir() for file in sorted(session.iterdir())]
            found = [file for file in files if (named := _RECORDING.fullmatch(file.name)) and named[2].upper() == "S"]
            if found:
                return found
        return []

    @property
    def findings(self) -> tuple[Finding, ...]:
        """How many clips have no rating at all."""
        silent = [s.session for s in self._sessions if all(map(math.isnan, s.ratings.values()))]
        if not silent:
            return super().findings
        return (
            *super().findings,
            Finding(
                "no-rating",
                "note",
                f"{len(silent)} of {len(self._sessions)} sessions have no rating: {listed(silent, 5)}.",
            ),
        )

    def __len__(self) -> int:
        return len(self._sessions)

    def trials(self) -> Iterator[RawTrial]:
        """One a session; trial is its number, stimulus the clip's file, emotion the key that was pressed."""
        for known in self.units:
            file = known.recording
            check_recording_file(file)
            header = read_edf_header(file)
            header.refuse_truncated(file)
            rate_hz = _rate_hz(header, file)
            start, stop = _clip(_status(header, file), file)
            first = max(0, start - round(_BASELINE_S * rate_hz))
            recording = read_recording(file, start_s=first / rate_hz, stop_s=stop / rate_hz)
            rows = [recording.channel_names.index(name) for name in CHANNELS if name in recording.channel_names]
            if len(rows) < len(CHANNELS):
                absent = [name for name in CHANNELS if name not in recording.channel_names]
                raise InputError(
                    f"Expected the {len(CHANNELS)} electrodes Fp1 to O2 in {file}. Received: none called "
                    f"{listed(absent, 5)}. {_REMEDY}"
                )
            rows.sort()  # the file's own order
            before = start - first
            yield RawTrial(
                recording.samples_uv[rows, before:],
                recording.sampling_rate_hz,
                tuple(recording.channel_names[row] for row in rows),
                subject=known.subject,
                trial=known.session,
                source=str(file),
                emotion=known.emotion,
                ratings=known.ratings,
                stimulus=known.stimulus,
                baseline_uv=recording.samples_uv[rows, :before] if before else None,
            )

    def fingerprint(self) -> str:
        """Of the descriptions too: what was felt lies there."""
        descriptions = [fingerprint_of_file(session.description) for session in self._sessions]
        return fingerprint({"set": super().fingerprint(), "descriptions": descriptions})


def _by_number(path: Path) -> tuple[int, str]:
    return (int(path.name) if path.name.isdecimal() else 0, path.name)


class _Attributes:
    """Builds no tree: keeps the root's tag and attributes and those of its first `subject`."""

    def __init__(self) -> None:
        self.tag = ""
        self.root: dict[str, str] = {}
        self.subject: dict[str, str] = {}
        self._depth = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._depth == 0:
            self.tag, self.root = tag, attributes
        elif self._depth == 1 and tag == "subject" and not self.subject:
            self.subject = attributes
        self._depth += 1

    def end(self, _: str) -> None:
        self._depth -= 1

    def doctype(self, *_: object) -> None:
        # Entities are declared here, and nowhere else: without any, none can grow or reach for another file.
        raise ValueError("a document type, which no session has")

    def close(self) -> None:
        """There is nothing to give."""


def _attributes(file: Path) -> tuple[dict[str, str], dict[str, str], Path]:
    """The attributes of a session and of its subject."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise InputError(
            f"Expected {_SESSION} beside the recording in {file.parent}, where its ratings are. Received: no such "
            f"file. {_REMEDY}"
        ) from None
    except OSError as error:
        raise InputError(
            f"Expected the description of a session in {file}, but it cannot be read ({error}). Check its permissions."
        ) from error
    received = ""
    target = _Attributes()
    if len(content) > _MOST_BYTES:
        received = "more than 1 MB"
    else:
        try:
            parser = ET.XMLParser(target=target)  # noqa: S314 (what could harm is refused by `_Attributes`)
            parser.feed(content)
            parser.close()
        except (ET.ParseError, ValueError, LookupError) as error:  # the last of an encoding that nobody knows
            received = " ".join(str(error).split())[:200] if content else "an empty file"
        else:
            received = "" if target.tag == "session" else f"<{target.tag[:40]}>"
    if received:
        raise InputError(
            f"Expected the description of a session, <session ...>, in {file}. Received: {received}. {_REMEDY}"
        )
    return target.root, target.subject, file


def _was_rated(attributes: dict[str, str]) -> bool:
    """Whether it is of a clip that was asked about; where a session does not say so, its answers tell."""
    is_clip = attributes.get("isStim", "").strip()
    return is_clip == "1" if is_clip else any(name in attributes for name in _FELT)


def _session(recording: Path, root: dict[str, str], subject: dict[str, str], description: Path) -> _Session:
    who = subject.get("id", "").strip()
    named = _RECORDING.fullmatch(recording.name)
    if not who:
        raise InputError(
            f'Expected <subject id="..."> in {description}. Received: none, so nobody knows who was recorded. {_REMEDY}'
        )
    if named is not None and who.lstrip("0") != named[1].lstrip("0"):
        raise InputError(
            f"Expected the recording of person {who} beside {description}, which says so. Received: {recording.name}. "
            "Put both where they belong, or download the session again."
        )
    code = _number(root.get("feltEmo", ""), "feltEmo", description)
    if not (math.isnan(code) or code in _EMOTIONS or code in _OTHER_CODES):
        raise InputError(f"Expected a code from 0 to 12 as `feltEmo` in {description}. Received: {code:g}. {_REMEDY}")
    return _Session(
        recording,
        description,
        session=root.get("sessionId", "").strip() or recording.parent.name,
        subject=who,
        stimulus=root.get("mediaFile", "").strip(),
        emotion="" if math.isnan(code) else _EMOTIONS.get(int(code), ""),
        ratings={name: _number(root.get(key, ""), key, description) for name, key in _RATINGS.items()},
    )


def _number(text: str, name: str, file: Path) -> float:
    """NaN where there is no answer."""
    if not text.strip():
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise InputError(f"Expected a number as `{name}` in {file}. Received: {text[:40]!r}. {_REMEDY}")
    return value


def _rate_hz(header: EdfHeader, file: Path) -> float:
    signals = header.eeg_signals()
    if not signals or not header.record_s > 0 or header.n_records < 1:
        raise InputError(
            f"Expected EEG of a known length in {file}. Received: {len(signals)} EEG channels, {header.n_records} data "
            f"records of {header.record_s:g} s. {_REMEDY}"
        )
    return signals[0].n_samples / header.record_s


def _status(header: EdfHeader, file: Path) -> NDArray[np.int64]:
    """The triggers `(n_times,)`: the low 16 bits of the Status channel; those above are the amplifier's own."""
    at = 0
    for signal in header.signals:
        if signal.name == "Status":
            break
        at += 3 * signal.n_samples
    else:
        raise InputError(
            f"Expected a channel Status in {file}, which says when the clip began and ended. Received: "
            f"{len(header.signals)} channels without it. {_REMEDY}"
        )
    if signal.n_samples != header.eeg_signals()[0].n_samples:
        raise InputError(
            f"Expected Status at the rate of the EEG in {file}. Received: {signal.n_samples} samples a data record, "
            f"{header.eeg_signals()[0].n_samples} of the EEG. {_REMEDY}"
        )
    parts = []
    with file.open("rb") as opened:
        for record in range(header.n_records):
            opened.seek(header.n_bytes + record * header.bytes_per_record + at)
            parts.append(opened.read(3 * signal.n_samples))
    samples = np.frombuffer(b"".join(parts), dtype=np.uint8).reshape(-1, 3).astype(np.int64)
    return samples[:, 0] | samples[:, 1] << 8


def _clip(triggers: NDArray[np.int64], file: Path) -> tuple[int, int]:
    """The first sample of the clip, and the first after it."""
    pulses = np.flatnonzero((triggers[1:] > 0) & (triggers[:-1] == 0)) + 1
    if len(pulses) != 2:
        raise InputError(
            f"Expected two triggers in the Status channel of {file}, where the clip begins and where it ends. "
            f"Received: {len(pulses)}. {_REMEDY}"
        )
    return int(pulses[0]), int(pulses[1])
