"""A table's column of labels to classes: words, whole numbers, or ratings that a threshold cuts in two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotune.data.labels import encode_labels
from emotune.data.table_files import Table
from emotune.errors import InputError
from emotune.recordings.targets import Rating, Target, TargetChoice, target_of

__all__ = ["MOSTLY", "classes_of_column"]

MOSTLY = 0.5
"""A column of texts of which this share are numbers is a column of numbers with something wrong in it."""

# Whole numbers that differ more often than this are a measurement or a rating, not classes.
_MOST_CLASSES = 30


def classes_of_column(
    table: Table, label: str, choice: TargetChoice, path: Path
) -> tuple[NDArray[np.int64], tuple[str, ...], Target | None]:
    """Class indices `(n,)`, class names, and the target where a threshold made them.

    Args:
        table: the table.
        label: its column, which was read as text.
        choice: where ratings are cut; there is no middle of a scale that only the observed values are known of.
        path: the file, for messages.

    Raises:
        InputError: if a cell is blank, or the cells are neither words, nor few whole numbers, nor numbers to be cut.
    """
    cells = table.texts(label)
    numbers = _numbers(cells, table.decimal)
    blank = [row for row, cell in enumerate(cells) if not cell or (numbers and not math.isfinite(numbers[row]))]
    if numbers is None and sum(_is_number(cell, table.decimal) for cell in cells) > MOSTLY * len(cells):
        blank = [row for row, cell in enumerate(cells) if not _is_number(cell, table.decimal)]
    if blank:
        row = blank[0]
        raise InputError(
            f"Expected a label in every row of `{label}` in {path}. Received: {cells[row] or 'nothing'} in row "
            f"{row + table.first_row}. Fill it in, or take the row out."
        )
    if choice.as_rating:
        raise InputError(
            f"Expected classes in `{label}` of {path}, as a table's rows are told apart by classes. Received: the "
            "target as a rating. Give a threshold that cuts it in two, such as --threshold 5."
        )
    if choice.threshold is not None:
        if numbers is None:
            word = next(cell for cell in cells if not _is_number(cell, table.decimal))
            raise InputError(
                f"Expected numbers in `{label}` of {path}, to be cut at {choice.threshold:g}. Received: {word!r}. "
                "Leave the threshold out, or name a column of ratings by --target."
            )
        values = np.array(numbers, dtype=np.float64)
        scale = Rating(float(values.min()), float(values.max()), is_observed=True)
        rating = TargetChoice(label, choice.threshold, choice.rule)
        above = values >= choice.threshold if choice.rule == ">=" else values > choice.threshold
        if above.all() or not above.any():
            raise InputError(
                f"Expected a threshold that parts `{label}` of {path}, which goes from {scale.low:g} to "
                f"{scale.high:g}. Received: {choice.rule} {choice.threshold:g}. Choose one inside."
            )
        target = target_of(rating, (), {label: scale}, of=str(path))
        return target.labels(np.empty(0, dtype=np.str_), {label: values}), target.class_names, target
    if numbers is None:
        targets, classes = encode_labels(np.array(cells, dtype=np.str_), None, str(path))
        return targets, classes, None
    different = sorted(set(numbers))
    if any(not number.is_integer() for number in different) or len(different) > _MOST_CLASSES:
        raise InputError(
            f"Expected classes in `{label}` of {path}: words or at most {_MOST_CLASSES} different whole numbers. "
            f"Received: {len(different)} different numbers from {different[0]:g} to {different[-1]:g}. Give a "
            "threshold that cuts them in two, such as --threshold 5, or name another column by --target."
        )
    targets, classes = encode_labels(np.array(numbers, dtype=np.float64), None, str(path))
    return targets, classes, None


def _numbers(cells: Sequence[str], decimal: str) -> list[float] | None:
    """The cells as numbers; None where one of them is a word."""
    try:
        return [float(cell.replace(decimal, ".")) if cell else math.nan for cell in cells]
    except ValueError:
        return None


def _is_number(cell: str, decimal: str) -> bool:
    return _numbers([cell], decimal) is not None
