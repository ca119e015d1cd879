"""Nested evaluation: the whole search inside each outer fold, measured on people that it has never seen.

What comes out is a score of the procedure (searching, confirming, choosing, training), not of one configuration: each
fold may choose another. The folds share most of their training people, so an interval over the tested people holds
for new people given these training people; it says nothing of what other training people would have given.

References:
    Cawley and Talbot (2010), On over-fitting in model selection and subsequent selection bias in performance
    evaluation.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.data.normalising import data_identity
from emotune.errors import EmotuneError, InputError, TrainingFailed, one_line
from emotune.evaluation.ledger import Ledger
from emotune.evaluation.protocols import outer_folds, protocol_of
from emotune.evaluation.splits import Split
from emotune.files import fingerprint, write_json
from emotune.findings import listed
from emotune.search.hypermodel import HyperModel, fingerprint_of_source, known_good, load_hypermodel
from emotune.search.interruption import deferred_interrupts, raise_if_interrupted
from emotune.search.methods import chosen_method
from emotune.search.methods.aside import free_name
from emotune.search.presence import n_cores, only_owner
from emotune.search.space import Defaults, HyperParameters, Replay, Value
from emotune.search.trials import Trial
from emotune.studies.confirmation import n_fits
from emotune.studies.nested_folds import NETWORKS, FoldResult, read_fold, save_fold
from emotune.studies.nested_plan import NestedSettings, Plan, Watcher
from emotune.studies.preparation import Loaded, Prepared
from emotune.studies.retrain import Trained, train_configuration
from emotune.studies.tuning import TRAINING_VERSION, Tuning, first_guess_s

__all__ = ["NestedEvaluation", "names_tested"]

# So many names stand in a message.
_SHOWN = 4

# True of one fold and not of all together: the people of all test parts make the interval.
_OF_ONE_SPLIT = ("few-people",)


class NestedEvaluation:
    """The folds of one evaluation; made once the data is read, before anything is trained.

    Args:
        settings: what the user asked for.
        loaded: the data.
        ledger: where each opening of a fold's test part is written down.

    Raises:
        InputError: if the data cannot be folded so, or the audit refuses one of the folds.
    """

    def __init__(self, settings: NestedSettings, loaded: Loaded, ledger: Ledger) -> None:
        self.settings, self.loaded, self.ledger = settings, loaded, ledger
        tuning = settings.tuning
        self._algorithm = chosen_method(tuning.method, tuning.algorithm)[0]
        self._space = self._fingerprint_of_space()
        splits = outer_folds(loaded.dataset, settings.protocol, n_folds=settings.n_folds, seed=tuning.seed)
        self.prepared = _audited(loaded, splits, allow_leakage=settings.allow_leakage)
        self.identity = self._identity()
        self.name = f"{settings.protocol}-{fingerprint(self.identity)}"
        self.folder = settings.folder / self.name

    def _fingerprint_of_space(self) -> str:
        hypermodel = self.settings.tuning.hypermodel
        return fingerprint_of_source(hypermodel, modules=hypermodel.parent)

    def _identity(self) -> dict[str, Any]:
        """What the results belong to; with another of these they lie under another name."""
        tuning = self.settings.tuning
        elsewhere = {"folder", "slots", "hypermodel", "workers", "fresh", "study", "add", "metric", "algorithm"}
        search = {
            entry.name: getattr(tuning, entry.name)
            for entry in dataclasses.fields(tuning)
            if entry.name not in elsewhere
        }
        return {
            "data": self.loaded.dataset.fingerprint,
            "splits": [prepared.split.fingerprint for prepared in self.prepared],
            "space": self._space,
            "metric": tuning.metric.name,
            "search": {**search, "algorithm": self._algorithm},
            "confirm": self.settings.confirm,
            "n_seeds": self.settings.n_seeds,
            "training": TRAINING_VERSION,
        }

    def run(self, watcher: Watcher) -> list[FoldResult]:
        """Make the folds that have not ended yet; gives all of them, in their order.

        Raises:
            InputError: if another process makes this evaluation, or the user's file cannot be used.
            EmotuneError: if a fold cannot be searched.
            KeyboardInterrupt: if the user wants it to end; what has ended is kept.
        """
        tuning = self.settings.tuning
        lock = self.settings.folder / f"{self.name}.lock"
        busy = (
            f"Another process makes this evaluation ({self.folder}). Wait for it, or end it: this one can go on then."
        )
        with only_owner(lock, busy):
            if self.settings.fresh and self.folder.exists():
                aside = free_name(f"{self.name}-aside", lambda name: (self.settings.folder / name).exists())
                self.folder.rename(self.settings.folder / aside)
                watcher.said(f"What was there is put aside as {self.settings.folder / aside}.")
            write_json(self.folder / "evaluation.json", self.identity)
            results = self._kept(watcher.said)
            watcher.planned(self._plan(results))
            hypermodel = load_hypermodel(tuning.hypermodel, self.prepared[0].problem)
            for prepared in self.prepared:
                number = _number(prepared.split)
                kept = results.get(number)
                if kept is None:
                    watcher.begun(prepared.split)
                    with _naming(prepared.split):
                        results[number] = self._fold(prepared, hypermodel, watcher)
                watcher.ended(results[number], is_new=kept is None)
        return [results[number] for number in sorted(results)]

    def next_fold(self) -> int | None:
        """The first fold that has not ended; None where all have."""
        kept = self._kept(lambda line: None)
        return next((number for number in map(_number, self._splits) if number not in kept), None)

    @property
    def _splits(self) -> list[Split]:
        return [prepared.split for prepared in self.prepared]

    def _kept(self, say: Callable[[str], None]) -> dict[int, FoldResult]:
        """The folds that have ended, by number; of a damaged one it is said that it is made again."""
        kept = {}
        for split in self._splits:
            shape = (self.settings.n_seeds, len(split.test), self.loaded.dataset.n_classes)
            try:
                found = read_fold(
                    self._folder_of(split),
                    belongs=self.name,
                    split_fingerprint=split.fingerprint,
                    rows=split.test,
                    shape=shape,
                )
            except InputError as error:
                say(str(error))
                continue
            if found is not None:
                kept[_number(split)] = found
        return kept

    def _folder_of(self, split: Split) -> Path:
        return self.folder / f"fold-{_number(split):0{max(2, len(str(len(self.prepared))))}d}"

    def _plan(self, kept: Mapping[int, FoldResult]) -> Plan:
        tuning = self.settings.tuning
        n_trials, n_parallel = tuning.total or tuning.add, min(tuning.workers, n_cores())
        confirming = n_fits(n_trials, 1 + len(known_good(tuning.hypermodel))) if self.settings.confirm else 0
        final = len(NETWORKS) * self.settings.n_seeds
        times = tuning.inner_folds * tuning.seeds_per_trial
        seconds = tuple(
            first_guess_s(len(split.train), tuning.epochs, n_trials * times + confirming, n_parallel)
            + first_guess_s(len(split.train), tuning.epochs, final, 1)
            for split in self._splits
        )
        return Plan(len(self.prepared), len(kept), n_trials, confirming, final, seconds)

    def _fold(self, prepared: Prepared, hypermodel: HyperModel, watcher: Watcher) -> FoldResult:
        """Search, choose, train, and open the test part once."""
        begun = time.monotonic()
        self._same_space()
        folder, notes = self._folder_of(prepared.split), list[str]()

        def say(line: str) -> None:
            notes.append(line)
            watcher.said(line)

        # Another seed a fold: with one, all folds would try the same first configurations, lucky or not.
        seed = self.settings.tuning.seed + _number(prepared.split) - 1
        settings = replace(self.settings.tuning, folder=folder / "tuning", seed=seed, study="", fresh=False)
        tuning = Tuning(settings, prepared, say=say)
        try:
            trials = tuning.run(watcher.searching(tuning))
            confirmation = tuning.confirm(trials, watcher.refitted) if self.settings.confirm else None
            best = tuning.save_best(folder / "best_hyperparameters.json", trials, self.settings.command, confirmation)
        finally:
            tuning.method.close()
        # An interruption waits for the end of a fit, and once the part is open, until what it gave is on disk.
        with deferred_interrupts():
            networks = self._trained(hypermodel, best, prepared, say)
            result = self._measured(prepared, best, trials, networks, notes, begun)
            save_fold(folder, result, belongs=self.name)
        # Workers map these; of many folds they would be many copies of the data.
        shutil.rmtree(folder / "tuning" / "data", ignore_errors=True)
        return result

    def _same_space(self) -> None:
        if self._fingerprint_of_space() != self._space:
            raise InputError(
                f"Expected {self.settings.tuning.hypermodel.name} as it was when the evaluation began, so that all "
                "folds search one space. Received: another. Put it back and run the same command again to go on; as "
                "it is now, it is an evaluation of its own."
            )

    def _trained(
        self, hypermodel: HyperModel, best: Trial, prepared: Prepared, say: Callable[[str], None]
    ) -> dict[str, list[Trained | None]]:
        default = self._fits(hypermodel, Defaults, prepared, "default", say)
        # The same values and seeds give the same network.
        known = next((dict(trained.hyperparameters) for trained in default if trained is not None), None)
        if known == dict(best.hyperparameters):
            return {"tuned": default, "default": default}
        tuned = self._fits(hypermodel, lambda: Replay(best.hyperparameters), prepared, "tuned", say)
        return {"tuned": tuned, "default": default}

    def _fits(
        self,
        hypermodel: HyperModel,
        values: Callable[[], HyperParameters],
        prepared: Prepared,
        name: str,
        say: Callable[[str], None],
    ) -> list[Trained | None]:
        """One network a seed; None where training failed, which leaves its people without a score."""
        tuning, fits = self.settings.tuning, list[Trained | None]()
        for seed in self._seeds:
            raise_if_interrupted()
            try:
                trained = train_configuration(
                    hypermodel,
                    values(),
                    prepared,
                    metric=tuning.metric,
                    epochs=tuning.epochs,
                    patience=tuning.patience,
                    seed=seed,
                )
            except TrainingFailed as error:
                say(f"The {name} network could not be trained ({one_line(error)}): its scores here are undefined.")
                trained = None
            fits.append(trained)
        return fits

    @property
    def _seeds(self) -> list[int]:
        return [self.settings.tuning.seed + index for index in range(self.settings.n_seeds)]

    def _measured(
        self,
        prepared: Prepared,
        best: Trial,
        trials: Sequence[Trial],
        networks: Mapping[str, Sequence[Trained | None]],
        notes: Sequence[str],
        begun: float,
    ) -> FoldResult:
        """Open the test part, once for all networks of the fold."""
        split, dataset = prepared.split, prepared.dataset
        openings = self.ledger.record(
            split,
            data=dataset.name,
            data_fingerprint=data_identity(dataset),
            why=f"evaluate: {_fold_words(split)}, tuned and default network",
        )
        inputs, _ = prepared.part(split.test)
        nothing = np.full((len(inputs), dataset.n_classes), np.nan)
        probabilities: dict[str, NDArray[np.float64]] = {
            name: np.stack([nothing if fit is None else fit.probabilities(inputs) for fit in fits])
            for name, fits in networks.items()
        }
        default = next((trial for trial in trials if trial.number == 0), None)
        states = Counter[str](trial.state for trial in trials)
        content = {
            "fold": list(split.fold or (1, 1)),
            "tested": names_tested(split),
            "split": split.to_dict(),
            "chosen": {
                "trial": best.number,
                "is_default": networks["tuned"] is networks["default"],
                "hyperparameters": dict(best.hyperparameters),
                "search_score": best.score,
                "default_search_score": None if default is None else default.score,
            },
            "networks": {
                name: [_about(seed, fit) for seed, fit in zip(self._seeds, fits, strict=True)]
                for name, fits in networks.items()
            },
            "n_trials": {"ended": len(trials), **states},
            "watermark": prepared.watermark,
            "score_label": prepared.score_label,
            "findings": [finding.to_dict() for finding in prepared.findings],
            "openings": openings,
            "notes": list(notes),
            "process": os.getpid(),
            "seconds": time.monotonic() - begun,
        }
        return FoldResult(content, split.test, probabilities)


def names_tested(split: Split) -> list[str]:
    """Who or what a split tests, by what its protocol holds apart first; empty for windows."""
    column = protocol_of(split).columns[0]
    of = {**split.groups, "subject": split.people, "trial": split.trials}.get(column, {})
    return list(of.get("test", ()))


def _about(seed: int, fit: Trained | None) -> dict[str, Any]:
    """One final fit as plain JSON values."""
    if fit is None:
        return {"seed": seed, "failed": True}
    values: Mapping[str, Value] = fit.hyperparameters
    return {
        "seed": seed,
        "failed": False,
        "validation_score": fit.fit.score,
        "epochs": len(fit.fit.scores),
        "seconds": fit.seconds,
        "n_parameters": int(fit.model.count_params()),
        "hyperparameters": dict(values),
    }


def _number(split: Split) -> int:
    return (split.fold or (1, 1))[0]


def _fold_words(split: Split) -> str:
    return "fold {} of {}".format(*(split.fold or (1, 1)))


class _naming:
    """Name the fold in what goes wrong inside."""

    def __init__(self, split: Split) -> None:
        self._words = _fold_words(split).capitalize()

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, EmotuneError):
            made = InputError if isinstance(error, InputError) else EmotuneError
            raise made(f"{self._words}: {error}") from error


def _audited(loaded: Loaded, splits: Sequence[Split], *, allow_leakage: bool) -> list[Prepared]:
    """Every fold divided and audited, before a search begins in any.

    Raises:
        InputError: if a fold is refused; the message names all such folds.
    """
    prepared, refused = [], list[tuple[Split, InputError]]()
    for split in splits:
        try:
            divided = loaded.divided(split, allow_leakage=allow_leakage)
        except InputError as error:
            refused.append((split, error))
            continue
        findings = tuple(finding for finding in divided.findings if finding.name not in _OF_ONE_SPLIT)
        prepared.append(replace(divided, findings=findings))
    if refused:
        expected = f"Expected {len(splits)} folds that can all be trained on and measured. Received:"
        split, first = refused[0]
        if len(refused) == len(splits):
            raise InputError(f"{expected} none, all for one reason: {first} Nothing has been searched.")
        others = listed([str(_number(other)) for other, _ in refused[1:]], 2 * _SHOWN)
        tests = listed(names_tested(split), _SHOWN)
        raise InputError(
            f"{expected} {_fold_words(split)}"
            + (f" (tests {tests})" if tests else "")
            + (f", and likewise fold {others}" if others else "")
            + f": {first} Or take another --seed, --outer-folds or --protocol; nothing has been searched."
        )
    return prepared
