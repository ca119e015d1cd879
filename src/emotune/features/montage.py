"""Any cap onto the channels of a layout: names normalised, extras dropped, missing channels interpolated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.features.layout import ASYMMETRY_PAIRS, BANDS_HZ, BLOCKS, CHANNELS, Layout, homologues
from emotune.findings import listed

__all__ = [
    "MIN_STANDARD_CHANNELS",
    "REFERENCES",
    "ChannelMap",
    "checked_channels",
    "checked_reference",
    "fit_montage",
    "normalise_name",
]

# With fewer of the 32, interpolation would invent a head: 32 channels of rank 4 from a Muse.
MIN_STANDARD_CHANNELS = 8

REFERENCES = ("average", "none")

# Ears and mastoids have no place in the 10-05 system, and are what people refer to.
_BEHIND_THE_EARS = ("A1", "A2", "M1", "M2")

# The names of the 10-20 system of 1958 that today's have replaced.
_OLD_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}

# What amplifiers and exporters write before and behind a name. Only references that are no channel of a
# bipolar montage count as endings: `Fp1-F7` is the difference of two channels and must not pass for Fp1.
_BEGINNING = re.compile(r"^(?:EEG|POL|RAW)[\s._:\-]*", re.IGNORECASE)
_ENDING = re.compile(
    r"[\s._:\-/]+(?:REF|LE|RE|AR|AV|AVE|AVG|CAR|CLE|NLE|ORG|G\d|[AM][12](?:[+\-/]?[AM][12])?)$", re.IGNORECASE
)
_POSITION = re.compile(r"^([A-Z]+?)(Z|\d{1,2})(H?)$")
_ROWS = {
    row.upper(): row
    for row in "Fp AFp AF AFF F FFT FFC FT FC FTT FCC T C TTP CCP TP CP TPP CPP P PPO PO POO O OI I".split()
}

# BioSemi's caps of 128 and more call their channels A1 ... D32, where C3 lies elsewhere than the C3 of the
# 10-20 system: names that only they have.
_LETTERED = {"B1", "D1"}

# MNE's electrode positions on the Colin27 head, known as `standard_1005` before MNE 1.13.
_TEMPLATE = "colin27_1005"

# Homologues whose difference in alpha power is called frontal; left of the midline is odd.
_FRONTAL_ROWS = ("Fp", "AFp", "AF", "AFF", "F")

# So many names are shown in a message.
_LISTED = 12


@dataclass(frozen=True, slots=True, eq=False)
class ChannelMap:
    """How the channels of a cap become those of a layout: `samples_of_layout = matrix @ samples_of_cap`.

    Attributes:
        layout: the channels that come out, with their bands and pairs.
        matrix: `(layout.n_channels, n_channels_in)`, float32, read-only: selection, order, interpolation and
            reference in one. A column of a dropped channel is zero.
        interpolated: channels of the layout that the cap does not have, in the layout's order.
        dropped: channels of the cap that have no part in the result, by the names that came.
    """

    layout: Layout
    matrix: NDArray[np.float32]
    interpolated: tuple[str, ...]
    dropped: tuple[str, ...]


def normalise_name(name: str) -> str:
    """The 10-05 name of a channel: `EEG FP1-REF`, `fp1`, `Fp1..` -> `Fp1`; `T3` -> `T7`.

    A name that is no 10-05 position comes back without its decoration; whether a cap can use it,
    `fit_montage` says.
    """
    bare = _ENDING.sub("", _BEGINNING.sub("", name.strip())).strip(" ._:-")
    position = _POSITION.match(bare.upper())
    if position is None or position[1] not in _ROWS:
        return bare
    row, place, half = position.groups()
    canonical = _ROWS[row] + place.lower() + half.lower()
    return _OLD_NAMES.get(canonical, canonical)


def checked_channels(names: Iterable[str]) -> tuple[str, ...]:
    """Electrode names as a layout has them: `T3` -> `T7`, `FP1` -> `Fp1`.

    Raises:
        InputError: if there is none, one comes twice, or one is no position of the 10-05 system.
    """
    # A text is a sequence of letters to Python, and one name to whoever wrote it.
    channels = tuple(normalise_name(str(name)) for name in ([names] if isinstance(names, str) else names))
    wrong = [name for name in channels if not _is_position(name)]
    if wrong or not channels or len(set(channels)) < len(channels):
        raise InputError(
            f"`channels` must be different electrodes of the 10-20 system, such as Fp1, Cz or O2. "
            f"Received: {listed(wrong or channels, _LISTED) or 'no channel'}. Write each once, by its 10-20 name."
        )
    return channels


def checked_reference(text: str) -> str:
    """`average`, `none`, or electrodes whose mean is subtracted, such as `M1, M2`, by their 10-20 names.

    Raises:
        InputError: if it is something else.
    """
    if text in REFERENCES:
        return text
    names = [_reference_name(name) for name in text.split(",")] if isinstance(text, str) else []
    if not names or len(set(names)) < len(names) or not all(_is_position(n) or n in _BEHIND_THE_EARS for n in names):
        raise InputError(
            f"`reference` must be {', '.join(REFERENCES)} or electrodes such as M1, M2. Received: {text!r}."
        )
    return ", ".join(names)


def _reference_name(name: str) -> str:
    """As `normalise_name`, with ears and mastoids."""
    bare = normalise_name(name)
    return bare.upper() if bare.upper() in _BEHIND_THE_EARS else bare


def _is_position(name: str) -> bool:
    """Whether a name, as `normalise_name` gives it, is a position of the 10-05 system."""
    position = _POSITION.match(name.upper())
    return position is not None and position[1] in _ROWS


def fit_montage(
    channel_names: Iterable[str],
    bands_hz: Mapping[str, tuple[float, float]] = BANDS_HZ,
    *,
    channels: tuple[str, ...] = CHANNELS,
    reference: str = "average",
    extra_blocks: tuple[str, ...] = (),
) -> ChannelMap:
    """Map the channels of a cap onto those that are wanted, interpolating what it does not have.

    Nothing is interpolated on a cap with fewer than 8 of the 32: it gets a layout of its own, unless it has
    all that are wanted.

    Missing channels are interpolated by spherical splines (Perrin et al. 1989) from all channels with a known
    10-05 position, also from those that the 32 do not have: more of the head is a better estimate. Ear and
    mastoid electrodes (A1, A2, M1, M2) are references rather than scalp, and are dropped. Of a name that
    comes twice the first is kept.

    Args:
        channel_names: as the file has them, in the order of the samples.
        bands_hz: (low, high) of each band, by name.
        channels: the electrodes that are wanted, in the order of the layout.
        reference: `average` subtracts the mean over the layout's channels, so that features do not depend on
            the reference of the recording (with fewer than three channels, where that would leave zeros or
            copies, the recorded reference stays); `none` leaves the recorded one; electrodes such as `M1, M2` are
            those of the recording whose mean is subtracted.
        extra_blocks: what the layout holds behind the standard values.

    Raises:
        InputError: if no channel has a 10-05 name, the reference or a block is not known, an electrode of the reference
            is not in the recording or would be left without a signal, or a block of differences finds no two electrodes
            that lie opposite each other.

    References:
        Perrin, Pernier, Bertrand and Echallier (1989), Spherical splines for scalp potential and current
        density mapping.
    """
    reference = checked_reference(reference)
    bands = tuple((name, float(low), float(high)) for name, (low, high) in bands_hz.items())
    return _fit(tuple(channel_names), bands, channels, reference, tuple(extra_blocks))


@lru_cache(maxsize=64)
def _fit(
    channel_names: tuple[str, ...],
    bands_hz: tuple[tuple[str, float, float], ...],
    channels: tuple[str, ...],
    reference: str,
    extra_blocks: tuple[str, ...],
) -> ChannelMap:
    rows = _rows_of_known(channel_names, channels)
    is_head = sum(name in rows for name in CHANNELS) >= MIN_STANDARD_CHANNELS
    if is_head or all(name in rows for name in channels):
        pairs = tuple(pair for pair in ASYMMETRY_PAIRS if set(pair) <= set(channels))
        layout = Layout(channels, bands_hz, pairs, extra_blocks=extra_blocks)
    else:
        layout = Layout(tuple(rows), bands_hz, _frontal_pairs(tuple(rows)), extra_blocks=extra_blocks)
    empty = [name for name in extra_blocks if not BLOCKS[name].columns(layout)]
    if empty:
        raise InputError(
            f"Expected electrodes that lie opposite each other, such as F3 and F4, for {' and '.join(empty)}. "
            f"Received: {listed(layout.channels, _LISTED)}. Leave the block out."
        )
    missing = tuple(name for name in layout.channels if name not in rows)

    matrix = np.zeros((layout.n_channels, len(channel_names)))
    for i, channel in enumerate(layout.channels):
        if channel in rows:
            matrix[i, rows[channel]] = 1.0
    if missing:
        estimated = [layout.channels.index(name) for name in missing]
        matrix[np.ix_(estimated, list(rows.values()))] = _interpolation(tuple(rows), missing)
    if reference not in REFERENCES:
        matrix -= _mean_of(reference, channel_names)
        if not matrix.any(axis=1).all():
            raise InputError(
                f"Expected a reference that leaves a signal in every channel of the layout. Received: {reference}, one "
                "of them itself. Take two electrodes or more, or the average."
            )
    dropped = tuple(name for name, column in zip(channel_names, matrix.T, strict=True) if not column.any())
    if reference == "average" and layout.n_channels > 2:
        matrix -= matrix.mean(axis=0)
    matrix32 = matrix.astype(np.float32)
    matrix32.setflags(write=False)
    return ChannelMap(layout, matrix32, missing, dropped)


def _mean_of(reference: str, channel_names: tuple[str, ...]) -> NDArray[np.float64]:
    """The weight of each channel in the mean of the electrodes of a reference, `(n_channels,)`."""
    rows: dict[str, int] = {}
    for row, name in enumerate(map(_reference_name, channel_names)):
        rows.setdefault(name, row)
    electrodes = reference.split(", ")
    missing = [name for name in electrodes if name not in rows]
    if missing:
        raise InputError(
            f"Expected the reference {reference} in the recording. Received: {listed(channel_names, _LISTED)}, without "
            f"{' and '.join(missing)}. Set REFERENCE to electrodes that were recorded, or to 'average'."
        )
    weights = np.zeros(len(channel_names))
    weights[[rows[name] for name in electrodes]] = 1 / len(electrodes)
    return weights


def _rows_of_known(channel_names: tuple[str, ...], channels: tuple[str, ...]) -> dict[str, int]:
    """The row of each channel with a known position, by its 10-05 name.

    Front to back whatever the order in the file, so that two recordings of one cap give one layout and the
    same interpolation to the last bit.
    """
    rows: dict[str, int] = {}
    for row, name in enumerate(map(normalise_name, channel_names)):
        rows.setdefault(name, row)
    # A cap that has all that is wanted needs no position, and so not the second that it takes to load MNE.
    known = channels if all(name in rows for name in channels) else _known_names()
    rows = {} if rows.keys() >= _LETTERED else {name: rows[name] for name in known if name in rows}
    if not rows:
        raise InputError(
            f"Expected channels with names of the 10-20 system, such as Fp1, Cz or O2. "
            f"Received: {listed(channel_names, _LISTED) or 'no channel'}. Rename the channels of the recording."
        )
    return rows


@lru_cache(maxsize=1)
def _known_names() -> tuple[str, ...]:
    """Every 10-05 scalp electrode whose position MNE knows, front to back, under today's names only."""
    import mne

    every: list[str] = mne.channels.make_standard_montage(_TEMPLATE).ch_names
    return tuple(name for name in every if name not in {*_OLD_NAMES, "A1", "A2", "M1", "M2"})


