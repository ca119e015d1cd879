"""How a score is written for people, and which scores of a card stand in a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["COLUMNS", "baseline_rows", "interval_text", "score_text"]

# What of a score card is shown, under which heading.
COLUMNS: Mapping[str, str] = {
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "cohen_kappa": "kappa",
    "roc_auc": "ROC-AUC",
    "calibration_error": "calibration error",
}


def score_text(value: float | None, *, signed: bool = False) -> str:
    """A score, or that it is undefined."""
    if value is None:
        return "undefined"
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def interval_text(interval: Mapping[str, Any]) -> str:
    """A mean with its interval, or why there is none."""
    if interval["mean"] is None:
        return "undefined"
    if interval["low"] is None:
        return f"{interval['mean']:.3f} (interval {interval['method']})"
    return f"{interval['mean']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


def baseline_rows(card: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What answers without looking come to, under `COLUMNS`."""
    return [
        (name, *(score_text(card[baseline][key]) if key in card[baseline] else "-" for key in COLUMNS))
        for name, baseline in (("majority class", "majority"), ("stratified guess", "stratified"))
        if baseline in card
    ]
