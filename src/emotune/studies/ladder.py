"""The ladder: one model under one protocol after another, so that one sees what each leak is worth on these data.

Every rung trains on as many rows, drawn by chance from what its protocol leaves for training, so that a rung is higher
for what it knows of the test rows and not for how much it was shown. People are compared with themselves: a leak's
worth is the mean over people of a person's score on one rung minus that on the `subject` rung.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import GROUPS, Dataset
from emotune.data.normalising import Normalisation, data_identity
from emotune.data.scaling import Scaler
from emotune.errors import InputError
from emotune.evaluation.audit import LEAKS
from emotune.evaluation.crossed import holds_out_clips, undefined_over_clips
from emotune.evaluation.grouping import WORDS, group_is_known
from emotune.evaluation.ledger import Ledger
from emotune.evaluation.metrics import Metric
from emotune.evaluation.protocols import PROTOCOLS, outer_folds, protocol_named
from emotune.evaluation.scores import score_card
from emotune.evaluation.significance import paired_comparison
from emotune.evaluation.splits import Split
from emotune.evaluation.subsampling import content_ranks, subsample
from emotune.findings import Finding, listed, refuse_errors
from emotune.models.problem import Problem
from emotune.search.methods import seed_of
from emotune.studies.learners import Learner
from emotune.studies.preparation import Loaded, Prepared, watermarked

__all__ = ["LADDER_SCHEMA", "RUNGS", "climb"]

# Raised when the meaning of a key of models/ladder.json changes.
LADDER_SCHEMA = 1

# From what knows the test rows best to what knows them least.
RUNGS = ("window", "trial", "session", "stimulus", "subject", "loso")

# What the rungs are compared with, where the data has people.
REFERENCE = "subject"

# Of these, answers without probabilities have none.
_OF_PROBABILITIES = ("roc_auc", "log_loss", "calibration_error")

# From this share of windows on, that their person was trained in other classes alone is worth saying.
_MISLED = 0.1

_LISTED = 5


@dataclass(frozen=True, slots=True, eq=False)
class _Rung:
    """A protocol that the data supports: its folds, repeat by repeat, and what the audit says of them."""

    name: str
    repeats: Sequence[Sequence[Split]]
    findings: tuple[Finding, ...]

    @property
    def splits(self) -> list[Split]:
        return [split for folds in self.repeats for split in folds]


def climb(
    loaded: Loaded,
    learner: Learner,
    *,
    metric: Metric,
    ledger: Ledger,
    seed: int,
    protocols: Sequence[str] = RUNGS,
    n_folds: int = 5,
    repeats: int = 3,
    max_train: int = 3000,
    allow_leakage: bool = False,
    on_fit: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Train and measure a model on every rung that the data supports; what `models/ladder.json` holds.

    A rung that leaks is climbed all the same, as to show it is what the ladder is for: `watermark` says so. A leak in
    the rung that the others are compared with is refused.

    Args:
        loaded: the data.
        learner: what is trained.
        metric: what is compared per person.
        ledger: where each opening of a fold's test part is written down.
        seed: of folds, drawn rows and training.
        protocols: names in `PROTOCOLS`; one that the data cannot support is left out, with its reason.
        n_folds: of each rung; `loso` has one a person.
        repeats: so often all of it is done with other folds and other drawn rows. A person's score is that of all
            repeats together, which is their mean for accuracies.
        max_train: most rows to train on.
        allow_leakage: whether the rung that the others are compared with may leak.
        on_fit: called with (fits done, fits in all).

    Raises:
        InputError: if fewer than two rungs are left, or the data or an option cannot be used.
    """
    dataset = loaded.dataset
    refuse_errors(loaded.findings)
    _check(dataset, learner, metric, protocols, n_folds=n_folds, repeats=repeats, max_train=max_train)
    rungs, left_out = _rungs(loaded, learner, protocols, n_folds, [_repeat_seed(seed, r) for r in range(repeats)])
    reference = _reference(dataset, rungs, left_out)
    told, _ = watermarked(reference.findings, allow_leakage=allow_leakage)
    refuse_errors(told)
    sizes = _sizes(learner, rungs, max_train)
    total, done = sum(len(rung.splits) for rung in rungs), 0
    ranks = content_ranks(dataset)
    climbed: list[dict[str, Any]] = []
    for rung in rungs:
        tested, said, trained_on, openings = [], [], [], 0
        for number, split in enumerate(rung.splits):
            own = seed_of(seed, "ladder", rung.name, number)
            prepared = _drawn(dataset, split, learner, sizes, ranks, own)
            model = learner.train(prepared, own)
            # Before a score is computed, as everywhere.
            opened = ledger.record(
                split, data=dataset.name, why=f"ladder: {rung.name}", data_fingerprint=data_identity(dataset)
            )
            openings = max(openings, opened)
            said.append(model.probabilities(prepared.part(split.test)[0]))
            tested.append(split.test)
            trained_on.append(dataset.targets[prepared.split.train])
            done += 1
            if on_fit is not None:
                on_fit(done, total)
        rows = np.concatenate(tested)
        card = score_card(
            metric,
            dataset.targets[rows],
            np.concatenate(said),
            dataset.class_names,
            {name: dataset.groups[name][rows] for name in GROUPS},
            train_targets=np.concatenate(trained_on),
            protocol=rung.name,
            seed=seed,
            cross_validated=True,
        )
        if not learner.gives_probabilities:
            card |= {name: None for name in _OF_PROBABILITIES if name in card}
        climbed.append(_told(dataset, rung, learner, metric, card, openings, repeats))
    of_reference = climbed[rungs.index(reference)]
    for rung_told in climbed:
        rung_told["minus_reference"] = None if rung_told is of_reference else _difference(rung_told, of_reference)
    return {
        "schema": LADDER_SCHEMA,
        "metric": metric.name,
        "maximise": metric.maximise,
        "watermark": "; ".join(f"{rung['protocol']} {rung['watermark']}" for rung in climbed if rung["watermark"]),
        "model": learner.name,
        "model_about": learner.about,
        "data": dataset.name,
        "target": dataset.provenance.get("target"),
        "class_names": list(dataset.class_names),
        "normalisation": Normalisation.of(dataset.provenance).to_dict(),
        "score_label": Normalisation.of(dataset.provenance).label,
        "findings": [finding.to_dict() for finding in loaded.findings],
        "n_people": len(np.unique(dataset.groups["subject"])) if group_is_known(dataset, "subject") else None,
        "n_windows": len(dataset),
        "n_folds": n_folds,
        "repeats": repeats,
        "max_train": max_train,
        "n_train": sizes[0],
        "n_validation": sizes[1] if learner.validates else None,
        "reference": reference.name,
        "rungs": climbed,
        "left_out": [{"protocol": name, "reason": reason} for name, reason in left_out.items()],
        "fingerprints": {"data": dataset.fingerprint},
    }


