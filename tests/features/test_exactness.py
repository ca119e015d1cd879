"""Vectors of recordings against SciPy, MNE and analysis, and what must hold of every setting."""

import math
from dataclasses import replace

import mne
import numpy as np
import pytest
import scipy.signal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emotune.errors import InputError
from emotune.features.extraction import extract
from emotune.features.layout import BANDS_HZ, EXTRA_BLOCKS, STANDARD, Layout
from emotune.features.montage import fit_montage
from emotune.features.settings import FeatureSettings
from emotune.features.vector import compute_vectors
from emotune.recordings.manifest import Manifest
from recordings_in_memory import noise

NEW_NAMES = "Fp1 Fp2 F3 F4 F7 F8 T7 T8 C3 C4 P7 P8 P3 P4 O1 O2 Fz Cz Pz".split()
OLD_NAMES = [{"T7": "T3", "T8": "T4", "P7": "T5", "P8": "T6"}.get(name, name) for name in NEW_NAMES]


@pytest.fixture(scope="module")
def real(shared_data):
    """A real recording of 19 electrodes at 500 Hz."""
    recording = next(iter(Manifest(shared_data / "eegmat" / "recordings.csv")))
    return replace(recording, samples_uv=recording.samples_uv[:, : round(20 * recording.sampling_rate_hz)])


@pytest.mark.parametrize(("window_s", "overlap"), [(1.0, 0.0), (4.0, 0.5)])
@pytest.mark.parametrize("rate_hz", [128.0, 250.0])
def test_every_window_of_a_recording_has_the_powers_of_scipys_periodogram(rate_hz, window_s, overlap):
    recording = noise(seconds=17.0, rate_hz=rate_hz)
    found = extract(recording, FeatureSettings(window_s=window_s, overlap=overlap))
    samples = recording.samples_uv.astype(np.float64)
    samples -= samples.mean(axis=0)
    n = round(window_s * rate_hz)
    for vector, start_s in zip(found.values, found.starts_s, strict=True):
        start = round(start_s * rate_hz)
        frequencies, density = scipy.signal.periodogram(samples[:, start : start + n], rate_hz, "hann")
        powers = [
            density[:, (frequencies >= low) & (frequencies < high)].sum(axis=1) / window_s
            for low, high in BANDS_HZ.values()
        ]
        expected = 0.5 * np.log(2 * np.pi * np.e * np.transpose(powers))
        np.testing.assert_allclose(vector[: expected.size], expected.ravel(), atol=3e-5)


def test_white_noise_has_the_moments_and_powers_of_a_flat_spectrum():
    """With density d from 1 to 45 Hz: m_j = d (45^(j+1) - 1) / (j + 1)."""
    layout = Layout(tuple(f"C{i}" for i in range(1, 33)), STANDARD.bands_hz, ())
    windows = np.random.default_rng(5).standard_normal((40, 32, 4096)).astype(np.float32) * 10
    mean = dict(zip(layout.feature_names, compute_vectors(windows, 128.0, layout).mean(axis=0), strict=True))
    density = 100.0 / 64
    m0, m2, m4 = (density * (45.0 ** (j + 1) - 1) / (j + 1) for j in (0, 2, 4))
    assert mean["whole_head_activity"] == pytest.approx(math.log(m0), abs=0.01)
    assert mean["whole_head_mobility"] == pytest.approx(math.sqrt(m2 / m0), rel=0.005)
    assert mean["whole_head_complexity"] == pytest.approx(math.sqrt(m4 / m2) / math.sqrt(m2 / m0), rel=0.005)
    for band, (low, high) in BANDS_HZ.items():
        entropy = 0.5 * math.log(2 * math.pi * math.e * density * (high - low))
        assert mean[f"de_C1_{band}"] == pytest.approx(entropy, abs=0.03)


