"""Blinks show whether the names of the channels can be theirs; where there are none, nothing is claimed."""

from dataclasses import replace

import numpy as np
import pytest

from emotune.recordings.channel_order import (
    check_channel_order,
    find_blinks,
    untested_order,
)
from emotune.recordings.channels import electrode_directions
from emotune.recordings.manifest import Manifest
from emotune.recordings.quality import check_recording
from emotune.recordings.reading import read_recording
from emotune.recordings.recording import Recording
from emotune.recordings.simulator import Simulator

OLD_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}


def named(recording, names):
    return replace(recording, channel_names=tuple(names))


def shuffled(recording, seed):
    return named(recording, np.random.default_rng(seed).permutation(recording.channel_names).tolist())


def known_names(recording):
    bare = [name.removeprefix("EEG ") for name in recording.channel_names]
    return [OLD_NAMES.get(name, name) for name in bare]


def blinking(recording, uv=120.0, seed=0):
    """With a blink every 4 s or so: as high at Fp1 and Fp2, a third of it beside them, nothing behind the ears."""
    rng = np.random.default_rng(seed)
    directions = electrode_directions(known_names(recording))
    eyes = np.array([[-0.3, 0.9, -0.35], [0.3, 0.9, -0.35]])
    angles = np.arccos(np.clip(directions @ (eyes / np.linalg.norm(eyes, axis=1, keepdims=True)).T, -1, 1))
    field = np.exp(-3 * angles).sum(axis=1)
    times_s = np.arange(recording.samples_uv.shape[1]) / recording.sampling_rate_hz
    course = np.zeros(len(times_s))
    for peak_s in np.arange(2.0, times_s[-1] - 1, 4.0) + rng.uniform(0, 1):
        course += np.exp(0.2 * rng.standard_normal() - 0.5 * ((times_s - peak_s) / 0.07) ** 2)
    samples = recording.samples_uv + uv * np.outer(field / field.max(), course)
    return replace(recording, samples_uv=samples.astype(np.float32))


@pytest.fixture(scope="module")
def simulated():
    """Those among a minute of a few people in which blinks are found."""
    recordings = list(Simulator(n_people=6, n_emotions=2, trials_per_emotion=1, seconds=60))
    blinks = [recording for recording in recordings if find_blinks(recording)]
    assert len(blinks) >= 6
    return blinks


@pytest.fixture(scope="module")
def eegmat(shared_data):
    """Real recordings; their authors took the blinks out."""
    recordings = list(Manifest(shared_data / "eegmat" / "recordings.csv"))
    rows = [row for row, name in enumerate(recordings[0].channel_names) if name != "EEG A2-A1"]
    names = [recordings[0].channel_names[row] for row in rows]
    return [replace(r, samples_uv=r.samples_uv[rows], channel_names=tuple(names)) for r in recordings]


def test_the_right_order_passes(simulated):
    for recording in simulated:
        assert check_channel_order(recording) == []
        blinks = find_blinks(recording)
        assert {blinks.electrodes[i] for i in np.argsort(-blinks.field_uv)[:2]} == {"Fp1", "Fp2"}


def test_real_recordings_pass(eegmat, shared_data):
    eeglab = read_recording(shared_data / "formats" / "eeglab" / "eeglab_data.set")
    for recording in [eeglab, *eegmat]:
        assert check_channel_order(recording) == []


def test_an_order_that_blinks_contradict_is_a_warning(simulated):
    for recording in simulated:
        wrong = named(recording, recording.channel_names[::-1])
        (finding,) = check_channel_order(wrong)
        assert finding in check_recording(wrong)
        assert (finding.name, finding.severity) == ("channel-order", "warning")
        assert recording.place in finding.message
        assert "largest at " in finding.message
        assert finding.remedy


def test_the_other_common_order_of_the_same_cap_is_found(simulated):
    # BioSemi's own order under the names in the Geneva order.
    biosemi = (
        "Fp1 AF3 F7 F3 FC1 FC5 T7 C3 CP1 CP5 P7 P3 Pz PO3 O1 Oz O2 PO4 P4 P8 CP6 CP2 C4 T8 FC6 FC2 F4 F8 AF4 Fp2 Fz Cz"
    )
    for recording in simulated:
        rows = [recording.channel_names.index(name) for name in biosemi.split()]
        wrong = replace(recording, samples_uv=recording.samples_uv[rows])
        assert [finding.name for finding in check_channel_order(wrong)] == ["channel-order"]


