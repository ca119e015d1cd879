"""Rows of a table to a `Dataset`, whatever file they came from: groups, trials with one name, what follows of both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import GROUPS, Dataset
from emotune.data.fingerprinting import fingerprint_of_rows
from emotune.errors import InputError
from emotune.features.layout import BANDS_HZ, EXTRA_BLOCKS, STANDARD, WHOLE_HEAD, Layout
from emotune.findings import Finding
from emotune.recordings.spellings import refuse_two_spellings, without_zero_fractions

__all__ = ["PARTS", "dataset_of_rows", "group_name", "layout_of_names"]

PARTS = ("train", "validation", "test")

_ENTROPY = re.compile(r"de_([^_]+)_([^_]+)")
_ASYMMETRY = re.compile(r"asymmetry_([^_]+)_([^_]+)")


def dataset_of_rows(
    inputs: NDArray[np.float32],
    targets: NDArray[np.int64],
    class_names: tuple[str, ...],
    groups: Mapping[str, NDArray[np.str_]],
    feature_names: tuple[str, ...],
    *,
    name: str,
    layout: Layout | None,
    parts: Mapping[str, NDArray[np.int64]] | None = None,
    findings: Sequence[Finding] = (),
    provenance: Mapping[str, Any],
) -> Dataset:
    """A dataset of vectors that are there already.

    Args:
        inputs: `(n, n_features)` or `(n, n_steps, n_features)`, finite.
        targets: `(n,)`, indices into `class_names`.
        class_names: name of each class.
        groups: of each of `GROUPS` that is known `(n,)` names; a trial's name need be unique within its session only.
        feature_names: one a column.
        name: what the user called the data.
        layout: None where the columns are not known.
        parts: row numbers of the user's own parts.
        findings: what was found on the way.
        provenance: where the rows are from; their number and that of each class are added.

    Raises:
        InputError: if there is one class only, or one person in two spellings.
    """
    present = np.unique(targets)
    if len(present) < 2:
        raise InputError(
            f"Expected rows of at least 2 classes in {name}. Received one: {class_names[present[0]]!r} in all "
            f"{len(targets)} rows. Add rows of another class."
        )
    full = {column: np.full(len(inputs), "", dtype=np.str_) for column in GROUPS} | {
        column: np.array(without_zero_fractions(names.tolist()), dtype=np.str_) for column, names in groups.items()
    }
    refuse_two_spellings(full["subject"].tolist(), name)
    if (full["trial"] != "").any():
        columns = zip(*(full[column].tolist() for column in ("subject", "session", "trial")), strict=True)
        full["trial"] = np.array(["/".join(names) for names in columns], dtype=np.str_)
    contents: dict[str, NDArray[Any]] = {"inputs": inputs, "targets": targets, **full}
    for part, rows in (parts or {}).items():
        contents[f"part {part}"] = rows
    return Dataset(
        inputs=inputs,
        targets=targets,
        groups=full,
        class_names=class_names,
        feature_names=feature_names,
        name=name,
        fingerprint=fingerprint_of_rows(contents),
        layout=layout,
        parts=parts,
        findings=(*_no_subject(full, name, has_parts=parts is not None), *findings),
        provenance={
            **provenance,
            "n_rows": len(inputs),
            "class_counts": {label: int((targets == i).sum()) for i, label in enumerate(class_names)},
        },
    )


def _no_subject(groups: Mapping[str, NDArray[np.str_]], name: str, *, has_parts: bool) -> tuple[Finding, ...]:
    if (groups["subject"] != "").any():
        return ()
    consequence = (
        "nobody can check that its parts share no person"
        if has_parts
        else "its rows cannot be divided by person, and a division of rows of one person flatters"
    )
    return (
        Finding(
            "no-subject",
            "note",
            f"{name} does not say whose the rows are (`subject`): {consequence}.",
            "Add `subject`, one name a row.",
        ),
    )


def group_name(value: Any) -> str:
    """A cell of a group column as text: `1.0`, as spreadsheets write the number 1, is `1`; nothing is empty."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, float):
        if value != value:
            return ""
        return str(int(value)) if value.is_integer() else str(value)
    return str(value).strip()


def layout_of_names(names: tuple[str, ...]) -> Layout | None:
    """The layout whose columns have these names, `de_Fp1_delta` and so on, for every electrode every band.

    The bands are known by their names alone: they are taken to lie where `BANDS_HZ` has them.
    """
    if names == STANDARD.feature_names:
        return STANDARD
    entropies = [found.groups() for name in names if (found := _ENTROPY.fullmatch(name))]
    pairs = [found.groups() for name in names if (found := _ASYMMETRY.fullmatch(name))]
    channels = tuple(dict.fromkeys(channel for channel, _ in entropies))
    bands = tuple(dict.fromkeys(band for _, band in entropies))
    if not channels or not set(bands) <= set(BANDS_HZ):
        return None
    layout = Layout(
        channels,
        tuple((band, *BANDS_HZ[band]) for band in bands),
        tuple((right, left) for right, left in pairs),
        WHOLE_HEAD if f"whole_head_{WHOLE_HEAD[-1]}" in names else (),
        tuple(dict.fromkeys(block for name in names for block in EXTRA_BLOCKS if name.startswith(f"{block}_"))),
    )
    return layout if layout.feature_names == names else None