def _check(
    dataset: Dataset,
    learner: Learner,
    metric: Metric,
    protocols: Sequence[str],
    *,
    n_folds: int,
    repeats: int,
    max_train: int,
) -> None:
    for name in protocols:
        protocol_named(name)
    known = [dataset.class_names[index] for index in np.unique(dataset.targets)]
    if len(known) < 2:
        raise InputError(
            f"Expected rows of at least 2 classes in {dataset.name}. Received: {', '.join(known) or 'no rows'} alone. "
            "Add recordings of another class."
        )
    for name, value, least in (("folds", n_folds, 2), ("repeats", repeats, 1), ("max-train", max_train, 2)):
        if value < least:
            raise InputError(f"Expected --{name} of at least {least}. Received: {value}. Raise it.")
    if max_train < dataset.n_classes:
        raise InputError(
            f"Expected --max-train of at least {dataset.n_classes}, one row a class. Received: {max_train}. Raise it."
        )
    if metric.name in _OF_PROBABILITIES and not learner.gives_probabilities:
        raise InputError(
            f"Expected a model that gives probabilities for {metric.name}. Received: {learner.name}, which gives "
            "answers alone. Take --model logistic, or another METRIC."
        )


def _repeat_seed(seed: int, repeat: int) -> int:
    # The first repeat has the folds that every other command has with this seed.
    return seed if repeat == 0 else seed_of(seed, "ladder", repeat)


