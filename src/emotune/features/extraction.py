"""From recordings to vectors: one recording, or a whole set of them, read one at a time."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.features.band_filter import filtered_powers
from emotune.features.findings import (
    all_rejected_finding,
    break_findings,
    findings_of_set,
    flat_findings,
    montage_findings,
    power_findings,
    rejection_findings,
)
from emotune.features.layout import STANDARD, Layout
from emotune.features.montage import ChannelMap, fit_montage
from emotune.features.parallel import bare, each_recording
from emotune.features.preprocessing import preprocess
from emotune.features.settings import FeatureSettings
from emotune.features.smoothing import smoothed
from emotune.features.table import FeatureTable, RecordingLabels
from emotune.features.vector import FEATURE_VERSION, compute_vectors, entropy_floor, refuse_low_rate
from emotune.features.windows import split_windows, whole_windows, window_in_samples, window_numbers
from emotune.files import fingerprint
from emotune.findings import Finding, listed, refuse_errors
from emotune.recordings.duplicates import Digest, Duplicates, digest_of
from emotune.recordings.quality import check_recording, constant_channels, silent_stretches
from emotune.recordings.recording import Recording, RecordingSet, refuse_foreign_labels
from emotune.threads import one_thread

__all__ = [
    "AllRejected",
    "Examined",
    "FeatureSettings",
    "FeatureTable",
    "RecordingFeatures",
    "baseline_vector",
    "check_rest",
    "examine",
    "extract",
    "extract_all",
    "extract_examined",
    "fingerprint_of_features",
    "montage_for",
]


# So many channels are named in a message.
_LISTED = 8

# So many samples of each channel are mapped at once where the result takes the place of the samples.
_MAPPED_AT_ONCE = 1 << 14


class AllRejected(InputError):
    """Every window of a recording spans too much; of a set, such a recording is left out and `finding` says so."""

    def __init__(self, message: str, finding: Finding) -> None:
        super().__init__(message, finding)  # both, so that it can come from another process
        self.finding = finding

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True, eq=False)
class RecordingFeatures:
    """The vectors of one recording.

    Attributes:
        values: `(n_windows, n_features)`, float32, finite.
        starts_s: start of each window in seconds, `(n_windows,)`.
        numbers: of each window, `(n_windows,)`; tells what is in a row, see `are_next`.
        layout: names the columns of `values`.
        interpolated: channels of the layout that the recording does not have, or only as a constant.
        findings: what the checks found; none of them is an error.
    """

    values: NDArray[np.float32]
    starts_s: NDArray[np.float64]
    numbers: NDArray[np.int64]
    layout: Layout
    interpolated: tuple[str, ...]
    findings: tuple[Finding, ...]


def extract(recording: Recording, settings: FeatureSettings) -> RecordingFeatures:
    """Check a recording, map its channels onto a layout, cut windows and compute their vectors.

    A channel with one value all the time counts as not recorded and is interpolated, also the electrode that a
    recording was referenced to; windows that touch one of its breaks are left out.

    In memory are this recording, the layout's channels and some MB: 2.1 recordings of 32 channels, 2.8 of a cap with
    19, 3.5 with 14. Causal filters take no more, those of zero phase seven channels in float64 (0.4 of 32, 0.7 of 19),
    the estimator `filter` as much. Finding bad channels takes 2.3 recordings, 3.3 behind filters; ICA takes 5 at 128 Hz
    and 3 at 256 Hz, one more behind filters, since MNE copies what it compares.

    Raises:
        AllRejected: if every whole window spans more than REJECT_UV.
        InputError: if a check finds an error (NaN, nothing but flat channels ...), no channel is recognised, one is
            flat that the cap is too small to interpolate, the recording is shorter than one window, every window
            touches a break, the sampling rate is too low for the bands, or the baseline is to be subtracted and
            there is none, or no whole window of it.
    """
    return extract_examined(examine(recording, settings), settings)


def extract_examined(examined: Examined, settings: FeatureSettings) -> RecordingFeatures:
    """As `extract`, of a recording that `examine` has seen with the same settings.

    Raises:
        InputError: as `extract`, also for an error among the findings.
    """
    refuse_errors(examined.findings)
    part, montage, matrix = examined.recording, examined.montage, examined.matrix
    place = part.place
    of_rest = check_rest(part, place) if settings.baseline == "subtract" else []
    refuse_errors(of_rest)
    # Found in the samples as they came: a filter would make held values move.
    part = replace(part, breaks_s=(*part.breaks_s, *silent_stretches(part)))
    if settings.baseline == "cut":
        part = replace(part, baseline_uv=None)  # so that no filter is refused for a rest that nobody needs
    with _naming(place):
        refuse_low_rate(part.sampling_rate_hz, montage.layout)
        done = preprocess(part, settings.preprocessing, montage.layout.n_channels)
        part = done.recording
        if done.bad_channels:
            montage, matrix = _without_bad(part.channel_names, done.bad_channels, montage, settings)
        rate_hz = part.sampling_rate_hz
        mapped = _mapped(matrix, part.samples_uv) if done.room is None else _mapped_within(matrix, done.room)
        windows, starts_s = split_windows(mapped, rate_hz, settings.window_s, settings.overlap)
        whole = whole_windows(starts_s, windows.shape[-1], rate_hz, part.breaks_s)
        broken = break_findings(whole, place)
        refuse_errors(broken)
        whole, rejected = _amplitude(windows, whole, settings.preprocessing.reject_uv, place)
        rows = None if whole.all() else np.flatnonzero(whole)
        starts_s = starts_s[whole]
        # Judged before the baseline is taken away: a difference of two floors is no floor.
        values, silent = _judged_vectors(mapped, windows, rows, starts_s, part, montage, settings, place)
        if settings.baseline == "subtract":
            rest, found = baseline_vector(part, done.rest_breaks_s, matrix, montage, settings, place)
            of_rest += found
            values = values - rest
        _, step = window_in_samples(rate_hz, settings.window_s, settings.overlap)
        numbers = window_numbers(starts_s, rate_hz, step, part.stretches)
        values = smoothed(values, numbers, settings.smoothing)
    findings = (*examined.findings, *done.findings, *broken, *rejected, *silent, *of_rest)
    return RecordingFeatures(values, starts_s, numbers, montage.layout, montage.interpolated, findings)


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """A recording before any vector is made of it.

    Attributes:
        recording: with the channels that enter the vector alone.
        montage: how the channels of the cap become those of a layout.
        matrix: `(layout.n_channels, n_channels)`, the columns of the montage's matrix for those channels.
        findings: what the checks of samples and cap found, errors too.
    """

    recording: Recording
    montage: ChannelMap
    matrix: NDArray[np.float32]
    findings: tuple[Finding, ...]


def examine(recording: Recording, settings: FeatureSettings) -> Examined:
    """Map the channels of a recording onto a layout and check its samples.

    Raises:
        InputError: if no channel is recognised, or one is flat that the cap is too small to interpolate.
    """
    place = recording.place
    recording, montage, flat = _with_montage(recording, settings)
    # Only what enters the vector is judged: a loose ECG electrode is no reason to refuse a recording.
    used = np.flatnonzero(montage.matrix.any(axis=0))
    part = _channels(recording, used)
    findings = (
        *flat_findings(flat, place),
        *check_recording(part),
        *montage_findings(montage, settings.channels, settings.reference),
    )
    return Examined(part, montage, montage.matrix[:, used], findings)


def check_rest(recording: Recording, place: str) -> list[Finding]:
    """What the checks find in the rest before a recording, before any filter has spread it.

    Raises:
        InputError: if there is none.
    """
    return check_recording(_rest_of(recording, place))


def _rest_of(recording: Recording, place: str) -> Recording:
    """The rest before a recording as one of its own."""
    if recording.baseline_uv is None or not recording.baseline_uv.shape[1]:
        raise InputError(
            f"{place}: Expected a rest before the trial, whose vector is to be subtracted. Received: none. Set "
            "BASELINE to 'cut', or take data that has one."
        )
    before = f"the rest before {place}"
    return replace(recording, samples_uv=recording.baseline_uv, baseline_uv=None, breaks_s=(), source=before)


def baseline_vector(
    recording: Recording,
    rest_breaks_s: tuple[tuple[float, float], ...],
    matrix: NDArray[np.float32],
    montage: ChannelMap,
    settings: FeatureSettings,
    place: str,
) -> tuple[NDArray[np.float32], list[Finding]]:
    """The mean vector of the whole windows of the rest before a trial, `(n_features,)`, and what is said of them.

    It is of one shorter window where the rest is shorter.

    Args:
        recording: after the steps before the windows; its rest has been checked by `check_rest`.
        rest_breaks_s: (start, stop) of what is not to be used of the rest, in seconds from its first sample.
        matrix: `(layout.n_channels, n_channels)`.
        montage: of the recording.
        settings: windows and estimator.
        place: names the recording in messages.

    Every value is a logarithm or a ratio, so a difference of two means the same for every person and cap (as Yang et
    al. 2018, who take the baseline's differential entropy from the trial's). Not so those of the block `band_power`:
    their difference is the change in µV², and a cap's gain stays in it as it does without a baseline.

    Raises:
        InputError: if there is no rest, or each window of it touches a stand-still of the recorder.

    References:
        Yang, Wu, Fu and Chen (2018), Continuous convolutional neural network with 3D input for EEG-based emotion
        recognition.
    """
    rest = replace(_rest_of(recording, place), breaks_s=rest_breaks_s)
    before = rest.source
    rate_hz = rest.sampling_rate_hz
    mapped = _mapped(matrix, rest.samples_uv)
    windows, starts_s = split_windows(mapped, rate_hz, min(settings.window_s, rest.duration_s))
    whole = whole_windows(starts_s, windows.shape[-1], rate_hz, rest_breaks_s)
    broken = break_findings(whole, before)
    refuse_errors(broken)
    rows = np.flatnonzero(whole)
    values, silent = _judged_vectors(mapped, windows, rows, starts_s[whole], rest, montage, settings, before)
    mean: NDArray[np.float32] = values.mean(axis=0)
    return mean, [*broken, *silent]


def _judged_vectors(
    mapped: NDArray[np.float32],
    windows: NDArray[np.float32],
    rows: NDArray[np.int64] | None,
    starts_s: NDArray[np.float64],
    part: Recording,
    montage: ChannelMap,
    settings: FeatureSettings,
    place: str,
) -> tuple[NDArray[np.float32], list[Finding]]:
    """Vectors of the windows that are kept, and which of them have no more power than a flat channel.

    Args:
        mapped: samples of the layout's channels, `(layout.n_channels, n_times)`.
        windows: every window of it, `(n, layout.n_channels, n_times_window)`.
        rows: which of them are kept; None for all.
        starts_s: start of each that is kept, in seconds.
        part: whose sampling rate and stretches they have.
        montage: of the recording.
        settings: the estimator.
        place: names the recording in messages.
    """
    rate_hz, layout, n_times_window = part.sampling_rate_hz, montage.layout, windows.shape[-1]
    powers = None
    if settings.estimator == "filter":
        starts = np.round(starts_s * rate_hz).astype(np.int64)
        powers = filtered_powers(mapped, rate_hz, layout, starts, n_times_window, part.stretches)
    values = compute_vectors(windows, rate_hz, layout, powers, rows)
    return values, power_findings(values, entropy_floor(n_times_window, rate_hz, layout), montage, place)


def _mapped(matrix: NDArray[np.float32], samples_uv: NDArray[np.float32]) -> NDArray[np.float32]:
    """Samples of the cap as samples of the layout: `(layout.n_channels, n_times)`."""
    with one_thread():
        return matrix @ samples_uv


def _mapped_within(matrix: NDArray[np.float32], room: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same of the samples in the first rows of `room`, in their place."""
    n_rows, n_channels = matrix.shape
    with one_thread():
        for first in range(0, room.shape[1], _MAPPED_AT_ONCE):
            part = slice(first, first + _MAPPED_AT_ONCE)
            room[:n_rows, part] = matrix @ room[:n_channels, part]
    return room[:n_rows]


