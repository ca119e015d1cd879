"""Keras's own `fit`, for every backend and for models and callbacks that the graph cannot take."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

import keras
import numpy as np

from emotune.models.engine import VALIDATION_ROWS, AfterEpoch, Rows

__all__ = ["run_epochs"]


def run_epochs(
    model: Any,
    rows: Rows,
    *,
    epochs: range,
    callbacks: Sequence[keras.callbacks.Callback],
    after_epoch: AfterEpoch,
) -> None:
    """Train a primed model; the arguments are those of the graph's `run_epochs`."""
    batches = _Batches(rows)
    model.fit(
        batches,
        validation_data=(rows.validation_inputs, rows.validation_targets),
        validation_batch_size=VALIDATION_ROWS,
        initial_epoch=epochs.start,
        epochs=epochs.stop,
        shuffle=False,
        verbose=0,
        callbacks=[_BetweenEpochs(batches, rows, after_epoch), *callbacks],
    )


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of the epoch that `order` was set to."""

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self._rows = rows
        self.order = np.arange(len(rows.inputs), dtype=np.int32)

    @property
    def num_batches(self) -> int:
        return self._rows.n_batches

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        rows = self._rows
        batch = self.order[index * rows.batch_size : (index + 1) * rows.batch_size]
        arrays = (rows.inputs, rows.targets) if rows.weights is None else (rows.inputs, rows.targets, rows.weights)
        return tuple(array[batch] for array in arrays)


class _BetweenEpochs(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the next epoch's order and calls `after_epoch`; first in the list, so that others see its logs."""

    def __init__(self, batches: _Batches, rows: Rows, after_epoch: AfterEpoch) -> None:
        super().__init__()
        self._batches, self._rows, self._after_epoch = batches, rows, after_epoch

    def on_epoch_begin(self, epoch: int, logs: MutableMapping[str, Any] | None = None) -> None:
        self._batches.order = self._rows.order(epoch)

    def on_epoch_end(self, epoch: int, logs: MutableMapping[str, Any] | None = None) -> None:
        probabilities = self.model.predict(self._rows.validation_inputs, batch_size=VALIDATION_ROWS, verbose=0)
        if self._after_epoch(epoch, {} if logs is None else logs, probabilities):
            self.model.stop_training = True