def _rungs(
    loaded: Loaded, learner: Learner, protocols: Sequence[str], n_folds: int, seeds: Sequence[int]
) -> tuple[list[_Rung], dict[str, str]]:
    """The rungs that the data supports, in their order, and why the others are left out."""
    rungs, left_out = [], {}
    order = (*RUNGS, *(name for name in PROTOCOLS if name not in RUNGS))
    for name in sorted(set(protocols), key=order.index):
        try:
            repeats = [outer_folds(loaded.dataset, name, n_folds=n_folds, seed=seed) for seed in seeds]
        except InputError as error:
            left_out[name] = str(error)
            continue
        # People left out one by one are the same folds in every repeat, but for who validates.
        same = PROTOCOLS[name].one_by_one and not learner.validates
        audited = repeats[:1] if same else repeats
        rung = _Rung(name, repeats, _findings(loaded, [split for folds in audited for split in folds]))
        reason = _unfit(loaded.dataset, learner, rung)
        if reason:
            left_out[name] = reason
        else:
            rungs.append(rung)
    return rungs, left_out


def _findings(loaded: Loaded, splits: Sequence[Split]) -> tuple[Finding, ...]:
    """What the audit says of the folds, each finding once, as it was first said.

    A class missing in a part, and how few people one fold tests, are left to the rung: it trains on two parts together
    and scores all folds together.
    """
    found: dict[tuple[str, str], Finding] = {}
    for split in splits:
        for finding in loaded.audited(split):
            if finding.name not in ("class-missing", "few-people"):
                found.setdefault((finding.name, finding.severity), finding)
    return tuple(found.values())


def _unfit(dataset: Dataset, learner: Learner, rung: _Rung) -> str:
    """Why a rung cannot be climbed; empty where it can."""
    errors = [finding for finding in rung.findings if finding.severity == "error" and finding.name not in LEAKS]
    if errors:
        return str(errors[0])
    known = np.unique(dataset.targets)
    for split in rung.splits:
        missing = np.setdiff1d(known, dataset.targets[_training_rows(split, learner)])
        if len(missing):
            one = WORDS[PROTOCOLS[rung.name].columns[0]][0]
            names = listed([dataset.class_names[index] for index in missing], _LISTED)
            return (
                f"Expected rows of each class to train on in every fold. Received: none of {names} in one of them, "
                f"which tests every {one} that has it. Add a {one} of this class."
            )
    return ""


def _training_rows(split: Split, learner: Learner) -> NDArray[np.int64]:
    return split.train if learner.validates else split.development


def _reference(dataset: Dataset, rungs: Sequence[_Rung], left_out: Mapping[str, str]) -> _Rung:
    """The rung that the others are compared with: `subject`, else the one that knows least of the test rows."""
    honest = [rung for rung in rungs if not PROTOCOLS[rung.name].leaks]
    if len(rungs) < 2 or not honest:
        reasons = "".join(f" {name}: {reason}" for name, reason in left_out.items())
        raise InputError(
            f"Expected at least two protocols that {dataset.name} supports, one of them without a leak. Received: "
            f"{', '.join(rung.name for rung in rungs) or 'none'}. Add the groups that are missing, or choose more "
            f"--protocols.{reasons}"
        )
    return next((rung for rung in honest if rung.name == REFERENCE), honest[-1])


def _sizes(learner: Learner, rungs: Sequence[_Rung], max_train: int) -> tuple[int, int]:
    """Rows to train and to validate on, the same in every fold of every rung."""
    splits = [split for rung in rungs for split in rung.splits]
    return (
        min(max_train, *(len(_training_rows(split, learner)) for split in splits)),
        min(max_train, *(len(split.validation) for split in splits)) if learner.validates else 0,
    )


