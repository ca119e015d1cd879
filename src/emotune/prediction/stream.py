"""The emotion of a recording that is still being made, window by window."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.features.stream import VectorStream
from emotune.prediction.bundle import Bundle
from emotune.prediction.predictor import calibrated_answers
from emotune.prediction.vectors import runs_of_windows

__all__ = ["StreamedAnswer", "StreamingPredictor"]


class StreamedAnswer(NamedTuple):
    """What a network says of a window, or of a run of windows.

    Attributes:
        start_s: its start, in seconds from the stream's first sample.
        stop_s: its end.
        probabilities: of the Bundle's classes, `(n_classes,)`, with the sum 1.
    """

    start_s: float
    stop_s: float
    probabilities: NDArray[np.float64]


class StreamingPredictor:
    """Answers as soon as a window is complete, the same as `predict_recording` gives of the finished recording.

    Args:
        bundle: a model whose vectors need no later samples.
        channel_names: one a row of the samples, as the recorder has them.
        sampling_rate_hz: samples a second.
        bad_channels: channels to interpolate, by their names among `channel_names`.
        rest_uv: `(n_channels, n_times)` in µV, for a model whose vectors tell the change from a rest.
        calibration: vectors of the same person, `(n, n_features)`, for a model that standardises each person by their
            own; those of a `VectorStream` with the Bundle's settings, say.

    Attributes:
        interpolated: channels that the model knows and the cap does not have, or that are bad.
        class_names: name of each probability.

    Raises:
        InputError: if the model was trained on a table, on vectors that look ahead or for another cap, it needs a
            calibration and there is none (or the other way round), or the stream cannot be used (see `VectorStream`).
    """

    def __init__(
        self,
        bundle: Bundle,
        channel_names: Iterable[str],
        sampling_rate_hz: float,
        *,
        bad_channels: Iterable[str] = (),
        rest_uv: NDArray[np.floating] | None = None,
        calibration: NDArray[np.float32] | None = None,
    ) -> None:
        if bundle.features is None or bundle.layout is None:
            raise InputError(
                f"Expected a model that was trained on recordings. Received: the one in {bundle.folder}, trained on a "
                "table: no stream can be turned into the same vectors. Train one with --data manifest:PATH.csv."
            )
        if bundle.looks_ahead:
            raise InputError(
                f"Expected a model whose vectors need no later samples. Received: the one in {bundle.folder} with "
                f"{', '.join(bundle.looks_ahead)}. Predict finished recordings with it, or train one without."
            )
        self._scaler = bundle.scaler_for(calibration, whose="the stream")
        self._stream = VectorStream(
            channel_names, sampling_rate_hz, bundle.features, bad_channels=bad_channels, rest_uv=rest_uv
        )
        if self._stream.layout != bundle.layout:
            raise InputError(
                f"Expected a cap that gives the model's layout of {bundle.layout.n_channels} channels and "
                f"{bundle.layout.n_bands} bands. Received: {self._stream.layout.n_channels} channels and "
                f"{self._stream.layout.n_bands} bands, or others. Use a model that was trained on such a cap."
            )
        self.interpolated = self._stream.interpolated
        self._bundle, self._settings = bundle, bundle.features
        self.class_names = bundle.class_names
        self._values = np.empty((0, bundle.layout.n_features), dtype=np.float32)
        self._starts_s, self._numbers = np.empty(0), np.empty(0, dtype=np.int64)

    def gap(self, n_lost: int = 0) -> None:
        """Samples were lost, `n_lost` of them where that is known: no window, or run of windows, reaches across.

        Raises:
            InputError: if it is no count.
        """
        self._stream.gap(n_lost)

    def push(self, samples_uv: NDArray[np.floating]) -> list[StreamedAnswer]:
        """The answers for the windows, or runs of windows, that became complete.

        Args:
            samples_uv: `(n_channels, n_times)` in µV, the next ones; n_times may be anything from 0 on.

        Raises:
            InputError: if the samples cannot be used; after `gap()` the stream goes on.
            EmotuneError: if the network answers with something else than probabilities.
        """
        values, starts_s, numbers = self._stream.push(samples_uv)
        if not len(values):
            return []
        bundle, settings = self._bundle, self._settings
        values = np.concatenate([self._values, self._scaler.transform(values)])
        starts_s = np.concatenate([self._starts_s, starts_s])
        numbers = np.concatenate([self._numbers, numbers])
        kept = max(0, len(values) - bundle.n_steps + 1)
        self._values, self._starts_s, self._numbers = values[kept:], starts_s[kept:], numbers[kept:]
        runs = runs_of_windows(numbers, bundle.n_steps)
        if not len(runs):
            return []
        inputs = values[runs] if len(bundle.input_shape) == 2 else values[runs[:, 0]]
        return [
            StreamedAnswer(float(starts_s[run[0]]), float(starts_s[run[-1]]) + settings.window_s, probabilities)
            for run, probabilities in zip(runs, calibrated_answers(bundle, inputs), strict=True)
        ]
