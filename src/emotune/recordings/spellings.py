"""One name in two spellings: `P01` and `p01`, `1`, `01` and a spreadsheet's `1.0` are one person."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from emotune.errors import InputError

__all__ = ["refuse_two_spellings", "without_zero_fractions"]

_WHOLE = re.compile(r"[+-]?\d+(\.0*)?")


def without_zero_fractions(names: Sequence[str]) -> list[str]:
    """The names of a column; where all that are there are whole numbers, `1.0` is `1` and `01` stays `01`."""
    if not all(_WHOLE.fullmatch(name) for name in set(names) if name):
        return list(names)
    return [name.partition(".")[0] for name in names]


def refuse_two_spellings(names: Iterable[str], place: str) -> None:
    """Refuse people whose names differ in their case or in how numbers are written alone.

    Such people are one, who would be on both sides of a split.

    Args:
        names: of people.
        place: the file, for messages.

    Raises:
        InputError: if there are two such names.
    """
    spelled: dict[str, str] = {}
    for name in sorted(set(names)):
        other = spelled.setdefault(_spelling(name), name)
        if other != name:
            raise InputError(
                f"Expected people of {place} whose names differ in more than their case or the zeros of a number. "
                f"Received: {other!r} and {name!r}. Spell them alike if they are one person, else rename one."
            )


def _spelling(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).casefold().strip()
    text = text.partition(".")[0] if _WHOLE.fullmatch(text) else text
    return re.sub(r"(?<![\d.])0+(?=\d)", "", text)
