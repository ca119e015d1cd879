"""Method `optuna`: Optuna proposes, prunes and keeps the study in its own database.

Several processes may work on one study. Whatever must not interleave (creating the schema, putting a study
aside, counting and opening a trial) happens under one file lock; without it a third to half of simultaneous
starters die in SQLite.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from emotune.errors import EmotuneError, InputError
from emotune.search.methods.aside import aside_name, changed_keys, free_name, latest_name, why_aside
from emotune.search.methods.median import is_pruned, median_pruner
from emotune.search.methods.method import Nothing, StudySettings, Ticket, seed_of
from emotune.search.methods.optuna_database import open_database
from emotune.search.presence import Presence
from emotune.search.space import Parameter, Value
from emotune.search.trials import Trial

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

__all__ = ["ALGORITHMS", "OptunaMethod"]

# Random trials before TPE models anything; Optuna's own default.
SAMPLER_STARTUP_TRIALS = 10

_LOCK_TIMEOUT_S = 120


def _tpe(seed: int) -> BaseSampler:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed, n_startup_trials=SAMPLER_STARTUP_TRIALS)


def _random(seed: int) -> BaseSampler:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


ALGORITHMS: dict[str, Callable[[int], BaseSampler]] = {"tpe": _tpe, "random": _random}


class OptunaMethod:
    """See `emotune.search.methods.method.Method`."""

    needs_space = False

    def __init__(self, settings: StudySettings) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._settings = settings
        settings.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(settings.folder / "optuna.lock")
        self._presence = Presence(settings.folder / "owners")
        self._start_value: Value | None = None
        with self._locked():
            self._storage = open_database(settings.folder / "optuna.db")
            self._study = self._open_study()
            self._join()
            self._hand_back_orphans()
            n_trials = sum(trial.state.name != "WAITING" for trial in self._study.get_trials(deepcopy=False))
        self.total = n_trials + settings.add if settings.total is None else settings.total

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import Timeout

        try:
            with self._lock.acquire(timeout=_LOCK_TIMEOUT_S):
                yield
        except Timeout:
            raise EmotuneError(
                f"Expected the lock {self._lock.lock_file} to be free within {_LOCK_TIMEOUT_S} s, but another process "
                "holds it. End that process and run the same command again; nothing is lost."
            ) from None

    def _open_study(self) -> optuna.Study:
        import optuna

        name, identity = self._settings.name, dict(self._settings.identity)
        names = set(optuna.get_all_study_names(self._storage))
        if name in names:
            study = optuna.load_study(study_name=name, storage=self._storage)
            theirs = study.user_attrs.get("identity", {})
            changed = changed_keys(theirs, identity)
            if not changed and not self._settings.fresh:
                return study
            self._put_aside(study, theirs, changed, names)
        earlier = latest_name(aside_name(name, identity), names.__contains__)
        if earlier is not None and not self._settings.fresh:
            self._settings.say(f"The earlier study {earlier} fits this run again: it is continued as {name}.")
            self._rename(earlier, name)
            return optuna.load_study(study_name=name, storage=self._storage)
        maximise, minimise = optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE
        direction = maximise if self._settings.maximise else minimise
        study = optuna.create_study(storage=self._storage, study_name=name, direction=direction)
        study.set_user_attr("identity", identity)
        return study

    def _put_aside(
        self, study: optuna.Study, theirs: Mapping[str, str], changed: Sequence[str], names: set[str]
    ) -> None:
        if any(map(self._presence.is_alive, study.user_attrs.get("processes", []))):
            raise InputError(
                f"Study {study.study_name} is being searched by another process with another "
                f"{' and another '.join(changed) or 'start'}. Wait until it ends, or use --study NAME."
            )
        aside = free_name(aside_name(study.study_name, theirs), names.__contains__)
        self._rename(study.study_name, aside)
        self._settings.say(f"The study {study.study_name} is put aside as {aside}: {why_aside(changed)}.")

    def _rename(self, old: str, new: str) -> None:
        import sqlalchemy

        # Optuna has no renaming, and a copy that a kill cuts short would pass for the whole study.
        statement = sqlalchemy.text("UPDATE studies SET study_name = :new WHERE study_name = :old")
        with self._storage.engine.begin() as connection:
            connection.execute(statement, {"old": old, "new": new})

    def _join(self) -> None:
        """Let others see that this process works on the study, also before its first trial."""
        alive = [name for name in self._study.user_attrs.get("processes", []) if self._presence.is_alive(name)]
        self._study.set_user_attr("processes", [*alive, self._presence.name])
        if self._settings.mark:
            # For whoever plots the study by Optuna's own means.
            self._study.set_user_attr("score_label", self._settings.mark)

    def _hand_back_orphans(self) -> None:
        """Trials of this machine whose owner is dead wait to be trained again, once."""
        from optuna.trial import TrialState

        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            owner, host = trial.user_attrs.get("owner", ""), trial.user_attrs.get("host", "")
            if host not in ("", self._presence.host) or self._presence.is_alive(owner):
                continue
            self._hand_back(trial, killed=True)

    def _hand_back(self, trial: FrozenTrial, *, killed: bool) -> None:
        """Let a trial that nobody trains wait for whoever goes on; a kill is counted, an interruption is not."""
        from optuna.trial import TrialState

        starts = int(trial.user_attrs.get("starts", 1))
        if "emotune" in trial.user_attrs:
            # Stopped between storing the result and closing the trial.
            self._close_trial(Trial.from_dict(trial.user_attrs["emotune"]))
        elif killed and starts > 1:
            ended = Trial(trial.number, "failed", dict(trial.params), reason="its process was killed twice")
            self._storage.set_trial_user_attr(trial._trial_id, "emotune", ended.to_dict())
            self._close_trial(ended)
        else:
            self._storage.set_trial_user_attr(trial._trial_id, "starts", starts - (not killed))
            self._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)

    def learn_space(self, parameters: Sequence[Parameter]) -> None:
        """Nothing to do: Optuna learns the space by being asked."""

    def ask(self) -> Ticket | Nothing:
        """Open a trial under the lock; trials that wait to be trained again come first."""
        from optuna.trial import TrialState

        with self._locked():
            self._hand_back_orphans()
            trials = self._study.get_trials(deepcopy=False)
            waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
            if len(trials) - len(waiting) >= self.total:
                running = any(trial.state == TrialState.RUNNING for trial in trials)
                return Nothing.WAIT if running else Nothing.DONE
            # Each trial has its own seed: a search that goes on never repeats the proposals it began with.
            number = waiting[0].number if waiting else len(trials)
            seed = seed_of(self._settings.seed, "sampler", number)
            self._study.sampler = _starts_first(ALGORITHMS[self._settings.algorithm](seed), self)
            trial = self._study.ask()
            trial.set_user_attr("owner", self._presence.name)
            trial.set_user_attr("host", self._presence.host)
            trial.set_user_attr("starts", int(trial.user_attrs.get("starts", 0)) + 1)
        return Ticket(trial.number, handle=trial)

    def suggest(self, ticket: Ticket, parameter: Parameter) -> Value:
        """Ask Optuna for a value; the first trials of a study have theirs given."""
        trial: Any = ticket.handle
        if ticket.number < len(self._settings.starts):
            self._start_value = self._settings.start_value(ticket.number, parameter)
        try:
            value = _suggested(trial, parameter)
        except ValueError as error:
            raise InputError(
                f"Hyperparameter `{parameter.name}` must be declared alike in every trial: the same values of a "
                f"choice; for numbers the same kind and sampling. Received: {parameter.to_dict()}, unlike before. "
                "Give each declaration its own name."
            ) from error
        return parameter.checked(value) if parameter.kind == "float" else value

    def report(self, ticket: Ticket, epoch: int, score: float) -> bool:
        """Hand the score to the pruner."""
        trial: Any = ticket.handle
        self._study.pruner = median_pruner()
        with warnings.catch_warnings():
            # A trial that is trained once more reports the same again.
            warnings.simplefilter("ignore")
            trial.report(score, epoch)
        # What is known to be good is the yardstick: it always trains to its end.
        if ticket.number < len(self._settings.starts):
            return False
        return is_pruned(self._study, self._storage.get_trial(trial._trial_id), self._settings.epochs)

    def tell(self, ticket: Ticket, trial: Trial) -> None:
        """Store the result and close the trial."""
        handle: Any = ticket.handle
        handle.set_user_attr("emotune", trial.to_dict())
        self._close_trial(trial)
        self._settings.say_unused(trial)

    def _close_trial(self, trial: Trial) -> None:
        from optuna.trial import TrialState

        if trial.state == "complete":
            self._study.tell(trial.number, trial.score)
        else:
            self._study.tell(trial.number, state=TrialState.PRUNED if trial.state == "pruned" else TrialState.FAIL)

    def release(self, ticket: Ticket) -> None:
        """Let the trial wait for whoever goes on; an interruption is not the trial's fault and not counted."""
        handle: Any = ticket.handle
        self._hand_back(self._storage.get_trial(handle._trial_id), killed=False)

    def trials(self) -> list[Trial]:
        """Every ended trial, by number."""
        return [_ended(trial) for trial in self._study.get_trials(deepcopy=False) if trial.state.is_finished()]

    def close(self) -> None:
        """Hand back what an interruption has left open, and let go of the name that marks this process' trials."""
        from optuna.trial import TrialState

        try:
            for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if trial.user_attrs.get("owner") == self._presence.name:
                    self._hand_back(trial, killed=False)
        finally:
            self._presence.close()
            self._storage.remove_session()
            self._storage.engine.dispose()


