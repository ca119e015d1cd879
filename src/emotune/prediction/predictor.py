"""The emotion of one recording, from a Bundle alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from emotune.data.normalising import labelled
from emotune.data.scaling import Scaler
from emotune.errors import EmotuneError, InputError
from emotune.findings import Finding
from emotune.prediction.bundle import Bundle
from emotune.prediction.vectors import Vectors, runs_of, split_calibration, vectors_of
from emotune.recordings.recording import Recording

__all__ = ["Prediction", "calibrated_answers", "predict_recording", "predict_vectors"]


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
        findings=(*bundle.leaks, *vectors.findings, *far),
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


def _calibrated(probabilities: NDArray[np.float64], temperature: float | None) -> NDArray[np.float64]:
    """Probabilities whose logarithms are divided by the temperature, each row with the sum 1."""
    scores = np.log(np.clip(probabilities, np.finfo(np.float64).tiny, None)) / (temperature or 1.0)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


def _named(class_names: tuple[str, ...], probabilities: NDArray[np.float64]) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in zip(class_names, probabilities, strict=True)}
