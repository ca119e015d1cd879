"""What a column of a table is by its name: an answer of a person, whose or which the row is, or neither.

A name is taken apart into words (`valence_rating`, `emotionID`), and is one of these only where every word of it says
so: `target` is an answer, `target_power` was measured.
"""

from __future__ import annotations

import re

__all__ = ["FEATURE_PREFIX", "LABELS", "RATINGS", "RATING_PREFIX", "is_answer", "is_identity", "is_person"]

LABELS = ("label", "emotion", "class", "target", "y")
"""Columns of classes, those that are taken first where several are there."""

RATINGS = ("valence", "arousal", "dominance", "liking", "familiarity")
"""What people are usually asked; any other question is written with `RATING_PREFIX`."""

RATING_PREFIX = "rating:"

FEATURE_PREFIX = "feature:"
"""A column with this before its name was measured, whatever it is called."""

_ANSWERS = {
    "label", "labels", "emotion", "emotions", "class", "classes", "target", "targets", "rating", "ratings", "affect",
    "mood", "sentiment", "feeling", *RATINGS, "pleasure", "predictability", "happy", "happiness", "joy", "amusement",
    "sad", "sadness", "angry", "anger", "fear", "afraid", "disgust", "surprise", "neutral", "calm", "tenderness",
}  # fmt: skip
_PEOPLE = {"subject", "subjects", "subj", "participant", "participants", "patient", "person", "proband", "volunteer"}
_IDENTITIES = {
    *_PEOPLE, "sub", "user", "id", "ids", "uid", "uuid", "guid", "idx", "index", "row", "rows", "unnamed", "session",
    "sess", "trial", "trials", "stimulus", "stim", "video", "clip", "film", "song", "run", "block", "recording",
    "record", "file", "filename", "path", "fold", "window", "epoch", "segment", "time", "timestamp", "datetime", "date",
    "day", "onset", "sample", "order",
}  # fmt: skip
# What stands beside such a word without making it a measurement.
_BESIDE = {
    "id", "ids", "code", "idx", "index", "no", "nr", "num", "number", "n", "name", "value", "level", "category", "bin",
    "binary", "score", "scores", "rated", "self", "report", "reported", "assessment", "sam", "felt", "intended",
    "perceived", "true", "mean", "average", "norm", "normed", "count", "start", "stop", "end", "begin", "s", "ms",
    "sec", "seconds", "is", "of", "the",
}  # fmt: skip
# Words for a row's number that say nothing beside another word.
_COUNTERS = {"no", "nr", "number"}


def is_answer(name: str) -> bool:
    """Whether a column holds labels or ratings: `emotion_id`, `valence`, `rating:tense`, `Self-reported arousal`."""
    if _is_measured(name):
        return False
    lowered = name.strip().lower()
    words = _words(name)
    shown = {"stimulus", "stim", "video", "clip", "film", "song"}  # the emotion of a clip is what the rows are told by
    is_made_of = words <= _ANSWERS | _BESIDE | shown and bool(words & _ANSWERS)
    return lowered == "y" or lowered.startswith(RATING_PREFIX) or is_made_of


def is_identity(name: str) -> bool:
    """Whether a column says whose or which the row is: `subject_id`, `trial_no`, `timestamp`, `Unnamed: 0`."""
    words = _words(name)
    is_made_of = words <= _IDENTITIES | _BESIDE and bool(words & _IDENTITIES or words <= _COUNTERS)
    return bool(words) and is_made_of and not _is_measured(name)


def is_person(name: str) -> bool:
    """Whether a column says whose the row is: `participant`, `subject_id`."""
    return is_identity(name) and bool(_words(name) & _PEOPLE)


def _is_measured(name: str) -> bool:
    return name.strip().lower().startswith(FEATURE_PREFIX)


def _words(name: str) -> set[str]:
    """The words of a name in lower case, without its numbers."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    return {word for word in re.split(r"[\W\d_]+", parted) if word}
