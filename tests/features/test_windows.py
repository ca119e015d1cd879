"""Windows: where they start, that they share memory, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotune.errors import InputError
from emotune.features.windows import are_next, split_windows, whole_windows, window_numbers


def ramp(n_times: int, n_channels: int = 2) -> np.ndarray:
    return (np.arange(n_channels)[:, None] * 1e5 + np.arange(n_times)).astype(np.float32)


def test_windows_without_overlap_lie_end_to_end():
    samples = ramp(1000)
    windows, starts_s = split_windows(samples, 100.0, 3.0, 0.0)
    assert windows.shape == (3, 2, 300)
    np.testing.assert_array_equal(starts_s, [0.0, 3.0, 6.0])
    np.testing.assert_array_equal(windows[2, 1], samples[1, 600:900])


@settings(max_examples=40, deadline=None)
@given(
    n_times=st.integers(1, 600),
    rate_hz=st.floats(5, 50),
    window_s=st.floats(0.5, 10),
    overlap=st.floats(0, 0.99),
)
def test_every_window_is_whole_and_starts_where_it_says(n_times, rate_hz, window_s, overlap):
    samples = ramp(n_times)
    n_window = round(window_s * rate_hz)
    if n_times < n_window or n_window * (1.0 - overlap) < 0.5:
        with pytest.raises(InputError):
            split_windows(samples, rate_hz, window_s, overlap)
        return
    windows, starts_s = split_windows(samples, rate_hz, window_s, overlap)
    step = max(1, round(n_window * (1 - overlap)))
    firsts = list(range(0, n_times - n_window + 1, step))
    assert windows.shape == (len(firsts), 2, n_window)
    for window, first in zip(windows, firsts, strict=True):
        np.testing.assert_array_equal(window, samples[:, first : first + n_window])
    np.testing.assert_allclose(starts_s * rate_hz, firsts, atol=1e-6)


def test_windows_are_views_that_cannot_be_written():
    samples = ramp(1000)
    windows, _ = split_windows(samples, 100.0, 1.0, 0.5)
    assert np.shares_memory(windows, samples)
    with pytest.raises(ValueError, match="read-only"):
        windows[0, 0, 0] = 1.0


def test_a_recording_of_exactly_one_window_gives_one():
    windows, starts_s = split_windows(ramp(512), 128.0, 4.0, 0.5)
    assert len(windows) == 1
    np.testing.assert_array_equal(starts_s, [0.0])


def test_a_recording_shorter_than_a_window_is_refused():
    with pytest.raises(InputError, match=r"at least one window of 4 s\. Received: 3\.99 s\. Take a shorter window"):
        split_windows(ramp(511), 128.0, 4.0)


@pytest.mark.parametrize("window_s", [0.0, -1.0, float("nan"), float("inf")])
def test_a_window_without_length_is_refused(window_s):
    with pytest.raises(InputError, match=r"`window_s` must be a length above 0 s\. Received: "):
        split_windows(ramp(512), 128.0, window_s)


def test_a_window_of_less_than_a_sample_is_refused():
    with pytest.raises(InputError, match=r"at least one sample\. Received: 0.001 s at 128 Hz\. Take a longer"):
        split_windows(ramp(512), 128.0, 0.001)


@pytest.mark.parametrize("overlap", [1.0, -0.1, 50, float("nan")])
def test_an_overlap_that_is_no_part_is_refused(overlap):
    with pytest.raises(InputError, match=r"`overlap` must be a part of a window.*Received: "):
        split_windows(ramp(512), 128.0, 1.0, overlap)


@pytest.mark.parametrize(
    ("break_s", "whole"),
    [
        ((4.0, 4.0), [1, 1, 1]),  # the interruption lies between the two windows
        ((511.5 / 128, 511.5 / 128), [1, 1, 1]),  # as EEGLAB writes the same
        ((511 / 128, 511 / 128), [0, 1, 1]),
        ((513 / 128, 513 / 128), [1, 0, 1]),
        ((4.0, 8.0), [1, 0, 1]),
        ((3.999, 8.001), [1, 0, 0]),  # between two samples there is nothing to spoil
        ((3.99, 8.001), [0, 0, 0]),
        ((5.0, 5.1), [1, 0, 1]),
        ((0.0, 12.0), [0, 0, 0]),
    ],
)
def test_a_break_touches_windows_that_hold_its_samples_or_both_its_sides(break_s, whole):
    starts_s = np.array([0.0, 4.0, 8.0])
    assert whole_windows(starts_s, 512, 128.0, [break_s]).tolist() == [bool(w) for w in whole]


def test_overlapping_windows_and_several_breaks():
    starts_s = np.arange(5) * 2.0
    assert whole_windows(starts_s, 512, 128.0, [(3.0, 3.0), (11.0, 11.5)]).tolist() == [False, False, True, True, False]


def test_windows_are_in_a_row_a_hop_apart_and_in_one_stretch():
    starts_s = np.array([0, 32, 64, 160, 192, 224]) / 128.0  # two are missing behind the third
    assert are_next(window_numbers(starts_s, 128.0, 32, [(0, 300)])).tolist() == [True, True, False, True, True]
    # A point between two windows takes none away, and is a break all the same.
    in_two = window_numbers(starts_s, 128.0, 32, [(0, 128), (150, 224), (224, 300)])
    assert are_next(in_two).tolist() == [True, True, False, True, False]
    assert window_numbers(starts_s[:0], 128.0, 32, []).shape == (0,)


def test_windows_less_than_a_sample_apart_are_refused():
    samples = np.zeros((2, 1000), dtype=np.float32)
    with pytest.raises(InputError, match=r"`overlap` must leave windows at least a sample apart.*at most 0\.9980"):
        split_windows(samples, 128.0, 4.0, 0.9999)
    assert len(split_windows(samples, 128.0, 4.0, 0.998)[0]) == 489
