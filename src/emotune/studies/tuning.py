"""A whole search: from prepared data to the winner in `best_hyperparameters.json`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from emotune.errors import EmotuneError, InputError
from emotune.evaluation.folds import Fold, protocol_folds
from emotune.evaluation.metrics import Metric
from emotune.evaluation.protocols import protocol_of
from emotune.files import fingerprint, fingerprint_of_file, replacing
from emotune.search.development import DevelopmentData, save_development_data
from emotune.search.hypermodel import fingerprint_of_source, known_good, own_modules
from emotune.search.interruption import deferred_interrupts
from emotune.search.loop import Observer, Search, refit_all
from emotune.search.messages import Refit, WorkerSetup
from emotune.search.methods import Method, StudySettings, chosen_method, open_method, seed_of
from emotune.search.presence import Slots, n_cores
from emotune.search.space import Value
from emotune.search.trials import Best, Trial, best_of, read_best, write_best
from emotune.search.workers import WorkerPool
from emotune.studies.confirmation import Candidate, Confirmation, candidates_of, drawings, fold_orders, judge
from emotune.studies.preparation import Prepared
from emotune.studies.provenance import features_of, provenance
from emotune.studies.stored_fits import StoredFits

__all__ = ["TRAINING_VERSION", "Tuning", "TuningSettings", "first_guess_s"]

# Raised when the same configuration would be trained or scored otherwise; old studies are then put aside.
TRAINING_VERSION = 1


@dataclass(frozen=True, slots=True)
class TuningSettings:
    """What the user asked for.

    Attributes:
        method: name of the method.
        algorithm: one of its algorithms; empty for its default.
        metric: what is optimised.
        total: trials that the study shall have ended; None for `add` more than it has.
        add: trials to add.
        epochs: the most that a trial trains.
        patience: epochs without a better score before a trial ends.
        seed: of proposals and training.
        workers: processes that train.
        hypermodel: the user's file.
        folder: where studies lie (`models/tuning`).
        study: name of the study; empty for the method's default.
        fresh: put an existing study of that name aside.
        slots: where the locks lie that share the machine's cores.
        inner_folds: validation parts that a trial's score is the mean over; 1 for the split's own.
        seeds_per_trial: trainings of a trial on each of them.
    """

    method: str
    algorithm: str
    metric: Metric
    total: int | None
    add: int
    epochs: int
    patience: int
    seed: int
    workers: int
    hypermodel: Path
    folder: Path
    slots: Path
    study: str = ""
    fresh: bool = False
    inner_folds: int = 1
    seeds_per_trial: int = 1


@dataclass
class Tuning:
    """One search of one study, from opening it to its winner.

    Attributes:
        settings: what the user asked for.
        prepared: data and parts; its test rows go nowhere from here.
        say: prints one line for the user.
        method: holds the study.
        study: its name.
        algorithm: of the method.
        identity: what the study belongs to, as it was when this search began.
        starts: the configurations that come first, the space's default as {} before all others.
        folds: the inner folds, counted over the training and then the validation rows; empty for the split's own
            validation part. With fewer people than were asked for, one for each.
        held_out: what an inner fold holds out, in words; empty without them.
    """

    settings: TuningSettings
    prepared: Prepared
    say: Callable[[str], None] = print
    method: Method = field(init=False)
    study: str = field(init=False)
    algorithm: str = field(init=False)
    identity: Mapping[str, str] = field(init=False)
    starts: tuple[Mapping[str, Value], ...] = field(init=False)
    folds: tuple[Fold, ...] = field(init=False, default=())
    held_out: str = field(init=False, default="")
    _space: Path = field(init=False)
    _modules: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        self.algorithm, self.study = chosen_method(settings.method, settings.algorithm, settings.study)
        self.starts = ({}, *known_good(settings.hypermodel))
        self._draw_folds()
        self._space = self._copied_space()
        modules = own_modules(self._space, settings.hypermodel.parent)
        self._modules = {str(file.resolve()): fingerprint_of_file(file) for file in modules.values()}
        self.identity = self._identity()
        self.method = open_method(
            self.settings.method,
            StudySettings(
                name=self.study,
                folder=self.settings.folder,
                algorithm=self.algorithm,
                maximise=self.settings.metric.maximise,
                identity=self.identity,
                seed=self.settings.seed,
                epochs=self.settings.epochs,
                total=self.settings.total,
                add=self.settings.add,
                fresh=self.settings.fresh,
                starts=self.starts,
                mark=self.prepared.score_label,
                say=self.say,
            ),
        )

    def _draw_folds(self) -> None:
        """Fold the development rows by what the split's protocol holds apart.

        Raises:
            InputError: if a number is below 1, or there are no folds that can be trained and scored.
        """
        settings, split = self.settings, self.prepared.split
        for name, number in (("inner_folds", settings.inner_folds), ("seeds_per_trial", settings.seeds_per_trial)):
            if number < 1:
                raise InputError(f"`{name}` must be at least 1. Received: {number}. Take 1 for one training a trial.")
        if settings.inner_folds == 1:
            return
        rows = np.concatenate((split.train, split.validation))
        columns, seed = protocol_of(split).columns, seed_of(settings.seed, "inner folds")
        folds, self.held_out = protocol_folds(self.prepared.dataset, rows, columns, settings.inner_folds, seed)
        self.folds = tuple(folds)

    @property
    def fits_per_trial(self) -> int:
        """Trainings that make one trial."""
        return max(1, len(self.folds)) * self.settings.seeds_per_trial

    def _copied_space(self) -> Path:
        """A copy of the user's file as it is now: an edit while the search runs is for the next one."""
        source = self.settings.hypermodel
        fingerprint_of_source(source)  # if it is no Python, it is named as the user knows it
        copy = self.settings.folder / "spaces" / f"{fingerprint_of_file(source)}.py"
        if not copy.exists() or fingerprint_of_file(copy) != copy.stem:
            with replacing(copy) as beside:
                shutil.copyfile(source, beside)
        return copy

    def _identity(self) -> Mapping[str, str]:
        """What the study belongs to; when one of these has changed, its scores do not compare any more."""
        settings = self.settings
        training: list[int] = [TRAINING_VERSION, settings.epochs, settings.patience, settings.seed]
        if (settings.inner_folds, settings.seeds_per_trial) != (1, 1):
            training += [settings.inner_folds, settings.seeds_per_trial]
        return {
            "data": self.prepared.dataset.fingerprint,
            "split": self.prepared.split.fingerprint,
            "metric": settings.metric.name,
            "algorithm": f"{settings.method}/{self.algorithm}",
            "space": fingerprint_of_source(self._space, modules=settings.hypermodel.parent),
            "training": fingerprint(training),
        }

    def run(self, observer: Observer) -> list[Trial]:
        """Search; every ended trial of the study, by number. Each is stored when it ends.

        Raises:
            InputError: if the user's file cannot be run, or not build the default configuration.
            EmotuneError: if workers cannot be started.
        """
        settings = self.settings
        # In the study's own folder, so that they are put aside and taken up with it.
        weights = settings.folder / self.study / "weights" if self.algorithm == "hyperband" else None
        if weights is not None:
            weights.mkdir(parents=True, exist_ok=True)
        pool, slots = self._workers()
        try:
            with deferred_interrupts():
                trials = Search(
                    self.method, pool, slots, settings.seed, observer, weights=weights, must_build_default=True
                ).run()
        except InputError as error:
            # Workers read the copy; the user mends the original.
            raise InputError(str(error).replace(str(self._space), str(settings.hypermodel))) from error
        if weights is not None:
            shutil.rmtree(weights, ignore_errors=True)
        return trials

    def confirm(self, trials: list[Trial], on_fit: Callable[[int, int], None]) -> Confirmation | None:
        """Train the best trials and the default again on folds of the development people, and choose among them.

        Several processes of one study may ask: one computes, the others read what it found.

        Args:
            trials: of the search.
            on_fit: called with (fits done, fits in all).

        Returns:
            None where there is nothing to choose, or nothing to fold the development rows by.

        Raises:
            EmotuneError: if workers cannot be started.
        """
        settings, metric = self.settings, self.settings.metric
        candidates = candidates_of(trials, maximise=metric.maximise, n_starts=len(self.starts))
        if len(candidates) < 2:
            return None
        repeats, folds = drawings(len(trials))
        try:
            plan = fold_orders(
                candidates,
                self.prepared,
                repeats=repeats,
                folds=folds,
                seed=settings.seed,
                all_chosen_by=bool(self.folds),
            )
        except InputError as error:
            self.say(f"The winner is not confirmed on folds: {error}")
            return None
        orders, n = plan.orders, repeats * plan.n_folds
        stores = [self._stored_fits(candidate, orders[:n]) for candidate in candidates]
        with self._alone_in_confirming():
            results = {
                index * n + fold: result for index, store in enumerate(stores) for fold, result in store.read().items()
            }
            left = [index for index in range(len(orders)) if index not in results]

            def on_ended(position: int, result: Trial) -> None:
                index = left[position]
                results[index] = result
                stores[index // n].add(index % n, result)
                on_fit(len(results), len(orders))

            if left:
                pool, slots = self._workers()
                with deferred_interrupts():
                    refit_all(pool, slots, [orders[index] for index in left], on_ended)
        ordered = [results[index] for index in range(len(orders))]
        return judge(candidates, ordered, plan, metric=metric, score_label=self.prepared.score_label)

    def _stored_fits(self, candidate: Candidate, folds: Sequence[Refit]) -> StoredFits:
        """Where a configuration's fits lie: the same for every method that searches this space on these parts."""
        belongs = {name: value for name, value in self.identity.items() if name != "algorithm"}
        rows = [
            [hashlib.sha256(part.astype("<i8").tobytes()).hexdigest() for part in (fold.train, fold.validation)]
            for fold in folds
        ]
        name = fingerprint([belongs, dict(candidate.hyperparameters), rows])
        return StoredFits(self.settings.folder / "confirmations" / f"{name}.jsonl")

    @contextlib.contextmanager
    def _alone_in_confirming(self) -> Iterator[None]:
        """One process makes the fits; others of the same folder wait, and find them made."""
        folder = self.settings.folder / "confirmations"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "confirming.lock")
        try:
            lock.acquire(timeout=1)
        except Timeout:
            self.say("Another process confirms the winner on folds; waiting for it.")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _workers(self) -> tuple[WorkerPool, Slots]:
        """A pool on the development data and the study's copy of the space, and the cores to share."""
        settings = self.settings
        data = settings.folder / "data" / fingerprint([self.identity["data"], self.identity["split"]])
        if not data.is_dir():
            self._write_data(data)
        logs = settings.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        setup = WorkerSetup(
            data=str(data),
            hypermodel=str(self._space),
            hypermodel_fingerprint=self._space.stem,
            modules=self._modules,
            problem=self.prepared.problem.to_dict(),
            metric=settings.metric.name,
            epochs=settings.epochs,
            patience=settings.patience,
            log=str(logs / f"{self.study}.log"),
            search_path=(str(settings.hypermodel.parent.resolve()),),
            folds=self.folds,
            seeds_per_trial=settings.seeds_per_trial,
        )
        return WorkerPool(setup, settings.workers), Slots(settings.slots, max(n_cores(), settings.workers))

    def _write_data(self, folder: Path) -> None:
        split = self.prepared.split
        inputs, targets = self.prepared.part(split.train)
        validation_inputs, validation_targets = self.prepared.part(split.validation)
        beside = folder.with_name(f".{folder.name}-{os.getpid()}")
        save_development_data(beside, DevelopmentData(inputs, targets, validation_inputs, validation_targets))
        try:
            beside.replace(folder)
        except OSError:
            if not folder.is_dir():
                raise
            # Another process of the same search was faster; its files are the same.
            shutil.rmtree(beside, ignore_errors=True)

    def save_best(
        self, path: Path, trials: list[Trial], command: str, confirmation: Confirmation | None = None
    ) -> Trial:
        """Write the winner to `path` and give it back: the one that was confirmed, or else the search's best.

        Where the file holds a winner of the same trials that was confirmed, and nothing is confirmed now, the file
        stays and its winner is given back.

        Raises:
            EmotuneError: if no trial is complete; then nothing is written.
        """
        best = best_of(trials, maximise=self.settings.metric.maximise)
        if best is None:
            reasons = Counter(trial.reason for trial in trials if trial.state == "failed")
            why = f" Most common reason: {reasons.most_common(1)[0][0]}." if reasons else ""
            raise EmotuneError(
                f"Expected at least one complete trial, but none of {len(trials)} is.{why} "
                f"{path.name} is left as it was. Details are in {self.settings.folder / 'logs'}."
            )
        if confirmation is not None:
            best = next(trial for trial in trials if trial.number == confirmation.chosen.trial)
        elif (kept := self.confirmed_in(path, trials)) is not None:
            return kept
        default = next((trial for trial in trials if trial.number == 0), None)
        states = Counter(trial.state for trial in trials)
        metadata: dict[str, Any] = {
            "best_score": best.score if best.full_length else None,
            "score_label": self.prepared.score_label,
            "watermark": self.prepared.watermark,
            "metric": self.settings.metric.name,
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "method": self.settings.method,
            "algorithm": self.algorithm,
            "study": self.study,
            "trial": best.number,
            "n_trials": {"ended": len(trials), **states},
            "default_score": default.score if default is not None and default.full_length else None,
            "n_parameters": best.n_parameters,
            "epochs": self.settings.epochs,
            "patience": self.settings.patience,
            "inner_folds": max(1, len(self.folds)),
            "seeds_per_trial": self.settings.seeds_per_trial,
            "confirmation": None if confirmation is None else confirmation.to_dict(),
            "data": self.prepared.dataset.name,
            "target": self.prepared.dataset.provenance.get("target"),
            "features": features_of(self.prepared.dataset),
            "normalisation": self.prepared.normalisation.to_dict(),
            "findings": [finding.to_dict() for finding in self.prepared.findings],
            "split": self.prepared.split.to_dict(),
            "fingerprints": dict(self.identity),
            **provenance(self.settings.seed, command),
        }
        write_best(path, Best(best.hyperparameters, metadata))
        return best

    def confirmed_in(self, path: Path, trials: Sequence[Trial]) -> Trial | None:
        """The trial that `path` holds, if it is one of these and was confirmed when the study had just these."""
        try:
            best = read_best(path)
        except InputError:
            return None  # none yet, or a damaged one, which is replaced
        metadata = best.metadata
        same = metadata.get("fingerprints") == dict(self.identity) and metadata.get("study") == self.study
        if not (same and metadata.get("confirmation") and metadata.get("n_trials", {}).get("ended") == len(trials)):
            return None
        # A study that was begun anew has other trials by the same numbers.
        alike = (trial for trial in trials if trial.number == metadata.get("trial") and trial.state == "complete")
        return next((trial for trial in alike if dict(trial.hyperparameters) == dict(best.hyperparameters)), None)


def first_guess_s(n_rows: int, epochs: int, n_trials: int, n_parallel: int) -> float:
    """A first guess of a search's seconds, before any trial of it has been timed.

    Two seconds to build and trace a network, and a third of the epochs at about 0.15 ms a row, as the networks
    of the default space took on one core of a laptop; pruning and patience end most trials early.
    """
    return n_trials * (2.0 + epochs / 3 * n_rows * 0.15e-3) / max(1, n_parallel)
