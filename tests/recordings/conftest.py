"""Small recordings written by hand, byte by byte, so that what is read can be compared with what was meant."""

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

RATE_HZ = 128


def eeg_uv(names, seconds=4, rate_hz=RATE_HZ, seed=0):
    """Noise of about 15 µV in steps of 0.1 µV, which every format here holds exactly."""
    noise = np.random.default_rng(seed).normal(0, 15, (len(names), seconds * rate_hz))
    return np.round(noise, 1)


def _field(value, width):
    return str(value).encode("latin-1").ljust(width)[:width]


def write_edf(path, names, samples_uv, rate_hz=RATE_HZ, *, units=None, rates=None, n_records=None, flat_range=()):
    """An EDF (16 bits) or BDF (24 bits) file with records of 1 s; 1 digital step is 0.1 physical units."""
    path = Path(path)
    width = 3 if path.suffix.lower() == ".bdf" else 2
    limit = 2 ** (8 * width - 1)
    n = len(names)
    units = units or [b"uV"] * n
    rates = rates or [rate_hz] * n
    digital = [np.round(np.asarray(row) * 10).astype(np.int64) for row in samples_uv]
    records = len(digital[0]) // rates[0]
    ranges = [(0, 0) if name in flat_range else (-limit / 10, (limit - 1) / 10) for name in names]
    header = b"\xffBIOSEMI" if width == 3 else _field(0, 8)
    header += _field("X X X X", 80) + _field("Startdate 01-JAN-2020 X X X", 80) + _field("01.01.20", 8)
    header += _field("00.00.00", 8) + _field(256 * (n + 1), 8) + _field("24BIT" if width == 3 else "", 44)
    header += _field(records if n_records is None else n_records, 8) + _field(1, 8) + _field(n, 4)
    for column, size in (
        (names, 16),
        ([""] * n, 80),
        (units, 8),
        ([low for low, _ in ranges], 8),
        ([high for _, high in ranges], 8),
        ([-limit] * n, 8),
        ([limit - 1] * n, 8),
        ([""] * n, 80),
        (rates, 8),
        ([""] * n, 32),
    ):
        for value in column:
            header += value.ljust(size) if isinstance(value, bytes) else _field(value, size)
    body = bytearray()
    for record in range(records):
        for row, rate in zip(digital, rates, strict=True):
            for value in row[record * rate : (record + 1) * rate].tolist():
                body += int(value).to_bytes(width, "little", signed=True)
    path.write_bytes(header + bytes(body))
    return path


def write_brainvision(path, names, samples_uv, rate_hz=RATE_HZ, *, points=None):
    """A BrainVision file of float32 microvolts with its .eeg and .vmrk."""
    path = Path(path)
    data, markers = path.with_suffix(".eeg"), path.with_suffix(".vmrk")
    n_times = samples_uv.shape[1]
    channels = "\n".join(f"Ch{i + 1}={name},,1,µV" for i, name in enumerate(names))
    extra = "" if points is None else f"DataPoints={points}\n"
    path.write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={data.name}\nMarkerFile={markers.name}\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\n{extra}"
        f"NumberOfChannels={len(names)}\nSamplingInterval={1e6 / rate_hz}\n\n[Binary Infos]\n"
        f"BinaryFormat=IEEE_FLOAT_32\n\n[Channel Infos]\n{channels}\n",
        encoding="utf-8",
    )
    markers.write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={data.name}\n\n[Marker Infos]\nMk1=New Segment,,1,1,0\nMk2=Stimulus,S  1,{n_times},1,0\n",
        encoding="utf-8",
    )
    data.write_bytes(np.ascontiguousarray(samples_uv.T, dtype="<f4").tobytes())
    return path


def write_eeglab(path, names, samples_uv, rate_hz=RATE_HZ, *, trials=1, events=()):
    """An EEGLAB .set with its samples in a .fdt; events are (type, latency, duration) in samples, from 1."""
    from scipy.io import savemat

    path = Path(path)
    data = path.with_suffix(".fdt")
    locations = np.zeros(len(names), dtype=[("labels", object), ("type", object)])
    locations["labels"], locations["type"] = names, "EEG"
    noted = np.zeros(len(events), dtype=[("type", object), ("latency", object), ("duration", object)])
    for i, event in enumerate(events):
        noted[i] = event
    eeg = {
        "nbchan": len(names),
        "trials": trials,
        "pnts": samples_uv.shape[1] // trials,
        "srate": rate_hz,
        "xmin": 0.0,
        "data": data.name,
        "chanlocs": locations,
        "event": noted if events else np.array([]),
        "epoch": np.array([]),
    }
    with path.open("wb") as file:
        savemat(file, {"EEG": eeg}, appendmat=False)
    data.write_bytes(np.ascontiguousarray(samples_uv.T, dtype="<f4").tobytes())
    return path


def write_fif(path, names, samples_uv, rate_hz=RATE_HZ, *, types="eeg", bads=()):
    """A FIF file through MNE, the only one who writes it."""
    import mne

    info = mne.create_info(list(names), float(rate_hz), types)
    info["bads"] = list(bads)
    raw = mne.io.RawArray(samples_uv * 1e-6, info, verbose="error")
    raw.save(path, fmt="double", overwrite=True, verbose="error")
    return Path(path)


