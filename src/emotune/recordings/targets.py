"""What is to be learned: a data set's own emotions, a rating cut in two, or the rating itself."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError

__all__ = ["EMOTION", "RULES", "UNKNOWN", "Rating", "Target", "TargetChoice", "parse_targets", "target_of"]

EMOTION = "emotion"

Rule = Literal[">", ">="]
RULES: tuple[Rule, ...] = (">", ">=")

UNKNOWN = -1
"""The class index of what has no emotion or rating."""


@dataclass(frozen=True, slots=True)
class Rating:
    """A scale that people answered on.

    Attributes:
        low: its lowest value.
        high: its highest value.
        is_observed: whether these are the lowest and highest answers that occur, the scale itself not being known.
    """

    low: float
    high: float
    is_observed: bool = False

    @property
    def middle(self) -> float:
        """Half-way between its ends: where its classes part unless told."""
        return (self.low + self.high) / 2

    def to_list(self) -> list[Any]:
        """The scale as plain JSON values: its ends, and True behind them where they were observed."""
        return [self.low, self.high, *([True] if self.is_observed else [])]

    @classmethod
    def from_list(cls, content: Sequence[Any]) -> Rating:
        """The scale that `to_list` described.

        Raises:
            TypeError, ValueError: if it describes none.
        """
        low, high, *observed = content
        return cls(float(low), float(high), bool(observed and observed[0]))


@dataclass(frozen=True, slots=True)
class TargetChoice:
    """What a user asked for.

    Attributes:
        name: `emotion` or the name of a rating; empty for the set's own first one.
        threshold: where a rating's classes part; None for the middle of its scale, which must be known.
        rule: whether the threshold itself is below (`>`) or above (`>=`).
        as_rating: whether the rating itself is wanted, rather than two classes of it.
    """

    name: str = ""
    threshold: float | None = None
    rule: Rule = ">"
    as_rating: bool = False

    def __str__(self) -> str:
        """As `parse_targets` reads it."""
        if self.threshold is not None:
            return f"{self.name} {self.rule} {self.threshold:.12g}".strip()
        return f"{self.name} as rating".strip() if self.as_rating else self.name


# A column of a table may be called anything but what parts targets.
_WRITTEN = re.compile(r"([^<>=≥]*?)\s*(?:(>=?|≥)\s*(\S+)|(?:(?<!\S)(as rating)))?")
_AS_RATING = "none"


def parse_targets(text: str, threshold: str = "") -> tuple[TargetChoice, ...]:
    """What a user wrote: nothing, `emotion`, `valence`, `valence >= 4.5`, `valence as rating`, or several with commas.

    Args:
        text: the targets.
        threshold: where the classes of every rating part that says nothing of its own: `5`, `>5`, `>=4.5`, or `none`
            for the ratings themselves.

    Raises:
        InputError: if one is written otherwise, or a name comes twice.
    """
    parts = text.split(",") if text.strip() else [""]
    choices = tuple(_parse(part) for part in parts)
    names = [choice.name for choice in choices]
    if len(set(names)) < len(names) or (len(parts) > 1 and "" in names):
        raise InputError(f"Expected a name for each target, and each once. Received: {text!r}. Write them with commas.")
    if not threshold.strip():
        return choices
    bare = [choice.name != EMOTION and choice.threshold is None and not choice.as_rating for choice in choices]
    if not any(bare):
        raise InputError(
            f"Expected a rating that the threshold {threshold} cuts. Received: the target {text!r}. Name a rating "
            "by --target, or leave the threshold out."
        )
    cut = _parse_threshold(threshold)
    return tuple(
        replace(cut, name=choice.name) if is_bare else choice for choice, is_bare in zip(choices, bare, strict=True)
    )


def _parse(text: str) -> TargetChoice:
    written = _WRITTEN.fullmatch(text.strip())
    value = None if written is None or written[3] is None else _number(written[3])
    if written is None or (written[3] is not None and value is None):
        raise InputError(
            f"A target must be written as a name, or as a rating with a threshold. Received: {text.strip()!r}. "
            "Write for example valence, 'valence >= 5', or 'valence as rating'."
        )
    rule: Rule = ">" if written[2] in (None, ">") else ">="
    return TargetChoice(written[1], value, rule, as_rating=written[4] is not None)


def _parse_threshold(text: str) -> TargetChoice:
    if text.strip().lower() == _AS_RATING:
        return TargetChoice(as_rating=True)
    written = re.fullmatch(r"\s*(>=?|≥)?\s*(\S+)\s*", text)
    value = None if written is None else _number(written[2])
    if written is None or value is None:
        raise InputError(
            f"A threshold must be a number, with > or >= before it or without. Received: {text!r}. "
            f"Write for example 5 or '>=4.5', or {_AS_RATING} for the ratings themselves."
        )
    return TargetChoice("", value, ">" if written[1] in (None, ">") else ">=")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Target:
    """From what trials were rated or meant as to classes, or to the ratings themselves.

    Attributes:
        name: `emotion` or the name of a rating.
        class_names: name of each class; empty for a rating itself.
        rating: its scale; None for emotions.
        threshold: where the classes part; None for emotions and for a rating itself.
        rule: as in `TargetChoice`.
    """

    name: str
    class_names: tuple[str, ...]
    rating: Rating | None = None
    threshold: float | None = None
    rule: Rule = ">"

    def __str__(self) -> str:
        if self.threshold is not None:
            return f"{self.name} {self.rule} {self.threshold:g}"
        return self.name if self.rating is None else f"{self.name} as rating"

    def labels(self, emotions: NDArray[np.str_], ratings: Mapping[str, NDArray[np.float64]]) -> NDArray[np.int64]:
        """Indices into `class_names`, `(n,)`, `UNKNOWN` where there is no emotion or rating.

        Args:
            emotions: `(n,)`.
            ratings: `(n,)` each, by name.
        """
        if self.rating is None or self.threshold is None:
            index = {name: label for label, name in enumerate(self.class_names)}
            return np.array([index.get(name, UNKNOWN) for name in emotions.tolist()], dtype=np.int64)
        values = self.values(ratings)
        with np.errstate(invalid="ignore"):
            above = values >= self.threshold if self.rule == ">=" else values > self.threshold
        return np.where(np.isnan(values), UNKNOWN, above.astype(np.int64))

    def values(self, ratings: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """The ratings themselves, `(n,)`, NaN where there is none."""
        return np.asarray(ratings[self.name], dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """The target as plain JSON values."""
        return {
            "name": self.name,
            "class_names": list(self.class_names),
            "scale": None if self.rating is None else self.rating.to_list(),
            "threshold": self.threshold,
            "rule": self.rule,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Target:
        """The target that `to_dict` described.

        Raises:
            KeyError, TypeError, ValueError: if it describes none.
        """
        scale, threshold = content["scale"], content["threshold"]
        return cls(
            name=str(content["name"]),
            class_names=tuple(str(name) for name in content["class_names"]),
            rating=None if scale is None else Rating.from_list(scale),
            threshold=None if threshold is None else float(threshold),
            rule=">=" if content["rule"] == ">=" else ">",
        )

    def on(self, emotions: tuple[str, ...], scales: Mapping[str, Rating]) -> Target | None:
        """The same target in another set; None where that has none of the name.

        A threshold keeps its place on the scale: above 5 of 1 to 9 is above 3 of 1 to 5. Where one of the scales is
        only observed the threshold itself is kept; None where it does not part the other set's answers, or these lie
        beyond the scale that is known.
        """
        if self.rating is None:
            return Target(EMOTION, emotions) if emotions else None
        scale = scales.get(self.name)
        if scale is None or self.threshold is None:
            return None if scale is None else Target(self.name, (), scale)
        if self.rating.is_observed or scale.is_observed:
            known, observed = (scale, self.rating) if self.rating.is_observed else (self.rating, scale)
            is_within = known.is_observed or (known.low <= observed.low and observed.high <= known.high)
            is_parted = is_within and _parts(self.threshold, self.rule, scale)
            return replace(self, rating=scale) if is_parted else None
        place = (self.threshold - self.rating.low) / (self.rating.high - self.rating.low)
        return replace(self, rating=scale, threshold=scale.low + place * (scale.high - scale.low))


def target_of(choice: TargetChoice, emotions: tuple[str, ...], scales: Mapping[str, Rating], *, of: str) -> Target:
    """The target that a choice means in a set of these emotions and ratings, which messages call `of`.

    Raises:
        InputError: if the set has no such target, or the threshold leaves one class.
    """
    known = (*((EMOTION,) if emotions else ()), *scales)
    if not known:
        raise InputError(
            f"Expected recordings with labels. Received: {of}, which says nothing of what was felt. List the files "
            "with their subjects and labels in a CSV, and write manifest:PATH.csv."
        )
    name = choice.name or known[0]
    if name not in known:
        raise InputError(f"Expected a target of {of}, one of {', '.join(known)}. Received: {name}. Choose by --target.")
    if choice.rule not in RULES:
        raise InputError(f"The rule of a threshold must be one of {', '.join(RULES)}. Received: {choice.rule!r}.")
    if name == EMOTION:
        if choice.threshold is not None or choice.as_rating:
            raise InputError(
                f"Only a rating can be cut or taken as it is, and the target of {of} is `emotion`. Leave that out, "
                "or choose a rating."
            )
        return Target(EMOTION, emotions)
    rating = scales[name]
    if choice.as_rating:
        return Target(name, (), rating)
    if choice.threshold is None and rating.is_observed:
        raise InputError(
            f"Expected a threshold for {name} of {of}, whose scale is not known: its answers go from {rating.low:g} to "
            f"{rating.high:g}. Received: none. Choose one, as in --target '{name} > {rating.middle:g}', or state the "
            f"scale in a manifest's header, as in {name}[1-9]."
        )
    threshold = rating.middle if choice.threshold is None else choice.threshold
    if not _parts(threshold, choice.rule, rating):
        raise InputError(
            f"A threshold of {name} must part its scale, {rating.low:g} to {rating.high:g}. Received: "
            f"{choice.rule} {threshold:g}. Choose one inside."
        )
    return Target(name, (f"low {name}", f"high {name}"), rating, threshold, choice.rule)


def _parts(threshold: float, rule: Rule, rating: Rating) -> bool:
    """Whether a threshold leaves two classes of a scale."""
    return rating.low <= threshold < rating.high if rule == ">" else rating.low < threshold <= rating.high
