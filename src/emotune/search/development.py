"""What a search may see: the training and validation rows in files that workers map. Test rows are not in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.data.scaling import Scaler
from emotune.files import replacing

__all__ = ["DevelopmentData", "fold_of", "load_development_data", "save_development_data"]


@dataclass(frozen=True, slots=True, eq=False)
class DevelopmentData:
    """Standardised training and validation rows.

    Attributes:
        inputs: `(n_train, ...)`, float32.
        targets: `(n_train,)`, int64.
        validation_inputs: `(n_validation, ...)`, float32.
        validation_targets: `(n_validation,)`, int64.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.int64]
    validation_inputs: NDArray[np.float32]
    validation_targets: NDArray[np.int64]

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Name -> array."""
        return {name: getattr(self, name) for name in self.__slots__}


def save_development_data(folder: Path, data: DevelopmentData) -> None:
    """Write each array to a file of its own, which a worker can map."""
    for name, array in data.arrays().items():
        with replacing(folder / f"{name}.npy") as beside:
            np.save(beside, np.ascontiguousarray(array), allow_pickle=False)


def load_development_data(folder: Path) -> DevelopmentData:
    """Map the arrays: several workers share one copy in memory."""
    return DevelopmentData(
        *(np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in DevelopmentData.__slots__)
    )


def fold_of(data: DevelopmentData, train: NDArray[np.int64], validation: NDArray[np.int64]) -> DevelopmentData:
    """Other parts of the same rows, standardised on the new training rows.

    Args:
        data: the parts of the search.
        train: row numbers, counted over the training rows and then the validation rows.
        validation: likewise.
    """
    inputs = np.concatenate((data.inputs, data.validation_inputs))
    targets = np.concatenate((data.targets, data.validation_targets))
    # A standardised row standardised again is what the raw row would have become.
    scaler = Scaler.fit(inputs[train])
    return DevelopmentData(
        scaler.transform(inputs[train]), targets[train], scaler.transform(inputs[validation]), targets[validation]
    )
