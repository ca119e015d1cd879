import numpy as np
import pytest

from emotune.recordings.simulation.noise import coloured_noise, mix

TIMES_S = np.arange(8192) / 128.0


def test_the_rows_have_variance_1_and_share_nothing():
    rows = coloured_noise(np.random.default_rng(0), TIMES_S, lambda hz: 1 / np.maximum(hz, 0.1), n_rows=4)
    assert rows.shape == (4, len(TIMES_S)) and rows.dtype == np.float32
    np.testing.assert_allclose(rows.var(axis=1), 1.0, atol=0.3)
    assert np.abs(np.corrcoef(rows) - np.eye(4)).max() < 0.3


@pytest.mark.parametrize("n_times", [512, 513])
def test_the_variance_is_1_on_average_for_even_and_odd_lengths(n_times):
    rows = coloured_noise(np.random.default_rng(1), TIMES_S[:n_times], np.ones_like, n_rows=200)
    assert rows.var() == pytest.approx(1.0, abs=0.02)


def test_the_spectrum_is_the_one_asked_for():
    rows = coloured_noise(np.random.default_rng(2), TIMES_S, lambda hz: np.maximum(hz, 0.5) ** -1.5, n_rows=50)
    frequencies_hz = np.fft.rfftfreq(len(TIMES_S), 1 / 128.0)
    power = (np.abs(np.fft.rfft(rows)) ** 2).mean(axis=0)
    inside = (frequencies_hz > 1) & (frequencies_hz < 60)
    slope = np.polyfit(np.log(frequencies_hz[inside]), np.log(power[inside]), 1)[0]
    assert slope == pytest.approx(-1.5, abs=0.05)


def test_each_row_can_have_a_spectrum_of_its_own():
    peaks_hz = np.array([[6.0], [10.0], [37.0]])
    rows = coloured_noise(np.random.default_rng(3), TIMES_S, lambda hz: np.exp(-((hz - peaks_hz) ** 2)), n_rows=3)
    power = np.abs(np.fft.rfft(rows)) ** 2
    np.testing.assert_allclose(np.fft.rfftfreq(len(TIMES_S), 1 / 128.0)[power.argmax(axis=1)], peaks_hz[:, 0], atol=2)


@pytest.mark.parametrize("n_times", [1, 192, 500])
def test_mixing_in_blocks_is_a_matrix_product(n_times):
    generator = np.random.default_rng(4)
    fields, courses = generator.normal(size=(32, 7)), generator.normal(size=(7, n_times)).astype(np.float32)
    np.testing.assert_allclose(mix(fields, courses), fields @ courses, rtol=1e-4, atol=1e-4)
