"""Each kind of leak is planted and caught by its name; a clean split of clean data passes under every protocol."""

from dataclasses import replace

import numpy as np
import pytest

from emotune.data.of_recordings import dataset_of_recordings
from emotune.errors import InputError
from emotune.evaluation.audit import CHECKS, audit
from emotune.evaluation.protocols import PROTOCOLS, outer_folds, split_dataset
from emotune.evaluation.splits import Split
from emotune.features.settings import FeatureSettings
from emotune.findings import Finding
from recordings_in_memory import RecordingsInMemory, noise


def found(dataset, split):
    """Severity by name of finding."""
    return {finding.name: finding.severity for finding in audit(dataset, split)}


def moved(split, row, source, target):
    """The split with one row in another part."""
    parts = split.parts
    return replace(
        split, **{source: parts[source][parts[source] != row], target: np.sort(np.append(parts[target], row))}
    )


@pytest.fixture
def everything(make_dataset):
    """20 people, each in two sessions, each with two clips of each class out of four, three windows each."""
    rows = [
        (f"P{person}", str(session), f"P{person}/{session}/{clip}", f"clip{clip}", clip % 2)
        for person in range(20)
        for session in range(3)
        for clip in range(8)
        for _ in range(3)
    ]
    subject, session, trial, stimulus, targets = (list(column) for column in zip(*rows, strict=True))
    inputs = np.random.default_rng(0).normal(3.0, 2.0, size=(len(rows), 8)).astype(np.float32)
    dataset = make_dataset(subject, trial, targets, inputs=inputs)
    groups = {**dataset.groups, "session": np.array(session), "stimulus": np.array(stimulus)}
    return replace(dataset, groups=groups)


HONEST = [name for name, protocol in PROTOCOLS.items() if not protocol.leaks]


@pytest.mark.parametrize("protocol", HONEST)
def test_a_clean_split_of_clean_data_passes(everything, protocol):
    splits = [split_dataset(everything, seed=0, protocol=protocol)]
    splits += outer_folds(everything, protocol, n_folds=3, seed=0)[:2]
    for split in splits:
        assert set(found(everything, split)) <= {"same-stimuli", "same-people", "few-people"}
        assert "error" not in found(everything, split).values()


@pytest.mark.parametrize("has_groups", [True, False])
def test_the_window_protocol_is_one_error_even_without_groups(everything, has_groups):
    if not has_groups:
        everything = replace(everything, groups={name: np.full(len(everything), "") for name in everything.groups})
    findings = audit(everything, split_dataset(everything, seed=0, protocol="window"))
    (error,) = [finding for finding in findings if finding.severity == "error"]
    assert error.name == "leaking-protocol"
    assert str(error) == (
        "Expected a protocol that keeps each recording in one part. Received: window, which deals out single windows "
        "of toy: a window has its neighbours in the other parts, and the score would be that of recordings already "
        "known, often tens of points too high. Split by subject, or by trial where there is one person."
    )


@pytest.mark.parametrize(
    ("protocol", "name"),
    [
        ("subject", "person-in-two-parts"),
        ("loso", "person-in-two-parts"),
        ("session", "session-in-two-parts"),
        ("trial", "trial-in-two-parts"),
        ("stimulus", "stimulus-in-two-parts"),
        ("subject+stimulus", "person-in-two-parts"),
        ("subject+stimulus", "stimulus-in-two-parts"),
    ],
)
@pytest.mark.parametrize(("source", "target"), [("train", "test"), ("test", "validation"), ("validation", "train")])
def test_what_a_protocol_holds_apart_must_be_apart(everything, protocol, name, source, target):
    split = split_dataset(everything, seed=0, protocol=protocol)
    assert name not in found(everything, split)
    assert found(everything, moved(split, split.parts[source][0], source, target))[name] == "error"


def test_a_protocol_of_a_newer_version_is_refused(everything):
    split = replace(split_dataset(everything, seed=0), protocol="by moon", validation_protocol="by moon")
    with pytest.raises(InputError, match="Expected a protocol out of subject, loso"):
        audit(everything, split)


# --- windows that share samples


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTUNE_CACHE", str(tmp_path / "cache"))


CAP = ["Fp1", "Fp2", "F3", "F4", "Cz", "O1", "O2", "Pz"]


def recorded(*, n_steps=1, **settings):
    """Four people with a recording of 24 s of each class, in windows of 2 s."""
    recordings = [
        noise(CAP, seconds=24.0, seed=2 * person + label, subject=f"P{person}", trial=str(label), emotion=emotion)
        for person in range(4)
        for label, emotion in enumerate(("calm", "joy"))
    ]
    settings = FeatureSettings(window_s=2.0, channels=tuple(CAP), **settings)
    return dataset_of_recordings(RecordingsInMemory(recordings), settings, n_steps=n_steps)


