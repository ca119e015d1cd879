"""Small classifiable data, small networks, and a stand-in for a metric."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from emotune.features.layout import Layout
from emotune.models.problem import Problem

LAYOUT = Layout(
    channels=("Fp1", "Fp2", "F3", "F4", "O1", "O2"),
    bands_hz=(("theta", 4.0, 8.0), ("alpha", 8.0, 14.0), ("beta", 14.0, 31.0)),
    pairs=(("Fp2", "Fp1"), ("F4", "F3")),
)


@dataclass
class FakeMetric:
    """Scores as given, one a call; accuracy where none are given."""

    given: Sequence[float] = ()
    maximise: bool = True
    name: str = "fake"
    calls: list[Any] = field(default_factory=list)

    def __call__(self, targets: Any, probabilities: Any) -> float:
        self.calls.append(probabilities)
        if self.given:
            return self.given[len(self.calls) - 1]
        return float((probabilities.argmax(axis=1) == targets).mean())


@pytest.fixture
def fake_metric() -> type[FakeMetric]:
    return FakeMetric


@pytest.fixture
def layout() -> Layout:
    return LAYOUT


@pytest.fixture
def problem() -> Problem:
    return Problem((LAYOUT.n_features,), 3, LAYOUT)


@pytest.fixture
def data() -> SimpleNamespace:
    """74 training and 30 validation rows of 3 unequal classes; 74 leaves a partial last batch of 16 or 32."""
    source = np.random.default_rng(5)

    def part(n: int) -> tuple[Any, Any]:
        targets = source.choice(3, size=n, p=[0.6, 0.25, 0.15])
        targets[:3] = [0, 1, 2]
        centres = np.random.default_rng(6).normal(size=(3, LAYOUT.n_features))
        return (centres[targets] + source.normal(size=(n, LAYOUT.n_features))).astype(np.float32), targets

    inputs, targets = part(74)
    validation_inputs, validation_targets = part(30)
    return SimpleNamespace(
        inputs=inputs,
        targets=targets,
        validation_inputs=validation_inputs,
        validation_targets=validation_targets,
        arrays=(inputs, targets, validation_inputs, validation_targets),
    )


@pytest.fixture
def dense() -> Callable[..., Any]:
    """Makes a compiled network of one hidden layer."""

    def make(
        *, optimizer: Any = None, loss: Any = "categorical_crossentropy", activation: str = "softmax", **compiled: Any
    ) -> Any:
        keras.utils.set_random_seed(3)
        inputs = keras.Input((LAYOUT.n_features,))
        hidden = keras.layers.Dense(8, activation="relu")(inputs)
        model = keras.Model(inputs, keras.layers.Dense(3, activation=activation)(hidden))
        model.compile(optimizer or keras.optimizers.Adam(0.01), loss, **compiled)
        return model

    return make
