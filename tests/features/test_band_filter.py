"""Band powers by zero-phase filters over the whole trial: µV², gaps, ends, and how near the spectrum's are."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.signal

from emotune.errors import InputError
from emotune.features.band_filter import FILTER_ORDER, filtered_powers
from emotune.features.extraction import extract
from emotune.features.layout import BANDS_HZ, EXTRA_BLOCKS, STANDARD, Layout
from emotune.features.settings import FeatureSettings
from emotune.recordings.simulator import Simulator
from recordings_in_memory import noise

ONE = Layout(("Cz",), STANDARD.bands_hz, ())
FILTER = FeatureSettings(estimator="filter")


def powers_of(samples, rate_hz=128.0, seconds=4.0, starts=None, stretches=None, layout=ONE):
    samples = np.atleast_2d(samples).astype(np.float32)
    n = round(seconds * rate_hz)
    starts = np.arange(0, samples.shape[1] - n + 1, n) if starts is None else np.asarray(starts)
    return filtered_powers(samples, rate_hz, layout, starts, n, stretches or [(0, samples.shape[1])])


def sinusoid(frequency_hz, rate_hz=128.0, seconds=40.0, amplitude=20.0):
    return amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz + 0.3)


@pytest.mark.parametrize("rate_hz", [128.0, 500.0])
@pytest.mark.parametrize(
    ("frequency_hz", "band"), [(2.0, "delta"), (5.75, "theta"), (10.5, "alpha"), (21.0, "beta"), (37.5, "gamma")]
)
def test_a_sinusoid_has_half_its_squared_amplitude_in_its_band(frequency_hz, band, rate_hz):
    powers = powers_of(sinusoid(frequency_hz, rate_hz), rate_hz)
    in_band = list(BANDS_HZ).index(band)
    np.testing.assert_allclose(powers[1:-1, 0, in_band], 200.0, rtol=1e-3)
    assert np.delete(powers[1:-1, 0], in_band, axis=1).max() < 1.5
    np.testing.assert_allclose(powers[[0, -1], 0, in_band], 200.0, rtol=0.05)  # what lies behind the ends is a guess


def test_the_end_of_a_trial_gains_no_slow_power():
    """Where the last sample lies off the mean; it is 24 µV² with a reflection in value too."""
    powers = powers_of(sinusoid(37.5), seconds=1.0)
    assert powers[[0, -1], 0, :2].max() < 0.1


def test_a_quarter_of_the_power_is_left_at_an_edge():
    powers = powers_of(sinusoid(8.0))[1:-1, 0]
    np.testing.assert_allclose(powers[:, 1:3], 50.0, rtol=0.05)


def test_it_is_the_variance_of_the_filtered_trial():
    """By another form of the same filter: transfer function, forwards and backwards by hand."""
    samples = noise(("Cz",), seconds=60.0).samples_uv
    b, a = scipy.signal.butter(FILTER_ORDER, [8.0 / 64, 14.0 / 64], "bandpass")
    forwards = scipy.signal.lfilter(b, a, samples[0].astype(np.float64))
    both = scipy.signal.lfilter(b, a, forwards[::-1])[::-1]
    expected = [both[start : start + 512].var() for start in range(512, 7680 - 1024, 512)]  # away from the ends
    np.testing.assert_allclose(powers_of(samples)[1 : 1 + len(expected), 0, 2], expected, rtol=1e-3)


def test_a_window_depends_on_its_trial_and_not_on_what_lies_behind_a_gap():
    samples = noise(("Cz",), seconds=24.0).samples_uv
    loud = samples.copy()
    loud[:, 12 * 128 :] *= 50
    whole, apart = [(0, 3072)], [(0, 1536), (1536, 3072)]
    # The whole-trial effect: the window beside the loud half changes, in one stretch only.
    in_one = powers_of(loud, stretches=whole)[2] / powers_of(samples, stretches=whole)[2]
    assert in_one.max() > 1.5
    kept = powers_of(loud, stretches=apart)[:3]
    np.testing.assert_array_equal(kept, powers_of(samples, stretches=apart)[:3])
    # And a stretch is filtered as if it were a recording of its own.
    np.testing.assert_allclose(kept, powers_of(samples[:, :1536]), rtol=1e-6)


def test_what_lies_in_a_gap_is_never_read():
    samples = noise(("Cz",), seconds=24.0).samples_uv
    damaged = samples.copy()
    damaged[:, 1000:1100] = np.nan
    gaps = {"starts": [0, 1100, 2000], "stretches": [(0, 1000), (1100, 3072)]}
    np.testing.assert_array_equal(powers_of(damaged, **gaps), powers_of(samples, **gaps))


@pytest.mark.parametrize("n_at_once", [1, 3000, 7000])
def test_channels_filtered_in_parts_have_the_same_powers(n_at_once, monkeypatch):
    recording = noise(seconds=20.0)
    together = powers_of(recording.samples_uv, layout=STANDARD)
    monkeypatch.setattr("emotune.features.band_filter._SAMPLES_AT_ONCE", n_at_once)
    np.testing.assert_array_equal(powers_of(recording.samples_uv, layout=STANDARD), together)


def test_a_stretch_of_one_window_is_enough():
    powers = powers_of(noise(("Cz",), seconds=1.0).samples_uv, seconds=1.0)
    assert powers.shape == (1, 1, 5)
    assert (powers > 0).all()


def test_the_last_band_may_end_at_half_the_sampling_rate_and_no_higher():
    samples = noise(("Cz",), seconds=20.0, rate_hz=90.0).samples_uv
    powers = powers_of(samples, 90.0)
    assert powers[..., 4].mean() == pytest.approx(100 * 14 / 45, rel=0.2)
    with pytest.raises(InputError, match="at least 90 Hz"):
        powers_of(samples, 89.0)


def test_the_same_signal_at_three_sampling_rates_has_the_same_powers():
    def sampled(rate_hz):
        waves = [sinusoid(f, rate_hz, 24.0, 10.0 / f**0.5) for f in (1.7, 2.9, 5.3, 6.6, 9.4, 12.1, 17.0, 25.3, 35.2)]
        return np.log(powers_of(sum(waves), rate_hz))

    for rate_hz in (250.0, 500.0):
        # The bilinear transform bends the highest band a little at 128 Hz, and two rates reflect other samples.
        np.testing.assert_allclose(sampled(rate_hz), sampled(128.0), atol=0.05)


def test_a_flat_channel_gets_the_floor_and_a_finding():
    recording = noise(seconds=12.0)
    recording.samples_uv[5, 512:] = 0.0
    settings = replace(FILTER, reference="none")
    found = extract(recording, settings)
    assert np.isfinite(found.values).all()
    silent = np.zeros((1, 5 * 128))
    np.testing.assert_array_equal(powers_of(silent), 0.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_what_is_not_finite_never_passes(value):
    samples = noise(("Cz",), seconds=24.0).samples_uv
    samples[0, 700] = value
    with pytest.raises(InputError, match="finite values in µV"):
        powers_of(samples)


def test_a_window_across_a_gap_is_refused():
    samples = noise(("Cz",), seconds=24.0).samples_uv
    for starts in ([900], [2800], [0, 1050]):
        with pytest.raises(InputError, match="within one whole stretch each"):
            powers_of(samples, starts=starts, stretches=[(0, 1000), (1100, 3072)])


def test_no_window_has_no_powers():
    assert powers_of(noise(("Cz",)).samples_uv, starts=np.zeros(0, dtype=np.int64)).shape == (0, 1, 5)


def test_both_estimators_tell_much_the_same_of_simulated_eeg():
    """Correlations measured on 12 trials, 4-s windows: 0.80 (delta), 0.95, 0.97, 0.98, 0.98 (gamma)."""
    values = {"fft": [], "filter": []}
    for recording in Simulator(n_people=1, n_emotions=3, trials_per_emotion=2):
        for estimator, of in values.items():
            of.append(extract(recording, FeatureSettings(estimator=estimator)).values)
    fft, filtered = (np.concatenate(of) for of in values.values())
    de = (fft[:, :160].reshape(-1, 32, 5), filtered[:, :160].reshape(-1, 32, 5))
    for band, least in zip(range(5), (0.6, 0.85, 0.9, 0.9, 0.9), strict=True):
        one, other = (part[..., band].ravel() for part in de)
        assert least < np.corrcoef(one, other)[0, 1] < 0.999
    # A window's moments and entropy stay its own.
    np.testing.assert_array_equal(fft[:, -4:], filtered[:, -4:])
    assert np.abs(filtered[:, :160] - fft[:, :160]).mean() < 0.5


@pytest.mark.parametrize("smoothing", ["none", "average:3", "lds"])
@pytest.mark.parametrize("estimator", ["fft", "filter"])
def test_every_way_gives_finite_vectors_with_every_block(estimator, smoothing):
    settings = FeatureSettings(estimator=estimator, smoothing=smoothing, extra_blocks=EXTRA_BLOCKS)
    found = extract(replace(noise(seconds=40.0), breaks_s=((9.0, 13.5), (25.0, 25.0))), settings)
    assert found.values.shape == (len(found.starts_s), found.layout.n_features)
    assert found.layout.extra_blocks == EXTRA_BLOCKS
    assert found.values.dtype == np.float32
    assert np.isfinite(found.values).all()
    # The values smoothed are those computed, around the same mean.
    plain = extract(replace(noise(seconds=40.0), breaks_s=((9.0, 13.5), (25.0, 25.0))), FeatureSettings())
    assert abs(found.values[:, :160].mean() - plain.values[:, :160].mean()) < 0.2


def test_channels_in_another_order_give_the_same_vectors():
    recording = noise(seconds=20.0)
    order = np.random.default_rng(0).permutation(32)
    names = tuple(recording.channel_names[i] for i in order)
    permuted = replace(recording, samples_uv=recording.samples_uv[order], channel_names=names)
    settings = replace(FILTER, extra_blocks=EXTRA_BLOCKS)
    np.testing.assert_allclose(
        extract(permuted, settings).values, extract(recording, settings).values, atol=1e-4, rtol=1e-4
    )


def test_a_gain_shifts_entropies_by_its_logarithm():
    recording = noise(seconds=20.0)
    louder = replace(recording, samples_uv=recording.samples_uv * 3)
    difference = extract(louder, FILTER).values - extract(recording, FILTER).values
    np.testing.assert_allclose(difference[:, :160], math.log(3), atol=5e-5)
