"""The emotion of every recording of a set, beside what the set itself says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotune.errors import InputError
from emotune.evaluation.metrics import metric_named
from emotune.features.findings import findings_of_set
from emotune.findings import Finding
from emotune.prediction.bundle import Bundle
from emotune.prediction.predictor import predict_recording
from emotune.recordings.recording import Recording, RecordingSet
from emotune.recordings.targets import UNKNOWN, Target

__all__ = ["RecordingPrediction", "SetPrediction", "predict_set"]


@dataclass(frozen=True, slots=True)
class RecordingPrediction:
    """What a network says of one recording of a set.

    Attributes:
        subject: who; empty where not known, as are session and trial.
        session: which sitting.
        trial: which stretch of it.
        known_as: what the set says of it: a class of the model where it has the same, else its emotion; may be empty.
        emotion: the class with the highest mean probability.
        probabilities: of each class, the mean over the recording's windows.
        n_windows: how many those are.
    """

    subject: str
    session: str
    trial: str
    known_as: str
    emotion: str
    probabilities: Mapping[str, float]
    n_windows: int


@dataclass(frozen=True, slots=True)
class SetPrediction:
    """What a network says of a set.

    Attributes:
        class_names: what it tells apart.
        recordings: one by one, in the set's order.
        interpolated: in how many recordings each channel that the model knows is missing.
        target: what the set knows, as in `valence > 3`; empty where it does not know the model's classes.
        n_known: recordings of which it knows that, and whose people the model has not been trained or validated on.
        balanced_accuracy: over those recordings; None where there are none.
        is_training_data: whether these are the recordings that the model was trained on.
        known_people: names that people of the training and validation parts have too.
        findings: what the checks found, the same thing said once.
    """

    class_names: tuple[str, ...]
    recordings: tuple[RecordingPrediction, ...]
    interpolated: Mapping[str, int]
    target: str
    n_known: int
    balanced_accuracy: float | None
    is_training_data: bool
    known_people: tuple[str, ...]
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """The prediction as plain JSON values."""
        return {
            "recordings": [
                {name: getattr(one, name) for name in RecordingPrediction.__slots__} for one in self.recordings
            ],
            "interpolated_channels": dict(self.interpolated),
            "target": self.target,
            "n_known": self.n_known,
            "balanced_accuracy": self.balanced_accuracy,
            "is_training_data": self.is_training_data,
            "known_people": list(self.known_people),
            "findings": [finding.to_dict() for finding in self.findings],
        }


def predict_set(
    bundle: Bundle, recordings: RecordingSet, *, on_recording: Callable[[int, int], None] | None = None
) -> SetPrediction:
    """The emotion of every recording, read one at a time.

    Where the set has the target that the model was trained for, with the same classes, their agreement is measured.

    Raises:
        InputError: if the set is empty or one of its recordings cannot be used (see `predict_recording`).
    """
    target = _same_target(bundle, recordings)
    every: list[RecordingPrediction] = []
    labels: list[int] = []
    interpolated: Counter[str] = Counter()
    findings: list[tuple[Finding, ...]] = []
    for recording in recordings:
        prediction = predict_recording(bundle, recording)
        label = UNKNOWN if target is None else _label(target, recording)
        labels.append(label)
        every.append(
            RecordingPrediction(
                subject=recording.subject,
                session=recording.session,
                trial=recording.trial,
                known_as=bundle.class_names[label] if label != UNKNOWN else recording.emotion,
                emotion=prediction.emotion,
                probabilities={
                    name: float(value)
                    for name, value in zip(bundle.class_names, prediction.mean_probabilities, strict=True)
                },
                n_windows=prediction.n_windows,
            )
        )
        interpolated.update(prediction.interpolated)
        findings.append(prediction.findings)
        if on_recording is not None:
            on_recording(len(every), len(recordings))
    if not every:
        raise InputError(f"Expected at least one recording in {recordings.name}. Received: none. Check its source.")
    is_training_data = bundle.provenance.get("features", {}).get("recordings") == recordings.fingerprint()
    seen = _seen_people(bundle)
    subjects = np.array([one.subject for one in every])
    is_known = np.array(labels) != UNKNOWN
    if is_training_data:
        # Whom the model was trained on says nothing of it; without names everybody may be.
        is_known &= ~np.isin(subjects, [*seen, ""]) if seen else False
    known = np.flatnonzero(is_known)
    score = None
    if len(known):
        means = np.array([list(every[row].probabilities.values()) for row in known])
        score = metric_named("balanced_accuracy")(np.array(labels)[known], means)
    return SetPrediction(
        class_names=bundle.class_names,
        recordings=tuple(every),
        interpolated=dict(interpolated),
        target="" if target is None else str(target),
        n_known=len(known),
        balanced_accuracy=score,
        is_training_data=is_training_data,
        known_people=tuple(sorted(seen & set(subjects.tolist()))),
        findings=findings_of_set(recordings.findings, findings, ()),
    )


def _seen_people(bundle: Bundle) -> set[str]:
    split = bundle.provenance.get("split", {})
    people = split.get("people", {}) if isinstance(split, dict) and split.get("protocol") == "subject" else {}
    return {str(name) for part in ("train", "validation") for name in people.get(part, ())}


def _same_target(bundle: Bundle, recordings: RecordingSet) -> Target | None:
    """The model's target in this set; None where the set does not have it, or other classes of it."""
    written = bundle.provenance.get("features", {}).get("target")
    if not isinstance(written, dict):
        return None
    try:
        trained = Target.from_dict(written)
        target = trained.on(recordings.emotions, recordings.scales)
    except (KeyError, TypeError, ValueError):  # a description that was written by hand, or by another version
        return None
    return target if target is not None and target.class_names == bundle.class_names else None


def _label(target: Target, recording: Recording) -> int:
    ratings = {name: np.array([value]) for name, value in recording.ratings.items()}
    if target.rating is not None and target.name not in ratings:
        return UNKNOWN
    return int(target.labels(np.array([recording.emotion]), ratings)[0])
