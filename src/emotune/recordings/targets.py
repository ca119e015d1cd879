"""What is to be told apart: a data set's own emotions, or a rating cut in two."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from emotune.errors import InputError
from emotune.findings import Finding

__all__ = ["EMOTION", "RULES", "Rating", "Target", "TargetChoice", "parse_target", "target_of"]

EMOTION = "emotion"

Rule = Literal[">", ">="]
RULES: tuple[Rule, ...] = (">", ">=")


@dataclass(frozen=True, slots=True)
class Rating:
    """A scale that people answered on.

    Attributes:
        low: its lowest value.
        high: its highest value.
    """

    low: float
    high: float

    @property
    def middle(self) -> float:
        """Half-way between its ends: where its classes part unless told."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class TargetChoice:
    """What a user asked for.

    Attributes:
        name: `emotion` or the name of a rating; empty for the set's own first one.
        threshold: where a rating's classes part; None for the middle of its scale.
        rule: whether the threshold itself is below (`>`) or above (`>=`).
    """

    name: str = ""
    threshold: float | None = None
    rule: Rule = ">"


_WRITTEN = re.compile(r"([A-Za-z_]\w*)\s*(?:(>=?|≥)\s*(\S+))?")


def parse_target(text: str) -> TargetChoice:
    """What a user wrote: nothing, `emotion`, `valence`, `valence > 5` or `valence >= 4.5`.

    Raises:
        InputError: if it is written otherwise.
    """
    if not text.strip():
        return TargetChoice()
    written = _WRITTEN.fullmatch(text.strip())
    try:
        threshold = None if written is None or written[3] is None else float(written[3])
    except ValueError:
        written = None
    if written is None or (threshold is not None and not math.isfinite(threshold)):
        raise InputError(
            f"A target must be written as a name, or as a rating with a threshold. Received: {text!r}. "
            "Write for example valence, or 'valence >= 5'."
        )
    return TargetChoice(written[1], threshold, ">" if written[2] in (None, ">") else ">=")


@dataclass(frozen=True, slots=True)
class Target:
    """From what a trial was rated or meant as to the index of a class.

    Attributes:
        name: `emotion` or the name of a rating.
        class_names: name of each class.
        rating: its scale; None for emotions.
        threshold: where the classes part; None for emotions.
        rule: as in `TargetChoice`.
    """

    name: str
    class_names: tuple[str, ...]
    rating: Rating | None = None
    threshold: float | None = None
    rule: Rule = ">"

    def label_of(self, emotion: str, ratings: Mapping[str, float], place: str) -> int:
        """The index of a trial's class.

        Raises:
            InputError: if the trial has no such emotion or rating, or one outside its scale.
        """
        if self.rating is None or self.threshold is None:
            if emotion not in self.class_names:
                raise InputError(
                    f"Expected an emotion of {place} among {', '.join(self.class_names)}. Received: "
                    f"{emotion or 'none'}. Check the set's label file."
                )
            return self.class_names.index(emotion)
        value = float(ratings.get(self.name, math.nan))
        if not self.rating.low <= value <= self.rating.high:
            raise InputError(
                f"Expected a rating of {self.name} from {self.rating.low:g} to {self.rating.high:g} in {place}. "
                f"Received: {value:g}. Check that it is the set's own file."
            )
        return int(value >= self.threshold if self.rule == ">=" else value > self.threshold)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Where a rating was cut: the scores depend on it."""
        if self.threshold is None:
            return ()
        return (
            Finding(
                "rating-threshold",
                "note",
                f"Classes are {self.name} {self.rule} {self.threshold:g} and the rest. Other thresholds give other "
                "shares of the classes and other scores: say it with the score.",
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """The target as plain JSON values."""
        return {
            "name": self.name,
            "class_names": list(self.class_names),
            "threshold": self.threshold,
            "rule": self.rule,
        }


def target_of(choice: TargetChoice, emotions: tuple[str, ...], ratings: Mapping[str, Rating]) -> Target:
    """The target that a choice means in a set of these emotions and ratings.

    Raises:
        InputError: if the set has no such target, or the threshold leaves one class.
    """
    known = (*((EMOTION,) if emotions else ()), *ratings)
    name = choice.name or known[0]
    if name not in known:
        raise InputError(f"Expected a target among {', '.join(known)}. Received: {name}. Choose one by --target.")
    if choice.rule not in RULES:
        raise InputError(f"The rule of a threshold must be one of {', '.join(RULES)}. Received: {choice.rule!r}.")
    if name == EMOTION:
        if choice.threshold is not None:
            raise InputError(
                "A threshold cuts a rating, and the target is `emotion`. Leave it out, or choose a rating."
            )
        return Target(EMOTION, emotions)
    rating = ratings[name]
    threshold = rating.middle if choice.threshold is None else choice.threshold
    inside = rating.low <= threshold < rating.high if choice.rule == ">" else rating.low < threshold <= rating.high
    if not inside:
        raise InputError(
            f"A threshold of {name} must part its scale, {rating.low:g} to {rating.high:g}. Received: "
            f"{choice.rule} {threshold:g}. Choose one inside."
        )
    return Target(name, (f"low {name}", f"high {name}"), rating, threshold, choice.rule)
