"""The 32 channels that emotune calls standard: their names in order, and where they sit on a spherical head."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHANNELS", "EPOC_CHANNELS", "electrode_directions"]

# Inclination from Cz (negative: left half) and azimuth in degrees, counted from the line through both ears:
# the common spherical coordinates of the 10-10 system. The order is DEAP's Geneva order; MNE's `biosemi32` and
# DEAP's raw files use another.
_ANGLES_DEG: Mapping[str, tuple[float, float]] = {
    "Fp1": (-92, -72), "AF3": (-74, -65), "F3": (-60, -51), "F7": (-92, -36), "FC5": (-72, -21), "FC1": (-32, -45),
    "C3": (-46, 0), "T7": (-92, 0), "CP5": (-72, 21), "CP1": (-32, 45), "P3": (-60, 51), "P7": (-92, 36),
    "PO3": (-74, 65), "O1": (-92, 72), "Oz": (92, -90), "Pz": (46, -90), "Fp2": (92, 72), "AF4": (74, 65),
    "Fz": (46, 90), "F4": (60, 51), "F8": (92, 36), "FC6": (72, 21), "FC2": (32, 45), "Cz": (0, 0),
    "C4": (46, 0), "T8": (92, 0), "CP6": (72, -21), "CP2": (32, -45), "P4": (60, -51), "P8": (92, -36),
    "PO4": (74, -65), "O2": (92, -72),
}  # fmt: skip

CHANNELS: tuple[str, ...] = tuple(_ANGLES_DEG)

EPOC_CHANNELS = ("AF3", "F7", "F3", "FC5", "T7", "P7", "O1", "O2", "P8", "T8", "FC6", "F4", "F8", "AF4")
"""The 14 of them that Emotiv's EPOC headset records, in its order: around the head from the left."""


def electrode_directions(names: Iterable[str] = CHANNELS) -> NDArray[np.float64]:
    """Unit vectors from the centre of the head: `(n_channels, 3)`; x to the right ear, y to the nose, z up."""
    inclination, azimuth = np.radians([_ANGLES_DEG[name] for name in names]).T
    return np.stack(
        [np.sin(inclination) * np.cos(azimuth), np.sin(inclination) * np.sin(azimuth), np.cos(inclination)], axis=1
    )
