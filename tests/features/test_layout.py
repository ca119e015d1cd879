"""The blocks of the vector: names, formulas of the further ones, their limits, and layouts that hold them."""

import math

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.features.layout import (
    BANDS_HZ,
    BLOCKS,
    CHANNELS,
    EXTRA_BLOCKS,
    FEATURE_NAMES,
    LEAST_DIVISOR_NATS,
    STANDARD,
    Layout,
    homologues,
)
from emotune.features.montage import fit_montage
from emotune.features.vector import compute_vectors, entropy_floor

ALL = Layout(STANDARD.channels, STANDARD.bands_hz, STANDARD.pairs, extra_blocks=EXTRA_BLOCKS)
FOUR = Layout(("F3", "F4", "Cz", "O1"), STANDARD.bands_hz, (("F4", "F3"),), extra_blocks=EXTRA_BLOCKS)


def noise(*shape: int, seed: int = 0, scale: float = 10.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def block(values: np.ndarray, layout: Layout, name: str) -> np.ndarray:
    """The columns of a block, `(n_windows, n_columns)`."""
    wanted = BLOCKS[name].columns(layout)
    first = layout.feature_names.index(wanted[0])
    assert layout.feature_names[first : first + len(wanted)] == tuple(wanted)
    return values[:, first : first + len(wanted)]


def band_powers(values: np.ndarray, layout: Layout) -> np.ndarray:
    """σ² in µV² from the differential entropies: `(n_windows, n_channels, n_bands)`."""
    entropies = values[:, : layout.n_channels * layout.n_bands].astype(np.float64)
    return (np.exp(2 * entropies) / (2 * np.pi * np.e)).reshape(-1, layout.n_channels, layout.n_bands)


def bins_by_hand(window: np.ndarray, rate_hz: float, low: float, high: float) -> np.ndarray:
    """Powers of the bins from low to below high of `(n_channels, n_times)`, in float64 by NumPy's FFT."""
    n = window.shape[1]
    x = window.astype(np.float64)
    x -= x.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(x * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)))) ** 2
    frequencies = np.arange(n // 2 + 1) * rate_hz / n
    return power[:, (frequencies >= low) & (frequencies < high)]


def entropy_by_hand(power: np.ndarray) -> np.ndarray:
    share = power / power.sum(axis=1, keepdims=True)
    return -(share * np.log(share)).sum(axis=1) / math.log(power.shape[1])


def test_blocks_stand_in_the_order_of_their_choice_behind_the_standard_values():
    for blocks in ((), ("dasm",), ("band_entropy", "relative_power"), EXTRA_BLOCKS):
        layout = Layout(STANDARD.channels, STANDARD.bands_hz, STANDARD.pairs, extra_blocks=blocks)
        names = layout.feature_names
        assert names[: len(FEATURE_NAMES)] == FEATURE_NAMES
        assert names[len(FEATURE_NAMES) :] == tuple(name for block in blocks for name in BLOCKS[block].columns(layout))
        assert len(set(names)) == len(names) == layout.n_features
        assert layout.n_scalars == layout.n_features - 32 * 5


def test_names_say_block_electrode_and_band():
    assert BLOCKS["relative_power"].columns(FOUR)[:2] == ["relative_power_F3_delta", "relative_power_F3_theta"]
    assert BLOCKS["dasm"].columns(FOUR) == [f"dasm_F3_F4_{band}" for band in BANDS_HZ]
    assert BLOCKS["channel_entropy"].columns(FOUR) == [f"channel_entropy_{name}" for name in FOUR.channels]


def test_what_is_chosen_changes_no_standard_value():
    windows = noise(40, 32, 256)
    np.testing.assert_array_equal(
        compute_vectors(windows, 128.0, ALL)[:, : STANDARD.n_features], compute_vectors(windows, 128.0, STANDARD)
    )


def test_relative_and_absolute_power_are_those_of_the_entropies():
    values = compute_vectors(noise(3, 32, 512), 128.0, ALL)
    powers = band_powers(values, ALL)
    np.testing.assert_allclose(block(values, ALL, "band_power").reshape(powers.shape), powers, rtol=1e-5)
    relative = block(values, ALL, "relative_power").reshape(powers.shape)
    np.testing.assert_allclose(relative, powers / powers.sum(axis=2, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(relative.sum(axis=2), 1.0, rtol=1e-6)


def test_asymmetries_are_left_against_right():
    values = compute_vectors(noise(5, 4, 512), 128.0, FOUR)
    left, right = values[:, 0:5], values[:, 5:10]
    np.testing.assert_allclose(block(values, FOUR, "dasm"), left - right, atol=1e-6)
    np.testing.assert_allclose(block(values, FOUR, "rasm"), left / right, rtol=1e-5)


@pytest.mark.parametrize("nats", [0.0, 1e-6, -1e-6, 0.05, -0.05])
def test_a_right_entropy_near_zero_divides_by_a_tenth(nats):
    powers = np.full((1, 4, 5), math.exp(2 * nats) / (2 * math.pi * math.e), dtype=np.float32)
    powers[:, 0] = 100.0  # left
    values = compute_vectors(noise(1, 4, 512), 128.0, FOUR, powers)
    ratio = block(values, FOUR, "rasm")
    np.testing.assert_allclose(np.abs(ratio), values[:, :5] / LEAST_DIVISOR_NATS, rtol=1e-5)
    if nats:
        np.testing.assert_array_equal(np.sign(ratio), np.sign(nats))


def test_entropies_of_channels_and_bands_are_those_of_the_spectrum():
    window = noise(32, 512, seed=3)
    values = compute_vectors(window[None], 128.0, ALL)
    whole = entropy_by_hand(bins_by_hand(window, 128.0, 1.0, 45.0))
    np.testing.assert_allclose(block(values, ALL, "channel_entropy")[0], whole, atol=1e-5)
    within = [entropy_by_hand(bins_by_hand(window, 128.0, low, high)) for low, high in BANDS_HZ.values()]
    np.testing.assert_allclose(block(values, ALL, "band_entropy")[0].reshape(32, 5), np.transpose(within), atol=1e-5)
    mean = values[0, ALL.feature_names.index("whole_head_spectral_entropy")]
    assert block(values, ALL, "channel_entropy").mean() == pytest.approx(mean, abs=1e-6)


def test_a_band_of_one_bin_has_the_entropy_zero():
    layout = Layout(("Cz",), (("alpha", 8.0, 14.0), ("narrow", 14.0, 15.0)), (), extra_blocks=("band_entropy",))
    values = compute_vectors(noise(3, 1, 128), 128.0, layout)
    entropies = block(values, layout, "band_entropy")
    assert (entropies[:, 0] > 0.1).all()
    np.testing.assert_array_equal(entropies[:, 1], 0.0)


def test_a_loud_neighbour_leaves_the_entropies_of_other_bands_between_zero_and_one():
    times = np.arange(512) / 128.0
    loud = (1e4 * np.sin(2 * np.pi * 10 * times)).astype(np.float32)
    values = compute_vectors(np.stack([loud, loud * 0, loud, loud])[None], 128.0, FOUR)
    entropies = block(values, FOUR, "band_entropy")
    assert ((entropies >= 0) & (entropies <= 1 + 1e-5)).all()
    np.testing.assert_allclose(entropies[0, 5:10], 1.0, atol=1e-5)  # the flat channel: all bins at the floor


@pytest.mark.parametrize("name", EXTRA_BLOCKS)
@pytest.mark.parametrize("window", ["flat", "tiny", "loud", "one flat channel"])
def test_every_block_is_finite_whatever_the_signal(name, window):
    layout = Layout(FOUR.channels, FOUR.bands_hz, FOUR.pairs, extra_blocks=(name,))
    signal = noise(3, 4, 256) * np.float32({"flat": 0.0, "tiny": 1e-9, "loud": 1e6}.get(window, 1.0))
    signal[:, 1] *= window != "one flat channel"
    values = compute_vectors(signal, 128.0, layout)
    assert np.isfinite(values).all()
    if window == "flat":
        np.testing.assert_allclose(values[:, :5], np.tile(entropy_floor(256, 128.0, layout), (3, 1)), atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("name", EXTRA_BLOCKS)
def test_what_is_not_finite_passes_in_no_block(name, value):
    layout = Layout(FOUR.channels, FOUR.bands_hz, FOUR.pairs, extra_blocks=(name,))
    windows = noise(3, 4, 256)
    windows[1, 2, 100] = value
    with pytest.raises(InputError, match="finite values in µV"):
        compute_vectors(windows, 128.0, layout)


def test_a_window_alone_has_the_values_of_the_batch_in_every_block():
    windows = noise(35, 32, 256, seed=8)
    batch = compute_vectors(windows, 128.0, ALL)
    single = np.concatenate([compute_vectors(window[None], 128.0, ALL) for window in windows])
    np.testing.assert_allclose(batch, single, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_a_gain_does_to_each_block_what_its_formula_says(factor):
    windows = noise(4, 32, 512)
    before, after = (compute_vectors(windows * np.float32(k), 128.0, ALL) for k in (1.0, factor))
    for name in ("relative_power", "dasm", "channel_entropy", "band_entropy"):
        np.testing.assert_allclose(block(after, ALL, name), block(before, ALL, name), atol=2e-5)
    np.testing.assert_allclose(block(after, ALL, "band_power"), block(before, ALL, "band_power") * factor**2, rtol=1e-4)


def test_band_powers_take_the_place_of_the_spectrums_and_no_more():
    windows = noise(40, 4, 512)
    powers = np.random.default_rng(1).uniform(0.5, 50.0, (40, 4, 5)).astype(np.float32)
    given, own = compute_vectors(windows, 128.0, FOUR, powers), compute_vectors(windows, 128.0, FOUR)
    np.testing.assert_allclose(band_powers(given, FOUR), powers, rtol=1e-5)
    np.testing.assert_array_equal(block(given, FOUR, "band_power").reshape(powers.shape), powers)
    asymmetry = np.log(powers[:, 1, 2] / powers[:, 0, 2])
    np.testing.assert_allclose(block(given, FOUR, "asymmetry")[:, 0], asymmetry, atol=1e-5)
    for name in ("whole_head", "channel_entropy", "band_entropy"):
        np.testing.assert_array_equal(block(given, FOUR, name), block(own, FOUR, name))


def test_given_band_powers_have_the_floor_too():
    powers = np.zeros((2, 4, 5), dtype=np.float32)
    values = compute_vectors(noise(2, 4, 512), 128.0, FOUR, powers)
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values[0, :5], entropy_floor(512, 128.0, FOUR), atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_given_band_powers_that_are_not_finite_are_refused(value):
    powers = np.ones((2, 4, 5), dtype=np.float32)
    powers[1, 2, 3] = value
    with pytest.raises(InputError, match="finite values in µV"):
        compute_vectors(noise(2, 4, 512), 128.0, FOUR, powers)


def test_band_powers_of_other_windows_are_refused():
    with pytest.raises(InputError, match=r"`band_powers` must be \(2 windows, 4 channels, 5 bands\).*\(3, 4, 5\)"):
        compute_vectors(noise(2, 4, 512), 128.0, FOUR, np.ones((3, 4, 5), dtype=np.float32))


def test_opposite_electrodes_are_found_in_any_cap():
    pairs = homologues(CHANNELS)
    assert len(pairs) == 14
    assert set(pairs) >= {("Fp1", "Fp2"), ("P7", "P8"), ("PO3", "PO4")}
    assert homologues(("TP9", "AF7", "AF8", "TP10")) == (("TP9", "TP10"), ("AF7", "AF8"))
    assert homologues(("AFp3h", "Cz", "AFp4h", "CB2", "CB1")) == (("AFp3h", "AFp4h"), ("CB1", "CB2"))
    assert homologues(("F3", "F5", "P4", "Cz")) == ()


def test_a_layout_with_further_blocks_is_written_and_read():
    assert "extra_blocks" not in STANDARD.to_dict()
    assert FOUR.to_dict()["extra_blocks"] == list(EXTRA_BLOCKS)
    assert Layout.from_dict(FOUR.to_dict()) == FOUR
    assert Layout.from_dict(STANDARD.to_dict()) == STANDARD


@pytest.mark.parametrize("blocks", [("psd",), ("dasm", "dasm"), ("de",)])
def test_a_block_that_is_not_known_or_comes_twice_is_refused(blocks):
    with pytest.raises(InputError, match="`extra_blocks` must be different ones of relative_power, "):
        Layout.from_dict({**STANDARD.to_dict(), "extra_blocks": blocks})


def test_the_montage_puts_the_blocks_into_the_layout():
    assert fit_montage(CHANNELS, extra_blocks=("dasm",)).layout.extra_blocks == ("dasm",)
    assert fit_montage(("TP9", "AF7", "AF8", "TP10"), extra_blocks=("rasm",)).layout.n_scalars == 1 + 4 + 10
    assert fit_montage(CHANNELS).layout == STANDARD


@pytest.mark.parametrize("name", ["dasm", "rasm"])
def test_differences_without_opposite_electrodes_are_refused(name):
    with pytest.raises(InputError, match=rf"lie opposite each other.* for {name}\. Received: Fz, Cz\. Leave the block"):
        fit_montage(("Fz", "Cz"), extra_blocks=(name,))
