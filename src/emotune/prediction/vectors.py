"""What a model takes of recordings: their vectors, those that a person is standardised by, and runs of windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emotune.data.normalising import calibration_of
from emotune.errors import InputError
from emotune.features.extraction import extract, montage_for
from emotune.features.layout import Layout
from emotune.features.windows import are_next
from emotune.findings import Finding
from emotune.prediction.bundle import Bundle
from emotune.recordings.recording import Recording

__all__ = ["Vectors", "calibration_vectors", "runs_of", "runs_of_windows", "split_calibration", "vectors_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """What a model takes of one recording, before it is standardised; its samples are not kept.

    Attributes:
        values: `(n_windows, n_features)`, float32.
        starts_s: start of each window in the recording, `(n_windows,)` seconds.
        numbers: of each window, `(n_windows,)`; tells what is in a row, see `are_next`.
        interpolated: channels that the model knows and the recording does not have.
        dropped: channels of the recording that the model does not use.
        findings: what the checks found.
        place: names the recording in messages.
        seconds: how long it is.
    """

    values: NDArray[np.float32]
    starts_s: NDArray[np.float64]
    numbers: NDArray[np.int64]
    interpolated: tuple[str, ...]
    dropped: tuple[str, ...]
    findings: tuple[Finding, ...]
    place: str
    seconds: float

    def only(self, windows: NDArray[np.bool_]) -> Vectors:
        """The same recording with some of its windows."""
        return replace(
            self, values=self.values[windows], starts_s=self.starts_s[windows], numbers=self.numbers[windows]
        )


def vectors_of(bundle: Bundle, recording: Recording) -> Vectors:
    """A recording's vectors as the model takes them; see `predict_recording` for what is refused."""
    if bundle.features is None or bundle.layout is None:
        raise InputError(
            f"Expected a model that was trained on recordings. Received: the one in {bundle.folder}, trained on a "
            "table: windows and reference of its vectors are not known, so no recording can be turned into the same. "
            "Train one with --data manifest:PATH.csv."
        )
    if bundle.features.baseline == "subtract" and recording.baseline_uv is None:
        raise InputError(
            f"Expected a recording with the rest before it, whose vector the model in {bundle.folder} has been trained "
            f"without. Received: {recording.place} alone. Say where the rest lies: --baseline START STOP for one "
            "recording, `baseline_start_s` and `baseline_stop_s` in a manifest."
        )
    features = extract(recording, bundle.features)
    if features.layout != bundle.layout:
        raise InputError(
            f"Expected a cap that gives the model's layout, {_caption(bundle.layout)}. Received: "
            f"{_caption(features.layout)} from {recording.source or 'the recording'}. "
            "Use a model that was trained on such a cap, or train one."
        )
    return Vectors(
        features.values,
        features.starts_s,
        features.numbers,
        features.interpolated,
        montage_for(recording.channel_names, bundle.features).dropped,
        features.findings,
        recording.place,
        recording.duration_s,
    )


def calibration_vectors(bundle: Bundle, recordings: Iterable[Recording]) -> NDArray[np.float32]:
    """Vectors to standardise one person by, `(n, n_features)`, as in training: of all windows, or the first seconds.

    Raises:
        InputError: if a recording cannot be used, or there is too little of them.
    """
    every = [vectors_of(bundle, recording) for recording in recordings]
    calibration, _ = split_calibration(bundle, every)
    bundle.scaler_for(calibration, whose=", ".join(dict.fromkeys(one.place for one in every)))
    return calibration


def split_calibration(
    bundle: Bundle, recordings: Sequence[Vectors]
) -> tuple[NDArray[np.float32], list[NDArray[np.bool_]]]:
    """What one person is standardised by, `(n, n_features)`, and which windows of each recording may be answered for.

    Args:
        bundle: whose normalisation it is.
        recordings: all of one person, in order.
    """
    values = np.concatenate([one.values for one in recordings])
    lengths = [len(one.values) for one in recordings]
    calibration, free = calibration_of(
        values,
        np.repeat(np.arange(len(recordings)), lengths),
        np.concatenate([one.starts_s for one in recordings]),
        0.0 if bundle.features is None else bundle.features.window_s,
        bundle.normalisation.seconds,
    )
    return calibration, np.split(free, np.cumsum(lengths)[:-1])


def runs_of(bundle: Bundle, vectors: Vectors) -> NDArray[np.int64]:
    """Rows of each run of windows that the model answers for, `(n_runs, n_steps)`."""
    if bundle.features is None:
        return np.zeros((0, bundle.n_steps), dtype=np.int64)
    return runs_of_windows(vectors.numbers, bundle.n_steps)


def runs_of_windows(numbers: NDArray[np.int64], n_steps: int) -> NDArray[np.int64]:
    """Rows of every `n_steps` windows in a row, `(n_runs, n_steps)`, sliding by one; none across an interruption."""
    runs = np.arange(max(0, len(numbers) - n_steps + 1))[:, None] + np.arange(n_steps)
    return np.asarray(runs[are_next(numbers[runs]).all(axis=1)], dtype=np.int64)


def _caption(layout: Layout) -> str:
    shown = ", ".join(layout.channels[:4]) + (" …" if layout.n_channels > 4 else "")
    bands = ", ".join(f"{name} {low:g}–{high:g} Hz" for name, low, high in layout.bands_hz)
    return f"{layout.n_channels} channels ({shown}) and {layout.n_bands} bands ({bands})"
