"""Metrics as objects: a name, a direction and a function of targets and class probabilities.

A metric is measured after every training epoch, and a small network's epoch takes 4 ms. The two that searches
use most are therefore NumPy alone; the others import scikit-learn when they are first called.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError

__all__ = ["DEFAULT_METRIC", "METRICS", "Metric", "defined", "measure", "metric_named"]

DEFAULT_METRIC = "balanced_accuracy"

N_CALIBRATION_BINS = 10  # Guo et al. use 15 for 10,000 rows; held-out people have hundreds

# Keras's own epsilon. Without it one sure and wrong window costs 16 nats in float32 and 36 in float64, and a
# network could not be compared with a scikit-learn model.
SMALLEST_PROBABILITY = 1e-7


@dataclass(frozen=True, slots=True)
class Metric:
    """What a trial is scored by.

    Calling it gives the score of `targets (n,)` and `probabilities (n, n_classes)`, and NaN where the score
    is undefined: no rows, a probability that is not finite (a network that diverged would otherwise still
    read about chance), or targets of fewer classes than the metric compares.

    Attributes:
        name: its name on the command line and in files.
        maximise: whether more is better.
        function: the score; it may rely on finite probabilities, at least one row, and `min_classes` classes.
        min_classes: the fewest classes that the targets must hold. The recall of a person's only class says nothing
            of telling classes apart: who always answers that class has a balanced accuracy of 1, or 0.
    """

    name: str
    maximise: bool
    function: Callable[[NDArray[np.int64], NDArray[np.floating[Any]]], float]
    min_classes: int = 1

    def __call__(self, targets: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> float:
        """The score, a plain float; NaN where it is undefined.

        Raises:
            InputError: if there is not one row of probabilities for each target.
        """
        if probabilities.ndim != 2 or len(probabilities) != len(targets):
            raise InputError(
                f"`probabilities` must be (n, n_classes) with a row for each of the {len(targets)} targets. "
                f"Received: shape {probabilities.shape}."
            )
        if len(targets) == 0 or not np.isfinite(probabilities).all():
            return math.nan
        if self.min_classes > 1 and not _has_classes(targets, self.min_classes):
            return math.nan
        return self.function(targets, probabilities)

    def better(self, a: float, b: float) -> bool:
        """Whether score `a` beats score `b`; any score beats an undefined one (NaN), which beats none."""
        if math.isnan(a) or math.isnan(b):
            return math.isnan(b) and not math.isnan(a)
        return a > b if self.maximise else a < b


def _has_classes(targets: NDArray[np.int64], n: int) -> bool:
    # Two is what every metric asks for, and is told without sorting.
    return bool((targets != targets[0]).any()) if n == 2 else len(np.unique(targets)) >= n


def _balanced_accuracy(targets: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> float:
    # Mean recall of the classes that the targets hold, as in scikit-learn.
    n_classes = probabilities.shape[1]
    support = np.bincount(targets, minlength=n_classes)
    hits = np.bincount(targets[probabilities.argmax(axis=1) == targets], minlength=n_classes)
    present = support > 0
    return float((hits[present] / support[present]).mean())


def _accuracy(targets: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> float:
    return float((probabilities.argmax(axis=1) == targets).mean())


def _macro_f1(targets: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> float:
    # Over the classes that targets or predictions hold, scikit-learn's own choice: each has an F1.
    from sklearn.metrics import f1_score

    return float(f1_score(targets, probabilities.argmax(axis=1), average="macro"))


def _cohen_kappa(targets: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> float:
    from sklearn.metrics import cohen_kappa_score

    return float(cohen_kappa_score(targets, probabilities.argmax(axis=1)))


def _roc_auc(targets: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> float:
    # One against the rest, macro. Absent classes are left out, as in balanced accuracy; scikit-learn's
    # `multi_class="ovr"` is the same where all are there and undefined where one is missing.
    from sklearn.metrics import roc_auc_score

    present = np.unique(targets)
    return float(roc_auc_score(targets[:, None] == present, probabilities[:, present], average="macro"))


def _log_loss(targets: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> float:
    from sklearn.metrics import log_loss

    clipped = np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1.0)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return float(log_loss(targets, clipped, labels=range(probabilities.shape[1])))


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("balanced_accuracy", True, _balanced_accuracy, min_classes=2),
        Metric("accuracy", True, _accuracy),
        Metric("macro_f1", True, _macro_f1, min_classes=2),
        Metric("cohen_kappa", True, _cohen_kappa, min_classes=2),
        Metric("roc_auc", True, _roc_auc, min_classes=2),
        Metric("log_loss", False, _log_loss),
    )
}


def metric_named(name: str) -> Metric:
    """The metric of this name.

    Raises:
        InputError: if there is none; the message lists the names.
    """
    if name not in METRICS:
        raise InputError(f"Expected a metric out of {', '.join(METRICS)}. Received: {name!r}. Choose one of them.")
    return METRICS[name]


def measure(
    targets: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    class_names: Sequence[str],
    *,
    majority_class: int | None = None,
) -> dict[str, Any]:
    """Every metric and what a reader needs to judge it, as plain JSON values; None where undefined.

    Args:
        targets: `(n,)`, indices into `class_names`.
        probabilities: `(n, n_classes)`.
        class_names: name of each class.
        majority_class: what the majority baseline predicts, the commonest class of the *training* part. None
            takes the commonest of `targets`, which no baseline could have known: an upper bound.

    Returns:
        `n`; one entry a metric; `class_names`; `confusion`, rows by true and columns by predicted class;
        `recall` by class name; `majority`, the accuracy and balanced accuracy of always answering the
        majority class; `calibration_error`, expected over 10 bins of the top class's probability.

    Raises:
        InputError: if the shapes do not belong together.
    """
    n_classes = len(class_names)
    if probabilities.ndim != 2 or probabilities.shape[1] != n_classes:
        raise InputError(
            f"`probabilities` must have one column for each of the {n_classes} classes. "
            f"Received: shape {probabilities.shape}."
        )
    scores = {name: defined(metric(targets, probabilities)) for name, metric in METRICS.items()}
    counts = np.bincount(targets, minlength=n_classes)
    if majority_class is None:
        majority_class = int(counts.argmax())
    always = np.eye(n_classes)[np.full(len(targets), majority_class)]
    # A diverged network's argmax is its first NaN, not an answer.
    answered = len(targets) > 0 and bool(np.isfinite(probabilities).all())
    confusion = np.zeros((n_classes, n_classes), dtype=np.int64)
    if answered:
        np.add.at(confusion, (targets, probabilities.argmax(axis=1)), 1)
    return {
        "n": len(targets),
        **scores,
        "class_names": list(class_names),
        "confusion": confusion.tolist() if answered else None,
        "recall": {
            name: float(confusion[index, index] / counts[index]) if answered and counts[index] else None
            for index, name in enumerate(class_names)
        },
        "majority": {
            "class_name": class_names[majority_class],
            "accuracy": defined(METRICS["accuracy"](targets, always)),
            "balanced_accuracy": defined(METRICS["balanced_accuracy"](targets, always)),
        },
        "calibration_error": _calibration_error(targets, probabilities) if answered else None,
    }


def defined(score: float) -> float | None:
    """The score, or None in place of NaN, which JSON has no word for."""
    return None if math.isnan(score) else score


def _calibration_error(targets: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> float:
    """Expected calibration error of the top class: mean |confidence - accuracy| over equal-width bins.

    References:
        Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == targets
    # Bins are (low, high], so that a confidence of exactly 1 is in the last one.
    bins = np.digitize(confidence, np.linspace(0.0, 1.0, N_CALIBRATION_BINS + 1)[1:-1], right=True)
    # A bin's rows times its gap is |sum of confidence - number right|.
    gaps = np.bincount(bins, weights=confidence - right, minlength=N_CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(targets))
