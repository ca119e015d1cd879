"""Files that belong to a recording file: samples and markers beside a header, parts of a split FIF."""

from __future__ import annotations

import glob
import re
from pathlib import Path

__all__ = ["brainvision_fields", "companions"]


def brainvision_fields(header: Path) -> dict[str, str]:
    """The first `Key=value` line of each key of a BrainVision header, keys in lower case."""
    # Every code page in use agrees on the keys; Latin-1 never fails.
    try:
        text = header.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        text = header.read_text(encoding="latin-1")
    fields: dict[str, str] = {}
    for key, value in re.findall(r"^([A-Za-z]\w*)=(.*)$", text.partition("[Comment]")[0], re.MULTILINE):
        fields.setdefault(key.lower(), value.strip())
    return fields


def companions(path: Path) -> tuple[Path, ...]:
    """The files beside `path` that hold a part of it; for BrainVision also those that are missing.

    An EEGLAB file names its companion inside a compressed block; without a `.fdt` of its own name, every
    `.fdt` of the folder counts as one.
    """
    suffix = path.suffix.lower()
    if suffix == ".vhdr":
        fields = brainvision_fields(path)
        data = [path.parent / fields["datafile"]] if fields.get("datafile") else []
        return (*data, *_markers(path, fields.get("markerfile", "")))
    if suffix == ".set":
        own = path.with_suffix(".fdt")
        return (own,) if own.exists() else tuple(sorted(path.parent.glob("*.fdt")))
    if suffix == ".fif":
        stem = glob.escape(path.stem)
        split = re.sub(r"_split-\d+(?=_|$)", "_split-*", stem)
        names = [f"{stem}-[0-9]*.fif"] + ([f"{split}.fif"] if split != stem else [])
        return tuple(sorted({part for name in names for part in path.parent.glob(name)} - {path}))
    return ()


def _markers(header: Path, named: str) -> tuple[Path, ...]:
    if not named:
        return ()
    marker, sibling = header.parent / named, header.with_suffix(".vmrk")
    # As MNE does: a renamed header often still names its old marker file.
    return (sibling,) if sibling.exists() and not marker.exists() else (marker,)
