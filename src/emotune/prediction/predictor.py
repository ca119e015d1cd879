"""The emotion of one recording, from a Bundle alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from emotune.data.normalising import calibration_windows, labelled
from emotune.data.scaling import Scaler
from emotune.errors import EmotuneError, InputError
from emotune.features.extraction import extract
from emotune.features.layout import Layout
from emotune.features.montage import fit_montage
from emotune.findings import Finding
from emotune.prediction.bundle import Bundle
from emotune.recordings.recording import Recording

__all__ = [
    "Prediction",
    "Vectors",
    "calibrated_answers",
    "calibration_vectors",
    "predict_recording",
    "predict_vectors",
    "runs_of",
    "runs_of_windows",
    "split_calibration",
    "vectors_of",
]


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a network says about a recording.

    Attributes:
        class_names: name of each column of `probabilities`.
        starts_s: start of each window (or run of windows), `(n_windows,)` seconds.
        stops_s: its end, `(n_windows,)` seconds.
        probabilities: `(n_windows, n_classes)`, float64, each row with the sum 1.
        interpolated: channels that the model knows and the recording does not have.
        dropped: channels of the recording that the model does not use.
        findings: what the checks found in the recording.
        standardised_by: whose windows the vectors were standardised by, in words.
    """

    class_names: tuple[str, ...]
    starts_s: NDArray[np.float64]
    stops_s: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    interpolated: tuple[str, ...]
    dropped: tuple[str, ...]
    findings: tuple[Finding, ...]
    standardised_by: str = "the training people"

    @property
    def n_windows(self) -> int:
        """Number of rows."""
        return len(self.probabilities)

    @property
    def window_emotions(self) -> tuple[str, ...]:
        """The most probable emotion of each window."""
        return tuple(self.class_names[best] for best in self.probabilities.argmax(axis=1))

    @property
    def mean_probabilities(self) -> NDArray[np.float64]:
        """Of the whole recording, `(n_classes,)`: the mean over its windows, each with the same weight."""
        return np.asarray(self.probabilities.mean(axis=0), dtype=np.float64)

    @property
    def emotion(self) -> str:
        """The emotion with the highest mean probability."""
        return self.class_names[int(self.mean_probabilities.argmax())]

    def to_dict(self) -> dict[str, Any]:
        """The prediction as plain JSON values."""
        return {
            "emotion": self.emotion,
            "probabilities": _named(self.class_names, self.mean_probabilities),
            "whole_recording_is": "mean of the windows' probabilities",
            "n_windows": self.n_windows,
            "standardised_by": self.standardised_by,
            "windows": [
                {
                    "start_s": float(start),
                    "stop_s": float(stop),
                    "emotion": emotion,
                    "probabilities": _named(self.class_names, row),
                }
                for start, stop, emotion, row in zip(
                    self.starts_s, self.stops_s, self.window_emotions, self.probabilities, strict=True
                )
            ],
            "interpolated_channels": list(self.interpolated),
            "dropped_channels": list(self.dropped),
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """What a model takes of one recording, before it is standardised; its samples are not kept.

    Attributes:
        values: `(n_windows, n_features)`, float32.
        starts_s: start of each window in the recording, `(n_windows,)` seconds.
        interpolated: channels that the model knows and the recording does not have.
        dropped: channels of the recording that the model does not use.
        findings: what the checks found.
        place: names the recording in messages.
        seconds: how long it is.
    """

    values: NDArray[np.float32]
    starts_s: NDArray[np.float64]
    interpolated: tuple[str, ...]
    dropped: tuple[str, ...]
    findings: tuple[Finding, ...]
    place: str
    seconds: float

    def only(self, windows: NDArray[np.bool_]) -> Vectors:
        """The same recording with some of its windows."""
        return replace(self, values=self.values[windows], starts_s=self.starts_s[windows])


def predict_recording(
    bundle: Bundle,
    recording: Recording,
    *,
    offset_s: float = 0.0,
    calibration: NDArray[np.float32] | Literal["self"] | None = None,
) -> Prediction:
    """The emotion of each window of a recording, and of the whole of it.

    A model of `n_steps` windows in a row answers for every run of so many: (1 … n), (2 … n + 1), and so on.

    Args:
        bundle: the model.
        recording: with any label or none.
        offset_s: where in its file the recording begins; the times of the windows then count from the file's start.
        calibration: for a model of people who were each standardised by their own windows: vectors of other
            recordings of this person (`calibration_vectors`), or `self` for the recording's own windows: all of them,
            or its first seconds, which are then not answered for. None for any other model.

    Raises:
        InputError: if the Bundle's model was trained on a table of vectors, the recording's cap gives
            another layout than the model's, or the recording cannot be used (see `extract`) or is too short; or the
            model needs a calibration and there is none, or it needs none.
        EmotuneError: if the network answers with something else than probabilities.
    """
    # Said before anything is computed.
    if calibration is None:
        bundle.scaler_for(whose=recording.place)
    else:
        bundle.refuse_calibration()
    vectors = vectors_of(bundle, recording)
    if isinstance(calibration, str):
        calibration, others = split_calibration(bundle, [vectors])
        if not others[0].any():
            raise InputError(
                f"Expected windows beyond the first {bundle.normalisation.seconds:g} s, which the model standardises "
                f"by. Received: none in {recording.place}. Give a longer recording, or --calibration FILE."
            )
        vectors = vectors.only(others[0])
        by = "its own windows" if others[0].all() else "its own first seconds, which are not answered for"
        standardised_by = labelled(by, bundle.normalisation.label)
    else:
        standardised_by = "the training people" if calibration is None else f"{len(calibration)} other windows"
    scaler = bundle.scaler_for(calibration, whose=recording.place)
    return replace(predict_vectors(bundle, vectors, scaler, offset_s=offset_s), standardised_by=standardised_by)


def vectors_of(bundle: Bundle, recording: Recording) -> Vectors:
    """A recording's vectors as the model takes them; see `predict_recording` for what is refused."""
    if bundle.features is None or bundle.layout is None:
        raise InputError(
            f"Expected a model that was trained on recordings. Received: the one in {bundle.folder}, trained on a "
            "table: windows and reference of its vectors are not known, so no recording can be turned into the same. "
            "Train one with --data manifest:PATH.csv."
        )
    if bundle.features.baseline == "subtract" and recording.baseline_uv is None:
        raise InputError(
            f"Expected a recording with the rest before it, whose vector the model in {bundle.folder} has been trained "
            f"without. Received: {recording.place} alone. Say where the rest lies: --baseline START STOP for one "
            "recording, `baseline_start_s` and `baseline_stop_s` in a manifest."
        )
    features = extract(recording, bundle.features)
    if features.layout != bundle.layout:
        raise InputError(
            f"Expected a cap that gives the model's layout, {_caption(bundle.layout)}. Received: "
            f"{_caption(features.layout)} from {recording.source or 'the recording'}. "
            "Use a model that was trained on such a cap, or train one."
        )
    settings = bundle.features
    montage = fit_montage(
        recording.channel_names, settings.bands_hz, channels=settings.channels, reference=settings.reference
    )
    return Vectors(
        features.values,
        features.starts_s,
        features.interpolated,
        montage.dropped,
        features.findings,
        recording.place,
        recording.duration_s,
    )


def calibration_vectors(bundle: Bundle, recordings: Iterable[Recording]) -> NDArray[np.float32]:
    """Vectors to standardise one person by, `(n, n_features)`, as in training: of all windows, or the first seconds.

    Raises:
        InputError: if a recording cannot be used, or there is too little of them.
    """
    every = [vectors_of(bundle, recording) for recording in recordings]
    calibration, _ = split_calibration(bundle, every)
    bundle.scaler_for(calibration, whose=", ".join(dict.fromkeys(one.place for one in every)))
    return calibration


def split_calibration(
    bundle: Bundle, recordings: Sequence[Vectors]
) -> tuple[NDArray[np.float32], list[NDArray[np.bool_]]]:
    """What one person is standardised by, `(n, n_features)`, and which windows of each recording may be answered for.

    Args:
        bundle: whose normalisation it is.
        recordings: all of one person, in order.
    """
    values = np.concatenate([one.values for one in recordings])
    seconds = bundle.normalisation.seconds
    if seconds is None or bundle.features is None:
        return values, [np.ones(len(one.values), dtype=bool) for one in recordings]
    lengths = [len(one.values) for one in recordings]
    inside, touching = calibration_windows(
        np.repeat(np.arange(len(recordings)), lengths),
        np.concatenate([one.starts_s for one in recordings]),
        bundle.features.window_s,
        seconds,
    )
    return values[inside], np.split(~(inside | touching), np.cumsum(lengths)[:-1])


def predict_vectors(bundle: Bundle, vectors: Vectors, scaler: Scaler, *, offset_s: float = 0.0) -> Prediction:
    """The answers for a recording's vectors; `scaler` is `Bundle.scaler_for` of its person."""
    if bundle.features is None:
        raise InputError(f"Expected a model that was trained on recordings. Received: the one in {bundle.folder}.")
    n_steps, n_windows = bundle.n_steps, len(vectors.values)
    if n_windows < n_steps:
        raise InputError(
            f"Expected at least {n_steps} windows of {bundle.features.window_s:g} s, which the model sees in a row. "
            f"Received: {n_windows} in {vectors.seconds:g} s of {vectors.place}. "
            "Give a longer recording."
        )
    runs = runs_of(bundle, vectors)
    if len(runs) == 0:
        raise InputError(
            f"Expected {n_steps} windows of {bundle.features.window_s:g} s in a row, as the model sees them. Received: "
            f"interruptions after fewer in {vectors.place}. Give a recording with a longer whole stretch."
        )
    inputs = scaler.transform(vectors.values)
    far = _far_findings(inputs, vectors.place)
    inputs = inputs[runs] if len(bundle.input_shape) == 2 else inputs[runs[:, 0]]
    return Prediction(
        class_names=bundle.class_names,
        starts_s=offset_s + vectors.starts_s[runs[:, 0]],
        stops_s=offset_s + vectors.starts_s[runs[:, -1]] + bundle.features.window_s,
        probabilities=calibrated_answers(bundle, inputs),
        interpolated=vectors.interpolated,
        dropped=vectors.dropped,
        findings=(*vectors.findings, *far),
    )


def calibrated_answers(bundle: Bundle, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the network says of scaled inputs `(n, *input_shape)`, calibrated: `(n, n_classes)`.

    Raises:
        EmotuneError: if that is something else than probabilities.
    """
    from emotune.models.answering import answers  # Keras takes seconds to load, and some only read a Bundle

    probabilities = answers(bundle.model, inputs)
    if probabilities.shape != (len(inputs), len(bundle.class_names)) or not np.isfinite(probabilities).all():
        raise EmotuneError(
            f"Expected a probability for each of the {len(bundle.class_names)} classes from the model in "
            f"{bundle.folder}. Received: shape {probabilities.shape}, or values that are no numbers. "
            "Train the model again."
        )
    return _calibrated(probabilities, bundle.temperature)


def runs_of(bundle: Bundle, vectors: Vectors) -> NDArray[np.int64]:
    """Rows of each run of windows that the model answers for, `(n_runs, n_steps)`."""
    if bundle.features is None:
        return np.zeros((0, bundle.n_steps), dtype=np.int64)
    return runs_of_windows(vectors.starts_s, bundle.n_steps, bundle.features.hop_s)


# The training people's own windows have a root mean square of 1. Over ten splits, recordings of people held out had 0.7
# to 2.1 in EEGMAT and 0.6 to 2.3 in the simulated set; those of the one under a model of the other 1.3 to 3.9.
_FAR = 3.0


def _far_findings(scaled: NDArray[np.float32], place: str) -> list[Finding]:
    """That vectors, `(n_windows, n_features)` in standard deviations, are nothing like those of the training."""
    far = float(np.sqrt(np.mean(np.square(scaled, dtype=np.float64))))
    if far <= _FAR:
        return []
    return [
        Finding(
            "far-from-training",
            "warning",
            f"Expected vectors like those that the model was trained on from {place}. Received: values that are "
            f"{far:.1f} of their standard deviations away (root mean square); whatever it answers is a guess.",
            "Compare cap, reference, filters and units with those of the training recordings.",
        )
    ]


def runs_of_windows(starts_s: NDArray[np.float64], n_steps: int, hop_s: float) -> NDArray[np.int64]:
    """Rows of every `n_steps` windows in a row, `(n_runs, n_steps)`, sliding by one; none across an interruption."""
    runs = np.arange(max(0, len(starts_s) - n_steps + 1))[:, None] + np.arange(n_steps)
    # Windows start on whole samples, so a hop may differ from the nominal one by a little.
    whole = (np.abs(np.diff(starts_s[runs], axis=1) - hop_s) <= 0.25 * hop_s).all(axis=1)
    return np.asarray(runs[whole], dtype=np.int64)


def _calibrated(probabilities: NDArray[np.float64], temperature: float | None) -> NDArray[np.float64]:
    """Probabilities whose logarithms are divided by the temperature, each row with the sum 1."""
    scores = np.log(np.clip(probabilities, np.finfo(np.float64).tiny, None)) / (temperature or 1.0)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


def _named(class_names: tuple[str, ...], probabilities: NDArray[np.float64]) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in zip(class_names, probabilities, strict=True)}


def _caption(layout: Layout) -> str:
    shown = ", ".join(layout.channels[:4]) + (" …" if layout.n_channels > 4 else "")
    bands = ", ".join(f"{name} {low:g}–{high:g} Hz" for name, low, high in layout.bands_hz)
    return f"{layout.n_channels} channels ({shown}) and {layout.n_bands} bands ({bands})"
