"""The bytes of an EDF or BDF file, written from their descriptions and by no library that also reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Signal", "edf_bytes"]


@dataclass(frozen=True)
class Signal:
    """One channel: whole numbers as they stand in the file, and what the header says of them."""

    label: str
    digital: np.ndarray  # (n_times,), int
    physical: tuple[str, str]  # at both ends of the digital range, as the header spells them
    unit: str = "uV"
    transducer: str = ""
    prefilter: str = ""

    def physical_values(self, digital_range: tuple[int, int]) -> np.ndarray:
        """What the header makes of the numbers, in float64."""
        low, high = (float(text) for text in self.physical)
        return (self.digital - digital_range[0]) * (high - low) / (digital_range[1] - digital_range[0]) + low


DIGITAL = {2: (-32768, 32767), 3: (-8388608, 8388607)}


def edf_bytes(
    signals: Sequence[Signal],
    rate: int,
    *,
    width: int,
    patient: str,
    recording: str,
    reserved: str,
    start: str = "01.01.1100.00.00",
    annotations: int = 0,
) -> bytes:
    """Data records of one second, without those that would not be full.

    Args:
        signals: all at one rate.
        rate: samples a second.
        width: bytes a sample, 2 for EDF and 3 for BDF.
        patient: who.
        recording: which recording.
        reserved: `EDF+C`, `24BIT` and so on.
        start: date and time as `dd.mm.yyhh.mm.ss`.
        annotations: samples a record of a last channel `EDF Annotations`, which counts the seconds; 0 for none.
    """
    n_records = len(signals[0].digital) // rate
    n_signals = len(signals) + bool(annotations)
    low, high = DIGITAL[width]

    def column(texts: Sequence[str], size: int, of_annotations: str) -> bytes:
        fields = [*texts, of_annotations] if annotations else list(texts)
        return b"".join(text.encode("ascii").ljust(size)[:size] for text in fields)

    version = b"0       " if width == 2 else b"\xffBIOSEMI"
    header = version + patient.encode().ljust(80) + recording.encode().ljust(80) + start.encode()
    header += str(256 * (n_signals + 1)).encode().ljust(8) + reserved.encode().ljust(44)
    header += str(n_records).encode().ljust(8) + b"1".ljust(8) + str(n_signals).encode().ljust(4)
    header += column([signal.label for signal in signals], 16, "EDF Annotations")
    header += column([signal.transducer for signal in signals], 80, "")
    header += column([signal.unit for signal in signals], 8, "")
    header += column([signal.physical[0] for signal in signals], 8, "-1")
    header += column([signal.physical[1] for signal in signals], 8, "1")
    header += column([str(low)] * len(signals), 8, str(low))
    header += column([str(high)] * len(signals), 8, str(high))
    header += column([signal.prefilter for signal in signals], 80, "")
    header += column([str(rate)] * len(signals), 8, str(annotations))
    header += column([""] * len(signals), 32, "")
    numbers = np.stack([signal.digital[: n_records * rate] for signal in signals]).astype("<i4")
    # (n_signals, n_records, rate) -> record by record, in each signal by signal, the low bytes of every sample.
    numbers = numbers.reshape(len(signals), n_records, rate).transpose(1, 0, 2)
    samples = np.ascontiguousarray(numbers)[..., np.newaxis].view(np.uint8)[..., :width]
    parts = [header]
    for second in range(n_records):
        parts.append(samples[second].tobytes())
        if annotations:
            parts.append(f"+{second}\x14\x14\x00".encode().ljust(annotations * width, b"\x00"))
    return b"".join(parts)
