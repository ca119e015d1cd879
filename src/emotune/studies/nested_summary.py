"""What a nested evaluation says, once all folds have ended: cards, people, the paired comparison, and one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.data.normalising import data_identity, labelled
from emotune.evaluation.audit import LEAKING
from emotune.evaluation.crossed import holds_out_clips, undefined_over_clips, without_ends
from emotune.evaluation.metrics import defined
from emotune.evaluation.protocols import PROTOCOLS
from emotune.evaluation.scores import score_card
from emotune.evaluation.significance import better_or_worse, interval_over_people, paired_comparison, per_person_scores
from emotune.files import fingerprint
from emotune.studies.nested import NestedEvaluation
from emotune.studies.nested_folds import NETWORKS, FoldResult, mean_or_none
from emotune.studies.preparation import Prepared

__all__ = ["NESTED_SCHEMA", "nested_sentence", "summary"]

# Raised when the meaning of a key of models/nested_evaluation.json changes.
NESTED_SCHEMA = 1

ESTIMATES = (
    "The procedure: searching, choosing and training anew in each fold, measured on what the fold held out. No single "
    "configuration is measured, since each fold may choose another."
)
LIMITS = (
    "Folds share training people, so that scores of people are not independent: the variance is doubled. What quite "
    "other training people would have changed is not in the interval."
)


def summary(
    evaluation: NestedEvaluation, results: Sequence[FoldResult], *, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that `models/nested_evaluation.json` holds, as plain JSON values.

    Rows of all folds are put together, and a person is scored on all rows that any fold tested of theirs. With
    several seeds a person's score is the mean over them; `cards` has one card a seed, since the mean of their
    probabilities would be another model.

    Args:
        evaluation: whose folds these are.
        results: of all folds.
        provenance: seed, versions and command.
    """
    settings, dataset, prepared = evaluation.settings, evaluation.loaded.dataset, evaluation.prepared
    metric, protocol = settings.tuning.metric, PROTOCOLS[settings.protocol]
    rows = np.concatenate([result.rows for result in results])
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    pooled = {
        name: np.concatenate([result.probabilities[name] for result in results], axis=1)[:, order] for name in NETWORKS
    }
    targets, groups = dataset.targets[rows], {name: names[rows] for name, names in dataset.groups.items()}
    train_targets = np.concatenate([dataset.targets[one.split.train] for one in prepared])
    cards = {
        name: [
            score_card(
                metric,
                targets,
                answers,
                dataset.class_names,
                groups,
                train_targets=train_targets,
                protocol=protocol.name,
                seed=settings.tuning.seed,
                cross_validated=True,
            )
            for answers in pooled[name]
        ]
        for name in NETWORKS
    }
    people = {
        name: _mean_over_seeds(
            [per_person_scores(metric, targets, answers, groups["subject"]) for answers in pooled[name]]
        )
        for name in NETWORKS
    }
    comparison = paired_comparison(people["tuned"], people["default"], cross_validated=True)
    if holds_out_clips(protocol.name):
        comparison = undefined_over_clips(comparison)
    normalisation = prepared[0].normalisation
    watermark = _watermark(prepared)
    label = "; ".join(said for said in (watermark, normalisation.label) if said)
    splits = [one.split for one in prepared]
    content: dict[str, Any] = {
        "schema": NESTED_SCHEMA,
        "estimates": ESTIMATES,
        "limits": LIMITS,
        "metric": metric.name,
        "maximise": metric.maximise,
        "protocol": protocol.name,
        "about": protocol.about,
        "data": dataset.name,
        "target": dataset.provenance.get("target"),
        "normalisation": normalisation.to_dict(),
        "class_counts": dataset.provenance.get("class_counts"),
        "watermark": watermark,
        "score_label": label,
        "n_folds": len(results),
        "n_windows": len(rows),
        "n_seeds": settings.n_seeds,
        "search": dict(evaluation.identity["search"]),
        "confirmed": settings.confirm,
        "people": [
            _person(name, people["tuned"][name], people["default"][name], groups["subject"]) for name in people["tuned"]
        ],
        "over_people": {name: _over_people(cards[name], people[name], protocol.name) for name in NETWORKS},
        "tuned_minus_default": comparison.to_dict(),
        "cards": cards,
        "pooled": {name: _mean_over_seeds([_scores(card) for card in cards[name]]) for name in NETWORKS},
        "chosen": _chosen(results),
        "failed_fits": {name: _n_failed(results, name) for name in NETWORKS},
        "findings": _findings(prepared),
        "notes": list(dict.fromkeys(note for result in results for note in result.content["notes"])),
        "folds": [
            {
                **result.content,
                "scores": {name: result.score(name, metric, dataset.targets) for name in NETWORKS},
            }
            for result in results
        ],
        "openings": evaluation.ledger.summary(splits, data_fingerprint=data_identity(dataset)).to_dict(),
        "seconds": sum(result.seconds for result in results),
        "fingerprints": {
            "data": dataset.fingerprint,
            "space": evaluation.identity["space"],
            "splits": fingerprint([split.fingerprint for split in splits]),
            "evaluation": evaluation.name,
        },
        **provenance,
    }
    return {**content, "sentence": nested_sentence(content)}


