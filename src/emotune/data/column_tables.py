"""A table with named columns (CSV, TSV, Parquet) to a `Dataset`: which column is what, and every cell checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emotune.data.column_labels import MOSTLY, classes_of_column
from emotune.data.dataset import GROUPS, Dataset
from emotune.data.of_recordings import target_findings
from emotune.data.rows import PARTS, dataset_of_rows, layout_of_names
from emotune.data.table_files import Table, read_columns
from emotune.errors import InputError
from emotune.findings import Finding, listed
from emotune.recordings.answers import FEATURE_PREFIX, LABELS, is_answer, is_identity, is_person
from emotune.recordings.targets import TargetChoice

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_table"]

_PART = "part"
_PART_NAMES = {"train": "train", "training": "train", "validation": "validation", "val": "validation", "test": "test"}

_LISTED = 12

_OWN_CHOICE = TargetChoice()


def read_table(path: Path | str, target: TargetChoice = _OWN_CHOICE) -> Dataset:
    """Read a table whose first row names its columns, one sample a row.

    - `subject`, `session`, `trial`, `stimulus` are groups and `part` (train, validation, test) the user's own parts,
      in capitals or not; none of them need be there.
    - The label column is the target's name or else the first of `label`, `emotion`, `class`, `target` and `y`: words
      or whole numbers, or numbers that the target's threshold cuts in two.
    - Other columns that hold answers by their names, that say whose or which a row is, and texts, are not used, and
      that is said; all other columns are features, and so is every column of numbers called `feature:NAME`.

    Args:
        path: CSV (commas, semicolons, tabs; decimal points or commas) or Parquet.
        target: which column is to be learned, and where it is cut.

    Raises:
        InputError: if the file is missing or damaged, a column or a cell is missing, a value is not finite, the labels
            are no classes, or there is one class only.
        MissingExtra: if it is Parquet and pyarrow is not installed.
    """
    path = Path(path)
    wanted = target.name.lower()
    if wanted in (*GROUPS, _PART):
        raise InputError(
            f"Expected a target of {path} that was felt or meant. Received: {target.name}, which says whose "
            "the rows are and what they belong to. Choose another column by --target."
        )
    roles = {*GROUPS, _PART, *LABELS, wanted} - {""}
    table = read_columns(path, lambda name: name.lower() in roles)
    names = [str(name) for name in table.frame.columns]
    role_of = _roles(names, roles, path)
    label = next((role_of[name] for name in ([wanted] if wanted else LABELS) if name in role_of), None)
    if label is None:
        expected = f"`{target.name}`" if wanted else f"one of {', '.join(LABELS)}"
        raise InputError(
            f"Expected a column for the labels in {path}, {expected}. Received: {listed(names, _LISTED)}. "
            "Rename one of them, or choose one by --target."
        )
    targets, classes, said = classes_of_column(table, label, target, path)

    used = {label, *(role_of[name] for name in (*GROUPS, _PART) if name in role_of)}
    others = [name for name in names if name not in used]
    answers = [name for name in others if is_answer(name)]
    if GROUPS[0] not in role_of:
        _refuse_people([name for name in others if is_person(name)], path)
    # A path or a date would be no feature anyway.
    identities = [name for name in others if is_identity(name) and _has_numbers(table, name)]
    measured = [name for name in others if name not in (*answers, *identities)]
    inputs, features, texts = _features(table, measured, path)
    groups = {name: _group(table, role_of[name], path) for name in GROUPS if name in role_of}
    layout = layout_of_names(features)
    return dataset_of_rows(
        inputs,
        targets,
        classes,
        groups,
        features,
        name=str(path),
        layout=layout,
        parts=_parts(table, role_of[_PART], path) if _PART in role_of else None,
        findings=[
            *_not_used(path, [*texts, *table.left_out], answers, identities),
            *_constant(path, inputs, features),
            *([] if said is None else target_findings(said, targets)),
        ],
        provenance={"source": "table", "label": label, "target": None if said is None else said.to_dict()},
    )


def _roles(names: Sequence[str], roles: set[str], path: Path) -> dict[str, str]:
    """The column of each role, whatever its capitals."""
    found: dict[str, str] = {}
    for name in names:
        role = name.lower()
        if role in roles and role in found:
            raise InputError(
                f"Expected one column called {role} in {path}, in capitals or not. Received: {found[role]!r} and "
                f"{name!r}. Drop or rename one."
            )
        if role in roles:
            found[role] = name
    return found


def _refuse_people(people: Sequence[str], path: Path) -> None:
    """People who are known but not called `subject` would be on both sides of every split."""
    if people:
        raise InputError(
            f"Expected the people of {path} in a column `subject`. Received: {listed(people, _LISTED)}. Rename the "
            f"column of the people to `subject`, or to `{FEATURE_PREFIX}{people[0]}` what was measured."
        )


def _features(
    table: Table, names: Sequence[str], path: Path
) -> tuple[NDArray[np.float32], tuple[str, ...], tuple[str, ...]]:
    """The columns of numbers `(n, n_features)`, their names, and those of columns that hold something else."""
    columns: dict[str, pd.Series] = {}
    others = []
    for name in names:
        numbers = _as_numbers(table, name, path)
        if numbers is None:
            others.append(name)
        else:
            columns[name] = numbers
    if not columns:
        raise InputError(
            f"Expected columns of numbers in {path}, one a feature. Received: none beside the label and the groups. "
            "Add the features."
        )
    inputs = np.empty((len(table.frame), len(columns)), dtype=np.float32)
    with np.errstate(over="ignore"):
        for place, numbers in enumerate(columns.values()):
            inputs[:, place] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    features = tuple(columns)
    finite = np.isfinite(inputs)
    if not finite.all():
        row, place = np.argwhere(~finite)[0]
        raise InputError(
            f"Expected a finite number in every cell of the features in {path}. Received: {int((~finite).sum())} that "
            f"are blank, NaN, infinite or too large for float32, the first in row {row + table.first_row}, column "
            f"{features[place]}. Remove or repair these rows or columns."
        )
    return inputs, features, tuple(others)


def _as_numbers(table: Table, name: str, path: Path) -> pd.Series | None:
    """A column of numbers; None for texts and dates."""
    import pandas as pd

    column = table.frame[name]
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
        return column
    if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
        return None
    numbers: pd.Series = pd.to_numeric(column, errors="coerce")
    wrong = numbers.isna() & column.notna()
    if not wrong.any() and column.notna().any():
        return numbers
    if numbers.notna().mean() < MOSTLY:
        return None
    row = int(wrong.to_numpy().argmax())
    raise InputError(
        f"Expected a number in every cell of `{name}` in {path}, as in most of them. Received: {column.iloc[row]!r} in "
        f"row {row + table.first_row}. Repair it, or take the column out."
    )


def _has_numbers(table: Table, name: str) -> bool:
    import pandas as pd

    column = table.frame[name]
    if pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column):
        return bool(pd.to_numeric(column, errors="coerce").notna().any())
    return pd.api.types.is_numeric_dtype(column)


def _group(table: Table, name: str, path: Path) -> NDArray[np.str_]:
    names = table.texts(name)
    if "" in names:
        raise InputError(
            f"Expected a name in every row of `{name}` in {path}. Received: nothing in row "
            f"{names.index('') + table.first_row}. Fill it in."
        )
    return np.array(names, dtype=np.str_)


def _parts(table: Table, name: str, path: Path) -> dict[str, NDArray[np.int64]]:
    written = [cell.lower() for cell in table.texts(name)]
    foreign = [row for row, cell in enumerate(written) if cell not in _PART_NAMES]
    if foreign:
        raise InputError(
            f"Expected train, validation or test in every row of `{name}` in {path}. Received: "
            f"{written[foreign[0]] or 'nothing'} in row {foreign[0] + table.first_row}. Correct it, or take the column "
            "out to leave the division to emotune."
        )
    part_of_row = np.array([_PART_NAMES[cell] for cell in written])
    parts = {part: np.flatnonzero(part_of_row == part).astype(np.int64) for part in PARTS}
    missing = [part for part, rows in parts.items() if not len(rows)]
    if missing:
        raise InputError(
            f"Expected rows of train, validation and test in `{name}` of {path}. Received: none of "
            f"{' and '.join(missing)}. Add them, or take the column out to leave the division to emotune."
        )
    return parts


def _not_used(path: Path, others: Sequence[str], answers: Sequence[str], identities: Sequence[str]) -> list[Finding]:
    findings = []
    if others:
        findings.append(
            Finding(
                "unused-columns",
                "note",
                f"{path} has columns that hold no numbers or have no name; they are not used: "
                f"{listed(others, _LISTED)}.",
            )
        )
    if answers:
        findings.append(
            Finding(
                "other-answers",
                "note",
                f"{path} has other columns of labels or ratings beside the target, which are no features: "
                f"{listed(answers, _LISTED)}.",
                f"Rename those that were measured rather than answered: `{FEATURE_PREFIX}{answers[0]}`.",
            )
        )
    if identities:
        findings.append(
            Finding(
                "identity-columns",
                "warning",
                f"{path} has columns that by their names say whose or which a row is, which are no features: "
                f"{listed(identities, _LISTED)}.",
                f"Rename them to {', '.join(f'`{name}`' for name in GROUPS)} where they are that, and to "
                f"`{FEATURE_PREFIX}{identities[0]}` what was measured.",
            )
        )
    return findings


def _constant(path: Path, inputs: NDArray[np.float32], features: Sequence[str]) -> list[Finding]:
    constant = [name for name, same in zip(features, inputs.min(axis=0) == inputs.max(axis=0), strict=True) if same]
    if not constant:
        return []
    return [
        Finding(
            "constant-columns",
            "note",
            f"{len(constant)} of {len(features)} columns of {path} have one value in all rows: "
            f"{listed(constant, _LISTED)}.",
            "Take them out, unless other data will be put beside these.",
        )
    ]
