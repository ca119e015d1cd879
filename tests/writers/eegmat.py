"""EEGMAT: `SubjectNN_1.edf` and `SubjectNN_2.edf` as NeuroCom wrote them: EDF+C, 22 signals, records of one second."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from writers import Damage, Truth, Written, empty, half, web_page
from writers._edf import DIGITAL, Signal, edf_bytes

__all__ = ["DAMAGES", "write"]

RATE_HZ = 500
STATE_S = 62
ELECTRODES = (
    "Fp1", "Fp2", "F3", "F4", "F7", "F8", "T3", "T4", "C3", "C4", "T5", "T6", "P3", "P4", "O1", "O2", "Fz", "Cz", "Pz",
)  # fmt: skip
CHANNELS = tuple(f"EEG {name}" for name in ELECTRODES)
LABELS = (*CHANNELS, "EEG A2-A1", "ECG ECG")
FIRST = "Subject00_1.edf"


def write(folder: Path, n_people: int = 2, seconds: float = STATE_S) -> Written:
    """Arithmetic lasts `seconds` in whole ones, as data records do, rest 3 s more; of rest the last 62 s are true."""
    folder.mkdir(parents=True, exist_ok=True)
    recordings = []
    for person in range(n_people):
        for state, emotion, lasts_s in ((1, "rest", round(seconds) + 3), (2, "arithmetic", round(seconds))):
            source = np.random.default_rng([person, state])
            signals = [_signal(source, label, lasts_s * RATE_HZ) for label in LABELS]
            path = folder / f"Subject{person:02d}_{state}.edf"
            path.write_bytes(
                edf_bytes(
                    signals,
                    RATE_HZ,
                    width=2,
                    patient=f"0 M 01-JAN-1990 Subject{person}",
                    recording="Startdate 01-JAN-2011 0 Doctor NeuroCom_Professional_3.0.0",
                    reserved="EDF+C",
                    annotations=4,
                )
            )
            values = np.stack([signal.physical_values(DIGITAL[2]) for signal in signals[: len(CHANNELS)]])
            recordings.append(
                Truth(
                    values[:, -STATE_S * RATE_HZ :],
                    float(RATE_HZ),
                    CHANNELS,
                    subject=f"{person:02d}",
                    trial=str(state),
                    emotion=emotion,
                )
            )
    return Written(f"eegmat:{folder}", folder, recordings)


def _signal(source: np.random.Generator, label: str, n_times: int) -> Signal:
    digital = np.clip(source.normal(0.0, 6000.0, n_times).round(), -32768, 32767).astype(np.int64)
    # Each channel has the range that it used, with as many digits as fit.
    low, high = (f"{end:.8g}"[:8] for end in (source.uniform(-80, -40), source.uniform(40, 90)))
    return Signal(label, digital, (low, high), prefilter="HP:0.500000Hz LP:45.00000Hz RF:50Hz")


def _without_cz(folder: Path) -> None:
    _relabel(folder / FIRST, "EEG Cz", "EEG X1")


def _relabel(file: Path, old: str, new: str) -> None:
    content = file.read_bytes()
    file.write_bytes(content.replace(old.encode().ljust(16), new.encode().ljust(16), 1))


def _not_voltages(folder: Path) -> None:
    content = (folder / FIRST).read_bytes()
    (folder / FIRST).write_bytes(content.replace(b"uV".ljust(8), b"degC".ljust(8)))


def _with_gaps(folder: Path) -> None:
    content = (folder / FIRST).read_bytes()
    (folder / FIRST).write_bytes(content.replace(b"EDF+C", b"EDF+D", 1))


def _half_a_header(folder: Path) -> None:
    (folder / FIRST).write_bytes((folder / FIRST).read_bytes()[:3000])


DAMAGES: Mapping[str, Damage] = {
    "cut in half": lambda folder: half(folder / FIRST),
    "cut in its header": _half_a_header,
    "empty": lambda folder: empty(folder / FIRST),
    "web page": lambda folder: web_page(folder / FIRST),
    "one channel gone": _without_cz,
    "other units": _not_voltages,
    "recorded with gaps": _with_gaps,
}
