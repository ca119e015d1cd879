"""The header of EDF and BDF files: what MNE forgives silently, and which channels are worth loading."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from emotune.errors import InputError
from emotune.recordings.eeg_channels import is_eeg_name

__all__ = ["EdfHeader", "EdfSignal", "read_edf_header"]

_BYTES_PER_SAMPLE = {".edf": 2, ".bdf": 3}
_FIRST_BYTES = {".edf": b"0 ", ".bdf": b"\xffBIOSEMI"}

# MNE knows three spellings of the unit and takes every other one for volts.
_VOLTS = {
    "v": 1.0,
    "mv": 1e-3,
    "uv": 1e-6,
    "µv": 1e-6,
    "μv": 1e-6,
    "nv": 1e-9,
    "microv": 1e-6,
    "microvolt": 1e-6,
}
_VOLTS_IN_MNE = {"uV": 1e-6, "µV": 1e-6, "μV": 1e-6, "\x83\xcaV": 1e-6, "mV": 1e-3}


@dataclass(frozen=True, slots=True)
class EdfSignal:
    """One signal as the header describes it.

    Attributes:
        name: the label, as MNE names the channel.
        volts: volts of one physical unit; None where the unit is no voltage.
        mne_volts: volts of one physical unit as MNE understands it.
        scaled: whether the physical and digital ranges define a scale.
        n_samples: samples in a data record.
    """

    name: str
    volts: float | None
    mne_volts: float
    scaled: bool
    n_samples: int


@dataclass(frozen=True, slots=True)
class EdfHeader:
    """The part of an EDF or BDF header that says what is in the file.

    Attributes:
        n_bytes: length of the header.
        n_records: data records; -1 where the recorder was not stopped properly.
        bytes_per_record: bytes of a data record.
        signals: the signals in the order of the file, annotations included.
        record_s: seconds that a data record lasts; NaN where the header does not say it.
    """

    n_bytes: int
    n_records: int
    bytes_per_record: int
    signals: tuple[EdfSignal, ...]
    record_s: float = math.nan

    @property
    def duration_s(self) -> float:
        """Seconds that the header announces; NaN where it does not."""
        return self.n_records * self.record_s if self.n_records > 0 and self.record_s > 0 else math.nan

    def refuse_truncated(self, path: Path) -> None:
        """Compare the header with the size of the file: MNE gives what is left, with only a warning.

        Raises:
            InputError: if data that the header announces are missing.
        """
        expected = self.n_bytes + max(self.n_records, 0) * self.bytes_per_record
        size = path.stat().st_size
        if size < expected:
            raise InputError(
                f"Expected {expected} bytes ({self.n_records} data records) in {path}, as its header says. "
                f"Received: {size} bytes; the file is truncated. Copy or download it again."
            )

    def eeg_signals(self) -> tuple[EdfSignal, ...]:
        """The signals that can be EEG: by name, in a voltage, with a scale, at the most common rate."""
        electrodes = [s for s in self.signals if is_eeg_name(s.name) and s.volts is not None and s.scaled]
        # MNE would bring all to the highest rate; a thermometer at 1 Hz is no reason to touch the EEG.
        rates = Counter(signal.n_samples for signal in electrodes)
        rate = max(rates, key=lambda n_samples: (rates[n_samples], n_samples), default=0)
        # MNE leaves channels out by name, so those that share one stay together.
        names = {signal.name for signal in electrodes if signal.n_samples == rate}
        return tuple(signal for signal in self.signals if signal.name in names)


def read_edf_header(path: Path) -> EdfHeader:
    """Read the header of an EDF or BDF file.

    Raises:
        InputError: if it is none, or that of a recording with interruptions.

    References:
        Kemp et al. (1992), A simple format for exchange of digitized polygraphic recordings.
    """
    suffix = path.suffix.lower()
    kind = suffix[1:].upper()
    with path.open("rb") as file:
        fixed = file.read(256)
        if not fixed.startswith(_FIRST_BYTES[suffix]):
            other = ".bdf" if suffix == ".edf" else ".edf"
            is_other = fixed.startswith(_FIRST_BYTES[other])
            remedy = f"Rename it to {path.stem}{other}." if is_other else "Export it as EDF or BDF again."
            raise InputError(f"Expected a header of {kind} in {path}. Received: {fixed[:8]!r}. {remedy}")
        # MNE reads the records one after the other, as if nothing were missing between them.
        if fixed[192:197] in (b"EDF+D", b"BDF+D"):
            raise InputError(
                f"Expected a recording without interruptions in {path}. Received: {kind}+D, whose data records may "
                f"have gaps between them. Export it as {kind}+C, each uninterrupted stretch as a file of its own."
            )
        try:
            n_signals = int(fixed[252:256])
            columns = _Columns(file.read(256 * n_signals), n_signals)
            labels, _, units = columns.texts(16), columns.texts(80), columns.raw(8)
            physical_low, physical_high = columns.numbers(8), columns.numbers(8)
            digital_low, digital_high = columns.numbers(8), columns.numbers(8)
            _, counts = columns.texts(80), [int(count) for count in columns.numbers(8)]
            n_bytes, n_records = int(fixed[184:192]), int(fixed[236:244])
        except (ValueError, OverflowError) as error:
            raise InputError(
                f"Expected a header of {kind} in {path}, but it is damaged or truncated ({error}). "
                "Copy or download the file again."
            ) from error
    signals = tuple(
        EdfSignal(
            name=labels[i],
            volts=_volts(units[i]),
            mne_volts=_VOLTS_IN_MNE.get(units[i].decode("latin-1").strip(), 1.0),
            scaled=physical_low[i] != physical_high[i] and digital_low[i] != digital_high[i],
            n_samples=counts[i],
        )
        for i in range(n_signals)
    )
    return EdfHeader(n_bytes, n_records, _BYTES_PER_SAMPLE[suffix] * sum(counts), signals, _seconds(fixed[244:252]))


class _Columns:
    """The header's fields of fixed width, one after the other, each for all signals."""

    def __init__(self, content: bytes, n_signals: int) -> None:
        if n_signals < 1 or len(content) < 256 * n_signals:
            raise ValueError(f"{n_signals} signals announced, {len(content)} bytes follow")
        self._content, self._n_signals, self._at = content, n_signals, 0

    def raw(self, width: int) -> list[bytes]:
        starts = [self._at + i * width for i in range(self._n_signals)]
        self._at += self._n_signals * width
        return [self._content[start : start + width] for start in starts]

    def texts(self, width: int) -> list[str]:
        return [field.strip().decode("latin-1") for field in self.raw(width)]

    def numbers(self, width: int) -> list[float]:
        return [float(text.split("\x00")[0].replace(",", ".")) for text in self.texts(width)]


def _seconds(field: bytes) -> float:
    # A recorder's slip here harms nobody who reads the whole file.
    try:
        return float(field)
    except ValueError:
        return math.nan


def _volts(unit: bytes) -> float | None:
    # EDF is ASCII, but recorders write the micro sign as Latin-1, UTF-8 or Shift-JIS.
    field = unit.strip(b" \x00")
    if not field:
        return 1e-6  # the standard's own unit; the check of the amplitudes says where this guess is wrong
    if field == b"\x83\xcaV":
        return 1e-6
    try:
        text = field.decode("utf-8")
    except UnicodeDecodeError:
        text = field.decode("latin-1")
    return _VOLTS.get(text.lower().removesuffix("s"))
