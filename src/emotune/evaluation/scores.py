"""What a score comes with: everything that a reader needs to judge it, from one set of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.evaluation.metrics import Metric, measure
from emotune.evaluation.significance import interval_over_people, per_person_scores

__all__ = ["score_card"]


def score_card(
    metric: Metric,
    targets: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    class_names: Sequence[str],
    groups: Mapping[str, NDArray[np.str_]],
    *,
    train_targets: NDArray[np.int64] | None = None,
    protocol: str = "subject",
    seed: int = 0,
) -> dict[str, Any]:
    """Every metric, its baselines, its people, its interval and how far it is from chance, as plain JSON values.

    Args:
        metric: the one that is scored per person.
        targets: `(n,)`, indices into `class_names`.
        probabilities: `(n, n_classes)`, of rows that the model was not trained on.
        class_names: name of each class.
        groups: of each of `GROUPS` `(n,)` names; empty strings where they are not known.
        train_targets: of the training rows, which the baselines answer by; None takes `targets`, an upper bound.
        protocol: name of the protocol: with `stimulus` chance is drawn by giving clips each other's labels.
        seed: of those draws.

    Returns:
        what `measure` returns, `per_person`, `over_people`.
    """
    majority_class = None if train_targets is None else int(np.bincount(train_targets).argmax())
    people = per_person_scores(metric, targets, probabilities, groups["subject"])
    return {
        **measure(targets, probabilities, class_names, majority_class=majority_class),
        "per_person": people,
        "over_people": interval_over_people(people).to_dict(),
    }
