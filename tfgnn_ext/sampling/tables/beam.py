"""Reading tables where they lie, a part of a file at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np

from tfgnn_ext.graph.columns import to_ids
from tfgnn_ext.sampling.files.beam import open_file
from tfgnn_ext.sampling.table_blocks import Table
from tfgnn_ext.sampling.table_parts import Part, count_rows, is_parquet, parts_of, read_part


@dataclasses.dataclass(frozen=True)
class TableSource:
    """A set's table.

    Attributes:
      table: What a worker must know of it.
      files: Their paths.
      size: Of all files, in bytes.
      most_rows: How many rows it has at most; 0 where nobody asks.
    """

    table: Table
    files: tuple[str, ...]
    size: int
    most_rows: int = 0

    def locate(self, column: str, ids: Any, *, first: int = 0) -> str:
        """The file and row where one of some ids stands, after passing over `first` such rows."""
        for path in self.files:
            for part in _parts(path):
                table = _read(part, self.table.strings, [column])
                rows = np.flatnonzero(np.isin(to_ids(table.table[column].drop_null()), ids))
                if len(rows) > first:
                    valid = np.flatnonzero(np.asarray(table.table[column].is_valid()))
                    return str(table.where(int(valid[rows[first]])))
                first -= len(rows)
        return "a row"


class ReadTable(beam.PTransform):
    """Reads some columns of a table: a collection of `TableFiles`, each a part of a file."""

    def __init__(self, source: TableSource, columns: list[str]) -> None:
        super().__init__()
        self.source, self.columns = source, columns

    def expand(self, pbegin: Any) -> Any:
        """Builds the graph of transforms."""
        return (
            pbegin
            | "Files" >> beam.Create(list(self.source.files), reshuffle=False)
            | "Parts" >> beam.FlatMap(_parts)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.Map(_read, self.source.table.strings, self.columns)
        )


def most_rows(path: str, size: int) -> int:
    """How many rows a file has at most."""
    if not is_parquet(path):
        return size // 4  # A row of two ids takes four bytes.
    with open_file(path) as file:
        return count_rows(path, file)


def _parts(path: str) -> Iterator[Part]:
    with open_file(path) as file:
        yield from parts_of(path, file)


def _read(part: Part, strings: frozenset[str], columns: list[str]) -> Any:
    with open_file(part.path) as file:
        return read_part(part, file, columns, strings)
