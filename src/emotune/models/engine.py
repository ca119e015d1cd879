"""What the two engines share: the rows that they train on, what they call after an epoch, and priming."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

__all__ = ["VALIDATION_ROWS", "AfterEpoch", "Rows", "prime"]

# Rows of a validation step: enough to fill a processor, few enough that 256 filters x 167 steps fit in 100 MB.
VALIDATION_ROWS = 512

# (epoch, the epoch's logs, validation probabilities) -> whether to stop. It may add to the logs.
AfterEpoch = Callable[[int, MutableMapping[str, Any], NDArray[np.float32]], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What an engine trains and validates on.

    Attributes:
        inputs: `(n, ...)`, float32.
        targets: as the loss wants them: `(n,)` classes or `(n, n_classes)` one-hot.
        weights: `(n,)`, how much each row counts; None where all count the same.
        validation_inputs: `(m, ...)`, float32.
        validation_targets: as `targets`.
        batch_size: rows of a step; the last batch of an epoch may have fewer.
        order: epoch -> the rows of that epoch in their order, `(n,)`, int32.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[Any]
    weights: NDArray[np.float32] | None
    validation_inputs: NDArray[np.float32]
    validation_targets: NDArray[Any]
    batch_size: int
    order: Callable[[int], NDArray[np.int32]]

    @property
    def n_batches(self) -> int:
        """Steps of an epoch."""
        return -(-len(self.inputs) // self.batch_size)


def prime(model: Any, rows: Rows) -> None:
    """Create every variable that the first training step would create.

    A variable that is born while TensorFlow traces the step makes it trace the step a second time, which is
    half of a small network's start-up.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    if model.metrics:
        few = rows.targets[:2]
        probabilities = keras.ops.full((len(few), model.output_shape[-1]), 1.0 / model.output_shape[-1])
        model.compute_metrics(None, keras.ops.convert_to_tensor(few), probabilities)
        model.reset_metrics()
