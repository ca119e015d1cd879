"""What a study trains where any model will do: one of scikit-learn's, or the default network, behind one face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.evaluation.metrics import Metric
from emotune.models.classical import FAMILIES, family_named, fit
from emotune.studies.preparation import Prepared

__all__ = ["NETWORK", "Answering", "Learner", "classical", "network"]

NETWORK = "network"


class Answering(Protocol):
    """A trained model."""

    def probabilities(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """`(n, n_classes)` for standardised inputs."""
        ...


@dataclass(frozen=True, slots=True)
class Learner:
    """A kind of model and how it is trained.

    Attributes:
        name: on the command line and in files.
        about: what it is, in words.
        validates: whether it needs a validation part; else it trains on that, too.
        gives_probabilities: whether its answers are probabilities.
        train: from prepared data and a seed to a trained model.
    """

    name: str
    about: str
    validates: bool
    gives_probabilities: bool
    train: Callable[[Prepared, int], Answering]


def classical(name: str) -> Learner:
    """A model of `emotune.models.classical`.

    Raises:
        InputError: if there is none of this name.
    """
    if name not in FAMILIES:
        raise InputError(
            f"Expected a model out of {', '.join((*FAMILIES, NETWORK))}. Received: {name!r}. Choose one of them."
        )
    family = family_named(name)

    def train(prepared: Prepared, seed: int) -> Answering:
        return fit(family, *prepared.part(prepared.split.train), prepared.problem.n_classes)

    return Learner(name, family.about, False, family.gives_probabilities, train)


def network(hypermodel: Path, *, metric: Metric, epochs: int, patience: int) -> Learner:
    """The default configuration of the network that the Python file `hypermodel` declares."""

    def train(prepared: Prepared, seed: int) -> Answering:
        # TensorFlow takes seconds to load: only who asks for a network waits for it.
        from emotune.search.hypermodel import load_hypermodel
        from emotune.search.space import Defaults
        from emotune.studies.retrain import train_configuration

        return train_configuration(
            load_hypermodel(hypermodel, prepared.problem),
            Defaults(),
            prepared,
            metric=metric,
            epochs=epochs,
            patience=patience,
            seed=seed,
        )

    return Learner(NETWORK, f"default configuration of {hypermodel.name}", True, True, train)