def _drawn(
    dataset: Dataset,
    split: Split,
    learner: Learner,
    sizes: tuple[int, int],
    ranks: NDArray[np.int64],
    seed: int,
) -> Prepared:
    """The data with the training (and validation) rows drawn, and a scaler fitted on the training rows alone."""
    train = subsample(_training_rows(split, learner), dataset.targets, ranks, sizes[0], seed)
    validation = split.validation[:0]
    if learner.validates:
        n = max(sizes[1], len(np.unique(dataset.targets[split.validation])))
        validation = subsample(split.validation, dataset.targets, ranks, n, seed)
    drawn = replace(split, train=train, validation=validation)
    problem = Problem(dataset.inputs.shape[1:], dataset.n_classes, dataset.layout)
    return Prepared(dataset, drawn, Scaler.fit(dataset.inputs[train]), problem, ())


def _told(
    dataset: Dataset,
    rung: _Rung,
    learner: Learner,
    metric: Metric,
    card: dict[str, Any],
    openings: int,
    repeats: int,
) -> dict[str, Any]:
    """A rung as plain JSON values."""
    findings, watermark = watermarked((*rung.findings, *_misled(dataset, rung, learner)), allow_leakage=True)
    label = "; ".join(said for said in (watermark, Normalisation.of(dataset.provenance).label) if said)
    people = card["over_people"]
    by_people = bool(card["per_person"])
    return {
        "protocol": rung.name,
        "about": PROTOCOLS[rung.name].about,
        "held_apart": " and ".join(WORDS[column][1] for column in PROTOCOLS[rung.name].columns),
        "watermark": watermark,
        "score_label": label,
        # Without people there is one score over all windows, and no interval: windows are alike.
        "score_over": "people" if by_people else "windows",
        "score": people["mean"] if by_people else card[metric.name],
        "low": people["low"] if by_people else None,
        "high": people["high"] if by_people else None,
        "interval": people["method"] if by_people else "undefined without people",
        "n_folds": len(rung.repeats[0]),
        "repeats": repeats,
        "n_available": min(len(_training_rows(split, learner)) for split in rung.splits),
        "openings": openings,
        "splits": [split.fingerprint for split in rung.splits],
        "findings": [finding.to_dict() for finding in findings],
        "card": card,
    }


def _misled(dataset: Dataset, rung: _Rung, learner: Learner) -> list[Finding]:
    """That who is recognised points to the wrong answer, as where each person has one trial of each class."""
    subjects, targets = dataset.groups["subject"], dataset.targets
    if not group_is_known(dataset, "subject"):
        return []
    n, misled = 0, 0
    for split in rung.splits:
        trained = _training_rows(split, learner)
        pairs = set(zip(subjects[trained].tolist(), targets[trained].tolist(), strict=True))
        known = {person for person, _ in pairs}
        tests = Counter(zip(subjects[split.test].tolist(), targets[split.test].tolist(), strict=True))
        n += len(split.test)
        misled += sum(count for pair, count in tests.items() if pair[0] in known and pair not in pairs)
    if misled < _MISLED * n:
        return []
    return [
        Finding(
            "known-by-other-classes",
            "warning",
            f"{misled / n:.0%} of the windows tested are of people whose training rows are all of other classes: who "
            "is recognised points to a wrong answer, which pulls the score down, even below chance.",
            "Record several trials of each class of a person; until then this rung does not measure a leak.",
        )
    ]


def _difference(rung: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    """A rung's score minus the reference's, paired over the people that both tested."""
    first, second = rung["card"]["per_person"], reference["card"]["per_person"]
    both = [name for name in first if name in second]
    ours, theirs = ({name: scores[name] for name in both} for scores in (first, second))
    comparison = paired_comparison(ours, theirs, cross_validated=True)
    if holds_out_clips(rung["protocol"]) or holds_out_clips(reference["protocol"]):
        comparison = undefined_over_clips(comparison)
    compared = comparison.to_dict()
    if not both and rung["score"] is not None and reference["score"] is not None:
        compared["mean_difference"] = rung["score"] - reference["score"]
    return compared
