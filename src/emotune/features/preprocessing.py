"""What is done to the samples before windows are cut: filters, resampling, bad channels, blinks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from emotune.errors import InputError
from emotune.findings import Finding
from emotune.recordings.recording import Recording

__all__ = ["BAD_CHANNELS", "BLINKS", "PHASES", "Preprocessed", "Preprocessing", "preprocess"]

PHASES = ("causal", "zero")
BAD_CHANNELS = ("keep", "interpolate")
BLINKS = ("keep", "ica")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The steps before the windows, in the order in which they are done; none of them by default.

    Attributes:
        band_pass_hz: (low, high) edges of a band-pass; None in the place of an edge leaves that side open.
        notch_hz: the mains, whose harmonics below half the sampling rate are taken out too.
        resample_hz: another sampling rate.
        phase: of filters and resampling: `causal` sees no later sample and delays, `zero` does neither.
        bad_channels: `interpolate` finds channels unlike their neighbours over the whole recording, and
            interpolates them.
        blinks: `ica` takes the components of blinks out, which it learns from the whole recording.
        reject_uv: windows in which a channel spans more than this, from peak to peak, are left out.

    Raises:
        InputError: if a setting makes no sense.
    """

    band_pass_hz: tuple[float | None, float | None] | None = None
    notch_hz: float | None = None
    resample_hz: float | None = None
    phase: str = "causal"
    bad_channels: str = "keep"
    blinks: str = "keep"
    reject_uv: float | None = None

    def __post_init__(self) -> None:
        for name, known in (("phase", PHASES), ("bad_channels", BAD_CHANNELS), ("blinks", BLINKS)):
            if getattr(self, name) not in known:
                raise InputError(f"`{name}` must be one of {', '.join(known)}. Received: {getattr(self, name)!r}.")
        for name in ("notch_hz", "resample_hz", "reject_uv"):
            object.__setattr__(self, name, _positive(name, getattr(self, name)))
        if self.band_pass_hz is not None:
            try:
                low, high = (_positive("band_pass_hz", edge) for edge in self.band_pass_hz)
            except (TypeError, ValueError):
                low, high = None, None
            if (low is None and high is None) or (low is not None and high is not None and low >= high):
                raise InputError(
                    f"`band_pass_hz` must be a (low, high) in Hz. Received: {self.band_pass_hz!r}. Write for example "
                    "(0.5, 45.0), or (0.5, None) for a high-pass."
                )
            object.__setattr__(self, "band_pass_hz", (low, high))

    @property
    def looks_ahead(self) -> tuple[str, ...]:
        """Which steps see later samples, in words; none where a stream can be treated alike."""
        filters = self.band_pass_hz is not None or self.notch_hz is not None or self.resample_hz is not None
        return (
            *(["filters of zero phase"] if filters and self.phase == "zero" else []),
            *(["bad channels found over the whole recording"] if self.bad_channels == "interpolate" else []),
            *(["ICA over the whole recording"] if self.blinks == "ica" else []),
        )

    def to_dict(self) -> dict[str, Any]:
        """The steps as plain JSON values."""
        content = asdict(self)
        return content | {"band_pass_hz": None if self.band_pass_hz is None else list(self.band_pass_hz)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Preprocessing:
        """The steps that `to_dict` described.

        Raises:
            InputError: if one is unknown or makes no sense.
        """
        try:
            return cls(**content)
        except TypeError:
            raise InputError(
                f"Expected the preprocessing steps {', '.join(cls.__slots__)}. "
                f"Received: {', '.join(content) or 'none'}. "
                "Write the file anew with this version of emotune."
            ) from None


@dataclass(frozen=True, slots=True, eq=False)
class Preprocessed:
    """A recording after the steps.

    Attributes:
        recording: its samples, rest and sampling rate changed; the channels as they were.
        bad_channels: which of them are to be interpolated, by their names in the recording.
        findings: what was found on the way.
    """

    recording: Recording
    bad_channels: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def preprocess(recording: Recording, steps: Preprocessing) -> Preprocessed:
    """Do the steps to a recording of EEG channels alone, each whole stretch between its breaks on its own.

    Raises:
        InputError: if a step cannot be done to it.
    """
    return Preprocessed(recording)


def _positive(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise InputError(f"`{name}` must be above 0, or None. Received: {value!r}.")
    return float(value)
