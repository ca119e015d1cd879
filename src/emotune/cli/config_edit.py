"""Writes the winner of a search into src/config.py, and leaves everything else there as the user wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotune.cli.configuration import constants_in, read_configuration, shown
from emotune.cli.constants import CONSTANTS, EXTRA, constants_of
from emotune.errors import InputError
from emotune.files import replacing

__all__ = ["Change", "apply_to_config"]


@dataclass(frozen=True, slots=True)
class Change:
    """One constant that was written; `before` is None where the file did not have it."""

    constant: str
    before: Any
    after: Any

    def __str__(self) -> str:
        before = "(new)" if self.before is None else shown(self.before)
        return f"{self.constant} {before} -> {shown(self.after)}"


def apply_to_config(path: Path | str, hyperparameters: Mapping[str, Any]) -> list[Change]:
    """Write a configuration of the network into a configuration file.

    Only the right-hand sides of constants whose value changes are replaced; comments, order and layout stay, as
    do line ends and encoding. The edited file is read back before it takes the place of the old one.

    Args:
        path: the configuration file.
        hyperparameters: name -> plain value, such as a search's winner.

    Returns:
        What was changed; the file is not touched where that is nothing.

    Raises:
        InputError: if the file or a value cannot be used, or a constant is not assigned exactly once at
            the top level of the file; the file is then as it was.
    """
    path = Path(path).resolve()  # a link keeps pointing to the file that is edited
    found = constants_in(path)
    current = {constant.name: found.get(constant.name, constant.example) for constant in CONSTANTS}
    wanted = constants_of(hyperparameters, {EXTRA: {}, **current}, where="the given hyperparameters")
    changes = [
        Change(name, found.get(name), value)
        for name, value in wanted.items()
        if name not in found or value != found[name]
    ]
    if not changes:
        return []
    from emotune.cli.source_edit import with_constants  # LibCST takes a while to import

    edited = with_constants(path.read_bytes(), {change.constant: change.after for change in changes}, name=path.name)
    with replacing(path) as beside:
        beside.write_bytes(edited)
        read_back = dict(read_configuration(beside).values)
        differing = [name for name, value in read_back.items() if value != {**found, **wanted}[name]]
        if differing:
            raise InputError(
                f"Expected constants in {path.name} that depend on no other. Received: `{differing[0]}`, which "
                f"would be {shown(read_back[differing[0]])} after the edit. Write a plain value there; the file "
                "was left as it was."
            )
    return changes
