"""However labels are written, the same classes come out; what are no classes is refused."""

import numpy as np
import pytest

from emotune.data.labels import encode_labels
from emotune.errors import InputError


@pytest.mark.parametrize(
    ("labels", "class_names", "targets", "classes"),
    [
        (np.array([0, 2, 1, 0]), None, [0, 2, 1, 0], ("0", "1", "2")),
        (np.array([-1, 1, 0, 1]), None, [0, 2, 1, 2], ("-1", "0", "1")),
        (np.array([9, 10, 9], dtype=np.uint8), None, [0, 1, 0], ("9", "10")),
        (np.array([1.0, 3.0, 1.0]), None, [0, 1, 0], ("1", "3")),
        (np.array([[4], [2], [4]]), None, [1, 0, 1], ("2", "4")),
        (np.array([True, False]), None, [1, 0], ("0", "1")),
        (np.array(["sad", " happy", "sad"]), None, [1, 0, 1], ("happy", "sad")),
        (np.array(["10", "9"]), None, [1, 0], ("9", "10")),
        (np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]), None, [1, 0, 2], ("0", "1", "2")),
        (np.array([[0.0, 1.0], [1.0, 0.0]]), None, [1, 0], ("0", "1")),
        (np.array([0, 2, 0]), ("a", "b", "c"), [0, 2, 0], ("a", "b", "c")),
        (np.array([1, 2, 3]), ("a", "b", "c"), [0, 1, 2], ("a", "b", "c")),
        (np.array([-1, 1, -1]), ("low", "high"), [0, 1, 0], ("low", "high")),
        (np.array(["b", "a", "b"]), ("b", "a", "c"), [0, 1, 0], ("b", "a", "c")),
        (np.array([[0, 1], [1, 0]]), ("no", "yes"), [1, 0], ("no", "yes")),
    ],
)
def test_labels_become_indices_of_named_classes(labels, class_names, targets, classes):
    encoded, names = encode_labels(labels, class_names, "t.npz")
    assert encoded.dtype == np.int64
    assert encoded.tolist() == targets
    assert names == classes


@pytest.mark.parametrize(
    ("labels", "class_names", "said"),
    [
        (np.array([1.0, 4.5, 2.0]), None, r"Received: 4.5 in row 1. .* threshold"),
        (np.array([1.0, np.nan]), None, r"Received: nan in row 1. Fill in missing labels"),
        (np.array([1.0, 1e300]), None, r"Received: 1e\+300 in row 1"),
        (np.array([1j, 0]), None, "Received: complex128"),
        (np.array(["a", "", "b"]), None, "Row 1 is blank"),
        (np.array([[1, 1], [0, 1]]), None, r"one-hot rows .* row 0 is \[1 1\]"),
        (np.array([[0.2, 0.8], [1, 0]]), None, r"row 0 is \[0.2 0.8\]"),
        (np.array([["a", "b"]]), None, "one-hot rows"),
        (np.array(1), None, r"Received: \(\)"),
        (np.zeros((2, 2, 2)), None, r"Received: \(2, 2, 2\)"),
        (np.array(["a", "x"]), ("a", "b"), "Expected labels among the class names of t.npz .a, b.. Received: 'x'"),
        (np.array([0, 5]), ("a", "b", "c"), "from 0 to 2, .* 3 class names. Received: 2 different ones from 0 to 5"),
        (np.array([[0, 1], [1, 0]]), ("a", "b", "c"), "each of the 2 columns .* Received: 3 names"),
    ],
)
def test_what_are_no_classes_is_refused(labels, class_names, said):
    with pytest.raises(InputError, match=said):
        encode_labels(labels, class_names, "t.npz")