def _amplitude(
    windows: NDArray[np.float32], whole: NDArray[np.bool_], reject_uv: float | None, place: str
) -> tuple[NDArray[np.bool_], list[Finding]]:
    """Which windows are whole and span no more than is allowed, `(n_windows,)`, and what that leaves out."""
    if reject_uv is None:
        return whole, []
    kept = whole & (np.ptp(windows, axis=2).max(axis=1) <= reject_uv)
    found = rejection_findings(int(whole.sum()), int(kept.sum()), reject_uv, place)
    if not kept.any():
        raise AllRejected(str(found[0]), all_rejected_finding(int(whole.sum()), reject_uv, place))
    return kept, found


def _without_bad(
    names: tuple[str, ...], bad: tuple[str, ...], montage: ChannelMap, settings: FeatureSettings
) -> tuple[ChannelMap, NDArray[np.float32]]:
    """The montage that interpolates bad channels, and a matrix that takes nothing of them."""
    good = [row for row, name in enumerate(names) if name not in bad]
    refitted = montage_for(tuple(names[row] for row in good), settings)
    if refitted.layout != montage.layout:
        raise InputError(
            f"Expected a cap with channels enough to interpolate the bad ones. Received: {listed(bad, _LISTED)} bad, "
            f"{len(good)} left. Leave this recording out, or set BAD_CHANNELS to 'keep'."
        )
    # Rather than the samples without them: those would be a copy of all others.
    matrix = np.zeros((len(refitted.matrix), len(names)), dtype=np.float32)
    matrix[:, good] = refitted.matrix
    return refitted, matrix


