"""The scaler: learned once, exact after a round trip through JSON, and nothing that is not finite passes."""

import json

import numpy as np
import pytest

from emotune.data.scaling import Scaler
from emotune.errors import InputError


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    return (rng.normal(size=(200, 4)) * [1, 10, 0.01, 5] + [0, 100, -3, 7]).astype(np.float32)


def test_columns_come_to_mean_zero_and_spread_one(rows):
    scaled = Scaler.fit(rows).transform(rows)
    assert scaled.dtype == np.float32
    expected = (rows - rows.mean(0, dtype=np.float64)) / rows.std(0, dtype=np.float64)
    np.testing.assert_allclose(scaled, expected, atol=1e-5)


def test_what_was_learned_is_used_for_other_rows(rows):
    scaler = Scaler.fit(rows[:100])
    expected = (rows[100:] - rows[:100].mean(0, dtype=np.float64)) / rows[:100].std(0, dtype=np.float64)
    np.testing.assert_allclose(scaler.transform(rows[100:]), expected, atol=5e-5)


def test_steps_of_a_sequence_share_a_column(rows):
    sequences = rows.reshape(50, 4, 4)
    scaler = Scaler.fit(sequences)
    np.testing.assert_array_equal(scaler.mean, Scaler.fit(rows).mean)
    scaled = scaler.transform(sequences)
    assert scaled.shape == sequences.shape
    np.testing.assert_array_equal(scaled.reshape(-1, 4), scaler.transform(rows))
    np.testing.assert_array_equal(scaler.transform(rows[0]), scaled[0, 0])


@pytest.mark.parametrize("constant", [0.0, 5.0, 1e8, -3e-9, 0.1])
def test_a_constant_column_is_only_centred(constant, rows):
    rows[:, 1] = constant
    scaler = Scaler.fit(rows)
    assert scaler.scale[1] == 1.0
    np.testing.assert_allclose(scaler.transform(rows)[:, 1], 0, atol=1e-6)


def test_a_spread_too_small_for_float32_is_none():
    rows = np.array([[0.0, 1.0], [1e-44, 2.0]])
    assert Scaler.fit(rows).scale.tolist() == [1.0, 0.5]


def test_a_far_column_keeps_its_spread():
    rows = np.array([[1e6 - 1], [1e6 + 1]] * 50, dtype=np.float32)
    np.testing.assert_allclose(Scaler.fit(rows).transform(rows)[:2, 0], [-1, 1])


def test_inputs_are_left_as_they_are(rows):
    before = rows.copy()
    Scaler.fit(rows).transform(rows)
    np.testing.assert_array_equal(rows, before)


def test_json_keeps_every_bit(rows):
    scaler = Scaler.fit(rows)
    again = Scaler.from_dict(json.loads(json.dumps(scaler.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(again.mean, scaler.mean)
    np.testing.assert_array_equal(again.scale, scaler.scale)
    assert again.mean.dtype == again.scale.dtype == np.float32


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_never_pass(bad, rows):
    scaler = Scaler.fit(rows)
    rows[5, 2] = bad
    rows[9, 0] = bad
    said = "Received: 2 that are NaN or infinite, the first at row 5, column 2"
    with pytest.raises(InputError, match=said):
        scaler.transform(rows)
    with pytest.raises(InputError, match=said):
        Scaler.fit(rows)


@pytest.mark.parametrize("shape", [(0, 4), (4,), (3, 0)])
def test_nothing_to_learn_from(shape):
    with pytest.raises(InputError, match="Expected rows to fit the scaler on"):
        Scaler.fit(np.zeros(shape))


def test_other_columns_than_those_of_the_fit(rows):
    with pytest.raises(InputError, match=r"Expected 4 columns, .* Received: shape \(200, 3\)"):
        Scaler.fit(rows).transform(rows[:, :3])


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"mean": [0.0]},
        {"mean": [0.0], "scale": ["x"]},
        {"mean": [0.0], "scale": [1.0, 2.0]},
        {"mean": [0.0], "scale": [0.0]},
        {"mean": [float("nan")], "scale": [1.0]},
        {"mean": [], "scale": []},
        {"mean": 1.0, "scale": 1.0},
        {"mean": None, "scale": [1.0]},
    ],
)
def test_damaged_content_is_refused(content):
    with pytest.raises(InputError, match="`mean`"):
        Scaler.from_dict(content)
