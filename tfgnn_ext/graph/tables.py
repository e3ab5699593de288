"""Tables from Parquet and CSV: one file, a glob, or shards."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

_SHARDED = re.compile(r"^(?P<stem>.*)@(?P<count>\d+)$")


@dataclasses.dataclass(frozen=True)
class TableFiles:
    """A table and the files its rows come from, so that errors can name file and row.

    Attributes:
      table: The rows of all files, in the order of the names.
      files: For each file, its path and its number of rows.
    """

    table: pa.Table
    files: tuple[tuple[str, int], ...]

    def where(self, row: int) -> str:
        """Names a row: the file and the row in it, from 0."""
        for path, rows in self.files:
            if row < rows:
                return f"{path}, row {row}"
            row -= rows
        return f"row {row}"


def find_files(pattern: str | os.PathLike[str]) -> list[Path]:
    """The files of a table, sorted by name.

    Args:
      pattern: A path, a glob (``nodes-*.parquet``) or shards (``nodes.parquet@4``, which stands for
        ``nodes-00000-of-00004.parquet`` or ``nodes.parquet-00000-of-00004`` and so on).

    Raises:
      FileNotFoundError: Nothing matches, or a shard is missing.
    """
    text = os.fspath(pattern)
    sharded = _SHARDED.match(text)
    if sharded:
        stem, count = Path(sharded["stem"]), int(sharded["count"])
        found = []
        for index in range(count):
            shard = f"{index:05d}-of-{count:05d}"
            names = [
                Path(f"{stem}-{shard}"),
                stem.with_name(f"{stem.stem}-{shard}{stem.suffix}"),
            ]
            existing = [name for name in names if name.is_file()]
            if not existing:
                raise FileNotFoundError(
                    f"`{text}` must have all its shards. Got no {names[1].name} in {stem.parent}."
                )
            found.append(existing[0])
        return found
    if glob.has_magic(text):
        found = [Path(name) for name in sorted(glob.glob(text)) if os.path.isfile(name)]
    else:
        found = [Path(text)] if os.path.isfile(text) else []
    if not found:
        raise FileNotFoundError(f"`{text}` must match a file. Got none.")
    return found


def _read_file(path: Path) -> pa.Table:
    name = path.name.lower()
    try:
        if ".parquet" in name:
            return pa.parquet.read_table(path)
        if ".csv" in name:
            options = pa.csv.ConvertOptions(strings_can_be_null=True, null_values=["", "NA"])
            return pa.csv.read_csv(path, convert_options=options)
    except pa.ArrowInvalid as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"{path}: must be a readable table. Got: {first}") from None
    raise ValueError(f"{path}: must be a .parquet or .csv file. Got suffix {path.suffix!r}.")


def read_table(pattern: str | os.PathLike[str]) -> TableFiles:
    """Reads a table.

    In a CSV file, an empty field and ``NA`` are missing values; ``nan`` is a number, and
    `check_graph` refuses it.

    Args:
      pattern: As for `find_files`.

    Raises:
      FileNotFoundError: No such file.
      ValueError: A file is corrupt, or has other columns than the first.
    """
    paths = find_files(pattern)
    tables = [_read_file(path) for path in paths]
    first = tables[0]
    for path, table in zip(paths, tables, strict=True):
        if table.column_names != first.column_names:
            odd = sorted(set(table.column_names) ^ set(first.column_names))
            raise ValueError(
                f"{path}: must have the columns of {paths[0].name}. Got a difference in "
                f"{', '.join(odd) or 'their order'}."
            )
    try:
        joined = pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(f"{pattern}: shards must agree in their types. Got: {error}") from None
    files = tuple((str(path), table.num_rows) for path, table in zip(paths, tables, strict=True))
    return TableFiles(joined, files)
