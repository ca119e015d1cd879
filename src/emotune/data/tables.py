"""A table of feature vectors in one NPZ file to a `Dataset`: emotune's own vectors, or any others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotune.data.dataset import GROUPS, Dataset
from emotune.data.labels import encode_labels
from emotune.data.npz_file import Arrays, load_arrays
from emotune.data.rows import dataset_of_rows, group_name, layout_of_names
from emotune.errors import InputError
from emotune.features.layout import FEATURE_NAMES
from emotune.findings import Finding, listed

__all__ = ["read_npz"]

# Part -> what stands behind `X`, `y` and the groups; the training part may also have nothing there.
_SUFFIXES = {"train": "_train", "validation": "_val", "test": "_test"}
_LISTED = 20

_NAMES = ("class_names", "feature_names")

_WANTED = {f"{name}{suffix}" for name in ("X", "y", *GROUPS) for suffix in ("", *_SUFFIXES.values())} | set(_NAMES)


def read_npz(path: Path | str) -> Dataset:
    """Read the arrays of an NPZ file (`numpy.savez`) as a dataset.

    - `X` `(n, n_features)` or `(n, n_steps, n_features)` and `y` `(n,)` (whole numbers or text) or one-hot
      `(n, n_classes)`; also `X_train` and `y_train`.
    - Optionally the user's own parts `X_val`, `y_val`, `X_test`, `y_test`.
    - Optionally `subject`, `session`, `trial`, `stimulus`, `(n,)`; with own parts also `subject_val` and so on.
    - Optionally `class_names` and `feature_names`. 167 columns without names are taken for emotune's own.

    Raises:
        InputError: if the file is missing, damaged or holds Python objects, an array is missing or of the wrong
            shape, a value is not finite, or there is one class only.
    """
    path = Path(path)
    arrays = load_arrays(path, _WANTED)
    suffixes = _suffixes(arrays, path)
    findings: list[Finding] = []

    inputs_of = {part: _inputs(arrays, f"X{suffix}", path, findings) for part, suffix in suffixes.items()}
    _refuse_unlike_shapes(inputs_of, suffixes, path)
    labels_of = {part: _labels(arrays, f"y{suffix}", len(inputs_of[part]), path) for part, suffix in suffixes.items()}
    inputs = np.concatenate(list(inputs_of.values()))
    feature_names = _feature_names(arrays, inputs.shape[-1], path, findings)
    for part, suffix in suffixes.items():
        _refuse_not_finite(inputs_of[part], f"X{suffix}", feature_names, path)

    class_names = _texts(arrays, "class_names", path)
    labels = _concatenated(list(labels_of.values()), path)
    targets, classes = encode_labels(labels, class_names, str(path))
    groups = {
        name: np.concatenate([_group(arrays, name, part, suffixes, inputs_of, path) for part in suffixes])
        for name in GROUPS
    }
    findings += _unused(arrays, suffixes, path)
    return dataset_of_rows(
        inputs,
        targets,
        classes,
        groups,
        feature_names,
        name=str(path),
        layout=layout_of_names(feature_names),
        parts=_rows_of_parts(inputs_of) if len(suffixes) > 1 else None,
        findings=findings,
        provenance={"source": "npz"},
    )


def _suffixes(arrays: Arrays, path: Path) -> dict[str, str]:
    """The parts that are there, with what stands behind the names of their arrays."""
    there = f"There: {listed(sorted(arrays), _LISTED) or 'nothing'}."
    if "X" in arrays and "X_train" in arrays:
        raise InputError(f"Expected either `X` or `X_train` in {path}. Received both. {there} Drop one.")
    if "X" not in arrays and "X_train" not in arrays:
        raise InputError(
            f"Expected `X` (or `X_train`) and `y` in {path}. {there} "
            "Write them with numpy.savez(path, X=features, y=labels, subject=people)."
        )
    train = "" if "X" in arrays else "_train"
    own = [name for name in ("X_val", "X_test") if name in arrays]
    if len(own) == 1:
        raise InputError(
            f"Expected both `X_val` and `X_test` in {path}, or neither. Received `{own[0]}` alone. {there} "
            "Add the other part, or leave the division to emotune."
        )
    suffixes = {"train": train, **({"validation": "_val", "test": "_test"} if own else {})}
    missing = [f"y{suffix}" for suffix in suffixes.values() if f"y{suffix}" not in arrays]
    if missing:
        raise InputError(
            f"Expected `{missing[0]}` beside `X{missing[0][1:]}` in {path}. {there} Add the labels of its rows."
        )
    return suffixes


def _inputs(arrays: Arrays, name: str, path: Path, findings: list[Finding]) -> NDArray[np.float32]:
    values = arrays[name]
    if values.dtype.kind not in "fiub":
        raise InputError(f"Expected numbers in `{name}` of {path}. Received: {values.dtype}. Save it as float.")
    if values.ndim == 3 and values.shape[1:] == (len(FEATURE_NAMES), 1):
        findings.append(
            Finding(
                "trailing-axis",
                "note",
                f"`{name}` of {path} has shape {values.shape}: taken for {len(FEATURE_NAMES)} features, "
                f"not for {len(FEATURE_NAMES)} steps of one.",
            )
        )
        values = values[:, :, 0]
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise InputError(
            f"Expected `{name}` of {path} to be (n, n_features) or (n, n_steps, n_features), with rows. "
            f"Received: shape {values.shape}."
        )
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _refuse_unlike_shapes(inputs_of: Mapping[str, NDArray[Any]], suffixes: Mapping[str, str], path: Path) -> None:
    shapes = {f"X{suffixes[part]}": inputs.shape for part, inputs in inputs_of.items()}
    if len({shape[1:] for shape in shapes.values()}) > 1:
        raise InputError(
            f"Expected parts of the same shape behind their rows in {path}. Received: "
            + ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            + ". Compute the same features for each part."
        )


def _labels(arrays: Arrays, name: str, n: int, path: Path) -> NDArray[Any]:
    labels = arrays[name]
    if labels.ndim < 1 or len(labels) != n:
        raise InputError(
            f"Expected one label for each of the {n} rows of `X{name[1:]}` in {path}. "
            f"Received: `{name}` of shape {labels.shape}. Save both from the same rows."
        )
    return labels


def _concatenated(labels: list[NDArray[Any]], path: Path) -> NDArray[Any]:
    kinds = {"text" if part.dtype.kind == "U" else "numbers" for part in labels}
    if len({part.shape[1:] for part in labels}) > 1 or len(kinds) > 1:
        raise InputError(
            f"Expected the labels of all parts of {path} to be written in one way. Received: "
            + ", ".join(f"{part.dtype} {part.shape}" for part in labels)
            + ". Save them alike."
        )
    return np.concatenate(labels)


def _feature_names(arrays: Arrays, n_features: int, path: Path, findings: list[Finding]) -> tuple[str, ...]:
    names = _texts(arrays, "feature_names", path)
    if names is not None:
        if len(names) != n_features:
            raise InputError(
                f"Expected one of `feature_names` for each of the {n_features} columns of {path}. "
                f"Received: {len(names)}. Save the names of these columns."
            )
        return names
    if n_features != len(FEATURE_NAMES):
        return tuple(f"feature_{i}" for i in range(n_features))
    findings.append(
        Finding(
            "columns-assumed",
            "note",
            f"{path} has {n_features} columns without names: taken for emotune's own vector, "
            f"from {FEATURE_NAMES[0]} to {FEATURE_NAMES[-1]}.",
            "Add `feature_names` where they are something else.",
        )
    )
    return FEATURE_NAMES


def _texts(arrays: Arrays, name: str, path: Path) -> tuple[str, ...] | None:
    if name not in arrays:
        return None
    array = arrays[name]
    if array.ndim != 1 or array.dtype.kind != "U" or len(set(array.tolist())) != len(array):
        raise InputError(
            f"Expected different texts in `{name}` of {path}. Received: {array.dtype} of shape {array.shape}"
            f"{' with repetitions' if array.ndim == 1 and array.dtype.kind == 'U' else ''}. Name each one."
        )
    return tuple(array.tolist())


def _refuse_not_finite(inputs: NDArray[np.float32], name: str, feature_names: tuple[str, ...], path: Path) -> None:
    finite = np.isfinite(inputs)
    if finite.all():
        return
    first = np.argwhere(~finite)[0]
    raise InputError(
        f"Expected finite values in `{name}` of {path}. Received: {int((~finite).sum())} that are NaN, infinite or too "
        f"large for float32, the first in row {first[0]}, column {first[-1]} ({feature_names[first[-1]]}). "
        "Remove or repair these rows."
    )


def _group(
    arrays: Arrays,
    name: str,
    part: str,
    suffixes: Mapping[str, str],
    inputs_of: Mapping[str, NDArray[Any]],
    path: Path,
) -> NDArray[np.str_]:
    keys = {p: f"{name}{suffix}" for p, suffix in suffixes.items()}
    n = len(inputs_of[part])
    there = [key for key in keys.values() if key in arrays]
    if not there:
        return np.full(n, "", dtype=np.str_)
    if len(there) < len(keys):
        missing = next(key for key in keys.values() if key not in arrays)
        raise InputError(f"Expected `{missing}` beside `{there[0]}` in {path}: every part needs it, or none. Add it.")
    values = arrays[keys[part]]
    if values.shape not in ((n,), (n, 1)) or values.dtype.kind not in "Uiufb":
        raise InputError(
            f"Expected `{keys[part]}` of {path} to be ({n},) names or numbers, one a row of `X{suffixes[part]}`. "
            f"Received: {values.dtype} of shape {values.shape}."
        )
    names = [group_name(value) for value in values.ravel().tolist()]
    if "" in names:
        raise InputError(
            f"Expected a name in every row of `{keys[part]}` of {path}. Row {names.index('')} has none. Fill it in."
        )
    return np.array(names, dtype=np.str_)


def _rows_of_parts(inputs_of: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.int64]]:
    rows: dict[str, NDArray[np.int64]] = {}
    start = 0
    for part, inputs in inputs_of.items():
        rows[part] = np.arange(start, start + len(inputs), dtype=np.int64)
        start += len(inputs)
    return rows


def _unused(arrays: Arrays, suffixes: Mapping[str, str], path: Path) -> list[Finding]:
    used = {f"{name}{suffix}" for name in ("X", "y", *GROUPS) for suffix in suffixes.values()} | set(_NAMES)
    unused = sorted(set(arrays) - used)
    if not unused:
        return []
    return [
        Finding(
            "unused-arrays",
            "note",
            f"{path} holds arrays that are not used: {listed(unused, _LISTED)}.",
            f"Known are X, y, {', '.join(GROUPS)}, {', '.join(_NAMES)}, and X_val, y_val, X_test, y_test.",
        )
    ]
