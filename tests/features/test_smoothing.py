"""Smoothing along a trial: against other formulations of the same, at the ends, and at gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.errors import InputError
from emotune.features.smoothing import checked_smoothing, smoothed

WAYS = ("average:3", "average:7", "lds")


def walk(n_windows, n_features=6, seed=0):
    values = np.random.default_rng(seed).standard_normal((n_windows, n_features)).cumsum(axis=0)
    return values.astype(np.float32)


def in_a_row(n_windows):
    return np.arange(n_windows)


def posterior_mean(values):
    """E[z | x] of the local level model in one piece: precision of walk and noise, one linear system."""
    n = len(values)
    step, noise, first = 1e-4, 1.0, 0.01
    differences = np.diff(np.eye(n), axis=0)
    precision = differences.T @ differences / step + np.eye(n) / noise
    precision[0, 0] += 1 / first
    seen = values / noise
    seen[0] += values.mean(axis=0) / first
    return np.linalg.solve(precision, seen)


@pytest.mark.parametrize("n_windows", [1, 2, 7, 60, 400])
def test_lds_is_the_posterior_mean_of_the_local_level_model(n_windows):
    values = walk(n_windows)
    found = smoothed(values, in_a_row(n_windows), "lds")
    np.testing.assert_allclose(found, posterior_mean(values.astype(np.float64)), atol=1e-4)


@pytest.mark.parametrize("n", [3, 5, 9])
@pytest.mark.parametrize("n_windows", [1, 2, 4, 30])
def test_the_moving_average_is_centred_and_shorter_at_the_ends(n, n_windows):
    values = walk(n_windows)
    found = smoothed(values, in_a_row(n_windows), f"average:{n}")
    for i in range(n_windows):
        reach = min(n // 2, i, n_windows - 1 - i)
        np.testing.assert_allclose(found[i], values[i - reach : i + reach + 1].mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_a_constant_stays(way):
    values = np.full((50, 3), 7.25, dtype=np.float32)
    np.testing.assert_allclose(smoothed(values, in_a_row(50), way), values, rtol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_gaps_do_not_mix(way):
    values = walk(30)
    at = in_a_row(30)
    at[11:] += 1  # one window is missing, or there is a break
    at[20:] += 2
    expected = [smoothed(part, in_a_row(len(part)), way) for part in np.split(values, [11, 20])]
    np.testing.assert_array_equal(smoothed(values, at, way), np.concatenate(expected))
    assert not np.allclose(smoothed(values, in_a_row(30), way), np.concatenate(expected), atol=1e-3)


@pytest.mark.parametrize("way", WAYS)
def test_it_smooths(way):
    values = np.random.default_rng(3).standard_normal((200, 4)).astype(np.float32)
    assert smoothed(values, in_a_row(200), way).std() < 0.7 * values.std()


def test_none_changes_nothing():
    values = walk(5)
    assert smoothed(values, in_a_row(5), "none") is values


@settings(max_examples=25, deadline=None)
@given(
    n_windows=st.integers(0, 40),
    way=st.sampled_from(WAYS),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    missing=st.sets(st.integers(0, 39), max_size=10),
    value=st.sampled_from([None, np.nan, np.inf]),
)
def test_what_comes_out_is_finite_or_refused_and_within_what_came(n_windows, way, scale, missing, value):
    values = walk(n_windows) * np.float32(scale)
    kept = np.array([i for i in range(n_windows) if i not in missing], dtype=int)
    values, at = values[kept], in_a_row(n_windows)[kept]
    before = values.copy()
    if value is not None and len(values):
        values[-1, 2] = value
        with pytest.raises(InputError, match="vectors of finite values to smooth"):
            smoothed(values, at, way)
        return
    found = smoothed(values, at, way)
    assert found.shape == values.shape
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(values, before)
    if len(values):
        slack = 1e-5 * scale * 10
        assert (found <= values.max(axis=0) + slack).all()
        assert (found >= values.min(axis=0) - slack).all()


@pytest.mark.parametrize("text", ["average", "average:2", "average:1", "lds:3", "kalman", "", "average:x"])
def test_a_way_that_is_not_known_is_refused(text):
    with pytest.raises(InputError, match=r"none, lds or average:N with an odd N from 3.*Write for example average:5"):
        checked_smoothing(text)
    with pytest.raises(InputError, match="`smoothing` must be"):
        smoothed(walk(3), in_a_row(3), text)
