"""Tables from Parquet and CSV: one file, a glob, or shards."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tfgnn_ext.graph.files import find_files, open_file
from tfgnn_ext.graph.record_tables import PLAIN_NAMES, read_record_table


@dataclasses.dataclass(frozen=True)
class TableFiles:
    """A table and the files its rows come from, so that errors can name file and row.

    Attributes:
      table: The rows of all files, in the order of the names.
      files: For each file, its path and its number of rows; empty for a table made in memory.
      first_row: The row of its first file at which the table begins, where it is a part.
    """

    table: pa.Table
    files: tuple[tuple[str, int], ...] = ()
    first_row: int = 0

    def where(self, row: int) -> str:
        """Names a row: the file and the row in it, from 0.

        >>> TableFiles(pa.table({"id": [7, 8, 9]}), (("a.csv", 2), ("b.csv", 1))).where(2)
        'b.csv, row 0'
        """
        row += self.first_row
        for path, rows in self.files:
            if row < rows:
                return f"{path}, row {row}"
            row -= rows
        return f"row {row}"


def read_table(
    pattern: str | os.PathLike[str],
    *,
    strings: Collection[str] = (),
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> TableFiles:
    """Reads a table.

    In a CSV file, an empty field and ``NA`` are missing values; ``nan`` is a number, and
    `check_graph` refuses it. CSV columns that look like numbers become numbers, so that 007 is 7:
    name those that are text.

    Args:
      pattern: A path, a glob, or shards; see `find_files`. A name with ``.parquet``, ``.csv`` or
        ``.tfrecord`` (TF-GNN's unigraph). TF-GNN's columns ``#id``, ``#source`` and ``#target``
        are read as ``id``, ``source`` and ``target``.
      strings: Columns to read as text from CSV.
      shapes: Of TFRecord files, the shapes of columns; see `read_record_table`.

    Raises:
      FileNotFoundError: No such file.
      ValueError: A file is damaged, or disagrees with the first in names or types of columns.
    """
    paths = find_files(pattern)
    tables = [_plainly_named(_read_file(path, strings, shapes)) for path in paths]
    if all(".tfrecord" in path.name.lower() for path in paths):
        tables = _alike(tables)
    first = tables[0]
    for path, table in zip(paths, tables, strict=True):
        repeated = sorted({n for n in table.column_names if table.column_names.count(n) > 1})
        if repeated:
            raise ValueError(f"{path}: column {repeated[0]!r} must occur once. Got it again.")
        if table.column_names != first.column_names:
            odd = sorted(set(table.column_names) ^ set(first.column_names))
            raise ValueError(
                f"{path}: must have the columns of {paths[0].name}. Got a difference in "
                f"{', '.join(odd) or 'their order'}."
            )
        for column in table.column_names:
            kinds = first.schema.field(column).type, table.schema.field(column).type
            if kinds[0] != kinds[1] and not _agree(*kinds):
                raise ValueError(
                    f"{path}: column {column!r} must be {kinds[0]} as in {paths[0].name}. "
                    f"Got {kinds[1]}."
                )
    try:
        joined = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise ValueError(f"{pattern}: shards must agree in their types. Got: {error}") from None
    files = tuple((str(path), table.num_rows) for path, table in zip(paths, tables, strict=True))
    return TableFiles(joined, files)


def _agree(one: pa.DataType, other: pa.DataType) -> bool:
    """Whether shards may differ so: one without values, or numbers of other widths."""

    def is_number(kind: pa.DataType) -> bool:
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))

    if pa.types.is_null(one) or pa.types.is_null(other):
        return True
    alike = is_number(one) and is_number(other)
    return alike or not (pa.types.is_primitive(one) or pa.types.is_primitive(other))


def _plainly_named(table: pa.Table) -> pa.Table:
    names = [PLAIN_NAMES.get(name, name) for name in table.column_names]
    return table if names == table.column_names else table.rename_columns(names)


def _alike(tables: list[pa.Table]) -> list[pa.Table]:
    """The same with a column of nulls for a feature that no row of a file has."""
    names = sorted({name for table in tables for name in table.column_names})
    return [
        pa.table(
            {
                name: table[name] if name in table.column_names else pa.nulls(len(table))
                for name in names
            }
        )
        for table in tables
    ]


def _read_file(
    path: Path, strings: Collection[str], shapes: Mapping[str, tuple[int, ...]] | None
) -> pa.Table:
    name = path.name.lower()
    try:
        if ".parquet" in name:
            with open_file(path) as file:
                # `read_table` would import pandas where it is installed.
                return _named(pa.parquet.ParquetFile(file).read())
        if ".csv" in name:
            with open_file(path) as file:
                return _named(_read_csv(file, strings))
        if ".tfrecord" in name:
            return read_record_table(path, shapes)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        first = re.sub(r"\s+", " ", str(error)).strip().rstrip(".")
        raise ValueError(f"{path}: must be a readable table. Got: {first}.") from None
    raise ValueError(
        f"{path}: must be a .parquet, .csv or .tfrecord file. Got suffix {path.suffix!r}."
    )


def _named(table: pa.Table) -> pa.Table:
    """The same; raises here if a name is not utf-8."""
    return table.rename_columns(table.column_names)


def _read_csv(file: pa.NativeFile, strings: Collection[str]) -> pa.Table:
    convert = pa.csv.ConvertOptions(
        strings_can_be_null=True,
        null_values=["", "NA"],
        column_types={column: pa.string() for column in strings},
    )
    # One thread: only then do errors tell the row.
    table = pa.csv.read_csv(
        file, read_options=pa.csv.ReadOptions(use_threads=False), convert_options=convert
    )
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_binary(column.type):  # Text that is not UTF-8.
            for row, value in enumerate(column.to_pylist()):
                try:
                    (value or b"").decode()
                except UnicodeDecodeError:
                    raise pa.ArrowInvalid(
                        f"column {name!r}, row {row} is not UTF-8: {value!r}"
                    ) from None
    return table
