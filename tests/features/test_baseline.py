"""The rest before a trial: left out, or its vector subtracted."""

from dataclasses import replace

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.features.extraction import extract
from emotune.features.layout import EXTRA_BLOCKS, FEATURE_NAMES
from emotune.features.preprocessing import Preprocessing
from emotune.features.settings import FeatureSettings
from emotune.recordings.channels import EPOC_CHANNELS
from recordings_in_memory import noise

CUT, SUBTRACT = FeatureSettings(), FeatureSettings(baseline="subtract")


def with_rest(recording, seconds, gain=1.0, seed=50):
    rest = noise(recording.channel_names, seconds=seconds, seed=seed).samples_uv * np.float32(gain)
    return replace(recording, baseline_uv=rest)


@pytest.mark.parametrize("cap", [("Fp1", "Cz", "O2"), EPOC_CHANNELS])
@pytest.mark.parametrize("seconds", [3.0, 4.0, 13.0])
def test_the_mean_vector_of_the_rest_is_taken_away(cap, seconds):
    recording = with_rest(noise(cap, seconds=9.0), seconds)
    rest = extract(
        replace(recording, samples_uv=recording.baseline_uv, baseline_uv=None),
        FeatureSettings(window_s=min(4.0, seconds)),
    )
    plain, changed = extract(recording, CUT), extract(recording, SUBTRACT)
    np.testing.assert_allclose(changed.values, plain.values - rest.values.mean(axis=0), rtol=0, atol=1e-5)
    assert changed.layout == plain.layout


@pytest.mark.parametrize("estimator", ["fft", "filter"])
def test_it_is_taken_away_in_every_block(estimator):
    """From powers in µV² too, where the difference is the change in µV²."""
    recording = with_rest(noise(seconds=9.0), 8.0)
    cut, subtract = (replace(way, extra_blocks=EXTRA_BLOCKS, estimator=estimator) for way in (CUT, SUBTRACT))
    rest = extract(replace(recording, samples_uv=recording.baseline_uv, baseline_uv=None), cut)
    plain, changed = extract(recording, cut), extract(recording, subtract)
    np.testing.assert_allclose(changed.values, plain.values - rest.values.mean(axis=0), rtol=1e-5, atol=2e-5)


def test_a_gain_of_the_amplifier_drops_out():
    recording = with_rest(noise(seconds=9.0), 8.0)
    louder = replace(recording, samples_uv=recording.samples_uv * 3, baseline_uv=recording.baseline_uv * 3)
    np.testing.assert_allclose(extract(louder, SUBTRACT).values, extract(recording, SUBTRACT).values, atol=2e-5)
    entropies = [name.startswith("de_") for name in FEATURE_NAMES]
    differences = (extract(louder, CUT).values - extract(recording, CUT).values)[:, entropies]
    np.testing.assert_allclose(differences, np.log(3), atol=1e-4)


def test_the_rest_changes_nothing_where_it_is_cut():
    recording = noise(seconds=9.0)
    np.testing.assert_array_equal(extract(recording, CUT).values, extract(with_rest(recording, 5.0), CUT).values)


def test_the_rest_goes_with_its_channels():
    """A constant channel is dropped from both before the map of the cap is made."""
    recording = with_rest(noise(seconds=9.0), 8.0)
    recording.samples_uv[5] = 0.0
    found = extract(recording, SUBTRACT)
    assert len(found.interpolated) == 1
    assert np.isfinite(found.values).all()


def test_without_a_rest_it_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"noise0\.edf: Expected a rest before the trial.* Set BASELINE to 'cut'"):
        extract(noise(seconds=9.0), SUBTRACT)


def test_a_rest_that_is_not_finite_is_refused():
    recording = with_rest(noise(seconds=9.0), 8.0)
    recording.baseline_uv[2, 3] = np.nan
    with pytest.raises(InputError, match="the rest before"):
        extract(recording, SUBTRACT)


def test_a_rest_of_other_channels_is_no_rest():
    with pytest.raises(InputError, match=r"`baseline_uv` must be \(n_channels, n_times\)"):
        replace(noise(), baseline_uv=np.zeros((3, 100), dtype=np.float32))


def test_the_setting_is_checked_kept_and_read_from_older_files():
    with pytest.raises(InputError, match="`baseline` must be one of cut, subtract"):
        FeatureSettings(baseline="divide")
    content = SUBTRACT.to_dict()
    assert FeatureSettings.from_dict(content) == SUBTRACT
    del content["baseline"]
    assert FeatureSettings.from_dict(content) == CUT


def test_what_is_wrong_with_the_rest_is_told():
    recording = with_rest(noise(seconds=9.0), 8.0)
    recording.baseline_uv[4] = 0.0
    found = {finding.name: finding.message for finding in extract(recording, SUBTRACT).findings}
    assert "the rest before noise0.edf" in found["flat-channel"]
    assert not extract(recording, CUT).findings
    silent = extract(recording, replace(SUBTRACT, reference="none")).findings
    assert any(f.name == "power-floor" and "the rest before noise0.edf" in f.message for f in silent)


STEPS = {"none": {}, "causal": {"band_pass_hz": (1.0, 45.0)}, "zero": {"band_pass_hz": (1.0, 45.0), "phase": "zero"}}


def subtracting(steps, **way):
    return replace(SUBTRACT, preprocessing=Preprocessing(**STEPS[steps]), **way)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("estimator", ["fft", "filter"])
def test_windows_of_the_rest_in_which_the_recorder_stood_still_do_not_count(steps, estimator):
    recording = with_rest(noise(seconds=9.0), 16.0)
    good, settings = recording.baseline_uv[:, :1024], subtracting(steps, estimator=estimator)
    held = recording.baseline_uv.copy()
    held[:, 1024:] = held[:, 1024:1025]  # from 8 s on
    found = extract(replace(recording, baseline_uv=held), settings)
    # As without the stand-still; one sample belongs to neither.
    expected = extract(replace(recording, baseline_uv=good), settings)
    np.testing.assert_allclose(found.values, expected.values, rtol=0, atol=1e-3 if steps == "zero" else 1e-5)
    [said] = [finding for finding in found.findings if finding.name == "broken-windows"]
    assert "in the rest before noise0.edf. Received: 2 of 4 that touch" in said.message


@pytest.mark.parametrize("steps", STEPS)
def test_a_rest_without_a_whole_window_is_refused(steps):
    recording = with_rest(noise(seconds=9.0), 8.0)
    recording.baseline_uv[:, 384:] = recording.baseline_uv[:, 384:385]
    settings = replace(subtracting(steps), preprocessing=Preprocessing(**{**STEPS[steps], "phase": "causal"}))
    with pytest.raises(InputError, match="in the rest before noise0.edf. Received: 2 of 2 that touch") as refused:
        extract(recording, settings)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("steps", STEPS)
def test_a_nan_in_the_rest_is_counted_before_filters_spread_it(steps):
    recording = with_rest(noise(seconds=9.0), 8.0)
    recording.baseline_uv[3, 10] = np.nan
    with pytest.raises(InputError, match=r"the rest before noise0.edf. Received: NaN.*\(1 of 1024\)"):
        extract(recording, subtracting(steps))
