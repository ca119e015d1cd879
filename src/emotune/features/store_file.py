"""The file of stored vectors: HDF5 behind a header that tells what it holds and how to know that it is undamaged.

HDF5 leaves the first bytes of a file to its writer (the user block). Ours hold one line of JSON with the length and the
CRC-32 of all that follows, and end with the CRC-32 of themselves: no byte of the file is outside of both. CRC-32 finds
every change within 32 bits in a row, and all but one in 4 thousand million of others, and needs a quarter of the
time of SHA-256; who forges a file on purpose is not what it is for. The header is read without HDF5.
"""

from __future__ import annotations

import json
import mmap
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from emotune.features.layout import Layout
from emotune.features.table import FeatureTable, RecordingLabels
from emotune.findings import Finding
from emotune.recordings.targets import Rating

__all__ = ["STORE_VERSION", "DamagedStore", "OtherVersion", "check_file", "read_header", "read_table", "write_table"]

# Raised whenever the arrangement of the file changes; part of its name, so that versions live side by side.
STORE_VERSION = 5

_MAGIC = b"emotune vectors %d\n" % STORE_VERSION
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"  # earlier versions had no header of their own
_HEADER_BYTES = 4096  # HDF5 takes powers of 2 from 512
_ALIGNMENT_BYTES = 64
_TAIL_BYTES = 8  # the header's own CRC-32 in hexadecimal digits

_VALUES = "values"
_WINDOWS = ("recording", "starts_s", "numbers")  # a row a window, as `values`
_TEXTS = ("subject", "session", "trial", "stimulus", "emotion")  # a row a recording
_RATINGS = "ratings"  # (n_recordings, n_scales), in the order of the scales


class DamagedStore(Exception):
    """A file that cannot be trusted; the message says what is wrong with it."""


class OtherVersion(DamagedStore):
    """A file that another version of emotune has written."""


def write_table(path: Path, table: FeatureTable, key: str, about: Mapping[str, Any]) -> None:
    """Write a table to a new file, for the place `{key}.h5`; `about` is short plain JSON for lists of files."""
    import h5py

    content = json.dumps(
        {
            "layout": table.layout.to_dict(),
            "emotions": list(table.emotions),
            "scales": {name: scale.to_list() for name, scale in table.scales.items()},
            "findings": [finding.to_dict() for finding in table.findings],
            "interpolated": dict(table.interpolated),
            "window_s": table.window_s,
            "fingerprint": table.fingerprint,
            "texts": {name: getattr(table.recordings, name).tolist() for name in _TEXTS},
        },
        ensure_ascii=False,
    )
    rated = [table.recordings.ratings[name] for name in table.scales]
    arrays = {name: getattr(table, name) for name in (_VALUES, *_WINDOWS)}
    arrays[_RATINGS] = np.stack(rated, axis=1) if rated else np.empty((len(table.recordings), 0))
    # HDF5's own lock is not needed (a file in place never changes) and not everywhere to be had (network folders).
    # Mapped arrays begin where processors like them to.
    with h5py.File(
        path,
        "w",
        locking=False,
        userblock_size=_HEADER_BYTES,
        alignment_threshold=1,
        alignment_interval=_ALIGNMENT_BYTES,
    ) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
        file.create_dataset("content", data=np.frombuffer(content.encode(), dtype=np.uint8))
    with path.open("rb+") as raw:
        raw.seek(_HEADER_BYTES)
        length, crc = 0, 0
        while piece := raw.read(1 << 20):
            length, crc = length + len(piece), zlib.crc32(piece, crc)
        known = {**about, "n_windows": len(table), "n_features": table.layout.n_features}
        known |= {
            "key": key,
            "n_recordings": table.n_recordings,
            "made": int(time.time()),
            "length": length,
            "crc32": crc,
        }
        raw.seek(0)
        raw.write(_sealed(known))


def _sealed(known: Mapping[str, Any]) -> bytes:
    text = _MAGIC + json.dumps(known).encode()
    if len(text) > _HEADER_BYTES - _TAIL_BYTES:
        raise ValueError(f"`about` must fit into a header of {_HEADER_BYTES} bytes. Received: {len(text)} bytes.")
    text = text.ljust(_HEADER_BYTES - _TAIL_BYTES)
    return text + b"%08x" % zlib.crc32(text)


