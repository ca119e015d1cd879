"""What a network is for: the shape of one sample and the number of classes. Needs no Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emotune.errors import InputError
from emotune.features.layout import Layout

__all__ = ["Problem"]


@dataclass(frozen=True, slots=True)
class Problem:
    """The shape that a network takes and gives; it never comes from a constant.

    Attributes:
        input_shape: of one sample: `(n_features,)`, or `(n_steps, n_features)` for windows in a row.
        n_classes: how many probabilities come out.
        layout: channels and bands of the features; None for tables whose columns are not known.
    """

    input_shape: tuple[int, ...]
    n_classes: int
    layout: Layout | None = None

    def __post_init__(self) -> None:
        if len(self.input_shape) not in (1, 2) or any(length < 1 for length in self.input_shape):
            raise InputError(
                "`input_shape` must be (n_features,) or (n_steps, n_features), each at least 1. "
                f"Received: {self.input_shape}."
            )
        if self.n_classes < 2:
            raise InputError(f"`n_classes` must be at least 2. Received: {self.n_classes}.")
        if self.layout is not None and self.layout.n_features != self.n_features:
            raise InputError(
                f"The layout must describe all {self.n_features} features of a sample. "
                f"Received: a layout of {self.layout.n_features}."
            )

    @property
    def n_features(self) -> int:
        """Values of one window."""
        return self.input_shape[-1]

    @property
    def n_steps(self) -> int | None:
        """Windows in a row of one sample; None where a sample is one window."""
        return self.input_shape[0] if len(self.input_shape) == 2 else None

    def to_dict(self) -> dict[str, Any]:
        """The problem as plain JSON values."""
        return {
            "input_shape": list(self.input_shape),
            "n_classes": self.n_classes,
            "layout": None if self.layout is None else self.layout.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Problem:
        """The problem that `to_dict` described."""
        layout = content["layout"]
        return cls(
            input_shape=tuple(int(length) for length in content["input_shape"]),
            n_classes=int(content["n_classes"]),
            layout=None if layout is None else Layout.from_dict(layout),
        )
