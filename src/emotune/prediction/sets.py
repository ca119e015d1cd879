"""The emotion of every recording of a set, beside what the set itself says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from emotune.data.scaling import Scaler
from emotune.errors import InputError
from emotune.evaluation.metrics import defined, metric_named
from emotune.evaluation.protocols import PROTOCOLS
from emotune.features.extraction import AllRejected
from emotune.features.findings import findings_of_set
from emotune.findings import Finding
from emotune.prediction.bundle import Bundle
from emotune.prediction.predictor import Prediction, predict_recording, predict_vectors
from emotune.prediction.vectors import Vectors, runs_of, split_calibration, vectors_of
from emotune.recordings.recording import Recording, RecordingSet
from emotune.recordings.targets import UNKNOWN, Target

__all__ = ["RecordingPrediction", "SetPrediction", "predict_set"]

Answer = TypeVar("Answer")


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
        balanced_accuracy: over those recordings; None where there are none, or all are of one class.
        is_training_data: whether these are the recordings that the model was trained on.
        known_people: names that people of the training and validation parts have too.
        findings: what the checks found, the same thing said once.
        score_label: what is to be said beside the score, and of every answer; may be empty.
        n_left_out: recordings that people were standardised by, and so have no answer.
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
    score_label: str = ""
    n_left_out: int = 0

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
            "score_label": self.score_label,
            "n_left_out": self.n_left_out,
            "is_training_data": self.is_training_data,
            "known_people": list(self.known_people),
            "findings": [finding.to_dict() for finding in self.findings],
        }


def predict_set(
    bundle: Bundle, recordings: RecordingSet, *, on_recording: Callable[[int, int], None] | None = None
) -> SetPrediction:
    """The emotion of every recording, read one at a time.

    A model of people who were each standardised by their own windows takes those of this set: all of a person's, or
    their first seconds in the order of the recordings, which are then not answered for.

    A recording whose windows all span more than REJECT_UV gets no answer, and a finding says so.

    Where the set has the target that the model was trained for, with the same classes, their agreement is measured.

    Raises:
        InputError: if the set is empty or one of its recordings cannot be used (see `predict_recording`).
    """
    target = _same_target(bundle, recordings)
    every: list[RecordingPrediction] = []
    labels: list[int] = []
    interpolated: Counter[str] = Counter()
    findings: list[tuple[Finding, ...]] = []
    n_left_out = 0
    for recording, prediction in _predictions(bundle, recordings, on_recording):
        if prediction is None:
            n_left_out += 1
            continue
        if isinstance(prediction, Finding):
            findings.append((prediction,))
            continue
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
    if not every and findings:
        raise InputError(f"Expected a recording in {recordings.name} that can be answered for. {findings[0][0]}")
    if not every:
        raise InputError(
            f"Expected at least one recording in {recordings.name}"
            f"{' beyond what its people are standardised by' if n_left_out else ''}. Received: none. Check its source."
        )
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
        score = defined(metric_named("balanced_accuracy")(np.array(labels)[known], means))
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
        score_label=bundle.score_label,
        n_left_out=n_left_out,
    )


@dataclass(frozen=True, slots=True)
class _Header:
    """What is said of a recording beside its samples."""

    subject: str
    session: str
    trial: str
    emotion: str
    ratings: Mapping[str, float]


def _predictions(
    bundle: Bundle, recordings: RecordingSet, on_recording: Callable[[int, int], None] | None
) -> Iterator[tuple[_Header, Prediction | Finding | None]]:
    """Each recording's prediction, in order; None where its person is standardised by the whole of it.

    A recording whose windows all span too much gives a finding in its place.

    Samples are in memory of one recording at a time. Of people who are standardised by their own windows the vectors
    of all are kept, a thousandth of the samples, since the last window counts for the first answer.
    """
    said = on_recording or (lambda _done, _total: None)
    buffered: list[tuple[_Header, Vectors]] = []
    for done, recording in enumerate(recordings, start=1):
        header = _Header(recording.subject, recording.session, recording.trial, recording.emotion, recording.ratings)
        if not bundle.normalisation.by_subject:
            yield header, _or_finding(lambda one: predict_recording(bundle, one), recording)
        elif not recording.subject:
            raise InputError(
                f"Expected the person of each recording in {recordings.name}, as the model in {bundle.folder} was "
                f"trained with --normalise {bundle.normalisation}. Received: {recording.place} without. Name the "
                "subjects, or predict it alone with --calibration."
            )
        else:
            vectors = _or_finding(lambda one: vectors_of(bundle, one), recording)
            if isinstance(vectors, Finding):
                yield header, vectors
            else:
                buffered.append((header, vectors))
        said(done, len(recordings))
    people: dict[str, tuple[Scaler, Iterator[NDArray[np.bool_]]]] = {}
    for person in dict.fromkeys(header.subject for header, _ in buffered):
        own = [vectors for header, vectors in buffered if header.subject == person]
        calibration, others = split_calibration(bundle, own)
        people[person] = bundle.scaler_for(calibration, whose=f"{person} in {recordings.name}"), iter(others)
    for header, vectors in buffered:
        scaler, others_of_person = people[header.subject]
        allowed = next(others_of_person)
        rest = vectors.only(allowed)
        # A recording that was too short from the start is refused as ever.
        is_used = not allowed.all() and not len(runs_of(bundle, rest))
        yield header, None if is_used else predict_vectors(bundle, rest, scaler)


def _or_finding(answer: Callable[[Recording], Answer], recording: Recording) -> Answer | Finding:
    """The answer, or why every window of the recording was left out."""
    try:
        return answer(recording)
    except AllRejected as error:
        return error.finding


def _seen_people(bundle: Bundle) -> set[str]:
    split = bundle.provenance.get("split", {})
    protocol = PROTOCOLS.get(str(split.get("protocol"))) if isinstance(split, dict) else None
    people = split.get("people", {}) if protocol is not None and "subject" in protocol.columns else {}
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


def _label(target: Target, recording: _Header) -> int:
    ratings = {name: np.array([value]) for name, value in recording.ratings.items()}
    if target.rating is not None and target.name not in ratings:
        return UNKNOWN
    return int(target.labels(np.array([recording.emotion]), ratings)[0])
