"""The values against computations that share no code with them."""

import io
import math
import tokenize
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

import emotune
from emotune.errors import InputError
from emotune.features.layout import BANDS_HZ, FEATURE_NAMES, STANDARD, Layout
from emotune.features.vector import DENSITY_FLOOR_UV2_PER_HZ, compute_vectors, entropy_floor

ALPHA_ONLY = Layout(("Fp1", "Fp2"), (("alpha", 8.0, 14.0),), (("Fp2", "Fp1"),))
BANDS = STANDARD.bands_hz


def layout_of(*channels: str, pairs=()) -> Layout:
    return Layout(channels, BANDS, tuple(pairs))


def noise(*shape: int, seed: int = 0, scale: float = 10.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def sinusoid(frequency_hz: float, amplitude: float, rate_hz: float, seconds: float, phase=0.3) -> np.ndarray:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return amplitude * np.sin(2 * np.pi * frequency_hz * times + phase)


def one(signal: np.ndarray, rate_hz: float = 128.0, layout: Layout | None = None) -> dict[str, float]:
    """The vector of a single window (n_channels, n_times), by name."""
    layout = layout or layout_of("Cz")
    values = compute_vectors(np.atleast_2d(signal)[None], rate_hz, layout)[0]
    return dict(zip(layout.feature_names, values.tolist(), strict=True))


def by_hand(signal: np.ndarray, rate_hz: float) -> dict[str, np.ndarray]:
    """Powers and whole-head values of (n_channels, n_times) by a direct Fourier sum in float64."""
    n = signal.shape[1]
    x = signal.astype(np.float64) - signal.astype(np.float64).mean(axis=1, keepdims=True)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    frequencies = np.array([k * rate_hz / n for k in range(n // 2 + 1)])
    turns = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n // 2 + 1)) / n)
    power = 2 * np.abs((x * window) @ turns) ** 2 / (n * np.sum(window**2))
    bands = np.array([power[:, (frequencies >= low) & (frequencies < high)].sum(1) for _, low, high in BANDS]).T
    inside = (frequencies >= 1) & (frequencies < 45)
    f, p = frequencies[inside], power[:, inside]
    m0, m2, m4 = p.sum(1), (p * f**2).sum(1), (p * f**4).sum(1)
    share = p / m0[:, None]
    return {
        "bands": bands,
        "activity": np.log(m0).mean(),
        "mobility": np.sqrt(m2 / m0).mean(),
        "complexity": (np.sqrt(m4 / m2) / np.sqrt(m2 / m0)).mean(),
        "spectral_entropy": (-(share * np.log(share)).sum(1) / np.log(inside.sum())).mean(),
    }


def test_the_standard_vector_has_167_values():
    assert len(FEATURE_NAMES) == 167
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)


def test_no_module_writes_the_length_of_the_vector_down():
    package = Path(emotune.__file__).parent
    found = []
    for path in package.rglob("*.py"):
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        found += [path for token in tokens if token.type == tokenize.NUMBER and token.string == str(len(FEATURE_NAMES))]
    assert found == []


@pytest.mark.parametrize(("rate_hz", "seconds"), [(128.0, 4.0), (128.0, 1.0), (250.0, 4.0), (200.0, 2.5), (511.0, 1.3)])
def test_values_agree_with_a_direct_fourier_sum(rate_hz, seconds):
    signal = (
        noise(32, round(rate_hz * seconds)) + 40 * sinusoid(10.3, 1.0, rate_hz, seconds)[: round(rate_hz * seconds)]
    )
    values = compute_vectors(signal[None].astype(np.float32), rate_hz, STANDARD)[0]
    expected = by_hand(signal.astype(np.float32), rate_hz)
    entropies = 0.5 * np.log(2 * np.pi * np.e * expected["bands"])
    np.testing.assert_allclose(values[: entropies.size], entropies.ravel(), atol=2e-5)
    alpha = dict(zip(STANDARD.channels, np.log(expected["bands"][:, 2]), strict=True))
    pairs = [alpha[right] - alpha[left] for right, left in STANDARD.pairs]
    np.testing.assert_allclose(values[entropies.size : entropies.size + 3], pairs, atol=5e-5)
    names = ("activity", "mobility", "complexity", "spectral_entropy")
    np.testing.assert_allclose(values[-4:], [expected[name] for name in names], rtol=2e-5)


def test_band_power_is_scipys_welch_of_one_segment():
    signal = noise(32, 512, seed=1)
    frequencies, density = scipy.signal.welch(signal.astype(np.float64), 128.0, "hann", nperseg=512, detrend="constant")
    expected = [
        0.5 * np.log(2 * np.pi * np.e * density[:, (frequencies >= low) & (frequencies < high)].sum(1) * 128 / 512)
        for low, high in BANDS_HZ.values()
    ]
    values = compute_vectors(signal[None], 128.0, STANDARD)[0, : 32 * len(expected)]
    np.testing.assert_allclose(values.reshape(32, -1), np.transpose(expected), atol=2e-5)


@pytest.mark.parametrize(
    ("frequency_hz", "band"), [(2.5, "delta"), (6.0, "theta"), (10.0, "alpha"), (20.25, "beta"), (40.0, "gamma")]
)
def test_a_sinusoid_has_half_its_squared_amplitude_in_its_band(frequency_hz, band):
    values = one(sinusoid(frequency_hz, 20.0, 128.0, 4.0))
    power = {name: math.exp(2 * values[f"de_Cz_{name}"]) / (2 * math.pi * math.e) for name in BANDS_HZ}
    assert power.pop(band) == pytest.approx(20.0**2 / 2, rel=1e-4)
    assert max(power.values()) < 1e-3
    assert values["whole_head_activity"] == pytest.approx(math.log(200.0), abs=1e-4)


def test_a_bin_at_an_edge_belongs_to_the_higher_band():
    # The Hann window spreads a sinusoid over three bins, 1/6, 4/6 and 1/6 of its power; the middle one is at 4 Hz.
    values = one(sinusoid(4.0, 2.0, 128.0, 4.0))
    difference = 2 * (values["de_Cz_theta"] - values["de_Cz_delta"])
    assert math.exp(difference) == pytest.approx(5.0, rel=1e-4)


@pytest.mark.parametrize("rate_hz", [128.0, 250.0, 300.3, 511.0])
def test_edges_hold_at_every_sampling_rate(rate_hz):
    n = round(rate_hz * 4.0)
    frequency = 16 * rate_hz / n  # the bin at (about) 4 Hz
    inside_theta = frequency >= 4.0 - 1e-9
    values = one(sinusoid(frequency, 2.0, rate_hz, 4.0), rate_hz)
    ratio = math.exp(2 * (values["de_Cz_theta"] - values["de_Cz_delta"]))
    assert (ratio > 1) == inside_theta


def test_the_same_signal_at_three_sampling_rates_gives_the_same_vector():
    rng = np.random.default_rng(4)
    frequencies, phases = rng.uniform(1.5, 44, 60), rng.uniform(0, 6, 60)
    amplitudes = rng.uniform(1, 10, (32, 60))

    def sampled(rate_hz):
        times = np.arange(round(4 * rate_hz)) / rate_hz
        waves = np.sin(2 * np.pi * frequencies[:, None] * times + phases[:, None])
        return compute_vectors((amplitudes @ waves).astype(np.float32)[None], rate_hz, STANDARD)[0]

    reference = sampled(128.0)
    np.testing.assert_allclose(sampled(250.0), reference, atol=5e-4)
    np.testing.assert_allclose(sampled(500.0), reference, atol=5e-4)


def test_mobility_of_a_sinusoid_is_its_frequency_and_its_complexity_one():
    values = one(sinusoid(20.0, 5.0, 256.0, 8.0), 256.0)
    assert values["whole_head_mobility"] == pytest.approx(20.0, rel=1e-3)
    assert values["whole_head_complexity"] == pytest.approx(1.0, abs=1e-3)
    assert values["whole_head_spectral_entropy"] < 0.2


def test_moments_are_hjorths_on_band_limited_noise():
    rate_hz, n = 1000.0, 60_000
    rng = np.random.default_rng(2)
    frequencies = np.fft.rfftfreq(n, 1 / rate_hz)
    spectrum = rng.standard_normal(len(frequencies)) + 1j * rng.standard_normal(len(frequencies))
    spectrum *= (frequencies > 3) & (frequencies < 30)
    signal = np.fft.irfft(spectrum, n) * 3000
    # Hjorth (1970) in the time domain; at 1 kHz a difference is a derivative. 2 pi turns 1/s into Hz.
    first = np.diff(signal) * rate_hz / (2 * np.pi)
    second = np.diff(first) * rate_hz / (2 * np.pi)
    mobility = first.std() / signal.std()
    complexity = second.std() / first.std() / mobility
    values = one(signal, rate_hz)
    assert values["whole_head_activity"] == pytest.approx(math.log(signal.var()), abs=0.05)
    assert values["whole_head_mobility"] == pytest.approx(mobility, rel=0.02)
    assert values["whole_head_complexity"] == pytest.approx(complexity, rel=0.02)


def test_frontal_asymmetry_is_right_minus_left():
    left, right = sinusoid(10.0, 4.0, 128.0, 4.0), sinusoid(10.0, 8.0, 128.0, 4.0)
    values = one(np.stack([left, right]), layout=ALPHA_ONLY)
    assert values["asymmetry_Fp2_Fp1"] == pytest.approx(math.log(4.0), abs=1e-4)


def test_columns_follow_the_names():
    signal = np.tile(noise(1, 512, seed=6), (32, 1)).astype(np.float32)
    signal[STANDARD.channels.index("O2")] *= 100
    loud = compute_vectors(signal[None], 128.0, STANDARD)[0]
    usual = compute_vectors(np.tile(signal[:1], (1, 32, 1)), 128.0, STANDARD)[0]
    changed = [name for name, a, b in zip(FEATURE_NAMES, loud, usual, strict=True) if a - b > 4]
    assert changed == [f"de_O2_{band}" for band in BANDS_HZ]


@settings(max_examples=15, deadline=None)
@given(factor=st.floats(0.05, 1000.0), seed=st.integers(0, 1000))
def test_scaling_shifts_entropies_by_its_logarithm_and_leaves_shapes(factor, seed):
    signal = noise(2, 32, 512, seed=seed)
    before = compute_vectors(signal, 128.0, STANDARD)
    after = compute_vectors(signal * np.float32(factor), 128.0, STANDARD)
    shift = np.zeros(STANDARD.n_features)
    shift[: 32 * 5] = math.log(factor)
    shift[FEATURE_NAMES.index("whole_head_activity")] = 2 * math.log(factor)
    np.testing.assert_allclose(after - before, np.tile(shift, (2, 1)), atol=5e-5)


@settings(max_examples=10, deadline=None)
@given(n=st.integers(1, 70), seed=st.integers(0, 100))
def test_a_batch_gives_what_single_windows_give(n, seed):
    windows = noise(n, 32, 256, seed=seed)
    batch = compute_vectors(windows, 128.0, STANDARD)
    single = np.concatenate([compute_vectors(window[None], 128.0, STANDARD) for window in windows])
    np.testing.assert_allclose(batch, single, atol=1e-5)


@pytest.mark.parametrize("offset_uv", [1e2, -1e4, 1e5])
def test_an_offset_changes_nothing_that_matters(offset_uv):
    signal = noise(3, 32, 512)
    before = compute_vectors(signal, 128.0, STANDARD)
    after = compute_vectors(signal + np.float32(offset_uv), 128.0, STANDARD)
    np.testing.assert_allclose(after, before, atol=abs(offset_uv) * 2e-8 + 2e-5)


def test_a_flat_channel_is_finite_and_at_the_floor():
    signal = noise(2, 32, 512)
    signal[:, 7] = 3.25
    values = compute_vectors(signal, 128.0, STANDARD)
    assert np.isfinite(values).all()
    floor = entropy_floor(512, 128.0, STANDARD)
    np.testing.assert_allclose(values[:, 7 * 5 : 8 * 5], np.tile(floor, (2, 1)), atol=1e-5)
    widths = [high - low for low, high in BANDS_HZ.values()]
    expected = 0.5 * np.log(2 * np.pi * np.e * DENSITY_FLOOR_UV2_PER_HZ * np.array(widths))
    np.testing.assert_allclose(floor, expected, atol=1e-5)


def test_the_floor_means_the_same_for_every_window_and_rate():
    np.testing.assert_allclose(entropy_floor(128, 128.0, STANDARD), entropy_floor(4000, 500.0, STANDARD), atol=1e-5)


def test_all_flat_windows_look_like_quiet_white_noise():
    values = one(np.zeros(512))
    assert values["whole_head_spectral_entropy"] == pytest.approx(1.0, abs=1e-5)
    assert values["whole_head_mobility"] == pytest.approx(math.sqrt((45**3 - 1) / (3 * 44)), rel=0.01)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_not_finite_never_passes(value):
    windows = noise(40, 32, 256)
    windows[35, 30, 100] = value
    with pytest.raises(InputError, match="finite values in µV"):
        compute_vectors(windows, 128.0, STANDARD)


def test_windows_are_left_as_they_were():
    windows = noise(3, 32, 256)
    before = windows.copy()
    windows.setflags(write=False)
    compute_vectors(windows, 128.0, STANDARD)
    np.testing.assert_array_equal(windows, before)


def test_no_window_gives_no_vector():
    assert compute_vectors(noise(0, 32, 256), 128.0, STANDARD).shape == (0, STANDARD.n_features)


def test_a_rate_of_twice_the_highest_edge_is_enough_and_less_is_refused():
    assert np.isfinite(compute_vectors(noise(1, 32, 360), 90.0, STANDARD)).all()
    with pytest.raises(InputError, match=r"at least 90 Hz.*Received: 89 Hz\. Lower or drop the bands above 44.5 Hz"):
        compute_vectors(noise(1, 32, 356), 89.0, STANDARD)


def test_a_window_of_one_cycle_is_enough_and_a_shorter_one_is_refused():
    assert np.isfinite(compute_vectors(noise(1, 32, 128), 128.0, STANDARD)).all()
    assert np.isfinite(compute_vectors(noise(1, 32, round(300.4)), 300.4, STANDARD)).all()
    with pytest.raises(InputError, match=r"whole cycle of 1 Hz.*Received: 0.75 s\. Take windows of at least 1 s"):
        compute_vectors(noise(1, 32, 96), 128.0, STANDARD)


def test_a_band_between_two_bins_is_refused_by_name():
    layout = Layout(("Cz",), (("alpha", 8.0, 14.0), ("sliver", 14.1, 14.2)), ())
    with pytest.raises(InputError, match=r"every band \(sliver would have none\)"):
        compute_vectors(noise(1, 1, 512), 128.0, layout)


def test_channels_that_are_not_the_layouts_are_refused():
    with pytest.raises(InputError, match=r"32 channels.*Received: \(1, 19, 512\)\. Map"):
        compute_vectors(noise(1, 19, 512), 128.0, STANDARD)


def test_an_asymmetry_without_alpha_is_refused():
    layout = Layout(("Fp1", "Fp2"), (("low", 1.0, 20.0),), (("Fp2", "Fp1"),))
    with pytest.raises(InputError, match="band named `alpha`. Received: low"):
        compute_vectors(noise(1, 2, 512), 128.0, layout)


@pytest.mark.parametrize("n_times", [128, 512])
def test_some_of_the_windows_are_computed_as_if_they_were_alone(n_times):
    every = np.lib.stride_tricks.sliding_window_view(noise(1, 32, 2000)[0], n_times, axis=1)[:, ::16].transpose(1, 0, 2)
    rows = np.flatnonzero(np.arange(len(every)) % 7 != 3)
    found = compute_vectors(every, 128.0, STANDARD, None, rows)
    np.testing.assert_array_equal(found, compute_vectors(every[rows].copy(), 128.0, STANDARD))
    powers = np.ones((len(rows), 32, 5), dtype=np.float32)
    assert compute_vectors(every, 128.0, STANDARD, powers, rows).shape == (len(rows), 167)
    with pytest.raises(InputError, match=f"must be .{len(rows)} windows"):
        compute_vectors(every, 128.0, STANDARD, powers[1:], rows)
