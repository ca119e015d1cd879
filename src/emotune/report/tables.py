"""Rows as a table of text: drawn by rich on a terminal, aligned plain lines everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

__all__ = ["plain_table", "print_table"]


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str = "",
    numeric: Sequence[str] = (),
    file: TextIO | None = None,
) -> None:
    """Print rows under their columns.

    Args:
        columns: one heading a column.
        rows: as many values a row as there are columns.
        title: a line above the table.
        numeric: headings whose values are set flush right.
        file: where to; None is standard output. Colours follow the terminal and NO_COLOR.
    """
    file = sys.stdout if file is None else file
    rows = list(rows)
    if not file.isatty():
        print(plain_table(columns, rows, title=title, numeric=numeric), file=file)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left")
    for column in columns:
        table.add_column(Text(column), justify="right" if column in numeric else "left")
    for row in rows:
        # Text, not str: rich would read a file called "[red].edf" as an instruction.
        table.add_row(*(Text(_one_line(value)) for value in row))
    Console(file=file).print(table)


def plain_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", numeric: Sequence[str] = ()
) -> str:
    """The same rows as aligned lines without colours or borders, without a newline at the end."""
    from rich.cells import cell_len

    cells = [[_one_line(value) for value in row] for row in (columns, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    right = [column in numeric for column in columns]
    lines = [title] if title else []
    for row in cells:
        padded = []
        for cell, width, flush_right in zip(row, widths, right, strict=True):
            # Not str.ljust: it counts characters, and a Chinese character is two cells wide.
            padding = " " * (width - cell_len(cell))
            padded.append(padding + cell if flush_right else cell + padding)
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _one_line(value: object) -> str:
    # A name that comes from a file must neither break the row nor steer the terminal.
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(value))
