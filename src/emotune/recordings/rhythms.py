"""What the simulated brain does: its rhythms, and how they follow valence, arousal and vigilance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["EMOTIONS", "RHYTHMS", "Emotion", "Rhythm", "log_power_changes"]


@dataclass(frozen=True, slots=True)
class Emotion:
    """A place in the plane of core affect, both axes from -1 to 1."""

    name: str
    valence: float
    arousal: float


# In the order of their labels.
EMOTIONS = (
    Emotion("neutral", 0.0, -0.1),
    Emotion("happy", 0.8, 0.4),
    Emotion("sad", -0.6, -0.7),
    Emotion("angry", -0.9, 0.3),
    Emotion("fear", -0.4, 0.9),
)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Sources that swell and fade together, each with a course of its own.

    Attributes:
        name: which one.
        under: the electrodes that a source lies under, one each.
        depth: distance from the centre of the head as a part of its radius.
        peak_hz: centre of the spectral peak; None for the person's own alpha frequency.
        width_hz: standard deviation of the peak.
        moment_nam: root mean square of each source's dipole moment in nA·m.
    """

    name: str
    under: tuple[str, ...]
    depth: float
    peak_hz: float | None
    width_hz: float
    moment_nam: float


RHYTHMS = (
    Rhythm("midline theta", ("Fz", "FC1", "FC2"), 0.65, 6.2, 0.8, 18.0),
    Rhythm("slow theta", ("F3", "F4", "C3", "C4", "Cz", "P3", "P4"), 0.7, 5.0, 1.0, 11.0),
    Rhythm("posterior alpha", ("O1", "Oz", "O2", "PO3", "PO4", "P3", "Pz", "P4"), 0.75, None, 0.9, 22.0),
    Rhythm("left frontal alpha", ("F3", "F7", "AF3"), 0.75, None, 1.1, 14.0),
    Rhythm("right frontal alpha", ("F4", "F8", "AF4"), 0.75, None, 1.1, 14.0),
    Rhythm("beta", ("F3", "Fz", "F4", "FC1", "FC2", "C3", "C4"), 0.75, 20.0, 4.0, 8.0),
    Rhythm("left gamma", ("T7", "FC5", "CP5", "P7"), 0.8, 37.0, 5.0, 4.0),
    Rhythm("right gamma", ("T8", "FC6", "CP6", "P8"), 0.8, 37.0, 5.0, 4.0),
)

K = dict(mt=0.7, st=1.0, pa=1.0, z0=0.5, fa=0.3, asym=0.5, beta=0.6, gam=0.5, lat=1.0)

def log_power_changes(valence, arousal, vigilance):
    v, a, z = np.broadcast_arrays(valence, arousal, vigilance)
    k = K
    return np.stack([
        k["mt"] * np.abs(v),
        -k["st"] * z,
        -k["pa"] * a * (k["z0"] + z),
        -k["fa"] * a - k["asym"] * v,
        -k["fa"] * a + k["asym"] * v,
        k["beta"] * a,
        k["gam"] * a + k["lat"] * v * z,
        k["gam"] * a - k["lat"] * v * z,
    ])
