"""What each value of a feature vector is: the blocks, their columns, and the formula and source of each.

The vector of a 32-channel cap is 32 channels x 5 bands of differential entropy (channel by channel, each with its bands
from low to high), 3 frontal asymmetries and 4 whole-head values; blocks that are chosen by name stand behind those. A
cap with fewer channels has a layout of its own; networks take their shape from the layout, never from a constant.

All is computed of the powers of one window (`Powers`; how they come about, `vector` says), so no value of one window
looks at another.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.recordings.channels import CHANNELS

__all__ = [
    "BANDS_HZ",
    "BLOCKS",
    "CHANNELS",
    "EXTRA_BLOCKS",
    "FEATURE_NAMES",
    "STANDARD",
    "WHOLE_HEAD",
    "Block",
    "Layout",
    "Powers",
    "checked_blocks",
    "homologues",
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

_ALWAYS = ("de", "asymmetry", "whole_head")


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
        extra_blocks: blocks of further values behind those, in this order.

    Raises:
        InputError: if an extra block is not known or comes twice.
    """

    channels: tuple[str, ...]
    bands_hz: tuple[tuple[str, float, float], ...]
    pairs: tuple[tuple[str, str], ...]
    whole_head: tuple[str, ...] = WHOLE_HEAD
    extra_blocks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checked_blocks(self.extra_blocks)

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
        """Values behind the channel x band block: asymmetries, whole-head values and extra blocks."""
        extra = sum(len(BLOCKS[name].columns(self)) for name in self.extra_blocks)
        return len(self.pairs) + len(self.whole_head) + extra

    @property
    def n_features(self) -> int:
        """Length of the vector."""
        return self.n_channels * self.n_bands + self.n_scalars

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks in the order of the vector; one without a column too."""
        return tuple(BLOCKS[name] for name in (*_ALWAYS, *self.extra_blocks))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name a column, such as `de_Fp1_delta`, `asymmetry_F4_F3`, `whole_head_mobility`."""
        return tuple(name for block in self.blocks for name in block.columns(self))

    def to_dict(self) -> dict[str, Any]:
        """The layout as plain JSON values."""
        content: dict[str, Any] = {
            "channels": list(self.channels),
            "bands_hz": [list(band) for band in self.bands_hz],
            "pairs": [list(pair) for pair in self.pairs],
        }
        # Said only where it is not the usual: what was fingerprinted or saved before it could be said stays as it is.
        if self.whole_head != WHOLE_HEAD:
            content["whole_head"] = list(self.whole_head)
        if self.extra_blocks:
            content["extra_blocks"] = list(self.extra_blocks)
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Layout:
        """The layout that `to_dict` described."""
        return cls(
            channels=tuple(content["channels"]),
            bands_hz=tuple((str(name), float(low), float(high)) for name, low, high in content["bands_hz"]),
            pairs=tuple((str(right), str(left)) for right, left in content["pairs"]),
            whole_head=tuple(str(name) for name in content.get("whole_head", WHOLE_HEAD)),
            extra_blocks=tuple(str(name) for name in content.get("extra_blocks", ())),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Powers:
    """What the blocks are computed of: n windows, their channels, bands, and bins within the bands.

    Attributes:
        bands: σ², the power of each band in µV², `(n, n_channels, n_bands)`; never below the floor of a flat channel.
        log_bands: its natural logarithm.
        moments: m_j = Σ f_k^j P_k for j = 0, 2, 4, over the bins from the lowest to the highest edge of the bands,
            [1, 45) Hz by default, with f in Hz and the power P in µV²; `(3, n, n_channels)`.
        shares: p_k = P_k / m_0, each bin's share of the power, `(n, n_channels, n_bins)`.
        bins: the bins of each band.
    """

    bands: NDArray[np.float32]
    log_bands: NDArray[np.float32]
    moments: NDArray[np.float32]
    shares: NDArray[np.float32]
    bins: tuple[slice, ...]

    @property
    def entropies(self) -> NDArray[np.float32]:
        """Differential entropy in nats, `(n, n_channels, n_bands)`; see `differential_entropy`."""
        return entropy_of(self.log_bands)

    @property
    def spectral_entropies(self) -> NDArray[np.float32]:
        """-Σ p_k ln p_k / ln(number of bins), `(n, n_channels)`; 1 where all bins are alike."""
        entropy: NDArray[np.float32] = -np.einsum("nck,nck->nc", self.shares, np.log(self.shares))
        return entropy / math.log(self.shares.shape[-1])


@dataclass(frozen=True, slots=True)
class Block:
    """Columns of the vector that are computed alike.

    Attributes:
        columns: a layout's names of them, in order; none where the layout has no electrodes for it.
        values: the block's values `(n, n_columns)`, or of that size with the windows first, of their powers.
    """

    columns: Callable[[Layout], list[str]]
    values: Callable[[Powers, Layout], NDArray[np.float32]]


def entropy_of(log_power: NDArray[Any]) -> NDArray[Any]:
    """Differential entropy in nats of a Gaussian signal, ½ ln(2πe σ²), from ln σ²."""
    return 0.5 * (log_power + np.float32(math.log(2 * math.pi * math.e)))


def differential_entropy(powers: Powers, layout: Layout) -> NDArray[np.float32]:
    """Of each channel in each band, in nats: that of a Gaussian signal of the band's power, DE = ½ ln(2πe σ²).

    References:
        Duan, Zhu and Lu (2013), Differential entropy feature for EEG-based emotion classification.
    """
    return powers.entropies


def frontal_asymmetry(powers: Powers, layout: Layout) -> NDArray[np.float32]:
    """Of each (right, left) pair: ln σ²_alpha(right) - ln σ²_alpha(left).

    References:
        Davidson (1992), Anterior cerebral asymmetry and the nature of emotion. Allen, Coan and Nazarian (2004),
        Issues and assumptions on the road from raw signals to metrics of frontal EEG asymmetry in emotion.
    """
    alpha = powers.log_bands[..., [name for name, _, _ in layout.bands_hz].index("alpha")]
    right, left = _rows(layout.channels, layout.pairs)
    difference: NDArray[np.float32] = alpha[:, right] - alpha[:, left]
    return difference


def whole_head(powers: Powers, layout: Layout) -> NDArray[np.float32]:
    """Each the mean over the channels, from the spectral moments.

    - activity: ln m0 (Hjorth 1970)
    - mobility: √(m2 / m0), in Hz
    - complexity: √(m4 / m2) / mobility, 1 for a sinusoid
    - spectral_entropy: -Σ p_k ln p_k / ln(number of bins) (Inouye et al. 1991)

    Moments over a fixed band depend on neither sampling rate nor the recording's bandwidth, as Hjorth's differences
    between samples do.

    References:
        Hjorth (1970), EEG analysis based on time domain properties. Inouye et al. (1991), Quantification of EEG
        irregularity by use of the entropy of the power spectrum.
    """
    m0, m2, m4 = powers.moments
    mobility = np.sqrt(m2 / m0)
    values = {
        "activity": np.log(m0),
        "mobility": mobility,
        "complexity": np.sqrt(m4 / m2) / mobility,
        "spectral_entropy": powers.spectral_entropies,
    }
    return np.stack([values[name].mean(axis=1) for name in layout.whole_head], axis=1)


def relative_power(powers: Powers, layout: Layout) -> NDArray[np.float32]:
    """Of each channel in each band: σ² / Σ σ² over the bands, from 0 to 1; a gain drops out.

    References:
        Jenke, Peer and Buss (2014), Feature extraction and selection for emotion recognition from EEG.
    """
    share: NDArray[np.float32] = powers.bands / powers.bands.sum(axis=-1, keepdims=True)
    return share


def band_power(powers: Powers, layout: Layout) -> NDArray[np.float32]:
    """Of each channel in each band: σ² in µV².

    The only value that is neither a logarithm nor a ratio: the gain k of an amplifier is a factor k² of it.

    References:
        Jenke, Peer and Buss (2014), as for `relative_power`.
    """
    return powers.bands


def differential_asymmetry(powers: Powers, layout: Layout) -> NDArray[np.float32]:
    """DASM of each (left, right) pair of electrodes in each band: DE(left) - DE(right), in nats.

    References:
        Duan, Zhu and Lu (2013), as for `differential_entropy`. Zheng and Lu (2015), Investigating critical frequency
        bands and channels for EEG-based emotion recognition with deep neural networks.
    """
    left, right = _rows(layout.channels, homologues(layout.channels))
    entropies = powers.entropies
    difference: NDArray[np.float32] = entropies[:, left] - entropies[:, right]
    return difference


def rational_asymmetry(powers: Powers, layout: Layout) -> NDArray[np.float32]:
    """RASM of each (left, right) pair of electrodes in each band: DE(left) / DE(right).

    A differential entropy passes through 0 (at 0.06 µV²), where the ratio would have no bound: one nearer to 0 than
    0.1 nats counts as 0.1 with its sign as the divisor. A gain does not drop out of this ratio, unlike of DASM.

    References:
        Duan, Zhu and Lu (2013) and Zheng and Lu (2015), as for `differential_asymmetry`.
    """
    left, right = _rows(layout.channels, homologues(layout.channels))
    entropies = powers.entropies
    divisor = entropies[:, right]
    divisor = np.copysign(np.maximum(np.abs(divisor), np.float32(LEAST_DIVISOR_NATS)), divisor)
    ratio: NDArray[np.float32] = entropies[:, left] / divisor
    return ratio


def channel_entropy(powers: Powers, layout: Layout) -> NDArray[np.float32]:
    """Spectral entropy of each channel over the whole range, from 0 to 1: the whole-head one before its mean.

    References:
        Inouye et al. (1991), as for `whole_head`.
    """
    return powers.spectral_entropies


def band_entropy(powers: Powers, layout: Layout) -> NDArray[np.float32]:
    """Spectral entropy of each channel within each band, from 0 to 1: -Σ q_k ln q_k / ln(bins of the band).

    q_k is the bin's share of the power in the band. A band that is one bin wide (with short windows) has no
    distribution to speak of: its value is 0. Always from the spectrum of the window, whatever estimates the powers.

    References:
        Inouye et al. (1991), as for `whole_head`.
    """
    values = np.zeros(powers.bands.shape, dtype=np.float32)
    for band, bins in enumerate(powers.bins):
        within = powers.shares[..., bins]
        if (n_bins := within.shape[-1]) > 1:
            within = within / within.sum(axis=-1, keepdims=True)
            # A share too small for float32 has nothing to add: the limit of q ln q is 0.
            logarithms = np.log(np.maximum(within, np.finfo(np.float32).tiny))
            values[..., band] = -np.einsum("nck,nck->nc", within, logarithms) / math.log(n_bins)
    return values


LEAST_DIVISOR_NATS = 0.1
"""What an entropy counts as at least where RASM divides by it."""


def homologues(channels: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The (left, right) electrodes that lie opposite each other, such as (F3, F4), in the order of the left ones."""
    pairs = []
    for left in channels:
        found = re.fullmatch(r"([A-Za-z]+)(\d*[13579])(h?)", left)
        if found and (right := f"{found[1]}{int(found[2]) + 1}{found[3]}") in channels:
            pairs.append((left, right))
    return tuple(pairs)


@lru_cache(maxsize=64)
def _rows(channels: tuple[str, ...], pairs: tuple[tuple[str, str], ...]) -> tuple[list[int], list[int]]:
    """Where the first and the second electrodes of the pairs are among the channels."""
    return [channels.index(name) for name, _ in pairs], [channels.index(name) for _, name in pairs]


def _of_bands(name: str, of: Callable[[Layout], Iterable[str]]) -> Callable[[Layout], list[str]]:
    """Names of a value of each of the electrodes (or pairs) in each band: `name_Fp1_delta`."""
    return lambda layout: [f"{name}_{one}_{band}" for one in of(layout) for band, _, _ in layout.bands_hz]


def _of_channels(layout: Layout) -> Iterable[str]:
    return layout.channels


def _of_homologues(layout: Layout) -> Iterable[str]:
    return (f"{left}_{right}" for left, right in homologues(layout.channels))


# The table of the vector: three that are in every one, then those that users choose by name.
BLOCKS: Mapping[str, Block] = {
    "de": Block(_of_bands("de", _of_channels), differential_entropy),
    "asymmetry": Block(lambda layout: [f"asymmetry_{right}_{left}" for right, left in layout.pairs], frontal_asymmetry),
    "whole_head": Block(lambda layout: [f"whole_head_{name}" for name in layout.whole_head], whole_head),
    "relative_power": Block(_of_bands("relative_power", _of_channels), relative_power),
    "band_power": Block(_of_bands("band_power", _of_channels), band_power),
    "dasm": Block(_of_bands("dasm", _of_homologues), differential_asymmetry),
    "rasm": Block(_of_bands("rasm", _of_homologues), rational_asymmetry),
    "channel_entropy": Block(lambda layout: [f"channel_entropy_{name}" for name in layout.channels], channel_entropy),
    "band_entropy": Block(_of_bands("band_entropy", _of_channels), band_entropy),
}

EXTRA_BLOCKS = tuple(name for name in BLOCKS if name not in _ALWAYS)


def standard_layout(bands_hz: Mapping[str, tuple[float, float]] = BANDS_HZ) -> Layout:
    """The layout of the 32 channels with these bands."""
    return Layout(CHANNELS, tuple((name, low, high) for name, (low, high) in bands_hz.items()), ASYMMETRY_PAIRS)


STANDARD = standard_layout()
FEATURE_NAMES = STANDARD.feature_names
