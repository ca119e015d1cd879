"""How much memory the vectors of one recording take: at most three times the recording, it included."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from emotune.features.extraction import extract
from emotune.features.layout import CHANNELS
from emotune.features.preprocessing import Preprocessing
from emotune.features.settings import FeatureSettings
from emotune.recordings.recording import Recording

TEN_TWENTY = tuple("Fp1 Fp2 F3 F4 F7 F8 T3 T4 C3 C4 T5 T6 P3 P4 O1 O2 Fz Cz Pz".split())
SECONDS = 600
BAND = {"band_pass_hz": (0.5, 45.0), "notch_hz": 50.0}


@pytest.fixture(scope="module")
def long():
    """Ten minutes of 32 channels that share a source, with one jump of 900 µV."""
    generator = np.random.default_rng(0)
    samples = generator.standard_normal((32, SECONDS * 128), dtype=np.float32)
    samples += 1.5 * generator.standard_normal(SECONDS * 128, dtype=np.float32)
    samples[5, 5000:5100] += 90
    return Recording(10 * samples, 128.0, CHANNELS)


def recordings_at_once(recording, settings):
    """The most memory that is in use, in recordings, this one included."""
    # What is loaded and designed once is not of one recording.
    extract(replace(recording, samples_uv=recording.samples_uv[:, : 30 * 128]), settings)
    tracemalloc.start()
    try:
        extract(recording, settings)
        return 1 + tracemalloc.get_traced_memory()[1] / recording.samples_uv.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("way", "steps", "breaks_s"),
    [
        ({}, {}, ()),
        ({"overlap": 0.75}, {"reject_uv": 400.0}, ()),
        ({"overlap": 0.9}, {}, ((300.0, 300.5),)),
        ({}, BAND, ()),
        ({}, {**BAND, "phase": "zero"}, ()),
        ({"overlap": 0.9, "estimator": "filter"}, {}, ()),
        ({}, {"bad_channels": "interpolate"}, ()),
    ],
    ids=["default", "rejection", "break", "causal", "zero-phase", "filter-estimator", "bad-channels"],
)
def test_a_long_recording_takes_less_than_three_of_its_size(long, way, steps, breaks_s):
    settings = FeatureSettings(**way, preprocessing=Preprocessing(**steps))
    assert recordings_at_once(replace(long, breaks_s=breaks_s), settings) < 2.75


@pytest.mark.parametrize("steps", [{}, BAND], ids=["default", "causal"])
def test_so_does_one_of_19_channels_with_the_others_interpolated(long, steps):
    """Once with the 13 others; the blocks of 3 MB are half of these 6."""
    cap = replace(long, samples_uv=long.samples_uv[:19].copy(), channel_names=TEN_TWENTY)
    assert recordings_at_once(cap, FeatureSettings(preprocessing=Preprocessing(**steps))) < 3.3


def test_a_bad_channel_is_left_out_without_a_copy_of_the_others(long):
    samples = long.samples_uv.copy()
    samples[9] = 0.3 * np.random.default_rng(2).standard_normal(samples.shape[1])
    settings = FeatureSettings(preprocessing=Preprocessing(bad_channels="interpolate"))
    assert extract(replace(long, samples_uv=samples), settings).interpolated == (CHANNELS[9],)
    assert recordings_at_once(replace(long, samples_uv=samples), settings) < 2.75


def test_ica_takes_what_its_docstring_says(long):
    assert recordings_at_once(long, FeatureSettings(preprocessing=Preprocessing(blinks="ica"))) < 5.4


@pytest.mark.parametrize("steps", [BAND, {**BAND, "phase": "zero"}, {"blinks": "ica"}])
def test_the_samples_that_came_stay_as_they_were(steps):
    """Also where the mapped channels take the place of the filtered ones, in several pieces."""
    samples = np.random.default_rng(1).standard_normal((32, 140 * 128)).astype(np.float32) * 10
    recording = Recording(samples.copy(), 128.0, CHANNELS)
    recording.samples_uv.flags.writeable = False
    values = extract(recording, FeatureSettings(preprocessing=Preprocessing(**steps))).values
    np.testing.assert_array_equal(recording.samples_uv, samples)
    if "blinks" not in steps:
        one = replace(recording, samples_uv=samples[:, : 128 * 128 + 40])
        rows = slice(4, 28)  # away from the ends that filters of zero phase see
        again = extract(one, FeatureSettings(preprocessing=Preprocessing(**steps))).values
        np.testing.assert_allclose(values[rows], again[rows], rtol=0, atol=1e-4)