def _with_montage(recording: Recording, settings: FeatureSettings) -> tuple[Recording, ChannelMap, tuple[str, ...]]:
    """The recording without constant channels, its montage, and which of the used ones are left out so.

    After the average reference a constant would be minus the mean of the others, and pass for EEG.
    """
    with _naming(recording.place):
        montage = montage_for(recording.channel_names, settings)
        constant = constant_channels(recording)
        used = montage.matrix.any(axis=0)
        # Where nothing is left, the check of the samples says so.
        if not (constant & used).any() or constant[used].all():
            return recording, montage, ()
        flat = tuple(recording.channel_names[i] for i in np.flatnonzero(constant & used))
        changing = _channels(recording, np.flatnonzero(~constant))
        without = montage_for(changing.channel_names, settings)
        if without.layout != montage.layout:
            raise InputError(
                f"Expected a signal in every channel of a cap that is too small to interpolate one. Received: a "
                f"constant in {listed(flat, _LISTED)}. Leave this recording out, or drop the channel from all of them."
            )
    return changing, without, flat


def montage_for(names: tuple[str, ...], settings: FeatureSettings) -> ChannelMap:
    """The map of channels, by their names in the file, onto the layout that the settings want."""
    return fit_montage(
        names,
        settings.bands_hz,
        channels=settings.channels,
        reference=settings.reference,
        extra_blocks=settings.extra_blocks,
    )


