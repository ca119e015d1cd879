"""What is done to the samples before windows are cut: filters, resampling, bad channels, blinks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from emotune.errors import InputError
from emotune.features.bad_channels import find_bad_channels
from emotune.features.blinks import without_blinks
from emotune.features.causal import CausalSteps
from emotune.features.filters import has_room_for_notch, zero_phase_filtered, zero_phase_length_s
from emotune.features.resampling import n_resampled, zero_phase_resampled
from emotune.findings import Finding
from emotune.recordings.quality import silent_stretches
from emotune.recordings.recording import Recording

__all__ = ["BAD_CHANNELS", "BLINKS", "PHASES", "Preprocessed", "Preprocessing", "preprocess"]

PHASES = ("causal", "zero")
BAD_CHANNELS = ("keep", "interpolate")
BLINKS = ("keep", "ica")

# Samples that go through the causal filters at once, and samples of one or more channels through those of zero phase.
_PIECE = 1 << 12
_SAMPLES_AT_ONCE = 1 << 17


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The steps before the windows, in the order in which they are done; none of them by default.

    Attributes:
        band_pass_hz: (low, high) edges of a band-pass; None in the place of an edge leaves that side open. The causal
            one is 3 dB down at its edges: at an upper edge of 45 Hz 0.1 dB at 31 Hz and 1.2 dB at 40 Hz.
        notch_hz: the mains, whose harmonics below half the sampling rate are taken out too; a recording that is too
            slow for a notch there is not filtered so, and that is said.
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
    def filters(self) -> bool:
        """Whether the samples are filtered or resampled."""
        return self.band_pass_hz is not None or self.notch_hz is not None or self.resample_hz is not None

    @property
    def looks_ahead(self) -> tuple[str, ...]:
        """Which steps see later samples, in words; none where a stream can be treated alike."""
        return (
            *(["filters of zero phase"] if self.filters and self.phase == "zero" else []),
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
        rest_breaks_s: (start, stop) in seconds of what is not to be used of the rest: where the recorder stood still.
        room: memory that begins with the recording's samples and has at least as many rows as were asked for, which
            may be overwritten; None where the samples are not the filters' own.
    """

    recording: Recording
    bad_channels: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    rest_breaks_s: tuple[tuple[float, float], ...] = ()
    room: NDArray[np.float32] | None = None


def preprocess(recording: Recording, steps: Preprocessing, n_rows: int = 0) -> Preprocessed:
    """Do the steps to a recording of EEG channels alone, each whole stretch between its breaks on its own.

    The order is notch, band-pass, resampling, blinks, bad channels; the rest before the recording gets the same, each
    stretch between stand-stills of its recorder on its own. Samples inside breaks become 0. Filters in their causal
    form delay: what a window then holds lies up to half a second earlier in the recording (see `CausalFilter` and
    `CausalResampler`).

    Args:
        recording: stays as it is.
        steps: what is done.
        n_rows: rows for which there is to be room where the filtered samples lie, at least.

    Raises:
        InputError: if a step cannot be done to it: an edge at or above half the sampling rate, a recording or rest that
            is shorter than its lowest edge needs, or no stretch as long as filters of zero phase are.
    """
    findings: list[Finding] = []
    rest, room = None, None
    if recording.baseline_uv is not None and recording.baseline_uv.shape[1]:
        rest = replace(recording, samples_uv=recording.baseline_uv, baseline_uv=None, breaks_s=())
        # Found in the samples as they came: a filter would make held values move.
        rest = replace(rest, breaks_s=tuple(silent_stretches(rest)))
    if steps.filters:
        if rest is not None:
            rest, _ = _filtered(rest, steps, "the rest before the recording", [])
        findings += _too_slow_for_notch(recording, steps)
        recording, room = _filtered(recording, steps, "the recording", findings, n_rows)
        recording = replace(recording, baseline_uv=recording.baseline_uv if rest is None else rest.samples_uv)
    bad: tuple[str, ...] = ()
    if steps.blinks == "ica" or steps.bad_channels == "interpolate":
        import sklearn.neighbors  # noqa: F401  (what brings its own threads has to be there to be limited)

        # The products are too small to share: more threads only spin, and wait for each other where cores are busy.
        with threadpool_limits(limits=1):
            if steps.blinks == "ica":
                cleaned, found = without_blinks(recording)
                room = room if cleaned is recording else None
                recording = cleaned
                findings += found
            if steps.bad_channels == "interpolate":
                bad, found = find_bad_channels(recording)
                findings += found
    return Preprocessed(recording, bad, tuple(findings), () if rest is None else rest.breaks_s, room)


def _too_slow_for_notch(recording: Recording, steps: Preprocessing) -> list[Finding]:
    rate_hz = recording.sampling_rate_hz
    if steps.notch_hz is None or has_room_for_notch(rate_hz, steps.notch_hz):
        return []
    # Of all recordings at this rate the same, so that it is said once of a set.
    return [
        Finding(
            "no-notch",
            "note",
            f"Expected room for a notch at {steps.notch_hz:g} Hz below half the sampling rate. Received: recordings at "
            f"{rate_hz:g} Hz; their mains are not taken out.",
        )
    ]


