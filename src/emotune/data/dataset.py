"""The noun of this room: a `Dataset`, windows as rows with their targets and groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.features.layout import Layout
from emotune.features.table import FeatureTable
from emotune.findings import Finding

__all__ = ["GROUPS", "Dataset"]

# Every group column is always there; one that is not known is filled with empty strings.
GROUPS = ("subject", "session", "trial", "stimulus")


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Feature vectors ready to be split.

    Attributes:
        inputs: `(n, n_features)` or `(n, n_steps, n_features)`, float32, finite.
        targets: `(n,)`, int64, indices into `class_names`.
        groups: for each name in `GROUPS` an array of `n` strings. A trial's name is unique over the whole
            set (`subject/session/trial`), so that two people's trial "1" are two trials.
        class_names: name of each class.
        feature_names: name of each of the last axis' columns.
        name: what the user called the data.
        fingerprint: changes with any value, target or group; for recordings with what those are made of.
        layout: channels and bands of the columns; None for tables whose columns are not known.
        parts: the user's own parts as row numbers under `train`, `validation`, `test`; None to split by groups.
        findings: what the checks found on the way here.
        provenance: how the rows were made (window, overlap, reference, interpolated channels), as JSON values.
        table: of recordings every window, also those in no row, as they were extracted; None for rows of a table.
        windows: `(n, n_steps)`, int64, which windows of `table` a row is made of; None without one.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.int64]
    groups: Mapping[str, NDArray[np.str_]]
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...]
    name: str
    fingerprint: str
    layout: Layout | None = None
    parts: Mapping[str, NDArray[np.int64]] | None = None
    findings: tuple[Finding, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    table: FeatureTable | None = None
    windows: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        n = len(self.inputs)
        lengths = {"targets": len(self.targets), **{name: len(self.groups[name]) for name in GROUPS}}
        lengths |= {} if self.windows is None else {"windows": len(self.windows)}
        wrong = {name: length for name, length in lengths.items() if length != n}
        if self.inputs.ndim not in (2, 3) or wrong:
            raise InputError(
                f"`inputs` must be (n, n_features) or (n, n_steps, n_features), with n targets and groups. "
                f"Received: shape {self.inputs.shape} and lengths {lengths} in {self.name}."
            )
        if self.inputs.shape[-1] != len(self.feature_names):
            raise InputError(
                f"Expected one name for each of the {self.inputs.shape[-1]} columns of {self.name}. "
                f"Received: {len(self.feature_names)} names."
            )

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)
