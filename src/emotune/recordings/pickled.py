"""A pickled dict of one recording: an array, a rate and channel names, found by their keys and shapes.

Nothing says how people pickle EEG; spkit's sample data, for one, has `X_raw` (n_times, n_channels), `fs`, `ch_names`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError, one_line
from emotune.findings import listed
from emotune.recordings.eeg_channels import is_eeg_name
from emotune.recordings.opened import OpenedFile, no_eeg
from emotune.recordings.unpickling import load_pickle

__all__ = ["open_pickle"]

_log = logging.getLogger(__name__)

# Keys without case and punctuation.
_RATE = ("fs", "sfreq", "srate", "samplingrate", "samplingfrequency", "samplerate", "samplefreq", "sr", "hz", "rate")
_NAMES = ("chnames", "channelnames", "channels", "chlabels", "channellabels", "electrodes", "ch", "labels", "names")
_UNIT = ("unit", "units")
_MICROVOLTS = {"uv": 1.0, "µv": 1.0, "μv": 1.0, "microvolts": 1.0, "mv": 1e3, "millivolts": 1e3, "v": 1e6, "volts": 1e6}

# What the recording itself is called, the best first: beside it often lie filtered or cleaned copies.
_ARRAYS = (r"raw", r"eeg", r"data|signals?|samples|x")

_REMEDY = (
    "Save a dict with one array (n_channels, n_times) as `data`, its rate in Hz as `fs` and its channel names as "
    "`ch_names`."
)


def open_pickle(path: Path) -> OpenedFile:
    """Open a pickle that holds one recording; only arrays, texts and numbers are loaded.

    Raises:
        InputError: if it is damaged, or its array, rate and names cannot be told.
    """
    content = load_pickle(path)
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise InputError(f"Expected a dict by names in {path}. Received: {_said(content)}. {_REMEDY}")
    names = _names(content)
    rate = _valued(content, _RATE)
    rate_hz = float(rate) if isinstance(rate, int | float | np.number) and not isinstance(rate, bool) else 0.0
    if names is None or not 0 < rate_hz < np.inf:
        lacking = "channel names" if names is None else "a sampling rate"
        raise InputError(f"Expected {lacking} in {path}. Received: {_contents(content)}. {_REMEDY}")
    key, others = _array(path, content, len(names))
    values: NDArray[Any] = content[key]
    if values.shape[0] != len(names):
        values = values.T
    if others:
        _log.info("%s: `%s` was taken, not %s", path, one_line(key, 60), one_line(", ".join(others)))
    eeg = [i for i, name in enumerate(names) if is_eeg_name(name)]
    if not eeg:
        raise no_eeg(path, names)
    picked = values[eeg]
    return OpenedFile(
        path,
        rate_hz,
        picked.shape[1],
        tuple(names[i] for i in eeg),
        names,
        np.full(len(eeg), _microvolts(path, content)),
        lambda first, last: picked[:, first:last],
        (),
        f"{path}, {key}" if others else str(path),
    )


def _array(path: Path, content: Mapping[str, Any], n_names: int) -> tuple[str, list[str]]:
    """The key of the recording, and those of other arrays that would fit."""
    fitting = [
        key
        for key, value in content.items()
        if isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind in "iuf" and n_names in value.shape
    ]
    chosen = fitting
    if len(fitting) > 1:
        for pattern in _ARRAYS:
            chosen = [key for key in fitting if any(re.fullmatch(pattern, part) for part in _parts(key))]
            if chosen:
                break
    if len(chosen) != 1 or content[chosen[0]].shape[0] == content[chosen[0]].shape[1]:
        raise InputError(
            f"Expected one array with a row or column for each of the {n_names} channel names in {path}. Received: "
            f"{_contents(content)}. {_REMEDY}"
        )
    return chosen[0], [key for key in fitting if key != chosen[0]]


def _names(content: Mapping[str, Any]) -> tuple[str, ...] | None:
    value = _valued(content, _NAMES)
    if isinstance(value, np.ndarray):
        value = value.ravel().tolist()
    if not isinstance(value, list | tuple) or not value or not all(isinstance(name, str) for name in value):
        return None
    return tuple(name.strip() for name in value)


def _microvolts(path: Path, content: Mapping[str, Any]) -> float:
    unit = _valued(content, _UNIT)
    if unit is None:
        return 1.0  # the check of the amplitudes says where this guess is wrong
    known = _MICROVOLTS.get(str(unit).strip().lower())
    if known is None:
        raise InputError(f"Expected the unit V, mV or uV in {path}. Received: {str(unit)[:40]!r}. Scale it to µV.")
    return known


def _valued(content: Mapping[str, Any], known: Iterable[str]) -> Any:
    """The value of the first of the known keys that there is."""
    plain = {re.sub(r"[^a-z0-9]", "", key.lower()): value for key, value in content.items()}
    return next((plain[key] for key in known if key in plain), None)


def _parts(key: str) -> list[str]:
    return [part for part in re.split(r"[^a-z0-9]+", key.lower()) if part]


def _contents(content: Mapping[str, Any]) -> str:
    return listed([f"{one_line(key, 60)} ({_said(value)})" for key, value in content.items()], 10) or "nothing"


def _said(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, list | tuple | dict) else type(value).__name__
