"""A simulated person: head, cap, habits of the brain, eyes and jaw, drawn once and the same in every trial."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotune.recordings.channels import CHANNELS, electrode_directions
from emotune.recordings.rhythms import RHYTHMS, SOURCE_NAMES, SOURCE_RHYTHMS
from emotune.recordings.simulation.forward import SphericalHead, lead_field

__all__ = ["Person", "draw_person"]

N_BACKGROUND_SOURCES = 400  # one every few cm² of cortex: closer ones look alike from the scalp
BACKGROUND_DEPTH = 0.78  # distance of the cortex from the centre, as a part of the head's radius
BACKGROUND_MOMENT_NAM = 5.0  # each; together about 10 µV at the scalp
BLINK_UV = 100.0  # typical peak at Fp1 and Fp2
RHYTHM_SPREAD = 0.15  # of a rhythm's log power between people
EFFECT_SPREAD = 0.15  # how differently people's rhythms follow the same emotion, as a part of the effect
AMPLITUDE_SPREAD = 0.15  # of the log amplitude of the whole EEG between people


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """What makes one person's EEG their own. All fields are in µV at the scalp.

    Attributes:
        background_mixing: white noise `(n_channels,)` times this has the covariance of the background.
        background_exponent: the background's power falls with frequency to this power.
        source_fields: field of each rhythmic source at its usual strength, `(n_channels, n_sources)`.
        alpha_hz: the person's own alpha frequency.
        rhythm_levels: usual log power of each rhythm against other people's, `(n_rhythms,)`.
        effect_sizes: how strongly each rhythm follows emotion and vigilance; 1 is typical, `(n_rhythms,)`.
        blink_field: `(n_channels,)` at the peak of a blink.
        blinks_per_s: how often.
        muscle_fields: `(n_channels, 2)`, left and right temple, 1 where a muscle is strongest.
        muscle_bursts_per_s: how often.
        line_uv: amplitude of the mains hum at each electrode, `(n_channels,)`.
    """

    background_mixing: NDArray[np.float64]
    background_exponent: float
    source_fields: NDArray[np.float64]
    alpha_hz: float
    rhythm_levels: NDArray[np.float64]
    effect_sizes: NDArray[np.float64]
    blink_field: NDArray[np.float64]
    blinks_per_s: float
    muscle_fields: NDArray[np.float64]
    muscle_bursts_per_s: float
    line_uv: NDArray[np.float64]


def draw_person(generator: np.random.Generator) -> Person:
    """Draw a person; what differs is what differs between real ones, by less than it does there in the worst cases.

    References:
        Donoghue et al. (2020), Parameterizing neural power spectra into periodic and aperiodic components.
        McCann, Pisano and Beltrachini (2019), Variation in reported human head tissue electrical conductivity values.
    """
    normal = generator.standard_normal
    skull = 0.008 * np.exp(0.3 * normal())  # S/m; measured values differ tenfold
    head = SphericalHead(
        radius_m=0.09 * np.exp(0.03 * normal()), conductivities_s_per_m=(0.33, 1.0, float(skull), 0.33)
    )
    electrodes = _worn_cap(generator)
    amplitude = np.exp(AMPLITUDE_SPREAD * normal())
    muscles, eyes = _temples(head, electrodes, generator), _eyes(head, electrodes, generator)
    return Person(
        background_mixing=amplitude * _background(head, electrodes, generator),
        background_exponent=float(1.6 + 0.08 * normal()),
        source_fields=amplitude * _source_fields(head, electrodes, generator),
        alpha_hz=float(np.clip(10.0 + 0.8 * normal(), 8.6, 11.8)),
        rhythm_levels=RHYTHM_SPREAD * normal(len(RHYTHMS)),
        effect_sizes=1.0 + EFFECT_SPREAD * normal(len(RHYTHMS)),
        blink_field=eyes,
        blinks_per_s=float(generator.uniform(5, 16) / 60),
        muscle_fields=muscles,
        muscle_bursts_per_s=float(generator.uniform(0.5, 4) / 60),
        line_uv=0.7 * np.exp(0.5 * normal(len(CHANNELS))),
    )


def _worn_cap(generator: np.random.Generator) -> NDArray[np.float64]:
    """Where the electrodes really sit: the cap turned by some degrees, each electrode off by about one."""
    directions = electrode_directions()
    turned = directions + np.cross(0.05 * generator.standard_normal(3), directions)
    return _unit(turned + 0.02 * generator.standard_normal(directions.shape))


def _background(
    head: SphericalHead, electrodes: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Mixing matrix of the background, `(n_channels, n_channels)`.

    The sources are independent, Gaussian and of one spectrum, so the scalp knows them by their covariance alone:
    drawing 32 courses and mixing them gives the same EEG as drawing 400.
    """
    places = _cortex(N_BACKGROUND_SOURCES)
    pointing = _unit(places + 0.8 * generator.standard_normal(places.shape))  # cortex is folded
    # Stronger on one side, in the front or the back: a topography of the person's own.
    tilt = places @ (0.25 * generator.standard_normal(3))
    moments_nam = BACKGROUND_MOMENT_NAM * np.exp(tilt + 0.3 * generator.standard_normal(len(places)))
    fields = _fields(head, electrodes, BACKGROUND_DEPTH * places, pointing) * moments_nam
    covariance = fields @ fields.T
    # The reference at infinity leaves the sum over the scalp nearly without variance.
    tiny = 1e-6 * np.trace(covariance) / len(electrodes)
    return np.linalg.cholesky(covariance + tiny * np.eye(len(electrodes)))


