"""What each value of a feature vector is: channels, bands, asymmetry pairs, and the names in order.

The vector of a 32-channel cap is 32 channels x 5 bands of differential entropy (channel by channel, each with
its bands from low to high), 3 frontal asymmetries and 4 whole-head values. A cap with fewer channels has a
layout of its own; networks take their shape from the layout, never from a constant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from emotune.errors import InputError
from emotune.recordings.channels import CHANNELS

__all__ = [
    "BANDS_HZ",
    "CHANNELS",
    "EXTRA_BLOCKS",
    "FEATURE_NAMES",
    "STANDARD",
    "WHOLE_HEAD",
    "Layout",
    "checked_blocks",
    "standard_layout",
]

# Half-open [low, high): a bin belongs to one band only.
BANDS_HZ: Mapping[str, tuple[float, float]] = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 14.0),
    "beta": (14.0, 31.0),
    "gamma": (31.0, 45.0),
}

# (right, left): ln(right alpha power) - ln(left alpha power).
ASYMMETRY_PAIRS = (("Fp2", "Fp1"), ("F4", "F3"), ("F8", "F7"))

WHOLE_HEAD = ("activity", "mobility", "complexity", "spectral_entropy")

# Blocks of further values, by the names that users write.
EXTRA_BLOCKS = ("relative_power", "band_power", "dasm", "rasm", "channel_entropy", "band_entropy")


def checked_blocks(names: Iterable[str]) -> tuple[str, ...]:
    """Names of extra blocks, each once.

    Raises:
        InputError: if one is not known or comes twice.
    """
    blocks = tuple(names) if not isinstance(names, str) else (names,)
    if any(name not in EXTRA_BLOCKS for name in blocks) or len(set(blocks)) < len(blocks):
        raise InputError(
            f"`extra_blocks` must be different ones of {', '.join(EXTRA_BLOCKS)}. "
            f"Received: {', '.join(map(str, blocks))}."
        )
    return blocks


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a feature vector.

    Attributes:
        channels: channel names in the order of the vector.
        bands_hz: (name, low, high) of each band, half-open, low to high.
        pairs: (right, left) channel names of each frontal asymmetry.
        whole_head: the values over all channels, behind the others: `WHOLE_HEAD`, or none where the columns were
            computed by somebody else.
    """

    channels: tuple[str, ...]
    bands_hz: tuple[tuple[str, float, float], ...]
    pairs: tuple[tuple[str, str], ...]
    whole_head: tuple[str, ...] = WHOLE_HEAD

    @property
    def n_channels(self) -> int:
        """Channels in the first block."""
        return len(self.channels)

    @property
    def n_bands(self) -> int:
        """Bands in the first block."""
        return len(self.bands_hz)

    @property
    def n_scalars(self) -> int:
        """Values behind the channel x band block: asymmetries and whole-head values."""
        return len(self.pairs) + len(self.whole_head)

    @property
    def n_features(self) -> int:
        """Length of the vector."""
        return self.n_channels * self.n_bands + self.n_scalars

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name a column, such as `de_Fp1_delta`, `asymmetry_F4_F3`, `whole_head_mobility`."""
        entropies = [f"de_{channel}_{band}" for channel in self.channels for band, _, _ in self.bands_hz]
        asymmetries = [f"asymmetry_{right}_{left}" for right, left in self.pairs]
        return (*entropies, *asymmetries, *(f"whole_head_{name}" for name in self.whole_head))

    def to_dict(self) -> dict[str, Any]:
        """The layout as plain JSON values."""
        content = {
            "channels": list(self.channels),
            "bands_hz": [list(band) for band in self.bands_hz],
            "pairs": [list(pair) for pair in self.pairs],
        }
        # Said only where it is not the usual: what was fingerprinted or saved before it could be said stays as it is.
        return content if self.whole_head == WHOLE_HEAD else {**content, "whole_head": list(self.whole_head)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Layout:
        """The layout that `to_dict` described."""
        return cls(
            channels=tuple(content["channels"]),
            bands_hz=tuple((str(name), float(low), float(high)) for name, low, high in content["bands_hz"]),
            pairs=tuple((str(right), str(left)) for right, left in content["pairs"]),
            whole_head=tuple(str(name) for name in content.get("whole_head", WHOLE_HEAD)),
        )


def standard_layout(bands_hz: Mapping[str, tuple[float, float]] = BANDS_HZ) -> Layout:
    """The layout of the 32 channels with these bands."""
    return Layout(CHANNELS, tuple((name, low, high) for name, (low, high) in bands_hz.items()), ASYMMETRY_PAIRS)


STANDARD = standard_layout()
FEATURE_NAMES = STANDARD.feature_names
