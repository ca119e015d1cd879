"""A table in a text or Parquet file to columns in memory, through pandas: separators, encodings, decimals, damage."""

from __future__ import annotations

import csv
import itertools
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotune.errors import InputError, MissingExtra, in_one_line, one_line
from emotune.files import is_web_page

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PARQUET_SUFFIXES", "TEXT_SUFFIXES", "Table", "read_columns"]

PARQUET_SUFFIXES = (".parquet", ".pq")
TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt")

# A few kilobytes of Parquet can announce any number of rows; so many cells take 4 GB on their way to an array.
_MOST_CELLS = 2**26

# NumPy makes each name of a column as long as the longest, and a file may hold a long one once for all rows.
_MOST_CHARACTERS = 1000

# So many rows tell whether a decimal comma is used.
_SAMPLED = 200

# What spreadsheets and programs write where a number is missing. In a column of names they are names.
_MISSING = (
    "", "NA", "N/A", "n/a", "na", "NaN", "nan", "NAN", "-nan", "-NaN", "null", "NULL", "None", "none", "<NA>", "#N/A",
    "#NA", "-", "?",
)  # fmt: skip

_COMMA_NUMBER = re.compile(r"\s*[-+]?\d*,\d+(?:[eE][-+]?\d+)?\s*")
_POINT_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?\s*")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of one length.

    Attributes:
        frame: by name, in the order of the file; columns that were asked for as text hold texts, "" for blank.
        first_row: what the first row is called: 2 in a text file, where a spreadsheet counts the header as 1.
        decimal: what parts the whole from the fraction in texts.
        left_out: columns that were not read, in words.
    """

    frame: pd.DataFrame
    first_row: int
    decimal: str = "."
    left_out: tuple[str, ...] = ()

    def texts(self, name: str) -> list[str]:
        """The cells of a column that was asked for as text."""
        return [str(text) for text in self.frame[name].tolist()]


def read_columns(path: Path, is_text: Callable[[str], bool]) -> Table:
    """Read a table with a header: CSV (commas, semicolons, tabs; decimal points or commas) or Parquet.

    Nothing is unpickled. A column without a name (a row number, as pandas writes it) is left out.

    Args:
        path: `.parquet` and `.pq` are read as Parquet, every other file as text.
        is_text: whether a column, by its name, is to be kept as text.

    Raises:
        InputError: if the file is missing, empty or damaged, has no header or no rows, or two columns of one name.
        MissingExtra: if it is Parquet and pyarrow is not installed.
    """
    if path.is_dir():
        raise InputError(f"Expected a table (CSV or Parquet), received the folder {path}. Name the file in it.")
    if not path.is_file():
        raise InputError(f"Expected a table at {path}, but there is no such file. Check the path.")
    table = _read_parquet(path, is_text) if path.suffix.lower() in PARQUET_SUFFIXES else _read_text(path, is_text)
    if not len(table.frame):
        raise InputError(
            f"Expected a header and one row a sample in {path}. Received: a header and no row. Add the rows."
        )
    for name in filter(is_text, map(str, table.frame.columns)):
        longest = max(map(len, table.texts(name)))
        if longest > _MOST_CHARACTERS:
            raise InputError(
                f"Expected names of at most {_MOST_CHARACTERS} characters in `{one_line(name, 60)}` of {path}. "
                f"Received: one of {longest}. Shorten it."
            )
    return table


@contextmanager
def _damage_said(path: Path, kind: str) -> Iterator[None]:
    with in_one_line(f"Expected {kind} at {path}, but it cannot be read", "Save or copy it again."):
        yield


def _read_text(path: Path, is_text: Callable[[str], bool]) -> Table:
    import pandas as pd

    encoding = _encoding(path)
    with _damage_said(path, "a table of text (CSV)"):
        separator = _separator(path, encoding)
        with path.open(encoding=encoding, newline="") as file:
            records = csv.reader(file, delimiter=separator)
            names = [name.strip() for name in next(records, [])]
            sample = list(itertools.islice(records, _SAMPLED))
        _refuse_header(names, path)
        # A comma after each of a row's cells, header included, is a column without a name.
        kept = [place for place, name in enumerate(names) if name]
        decimal = _decimal(separator, [[row[i] for i in kept if i < len(row)] for row in sample])
        texts = {str(place) for place in kept if is_text(names[place])}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            frame = pd.read_csv(
                path,
                sep=separator,
                decimal=decimal,
                encoding=encoding,
                header=0,
                # Each column by its place: names may look like numbers.
                names=[str(place) for place in range(len(names))],
                index_col=False,
                dtype=dict.fromkeys(texts, str),
                keep_default_na=False,
                na_values={str(place): list(_MISSING) for place in kept if str(place) not in texts},
                skipinitialspace=True,
                low_memory=False,
                engine="c",
            )
        if caught:  # cells beyond the header's
            raise InputError(
                f"Expected {len(names)} cells in every row of {path}, as its header has. Received: "
                f"{' '.join(str(caught[0].message).split())[:200]} Save the table again."
            )
    for place in texts:
        frame[place] = frame[place].fillna("").str.strip()
    frame = frame[[str(place) for place in kept]]
    frame.columns = pd.Index([names[place] for place in kept])
    return Table(frame, 2, decimal, _nameless(len(names) - len(kept)))


def _encoding(path: Path) -> str:
    """UTF-8, what spreadsheets call Unicode (UTF-16), or the Windows code page."""
    try:
        with path.open("rb") as file:
            first = file.read(4096)
            if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
                return "utf-16"
            if b"\x00" in first:
                raise InputError(
                    f"Expected a table of text (CSV) at {path}, but it is not text. Save the table as CSV (UTF-8)."
                )
            if not first.strip():
                raise InputError(
                    f"Expected a table with a header at {path}. Received: an empty file. Write one row a sample."
                )
            if is_web_page(first):
                raise InputError(
                    f"Expected a table at {path}, but it holds a web page, perhaps a login or an error. "
                    "Download the file itself."
                )
        with path.open(encoding="utf-8-sig") as text:
            while text.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "cp1252"
    except OSError as error:
        raise InputError(f"Expected a table at {path}, but it cannot be read ({error}). Check it.") from error
    return "utf-8-sig"


def _separator(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding) as file:
        line = next((line for line in file if line.strip()), "")
    unquoted = re.sub(r'"[^"]*"', "", line)
    return max(",;\t", key=unquoted.count)


def _refuse_header(names: Sequence[str], path: Path) -> None:
    named = [name for name in names if name]
    if named and all(_is_number(name) for name in named):
        raise InputError(
            f"Expected the names of the columns in the first row of {path}. Received: numbers, such as {named[0]}. "
            "Add a header."
        )
    if not named:
        raise InputError(f"Expected the names of the columns in the first row of {path}. Received: none. Add a header.")
    _refuse_double(named, path)


def _refuse_double(names: Sequence[str], path: Path) -> None:
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise InputError(
            f"Expected each column once in {path}. Received: {double[0]!r} {names.count(double[0])} times. "
            "Drop or rename one."
        )


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _decimal(separator: str, rows: Sequence[Sequence[str]]) -> str:
    if separator == ",":
        return "."
    cells = [cell for row in rows for cell in row]
    commas = sum(_COMMA_NUMBER.fullmatch(cell) is not None for cell in cells)
    points = sum(_POINT_NUMBER.fullmatch(cell) is not None for cell in cells)
    return "," if commas > points else "."


def _nameless(n: int) -> tuple[str, ...]:
    return (f"{n} without a name",) if n else ()


def _read_parquet(path: Path, is_text: Callable[[str], bool]) -> Table:
    from emotune.data.rows import group_name

    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingExtra(
            f'Reading {path} needs pyarrow, which is not installed: pip install "emotune[parquet]". '
            "Or save the table as CSV."
        ) from error
    with _damage_said(path, "a Parquet file"), parquet.ParquetFile(path) as file:
        schema, n_rows = file.schema_arrow, file.metadata.num_rows
        if n_rows * len(schema.names) > _MOST_CELLS:
            raise InputError(
                f"Expected a table of at most {_MOST_CELLS} cells in {path}. Received: {n_rows} rows of "
                f"{len(schema.names)} columns. Save it in parts, or only the columns that are needed."
            )
        _refuse_double(schema.names, path)
        # Lists and structs are no numbers; an index that pandas saved has no name of its own.
        nested = [field.name for field in schema if pa.types.is_nested(field.type)]
        index = [name for name in schema.names if re.fullmatch(r"__index_level_\d+__|", name)]
        kept = [name for name in schema.names if name not in (*nested, *index)]
        read = file.read(columns=kept)
        # Texts that are no UTF-8, and lengths that lie: damage that would show at a text's first use.
        read.validate(full=True)
        frame = read.to_pandas(ignore_metadata=True)
        for name in kept:
            if is_text(name):
                cells: list[Any] = frame[name].astype(object).where(frame[name].notna(), None).tolist()
                frame[name] = [group_name(cell) for cell in cells]
    return Table(frame, 1, ".", (*nested, *_nameless(len(index))))