def _over_people(
    cards: Sequence[Mapping[str, Any]], people: Mapping[str, float | None], protocol: str
) -> dict[str, Any]:
    """The interval of one seed's card, or over people's means of several seeds."""
    if len(cards) == 1:
        return dict(cards[0]["over_people"])
    interval = interval_over_people(people, cross_validated=True)
    return (without_ends(interval) if holds_out_clips(protocol) else interval).to_dict()


def _mean_over_seeds(scores: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    return {name: mean_or_none([one[name] for one in scores]) for name in scores[0]}


def _scores(card: Mapping[str, Any]) -> dict[str, float | None]:
    """The plain scores of a card."""
    names = ("balanced_accuracy", "accuracy", "macro_f1", "cohen_kappa", "roc_auc", "log_loss", "calibration_error")
    return {name: card.get(name) for name in names}


def _person(name: str, tuned: float | None, default: float | None, subjects: NDArray[np.str_]) -> dict[str, Any]:
    difference = None if tuned is None or default is None else defined(tuned - default)
    n = int((subjects == name).sum())
    return {"person": name, "n_windows": n, "tuned": tuned, "default": default, "difference": difference}


def _watermark(prepared: Sequence[Prepared]) -> str:
    """What leaks in any of the folds."""
    names = (one.watermark.removeprefix(f"{LEAKING}: ").split(", ") for one in prepared if one.watermark)
    leaks = dict.fromkeys(name for of in names for name in of)
    return f"{LEAKING}: {', '.join(leaks)}" if leaks else ""


def _findings(prepared: Sequence[Prepared]) -> list[dict[str, Any]]:
    """Each finding once, with the folds that it is of."""
    folds: dict[tuple[str, ...], list[int]] = {}
    for number, one in enumerate(prepared, start=1):
        for finding in one.findings:
            folds.setdefault(tuple(finding.to_dict().values()), []).append(number)
    names = ("name", "severity", "message", "remedy")
    return [{**dict(zip(names, said, strict=True)), "folds": of} for said, of in folds.items()]


def _chosen(results: Sequence[FoldResult]) -> dict[str, Any]:
    """How alike the folds' choices are: each hyperparameter's values, with how many folds chose them."""
    choices = [result.content["chosen"] for result in results]
    values = [choice["hyperparameters"] for choice in choices]
    names = dict.fromkeys(name for one in values for name in one)
    return {
        "n_configurations": len({fingerprint(one) for one in values}),
        "n_default": sum(choice["is_default"] for choice in choices),
        "hyperparameters": {
            name: [
                {"value": value, "folds": count}
                for value, count in Counter(one[name] for one in values if name in one).most_common()
            ]
            for name in names
        },
    }


def _n_failed(results: Sequence[FoldResult], name: str) -> int:
    return sum(fit["failed"] for result in results for fit in result.content["networks"][name])


def nested_sentence(evaluation: Mapping[str, Any]) -> str:
    """What the comparison says, in words, and as ready to say that tuning bought nothing."""
    chosen, n_folds = evaluation["chosen"], evaluation["n_folds"]
    if chosen["n_default"] == n_folds:
        return f"The search chose the default configuration in each of the {n_folds} folds: tuning bought nothing here."
    comparison = evaluation["tuned_minus_default"]
    difference, interval, n = comparison["mean_difference"], comparison["interval"], comparison["n"]
    if difference is None:
        return "No person has a score of both networks, so the two cannot be compared."
    sign = 1.0 if evaluation["maximise"] else -1.0
    gain = sign * difference
    who = "1 person" if n == 1 else f"the average of {n} people"
    said = (
        f"Tuned anew in each of {n_folds} folds, the network is {better_or_worse(gain)} than the default one on "
        f"{who} "
        f"({difference:+.3f} {labelled(evaluation['metric'], str(evaluation['score_label']))} per person"
    )
    n_unscored = len(evaluation["people"]) - n
    without = f"; {n_unscored} more without a score of both" if n_unscored else ""
    if interval["low"] is None or interval["high"] is None:
        why = interval["method"] if interval["method"].startswith("undefined") else f"undefined ({interval['method']})"
        return f"{said}{without}); the interval is {why}, so this may well be chance."
    p_value = comparison["p_value"]
    said += f", {interval['level']:.0%} interval {interval['low']:+.3f} to {interval['high']:+.3f}, "
    said += f"p {'undefined' if p_value is None else f'= {p_value:.3f}'}{without})"
    if interval["low"] <= 0 <= interval["high"]:
        return f"{said}; the interval holds zero: as far as these people can tell, tuning bought nothing."
    return f"{said}: tuning made it {'better' if gain > 0 else 'worse'}."