def _source_fields(
    head: SphericalHead, electrodes: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    n_sources = len(SOURCE_NAMES)
    above = electrode_directions(SOURCE_NAMES)
    places = _unit(above + 0.08 * generator.standard_normal((n_sources, 3)))
    pointing = _unit(places + 0.3 * generator.standard_normal((n_sources, 3)))
    depths = np.array([rhythm.depth for rhythm in RHYTHMS])[SOURCE_RHYTHMS]
    moments_nam = np.array([rhythm.moment_nam for rhythm in RHYTHMS])[SOURCE_RHYTHMS]
    strengths = moments_nam * np.exp(0.15 * generator.standard_normal(n_sources))
    fields: NDArray[np.float64] = _fields(head, electrodes, depths[:, None] * places, pointing) * strengths
    return fields


def _eyes(head: SphericalHead, electrodes: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Field of both eyeballs' dipoles as the lids close: forwards and upwards."""
    places = 0.75 * _unit(np.array([[-0.35, 0.9, -0.3], [0.35, 0.9, -0.3]]))
    pointing = np.tile(_unit(np.array([0.0, 0.8, 0.6])), (2, 1))
    field = _fields(_without_skull(head), electrodes, places, pointing).sum(axis=1)
    at_forehead = field[[CHANNELS.index("Fp1"), CHANNELS.index("Fp2")]].mean()
    peak_uv = BLINK_UV * np.exp(0.25 * generator.standard_normal())
    blink: NDArray[np.float64] = field * peak_uv / at_forehead
    return blink


def _temples(
    head: SphericalHead, electrodes: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Fields of the left and the right temporal muscle, 1 where each is strongest."""
    places = electrode_directions(("T7", "T8"))
    pointing = _unit(places + 0.3 * generator.standard_normal(places.shape))
    fields = _fields(_without_skull(head), electrodes, 0.7 * places, pointing)
    fields /= np.abs(fields).max(axis=0)
    return fields


def _fields(
    head: SphericalHead,
    electrodes: NDArray[np.float64],
    places: NDArray[np.float64],
    pointing: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Field in µV of each dipole of 1 nA·m: `(n_channels, n_dipoles)`."""
    fields: NDArray[np.float64] = np.einsum("cdk,dk->cd", lead_field(head, electrodes, places), pointing)
    return fields


def _without_skull(head: SphericalHead) -> SphericalHead:
    """For eyes and muscles, which have no skull between them and the electrodes."""
    return SphericalHead(head.radius_m, shells=(1.0,), conductivities_s_per_m=(head.conductivities_s_per_m[-1],))


def _cortex(n: int, lowest: float = -0.35) -> NDArray[np.float64]:
    """`n` directions spread evenly (a Fibonacci spiral) over the sphere above the height `lowest`: `(n, 3)`."""
    step = np.arange(n) + 0.5
    height = 1 - (1 - lowest) * step / n
    turn = step * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), height], axis=1)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
