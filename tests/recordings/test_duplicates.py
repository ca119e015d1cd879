"""The same samples are found wherever they come again in a set."""

import math

import numpy as np
import pytest

from emotune.recordings.duplicates import Duplicates
from emotune.recordings.recording import Recording


@pytest.fixture
def trials(make_eeg):
    return [make_eeg(("Fp1", "Cz", "O1"), seed=seed).astype(np.float32) for seed in range(4)]


def found(*added):
    duplicates = Duplicates()
    for samples, place, known in added:
        names = tuple(f"E{row}" for row in range(len(samples)))
        duplicates.add(Recording(samples, 128.0, names, source=place, **known))
    return duplicates.findings()


def test_different_trials_pass(trials):
    assert found(*[(samples, f"t{i}", {}) for i, samples in enumerate(trials)]) == []


@pytest.mark.parametrize(
    ("first", "second", "severity", "said"),
    [
        ({}, {}, "warning", "the same ones in a.edf, b.edf."),
        ({"subject": "p1", "emotion": "sad"}, {"subject": "p1", "emotion": "sad"}, "warning", "in a.edf, b.edf."),
        # Not known is not different.
        ({"subject": "p1", "emotion": "sad"}, {}, "warning", "in a.edf, b.edf."),
        ({"ratings": {"valence": 3.0}}, {"ratings": {"valence": math.nan}}, "warning", "in a.edf, b.edf."),
        ({"subject": "p1"}, {"subject": "p2"}, "error", "b.edf, as those of 2 people (p1, p2)."),
        ({"emotion": "sad"}, {"emotion": "happy"}, "error", "b.edf, with 2 labels (happy, sad)."),
        (
            {"subject": "p1", "ratings": {"valence": 3.0}},
            {"subject": "p2", "ratings": {"valence": 4.5}},
            "error",
            "as those of 2 people (p1, p2) and with 2 labels (valence 3, valence 4.5).",
        ),
    ],
)
def test_copies_are_errors_where_people_or_labels_differ(first, second, severity, said, trials):
    (finding,) = found((trials[0], "a.edf", first), (trials[1], "c.edf", first), (trials[0], "b.edf", second))
    assert (finding.name, finding.severity) == ("duplicate-trials", severity)
    assert finding.message.startswith("Expected different samples in every recording. Received the same ones in a.edf")
    assert finding.message.endswith(said)
    assert finding.remedy


def test_each_group_of_copies_is_a_finding_and_a_long_one_is_cut(trials):
    findings = found(*[(trials[i % 2], f"t{i}", {}) for i in range(12)])
    assert len(findings) == 2
    assert "t0, t2, t4, t6 and 2 more" in findings[0].message


def test_the_order_of_the_channels_does_not_matter(trials):
    assert len(found((trials[0], "a", {}), (trials[0][::-1], "b", {}))) == 1


def test_a_part_or_a_change_is_another_recording(trials):
    changed = trials[0].copy()
    changed[1, 7:12] += 0.1
    assert found((trials[0], "a", {}), (changed, "b", {}), (trials[0][:, :-1], "c", {}), (trials[0][:2], "d", {})) == []


def test_nothing_is_no_copy_of_nothing(trials):
    empty, flat = trials[0][:, :0], np.zeros_like(trials[0])
    assert found((empty, "a", {}), (empty, "b", {}), (flat, "c", {}), (flat, "d", {})) == []