def extract_all(
    recordings: RecordingSet,
    settings: FeatureSettings,
    *,
    workers: int = 1,
    on_recording: Callable[[int, int], None] | None = None,
) -> FeatureTable:
    """The vectors of every recording of a set; each process has one recording in memory at a time.

    A recording whose windows all span more than REJECT_UV is left out, and a finding says so.

    Args:
        recordings: with emotions, ratings, both or neither.
        settings: the same for all of them.
        workers: processes that read and compute, where the set is large enough to be worth it; each is started anew
            and imports the main script, which must be guarded by `if __name__ == "__main__":`.
        on_recording: called with (done, total) after each recording.

    Raises:
        InputError: if the set is empty or all of it left out, an emotion or rating is outside the set's coding, the
            recordings do not share one layout, or one of them cannot be used (see `extract`).
    """
    parts: list[RecordingFeatures] = []
    groups: list[tuple[str, str, str, str, str]] = []
    ratings: list[list[float]] = []
    first, duplicates = "", Duplicates()
    left_out: list[Finding] = []
    for recording, digest, features in each_recording(
        recordings, partial(_extracted, settings=settings), workers=workers
    ):
        refuse_foreign_labels(recording, recordings)
        if on_recording is not None:
            on_recording(len(parts) + len(left_out) + 1, len(recordings))
        if isinstance(features, Finding):
            left_out.append(features)
            continue
        duplicates.add_digest(recording, digest)
        if parts and features.layout != parts[0].layout:
            raise InputError(
                f"Expected recordings whose caps give one layout. Received: {_caption(parts[0].layout)} "
                f"from {first}, {_caption(features.layout)} from {recording.place}. "
                f"Train a model for each kind of cap."
            )
        first = first or recording.place
        parts.append(features)
        groups.append((recording.subject, recording.session, recording.trial, recording.stimulus, recording.emotion))
        ratings.append([float(recording.ratings.get(name, math.nan)) for name in recordings.scales])
    if left_out and not parts:
        raise InputError(
            f"Expected a recording in {recordings.name} with a window that spans no more than REJECT_UV. Received: "
            f"none among {len(left_out)}. {left_out[0].remedy}"
        )
    if not parts:
        raise InputError(f"Expected at least one recording in {recordings.name}. Received: none. Check its source.")
    counts = [len(part.values) for part in parts]
    subject, session, trial, stimulus, emotion = (np.array(names, dtype=np.str_) for names in zip(*groups, strict=True))
    rated = np.array(ratings, dtype=np.float64).reshape(len(parts), len(recordings.scales))
    return FeatureTable(
        values=np.concatenate([part.values for part in parts]),
        recording=np.repeat(np.arange(len(parts)), counts),
        starts_s=np.concatenate([part.starts_s for part in parts]),
        numbers=np.concatenate([part.numbers for part in parts]),
        window_s=settings.window_s,
        recordings=RecordingLabels(
            subject=subject,
            session=session,
            trial=trial,
            stimulus=stimulus,
            emotion=emotion,
            ratings={name: rated[:, column] for column, name in enumerate(recordings.scales)},
        ),
        layout=parts[0].layout,
        emotions=tuple(recordings.emotions),
        scales=dict(recordings.scales),
        findings=findings_of_set(
            recordings.findings,
            [*([finding] for finding in left_out), *(part.findings for part in parts)],
            duplicates.findings(),
        ),
        interpolated=dict(Counter(name for part in parts for name in part.interpolated)),
        fingerprint=fingerprint_of_features(recordings, settings),
    )


