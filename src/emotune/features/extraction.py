"""From recordings to vectors: one recording, or a whole set of them, read one at a time."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from emotune.errors import InputError
from emotune.features.findings import merged_findings, montage_findings, power_findings
from emotune.features.layout import STANDARD, Layout
from emotune.features.montage import fit_montage
from emotune.features.settings import FeatureSettings
from emotune.features.table import FeatureTable
from emotune.features.vector import FEATURE_VERSION, compute_vectors, entropy_floor
from emotune.features.windows import split_windows
from emotune.files import fingerprint
from emotune.findings import Finding, refuse_errors
from emotune.recordings.quality import check_recording
from emotune.recordings.recording import Recording, RecordingSet

__all__ = [
    "FeatureSettings",
    "FeatureTable",
    "RecordingFeatures",
    "extract",
    "extract_all",
    "fingerprint_of_features",
]


@dataclass(frozen=True, slots=True, eq=False)
class RecordingFeatures:
    """The vectors of one recording.

    Attributes:
        values: `(n_windows, n_features)`, float32, finite.
        starts_s: start of each window in seconds, `(n_windows,)`.
        layout: names the columns of `values`.
        interpolated: channels of the layout that the recording does not have.
        findings: what the checks found; none of them is an error.
    """

    values: NDArray[np.float32]
    starts_s: NDArray[np.float64]
    layout: Layout
    interpolated: tuple[str, ...]
    findings: tuple[Finding, ...]


def extract(recording: Recording, settings: FeatureSettings) -> RecordingFeatures:
    """Check a recording, map its channels onto a layout, cut windows and compute their vectors.

    Raises:
        InputError: if a check finds an error (NaN, nothing but flat channels ...), no channel is recognised,
            the recording is shorter than one window, or its sampling rate is too low for the bands.
    """
    place = _place(recording)
    with _naming(place):
        montage = fit_montage(
            recording.channel_names, settings.bands_hz, channels=settings.channels, reference=settings.reference
        )
    # Only what enters the vector is judged: a loose ECG electrode is no reason to refuse a recording.
    used = np.flatnonzero(montage.matrix.any(axis=0))
    part = _channels(recording, used)
    findings = check_recording(part)
    refuse_errors(findings)
    rate_hz = part.sampling_rate_hz
    # The product is too small to share: more threads only spin (7.1 s of CPU against 2.7 s on 240 trials).
    with _blas().limit(limits=1, user_api="blas"):
        mapped = montage.matrix[:, used] @ part.samples_uv
    with _naming(place):
        windows, starts_s = split_windows(mapped, rate_hz, settings.window_s, settings.overlap)
        values = compute_vectors(windows, rate_hz, montage.layout)
    floor = entropy_floor(windows.shape[-1], rate_hz, montage.layout)
    findings = [
        *findings,
        *montage_findings(montage, settings.channels, settings.reference),
        *power_findings(values, floor, montage, place),
    ]
    return RecordingFeatures(values, starts_s, montage.layout, montage.interpolated, tuple(findings))


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    """What sets the threads of the linear algebra libraries; looking for those takes milliseconds, so it is kept."""
    return ThreadpoolController()


def extract_all(
    recordings: RecordingSet,
    settings: FeatureSettings,
    *,
    on_recording: Callable[[int, int], None] | None = None,
) -> FeatureTable:
    """The vectors of every recording of a set; one recording is in memory at a time.

    Args:
        recordings: each with a label.
        settings: the same for all of them.
        on_recording: called with (done, total) after each recording.

    Raises:
        InputError: if the set is empty, a label is missing or unknown, the recordings do not share one
            layout, or one of them cannot be used (see `extract`).
    """
    parts: list[RecordingFeatures] = []
    labels: list[int] = []
    groups: list[tuple[str, str, str, str]] = []
    first = ""
    for recording in recordings:
        labels.append(_label(recording, recordings.class_names))
        features = extract(recording, settings)
        if parts and features.layout != parts[0].layout:
            raise InputError(
                f"Expected recordings whose caps give one layout. Received: {_caption(parts[0].layout)} "
                f"from {first}, {_caption(features.layout)} from {_place(recording)}. "
                f"Train a model for each kind of cap."
            )
        first = first or _place(recording)
        parts.append(features)
        groups.append((recording.subject, recording.session, recording.trial, recording.stimulus))
        if on_recording is not None:
            on_recording(len(parts), len(recordings))
    if not parts:
        raise InputError(f"Expected at least one recording in {recordings.name}. Received: none. Check its source.")
    counts = [len(part.values) for part in parts]
    subject, session, trial, stimulus = (
        np.repeat(np.array(names, dtype=np.str_), counts) for names in zip(*groups, strict=True)
    )
    return FeatureTable(
        values=np.concatenate([part.values for part in parts]),
        labels=np.repeat(np.array(labels, dtype=np.int64), counts),
        subject=subject,
        session=session,
        trial=trial,
        stimulus=stimulus,
        starts_s=np.concatenate([part.starts_s for part in parts]),
        layout=parts[0].layout,
        class_names=tuple(recordings.class_names),
        findings=merged_findings([part.findings for part in parts]),
        interpolated=dict(Counter(name for part in parts for name in part.interpolated)),
        n_recordings=len(parts),
        fingerprint=fingerprint_of_features(recordings, settings),
    )


def fingerprint_of_features(recordings: RecordingSet, settings: FeatureSettings) -> str:
    """Changes with the recordings, the settings, the standard layout and the version of the features.

    Taken from what the vectors are made of, not from their values, which differ in the last bit between
    machines.
    """
    return fingerprint(
        {
            "recordings": recordings.fingerprint(),
            "class_names": list(recordings.class_names),
            "settings": settings.to_dict(),
            "feature_version": FEATURE_VERSION,
            "standard_layout": STANDARD.to_dict(),
        }
    )


def _place(recording: Recording) -> str:
    """What to call a recording in a message."""
    if recording.source:
        return recording.source
    known = {"subject": recording.subject, "session": recording.session, "trial": recording.trial}
    return ", ".join(f"{name} {value}" for name, value in known.items() if value) or "the recording"


@contextlib.contextmanager
def _naming(place: str) -> Iterator[None]:
    """Say in an error which recording it is about."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


def _channels(recording: Recording, rows: NDArray[np.intp]) -> Recording:
    """The recording with these channels only; itself where they are all."""
    if len(rows) == len(recording.channel_names):
        return recording
    names = tuple(recording.channel_names[row] for row in rows)
    return replace(recording, samples_uv=recording.samples_uv[rows], channel_names=names)


def _label(recording: Recording, class_names: tuple[str, ...]) -> int:
    if recording.label is None or not 0 <= recording.label < len(class_names):
        received = "no label" if recording.label is None else f"label {recording.label}"
        raise InputError(
            f"{_place(recording)}: expected a label from 0 to {len(class_names) - 1} "
            f"({', '.join(class_names)}). Received: {received}. Label it, or leave it out of training."
        )
    return recording.label


def _caption(layout: Layout) -> str:
    shown = ", ".join(layout.channels[:4]) + (" ..." if layout.n_channels > 4 else "")
    return f"{layout.n_channels} channels ({shown})"