def own_parts(dataset, part):
    """The user's own parts, from `part` (n,): 0 train, 1 validation, 2 test."""
    train, validation, test = (np.flatnonzero(part == number) for number in range(3))
    return Split(train, validation, test, protocol="own parts", seed=0, people={})


def thirds(dataset, *, gap=False):
    """The first, middle and last third of each recording's rows; with a gap the last row of a third is in no part."""
    n = len(dataset) // 8
    part = np.arange(len(dataset)) % n * 3 // n
    return np.where(np.diff(part, append=2) == 1, 9, part) if gap else part


@pytest.mark.parametrize("overlap", [0.25, 0.5, 0.9])
def test_windows_that_share_samples_across_parts_are_an_error(overlap):
    dataset = recorded(overlap=overlap)
    split = own_parts(dataset, thirds(dataset))
    findings = [finding for finding in audit(dataset, split) if finding.name == "overlapping-windows"]
    assert [finding.severity for finding in findings] == ["error", "error"]  # train and test have validation between
    assert f"in 8 recordings, which share up to {2 * overlap:.3g} s of 2 s" in findings[0].message
    assert "no window of validation that shares samples with a window of train" in findings[0].message
    for protocol in ("subject", "trial"):
        assert "overlapping-windows" not in found(dataset, split_dataset(dataset, seed=0, protocol=protocol))


def test_windows_side_by_side_or_with_a_gap_share_nothing():
    side_by_side = recorded()
    assert "overlapping-windows" not in found(side_by_side, own_parts(side_by_side, thirds(side_by_side)))
    half = recorded(overlap=0.5)
    assert "overlapping-windows" in found(half, own_parts(half, thirds(half)))
    assert "overlapping-windows" not in found(half, own_parts(half, thirds(half, gap=True)))


def test_sequences_that_hold_the_same_windows_are_an_error():
    dataset = recorded(n_steps=3)
    part = thirds(dataset)
    assert "overlapping-windows" not in found(dataset, own_parts(dataset, part))
    # The first sequence of the validation part begins with the last window of the training part.
    sliding = dataset.windows.copy()
    first = int(np.flatnonzero(part == 1)[0])
    sliding[first] -= 1
    (finding,) = [
        finding
        for finding in audit(replace(dataset, windows=sliding), own_parts(dataset, part))
        if finding.name == "overlapping-windows"
    ]
    n = int((part == 1).sum())
    assert f"1 of {n} rows of validation in 1 recordings, which share up to whole windows of 2 s" in finding.message
    assert finding.message.endswith(f"such as row {first}.")


# --- what looks ahead


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"smoothing": "lds"}, "smoothing over later windows (lds)"),
        ({"smoothing": "average:3"}, "smoothing over later windows (average:3)"),
        ({"estimator": "filter"}, "band powers by filters of zero phase"),
    ],
)
def test_smoothing_across_parts_is_an_error_where_recordings_are_divided(settings, said):
    dataset = recorded(**settings)
    (finding,) = [f for f in audit(dataset, own_parts(dataset, thirds(dataset))) if f.name == "smoothed-across-parts"]
    assert finding.severity == "error"
    assert str(finding) == (
        "Expected vectors that saw nothing of another part. Received: 8 recordings of in memory with windows in two "
        f"parts, whose vectors look ahead: {said}. Keep each recording in one part, or take the smoothing and the "
        "filters of zero phase out."
    )
    assert "smoothed-across-parts" not in found(dataset, split_dataset(dataset, seed=0))
    plain = recorded()
    assert "smoothed-across-parts" not in found(plain, own_parts(plain, thirds(plain)))


def test_published_features_that_come_smoothed_are_judged_by_their_trials(everything):
    smoothed = replace(everything, findings=(Finding("smoothed-features", "warning", "They are moving averages."),))
    assert found(smoothed, split_dataset(smoothed, seed=0, protocol="window"))["smoothed-across-parts"] == "error"
    assert "smoothed-across-parts" not in found(smoothed, split_dataset(smoothed, seed=0, protocol="trial"))


# --- what cannot be checked is not called passed


def test_a_check_says_what_it_lacks(everything):
    bare = replace(everything, groups={name: np.full(len(everything), "") for name in everything.groups})
    lacking = {check.looked_for: check.missing(bare) for check in CHECKS if check.missing(bare)}
    assert lacking["windows that share samples across parts"] == "times of windows are not known"
    assert lacking["smoothing or filters that look across parts"] == "how the values were made is not known"
    assert lacking["sessions of one class each"] == "sessions are not known"
    assert (
        lacking["people, trials or what else is held apart, in two parts"]
        == "people are not known and trials are not known"
    )
    assert "identical rows across parts" not in lacking
    of_recordings = recorded()
    assert {check.looked_for for check in CHECKS if check.missing(of_recordings)} == {
        "sessions of one class each",
        "stimuli that coincide with classes",
    }
