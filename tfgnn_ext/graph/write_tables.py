"""A graph as tables again: Parquet files and the schema that names them."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet as pq

from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.schema import write_schema
from tfgnn_ext.graph.to_tables import to_tables


def write_tables(graph: Graph, directory: str | os.PathLike[str]) -> Path:
    """Writes a graph as one Parquet file a set, and ``schema.pbtxt``.

    What `Graph.read` makes of it is the same graph: see `to_tables`.

    Args:
      graph: The graph.
      directory: Where to; it is made if needed.

    Returns:
      The path of the schema.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    schema, tables = to_tables(graph)
    for kind, sets in (("nodes", schema.node_sets), ("edges", schema.edge_sets)):
        for name, message in sets.items():
            message.metadata.filename = f"{kind}-{name}.parquet"
            pq.write_table(tables[name], folder / message.metadata.filename)
    write_schema(schema, folder / "schema.pbtxt")
    return folder / "schema.pbtxt"
