"""A toy problem that every method searches, without any training."""

import math
import random
import time
from dataclasses import dataclass, field

import pytest

from emotune.search.methods import Nothing, StudySettings, open_method
from emotune.search.rungs import rungs
from emotune.search.space import Exploration, HyperParameters
from emotune.search.trials import Trial

EPOCHS = 9


def toy_space(hp, *, most_units=64):
    """A bit of everything: conditions, lattices, logarithms, text, a flag and a fixed value."""
    for i in range(hp.Int("layers", 1, 3, default=2)):
        hp.Int(f"units_{i}", 8, most_units, step=8, default=16)
    if hp.Choice("kind", ["dense", "lstm"]) == "lstm":
        hp.Int("memory", 4, 256, sampling="log", default=32)
    hp.Float("rate", 1e-4, 1e-2, sampling="log", default=1e-3)
    hp.Float("dropout", 0.1, 0.65, step=0.1, default=0.3)
    hp.Int("stride", 1, 10, step=4)
    hp.Boolean("norm")
    hp.Fixed("classes", 3)


def toy_score(values):
    """Best at a rate of 3e-3, a dropout of 0.5 and many units."""
    return 1.0 - abs(math.log10(values["rate"] / 3e-3)) / 4 - abs(values["dropout"] - 0.5) + values["units_0"] / 1000


def parameters_of(space):
    """The space as a worker would discover it."""
    found, seen = {}, set()
    source = random.Random(0)
    for _ in range(24):
        hp = Exploration(source, seen)
        space(hp)
        for name, parameter in hp.parameters.items():
            found.setdefault(name, parameter)
    return list(found.values())


@dataclass
class Toy:
    """A study in a folder, opened as often as a test likes."""

    epochs = EPOCHS

    folder: object
    method: str
    algorithm: str
    space: object = toy_space
    score: object = toy_score
    fails: object = lambda number: False
    said: list = field(default_factory=list)
    tickets: list = field(default_factory=list)

    def open(self, total=None, **changes):
        identity = {"data": "d", "space": changes.pop("space", "s")}
        settings = StudySettings(
            name="toy",
            folder=self.folder,
            algorithm=self.algorithm,
            maximise=True,
            identity=identity,
            seed=changes.pop("seed", 3),
            epochs=EPOCHS,
            total=total,
            say=self.said.append,
            **changes,
        )
        method = open_method(self.method, settings)
        if method.needs_space:
            method.learn_space(parameters_of(self.space))
        return method

    def values(self, method, ticket):
        """What the model of a ticket is built with."""
        hp = HyperParameters(lambda parameter: method.suggest(ticket, parameter))
        self.space(hp)
        return hp.values

    def train(self, method, ticket):
        """One trial, from its ticket to its end."""
        self.tickets.append(ticket)
        values = self.values(method, ticket)
        last = ticket.last_epoch or EPOCHS
        state, score = ("failed", None) if self.fails(ticket.number) else ("complete", self.score(values))
        scores = []
        for epoch in range(ticket.first_epoch, last):
            scores.append(0.0 if score is None else score * (epoch + 1) / EPOCHS)
            if epoch in rungs(EPOCHS) and state == "complete" and method.report(ticket, epoch, scores[-1]):
                state = "pruned"
                break
        trial = Trial(
            ticket.number,
            state,
            values,
            score=score,
            scores=tuple(scores),
            kept_epoch=None if score is None else len(scores) - 1,
            n_parameters=10,
            seconds=0.25,
            reason="diverged: the toy fails" if score is None else "epochs",
            full_length=last >= EPOCHS,
        )
        method.tell(ticket, trial)
        return trial

    def search(self, total=None, **changes):
        """Open, search until there is nothing left, close; every trial of the study."""
        method = self.open(total, **changes)
        try:
            self.search_on(method)
            return method.trials()
        finally:
            method.close()

    def search_on(self, method, n=10**6):
        """Train `n` trials, or all there are."""
        while n and (ticket := self.next(method)) is not Nothing.DONE:
            self.train(method, ticket)
            n -= 1

    @staticmethod
    def next(method):
        """What a method answers once it has stopped thinking."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            answer = method.ask()
            if answer is not Nothing.WAIT:
                return answer
            time.sleep(0.005)
        raise AssertionError("the method waits for ever")


@pytest.fixture
def make_toy(tmp_path):
    """A study of a method and algorithm in the test's own folder."""
    return lambda method, algorithm, **changes: Toy(tmp_path / "tuning", method, algorithm, **changes)
