"""The final retrain: the default and the configured network, trained alike, measured once on people never seen."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from emotune.evaluation.ledger import Ledger
from emotune.evaluation.metrics import Metric, measure
from emotune.evaluation.significance import interval_over_people, paired_comparison, per_person_scores
from emotune.files import fingerprint
from emotune.models.training import Fit, train
from emotune.search.hypermodel import HyperModel, build
from emotune.search.methods import seed_of
from emotune.search.space import HyperParameters, Value
from emotune.studies.preparation import Prepared

__all__ = ["EVALUATION_SCHEMA", "Trained", "evaluate", "sentence", "train_configuration"]

# Raised when the meaning of a key of models/evaluation.json changes.
EVALUATION_SCHEMA = 1


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
        # Called rather than `predict`: tracing a graph for a handful of batches takes longer than running them.
        batches = [self.model(inputs[i : i + 1024], training=False) for i in range(0, len(inputs), 1024)]
        return np.concatenate([keras.ops.convert_to_numpy(batch) for batch in batches]).astype(np.float64)


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
    default: Trained,
    configured: Trained,
    prepared: Prepared,
    *,
    metric: Metric,
    ledger: Ledger,
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """Open the test part once for both networks; everything that `models/evaluation.json` holds."""
    dataset, split = prepared.dataset, prepared.split
    openings = ledger.record(split, data=dataset.name, why="retrain: default and configured network")
    inputs, targets = prepared.part(split.test)
    subjects = dataset.groups["subject"][split.test]
    majority_class = int(np.bincount(dataset.targets[split.train]).argmax())
    networks: dict[str, Any] = {}
    for name, trained in (("default", default), ("configured", configured)):
        probabilities = trained.probabilities(inputs)
        people = per_person_scores(metric, targets, probabilities, subjects)
        networks[name] = {
            **measure(targets, probabilities, dataset.class_names, majority_class=majority_class),
            "per_person": people,
            "over_people": interval_over_people(people).to_dict(),
            "validation_score": trained.fit.score,
            "hyperparameters": dict(trained.hyperparameters),
            "n_parameters": int(trained.model.count_params()),
            "epochs": len(trained.fit.scores),
            "seconds": trained.seconds,
        }
    comparison = paired_comparison(networks["configured"]["per_person"], networks["default"]["per_person"])
    return {
        "schema": EVALUATION_SCHEMA,
        "metric": metric.name,
        "maximise": metric.maximise,
        "data": dataset.name,
        "n_people": len(networks["default"]["per_person"]),
        "n_windows": len(split.test),
        "split": split.to_dict(),
        "same_configuration": dict(default.hyperparameters) == dict(configured.hyperparameters),
        **networks,
        "configured_minus_default": comparison.to_dict(),
        "openings": openings,
        "fingerprints": {
            "data": dataset.fingerprint,
            "split": split.fingerprint,
            "configured": fingerprint(dict(configured.hyperparameters)),
        },
        **provenance,
    }


def sentence(evaluation: Mapping[str, Any]) -> str:
    """What the comparison says, in words, and as ready to say that tuning brought nothing."""
    if evaluation["same_configuration"]:
        return "The configured network is the default one: there is nothing to compare."
    comparison = evaluation["configured_minus_default"]
    difference, interval, p_value = comparison["mean_difference"], comparison["interval"], comparison["p_value"]
    sign = 1.0 if evaluation["maximise"] else -1.0
    if difference is None:
        return "Too little is known per person to compare the two."
    worse_or_better = "better" if sign * difference > 0 else "worse" if difference else "no better and no worse"
    said = f"On people never seen the configured network is {worse_or_better} than the default one"
    said += f" ({difference:+.3f} {evaluation['metric']} per person"
    if interval["low"] is None or p_value is None:
        return f"{said}); with {comparison['n']} people no interval can be given, so this may well be chance."
    said += f", 95 % interval {interval['low']:+.3f} to {interval['high']:+.3f}, p = {p_value:.3f})"
    if interval["low"] <= 0 <= interval["high"]:
        return f"{said}; the interval holds zero: the default is as good as far as these people can tell."
    return f"{said}."
