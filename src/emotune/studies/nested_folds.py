"""One outer fold of a nested evaluation: what was chosen there, what both networks say of its test rows; on disk."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.evaluation.metrics import Metric, defined
from emotune.files import fingerprint_of_file, read_json, replacing, write_json

__all__ = ["FOLD_SCHEMA", "NETWORKS", "FoldResult", "mean_or_none", "read_fold", "save_fold"]

# Raised when the meaning of a key of a fold's result changes; results of other schemas are made again.
FOLD_SCHEMA = 1

NETWORKS = ("tuned", "default")
RESULT, PREDICTIONS = "result.json", "predictions.npz"

_REMEDY = "The fold is made again."


@dataclass(frozen=True, slots=True, eq=False)
class FoldResult:
    """What one outer fold gave.

    Attributes:
        content: what its `result.json` holds, plain JSON values: `fold`, `split`, `tested`, `chosen`, `networks`,
            `n_trials`, `openings`, `notes`, `seconds`, ....
        rows: `(n,)`, the tested rows of the dataset, ascending.
        probabilities: for `tuned` and `default` `(n_seeds, n, n_classes)`; NaN where training failed.
    """

    content: Mapping[str, Any]
    rows: NDArray[np.int64]
    probabilities: Mapping[str, NDArray[np.float64]]

    @property
    def number(self) -> int:
        """Which fold it is, counted from 1."""
        return int(self.content["fold"][0])

    @property
    def seconds(self) -> float:
        """How long the process that ended the fold worked on it."""
        return float(self.content["seconds"])

    def score(self, name: str, metric: Metric, targets: NDArray[np.int64]) -> float | None:
        """A network's score on the tested rows, the mean over seeds; None where it is undefined.

        Args:
            name: `tuned` or `default`.
            metric: which score.
            targets: of all rows of the dataset.
        """
        tested = targets[self.rows]
        return mean_or_none([defined(metric(tested, answers)) for answers in self.probabilities[name]])


def mean_or_none(scores: list[float | None]) -> float | None:
    """The mean; None where one of them is undefined: a mean of the others would be that of the lucky ones."""
    known = [score for score in scores if score is not None]
    return float(np.mean(known)) if known and len(known) == len(scores) else None


def save_fold(folder: Path, result: FoldResult, *, belongs: str) -> None:
    """Write a fold's predictions, then the file that says that they are whole.

    Args:
        folder: of the fold.
        result: to be written.
        belongs: fingerprint of the evaluation that the fold is of.
    """
    path = folder / PREDICTIONS
    with replacing(path) as beside:
        np.savez(beside, allow_pickle=False, rows=result.rows, **result.probabilities)
    whole = {"schema": FOLD_SCHEMA, "belongs": belongs, **result.content, "predictions": fingerprint_of_file(path)}
    write_json(folder / RESULT, whole)


def read_fold(
    folder: Path, *, belongs: str, split_fingerprint: str, rows: NDArray[np.int64], shape: tuple[int, int, int]
) -> FoldResult | None:
    """What `save_fold` wrote; None where the fold has not ended.

    Args:
        folder: of the fold.
        belongs: fingerprint of the evaluation.
        split_fingerprint: of the fold's split.
        rows: that it tests.
        shape: of each network's probabilities.

    Raises:
        InputError: if it is damaged, or of something else.
    """
    path = folder / RESULT
    if not path.exists():
        return None
    content: Any = read_json(path, remedy=_REMEDY)
    try:
        ours = (FOLD_SCHEMA, belongs, split_fingerprint)
        if (content["schema"], content["belongs"], content["split"]["fingerprint"]) != ours:
            raise ValueError("it is of another evaluation")
        if fingerprint_of_file(folder / PREDICTIONS) != content["predictions"]:
            raise ValueError(f"{PREDICTIONS} is not what it was written with")
        with np.load(folder / PREDICTIONS, allow_pickle=False) as file:
            probabilities = {name: np.asarray(file[name], dtype=np.float64) for name in NETWORKS}
            if not np.array_equal(file["rows"], rows):
                raise ValueError("it tests other rows")
        if any(answers.shape != shape for answers in probabilities.values()):
            raise ValueError(f"its predictions are not of shape {shape}")
        missing = {"fold", "tested", "chosen", "networks", "openings", "notes", "seconds"} - {*content}
        if missing:
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"Expected the result of a fold in {path}, but it is damaged ({said}). {_REMEDY}") from error
    return FoldResult(content, rows, probabilities)
