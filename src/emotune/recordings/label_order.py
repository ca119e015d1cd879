"""The order of classes: numbers by size, words by the alphabet, whatever the order of the rows."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["in_class_order", "whole_number"]


def whole_number(text: str) -> int | None:
    """The whole number that `text` writes (`1`, `01`, a spreadsheet's `1.0`); None where it writes none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


def in_class_order(labels: Iterable[str]) -> tuple[str, ...]:
    """The different labels: by size where all are whole numbers, else by the alphabet."""
    names = sorted(set(labels))
    numbers = {name: whole_number(name) for name in names}
    if None not in numbers.values():
        names.sort(key=lambda name: (numbers[name] or 0, name))
    return tuple(names)
