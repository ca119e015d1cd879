"""Models of scikit-learn that answer as a trained network does: with one number a class, all classes in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.threads import one_thread

__all__ = ["FAMILIES", "Classical", "Family", "family_named", "fit"]


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of model.

    Attributes:
        name: on the command line and in files.
        about: what it is, in words.
        gives_probabilities: whether its answers are probabilities; else the class it answers has 1, the others 0.
        make: a new estimator, not fitted.
    """

    name: str
    about: str
    gives_probabilities: bool
    make: Callable[[], Any]


def _svm() -> Any:
    from sklearn.svm import SVC

    # Without probabilities: they would need a second, inner cross-validation, five times the time, whose folds know
    # nothing of people or trials.
    return SVC(kernel="rbf", class_weight="balanced")


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(class_weight="balanced", max_iter=5000)  # alike columns, as bands are, need many steps


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("svm", "support vector machine with a radial kernel", False, _svm),
        Family("logistic", "logistic regression", True, _logistic),
    )
}


def family_named(name: str) -> Family:
    """The family of this name.

    Raises:
        InputError: if there is none; the message lists the names.
    """
    if name not in FAMILIES:
        raise InputError(f"Expected a model out of {', '.join(FAMILIES)}. Received: {name!r}. Choose one of them.")
    return FAMILIES[name]


@dataclass(frozen=True, slots=True, eq=False)
class Classical:
    """A model that was fitted.

    Attributes:
        family: what kind it is of.
        estimator: scikit-learn's.
        n_classes: number of all classes, also of those that training did not hold.
    """

    family: Family
    estimator: Any
    n_classes: int

    def probabilities(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """What it says of standardised inputs `(n, ...)`: `(n, n_classes)`; 0 for a class that training did not hold.

        Rows sum to 1. Where the family gives no probabilities, each row is 1 at its answer.
        """
        rows = _rows(inputs)
        classes = self.estimator.classes_
        said = np.zeros((len(rows), self.n_classes))
        with one_thread():
            if self.family.gives_probabilities:
                said[:, classes] = self.estimator.predict_proba(rows)
            else:
                said[np.arange(len(rows)), self.estimator.predict(rows)] = 1.0
        return said


def fit(family: Family, inputs: NDArray[np.float32], targets: NDArray[np.int64], n_classes: int) -> Classical:
    """Fit a model on standardised inputs; each class counts the same, however many rows it has.

    Args:
        family: out of `FAMILIES`.
        inputs: `(n, n_features)`, or `(n, n_steps, n_features)`, of which the steps are put side by side.
        targets: `(n,)`, of at least two classes.
        n_classes: number of all classes.

    Raises:
        InputError: if the rows are of one class.
    """
    if len(np.unique(targets)) < 2:
        raise InputError(
            f"Expected training rows of at least 2 classes for {family.name}. Received: {len(np.unique(targets))}. "
            "Add rows of another class."
        )
    with one_thread():
        estimator = family.make().fit(_rows(inputs), targets)
    return Classical(family, estimator, n_classes)


def _rows(inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    # In single precision, which scikit-learn would keep, probabilities sum to 1 in seven digits only.
    return inputs.reshape(len(inputs), -1).astype(np.float64)
