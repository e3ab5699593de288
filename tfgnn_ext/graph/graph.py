"""A heterogeneous graph: node sets, edge sets and their schema."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from tfgnn_ext.graph import storage
from tfgnn_ext.graph.build_graph import build_edge_set, build_node_set
from tfgnn_ext.graph.check_graph import GraphError, find_problems, with_files
from tfgnn_ext.graph.edge_set import EdgeSet
from tfgnn_ext.graph.end_rows import EndRows
from tfgnn_ext.graph.node_set import NodeSet
from tfgnn_ext.graph.read_tables import read_tables
from tfgnn_ext.graph.schema import GraphSchema, read_schema
from tfgnn_ext.graph.tables import TableFiles


@dataclasses.dataclass(frozen=True)
class Graph:
    """A heterogeneous graph in memory, or memory-mapped from a directory.

    Attributes:
      schema: TF-GNN's GraphSchema, see `graph.schema` for the conventions.
      node_sets: By name.
      edge_sets: By name.

    >>> from tfgnn_ext.graph import parse_schema
    >>> schema = parse_schema('''
    ...   node_sets { key: "paper" value {} }
    ...   edge_sets { key: "cites" value { source: "paper" target: "paper" } }
    ... ''')
    >>> graph = Graph.from_tables(schema, {
    ...     "paper": pa.table({"id": ["b", "a", "c"]}),
    ...     "cites": pa.table({"source": ["c", "a"], "target": ["a", "b"]}),
    ... })
    >>> graph.node_sets["paper"].ids.tolist(), graph.edge_sets["cites"].targets.tolist()
    ([b'a', b'b', b'c'], [1, 0])
    """

    schema: GraphSchema
    node_sets: Mapping[str, NodeSet]
    edge_sets: Mapping[str, EdgeSet]

    @classmethod
    def from_tables(cls, schema: GraphSchema, tables: Mapping[str, pa.Table | TableFiles]) -> Graph:
        """Builds a graph; the order of the rows does not matter.

        Args:
          schema: The description.
          tables: The table of each node and edge set.

        Raises:
          GraphError: With one line a problem.
        """
        sources = with_files(tables)
        ends = EndRows()
        problems = find_problems(schema, sources, ends)
        if problems:
            raise GraphError(problems)
        node_sets = {
            name: build_node_set(schema.node_sets[name], sources[name].table)
            for name in sorted(schema.node_sets)
        }
        edge_sets = {
            name: build_edge_set(
                schema.edge_sets[name],
                sources[name].table,
                ends,
                node_sets[schema.edge_sets[name].source].num_nodes,
            )
            for name in sorted(schema.edge_sets)
        }
        return cls(schema, node_sets, edge_sets)

    @classmethod
    def read(cls, schema_path: str | os.PathLike[str]) -> Graph:
        """Builds a graph from a schema file and the tables its `metadata.filename`s name."""
        schema = read_schema(schema_path)
        return cls.from_tables(schema, read_tables(schema, Path(schema_path).parent))

    def save(self, directory: str | os.PathLike[str]) -> None:
        """Writes the graph as a directory of arrays; it appears whole or not at all."""
        storage.save(self.schema, self.node_sets, self.edge_sets, Path(directory))

    @classmethod
    def load(cls, directory: str | os.PathLike[str], *, verify: bool = False) -> Graph:
        """Opens a saved graph; its arrays are memory-mapped.

        Args:
          directory: The directory.
          verify: Whether to compare checksums too, which reads every byte.

        Raises:
          ValueError: The directory is no graph, of another version, or damaged.
        """
        return cls(*storage.load(Path(directory), verify=verify))
