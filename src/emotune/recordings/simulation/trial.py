"""One simulated trial: a person who feels something for a while."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotune.recordings.rhythms import RHYTHMS, SOURCE_RHYTHMS, log_power_changes
from emotune.recordings.simulation.artefacts import blinks, mains_hum, muscle_bursts, sensor_noise
from emotune.recordings.simulation.noise import coloured_noise, mix
from emotune.recordings.simulation.person import Person

__all__ = ["simulate_trial"]

FELT_SPREAD = 0.2  # of what is felt around what the stimulus means, on both axes of affect
STRETCH_S = 12.0  # mean length of an alert or a drowsy stretch: several in a trial
VIGILANCE_SPREAD = 0.2  # of vigilance within a stretch
RHYTHM_SPREAD = 0.15  # of a rhythm's log power from trial to trial
WANDERING = 0.15  # of a rhythm's log power within a trial, over about 10 s
SOURCE_SPREAD = 0.3  # of a single source's log power from trial to trial
KNOT_S = 2.0  # states are drawn this often, and go in a straight line from one to the next
HIGH_PASS_HZ = 0.5  # of the amplifier


def simulate_trial(
    person: Person,
    generator: np.random.Generator,
    *,
    valence: float,
    arousal: float,
    times_s: NDArray[np.float64],
) -> NDArray[np.float32]:
    """The EEG of one trial in µV: times `(n_times,)` -> `(n_channels, n_times)`, each channel without its mean."""
    samples_uv = _background(person, generator, times_s)
    samples_uv += _rhythms(person, generator, valence, arousal, times_s)
    samples_uv += blinks(person, generator, times_s)
    samples_uv += muscle_bursts(person, generator, times_s)
    samples_uv += mains_hum(person, generator, times_s)
    samples_uv += sensor_noise(generator, len(samples_uv), times_s)
    samples_uv -= samples_uv.mean(axis=1, dtype=np.float64, keepdims=True)
    return samples_uv


def _background(person: Person, generator: np.random.Generator, times_s: NDArray[np.float64]) -> NDArray[np.float32]:
    exponent = person.background_exponent + 0.05 * generator.standard_normal()
    level = np.exp(0.1 * generator.standard_normal())

    def power(frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
        passed = frequencies_hz**4 / (frequencies_hz**4 + HIGH_PASS_HZ**4)
        return passed / np.maximum(frequencies_hz, 0.1 * HIGH_PASS_HZ) ** exponent

    mixing = level * person.background_mixing
    return mix(mixing, coloured_noise(generator, times_s, power, n_rows=len(mixing)))


def _rhythms(
    person: Person,
    generator: np.random.Generator,
    valence: float,
    arousal: float,
    times_s: NDArray[np.float64],
) -> NDArray[np.float32]:
    knots_s = np.arange(0.0, times_s[-1] + KNOT_S, KNOT_S)
    felt_valence, felt_arousal = np.array([valence, arousal]) + FELT_SPREAD * generator.standard_normal(2)
    changes = log_power_changes(felt_valence, felt_arousal, _vigilance(generator, len(knots_s)))
    levels = person.rhythm_levels + RHYTHM_SPREAD * generator.standard_normal(len(RHYTHMS))
    log_powers = levels[:, None] + person.effect_sizes[:, None] * changes
    log_powers += WANDERING * _wander(generator, len(RHYTHMS), len(knots_s))
    gains = np.stack([np.interp(times_s, knots_s, course) for course in np.exp(0.5 * log_powers)])

    peaks_hz = np.array([rhythm.peak_hz or person.alpha_hz for rhythm in RHYTHMS])[SOURCE_RHYTHMS, None]
    widths_hz = np.array([rhythm.width_hz for rhythm in RHYTHMS])[SOURCE_RHYTHMS, None]
    courses = coloured_noise(
        generator,
        times_s,
        lambda hz: np.exp(-0.5 * ((hz - peaks_hz) / widths_hz) ** 2),
        n_rows=len(SOURCE_RHYTHMS),
    )
    courses *= gains.astype(np.float32)[SOURCE_RHYTHMS]
    strengths = np.exp(0.5 * SOURCE_SPREAD * generator.standard_normal(len(SOURCE_RHYTHMS)))
    return mix(person.source_fields * strengths, courses)


def _vigilance(generator: np.random.Generator, n_knots: int) -> NDArray[np.float64]:
    """Alert (1) and drowsy (-1) stretches in turn, each of random length: `(n_knots,)`."""
    n_switches = np.cumsum(generator.random(n_knots) < KNOT_S / STRETCH_S)
    stretches = np.where((n_switches + generator.integers(2)) % 2 == 0, 1.0, -1.0)
    course: NDArray[np.float64] = stretches + VIGILANCE_SPREAD * _wander(generator, 1, n_knots)[0]
    return course


def _wander(generator: np.random.Generator, n_rows: int, n_knots: int) -> NDArray[np.float64]:
    """Slow random courses of variance 1 that forget themselves over 10 s: `(n_rows, n_knots)`."""
    memory = np.exp(-KNOT_S / 10.0)
    course = generator.standard_normal((n_rows, n_knots))
    for knot in range(1, n_knots):
        course[:, knot] = memory * course[:, knot - 1] + np.sqrt(1 - memory**2) * course[:, knot]
    return course