def read_header(path: Path) -> dict[str, Any]:
    """What a file says about itself, without reading the rest of it.

    Raises:
        OSError: if it cannot be opened.
        OtherVersion: if another version has written it.
        DamagedStore: if the header is not what was written, or the file is shorter or longer.
    """
    with path.open("rb") as file:
        return _header(file)


def _header(file: BinaryIO) -> dict[str, Any]:
    header = file.read(_HEADER_BYTES)
    length = file.seek(0, 2) - _HEADER_BYTES
    if header.startswith(_HDF5_MAGIC):
        raise OtherVersion("written by another version")
    text, tail = header[:-_TAIL_BYTES], header[-_TAIL_BYTES:]
    if len(header) < _HEADER_BYTES or tail != b"%08x" % zlib.crc32(text):
        raise DamagedStore("its header does not match its checksum")
    if not text.startswith(_MAGIC):
        raise OtherVersion("written by another version")
    known: dict[str, Any] = json.loads(text[len(_MAGIC) :])
    if length != known["length"]:
        raise DamagedStore(f"{known['length'] + _HEADER_BYTES} bytes were written, {length + _HEADER_BYTES} are there")
    return known


def check_file(path: Path) -> dict[str, Any]:
    """The header of a file, every byte of which has been read and is what was written.

    Raises:
        OSError: if it cannot be opened.
        OtherVersion: if another version has written it.
        DamagedStore: if a byte is not what was written.
    """
    with path.open("rb") as file:
        known = _header(file)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            _check_content(content, known)
    return known


def _check_content(content: mmap.mmap, known: Mapping[str, Any]) -> None:
    with memoryview(content) as whole, whole[_HEADER_BYTES:] as written:
        if len(written) != known["length"] or zlib.crc32(written) != known["crc32"]:
            raise DamagedStore("its content does not match its checksum")


def read_table(path: Path) -> FeatureTable | None:
    """The table in a file; None where there is none. Its values are mapped, read-only.

    Raises:
        DamagedStore: if the file is not, to the last byte, what was written.
    """
    try:
        # One open file for the check and for the values: what is handed out is what was checked, also where another
        # process puts a new file in the place of this one meanwhile.
        with path.open("rb") as file:
            known = _header(file)
            if known["key"] != path.stem:
                raise DamagedStore(f"it holds the vectors of another key, {known['key']}")
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            _check_content(content, known)
            return _table(file, content)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except DamagedStore:
        raise
    except Exception as error:  # HDF5 raises whatever damaged bytes lead it to
        raise DamagedStore(f"{type(error).__name__}: {' '.join(str(error).split())}") from error


def _table(file: BinaryIO, content: mmap.mmap) -> FeatureTable:
    import h5py

    with h5py.File(file, "r") as stored:
        known: dict[str, Any] = json.loads(stored["content"][...].tobytes())
        windows = {name: stored[name][...] for name in _WINDOWS}
        ratings = stored[_RATINGS][...]
        values = _mapped(stored[_VALUES], content)
    scales = {name: Rating.from_list(scale) for name, scale in known["scales"].items()}
    texts = {name: np.array(known["texts"][name], dtype=np.str_) for name in _TEXTS}
    return FeatureTable(
        values=values,
        **windows,
        window_s=known["window_s"],
        recordings=RecordingLabels(**texts, ratings={name: ratings[:, column] for column, name in enumerate(scales)}),
        layout=Layout.from_dict(known["layout"]),
        emotions=tuple(known["emotions"]),
        scales=scales,
        findings=tuple(Finding(**finding) for finding in known["findings"]),
        interpolated=known["interpolated"],
        fingerprint=known["fingerprint"],
    )


def _mapped(stored: Any, content: mmap.mmap) -> NDArray[np.float32]:
    """The rows of a contiguous array of the file, `(n, n_features)`, without a copy."""
    offset = stored.id.get_offset()
    if offset is None:  # no rows, no place
        return np.empty(stored.shape, stored.dtype)
    flat = np.frombuffer(content, dtype=stored.dtype, count=stored.size, offset=offset)
    values: NDArray[np.float32] = flat.reshape(stored.shape)
    return values