def _extracted(
    recording: Recording, settings: FeatureSettings
) -> tuple[Recording, Digest | None, RecordingFeatures | Finding]:
    """What is said of a recording, a digest of its samples, and its vectors, or why it is left out."""
    features: RecordingFeatures | Finding
    try:
        features = extract(recording, settings)
    except AllRejected as error:
        features = error.finding
    return bare(recording), digest_of(recording.samples_uv), features


def fingerprint_of_features(recordings: RecordingSet, settings: FeatureSettings) -> str:
    """Changes with the recordings, the settings, the standard layout and the version of the features.

    Taken from what the vectors are made of, not from their values, which differ in the last bit between
    machines.
    """
    return fingerprint(
        {
            "recordings": recordings.fingerprint(),
            "emotions": list(recordings.emotions),
            "scales": {name: scale.to_list() for name, scale in recordings.scales.items()},
            "settings": settings.to_dict(),
            "feature_version": FEATURE_VERSION,
            "standard_layout": STANDARD.to_dict(),
        }
    )


@contextlib.contextmanager
def _naming(place: str) -> Iterator[None]:
    """Say in an error which recording it is about."""
    try:
        yield
    except AllRejected:
        raise  # it names the recording itself
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


def _channels(recording: Recording, rows: NDArray[np.intp]) -> Recording:
    """The recording with these channels only; itself where they are all."""
    if len(rows) == len(recording.channel_names):
        return recording
    names = tuple(recording.channel_names[row] for row in rows)
    rest = None if recording.baseline_uv is None else recording.baseline_uv[rows]
    return replace(recording, samples_uv=recording.samples_uv[rows], baseline_uv=rest, channel_names=names)


def _caption(layout: Layout) -> str:
    shown = ", ".join(layout.channels[:4]) + (" ..." if layout.n_channels > 4 else "")
    return f"{layout.n_channels} channels ({shown})"