def _suggested(trial: Any, parameter: Parameter) -> Value:
    """Optuna's value.

    Raises:
        ValueError: if the study knows the name as something else.
    """
    if parameter.choices:
        value: Value = trial.suggest_categorical(parameter.name, list(parameter.choices))
        return value
    suggest = trial.suggest_int if parameter.kind == "int" else trial.suggest_float
    step = {} if parameter.step is None else {"step": parameter.step}
    with warnings.catch_warnings():
        # A step that does not divide the range: the space's own lattice ends where Optuna's does.
        warnings.simplefilter("ignore")
        number: Value = suggest(parameter.name, parameter.low, parameter.high, log=parameter.log, **step)
    return number


def _ended(trial: FrozenTrial) -> Trial:
    content = trial.user_attrs.get("emotune")
    if content is not None:
        return Trial.from_dict(content)
    # Ended by somebody else's hand, such as the dashboard's.
    return Trial(trial.number, "failed", dict(trial.params), reason="ended without a result")


def _starts_first(sampler: BaseSampler, method: OptunaMethod) -> BaseSampler:
    """`sampler`, but the first trials take what is given, which is known only as each name is asked for."""
    from optuna.samplers import BaseSampler

    n_starts = len(method._settings.starts)

    class StartsFirst(BaseSampler):
        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            return {} if trial.number < n_starts else sampler.infer_relative_search_space(study, trial)

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
            return {} if trial.number < n_starts else sampler.sample_relative(study, trial, search_space)

        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            if trial.number < n_starts:
                return method._start_value
            return sampler.sample_independent(study, trial, param_name, param_distribution)

        def before_trial(self, study: Any, trial: Any) -> None:
            sampler.before_trial(study, trial)

        def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
            sampler.after_trial(study, trial, state, values)

    return StartsFirst()
