"""How recordings become vectors: the settings that every vector of a data set, and of its model, shares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emotune.errors import InputError
from emotune.features.layout import BANDS_HZ, CHANNELS, checked_blocks
from emotune.features.montage import checked_channels, checked_reference
from emotune.features.preprocessing import Preprocessing
from emotune.features.smoothing import checked_smoothing
from emotune.features.windows import check_window

__all__ = ["BASELINES", "ESTIMATORS", "FeatureSettings"]

BASELINES = ("cut", "subtract")
ESTIMATORS = ("fft", "filter")

_SINCE = ("preprocessing", "estimator", "extra_blocks", "smoothing")


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """Preprocessing, windows, bands, electrodes, reference, and what is computed of them.

    Attributes:
        window_s: length of a window in seconds; 4 s hold four cycles of the lowest frequency.
        overlap: the part of a window that the next one repeats, from 0 to below 1.
        bands_hz: (low, high) of each band by name, half-open; kept from low to high. One must be called
            `alpha`.
        channels: electrodes of the layout, in its order; a cap that lacks some of them has them interpolated.
        reference: `average` over the layout's channels, `none` for the recorded one, or electrodes such as `M1, M2`.
        baseline: what becomes of the rest before a trial: `cut` leaves it out, `subtract` takes its mean vector from
            every vector of the trial, so that they tell the change.
        preprocessing: what is done to the samples before.
        estimator: of the powers in the bands: `fft`, the spectrum of each window alone; or `filter`, a zero-phase
            band-pass over the whole trial, as others do.
        extra_blocks: blocks of further values behind the others, by the names of `EXTRA_BLOCKS`.
        smoothing: of the vectors along a trial: `none`, `average:N` or `lds`.

    Raises:
        InputError: if a setting makes no sense.
    """

    window_s: float = 4.0
    overlap: float = 0.0
    bands_hz: Mapping[str, tuple[float, float]] = field(default_factory=lambda: BANDS_HZ)
    channels: tuple[str, ...] = CHANNELS
    reference: str = "average"
    baseline: str = "cut"
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    estimator: str = "fft"
    extra_blocks: tuple[str, ...] = ()
    smoothing: str = "none"

    def __post_init__(self) -> None:
        check_window(self.window_s, self.overlap)
        object.__setattr__(self, "reference", checked_reference(self.reference))
        if self.baseline not in BASELINES:
            raise InputError(f"`baseline` must be one of {', '.join(BASELINES)}. Received: {self.baseline!r}.")
        if self.estimator not in ESTIMATORS:
            raise InputError(f"`estimator` must be one of {', '.join(ESTIMATORS)}. Received: {self.estimator!r}.")
        checked_smoothing(self.smoothing)
        object.__setattr__(self, "extra_blocks", checked_blocks(self.extra_blocks))
        object.__setattr__(self, "window_s", float(self.window_s))
        object.__setattr__(self, "overlap", float(self.overlap))
        object.__setattr__(self, "channels", checked_channels(self.channels))
        object.__setattr__(self, "bands_hz", _checked_bands(self.bands_hz))

    @property
    def looks_ahead(self) -> tuple[str, ...]:
        """What of it sees samples behind a window, in words; none where a stream gives the same vectors."""
        return (
            *self.preprocessing.looks_ahead,
            *(["band powers by filters of zero phase"] if self.estimator == "filter" else []),
            *([f"smoothing over later windows ({self.smoothing})"] if self.smoothing != "none" else []),
        )

    def in_short(self) -> str:
        """The windows, and every other setting that is not the usual one, for people."""
        usual, own = (_flat(settings) for settings in (FeatureSettings(), self))
        others = [f"{name} {value}" for name, value in own.items() if value != usual[name] and name != "window_s"]
        return ", ".join([f"{self.window_s:g} s windows", *others])

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON values.

        Those that an earlier version did not have are said only where they are not what it did: what was fingerprinted
        or saved then stays as it is.
        """
        usual, content = FeatureSettings()._every(), self._every()
        return {name: value for name, value in content.items() if name not in _SINCE or value != usual[name]}

    def _every(self) -> dict[str, Any]:
        return {
            "window_s": self.window_s,
            "overlap": self.overlap,
            "bands_hz": [[name, low, high] for name, (low, high) in self.bands_hz.items()],
            "channels": list(self.channels),
            "reference": self.reference,
            "baseline": self.baseline,
            "preprocessing": self.preprocessing.to_dict(),
            "estimator": self.estimator,
            "extra_blocks": list(self.extra_blocks),
            "smoothing": self.smoothing,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> FeatureSettings:
        """The settings that `to_dict` described.

        Raises:
            InputError: if a setting is missing, unknown or makes no sense.
        """
        names = set(cls.__slots__)
        # Older files lack those that were added since; their defaults are what was done then.
        if not {"window_s", "overlap", "bands_hz", "channels", "reference"} <= set(content) <= names:
            raise InputError(
                f"Expected the feature settings {', '.join(sorted(names))}. "
                f"Received: {', '.join(sorted(content)) or 'none'}. "
                f"Write the file anew with this version of emotune."
            )
        return cls(**{**content, "preprocessing": Preprocessing.from_dict(content.get("preprocessing", {}))})


def _flat(settings: FeatureSettings) -> dict[str, str]:
    """Each setting in a few words, by its name, those of the preprocessing among them."""
    content = {**settings._every(), **settings.preprocessing.to_dict()}
    del content["preprocessing"]
    content["bands_hz"] = [f"{name} {low:g}-{high:g}" for name, (low, high) in settings.bands_hz.items()]
    content["channels"] = [f"{len(settings.channels)}: {settings.channels[0]} ... {settings.channels[-1]}"]
    return {
        name: " ".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in content.items()
    }


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
