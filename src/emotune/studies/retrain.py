"""The final retrain: the default and the configured network, trained alike, measured once on the test part."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from emotune.data.normalising import data_identity, labelled
from emotune.evaluation.crossed import holds_out_clips, undefined_over_clips, without_ends
from emotune.evaluation.grouping import WORDS
from emotune.evaluation.ledger import Ledger
from emotune.evaluation.metrics import Metric
from emotune.evaluation.protocols import protocol_of
from emotune.evaluation.scores import score_card
from emotune.evaluation.significance import better_or_worse, interval_over_people, paired_comparison
from emotune.evaluation.splits import Split
from emotune.files import fingerprint
from emotune.models.answering import answers
from emotune.models.training import Fit, train
from emotune.search.hypermodel import HyperModel, build
from emotune.search.methods import seed_of
from emotune.search.space import HyperParameters, Value
from emotune.studies.preparation import Prepared

__all__ = [
    "EVALUATION_SCHEMA",
    "Trained",
    "evaluate",
    "measured_on",
    "names_in_short",
    "same_people",
    "score_name",
    "seen_by_search",
    "sentence",
    "train_configuration",
]

# Raised when the meaning of a key of models/evaluation.json changes.
EVALUATION_SCHEMA = 1

_SHOWN_NAMES = 10


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A network that was trained on the training part, with the weights of the epoch that validates best.

    Attributes:
        model: the Keras model.
        hyperparameters: those that it used.
        fit: how training went.
        seconds: building and training.
    """

    model: Any
    hyperparameters: Mapping[str, Value]
    fit: Fit
    seconds: float

    def probabilities(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class probabilities of standardised inputs, `(n, n_classes)`."""
        return answers(self.model, inputs)


def train_configuration(
    hypermodel: HyperModel,
    hp: HyperParameters,
    prepared: Prepared,
    *,
    metric: Metric,
    epochs: int,
    patience: int,
    seed: int,
) -> Trained:
    """Build the network that `hp` describes and train it as the search does, keeping the best epoch's weights.

    Raises:
        InputError: if `hp` does not fit the space.
        TrainingFailed: if training diverges.
    """
    begun = time.monotonic()
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed_of(seed, "retrain"))
    model, arguments = build(hypermodel, hp)
    inputs, targets = prepared.part(prepared.split.train)
    validation_inputs, validation_targets = prepared.part(prepared.split.validation)
    fit = train(
        model,
        inputs,
        targets,
        validation_inputs,
        validation_targets,
        metric=metric,
        epochs=epochs,
        patience=patience,
        fit_arguments=arguments,
        seed=seed_of(seed, "retrain"),
        keep_weights=True,
    )
    return Trained(model, dict(hp.values), fit, time.monotonic() - begun)


def evaluate(
    default: Sequence[Trained],
    configured: Sequence[Trained],
    prepared: Prepared,
    *,
    metric: Metric,
    ledger: Ledger,
    provenance: Mapping[str, Any],
    chosen_with: Sequence[str] = (),
) -> dict[str, Any]:
    """Open the test part once for both networks; everything that `models/evaluation.json` holds.

    Where there are several seeds, a person's score is the mean over them, and so are the interval and the comparison:
    less of them is luck. All else that a network's entry holds is of its first seed, whose network is the one to keep:
    the best of several on the test part would be chosen by it.

    Args:
        default: the network of the space's default configuration, trained with one seed or more.
        configured: the user's, likewise.
        prepared: the data and its parts.
        metric: what is compared per person.
        ledger: where the opening is written down.
        provenance: seed, versions, command and fingerprints.
        chosen_with: people (or trials) of the test part that the configuration was chosen with; see `seen_by_search`.
    """
    dataset, split = prepared.dataset, prepared.split
    openings = ledger.record(
        split,
        data=dataset.name,
        # Another target, threshold or normalisation is another look at the same people.
        data_fingerprint=data_identity(dataset),
        why="retrain: default and configured network",
    )
    inputs, targets = prepared.part(split.test)
    groups = {name: names[split.test] for name, names in dataset.groups.items()}
    networks: dict[str, Any] = {}
    for name, trained in (("default", default), ("configured", configured)):
        cards = [
            score_card(
                metric,
                targets,
                one.probabilities(inputs),
                dataset.class_names,
                groups,
                train_targets=dataset.targets[split.train],
                protocol=protocol_of(split).name,
                seed=split.seed,
            )
            for one in trained
        ]
        first = trained[0]
        networks[name] = {
            **cards[0],
            **(_over_seeds(cards, split.protocol) if len(cards) > 1 else {}),
            "seeds": [
                {
                    "score": card[metric.name],
                    "over_people": card["over_people"]["mean"],
                    "validation_score": one.fit.score,
                    "epochs": len(one.fit.scores),
                }
                for card, one in zip(cards, trained, strict=True)
            ],
            "validation_score": first.fit.score,
            "hyperparameters": dict(first.hyperparameters),
            "n_parameters": int(first.model.count_params()),
            "epochs": len(first.fit.scores),
            "seconds": float(np.mean([one.seconds for one in trained])),
        }
    comparison = paired_comparison(networks["configured"]["per_person"], networks["default"]["per_person"])
    if holds_out_clips(split.protocol):
        comparison = undefined_over_clips(comparison)
    return {
        "schema": EVALUATION_SCHEMA,
        "metric": metric.name,
        "maximise": metric.maximise,
        "data": dataset.name,
        "target": dataset.provenance.get("target"),
        "normalisation": prepared.normalisation.to_dict(),
        "score_label": prepared.score_label,
        "watermark": prepared.watermark,
        "class_counts": dataset.provenance.get("class_counts"),
        "findings": [finding.to_dict() for finding in prepared.findings],
        "n_people": len(networks["default"]["per_person"]),
        "n_windows": len(split.test),
        "split": split.to_dict(),
        "chosen_with": list(chosen_with),
        "same_configuration": dict(default[0].hyperparameters) == dict(configured[0].hyperparameters),
        **networks,
        "configured_minus_default": comparison.to_dict(),
        "openings": openings,
        "openings_of_data": ledger.of_data(data_identity(dataset)).total,
        "opened_by": dict(ledger.summary([split], data_fingerprint=data_identity(dataset)).by),
        **provenance,
        "fingerprints": {
            **provenance.get("fingerprints", {}),
            "data": dataset.fingerprint,
            "split": split.fingerprint,
            "configured": fingerprint(dict(configured[0].hyperparameters)),
        },
    }


def _over_seeds(cards: Sequence[Mapping[str, Any]], protocol: str) -> dict[str, Any]:
    """Each person's mean over seeds, and the interval of these; undefined where one seed's score is."""
    people: dict[str, float | None] = {}
    for name in cards[0]["per_person"]:
        scores = [card["per_person"][name] for card in cards]
        people[name] = None if None in scores else float(np.mean(scores))
    undefined = {"undefined_people": [name for name, score in people.items() if score is None]}
    interval = interval_over_people(people)
    interval = without_ends(interval) if holds_out_clips(protocol) else interval
    return {"per_person": people, "over_people": {**interval.to_dict(), **undefined}}


def same_people(theirs: Mapping[str, Any], split: Split) -> bool:
    """Whether any person of `split` was in a search's split, which `theirs` describes (`Split.to_dict`)."""
    names, ours = (
        {name for part in parts.values() for name in part} for parts in (theirs.get("people", {}), split.people)
    )
    return not names.isdisjoint(ours)


def seen_by_search(theirs: Mapping[str, Any], split: Split) -> list[str]:
    """Who of the test part was in the training or validation part of a search: its choice has seen them.

    The names of trials where `split` is by trial, of people otherwise.

    Args:
        theirs: the search's split, as `Split.to_dict` describes it.
        split: this run's.
    """
    if split.protocol == "trial" and any(theirs.get("trials", {}).values()):
        seen = _chosen_on(theirs["trials"])
        return [trial for trial in split.trials["test"] if trial in seen]
    seen = _chosen_on(theirs.get("people", {}))
    people = [person for person in split.people.get("test", ()) if person in seen]
    return list(split.trials["test"]) if people and split.protocol == "trial" else people


def _chosen_on(names: Mapping[str, Sequence[str]]) -> set[str]:
    return {*names.get("train", ()), *names.get("validation", ())}


def measured_on(evaluation: Mapping[str, Any]) -> str:
    """What the test part was, in words that claim no more than its protocol holds: "3 people never seen"."""
    split, chosen_with = evaluation["split"], evaluation.get("chosen_with", [])
    unseen = " never seen"
    if evaluation.get("watermark"):
        unseen = ""  # the audit found that something of them was
    elif evaluation.get("score_label"):
        unseen = " never trained on"  # of who is standardised by their own windows, something was seen
    people = split["people"]
    test = people.get("test", [])
    who = _counted(len(test), "person", "people")
    known = _chosen_on(people) & {*test}
    protocol = split["protocol"]
    if protocol in ("trial", "session", "stimulus"):
        said, never = f"{_names_of_test(split, protocol)}{{}}, {_whose(len(test), len(known))}", unseen
    elif protocol == "subject+stimulus":
        said, never = f"{who}{{}}, with {_names_of_test(split, 'stimulus')}{{}}", unseen
    elif protocol in ("subject", "loso"):
        said, never = f"{who}{{}}", unseen
    elif protocol == "window":
        said, never = "windows of trials that were trained on", ""
    elif not test:
        said, never = "your own test part, of people who are not known", ""
    elif known:
        said, never = f"your own test part, {len(known)} of its {who} trained or validated on", ""
    else:
        said, never = f"your own test part, {who}{{}}", unseen
    if chosen_with:
        return f"{said.replace('{}', '')}, {len(chosen_with)} of them seen by the search that chose this configuration"
    return said.replace("{}", never)


def _names_of_test(split: Mapping[str, Any], column: str) -> str:
    """How many trials, sessions or stimuli the test part has."""
    names = split.get("trials", {}) if column == "trial" else split.get("groups", {}).get(column, {})
    return _counted(len(names.get("test", ())), *WORDS[column])


def _whose(n_people: int, n_known: int) -> str:
    """Whether those who test were trained on, where trials, sessions or stimuli were held apart."""
    if not n_people:
        return "of people who are not known"
    if n_known == n_people:
        return "of a person who was trained on" if n_people == 1 else "of people who were trained on"
    if not n_known:
        return "of a person who was not trained on" if n_people == 1 else "of people who were not trained on"
    return f"of {n_people} people of whom {n_known} {'was' if n_known == 1 else 'were'} trained on"


def score_name(evaluation: Mapping[str, Any], name: str) -> str:
    """A score's name with what is to be said of it: `accuracy (transductive)`; an older evaluation says nothing."""
    return labelled(name, str(evaluation.get("score_label", "")))


def names_in_short(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def sentence(evaluation: Mapping[str, Any]) -> str:
    """What the comparison says, in words, and as ready to say that tuning brought nothing."""
    if evaluation["same_configuration"]:
        return "The configured network is the default one: there is nothing to compare."
    comparison = evaluation["configured_minus_default"]
    difference, interval, p_value = comparison["mean_difference"], comparison["interval"], comparison["p_value"]
    sign = 1.0 if evaluation["maximise"] else -1.0
    if difference is None:
        return "Too little is known per person to compare the two."
    worse_or_better = better_or_worse(sign * difference)
    who = measured_on(evaluation)
    said = f"On {who}{',' if ',' in who else ''} the configured network is {worse_or_better} than the default one"
    said += f" ({difference:+.3f} {score_name(evaluation, evaluation['metric'])} per person"
    if interval["low"] is None or p_value is None:
        who = _counted(comparison["n"], "person", "people")
        return f"{said}); with {who} no interval can be given, so this may well be chance."
    said += f", 95 % interval {interval['low']:+.3f} to {interval['high']:+.3f}, p = {p_value:.3f})"
    if interval["low"] <= 0 <= interval["high"]:
        return f"{said}; the interval holds zero: the default is as good as far as these people can tell."
    return f"{said}."
