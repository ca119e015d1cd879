"""How recordings become vectors: the settings that every vector of a data set, and of its model, shares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emotune.errors import InputError
from emotune.features.layout import BANDS_HZ, CHANNELS
from emotune.features.montage import REFERENCES, checked_channels
from emotune.features.windows import check_window

__all__ = ["BASELINES", "FeatureSettings"]

BASELINES = ("cut", "subtract")


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """Windows, bands, electrodes and reference.

    Attributes:
        window_s: length of a window in seconds; 4 s hold four cycles of the lowest frequency.
        overlap: the part of a window that the next one repeats, from 0 to below 1.
        bands_hz: (low, high) of each band by name, half-open; kept from low to high. One must be called
            `alpha`.
        channels: electrodes of the layout, in its order; a cap that lacks some of them has them interpolated.
        reference: `average` over the layout's channels, or `none` for the recorded one.
        baseline: what becomes of the rest before a trial: `cut` leaves it out, `subtract` takes its mean vector from
            every vector of the trial, so that they tell the change.

    Raises:
        InputError: if a setting makes no sense.
    """

    window_s: float = 4.0
    overlap: float = 0.0
    bands_hz: Mapping[str, tuple[float, float]] = field(default_factory=lambda: BANDS_HZ)
    channels: tuple[str, ...] = CHANNELS
    reference: str = "average"
    baseline: str = "cut"

    def __post_init__(self) -> None:
        check_window(self.window_s, self.overlap)
        if self.reference not in REFERENCES:
            raise InputError(f"`reference` must be one of {', '.join(REFERENCES)}. Received: {self.reference!r}.")
        if self.baseline not in BASELINES:
            raise InputError(f"`baseline` must be one of {', '.join(BASELINES)}. Received: {self.baseline!r}.")
        object.__setattr__(self, "window_s", float(self.window_s))
        object.__setattr__(self, "overlap", float(self.overlap))
        object.__setattr__(self, "channels", checked_channels(self.channels))
        object.__setattr__(self, "bands_hz", _checked_bands(self.bands_hz))

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return {
            "window_s": self.window_s,
            "overlap": self.overlap,
            "bands_hz": [[name, low, high] for name, (low, high) in self.bands_hz.items()],
            "channels": list(self.channels),
            "reference": self.reference,
            "baseline": self.baseline,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> FeatureSettings:
        """The settings that `to_dict` described.

        Raises:
            InputError: if a setting is missing, unknown or makes no sense.
        """
        names = {"window_s", "overlap", "bands_hz", "channels", "reference"}
        if set(content) - {"baseline"} != names:  # which older files do not have
            raise InputError(
                f"Expected the feature settings {', '.join(sorted(names))}. "
                f"Received: {', '.join(sorted(content)) or 'none'}. "
                f"Write the file anew with this version of emotune."
            )
        return cls(**content)


def _checked_bands(bands_hz: Any) -> dict[str, tuple[float, float]]:
    """Bands from low to high as a plain dict, from a mapping or from (name, low, high) triples."""
    triples: Iterable[Any]
    triples = ((name, *edges) for name, edges in bands_hz.items()) if isinstance(bands_hz, Mapping) else bands_hz
    try:
        bands = [(str(name), float(low), float(high)) for name, low, high in triples]
    except (TypeError, ValueError):
        raise InputError(
            f"`bands_hz` must give each band its (low, high) in Hz. Received: {bands_hz}. "
            f"Write them as in {{'alpha': (8, 14)}}."
        ) from None
    wrong = [name for name, low, high in bands if not 0 < low < high < math.inf]
    if wrong:
        raise InputError(f"A band must reach from above 0 Hz to a higher edge. Received: {bands_hz}. Mend {wrong[0]}.")
    names = [name for name, _, _ in bands]
    if "alpha" not in names or len(set(names)) < len(names):
        raise InputError(
            f"Expected bands with different names, one of them `alpha`, for the frontal asymmetry. "
            f"Received: {', '.join(names) or 'none'}. Name the band around 10 Hz `alpha`."
        )
    return {name: (low, high) for name, low, high in sorted(bands, key=lambda band: band[1:])}
