"""Standardisation: what is subtracted and divided by is learned from the training part alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError

__all__ = ["Scaler"]


@dataclass(frozen=True, slots=True, eq=False)
class Scaler:
    """Brings every column to mean 0 and standard deviation 1.

    Attributes:
        mean: `(n_features,)`, float32.
        scale: `(n_features,)`, float32, above 0; 1 for a column that was constant.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.mean.ndim != 1 or self.mean.shape != self.scale.shape or not len(self.mean):
            raise InputError(
                f"`mean` and `scale` must both be (n_features,). Received: {self.mean.shape} and {self.scale.shape}."
            )
        if not (np.isfinite(self.mean).all() and np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise InputError("`mean` must be finite and `scale` finite and above 0. Received other values.")

    @classmethod
    def fit(cls, inputs: NDArray[np.floating[Any]]) -> Scaler:
        """Learn from `inputs`, `(n, n_features)` or `(n, n_steps, n_features)`: the training rows.

        Raises:
            InputError: if there are no rows, or one holds a value that is not finite.
        """
        # Loading scikit-learn costs a second; who only predicts does not pay for it.
        from sklearn.preprocessing import StandardScaler

        if inputs.ndim < 2 or 0 in inputs.shape:
            raise InputError(f"Expected rows to fit the scaler on. Received: shape {inputs.shape}.")
        _refuse_not_finite(inputs)
        # float32 would lose the spread of a column that lies far from 0.
        rows = inputs.reshape(-1, inputs.shape[-1]).astype(np.float64)
        fitted = StandardScaler().fit(rows)
        with np.errstate(over="ignore", under="ignore"):
            mean, scale = fitted.mean_.astype(np.float32), fitted.scale_.astype(np.float32)
        # A spread too small for float32 is no spread.
        return cls(mean, np.where(scale > np.finfo(np.float32).tiny, scale, np.float32(1.0)))

    def transform(self, inputs: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Scale `(..., n_features)`; a new float32 array of the same shape.

        Raises:
            InputError: if the columns are not those of the fit, or a value is not finite.
        """
        if inputs.ndim < 1 or inputs.shape[-1] != len(self.mean):
            raise InputError(
                f"Expected {len(self.mean)} columns, as the scaler was fitted on. Received: shape {inputs.shape}. "
                "Use data of the same kind as in training."
            )
        _refuse_not_finite(inputs)
        scaled = inputs.astype(np.float32)
        scaled -= self.mean
        scaled /= self.scale
        return scaled

    def to_dict(self) -> dict[str, list[float]]:
        """The scaler as plain JSON values, exact."""
        return {"mean": self.mean.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Scaler:
        """The scaler that `to_dict` described.

        Raises:
            InputError: if a value is missing or makes no sense.
        """
        try:
            mean, scale = (np.array(content[name], dtype=np.float32) for name in ("mean", "scale"))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"Expected the scaler's `mean` and `scale` as lists of numbers, but they are damaged ({error}). "
                "Train again."
            ) from error
        return cls(mean, scale)


def _refuse_not_finite(inputs: NDArray[np.floating[Any]]) -> None:
    finite = np.isfinite(inputs)
    if not finite.all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise InputError(
            f"Expected finite values to scale. Received: {int((~finite).sum())} that are NaN or infinite, the first "
            f"at row {first[0]}, column {first[-1]}. Remove or repair these rows."
        )
