"""How good predicted ratings are: scores of numbers, for targets that are no classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.evaluation.grouping import natural_order
from emotune.evaluation.metrics import defined

__all__ = ["REGRESSION_SCORES", "concordance", "measure_regression", "per_person_regression"]

_Numbers = NDArray[np.floating[Any]]


def _r2(targets: _Numbers, predictions: _Numbers) -> float:
    from sklearn.metrics import r2_score

    return float(r2_score(targets, predictions))


def _rmse(targets: _Numbers, predictions: _Numbers) -> float:
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(targets, predictions))


def _mae(targets: _Numbers, predictions: _Numbers) -> float:
    from sklearn.metrics import mean_absolute_error

    return float(mean_absolute_error(targets, predictions))


def _pearson(targets: _Numbers, predictions: _Numbers) -> float:
    from scipy.stats import pearsonr

    if _is_constant(predictions):
        return math.nan
    return float(pearsonr(targets, predictions).statistic)


def concordance(targets: _Numbers, predictions: _Numbers) -> float:
    """Lin's concordance correlation coefficient: how near the points lie to the diagonal, from -1 to 1.

    Unlike Pearson's correlation it falls with a wrong mean and a wrong spread: 2 s_xy / (s_x² + s_y² + (x̄ - ȳ)²),
    with moments over n.

    Args:
        targets: `(n,)`.
        predictions: `(n,)`.

    References:
        Lin (1989), A concordance correlation coefficient to evaluate reproducibility.
    """
    difference = float(targets.mean() - predictions.mean())
    together = float(((targets - targets.mean()) * (predictions - predictions.mean())).mean())
    apart = float(targets.var() + predictions.var() + difference**2)
    return 2.0 * together / apart if apart > 0 else math.nan


# Each with whether it compares spreads, and so is undefined where the targets have none.
REGRESSION_SCORES: Mapping[str, tuple[Callable[[_Numbers, _Numbers], float], bool]] = {
    "r2": (_r2, True),
    "rmse": (_rmse, False),
    "mae": (_mae, False),
    "pearson": (_pearson, True),
    "concordance": (concordance, True),
}


def measure_regression(
    targets: _Numbers,
    predictions: _Numbers,
    n_predictors: int | None = None,
    *,
    output_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Every score of predicted numbers, as plain JSON values; None where undefined.

    R², Pearson's correlation and the concordance are undefined where the targets are constant (scikit-learn calls
    such an R² 0 or 1), the correlation also where the predictions are. All are undefined where a prediction is not
    finite, and where there are no rows.

    Args:
        targets: `(n,)` or `(n, n_outputs)`, in the units of the rating.
        predictions: the same shape.
        n_predictors: inputs that the model was fitted on, for the adjusted R².
        output_names: name of each output, such as `valence`; empty for numbers from 1.

    Returns:
        `n`, and under `outputs` for each name `r2`, `adjusted_r2` (1 - (1 - R²)(n - 1)/(n - p - 1); undefined where
        n - p - 1 is 0 or below), `rmse`, `mae`, `pearson`, `concordance`.

    Raises:
        InputError: if the shapes do not belong together, or a target is not finite.
    """
    targets, predictions = _columns(targets, predictions)
    n, n_outputs = targets.shape
    names = list(output_names) or [str(number) for number in range(1, n_outputs + 1)]
    if len(names) != n_outputs:
        raise InputError(f"Expected a name for each of the {n_outputs} outputs. Received: {', '.join(names)}.")
    if n_predictors is not None and n_predictors < 1:
        raise InputError(f"`n_predictors` must be at least 1. Received: {n_predictors}. Give the number of inputs.")
    outputs: dict[str, Any] = {}
    for name, true, predicted in zip(names, targets.T, predictions.T, strict=True):
        scores = {score: _score(score, true, predicted) for score in REGRESSION_SCORES}
        outputs[name] = {"r2": scores["r2"], "adjusted_r2": _adjusted(scores["r2"], n, n_predictors), **scores}
    return {"n": n, "outputs": outputs}


def per_person_regression(
    score: str, targets: _Numbers, predictions: _Numbers, subjects: NDArray[np.str_]
) -> dict[str, float | None]:
    """One score of each person's rows, by name in natural order, for `interval_over_people`; None where undefined.

    Empty where people are not known (empty names).

    Args:
        score: a name in `REGRESSION_SCORES`.
        targets: `(n,)`, one output.
        predictions: `(n,)`.
        subjects: `(n,)` names.

    Raises:
        InputError: if there is no such score, or the shapes do not belong together.
    """
    if score not in REGRESSION_SCORES:
        raise InputError(
            f"Expected a score out of {', '.join(REGRESSION_SCORES)}. Received: {score!r}. Choose one of them."
        )
    true, predicted = (column[:, 0] for column in _columns(targets, predictions))
    if targets.ndim != 1 or len(subjects) != len(true):
        raise InputError(
            f"Expected one output with a person for each of the {len(true)} rows. Received: shape {targets.shape} and "
            f"{len(subjects)} people. Give one column at a time."
        )
    return {
        name: _score(score, true[subjects == name], predicted[subjects == name])
        for name in natural_order(subjects)
        if name
    }


def _columns(targets: _Numbers, predictions: _Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both as `(n, n_outputs)`."""
    if targets.shape != predictions.shape or targets.ndim not in (1, 2):
        raise InputError(
            "`targets` and `predictions` must both be (n,) or (n, n_outputs). "
            f"Received: shapes {targets.shape} and {predictions.shape}."
        )
    if not np.isfinite(targets).all():
        n = int((~np.isfinite(targets)).sum())
        raise InputError(f"`targets` must be finite. Received: {n} that are not. Leave those rows out.")
    true, predicted = (np.asarray(values, dtype=np.float64) for values in (targets, predictions))
    shape = (len(targets), 1) if targets.ndim == 1 else targets.shape
    return true.reshape(shape), predicted.reshape(shape)


def _score(name: str, targets: NDArray[np.float64], predictions: NDArray[np.float64]) -> float | None:
    function, compares_spreads = REGRESSION_SCORES[name]
    if not len(targets) or not np.isfinite(predictions).all():
        return None
    if compares_spreads and _is_constant(targets):
        return None
    return defined(function(targets, predictions))


def _adjusted(r2: float | None, n: int, n_predictors: int | None) -> float | None:
    if r2 is None or n_predictors is None or n - n_predictors - 1 <= 0:
        return None
    return 1.0 - (1.0 - r2) * (n - 1) / (n - n_predictors - 1)


def _is_constant(values: _Numbers) -> bool:
    # One row is constant too. Numbers that differ in their last bits are no spread, and a correlation of them is noise.
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))