def write_gdf(path, names, samples_uv, rate_hz=RATE_HZ):
    """A GDF 2.20 file of float64 microvolts in records of 1 s, with an empty table of events."""
    path = Path(path)
    n, records = len(names), samples_uv.shape[1] // rate_hz
    fixed = _field("GDF 2.20", 8) + _field("X X", 66) + bytes(10 + 4) + bytes(64 + 16 + 8 + 8)
    fixed += struct.pack("<H", n + 1) + bytes(6 + 8 + 6 + 6 + 12 + 12)
    fixed += struct.pack("<qIIHH", records, 1, 1, n, 0)
    assert len(fixed) == 256
    columns = b"".join(_field(name, 16) for name in names) + bytes(80 * n) + b"uV    " * n
    columns += struct.pack(f"<{n}H", *[4275] * n)
    for limit in (-1e6, 1e6, -1e6, 1e6):  # physical, then digital
        columns += struct.pack(f"<{n}d", *[limit] * n)
    columns += bytes(68 * n) + struct.pack(f"<{3 * n}f", *[0.0] * 3 * n)
    columns += struct.pack(f"<{2 * n}i", *[rate_hz] * n, *[17] * n) + bytes(12 * n + 20 * n)
    body = b"".join(
        np.ascontiguousarray(samples_uv[:, i * rate_hz : (i + 1) * rate_hz], dtype="<f8").tobytes()
        for i in range(records)
    )
    path.write_bytes(fixed + columns + body + bytes(8))
    return path


def _chunk(tag, content):
    content = struct.pack("<H", tag) + content
    return b"\x04" + struct.pack("<I", len(content)) + content


def xdf_stream(
    number,
    names,
    samples,
    rate_hz,
    *,
    name="Amplifier",
    kind="EEG",
    unit="microvolts",
    gap_at=None,
    said=None,
    types=(),
    footer=True,
):
    """The chunks of one stream: its header, packets of half a second, its footer; `gap_at` is a sample."""
    n = samples.shape[0]
    types = types or ["EEG"] * len(names)
    channels = "".join(
        f"<channel><label>{label}</label><type>{type_}</type><unit>{unit}</unit></channel>"
        for label, type_ in zip(names, types, strict=True)
    )
    desc = f"<desc><channels>{channels}</channels></desc>" if names else "<desc/>"
    header = (
        f'<?xml version="1.0"?><info><name>{name}</name><type>{kind}</type><channel_count>{n}</channel_count>'
        f"<nominal_srate>{rate_hz if said is None else said}</nominal_srate><channel_format>double64</channel_format>"
        f"<created_at>1</created_at>{desc}</info>"
    )
    out = _chunk(2, struct.pack("<I", number) + header.encode())
    step = rate_hz // 2
    for first in range(0, samples.shape[1], step):
        packet = samples[:, first : first + step]
        content = struct.pack("<IBI", number, 4, packet.shape[1])
        for i, row in enumerate(packet.T):
            at = 100 + (first + i) / rate_hz + (2.0 if gap_at is not None and first + i >= gap_at else 0.0)
            content += b"\x08" + struct.pack("<d", at) + np.ascontiguousarray(row, dtype="<f8").tobytes()
        out += _chunk(3, content)
    end = f'<?xml version="1.0"?><info><sample_count>{samples.shape[1]}</sample_count></info>'
    return out + (_chunk(6, struct.pack("<I", number) + end.encode()) if footer else b"")


def xdf(*streams):
    return b"XDF:" + _chunk(1, b'<?xml version="1.0"?><info><version>1.0</version></info>') + b"".join(streams)


def write_xdf(path, names, samples_uv, rate_hz=RATE_HZ, **options):
    """An XDF file of one stream of float64 microvolts."""
    path = Path(path)
    path.write_bytes(xdf(xdf_stream(1, names, samples_uv, rate_hz, **options)))
    return path


def write_pickle(path, names, samples_uv, rate_hz=RATE_HZ):
    """A pickled dict, time first, as Python's users often have it."""
    path = Path(path)
    path.write_bytes(pickle.dumps({"data": samples_uv.T, "fs": rate_hz, "ch_names": list(names)}))
    return path


WRITERS = {
    ".gdf": write_gdf,
    ".xdf": write_xdf,
    ".pkl": write_pickle,
    ".pickle": write_pickle,
    ".edf": write_edf,
    ".bdf": write_edf,
    ".vhdr": write_brainvision,
    ".set": write_eeglab,
    ".fif": write_fif,
}


@pytest.fixture(scope="session")
def write_recording():
    """Write a recording in the format that the path's suffix names; options as the format's writer has them."""

    def write(path, names, samples_uv, rate_hz=RATE_HZ, **options):
        return WRITERS[Path(path).suffix.lower()](path, names, samples_uv, rate_hz, **options)

    return write


@pytest.fixture(scope="session")
def make_eeg():
    """Noise of about 15 µV, `(n_channels, n_times)` float64."""
    return eeg_uv


@pytest.fixture(scope="session")
def write_streams():
    """Write an XDF file of several streams, each (names, samples, options)."""

    def write(path, streams, rate_hz=RATE_HZ):
        chunks = [xdf_stream(i, names, samples, rate_hz, **more) for i, (names, samples, more) in enumerate(streams, 1)]
        Path(path).write_bytes(xdf(*chunks))
        return Path(path)

    return write
