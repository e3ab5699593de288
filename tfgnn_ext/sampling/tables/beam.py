"""Reading tables where they lie, a part of a file at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np

from tfgnn_ext.graph import TableFiles
from tfgnn_ext.graph.columns import to_ids
from tfgnn_ext.sampling.elements.beam import given
from tfgnn_ext.sampling.files.beam import open_file
from tfgnn_ext.sampling.table_blocks import Table
from tfgnn_ext.sampling.table_parts import Part, count_rows, is_parquet, parts_of, read_part

# The table of seeds among those of node and edge sets: TF-GNN reserves names that begin so.
SEEDS = "_seeds"


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


class ReadTables(beam.PTransform):
    """Reads some columns of tables: a collection of ``(name, TableFiles)``, each a part of a file.

    All tables are read by the same few steps: a step costs a second on a cluster, and more steps
    than tables would tell nothing.

    Args:
      sources: The tables by name.
      columns: Those that are read of each.
    """

    def __init__(
        self, sources: Mapping[str, TableSource], columns: Mapping[str, Sequence[str]]
    ) -> None:
        super().__init__()
        self.sources, self.columns = dict(sources), dict(columns)

    def expand(self, pbegin: Any) -> Any:
        """Builds the graph of transforms."""
        files = [(name, path) for name in self.columns for path in self.sources[name].files]
        wanted = {
            name: (self.sources[name].table.strings, list(columns))
            for name, columns in self.columns.items()
        }
        return (
            given(pbegin.pipeline, files, "Files")
            | "Parts" >> beam.FlatMap(_keyed_parts).with_output_types(tuple[str, Any])
            # Each part has a key of its own: they are spread over the workers.
            | "Spread" >> beam.GroupByKey()
            | "Read" >> beam.FlatMap(_read_parts, wanted)
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


def _keyed_parts(file: tuple[str, str]) -> Iterator[tuple[str, tuple[str, Part]]]:
    name, path = file
    for part in _parts(path):
        yield f"{name} {path} {part.first_row}", (name, part)


def _read_parts(
    group: tuple[str, Iterable[tuple[str, Part]]],
    wanted: Mapping[str, tuple[frozenset[str], list[str]]],
) -> Iterator[tuple[str, TableFiles]]:
    for name, part in group[1]:
        strings, columns = wanted[name]
        yield name, _read(part, strings, columns)


def _read(part: Part, strings: frozenset[str], columns: list[str]) -> TableFiles:
    with open_file(part.path) as file:
        return read_part(part, file, columns, strings)
