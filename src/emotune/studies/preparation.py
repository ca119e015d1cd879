"""From a data specification to parts that can be trained on: the same road for the search and the retrain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.data.normalising import Normalisation, labelled, normalised
from emotune.data.scaling import Scaler
from emotune.data.sources import load_dataset
from emotune.errors import InputError
from emotune.evaluation.audit import audit
from emotune.evaluation.splits import Split, split_dataset
from emotune.features.settings import FeatureSettings
from emotune.findings import Finding, listed, refuse_errors
from emotune.models.problem import Problem

__all__ = ["Prepared", "prepare"]

# So many names are shown in a message.
_LISTED = 8


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Data, its parts, and what was fitted on the training part alone.

    Attributes:
        dataset: all rows, standardised by person where that was asked for.
        split: which of them train, validate and test.
        scaler: fitted on the training rows.
        problem: what a model must take and give.
        findings: what the checks of the data and of the split found; none is an error.
    """

    dataset: Dataset
    split: Split
    scaler: Scaler
    problem: Problem
    findings: tuple[Finding, ...]

    def part(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Standardised inputs and targets of some rows."""
        return self.scaler.transform(self.dataset.inputs[rows]), self.dataset.targets[rows]

    @property
    def normalisation(self) -> Normalisation:
        """By what the rows were standardised before the scaler."""
        return Normalisation.of(self.dataset.provenance)

    @property
    def score_label(self) -> str:
        """What is to be said beside every score of these data; may be empty."""
        return self.normalisation.label

    def labelled(self, name: str) -> str:
        """The name of a score with what is to be said of it: `accuracy (transductive)`."""
        return labelled(name, self.score_label)

    @property
    def majority(self) -> float:
        """Share of the largest class over all rows: what always guessing it would get right."""
        return float(np.bincount(self.dataset.targets).max() / len(self.dataset))


def prepare(
    data: str,
    settings: FeatureSettings,
    *,
    n_steps: int,
    seed: int,
    class_names: Callable[[tuple[str, ...]], tuple[str, ...]] = lambda names: names,
    workers: int = 1,
    on_recording: Callable[[int, int], None] | None = None,
    target: str = "",
    normalise: str = "training",
) -> Prepared:
    """Load, standardise by person where asked for, split, audit, and fit the scaler on the training rows.

    Args:
        data: what `load_dataset` takes.
        settings: how recordings become vectors.
        n_steps: windows in a row that make one sample.
        seed: of the split.
        class_names: the user's names for classes that the data only numbers.
        workers: processes that read and compute, as for `extract_all`.
        on_recording: called with (recordings read, recordings in all).
        target: what to tell apart where a set has several.
        normalise: `training`, `subject` or `subject:SECONDS`.

    Raises:
        InputError: if the data cannot be read, split or trained on.
    """
    normalisation = Normalisation.parse(normalise)
    if normalisation.seconds is not None and settings.looks_ahead:
        raise InputError(
            f"Expected features that use no later samples for --normalise {normalisation}: the first windows would "
            f"hold some of what is scored. Received: {', '.join(settings.looks_ahead)}. Take them out of the "
            "settings, or take --normalise subject, which uses all of a person's windows and says so."
        )
    dataset = load_dataset(data, settings, n_steps=n_steps, workers=workers, on_recording=on_recording, target=target)
    numbered = dataset.class_names
    dataset = replace(dataset, class_names=class_names(numbered))
    before = dataset
    dataset, rows = normalised(before, normalisation)
    split = split_dataset(dataset, seed=seed)
    # Judged by the values as they came: a row that two people share would look like two rows.
    audited = dataset if dataset is before else replace(dataset, inputs=before.inputs[rows])
    findings = (*dataset.findings, *_renamed(numbered, dataset.class_names), *audit(audited, split))
    refuse_errors(findings)
    scaler = Scaler.fit(dataset.inputs[split.train])
    problem = Problem(dataset.inputs.shape[1:], dataset.n_classes, dataset.layout)
    return Prepared(dataset, split, scaler, problem, findings)


def _renamed(numbered: tuple[str, ...], names: tuple[str, ...]) -> list[Finding]:
    """That the data has numbers and the settings their meaning: 0 and 1 may be other things in other data."""
    if numbered == names:
        return []
    pairs = listed([f"{number} = {name}" for number, name in zip(numbered, names, strict=True)], _LISTED)
    return [
        Finding(
            "named-classes",
            "note",
            f"The labels are numbers, which EMOTION_LABELS names: {pairs}.",
            "Edit it in src/config.py if they mean something else.",
        )
    ]
