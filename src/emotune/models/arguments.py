"""What a hypermodel's `fit_arguments(hp)` may say, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import keras

from emotune.errors import InputError
from emotune.models.sampling import ClassWeight

__all__ = ["FitArguments"]


@dataclass(frozen=True, slots=True)
class FitArguments:
    """How to train, where the hypermodel decides it.

    Attributes:
        batch_size: rows of a step.
        class_weight: `balanced`, class -> weight, or None.
        balanced_batches: whether every batch holds as many rows of each class; not together with `class_weight`.
        callbacks: Keras callbacks; those without batch hooks keep the fast engine. Their logs hold the validation
            score as `val_` and the metric's name.
        epochs: a limit below the run's own; the run's stays the ceiling.
        patience: instead of the run's.
    """

    batch_size: int = 32
    class_weight: ClassWeight = None
    balanced_batches: bool = False
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    epochs: int | None = None
    patience: int | None = None

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> FitArguments:
        """Check what `fit_arguments` returned.

        Raises:
            InputError: if a name is unknown or a value impossible.
        """
        known = [field.name for field in fields(cls)]
        unknown = [name for name in content if name not in known]
        if unknown:
            raise InputError(
                f"`fit_arguments` may return {', '.join(known)}. Received: {', '.join(map(str, unknown))}. "
                "Take it out, or check its spelling."
            )
        given = cls(**{**content, "callbacks": tuple(content.get("callbacks") or ())})
        for name in ("batch_size", "epochs", "patience"):
            value = getattr(given, name)
            optional = name != "batch_size" and value is None
            if not optional and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise InputError(
                    f"`{name}` in `fit_arguments` must be a whole number of at least 1. Received: {value!r}."
                )
        for callback in given.callbacks:
            if not isinstance(callback, keras.callbacks.Callback):
                raise InputError(
                    "`callbacks` in `fit_arguments` must be Keras callbacks (made, not the classes). "
                    f"Received: {callback!r}."
                )
        if given.balanced_batches and given.class_weight is not None:
            raise InputError(
                "`fit_arguments` must choose between `balanced_batches` and `class_weight`: both correct for the "
                f"same imbalance. Received: class_weight={given.class_weight!r}. Set one of them to False or None."
            )
        return given
