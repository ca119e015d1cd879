"""Labels as people write them (numbers, words, one-hot rows) to class indices and class names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.recordings.label_order import in_class_order

__all__ = ["encode_labels"]


def encode_labels(
    labels: NDArray[Any], class_names: Sequence[str] | None, place: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class indices `(n,)` and the name of each class, from `(n,)` numbers or words or `(n, n_classes)` one-hot.

    Without `class_names` the different labels are the classes, numbers by size and words by the alphabet. With
    them, words must be among them; numbers are their indices or, where there are as many different numbers
    as names, stand for them by size (1-4 for four names).

    Args:
        labels: what the file holds under `y`.
        class_names: name of each class; None to take the labels' own.
        place: the file, for messages.

    Raises:
        InputError: if the labels are not classes, or do not fit the names.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        targets = _from_one_hot(labels, place)
        names = [str(i) for i in range(labels.shape[1])] if class_names is None else list(class_names)
        if len(names) != labels.shape[1]:
            raise InputError(
                f"Expected one class name for each of the {labels.shape[1]} columns of one-hot labels in {place}. "
                f"Received: {len(names)} names. Correct `class_names`."
            )
        return targets, tuple(names)
    if labels.ndim != 1:
        raise InputError(
            f"Expected labels of shape (n,), or one-hot (n, n_classes), in {place}. Received: {labels.shape}. "
            "Save one label a row."
        )
    if labels.dtype.kind in "US":
        return _from_words(labels, class_names, place)
    return _from_numbers(_whole(labels, place), class_names, place)


def _from_one_hot(labels: NDArray[Any], place: str) -> NDArray[np.int64]:
    numeric = labels.dtype.kind in "biuf"
    wrong = ~(np.isin(labels, (0, 1)).all(axis=1) & (labels.sum(axis=1) == 1)) if numeric else np.array([True])
    if wrong.any():
        raise InputError(
            f"Expected labels of shape (n,), or one-hot rows with one 1 and zeros, in {place}. "
            f"Received: shape {labels.shape}, row {int(wrong.argmax())} is {labels[int(wrong.argmax())]}. "
            "Save one label a row."
        )
    return np.asarray(labels.argmax(axis=1), dtype=np.int64)


def _from_words(
    labels: NDArray[Any], class_names: Sequence[str] | None, place: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    words = [text.strip() for text in labels.astype(np.str_).tolist()]
    if "" in words:
        raise InputError(f"Expected a label in every row of {place}. Row {words.index('')} is blank. Fill it in.")
    names = in_class_order(words) if class_names is None else tuple(class_names)
    index = {name: i for i, name in enumerate(names)}
    unknown = sorted(set(words) - set(index))
    if unknown:
        raise InputError(
            f"Expected labels among the class names of {place} ({', '.join(names)}). Received: {unknown[0]!r}. "
            "Correct `y` or `class_names`."
        )
    return np.array([index[word] for word in words], dtype=np.int64), names


def _whole(labels: NDArray[Any], place: str) -> NDArray[np.int64]:
    if labels.dtype.kind not in "biuf":
        raise InputError(
            f"Expected labels as whole numbers or text in {place}. Received: {labels.dtype}. Save them as such."
        )
    # Above 2 ** 53 a float is no longer one whole number.
    exact = np.isfinite(labels) & (labels == np.rint(labels)) & (np.abs(labels.astype(np.float64)) < 2.0**53)
    wrong = ~exact
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"Expected classes as whole numbers in {place}. Received: {labels[row]} in row {row}. "
            "Fill in missing labels; turn ratings into classes by a threshold first."
        )
    return labels.astype(np.int64)


def _from_numbers(
    labels: NDArray[np.int64], class_names: Sequence[str] | None, place: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    values, targets = np.unique(labels, return_inverse=True)
    if class_names is None:
        return targets.astype(np.int64), tuple(str(value) for value in values)
    n_classes = len(class_names)
    if len(values) and 0 <= values[0] and values[-1] < n_classes:
        return labels, tuple(class_names)
    if len(values) != n_classes:
        raise InputError(
            f"Expected labels from 0 to {n_classes - 1}, as {place} has {n_classes} class names. "
            f"Received: {len(values)} different ones from {values[0]} to {values[-1]}. "
            "Correct `y` or `class_names`."
        )
    return targets.astype(np.int64), tuple(class_names)
