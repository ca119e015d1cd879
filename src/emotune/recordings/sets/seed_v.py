"""SEED-V: film clips of five emotions, watched in three sittings by 16 people (1000 Hz, 62 electrodes, as recorded).

References:
    Liu et al. (2021), Comparing recognition performance and robustness of multimodal deep learning models for
    multimodal emotion recognition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from emotune.errors import InputError
from emotune.files import fingerprint
from emotune.findings import Finding, listed
from emotune.recordings.neuroscan import NeuroscanFile, NeuroscanHeader, read_neuroscan_header
from emotune.recordings.sets.published import About, PublishedSet, RawTrial
from emotune.recordings.sets.seed_files import (
    ACCESS,
    LICENCE,
    N_SESSIONS,
    REMEDY,
    SEED_CHANNELS,
    SEED_V_CODES,
    SEED_V_EMOTIONS,
    Sitting,
    refuse_copies,
)

__all__ = ["SeedV"]

_N_CLIPS = 15

# Its samples are 32 bits wide: an hour of 66 channels at 1000 Hz is a file of 0.9 GB.
_SAMPLE_BYTES: Literal[4] = 4

# Of one sitting the set also has a copy with a mended header, `7_1_20180411_repaired.cnt`.
_FILE = re.compile(r"(\d+)_(\d+)_(\d{8})(_repaired)?\.cnt", re.IGNORECASE)

# When each clip starts and ends, in seconds from the start of a recording, by session.
_Bounds = tuple[tuple[tuple[float, float], ...], ...]


def _pairs(starts: tuple[float, ...], ends: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    return tuple(zip(starts, ends, strict=True))


# As the set's own table has them, for folders without it.
_CLIPS_S: _Bounds = (
    _pairs(
        (30, 132, 287, 555, 773, 982, 1271, 1628, 1730, 2025, 2227, 2435, 2667, 2932, 3204),
        (102, 228, 524, 742, 920, 1240, 1568, 1697, 1994, 2166, 2401, 2607, 2901, 3172, 3359),
    ),
    _pairs(
        (30, 299, 548, 646, 836, 1000, 1091, 1392, 1657, 1809, 1966, 2186, 2333, 2490, 2741),
        (267, 488, 614, 773, 967, 1059, 1331, 1622, 1777, 1908, 2153, 2302, 2428, 2709, 2817),
    ),
    _pairs(
        (30, 353, 478, 674, 825, 908, 1200, 1346, 1451, 1711, 2055, 2307, 2457, 2726, 2888),
        (321, 418, 643, 764, 877, 1147, 1284, 1418, 1679, 1996, 2275, 2425, 2664, 2857, 3066),
    ),
)
_TABLE = "trial_start_end_timestamp.txt"
_TABLE_OF_SESSION = re.compile(
    r"Session\s*(\d+)\s*:\s*start_second\s*:\s*\[([^\]]*)\]\s*end_second\s*:\s*\[([^\]]*)\]", re.IGNORECASE
)


class SeedV(PublishedSet):
    """The files of `EEG_raw`, or those of some people; 15 clips a session, others in each.

    A session is which clips were shown, as the file's name has it, whatever its date. When clips start and end is
    read from `trial_start_end_timestamp.txt` beside the files or above them; where it is missing, the published
    times are used, which are the same.
    """

    about = About(
        "seed-v",
        "SEED-V",
        "EEG_raw with files such as 1_1_20180804.cnt, three a person, and trial_start_end_timestamp.txt above it",
        ACCESS,
        LICENCE,
        16,
        emotions=SEED_V_EMOTIONS,
    )

    def __init__(self, folder: Path | str) -> None:
        super().__init__(folder)
        sittings = _sittings_in(self.folder)
        refuse_copies(sittings, self.folder)
        self.units = sittings
        self._clips_s = _clips_near(self.files[0])

    @classmethod
    def files_in(cls, folder: Path) -> list[Path]:
        """The sittings' files, by person and session; of a sitting with a repaired copy that copy."""
        return [sitting.file for sitting in _sittings_in(folder)]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """A table of clips that is not the published one is used, and said."""
        if self._clips_s == _CLIPS_S:
            return super().findings
        return (
            *super().findings,
            Finding(
                "clip-times",
                "warning",
                f"The times of clips in {_TABLE} of {self.folder} are not those that SEED-V was published with.",
                f"Download {_TABLE} again, unless you changed it on purpose.",
            ),
        )

    def __len__(self) -> int:
        return _N_CLIPS * len(self.files)

    def trials(self) -> Iterator[RawTrial]:
        """Every clip of every sitting, in their order; one clip in memory at a time."""
        for sitting in self.units:
            header = read_neuroscan_header(sitting.file, sample_bytes=_SAMPLE_BYTES)
            channels = _electrodes(header, sitting.file)
            clips_s = self._clips_s[sitting.session - 1]
            _refuse_short(header, clips_s, sitting.file)
            recording = NeuroscanFile(sitting.file, header)
            rate_hz = header.sampling_rate_hz
            for clip, (start_s, end_s) in enumerate(clips_s, start=1):
                yield RawTrial(
                    recording.stretch_uv(channels, round(start_s * rate_hz), round(end_s * rate_hz)),
                    rate_hz,
                    SEED_CHANNELS,
                    subject=f"{sitting.person:02d}",
                    trial=f"{clip:02d}",
                    source=f"{sitting.file}, clip {clip}",
                    emotion=SEED_V_EMOTIONS[SEED_V_CODES[sitting.session - 1][clip - 1]],
                    session=str(sitting.session),
                    stimulus=f"session {sitting.session} clip {clip:02d}",
                )

    def fingerprint(self) -> str:
        """Of the times of the clips too: they lie in a file of their own, or in none."""
        times = [[[float(start), float(end)] for start, end in clips] for clips in self._clips_s]
        return fingerprint({"set": super().fingerprint(), "clips_s": times})


