"""What a set of recordings is: who, how much, which channels, what was felt, and what the checks say. No vectors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.features.extraction import AllRejected, examine, extract_examined
from emotune.features.findings import findings_of_set
from emotune.features.parallel import bare, each_recording
from emotune.features.settings import FeatureSettings
from emotune.features.windows import n_windows
from emotune.findings import Finding
from emotune.recordings.channel_order import find_blinks, untested_order
from emotune.recordings.duplicates import Digest, Duplicates, digest_of
from emotune.recordings.recording import Recording, RecordingSet, refuse_foreign_labels

__all__ = ["Inspection", "inspect_recordings"]


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """A set of recordings that has been read through once; arrays have one entry a recording, `(n,)`.

    Attributes:
        subject: who was recorded; empty where not known, as are all groups.
        session: which sitting.
        trial: which stretch, `subject/session/trial`.
        stimulus: what was shown.
        emotion: what it was felt or meant as.
        ratings: what the person said, by name; NaN for no answer.
        seconds: its length.
        baseline_s: length of the rest before it; 0 for none.
        n_windows: windows that a search would have of it.
        rates_hz: recordings of each sampling rate.
        n_channels: recordings of each number of channels in the file.
        interpolated: in how many recordings each channel of the layout is missing.
        n_layout: channels of the layout.
        findings: of the set and of its recordings, errors too.
    """

    subject: NDArray[np.str_]
    session: NDArray[np.str_]
    trial: NDArray[np.str_]
    stimulus: NDArray[np.str_]
    emotion: NDArray[np.str_]
    ratings: Mapping[str, NDArray[np.float64]]
    seconds: NDArray[np.float64]
    baseline_s: NDArray[np.float64]
    n_windows: NDArray[np.int64]
    rates_hz: Mapping[float, int]
    n_channels: Mapping[int, int]
    interpolated: Mapping[str, int]
    n_layout: int
    findings: tuple[Finding, ...]

    def __len__(self) -> int:
        return len(self.seconds)


def inspect_recordings(
    recordings: RecordingSet,
    settings: FeatureSettings,
    *,
    workers: int = 1,
    on_recording: Callable[[int, int], None] | None = None,
) -> Inspection:
    """Read every recording of a set once and run the checks that a search would run.

    What a search would stop at in one recording is among the findings, so that all of it can be mended at once.

    Args:
        recordings: the set.
        settings: windows, electrodes and reference.
        workers: processes that read, as for `extract_all`.
        on_recording: called with (done, total) after each recording.

    Raises:
        InputError: if the set is empty, or a file cannot be read.
    """
    texts: list[tuple[str, str, str, str, str]] = []
    numbers: list[tuple[float, float, int]] = []
    ratings: list[list[float]] = []
    rates_hz: Counter[float] = Counter()
    n_channels: Counter[int] = Counter()
    interpolated: Counter[str] = Counter()
    n_layout = 0
    findings: list[tuple[Finding, ...]] = []
    duplicates, has_blinks = Duplicates(), False
    for one in each_recording(recordings, partial(_inspected, settings=settings), workers=workers):
        recording = one.recording
        refuse_foreign_labels(recording, recordings)
        duplicates.add_digest(recording, one.digest)
        trial = "/".join((recording.subject, recording.session, recording.trial)) if recording.trial else ""
        texts.append((recording.subject, recording.session, trial, recording.stimulus, recording.emotion))
        numbers.append((one.seconds, one.baseline_s, one.n_windows))
        ratings.append([float(recording.ratings.get(name, math.nan)) for name in recordings.scales])
        rates_hz[recording.sampling_rate_hz] += 1
        n_channels[len(recording.channel_names)] += 1
        interpolated.update(one.interpolated)
        n_layout = max(n_layout, one.n_layout)
        findings.append(one.findings)
        # One is enough: the recordings of a set come through one reader.
        has_blinks = has_blinks or one.has_blinks
        if on_recording is not None:
            on_recording(len(texts), len(recordings))
    if not texts:
        raise InputError(f"Expected at least one recording in {recordings.name}. Received: none. Check its source.")
    subject, session, trial_names, stimulus, emotion = (
        np.array(names, dtype=np.str_) for names in zip(*texts, strict=True)
    )
    seconds, baseline_s, windows = zip(*numbers, strict=True)
    return Inspection(
        subject=subject,
        session=session,
        trial=trial_names,
        stimulus=stimulus,
        emotion=emotion,
        ratings={
            name: np.array([of[column] for of in ratings], dtype=np.float64)
            for column, name in enumerate(recordings.scales)
        },
        seconds=np.array(seconds),
        baseline_s=np.array(baseline_s),
        n_windows=np.array(windows, dtype=np.int64),
        rates_hz=dict(rates_hz),
        n_channels=dict(n_channels),
        interpolated=dict(interpolated),
        n_layout=n_layout,
        findings=(
            *findings_of_set(recordings.findings, findings, duplicates.findings()),
            *([] if has_blinks else [untested_order(recordings.name)]),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Inspected:
    """What is kept of one recording: `recording` has no samples."""

    recording: Recording
    digest: Digest | None
    seconds: float
    baseline_s: float
    n_windows: int
    findings: tuple[Finding, ...]
    interpolated: tuple[str, ...] = ()
    n_layout: int = 0
    has_blinks: bool = False


def _inspected(recording: Recording, settings: FeatureSettings) -> _Inspected:
    rate_hz, rest = recording.sampling_rate_hz, recording.baseline_uv
    windows = n_windows(recording.samples_uv.shape[1], rate_hz, settings.window_s, settings.overlap)
    one = _Inspected(
        recording=bare(recording),
        digest=digest_of(recording.samples_uv),
        seconds=recording.duration_s,
        baseline_s=0.0 if rest is None else rest.shape[1] / rate_hz,
        n_windows=windows,
        findings=(),
    )
    try:
        examined = examine(recording, settings)
    except InputError as error:
        return replace(one, findings=(Finding("cap", "error", str(error)),))
    is_whole = not any(finding.severity == "error" for finding in examined.findings)
    findings = (*examined.findings, *_short(recording, windows, settings))
    if is_whole and windows:
        # What only the way to the vectors shows: filters, rejected windows, the rest before.
        try:
            features = extract_examined(examined, settings)
            findings, windows = features.findings, len(features.values)
        except AllRejected as error:
            findings, windows = (*findings, error.finding), 0
        except InputError as error:
            findings, windows = (*findings, Finding("no-vectors", "error", str(error))), 0
    return replace(
        one,
        n_windows=windows,
        findings=findings,
        interpolated=examined.montage.interpolated,
        n_layout=examined.montage.layout.n_channels,
        has_blinks=is_whole and find_blinks(examined.recording) is not None,
    )


def _short(recording: Recording, windows: int, settings: FeatureSettings) -> list[Finding]:
    if windows:
        return []
    return [
        Finding(
            "too-short",
            "error",
            f"Expected at least one window of {settings.window_s:g} s in {recording.place}. Received: "
            f"{recording.duration_s:.2f} s.",
            "Take a shorter window (WINDOW_S), or leave this recording out.",
        )
    ]
