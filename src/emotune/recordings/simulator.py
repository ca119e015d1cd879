"""Simulated EEG of people who feel one of five emotions: built-in data whose causes are known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from copy import copy

import numpy as np

from emotune.errors import InputError
from emotune.files import fingerprint
from emotune.findings import Finding
from emotune.recordings.channels import CHANNELS
from emotune.recordings.recording import Recording
from emotune.recordings.rhythms import EMOTIONS
from emotune.recordings.simulation.person import draw_person
from emotune.recordings.simulation.trial import simulate_trial
from emotune.recordings.targets import Rating

__all__ = ["SIMULATOR_VERSION", "Simulator"]

SIMULATOR_VERSION = 2
"""Raised when the same arguments would give other samples, labels or names."""

# What a clip means differs this much from its emotion, on both axes of affect: the same for all who see it.
_CLIP_SPREAD = 0.05

# Independent streams of one seed: a person's recordings do not depend on how many people there are.
_PERSON, _CLIP, _TRIAL = 0, 1, 2

# The gamma rhythm and the mains reach up to half of it.
_LOWEST_RATE_HZ = 100.0


class Simulator:
    """Simulated recordings; satisfies `RecordingSet`. Each is made when it is reached.

    Current dipoles in a layered spherical head give a 1/f background and eight rhythms, whose power moves with the
    valence and arousal of the emotion (see `emotune.recordings.rhythms`); people differ in head, cap,
    alpha frequency, amplitude and in how strongly they react; blinks, muscle, mains and sensor noise are on top.
    Everybody sees the same clips, each in an order of their own.

    Args:
        n_people: number of people, `P01` onwards.
        n_emotions: number of classes, from 2 to 5, in the order of `EMOTIONS`.
        trials_per_emotion: clips of each emotion; a person sees each once.
        seconds: length of a trial.
        seed: everything random comes from it.
        sampling_rate_hz: samples a second.

    Attributes:
        name: `simulated`.
        emotions: their names.
        scales: none.

    Raises:
        InputError: if an argument is out of its range.
    """

    name: str
    emotions: tuple[str, ...]
    scales: Mapping[str, Rating]

    def __init__(
        self,
        n_people: int = 12,
        n_emotions: int = 5,
        trials_per_emotion: int = 4,
        seconds: float = 24.0,
        seed: int = 20,
        sampling_rate_hz: float = 128.0,
    ) -> None:
        _whole("n_people", n_people, 1)
        _whole("n_emotions", n_emotions, 2, len(EMOTIONS))
        _whole("trials_per_emotion", trials_per_emotion, 1)
        _whole("seed", seed, 0)
        _at_least("seconds", seconds, 1.0)
        _at_least("sampling_rate_hz", sampling_rate_hz, _LOWEST_RATE_HZ)
        self.name = "simulated"
        self.scales = {}
        self.emotions = tuple(emotion.name for emotion in EMOTIONS[:n_emotions])
        self._people = range(int(n_people))
        self._n_clips = int(trials_per_emotion)
        self._seconds = float(seconds)
        self._seed = int(seed)
        self._rate_hz = float(sampling_rate_hz)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """None: all that can be wrong is in its recordings."""
        return ()

    def __len__(self) -> int:
        return len(self._people) * len(self.emotions) * self._n_clips

    def __iter__(self) -> Iterator[Recording]:
        for person in self._people:
            yield from self._recordings_of(person)

    def parts(self) -> list[Simulator]:
        """The same recordings in the same order, a person each, for other processes to make."""
        return [self._of(person) for person in self._people]

    def _of(self, person: int) -> Simulator:
        part = copy(self)
        part._people = range(person, person + 1)
        return part

    def fingerprint(self) -> str:
        """Of the arguments and the simulator's version."""
        return fingerprint(
            {
                "simulator_version": SIMULATOR_VERSION,
                "n_people": len(self._people),
                "class_names": list(self.emotions),
                "trials_per_emotion": self._n_clips,
                "seconds": self._seconds,
                "seed": self._seed,
                "sampling_rate_hz": self._rate_hz,
            }
        )

    def _recordings_of(self, person_index: int) -> Iterator[Recording]:
        generator = self._generator(_PERSON, person_index)
        person = draw_person(generator)
        order = generator.permutation(len(self.emotions) * self._n_clips)
        times_s = np.arange(round(self._seconds * self._rate_hz)) / self._rate_hz
        subject = f"P{person_index + 1:02d}"
        for trial, item in enumerate(order.tolist()):
            label, clip = divmod(item, self._n_clips)
            emotion = EMOTIONS[label]
            valence, arousal = _CLIP_SPREAD * self._generator(_CLIP, label, clip).standard_normal(2)
            samples_uv = simulate_trial(
                person,
                self._generator(_TRIAL, person_index, trial),
                valence=emotion.valence + valence,
                arousal=emotion.arousal + arousal,
                times_s=times_s,
            )
            yield Recording(
                samples_uv,
                self._rate_hz,
                CHANNELS,
                subject=subject,
                emotion=emotion.name,
                trial=f"{trial + 1:02d}",
                stimulus=f"{emotion.name}-{clip + 1}",
                source=f"simulated {subject} trial {trial + 1:02d}",
            )

    def _generator(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=stream))


def _whole(name: str, value: int, lowest: int, highest: int | None = None) -> None:
    if not isinstance(value, int | np.integer) or value < lowest or (highest is not None and value > highest):
        wanted = f"from {lowest} to {highest}" if highest is not None else f"of at least {lowest}"
        raise InputError(f"`{name}` must be a whole number {wanted}. Received: {value!r}. Choose one in that range.")


def _at_least(name: str, value: float, lowest: float) -> None:
    if not lowest <= value < math.inf:
        raise InputError(f"`{name}` must be a number of at least {lowest:g}. Received: {value!r}. Choose a larger one.")