def _sittings_in(folder: Path) -> list[Sitting]:
    for place in (folder, folder / "EEG_raw"):
        found = [(file, _FILE.fullmatch(file.name)) for file in sorted(place.iterdir())] if place.is_dir() else []
        named = [(int(name[1]), int(name[2]), name[4] is None, file) for file, name in found if name]
        mended = {(person, session) for person, session, is_original, _ in named if not is_original}
        sittings = [
            Sitting(file, person, session)
            for person, session, is_original, file in sorted(named)
            if not (is_original and (person, session) in mended)
        ]
        if sittings:
            return sittings
    return []


def _clips_near(file: Path) -> _Bounds:
    """The times of the clips in the table beside a recording, or above it, or those that were published."""
    for folder in (file.parent, file.parent.parent):
        if (folder / _TABLE).is_file():
            return _clips_in(folder / _TABLE)
    return _CLIPS_S


def _clips_in(table: Path) -> _Bounds:
    try:
        text = table.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(f"Expected the times of clips in {table}, but it cannot be read ({error}). {REMEDY}") from None
    found: dict[int, tuple[tuple[float, float], ...]] = {}
    for session, starts, ends in _TABLE_OF_SESSION.findall(text):
        try:
            found[int(session)] = _pairs(_numbers(starts), _numbers(ends))
        except ValueError:
            found[int(session)] = ()
    sessions = range(1, N_SESSIONS + 1)
    clips_s = tuple(found.get(session, ()) for session in sessions)
    for session, clips in zip(sessions, clips_s, strict=True):
        moments = [moment for clip in clips for moment in clip]
        if len(clips) != _N_CLIPS or moments[0] < 0 or any(a >= b for a, b in zip(moments, moments[1:], strict=False)):
            received = f"{len(clips)} of them, or times that do not follow each other" if clips else "none"
            raise InputError(
                f"Expected start_second and end_second of the {_N_CLIPS} clips of session {session} in {table}, in "
                f"the order of time. Received: {received}. Download it again, or take it out: the published times are "
                "used then."
            )
    return clips_s


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in text.replace(",", " ").split())


def _electrodes(header: NeuroscanHeader, file: Path) -> list[int]:
    """Where the 62 electrodes are among the channels; ears (M1, M2) and eyes (VEO, HEO) stay out."""
    place = {name.upper(): index for index, name in reversed(list(enumerate(header.channel_names)))}
    missing = [name for name in SEED_CHANNELS if name not in place]
    if missing:
        raise InputError(
            f"Expected the {len(SEED_CHANNELS)} electrodes of SEED-V in {file}. Received: {len(place)} channels "
            f"without {listed(missing, 5)}. {REMEDY}"
        )
    return [place[name] for name in SEED_CHANNELS]


def _refuse_short(header: NeuroscanHeader, clips_s: tuple[tuple[float, float], ...], file: Path) -> None:
    for clip, (start_s, end_s) in enumerate(clips_s, start=1):
        if round(end_s * header.sampling_rate_hz) > header.n_samples:
            raise InputError(
                f"Expected clip {clip} from {start_s:g} to {end_s:g} s in {file}. Received: a recording of "
                f"{header.duration_s:g} s. {REMEDY}"
            )