def test_most_shuffled_orders_are_found_in_real_recordings_with_blinks(eegmat):
    n_found = 0
    for seed, recording in enumerate(eegmat[::2]):
        blinks = blinking(recording, seed=seed)
        assert check_channel_order(blinks) == []
        assert [f.name for f in check_channel_order(named(blinks, blinks.channel_names[::-1]))] == ["channel-order"]
        n_found += bool(check_channel_order(shuffled(blinks, seed)))
    # One in six leaves the largest two in front, or the correlation above the limit.
    assert n_found >= 12


@pytest.mark.parametrize("reference", ["average", "Fp1", "Oz"])
def test_the_reference_of_the_recording_does_not_matter(reference, simulated):
    for recording in simulated:
        samples = recording.samples_uv
        zero = samples.mean(axis=0) if reference == "average" else samples[recording.channel_names.index(reference)]
        moved = replace(recording, samples_uv=samples - zero)
        assert check_channel_order(moved) == []
        wrong = named(moved, moved.channel_names[::-1])
        assert [finding.name for finding in check_channel_order(wrong)] == ["channel-order"]


def test_decorated_and_old_names_are_known_and_bipolar_ones_are_not(simulated):
    recording = simulated[0]
    old = {new: name for name, new in OLD_NAMES.items()}
    decorated = named(recording, [f"EEG {old.get(name, name).upper()}-REF" for name in recording.channel_names])
    assert find_blinks(decorated).electrodes == recording.channel_names
    assert find_blinks(named(recording, [f"{name}-Cz" for name in recording.channel_names])) is None


@pytest.mark.parametrize(
    "names",
    [
        ("Fp1", "Fp2", "F3", "F4", "O1", "O2", "Pz"),  # too few
        ("F3", "F4", "Fz", "C3", "C4", "P3", "P4", "O1", "O2"),  # none above the eyes
        ("Fp1", "Fp2", "AF3", "AF4", "F3", "F4", "C3", "C4"),  # none at the back
    ],
)
def test_too_little_of_a_head_is_not_tested(names, simulated):
    recording = simulated[0]
    rows = [recording.channel_names.index(name) for name in names]
    part = replace(recording, samples_uv=recording.samples_uv[rows], channel_names=names)
    assert find_blinks(recording) is not None
    assert find_blinks(part) is None
    assert check_channel_order(part) == []


def test_without_blinks_nothing_is_tested_and_the_check_of_a_recording_is_silent(simulated):
    recording = simulated[0]
    rng = np.random.default_rng(0)
    calm = replace(recording, samples_uv=rng.normal(0, 10, recording.samples_uv.shape).astype(np.float32))
    assert check_channel_order(calm) == []
    assert check_recording(calm) == []


@pytest.mark.parametrize("field", ["one electrode", "two electrodes", "a gradient", "left against right"])
def test_other_waves_at_the_back_are_no_blinks(field, eegmat):
    for seed, recording in enumerate(eegmat[::4]):
        known = known_names(recording)
        back = -electrode_directions(known)[:, 1]
        shape = {
            "one electrode": np.array([name == "Pz" for name in known]),
            "two electrodes": np.array([name == "Pz" for name in known]) + 0.5 * (np.array(known) == "O1"),
            "a gradient": back,
            "left against right": electrode_directions(known)[:, 0] * (back > 0.5),
        }[field]
        times_s = np.arange(recording.samples_uv.shape[1]) / recording.sampling_rate_hz
        course = sum(np.exp(-0.5 * ((times_s - at_s) / 0.07) ** 2) for at_s in np.arange(2, 60, 4.0) + 0.1 * seed)
        samples = recording.samples_uv + 120 * np.outer(shape, course)
        waves = Recording(samples.astype(np.float32), recording.sampling_rate_hz, tuple(known))
        assert check_channel_order(waves) == []


@pytest.mark.parametrize("n_times", [0, 1, 20, 120, 200])
def test_too_short_a_recording_is_not_tested(n_times, simulated):
    short = replace(simulated[0], samples_uv=simulated[0].samples_uv[:, :n_times])
    assert check_channel_order(short) == []


def test_that_a_set_has_nothing_to_test_by_is_a_note():
    note = untested_order("deap:folder")
    assert (note.name, note.severity) == ("channel-order-not-tested", "note")
    assert "of deap:folder are in the order of their names is not testable" in note.message