@pytest.mark.parametrize("seconds", [4, 32])
def test_white_noise_has_the_spectral_entropy_of_exponential_bins(seconds):
    """A periodogram's bins scatter as an exponential: E[-Σ p ln p] = ln K - (1 - Euler's constant) for many."""
    layout = Layout(tuple(f"C{i}" for i in range(1, 33)), STANDARD.bands_hz, (), extra_blocks=("channel_entropy",))
    windows = np.random.default_rng(6).standard_normal((20, 32, 128 * seconds)).astype(np.float32)
    entropies = compute_vectors(windows, 128.0, layout)[:, -32:]
    n_bins = 44 * seconds
    assert entropies.mean() == pytest.approx(1 - (1 - np.euler_gamma) / math.log(n_bins), abs=0.003)


def test_interpolation_and_reference_are_mnes_on_a_real_recording(real):
    montage = fit_montage(real.channel_names)
    assert len(montage.interpolated) == 13
    used = [name for name in STANDARD.channels if name not in montage.interpolated]
    own = (montage.matrix @ real.samples_uv).astype(np.float64)
    # The same by MNE, of the samples themselves: those it has under today's names, the others as bad channels.
    recorded = fit_montage(real.channel_names, channels=tuple(used), reference="none")
    samples = np.zeros((32, real.samples_uv.shape[1]))
    samples[: len(used)] = (recorded.matrix @ real.samples_uv) * 1e-6
    others = [*used, *montage.interpolated]
    with mne.use_log_level("error"):
        raw = mne.io.RawArray(samples, mne.create_info(others, real.sampling_rate_hz, "eeg"))
        raw.set_montage("colin27_1005")
        raw.info["bads"] = list(montage.interpolated)
        raw.interpolate_bads().set_eeg_reference("average")
        expected = raw.get_data(picks=list(STANDARD.channels)) * 1e6
    np.testing.assert_allclose(own, expected, atol=1e-4 * np.abs(expected).max())
    found = extract(real, FeatureSettings()).values
    windows = expected[:, : 5 * 2000].reshape(32, 5, 2000).transpose(1, 0, 2).astype(np.float32)
    np.testing.assert_allclose(found, compute_vectors(windows, 500.0, STANDARD), atol=5e-4)


@pytest.mark.parametrize("estimator", ["fft", "filter"])
def test_the_old_names_of_electrodes_give_the_same_vectors(estimator):
    settings = FeatureSettings(estimator=estimator, extra_blocks=EXTRA_BLOCKS)
    new, old = (extract(noise(names), settings) for names in (NEW_NAMES, OLD_NAMES))
    np.testing.assert_array_equal(new.values, old.values)
    assert new.interpolated == old.interpolated


def test_a_window_of_a_recording_is_the_window_alone():
    """What a live path computes, window by window, of any block."""
    recording = noise(seconds=20.0)
    settings = FeatureSettings(extra_blocks=EXTRA_BLOCKS)
    whole = extract(recording, settings)
    alone = [
        extract(replace(recording, samples_uv=recording.samples_uv[:, start : start + 512]), settings).values
        for start in range(0, 2560, 512)
    ]
    np.testing.assert_allclose(whole.values, np.concatenate(alone), rtol=1e-5, atol=1e-5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    estimator=st.sampled_from(["fft", "filter"]),
    smoothing=st.sampled_from(["none", "average:3", "lds"]),
    blocks=st.lists(st.sampled_from(EXTRA_BLOCKS), unique=True).map(tuple),
    scale=st.sampled_from([0.0, 0.1, 1.0, 20.0]),
    value=st.sampled_from([None, 0.0, np.nan, np.inf, -np.inf, 1e17]),
    place=st.tuples(st.integers(0, 3), st.integers(0, 1151)),
    gap_s=st.floats(0.5, 4.0),
)
def test_vectors_are_finite_or_the_recording_is_refused(estimator, smoothing, blocks, scale, value, place, gap_s):
    recording = noise(("F3", "F4", "Cz", "O1"), seconds=9.0)
    recording.samples_uv[...] *= np.float32(scale)
    if value is not None:
        recording.samples_uv[place] = value
    recording = replace(recording, breaks_s=((gap_s, gap_s + 0.1),))
    chosen = FeatureSettings(window_s=1.0, estimator=estimator, smoothing=smoothing, extra_blocks=blocks)
    try:
        found = extract(recording, chosen)
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert np.isfinite(found.values).all()
    assert found.values.shape == (len(found.starts_s), found.layout.n_features)
    assert value is None or math.isfinite(value)
