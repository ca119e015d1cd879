"""Windows in a row come from one trial, follow each other, and stand in one sequence only."""

import numpy as np
import pytest

from emotune.data.sequences import consecutive_rows


def rows_of(trials, numbers, n_steps):
    return consecutive_rows(np.array(list(trials)), np.array(numbers), n_steps).tolist()


def test_sequences_never_cross_trials_and_the_rest_of_a_trial_is_not_used():
    numbers = [0, 1, 2, 3, 4, 0, 1, 2, 0]
    assert rows_of("aaaaabbbc", numbers, 2) == [[0, 1], [2, 3], [5, 6]]
    assert rows_of("aaaaabbbc", numbers, 3) == [[0, 1, 2], [5, 6, 7]]
    assert rows_of("aaaaabbbc", numbers, 6) == []


def test_one_step_is_every_row():
    assert rows_of("aab", [0, 1, 0], 1) == [[0], [1], [2]]


def test_two_pieces_of_one_trial_are_not_joined():
    assert rows_of("aaaaaa", [0, 1, 2, 0, 1, 2], 2) == [[0, 1], [3, 4]]
    assert rows_of("aaaa", [0, 1, 10, 11], 2) == [[0, 1], [2, 3]]
    assert rows_of("aaaa", [0, 10, 11, 12], 3) == [[1, 2, 3]]


def test_a_trial_that_comes_back_later_is_not_joined():
    assert rows_of("aba", [0, 1, 2], 2) == []


def test_no_windows():
    assert consecutive_rows(np.array([], dtype=str), np.array([], dtype=int), 3).shape == (0, 3)


@pytest.mark.parametrize("n_steps", [2, 3, 5])
def test_against_a_loop(n_steps):
    rng = np.random.default_rng(n_steps)
    trials, numbers = [], []
    for trial, n in enumerate(rng.integers(1, 12, 30)):
        trials += [f"t{trial}"] * n
        numbers += range(n)
    expected, row = [], 0
    while row < len(trials):
        if trials[row : row + n_steps] == [trials[row]] * n_steps:
            expected.append(list(range(row, row + n_steps)))
            row += n_steps
        else:
            row += 1
    assert rows_of(trials, numbers, n_steps) == expected
