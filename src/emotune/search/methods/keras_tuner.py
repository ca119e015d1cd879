"""Method `keras-tuner`: KerasTuner's oracles propose; training happens in our workers.

An oracle keeps its own files under the study's folder. Its Gaussian process can think for seconds, so every
call to it runs in one thread of its own and the search never waits for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from emotune.errors import EmotuneError, InputError
from emotune.files import read_json, write_json
from emotune.search.methods.aside import aside_name, changed_keys, free_name, latest_name, why_aside
from emotune.search.methods.keras_tuner_oracles import declare, end_trial, import_library, make_oracle, quiet
from emotune.search.methods.median import MedianOfOthers
from emotune.search.methods.method import Nothing, StudySettings, Ticket, seed_of
from emotune.search.presence import only_owner
from emotune.search.space import Parameter, Value
from emotune.search.trial_log import append_trial, read_trials
from emotune.search.trials import Trial

__all__ = ["KerasTunerMethod"]


class KerasTunerMethod:
    """See `emotune.search.methods.method.Method`."""

    needs_space = True

    def __init__(self, settings: StudySettings) -> None:
        self._settings = settings
        self._folder = settings.folder / settings.name
        self._owner = only_owner(
            settings.folder / "owners" / f"{settings.name}.lock",
            f"Another process is searching the KerasTuner study {settings.name}, which takes one process. Wait until "
            "it ends, give this run its own name by --study NAME, or use --method optuna, which many can share.",
        )
        self._owner.__enter__()
        self._oracle: Any = None
        self._pruner = MedianOfOthers(settings.maximise, settings.epochs)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="oracle")
        # KerasTuner brings TensorFlow with it: imported while data and workers get ready.
        self._library: Future[Any] = self._thread.submit(import_library)
        self._next: Future[Any] | None = None
        self._told: list[Future[None]] = []
        self._open: dict[int, Any] = {}
        self._n_tickets = 0
        try:
            self._take_up()
            self._ended = {trial.number: trial for trial in read_trials(self._folder / "trials.jsonl")}
        except BaseException:
            self.close()
            raise
        for trial in self._ended.values():
            self._pruner.learn(trial)
        self.total = len(self._ended) + settings.add if settings.total is None else settings.total

    def _take_up(self) -> None:
        """Go on with the study of this name if it is this run's; put it aside if it is not."""
        settings, identity, path = self._settings, dict(self._settings.identity), self._folder / "study.json"
        if path.exists():
            theirs = self._identity_in(path)
            changed = changed_keys(theirs, identity)
            if changed or settings.fresh:
                aside = free_name(aside_name(settings.name, theirs), self._exists)
                self._folder.replace(settings.folder / aside)
                settings.say(f"The study {settings.name} is put aside as {aside}: {why_aside(changed)}.")
        elif self._folder.exists():
            self._refuse_what_is_not_ours()
        earlier = latest_name(aside_name(settings.name, identity), self._exists)
        if not path.exists() and earlier is not None and not settings.fresh:
            if self._folder.exists():
                shutil.rmtree(self._folder)  # a start that was killed before it had written study.json
            (settings.folder / earlier).replace(self._folder)
            settings.say(f"The earlier study {earlier} fits this run again: it is continued as {settings.name}.")
        if not path.exists():
            write_json(path, {"identity": identity, "algorithm": settings.algorithm})

    def _exists(self, name: str) -> bool:
        return (self._settings.folder / name).exists()

    def _refuse_what_is_not_ours(self) -> None:
        found = sorted(entry.name for entry in self._folder.iterdir() if not fnmatch(entry.name, ".study-*.json"))
        if found:
            raise InputError(
                f"The folder {self._folder} must be empty or a study's own, with the file study.json. "
                f"Received: a folder with {', '.join(found[:3])}{', ...' if len(found) > 3 else ''} and no study.json. "
                "Move it away, or give this run its own name by --study NAME."
            )

    def _identity_in(self, path: Path) -> Mapping[str, str]:
        try:
            content = read_json(path, remedy="Start anew with --fresh; the folder is put aside, not deleted.")
        except InputError:
            if self._settings.fresh:
                return {}
            raise
        theirs = content.get("identity") if isinstance(content, dict) else None
        return theirs if isinstance(theirs, dict) else {}

    def learn_space(self, parameters: Sequence[Parameter]) -> None:
        """Make the oracle, with the space as discovered, and let it read its files."""
        self._oracle = self._thread.submit(self._make_oracle, list(parameters)).result()

    def _make_oracle(self, parameters: list[Parameter]) -> Any:
        oracle = make_oracle(self._library.result(), self._settings, self.total, parameters)
        if any((self._folder / name).exists() for name in ("oracle.json", "oracle.copy.json")):
            self._reload(oracle)
        oracle.max_trials = self.total
        return oracle

    def _reload(self, oracle: Any) -> None:
        path, copy = self._folder / "oracle.json", self._folder / "oracle.copy.json"
        for source in (path, copy):
            try:
                json.loads(source.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if source is copy:
                self._settings.say(f"{path} was damaged; its copy is used.")
                shutil.copyfile(copy, path)
            break
        try:
            oracle.reload()
            self._reconcile(oracle)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            raise EmotuneError(
                f"Expected KerasTuner's files in {self._folder}, but they are damaged "
                f"({type(error).__name__}: {error}). Start anew with --fresh; the folder is put aside, not deleted."
            ) from error

    def _reconcile(self, oracle: Any) -> None:
        """Where a kill came between two files, the study's own record of ended trials is right: it is written first."""
        for name in set(oracle.trials) - set(oracle.start_order):
            # Saved, but never handed out.
            del oracle.trials[name]
            shutil.rmtree(self._folder / f"trial_{name}", ignore_errors=True)
        if missing := sorted(set(oracle.start_order) - set(oracle.trials)):
            raise ValueError(f"no trial.json of trial {', '.join(missing)}")
        again = []
        for number, name in enumerate(oracle.start_order):
            ended = self._ended.get(number)
            if ended is None:
                again.append(name)
            elif name not in oracle.end_order:
                end_trial(oracle, oracle.trials[name], ended)
        oracle.end_order[:] = [name for name in oracle.end_order if name not in again]
        # The oracle takes them from the end.
        oracle._retry_queue[:] = again[::-1]

    def ask(self) -> Ticket | Nothing:
        """Open a trial if the oracle has one ready."""
        self._told = [future for future in self._told if not _done(future)]
        if self._is_given_out():
            return Nothing.WAIT if self._open or self._told else Nothing.DONE
        if self._next is None:
            self._next = self._propose()
        if not self._next.done():
            # A random proposal is there at once; only the Gaussian process takes its time.
            with contextlib.suppress(TimeoutError):
                self._next.result(timeout=0.05)
            if not self._next.done():
                return Nothing.WAIT
        proposed, self._next = self._next.result(), None
        if proposed.status != "RUNNING":
            return Nothing.WAIT if self._open or self._told or proposed.status == "IDLE" else Nothing.DONE
        number = self._oracle.start_order.index(proposed.trial_id)
        self._open[number] = proposed
        if self._settings.algorithm == "bayesian" and not self._is_given_out():
            self._next = self._propose()
        values = proposed.hyperparameters.values
        earlier = values.get("tuner/trial_id")
        return Ticket(
            number,
            last_epoch=values.get("tuner/epochs"),
            first_epoch=values.get("tuner/initial_epoch", 0),
            continues=None if earlier is None else self._oracle.start_order.index(earlier),
            handle=proposed,
        )

    def _is_given_out(self) -> bool:
        return len(self._ended) + len(self._open) >= self.total

    def _propose(self) -> Future[Any]:
        self._n_tickets += 1
        return self._thread.submit(self._create, f"worker-{os.getpid()}-{self._n_tickets}")

    def _create(self, tuner_id: str) -> Any:
        import sklearn
        from threadpoolctl import threadpool_limits

        # The Gaussian process is asked about ten thousand points one by one: checks of each and threads for each
        # would take three times as long as the arithmetic.
        checks = sklearn.config_context(assume_finite=True, skip_parameter_validation=True)
        with quiet(), threadpool_limits(1), checks:
            return self._oracle.create_trial(tuner_id)

    def suggest(self, ticket: Ticket, parameter: Parameter) -> Value:
        """The oracle's value; a parameter that the discovery had not met is drawn and made known."""
        trial: Any = ticket.handle
        if parameter.n_values == 1:
            return parameter.value_at(0)
        values = trial.hyperparameters.values
        if parameter.name not in values:
            source = random.Random(seed_of(self._settings.seed, "missed", ticket.number, parameter.name))
            given = ticket.number < len(self._settings.starts)
            values[parameter.name] = (
                self._settings.start_value(ticket.number, parameter) if given else parameter.draw(source)
            )
            declare(trial.hyperparameters, parameter)
        value: Value = values[parameter.name]
        return parameter.checked(value)

    def report(self, ticket: Ticket, epoch: int, score: float) -> bool:
        """The median rule over this study's trials; Hyperband shortens trials in its own way."""
        if self._settings.algorithm == "hyperband" or ticket.number < len(self._settings.starts):
            return False
        return self._pruner.is_worse(ticket.number, epoch, score)

    def tell(self, ticket: Ticket, trial: Trial) -> None:
        """Store the result here first, then let the oracle learn from it."""
        self._ended[trial.number] = trial
        self._pruner.learn(trial)
        append_trial(self._folder / "trials.jsonl", trial)
        self._open.pop(ticket.number, None)
        self._told.append(self._thread.submit(end_trial, self._oracle, ticket.handle, trial))
        self._settings.say_unused(trial)

    def release(self, ticket: Ticket) -> None:
        """Nothing to write: the oracle's file lists the trial as ongoing and hands it out again."""
        self._open.pop(ticket.number, None)

    def trials(self) -> list[Trial]:
        """Every ended trial, by number."""
        return [self._ended[number] for number in sorted(self._ended)]

    def close(self) -> None:
        """Let the oracle finish what it was told, then give the study free."""
        if self._next is not None:
            self._next.cancel()
        self._thread.shutdown(wait=True)
        self._owner.__exit__(None, None, None)


def _done(future: Future[None]) -> bool:
    """Whether a call has ended; an error of the oracle's becomes the search's."""
    if not future.done():
        return False
    future.result()
    return True
