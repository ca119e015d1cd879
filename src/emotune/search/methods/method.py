"""What every method is to the search: something that proposes and learns."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from emotune.errors import InputError
from emotune.search.space import Parameter, Value
from emotune.search.trials import Trial

__all__ = ["BadStart", "Method", "Nothing", "StudySettings", "Ticket", "seed_of"]


class BadStart(InputError):
    """A value of `known_good` is outside the space: nothing to learn from, but the user's slip."""


class Nothing(enum.Enum):
    """What `ask` answers when there is no trial to train."""

    WAIT = "a trial may come later: one is being proposed, or other trials must end first"
    DONE = "the study has its trials, and all have ended"


@dataclass(frozen=True, slots=True)
class Ticket:
    """The order to train one trial.

    Attributes:
        number: the trial's number.
        last_epoch: epochs that it may train, None for the run's setting.
        first_epoch: epochs that `continues` has already trained.
        continues: number of the trial whose weights it starts from.
        handle: whatever the method knows the trial by.
    """

    number: int
    last_epoch: int | None = None
    first_epoch: int = 0
    continues: int | None = None
    handle: object = None


@dataclass(frozen=True, slots=True)
class StudySettings:
    """What a study is and where it lies.

    Attributes:
        name: what the user calls it.
        folder: where studies lie (`models/tuning`).
        algorithm: one of the method's algorithms.
        maximise: whether a higher score is better.
        identity: what a study belongs to, as name -> fingerprint: data, split, metric, space, ...
        seed: of the proposals.
        epochs: the most that a trial trains.
        total: trials that the study shall have ended; None for `add` more than it has.
        add: trials to add to what is there.
        fresh: whether to put an existing study of the name aside and start anew.
        starts: the first trials, by number: values by name, the space's default for all others. The first one
            is empty: the default configuration.
        mark: what is to be said beside every score of it, such as that its split leaks; empty where nothing is.
        say: prints one line for the user.
    """

    name: str
    folder: Path
    algorithm: str
    maximise: bool
    identity: Mapping[str, str]
    seed: int
    epochs: int
    total: int | None
    add: int = 0
    fresh: bool = False
    starts: tuple[Mapping[str, Value], ...] = ({},)
    mark: str = ""
    say: Callable[[str], None] = field(default=print)

    def start_value(self, number: int, parameter: Parameter) -> Value:
        """What one of the first trials takes for a parameter.

        Raises:
            BadStart: if the value given for it is outside the space.
        """
        if parameter.name not in self.starts[number]:
            return parameter.default
        try:
            return parameter.checked(self.starts[number][parameter.name])
        except InputError as error:
            raise BadStart(f"`known_good[{number - 1}]` in hyperparameter_tuner.py: {error} Mend it there.") from error

    def say_unused(self, trial: Trial) -> None:
        """Say which names of a start its model did not ask for: they are misspelt, or belong to another branch."""
        if trial.number < len(self.starts) and trial.state == "complete":
            unused = [name for name in self.starts[trial.number] if name not in trial.hyperparameters]
            if unused:
                self.say(
                    f"note: `known_good[{trial.number - 1}]` in hyperparameter_tuner.py names {', '.join(unused)}, "
                    f"which the model of trial {trial.number} did not ask for."
                )


class Method(Protocol):
    """Proposes hyperparameters and learns from scores; an adapter around a well-kept library.

    Attributes:
        total: trials that the study shall have ended.
        needs_space: whether `learn_space` must be called before the first `ask`.
    """

    total: int
    needs_space: bool

    def learn_space(self, parameters: Sequence[Parameter]) -> None:
        """Take note of the space as discovered, where the library wants it before the first trial."""
        ...

    def ask(self) -> Ticket | Nothing:
        """Open a trial; never more than the total in all processes together. Returns at once."""
        ...

    def suggest(self, ticket: Ticket, parameter: Parameter) -> Value:
        """The value of one hyperparameter of an open trial; the same answer when asked again."""
        ...

    def report(self, ticket: Ticket, epoch: int, score: float) -> bool:
        """Take the score after `epoch` (from 0, counted on over the fits of a trial); True ends the trial as pruned."""
        ...

    def tell(self, ticket: Ticket, trial: Trial) -> None:
        """Close an open trial with its result."""
        ...

    def release(self, ticket: Ticket) -> None:
        """Hand an open trial back, to be trained when the search goes on."""
        ...

    def trials(self) -> list[Trial]:
        """Every ended trial of the study, by number."""
        ...

    def close(self) -> None:
        """Let go of files and locks."""
        ...


def seed_of(*parts: int | str) -> int:
    """A seed for one purpose, from the study's seed and what it is for; stable over machines and versions."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
