"""From a data specification to parts that can be trained on: the same road for the search and the retrain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import Dataset
from emotune.data.normalising import Normalisation, labelled, normalised
from emotune.data.scaling import Scaler
from emotune.data.sources import load_dataset
from emotune.errors import InputError
from emotune.evaluation.audit import LEAKING, LEAKS, audit
from emotune.evaluation.protocols import protocol_named, split_dataset
from emotune.evaluation.splits import Split
from emotune.features.settings import FeatureSettings
from emotune.findings import Finding, listed, refuse_errors
from emotune.models.problem import Problem

__all__ = ["Loaded", "Prepared", "load", "prepare", "watermarked"]

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
        watermark: what of the split leaks, where that was allowed; empty where nothing does.
    """

    dataset: Dataset
    split: Split
    scaler: Scaler
    problem: Problem
    findings: tuple[Finding, ...]
    watermark: str = ""

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
        return "; ".join(said for said in (self.watermark, self.normalisation.label) if said)

    def leaking(self, name: str) -> Prepared:
        """The same, with one more leak in the watermark."""
        before = self.watermark.removeprefix(f"{LEAKING}: ")
        return replace(self, watermark=f"{LEAKING}: {', '.join(said for said in (before, name) if said)}")

    def labelled(self, name: str) -> str:
        """The name of a score with what is to be said of it: `accuracy (transductive)`."""
        return labelled(name, self.score_label)

    @property
    def majority(self) -> float:
        """Share of the largest class over all rows: what always guessing it would get right."""
        return float(np.bincount(self.dataset.targets).max() / len(self.dataset))


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """Data that is ready to be divided, in one way or in many.

    Attributes:
        dataset: all rows, standardised by person where that was asked for.
        as_read: the same rows as they came, by which copies are told.
        findings: what the checks of the data found.
    """

    dataset: Dataset
    as_read: Dataset
    findings: tuple[Finding, ...]

    def audited(self, split: Split) -> tuple[Finding, ...]:
        """What the audit says of a split, errors and all."""
        return tuple(audit(self.as_read, split))

    def divided(self, split: Split, *, allow_leakage: bool = False) -> Prepared:
        """Audit a split and fit the scaler on its training rows.

        Args:
            split: of these data.
            allow_leakage: whether to go on where the audit finds a leak; every score then says so.

        Raises:
            InputError: if the audit finds an error.
        """
        findings, watermark = watermarked(self.audited(split), allow_leakage=allow_leakage)
        refuse_errors((*self.findings, *findings))
        scaler = Scaler.fit(self.dataset.inputs[split.train])
        problem = Problem(self.dataset.inputs.shape[1:], self.dataset.n_classes, self.dataset.layout)
        return Prepared(self.dataset, split, scaler, problem, (*self.findings, *findings), watermark)


def watermarked(findings: Sequence[Finding], *, allow_leakage: bool) -> tuple[tuple[Finding, ...], str]:
    """The findings with leaks made warnings where they are allowed, and what every score then says of itself.

    Where leaks are not allowed they stay errors, and name the option.
    """
    told, names = [], []
    for finding in findings:
        if finding.severity == "error" and finding.name in LEAKS:
            if allow_leakage:
                names.append(finding.name)
                finding = replace(finding, severity="warning")
            else:
                remedy = f"{finding.remedy} (--allow-leakage goes on all the same, and marks every score.)"
                finding = replace(finding, remedy=remedy)
        told.append(finding)
    return tuple(told), f"{LEAKING}: {', '.join(dict.fromkeys(names))}" if names else ""


def load(
    data: str,
    settings: FeatureSettings,
    *,
    n_steps: int,
    class_names: Callable[[tuple[str, ...]], tuple[str, ...]] = lambda names: names,
    workers: int = 1,
    on_recording: Callable[[int, int], None] | None = None,
    target: str = "",
    normalise: str = "training",
) -> Loaded:
    """Read data, and standardise by person where asked for.

    Args:
        data: what `load_dataset` takes.
        settings: how recordings become vectors.
        n_steps: windows in a row that make one sample.
        class_names: the user's names for classes that the data only numbers.
        workers: processes that read and compute, as for `extract_all`.
        on_recording: called with (recordings read, recordings in all).
        target: what to tell apart where a set has several.
        normalise: `training`, `subject` or `subject:SECONDS`.

    Raises:
        InputError: if the data cannot be read.
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
    before = replace(dataset, class_names=class_names(numbered))
    dataset, rows = normalised(before, normalisation)
    # Judged by the values as they came: a row that two people share would look like two rows.
    as_read = dataset if dataset is before else replace(dataset, inputs=before.inputs[rows])
    return Loaded(dataset, as_read, (*dataset.findings, *_renamed(numbered, dataset.class_names)))


def prepare(
    data: str,
    settings: FeatureSettings,
    *,
    n_steps: int,
    seed: int,
    protocol: str = "",
    allow_leakage: bool = False,
    class_names: Callable[[tuple[str, ...]], tuple[str, ...]] = lambda names: names,
    workers: int = 1,
    on_recording: Callable[[int, int], None] | None = None,
    target: str = "",
    normalise: str = "training",
) -> Prepared:
    """Load, split, audit, and fit the scaler on the training rows.

    Args:
        data: as for `load`; so are all that are not named here.
        settings: how recordings become vectors.
        n_steps: windows in a row that make one sample.
        seed: of the split.
        protocol: a name in `PROTOCOLS`; empty for the one that fits the data.
        allow_leakage: whether to go on where the audit finds a leak.
        class_names: the user's names for classes that the data only numbers.
        workers: processes that read and compute.
        on_recording: called with (recordings read, recordings in all).
        target: what to tell apart where a set has several.
        normalise: `training`, `subject` or `subject:SECONDS`.

    Raises:
        InputError: if the data cannot be read, split or trained on.
    """
    if protocol:
        protocol_named(protocol)
    loaded = load(
        data,
        settings,
        n_steps=n_steps,
        class_names=class_names,
        workers=workers,
        on_recording=on_recording,
        target=target,
        normalise=normalise,
    )
    split = split_dataset(loaded.dataset, seed=seed, protocol=protocol or None)
    return loaded.divided(split, allow_leakage=allow_leakage)


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
