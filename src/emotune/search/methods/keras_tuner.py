"""Method `keras-tuner`: KerasTuner's oracles propose; training happens in our workers.

An oracle keeps its own files under the study's folder. Its Gaussian process can think for seconds, so every
call to it runs in one thread of its own and the search never waits for it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from emotune.errors import EmotuneError, InputError
from emotune.files import fingerprint, read_json, write_json, write_text
from emotune.imports import import_quietly
from emotune.search.methods.method import Nothing, StudySettings, Ticket, seed_of
from emotune.search.presence import only_owner
from emotune.search.rungs import reported, rungs
from emotune.search.space import Parameter, Value
from emotune.search.trials import Trial

__all__ = ["KerasTunerMethod", "hyperband_factor"]


# KerasTuner's default, three times the dimensions, would leave a search of 50 trials random.
N_INITIAL_POINTS = 10

# Failures are recorded one by one; a row of them is the search's business, not the oracle's.
_NEVER = 10**9


class KerasTunerMethod:
    """See `emotune.search.methods.method.Method`."""

    needs_space = True

    def __init__(self, settings: StudySettings) -> None:
        self._settings = settings
        self._folder = settings.folder / settings.name
        self._owner = only_owner(
            settings.folder / f"{settings.name}.lock",
            f"Another process is searching the KerasTuner study {settings.name}, which takes one process. Wait until "
            "it ends, give this run its own name by --study NAME, or use --method optuna, which many can share.",
        )
        self._owner.__enter__()
        self._oracle: Any = None
        self._pruner = _MedianOfOthers(settings.maximise)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="oracle")
        # KerasTuner brings TensorFlow with it: imported while data and workers get ready.
        self._library: Future[Any] = self._thread.submit(_import_library)
        self._next: Future[Any] | None = None
        self._told: list[Future[None]] = []
        self._open: dict[int, Any] = {}
        self._n_tickets = 0
        try:
            self._take_up()
            self._ended = {trial.number: trial for trial in _read_trials(self._folder / "trials.jsonl")}
        except BaseException:
            self.close()
            raise
        for trial in self._ended.values():
            self._pruner.learn(trial)
        self.total = len(self._ended) + settings.add if settings.total is None else settings.total

    def _take_up(self) -> None:
        """Go on with the study of this name if it is this run's; put it aside if it is not."""
        identity, path = dict(self._settings.identity), self._folder / "study.json"
        if path.exists():
            theirs = self._identity_in(path)
            changed = [key for key in identity if theirs.get(key) != identity[key]]
            if changed or self._settings.fresh:
                aside = _free(self._folder.with_name(f"{self._settings.name}-{fingerprint(theirs)[:8]}"))
                self._folder.replace(aside)
                why = f"this run has another {' and another '.join(changed)}" if changed else "--fresh starts anew"
                self._settings.say(f"The study {self._settings.name} is put aside as {aside.name}: {why}.")
        earlier = _latest(self._folder.with_name(f"{self._settings.name}-{fingerprint(identity)[:8]}"))
        if not path.exists() and earlier.is_dir() and not self._settings.fresh:
            if self._folder.exists():
                shutil.rmtree(self._folder)  # no study.json: a start that was killed before its first trial
            earlier.replace(self._folder)
            self._settings.say(f"The earlier study {earlier.name} fits this run again: it is continued.")
        if not path.exists():
            write_json(path, {"identity": identity, "algorithm": self._settings.algorithm})

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
        library = self._library.result()
        space = library.HyperParameters()
        for parameter in parameters:
            _declare(space, parameter)
        defaults = {parameter.name: parameter.default for parameter in parameters}
        oracle = _oracle(library, self._settings, self.total, space, defaults)
        oracle.verbose = 0
        # The one private call: a tuner of KerasTuner's would make it.
        oracle._set_project_dir(str(self._settings.folder), self._settings.name)
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
                _end(oracle, oracle.trials[name], ended)
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
        with _quiet(), threadpool_limits(1), checks:
            return self._oracle.create_trial(tuner_id)

    def suggest(self, ticket: Ticket, parameter: Parameter) -> Value:
        """The oracle's value; a parameter that the discovery had not met is drawn and made known."""
        trial: Any = ticket.handle
        if parameter.n_values == 1:
            return parameter.value_at(0)
        values = trial.hyperparameters.values
        if parameter.name not in values:
            source = random.Random(seed_of(self._settings.seed, "missed", ticket.number, parameter.name))
            values[parameter.name] = parameter.draw(source)
            _declare(trial.hyperparameters, parameter)
        value: Value = values[parameter.name]
        return parameter.checked(value)

    def report(self, ticket: Ticket, epoch: int, score: float) -> bool:
        """The median rule over this study's trials; Hyperband shortens trials in its own way."""
        if self._settings.algorithm == "hyperband" or ticket.number == 0:
            return False
        return self._pruner.is_worse(ticket.number, epoch, score)

    def tell(self, ticket: Ticket, trial: Trial) -> None:
        """Store the result here first, then let the oracle learn from it."""
        self._ended[trial.number] = trial
        self._pruner.learn(trial)
        with (self._folder / "trials.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(trial.to_dict(), allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._open.pop(ticket.number, None)
        self._told.append(self._thread.submit(_end, self._oracle, ticket.handle, trial))

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


def _end(oracle: Any, handle: Any, trial: Trial) -> None:
    """Let an oracle learn how one of its trials ended."""
    keep = {name: value for name, value in handle.hyperparameters.values.items() if name.startswith("tuner/")}
    # Values of branches that the model did not take are no result of this trial: they stand at their defaults, or
    # KerasTuner would draw some of its own, without a seed, and its Gaussian process would learn from them.
    unused = {known.name: known.default for known in oracle.hyperparameters.space}
    handle.hyperparameters.values = {**unused, **keep, **trial.hyperparameters}
    with _quiet():
        if trial.state == "failed" or trial.score is None:
            handle.status, handle.message = "FAILED", trial.reason
        else:
            handle.status = "COMPLETED"
            oracle.update_trial(handle.trial_id, {"score": trial.score})
        oracle.end_trial(handle)


def hyperband_factor(epochs: int, total: int) -> int:
    """The smallest reduction factor (from 3) with which one Hyperband iteration fits into `total` trials.

    Every trial that survives is trained `epochs` epochs, so the winner has a full-length score. A budget too
    small for halving gives a factor above `epochs`: each trial is then trained in full.
    """
    return next((factor for factor in range(3, epochs + 1) if _iteration(epochs, factor) <= total), epochs + 1)


def _iteration(epochs: int, factor: int) -> int:
    """Trials of one iteration of KerasTuner's Hyperband, whose every round of a bracket is a trial again."""
    n_brackets = 1
    while epochs / factor**n_brackets >= 1:
        n_brackets += 1
    end_size = math.ceil(1 + math.log(epochs, factor))
    return sum(
        math.ceil(end_size / (bracket + 1) * factor ** (bracket - round_number))
        for bracket in range(n_brackets)
        for round_number in range(bracket + 1)
    )


class _MedianOfOthers:
    """Optuna's median pruner over trials that live outside Optuna."""

    def __init__(self, maximise: bool) -> None:
        import optuna

        from emotune.search.methods.optuna import PRUNER_STARTUP_TRIALS

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._optuna = optuna
        self._study = optuna.create_study(
            direction="maximize" if maximise else "minimize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=PRUNER_STARTUP_TRIALS),
        )
        self._reports: dict[int, dict[int, float]] = {}

    def is_worse(self, number: int, epoch: int, score: float) -> bool:
        # A trial that is trained once more begins anew.
        reports = {earlier: value for earlier, value in self._reports.get(number, {}).items() if earlier < epoch}
        reports[epoch] = score
        self._reports[number] = reports
        running = self._optuna.trial.TrialState.RUNNING
        trial = self._optuna.trial.create_trial(state=running, intermediate_values=dict(reports))
        return bool(self._study.pruner.prune(self._study, trial))

    def learn(self, trial: Trial) -> None:
        self._reports.pop(trial.number, None)
        if trial.state != "complete" or trial.score is None:
            return
        values = {epoch: reported(trial.scores, epoch) for epoch in rungs(len(trial.scores))}
        self._study.add_trial(self._optuna.trial.create_trial(value=trial.score, intermediate_values=values))


def _import_library() -> Any:
    with _quiet():
        import_quietly("keras_tuner.oracles")
        return import_quietly("keras_tuner")


@contextlib.contextmanager
def _quiet() -> Any:
    with warnings.catch_warnings():
        # KerasTuner is frozen and calls what Python, SciPy and scikit-learn have since renamed.
        warnings.simplefilter("ignore")
        yield


def _oracle(library: Any, settings: StudySettings, total: int, space: Any, defaults: Mapping[str, Value]) -> Any:
    common = {
        "objective": library.Objective("score", direction="max" if settings.maximise else "min"),
        "hyperparameters": space,
        "seed": settings.seed or 1,  # KerasTuner takes 0 for no seed
        "max_consecutive_failed_trials": _NEVER,
    }
    oracles: dict[str, Callable[[], tuple[type, dict[str, Any]]]] = {
        "bayesian": lambda: (
            library.oracles.BayesianOptimizationOracle,
            {"max_trials": total, "num_initial_points": N_INITIAL_POINTS},
        ),
        "random": lambda: (library.oracles.RandomSearchOracle, {"max_trials": total}),
        "hyperband": lambda: (
            library.oracles.HyperbandOracle,
            {
                "max_epochs": settings.epochs,
                "factor": hyperband_factor(settings.epochs, total),
                "hyperband_iterations": None,
            },
        ),
    }
    base, special = oracles[settings.algorithm]()

    class DefaultFirst(base):  # type: ignore[misc, valid-type]
        """The oracle, but its first trial takes the space's defaults, and its files are written whole."""

        def save(self) -> None:
            # With a copy: without this file nothing of a study can be used.
            for name in ("oracle.json", "oracle.copy.json"):
                _write(Path(self._project_dir) / name, self.get_state())

        def _save_trial(self, trial: Any) -> None:
            _write(Path(self._project_dir) / f"trial_{trial.trial_id}" / "trial.json", trial.get_state())

        def populate_space(self, trial_id: str) -> Any:
            response = super().populate_space(trial_id)
            if not self.trials and response.get("values"):
                known = response["values"]
                known.update({name: value for name, value in defaults.items() if name in known})
            return response

    return DefaultFirst(**common, **special)


def _declare(space: Any, parameter: Parameter) -> None:
    """Put one of our parameters into KerasTuner's words."""
    if parameter.n_values == 1:
        return
    if parameter.kind == "boolean":
        space.Boolean(parameter.name, default=bool(parameter.default))
    elif parameter.choices:
        space.Choice(parameter.name, list(parameter.choices), default=parameter.default)
    elif parameter.kind == "int":
        step = {} if parameter.log else {"step": int(parameter.step or 1)}
        sampling = "log" if parameter.log else "linear"
        space.Int(
            parameter.name,
            parameter.low,
            parameter.high,
            default=parameter.default,
            sampling=sampling,
            **step,
        )
    elif parameter.step is not None:
        # KerasTuner's stepped float never gives its top value; as an ordered choice every value can come.
        values = [parameter.value_at(index) for index in range(int(parameter.n_values))]
        space.Choice(parameter.name, values, ordered=True, default=parameter.default)
    else:
        sampling = "log" if parameter.log else "linear"
        space.Float(parameter.name, parameter.low, parameter.high, default=parameter.default, sampling=sampling)


def _read_trials(path: Path) -> list[Trial]:
    """The trials of a file with one JSON line each; a last line cut short by a kill is dropped."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    trials = []
    for number, line in enumerate(lines, start=1):
        try:
            trials.append(Trial.from_dict(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            if number == len(lines):
                break
            raise InputError(
                f"Expected a trial on line {number} of {path}, but it is damaged. Start anew with --fresh."
            ) from None
    if len(trials) < len(lines) or not text.endswith("\n"):
        # Or the next line would be put behind the torn one.
        write_text(path, "".join(f"{line}\n" for line in lines[: len(trials)]))
    return trials


def _write(path: Path, content: Any) -> None:
    """KerasTuner's JSON (it knows infinity), whole or not at all."""
    write_text(path, json.dumps(content))


def _latest(path: Path) -> Path:
    """The folder that was put aside last under this name, which is followed by -2, -3, ... when it is taken."""
    number = 2
    latest = path
    while (following := path.with_name(f"{path.name}-{number}")).is_dir():
        latest = following
        number += 1
    return latest


def _free(path: Path) -> Path:
    number = 2
    free = path
    while free.exists():
        free = path.with_name(f"{path.name}-{number}")
        number += 1
    return free


def _done(future: Future[None]) -> bool:
    """Whether a call has ended; an error of the oracle's becomes the search's."""
    if not future.done():
        return False
    future.result()
    return True
