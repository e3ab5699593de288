"""A job's tables: found, and their columns checked, before the job starts."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from tfgnn_ext.graph import Graph, GraphError, protos
from tfgnn_ext.graph.columns import is_string
from tfgnn_ext.graph.read_tables import text_columns
from tfgnn_ext.graph.schema import EdgeColumns, NodeColumns
from tfgnn_ext.sampling.files.beam import files_of, open_file, read_schema, relative_to
from tfgnn_ext.sampling.table_blocks import Table
from tfgnn_ext.sampling.table_parts import check_columns, empty_table
from tfgnn_ext.sampling.tables.beam import TableSource, most_rows

_BLOCK_BYTES = 16 << 20  # Of a table's files; about a million edges.
_FEWEST_BLOCKS = 8


class Catalog:
    """The tables of a schema.

    Args:
      schema: A path of a GraphSchema whose sets name their tables, relative to it.
      blocks: Into how many blocks each table is cut; None: one for 16 MiB of files.
      drop: Whether invalid rows are dropped.

    Attributes:
      schema: The GraphSchema.
      types: The Arrow schema of each set's table.
      empty: A graph without rows that has the schema of the whole.
      sources: By set, its table.

    Raises:
      ValueError: A table is missing, or lacks a column.
    """

    def __init__(
        self, schema: str | os.PathLike[str], *, blocks: int | None = None, drop: bool = False
    ) -> None:
        path = os.fspath(schema)
        self.schema = read_schema(path)
        self._serialized = self.schema.SerializeToString()
        self._blocks, self._drop = blocks, drop
        folder = path.rpartition("/")[0]
        sets = {**self.schema.node_sets, **self.schema.edge_sets}
        nameless = [name for name, message in sets.items() if not message.metadata.filename]
        if nameless:
            raise GraphError(
                [f"set {name!r}: must have a `metadata.filename`. Got none." for name in nameless]
            )
        texts = text_columns(self.schema)
        found = {n: files_of(relative_to(folder, m.metadata.filename)) for n, m in sets.items()}
        tables = {
            name: self._columns(name, found[name][0][0], frozenset(texts[m.metadata.filename]))
            for name, m in sets.items()
        }
        self._check_kinds(tables, {name: files[0][0] for name, files in found.items()})
        self.types: dict[str, pa.Schema] = {name: table.schema for name, table in tables.items()}
        self.empty = Graph.from_tables(self.schema, tables)
        self.sources = {
            name: self._source(name, found[name], self._kinds(name), texts[m.metadata.filename])
            for name, m in sets.items()
        }

    def _columns(self, name: str, path: str, strings: frozenset[str]) -> pa.Table:
        """A set's table without rows; its columns are those that the schema needs."""
        with open_file(path) as file:
            table = empty_table(path, file, strings)
        described = Table(name, self._serialized, frozenset(), (), self._drop)
        nodes = name in self.schema.node_sets
        needed = described.node_columns() if nodes else described.edge_columns()
        check_columns(path, table.column_names, needed)
        return table

    def _check_kinds(self, tables: Mapping[str, pa.Table], paths: Mapping[str, str]) -> None:
        """The ids of edges' ends must be of the type of those of the nodes."""
        problems = []
        for name, message in self.schema.edge_sets.items():
            for end in ("source", "target"):
                column, node_set = self.end_column(name, end), getattr(message, end)
                kinds = [
                    "string" if is_string(tables[table].schema.field(of).type) else "int64"
                    for table, of in ((name, column), (node_set, self.id_column(node_set)))
                ]
                if kinds[0] != kinds[1]:
                    problems.append(
                        f"edge set {name!r}: column {column!r} must hold {kinds[1]} ids like node "
                        f"set {node_set!r}. Got {kinds[0]} at {paths[name]}, row 0."
                    )
        if problems:
            raise GraphError(problems)

    def _kinds(self, name: str) -> dict[str, str]:
        """Of each of a set's id columns, the kind of its ids."""
        if name in self.schema.node_sets:
            return {self.id_column(name): self.kind(name)}
        message = self.schema.edge_sets[name]
        columns = EdgeColumns.of(message)
        return {
            columns.source: self.kind(message.source),
            columns.target: self.kind(message.target),
        }

    def _source(
        self, name: str, files: list[tuple[str, int]], kinds: dict[str, str], strings: Any
    ) -> TableSource:
        table = Table(name, self._serialized, frozenset(strings), tuple(kinds.items()), self._drop)
        rows = 0
        if name in self.schema.edge_sets:
            rows = sum(most_rows(path, size) for path, size in files)
        return TableSource(table, tuple(p for p, _ in files), sum(size for _, size in files), rows)

    def add_seeds(self, name: str, pattern: str, ends: Mapping[str, str]) -> None:
        """Finds the table of seeds, whose ids in some columns are those of a node set each."""
        kinds = {column: self.kind(node_set) for column, node_set in ends.items()}
        strings = [column for column, kind in kinds.items() if kind == "string"]
        self.sources[name] = self._source(name, files_of(pattern), kinds, strings)

    def columns_of(self, name: str, columns: Sequence[str]) -> pa.Table:
        """Some columns of a table, without rows."""
        source = self.sources[name]
        path = source.files[0]
        with open_file(path) as file:
            table = empty_table(path, file, source.table.strings)
        check_columns(path, table.column_names, list(columns))
        return table.select(list(columns))

    def kind(self, node_set: str) -> str:
        """What a node set's ids are: "string" or "int64"."""
        return "string" if self.empty.node_sets[node_set].ids.dtype.kind == "S" else "int64"

    def id_column(self, node_set: str) -> str:
        """The column of a node set's ids."""
        return NodeColumns.of(self.schema.node_sets[node_set]).id

    def end_column(self, edge_set: str, end: str) -> str:
        """The column of an edge set's sources or targets."""
        return str(getattr(EdgeColumns.of(self.schema.edge_sets[edge_set]), end))

    def blocks_of(self, node_set: str) -> int:
        """Into how many blocks the ids of a node set are hashed."""
        if self._blocks is not None:
            return self._blocks
        leaving = [n for n, e in self.empty.edge_sets.items() if e.source == node_set]
        sizes = [self.sources[name].size for name in (node_set, *leaving)]
        return max(_FEWEST_BLOCKS, -(-max(sizes) // _BLOCK_BYTES))


@dataclasses.dataclass(frozen=True)
class Layout:
    """What workers must know of a catalog, to build graphs without rows.

    Attributes:
      schema: The serialized GraphSchema.
      types: The Arrow schema of each set's table.
    """

    schema: bytes
    types: dict[str, pa.Schema]

    def empty_graph(self) -> Graph:
        """A graph without rows."""
        message = protos.GraphSchema.FromString(self.schema)
        tables = {name: part.empty_table() for name, part in self.types.items()}
        return Graph.from_tables(message, tables)
