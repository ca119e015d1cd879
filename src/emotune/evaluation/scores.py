"""What a score comes with: everything that a reader needs to judge it, from one set of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.evaluation.crossed import holds_out_clips, interval_over_people_and_clips
from emotune.evaluation.grouping import natural_order
from emotune.evaluation.metrics import Metric, measure
from emotune.evaluation.permutation import N_PERMUTATIONS, chance_test
from emotune.evaluation.significance import interval_over_people, per_person_scores

__all__ = ["chance_in_words", "score_card", "stratified_baseline", "undefined_in_words"]

_SHOWN_NAMES = 10
_SURE = 0.05  # where even the best model cannot come below, its p-value says little


def score_card(
    metric: Metric,
    targets: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    class_names: Sequence[str],
    groups: Mapping[str, NDArray[np.str_]],
    *,
    train_targets: NDArray[np.int64] | None = None,
    protocol: str = "subject",
    cross_validated: bool = False,
    seed: int = 0,
    n_permutations: int = N_PERMUTATIONS,
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
        cross_validated: whether the rows were answered by several models, each trained on rows that others answered,
            as in leave one person out; the interval and the test against chance are then wider.
        seed: of those draws.
        n_permutations: number of those draws.

    Returns:
        what `measure` returns; `stratified`, what guessing by the class frequencies comes to; `per_person`, the
        metric of each person, None where it is undefined; `over_people`, their mean and its interval, with
        `undefined_people`, the names of those that are left out; `chance`, the test against permuted labels (see
        `chance_test`), of that same mean.
    """
    known = targets if train_targets is None else train_targets
    counts = np.bincount(known, minlength=len(class_names)).astype(np.float64)
    people = per_person_scores(metric, targets, probabilities, groups["subject"])
    by_clips = holds_out_clips(protocol)
    if by_clips and bool((groups["stimulus"] != "").all()):
        interval = interval_over_people_and_clips(
            metric, targets, probabilities, groups, cross_validated=cross_validated
        )
    else:
        interval = interval_over_people(people, cross_validated=cross_validated)
    chance = chance_test(
        metric,
        targets,
        probabilities,
        groups,
        clips_are_held_out=by_clips,
        cross_validated=cross_validated,
        seed=seed,
        n_permutations=n_permutations,
    )
    return {
        **measure(targets, probabilities, class_names, majority_class=int(counts.argmax())),
        "stratified": stratified_baseline(targets, counts / max(counts.sum(), 1.0)),
        "per_person": people,
        "over_people": {
            **interval.to_dict(),
            "undefined_people": [name for name, score in people.items() if score is None],
        },
        "chance": chance.to_dict(),
    }


def stratified_baseline(targets: NDArray[np.int64], frequencies: NDArray[np.floating[Any]]) -> dict[str, float | None]:
    """Expected scores of guessing each class at random as often as it was in training, in closed form.

    A row of class k is guessed right with that class's frequency p_k. The expected accuracy is therefore the sum of
    p_k times its share in `targets`, the expected recall of k is p_k, and the expected balanced accuracy is the mean
    of p_k over the classes that the targets hold: what scikit-learn's `DummyClassifier("stratified")` comes to on
    average.

    Args:
        targets: `(n,)`, what is measured on.
        frequencies: `(n_classes,)`, shares of the classes in training.

    Returns:
        `accuracy` and `balanced_accuracy`; None where they are undefined: no rows, or one class.
    """
    if not len(targets):
        return {"accuracy": None, "balanced_accuracy": None}
    present = np.unique(targets)
    balanced = float(frequencies[present].mean()) if len(present) > 1 else None
    return {"accuracy": float(frequencies[targets].mean()), "balanced_accuracy": balanced}


def undefined_in_words(card: Mapping[str, Any], metric_name: str) -> str:
    """Which people the mean leaves out, since they have no score; empty where there are none."""
    names = natural_order(card["over_people"].get("undefined_people", ()))
    if not names:
        return ""
    more = len(names) - _SHOWN_NAMES
    listed = ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
    return f"{len(names)} of {len(card['per_person'])} people left out, whose {metric_name} is undefined: {listed}"


def chance_in_words(card: Mapping[str, Any]) -> str:
    """How far a score card's mean is from chance: "p = 0.012 against trial labels permuted within people (9,999)"."""
    chance = card["chance"]
    if chance["p_value"] is None:
        return f"p against chance {chance['method']}"
    digits = 3 if chance["p_value"] >= 0.001 else 4
    said = f"p = {chance['p_value']:.{digits}f} against {chance['method']}"
    if chance["smallest_p"] > _SURE:
        said += f", where no model could come below {chance['smallest_p']:.3f}"
    return said
