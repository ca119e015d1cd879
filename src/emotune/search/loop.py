"""The search itself: a method proposes, workers train, results flow back. This process trains nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from filelock import BaseFileLock

from emotune.errors import EmotuneError, InputError
from emotune.search.messages import Answer, Asked, Ended, Explore, Explored, Refit, Reported, Train
from emotune.search.methods.method import BadStart, Method, Nothing, Ticket, seed_of
from emotune.search.presence import Slots
from emotune.search.space import Parameter
from emotune.search.trials import Trial
from emotune.search.workers import Gone, Worker, WorkerPool

__all__ = ["Observer", "Search", "refit_all"]

# How long to sit on the pipes before looking at slots and other processes again.
_TICK_S = 0.2

# A worker that dies while it builds the space's models is tried once more, as with a trial.
_MAX_DEATHS_EXPLORING = 2

# A shorter pause is no news.
_SAY_WAITING_AFTER_S = 3.0


class Observer(Protocol):
    """Who watches a search: the progress display, a test."""

    def started(self, number: int) -> None:
        """A trial was given to a worker."""
        ...

    def ended(self, trial: Trial) -> None:
        """A trial of this process has ended and is stored."""
        ...

    def waiting(self, what: str) -> None:
        """Nothing of this process has run for a while: it waits for what is given."""
        ...


@dataclass
class _Running:
    ticket: Ticket
    slot: BaseFileLock
    begun: float
    retried: bool = False


@dataclass
class Search:
    """Train the trials that `method` proposes on the workers of `pool` until the study has its total.

    Attributes:
        method: proposes and learns.
        pool: trains.
        slots: the machine's cores, shared with other searches on it.
        seed: of the trials' initial weights and batches.
        weights: folder for the weights of trials that may be continued; None where no trial ever is.
        observer: is told what happens.
        must_build_default: whether trial 0 is the space's default configuration, without which no search begins.
    """

    method: Method
    pool: WorkerPool
    slots: Slots
    seed: int
    observer: Observer
    weights: Path | None = None
    must_build_default: bool = False
    _running: dict[Worker, _Running] = field(default_factory=dict)
    _retries: list[_Running] = field(default_factory=list)
    _idle_since: float = field(default_factory=time.monotonic)

    def run(self) -> list[Trial]:
        """Search until the study has its total in all processes together.

        Raises:
            InputError: if the space, or the default configuration, cannot be built.
            EmotuneError: if workers cannot be started.
        """
        try:
            if self.method.needs_space and not self._is_full():
                self.method.learn_space(self.explore())
            while self._give_orders() is not Nothing.DONE or self._running:
                for worker, message in self.pool.wait(_TICK_S):
                    self._receive(worker, message)
        finally:
            try:
                for running in [*self._running.values(), *self._retries]:
                    self.method.release(running.ticket)
                    running.slot.release()
            finally:
                # Whatever ended the search, and however badly: no worker outlives it.
                self.pool.close()
        return self.method.trials()

    def explore(self) -> tuple[Parameter, ...]:
        """The space, seen by building a few dozen models in a worker.

        Raises:
            InputError: if the default configuration cannot be built.
            EmotuneError: if building kills the worker.
        """
        deaths = 0
        self.pool.start()
        while True:
            for worker, message in self.pool.wait(_TICK_S):
                if isinstance(message, Explored):
                    self.pool.rest(worker)
                    if message.error is not None:
                        raise InputError(_no_default(message.error))
                    return message.parameters
                if isinstance(message, Gone):
                    deaths += worker.ready
                    if deaths >= _MAX_DEATHS_EXPLORING:
                        raise EmotuneError(
                            f"Building models of the space must not end the worker process, but {deaths} in a row died "
                            f"(exit code {message.exit_code}). Lower the largest sizes in hyperparameter_tuner.py."
                        )
                elif worker.is_idle:
                    self.pool.send(worker, Explore(self.seed))
            if not self.pool.workers:
                self.pool.start()

    def _give_orders(self) -> Nothing | None:
        """Give idle workers trials as long as there are both, and a core for each."""
        if not self.pool.workers and not self._retries and self._is_full():
            return Nothing.DONE  # no need to wait for a worker to hear that there is nothing to do
        if self.pool.has_room:
            self.pool.start_for(self.method.total - len(self.method.trials()) - len(self._running))
        while (worker := self.pool.idle()) is not None:
            if self._retries:
                self._order(worker, self._retries.pop())
                continue
            slot = self.slots.take()
            if slot is None:
                self._wait_for("cores that other searches on this machine hold")
                return Nothing.DONE if not self._running and self._is_full() else None
            answer = self.method.ask()
            if isinstance(answer, Nothing):
                slot.release()
                if answer is Nothing.WAIT:
                    self._wait_for("the next proposal, or for trials of this study that other processes train")
                return answer
            self._order(worker, _Running(answer, slot, time.monotonic()))
        return None

    def _is_full(self) -> bool:
        return len(self.method.trials()) >= self.method.total

    def _wait_for(self, what: str) -> None:
        if not self._running and time.monotonic() - self._idle_since > _SAY_WAITING_AFTER_S:
            self.observer.waiting(what)

    def _order(self, worker: Worker, running: _Running) -> None:
        ticket = running.ticket
        self._running[worker] = running
        self.pool.send(
            worker,
            Train(
                ticket.number,
                seed=seed_of(self.seed, "trial", ticket.number),
                first_epoch=ticket.first_epoch,
                last_epoch=ticket.last_epoch,
                load_from=None if ticket.continues is None else self._weights_of(ticket.continues),
                save_to=self._weights_of(ticket.number),
            ),
        )
        self.observer.started(ticket.number)

    def _weights_of(self, number: int) -> str | None:
        return None if self.weights is None else str(self.weights / f"{number}.npz")

    def _receive(self, worker: Worker, message: object) -> None:
        running = self._running.get(worker)
        if running is None:
            return
        ticket = running.ticket
        if isinstance(message, Asked):
            self.pool.answer(worker, self._suggest(ticket, message.parameter))
        elif isinstance(message, Reported):
            self.pool.answer(worker, Answer(self.method.report(ticket, message.epoch, message.score)))
        elif isinstance(message, Ended):
            del self._running[worker]
            self._end(running, message.trial)
            self.pool.rest(worker)
        elif isinstance(message, Gone):
            del self._running[worker]
            if running.retried:
                reason = f"worker killed twice (exit code {message.exit_code})"
                seconds = time.monotonic() - running.begun
                self._end(running, Trial(ticket.number, "failed", seconds=seconds, reason=reason))
            else:
                # Killed from outside or out of memory: once more, in a fresh process.
                running.retried = True
                self._retries.append(running)

    def _suggest(self, ticket: Ticket, parameter: Parameter) -> Answer:
        try:
            return Answer(self.method.suggest(ticket, parameter))
        except BadStart:
            raise
        except EmotuneError as error:
            return Answer(error=str(error))

    def _end(self, running: _Running, trial: Trial) -> None:
        not_built = trial.state == "failed" and trial.n_parameters is None and not _is_the_machines(trial.reason)
        if self.must_build_default and trial.number == 0 and not_built:
            # Handed back, not stored: once it is mended, whatever it was, the study still begins with it.
            self.method.release(running.ticket)
            running.slot.release()
            raise InputError(_no_default(trial.reason))
        self.method.tell(running.ticket, trial)
        running.slot.release()
        self._idle_since = time.monotonic()
        self.observer.ended(trial)


def _is_the_machines(reason: str) -> bool:
    return reason.startswith(("worker killed", "out of memory"))


def _no_default(error: str) -> str:
    return (
        f"`build_model` must be able to build the default configuration, but it raised {error.rstrip('.')}. "
        "Mend hyperparameter_tuner.py."
    )


def refit_all(pool: WorkerPool, slots: Slots, orders: Sequence[Refit], on_ended: Callable[[int, Trial], None]) -> None:
    """Train known configurations on the workers.

    Args:
        pool: trains; closed at the end.
        slots: the machine's cores.
        orders: what to train.
        on_ended: called with the index of an order and its result, in the order of ending.

    Raises:
        EmotuneError: if workers cannot be started.
    """
    n_ended = 0
    left = list(range(len(orders)))[::-1]
    killed: Counter[int] = Counter()
    running: dict[Worker, tuple[int, BaseFileLock]] = {}
    try:
        while n_ended < len(orders):
            pool.start_for(len(left))
            while left and (worker := pool.idle()) is not None and (slot := slots.take()) is not None:
                running[worker] = (left.pop(), slot)
                pool.send(worker, orders[running[worker][0]])
            for worker, message in pool.wait(_TICK_S):
                if worker not in running or not isinstance(message, Ended | Gone):
                    continue
                index, slot = running.pop(worker)
                slot.release()
                if isinstance(message, Ended):
                    pool.rest(worker)
                    result = message.trial
                elif killed[index]:
                    result = Trial(index, "failed", reason=f"worker killed twice (exit code {message.exit_code})")
                else:
                    killed[index] += 1
                    left.append(index)
                    continue
                n_ended += 1
                on_ended(index, result)
    finally:
        for _, slot in running.values():
            slot.release()
        pool.close()
