"""Columns are told apart by the words of their names; one foreign word makes a measurement of any of them."""

import pytest

from emotune.features.layout import FEATURE_NAMES
from emotune.recordings.answers import is_answer, is_identity, is_person

ANSWERS = [
    "label", "Emotion", "y", "emotion_id", "emotionId", "class_code", "target", "Target label", "valence",
    "rating:valence", "Rating:how tense", "valence_rating", "valence[1-9]", "familiarity", "Self-reported arousal",
    "stimulus_valence", "SAM_Dominance", "happy", "label_2",
]  # fmt: skip
IDENTITIES = [
    "subject_id", "SubjectID", "participant", "patient no", "session_id", "trial_no", "id", "index", "row", "filename",
    "timestamp", "time_s", "window_index", "Unnamed: 0", "no", "video_id", "subj2",
]  # fmt: skip
MEASURED = [
    *FEATURE_NAMES, "target_power", "f1", "feature_12", "T7", "F3_alpha", "acc_y", "y_axis", "mean", "s1",
    "sample_entropy", "time_to_peak", "no_spikes", "session2_alpha", "feature:valence_index", "feature:time",
    "power_index", "", "Æ",
]  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(name):
    assert is_answer(name)
    assert not is_identity(name)


@pytest.mark.parametrize("name", IDENTITIES)
def test_identities(name):
    assert is_identity(name)
    assert not is_answer(name)


def test_measurements():
    assert [name for name in MEASURED if is_answer(name) or is_identity(name)] == []


def test_people():
    assert [name for name in IDENTITIES if is_person(name)] == [
        "subject_id", "SubjectID", "participant", "patient no", "subj2",
    ]  # fmt: skip
