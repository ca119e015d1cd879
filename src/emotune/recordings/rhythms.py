"""What the simulated brain does: its rhythms, and what they follow.

The directions are the literature's, the sizes are chosen so that the problem is as hard as real data: posterior
alpha falls with arousal, but rises with it in drowsiness (paradoxical alpha); frontal alpha is weaker over the left
in pleasant states; midline theta grows with emotional engagement of either sign; beta and gamma grow with arousal;
slow theta marks drowsiness. That the lateralisation of gamma shows valence with one sign in alert stretches and
with the other in drowsy ones is a choice of ours: no linear model can read it, so a better network has something
to find.

References:
    Aftanas et al. (2001), Affective picture processing: event-related synchronization within individually defined
    human theta band is modulated by valence dimension. Allen, Coan and Nazarian (2004), Issues and assumptions on
    the road from raw signals to metrics of frontal EEG asymmetry in emotion. Barry et al. (2007), EEG differences
    between eyes-closed and eyes-open resting conditions. Hegerl and Hensch (2014), The vigilance regulation model of
    affective disorders and ADHD. Keil et al. (2001), Effects of emotional arousal in the cerebral hemispheres: a study
    of oscillatory brain activity and event-related potentials. Russell (1980), A circumplex model of affect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["EMOTIONS", "RHYTHMS", "SOURCE_NAMES", "SOURCE_RHYTHMS", "Emotion", "Rhythm", "log_power_changes"]


@dataclass(frozen=True, slots=True)
class Emotion:
    """A place in the plane of core affect, both axes from -1 to 1."""

    name: str
    valence: float
    arousal: float


# In the order of their labels. Anger and fear lie further apart than people rate the words: two axes must tell five
# classes.
EMOTIONS = (
    Emotion("neutral", 0.0, -0.1),
    Emotion("happy", 0.8, 0.4),
    Emotion("sad", -0.6, -0.7),
    Emotion("angry", -0.9, 0.3),
    Emotion("fear", -0.4, 0.9),
)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Sources that swell and fade together, each with a time course of its own.

    Attributes:
        name: which one.
        under: the electrodes that the sources lie under, one each.
        depth: distance of the sources from the centre of the head, as a part of its radius.
        peak_hz: centre of the spectral peak; None for the person's own alpha frequency.
        width_hz: standard deviation of the peak.
        moment_nam: root mean square of each source's dipole moment, in nA·m.
        follows: change of the rhythm's log power for each unit of what it follows, by its name in `log_power_changes`.
    """

    name: str
    under: tuple[str, ...]
    depth: float
    peak_hz: float | None
    width_hz: float
    moment_nam: float
    follows: Mapping[str, float]


_BACK = ("O1", "Oz", "O2", "PO3", "PO4", "P3", "Pz", "P4")
_LEFT, _RIGHT = ("FC5", "T7", "CP5", "P7"), ("FC6", "T8", "CP6", "P8")

RHYTHMS = (
    Rhythm("midline theta", ("FC1", "Fz", "FC2"), 0.65, 6.2, 0.8, 27.0, {"engagement": 1.0}),
    Rhythm("slow theta", ("F3", "F4", "C3", "Cz", "C4", "P3", "P4"), 0.70, 5.0, 1.0, 16.0, {"vigilance": -1.4}),
    Rhythm("posterior alpha", _BACK, 0.75, None, 0.9, 33.0, {"arousal": -0.35, "arousal x vigilance": -0.7}),
    Rhythm("left frontal alpha", ("AF3", "F3", "F7"), 0.75, None, 1.1, 21.0, {"valence": -0.4, "arousal": -0.3}),
    Rhythm("right frontal alpha", ("AF4", "F4", "F8"), 0.75, None, 1.1, 21.0, {"valence": 0.4, "arousal": -0.3}),
    Rhythm("beta", ("F3", "Fz", "F4", "FC1", "FC2", "C3", "C4"), 0.75, 20.0, 4.0, 10.0, {"arousal": 1.0}),
    Rhythm("left gamma", _LEFT, 0.80, 37.0, 5.0, 6.0, {"arousal": 0.7, "valence x vigilance": 2.0}),
    Rhythm("right gamma", _RIGHT, 0.80, 37.0, 5.0, 6.0, {"arousal": 0.7, "valence x vigilance": -2.0}),
)  # fmt: skip

# One row a source: the electrode that it lies under, and the index of its rhythm.
SOURCE_NAMES = tuple(name for rhythm in RHYTHMS for name in rhythm.under)
SOURCE_RHYTHMS: NDArray[np.int64] = np.repeat(np.arange(len(RHYTHMS)), [len(rhythm.under) for rhythm in RHYTHMS])


def log_power_changes(valence: float, arousal: float, vigilance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Change of each rhythm's log power: vigilance `(n_times,)`, 1 alert to -1 drowsy -> `(n_rhythms, n_times)`."""
    course_of = {
        "valence": np.full_like(vigilance, valence),
        "arousal": np.full_like(vigilance, arousal),
        "engagement": np.full_like(vigilance, abs(valence)),
        "vigilance": vigilance,
        "arousal x vigilance": arousal * vigilance,
        "valence x vigilance": valence * vigilance,
    }
    return np.stack([sum(size * course_of[name] for name, size in rhythm.follows.items()) for rhythm in RHYTHMS])
