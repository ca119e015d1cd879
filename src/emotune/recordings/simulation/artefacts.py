"""What is no brain: blinks, muscle bursts, mains hum and the noise of the sensors, in µV `(n_channels, n_times)`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotune.recordings.simulation.noise import coloured_noise, mix
from emotune.recordings.simulation.person import Person

__all__ = ["blinks", "mains_hum", "muscle_bursts", "sensor_noise"]

MUSCLE_UV = 15.0  # typical size of a burst at the temples
MAINS_HZ = 50.0
SENSOR_UV = 0.4  # white noise of electrode and amplifier, up to half the sampling rate


def blinks(person: Person, generator: np.random.Generator, times_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """Blinks at random times: a third of a second upwards, then a shallow, longer swing back."""
    course = np.zeros(len(times_s))
    for start_s in _events(person.blinks_per_s, generator, times_s):
        width_s = 0.07 * np.exp(0.2 * generator.standard_normal())
        closing = _bump(times_s, start_s, width_s)
        opening = _bump(times_s, start_s + 4 * width_s, 1.8 * width_s)
        course += np.exp(0.2 * generator.standard_normal()) * (closing - 0.25 * opening)
    return np.outer(person.blink_field, course).astype(np.float32)


def muscle_bursts(person: Person, generator: np.random.Generator, times_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bursts of broad fast activity at one temple or the other, from half a second to two seconds.

    References:
        Goncharova et al. (2003), EMG contamination of EEG: spectral and topographical characteristics.
    """
    courses = np.zeros((2, len(times_s)))
    for centre_s in _events(person.muscle_bursts_per_s, generator, times_s):
        side = int(generator.integers(2))
        size_uv = MUSCLE_UV * np.exp(0.3 * generator.standard_normal())
        envelope = _bump(times_s, centre_s, generator.uniform(0.2, 0.8))
        carrier = coloured_noise(generator, times_s, lambda hz: np.exp(-0.5 * ((hz - 45.0) / 15.0) ** 2))
        courses[side] += size_uv * envelope * carrier[0]
    return mix(person.muscle_fields, courses.astype(np.float32))


def mains_hum(person: Person, generator: np.random.Generator, times_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """A sine at 50 Hz, as strong at each electrode as its contact is bad."""
    course = np.exp(0.2 * generator.standard_normal()) * np.sin(2 * np.pi * (MAINS_HZ * times_s + generator.uniform()))
    return np.outer(person.line_uv, course).astype(np.float32)


def sensor_noise(generator: np.random.Generator, n_channels: int, times_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """White noise, different at every sensor."""
    return np.float32(SENSOR_UV) * generator.standard_normal((n_channels, len(times_s)), dtype=np.float32)


def _events(per_s: float, generator: np.random.Generator, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times of events that know nothing of each other (a Poisson process)."""
    length_s = len(times_s) * (times_s[1] - times_s[0])
    events: NDArray[np.float64] = generator.uniform(0, length_s, size=generator.poisson(per_s * length_s))
    return events


def _bump(times_s: NDArray[np.float64], centre_s: float, width_s: float) -> NDArray[np.float64]:
    bump: NDArray[np.float64] = np.exp(-0.5 * ((times_s - centre_s) / width_s) ** 2)
    return bump