def _filtered(
    recording: Recording, steps: Preprocessing, what: str, findings: list[Finding], n_rows: int = 0
) -> tuple[Recording, NDArray[np.float32]]:
    """Samples and breaks after notch, band-pass and resampling, and the samples' memory, of at least `n_rows` rows."""
    rate_hz = recording.sampling_rate_hz
    causal = CausalSteps(rate_hz, steps.band_pass_hz, steps.notch_hz, steps.resample_hz)
    _check_low_edge(recording, steps, what)
    stretches = recording.stretches
    if steps.phase == "zero":
        stretches = _long_enough(recording, steps, what, findings)
    n_times = n_resampled(recording.samples_uv.shape[1], causal.ratio)
    n_channels = len(recording.channel_names)
    room = np.zeros((max(n_channels, n_rows), n_times), dtype=np.float32)
    samples = room[:n_channels]
    places = [(n_resampled(first, causal.ratio), n_resampled(last, causal.ratio)) for first, last in stretches]
    for (first, last), (start, stop) in zip(stretches, places, strict=True):
        stretch, into = recording.samples_uv[:, first:last], samples[:, start:stop]
        if steps.phase == "zero":
            _zero_phase(stretch, into, rate_hz, causal.ratio, steps)
        else:
            _forward(stretch, into, causal)
    new_hz = causal.sampling_rate_hz
    breaks_s = tuple((stop / new_hz, start / new_hz) for stop, start in _between(places, n_times))
    return replace(recording, samples_uv=samples, sampling_rate_hz=new_hz, breaks_s=breaks_s), room


def _forward(stretch: NDArray[np.float32], into: NDArray[np.float32], causal: CausalSteps) -> None:
    causal.restart()
    done = 0
    for first in range(0, stretch.shape[1], _PIECE):
        piece = causal.push(stretch[:, first : first + _PIECE].astype(np.float64))
        # A stretch that begins between two new samples has one more at its end than there is room for.
        piece = piece[:, : into.shape[1] - done]
        into[:, done : done + piece.shape[1]] = piece
        done += piece.shape[1]


def _zero_phase(
    stretch: NDArray[np.float32], into: NDArray[np.float32], rate_hz: float, ratio: Fraction, steps: Preprocessing
) -> None:
    # A few channels at once: in float64, with room for the filter's ends, all would take many times their memory.
    n_at_once = max(1, _SAMPLES_AT_ONCE // stretch.shape[1])
    for row in range(0, len(stretch), n_at_once):
        rows = slice(row, row + n_at_once)
        samples = zero_phase_filtered(stretch[rows].astype(np.float64), rate_hz, steps.band_pass_hz, steps.notch_hz)
        into[rows] = samples if ratio == 1 else zero_phase_resampled(samples, ratio, into.shape[1])


def _check_low_edge(recording: Recording, steps: Preprocessing, what: str) -> None:
    low = None if steps.band_pass_hz is None else steps.band_pass_hz[0]
    if low is not None and recording.duration_s < 1.0 / low:
        raise InputError(
            f"Expected at least {1.0 / low:g} s of {what}, one cycle of the band-pass's lower edge, {low:g} Hz. "
            f"Received: {recording.duration_s:g} s. Raise the lower edge of BAND_PASS_HZ, or leave it open (None)."
        )


def _long_enough(
    recording: Recording, steps: Preprocessing, what: str, findings: list[Finding]
) -> tuple[tuple[int, int], ...]:
    """The stretches that are as long as the filters of zero phase; what is left out is said."""
    rate_hz, stretches = recording.sampling_rate_hz, recording.stretches
    needed_s = zero_phase_length_s(rate_hz, steps.band_pass_hz, steps.notch_hz)
    long = tuple(stretch for stretch in stretches if stretch[1] - stretch[0] >= needed_s * rate_hz - 0.5)
    if stretches and not long:
        longest_s = max(last - first for first, last in stretches) / rate_hz
        raise InputError(
            f"Expected a whole stretch of at least {needed_s:.2f} s in {what}, the length of its filters of zero "
            f"phase. Received: {longest_s:.2f} s. Set FILTER_PHASE to 'causal', raise the lower edge of BAND_PASS_HZ, "
            "or leave this recording out."
        )
    if len(long) < len(stretches):
        findings.append(
            Finding(
                "short-stretches",
                "note",
                f"{len(stretches) - len(long)} of {len(stretches)} stretches between breaks of {recording.place} are "
                f"shorter than the {needed_s:.2f} s of the filters of zero phase and are not used.",
                "Set FILTER_PHASE to 'causal' to keep them.",
            )
        )
    return long


def _between(places: Sequence[tuple[int, int]], n_times: int) -> list[tuple[int, int]]:
    """What lies between stretches, in samples; a point where one follows another at once."""
    ends = [0, *(stop for _, stop in places)]
    starts = [*(start for start, _ in places), n_times]
    inner = range(1, len(places))
    return [(ends[i], starts[i]) for i in range(len(ends)) if i in inner or starts[i] > ends[i]]


def _positive(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise InputError(f"`{name}` must be above 0, or None. Received: {value!r}.")
    return float(value)
