"""Files of tables, read a part at a time; what cannot be read is named, with its rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tfgnn_ext.graph import GraphError, TableFiles

PART_ROWS = 1 << 20


@dataclasses.dataclass(frozen=True)
class Part:
    """Some rows of a file.

    Attributes:
      path: The file.
      groups: Row groups of a Parquet file; None for a whole file.
      first_row: The row at which they begin.
    """

    path: str
    groups: tuple[int, ...] | None = None
    first_row: int = 0


def is_parquet(path: str) -> bool:
    """Whether a file's name says that it is Parquet."""
    return ".parquet" in path.rsplit("/", 1)[-1].lower()


def count_rows(path: str, file: Any) -> int:
    """The number of rows of a Parquet file."""
    return int(_open(path, file).metadata.num_rows)


def parts_of(path: str, file: Any, rows: int = PART_ROWS) -> Iterator[Part]:
    """Cuts a file into parts of about `rows` rows; a CSV file is one part."""
    if not is_parquet(path):
        yield Part(path)
        return
    metadata = _open(path, file).metadata
    groups: list[int] = []
    first = held = 0
    for group in range(metadata.num_row_groups):
        groups.append(group)
        held += metadata.row_group(group).num_rows
        if held >= rows or group == metadata.num_row_groups - 1:
            yield Part(path, tuple(groups), first)
            groups, first, held = [], first + held, 0


def _open(path: str, file: Any) -> Any:
    try:
        return pa.parquet.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str, error: Exception, rows: str = "") -> ValueError:
    first = " ".join(str(error).split()).rstrip(".")
    return ValueError(f"{path}{rows}: must be a readable table. Got: {first}.")


def _damaged_rows(part: Part, parquet: Any, columns: list[str]) -> str:
    """Which rows of a part are in the first row group that cannot be read."""
    first = part.first_row
    for group in part.groups or ():
        count = parquet.metadata.row_group(group).num_rows
        try:
            parquet.read_row_group(group, columns, use_threads=False)
        except (pa.ArrowException, OSError):
            return f", rows {first} to {first + count - 1}"
        first += count
    return ""


def read_part(part: Part, file: Any, columns: list[str], strings: frozenset[str]) -> TableFiles:
    """Reads the columns of a part.

    Raises:
      ValueError: The file is damaged, or lacks a column; it is named, with the rows that cannot be
        read.
    """
    try:
        if part.groups is None:
            convert = pa.csv.ConvertOptions(
                strings_can_be_null=True,
                null_values=["", "NA"],
                column_types={column: pa.string() for column in strings},
            )
            options = pa.csv.ReadOptions(use_threads=False)
            table = pa.csv.read_csv(file, read_options=options, convert_options=convert)
            check_columns(part.path, table.column_names, columns)
            table = table.select(columns)
        else:
            parquet = _open(part.path, file)
            check_columns(part.path, parquet.schema_arrow.names, columns)
            try:
                table = parquet.read_row_groups(list(part.groups), columns, use_threads=False)
            except (pa.ArrowException, OSError) as error:
                rows = _damaged_rows(part, parquet, columns)
                raise _unreadable(part.path, error, rows) from None
            table = table.select(columns)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(part.path, error) from None
    return TableFiles(table, ((part.path, part.first_row + len(table)),), part.first_row)


def empty_table(path: str, file: Any, strings: frozenset[str]) -> pa.Table:
    """A table without rows that has the columns and types of a file."""
    if is_parquet(path):
        return _open(path, file).schema_arrow.empty_table()
    try:
        convert = pa.csv.ConvertOptions(
            strings_can_be_null=True,
            null_values=["", "NA"],
            column_types={column: pa.string() for column in strings},
        )
        options = pa.csv.ReadOptions(use_threads=False)  # Else errors name no row.
        with pa.csv.open_csv(file, read_options=options, convert_options=convert) as reader:
            return reader.schema.empty_table()
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def check_columns(path: str, found: list[str], needed: list[str]) -> None:
    """Raises a `GraphError` that names the file if it lacks a column."""
    for column in needed:
        if found.count(column) != 1:
            number = "a column" if column not in found else "one column"
            raise GraphError(
                [f"{path}: must have {number} {column!r}. Got columns {', '.join(found)}."]
            )
