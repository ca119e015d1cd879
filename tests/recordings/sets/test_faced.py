"""FACED's processed files: one pickled array a person, whose clips alone say the emotion."""

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings.sets.faced import Faced
from writers import faced

NINE = ("anger", "disgust", "fear", "sadness", "neutral", "amusement", "inspiration", "joy", "tenderness")


@pytest.mark.parametrize("protocol", [2, 3, 5])
def test_pickles_of_any_protocol_are_read(tmp_path, protocol):
    truths = faced.write(tmp_path, n_people=1, protocol=protocol).recordings
    for recording, truth in zip(Faced(tmp_path), truths, strict=True):
        expected = truth.samples_uv - truth.samples_uv.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(recording.samples_uv, expected, rtol=0, atol=1e-3)


def test_emotions_are_in_the_order_of_the_clips(tmp_path):
    faced.write(tmp_path, n_people=1, seconds=0.02)
    assert Faced(tmp_path).emotions == NINE
    assert Faced(tmp_path).findings == ()


@pytest.mark.parametrize(
    ("content", "received"),
    [
        ({"data": np.zeros((28, 32, 10))}, "dict"),
        ([1, 2], "list"),
        (np.zeros((28, 30, 10)), r"float64 \(28, 30, 10\)"),
        (np.zeros((28, 32)), r"float64 \(28, 32\)"),
        (np.full((28, 32, 2), "text"), r"<U4 \(28, 32, 2\)"),
    ],
)
def test_other_contents_are_named(tmp_path, content, received):
    faced.save(tmp_path / "sub007.pkl", content)
    with pytest.raises(
        InputError,
        match=rf"Expected an array \(28, 32, 7500\) in .*sub007\.pkl, .*Received: {received}\. Download the file again",
    ):
        list(Faced(tmp_path))


@pytest.mark.parametrize("content", [np.array([{}]), print])
def test_a_pickle_that_asks_for_more_than_arrays_is_refused(tmp_path, content):
    faced.save(tmp_path / "sub007.pkl", content)
    with pytest.raises(InputError, match=r"pickle of arrays in .*sub007\.pkl, but it cannot be used"):
        list(Faced(tmp_path))


def test_files_of_other_names_are_passed_over(tmp_path):
    faced.write(tmp_path, n_people=1, seconds=0.02)
    for name in ("sub005.pkl.pkl", "sub5.pkl", "sub0006.pkl"):
        (tmp_path / name).touch()
    assert [path.name for path in Faced(tmp_path).files] == ["sub002.pkl"]