@lru_cache(maxsize=64)
def _interpolation(goods: tuple[str, ...], missing: tuple[str, ...]) -> NDArray[np.float64]:
    """Weights of the good channels for each missing one, `(n_missing, n_goods)`, read off MNE.

    The identity goes through MNE's interpolation, one unit sample a good channel; what comes out in the
    missing channels are the weights.
    """
    import mne

    identity = np.vstack([np.eye(len(goods)), np.zeros((len(missing), len(goods)))])
    with mne.use_log_level("error"):
        raw = mne.io.RawArray(identity, mne.create_info([*goods, *missing], sfreq=100.0, ch_types="eeg"))
        raw.set_montage(_TEMPLATE)
        raw.info["bads"] = list(missing)
        raw.interpolate_bads(reset_bads=False)
        weights: NDArray[np.float64] = raw.get_data(picks=list(missing))
    return weights


def _frontal_pairs(channels: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The (right, left) homologues among the frontal channels: those of the 32 first, then front to back."""
    pairs = [
        (right, left)
        for left, right in homologues(channels)
        if (position := _POSITION.match(left.upper())) and _ROWS.get(position[1]) in _FRONTAL_ROWS
    ]
    known = [pair for pair in ASYMMETRY_PAIRS if pair in pairs]
    return (*known, *(pair for pair in pairs if pair not in known))
