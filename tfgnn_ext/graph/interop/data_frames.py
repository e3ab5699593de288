"""Graphs from and to pandas DataFrames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.infer_schema import infer_schema
from tfgnn_ext.graph.interop.optional_package import optional_package
from tfgnn_ext.graph.schema import GraphSchema
from tfgnn_ext.graph.to_tables import to_tables


def from_data_frames(
    nodes: Mapping[str, Any],
    edges: Mapping[str, tuple[str, str, Any]],
    *,
    schema: GraphSchema | None = None,
) -> Graph:
    """Builds a graph from DataFrames.

    Args:
      nodes: By node set, a frame with a column ``id``, or an index of that name.
      edges: By edge set, the source and target node sets and a frame with columns ``source`` and
        ``target``.
      schema: What the columns mean; default: what `infer_schema` finds.

    Raises:
      ValueError: pandas is not installed, or a column is of no type that a feature can have.
      GraphError: The frames do not make a graph.
    """
    optional_package("pandas", "from_data_frames")
    tables = {name: _table(f"node set {name!r}", frame) for name, frame in nodes.items()}
    ends = {
        name: (source, target, _table(f"edge set {name!r}", frame))
        for name, (source, target, frame) in edges.items()
    }
    if schema is None:
        schema = infer_schema(tables, ends)
    return Graph.from_tables(schema, {**tables, **{name: part[2] for name, part in ends.items()}})


def to_data_frames(graph: Graph) -> tuple[dict[str, Any], dict[str, tuple[str, str, Any]]]:
    """A graph as DataFrames: what `from_data_frames` takes, with the schema of `to_tables`.

    Missing numbers and times are NaN and None, strings are strings, vectors and lists arrays.

    Returns:
      By node set its frame; by edge set the node sets of its ends and its frame.

    Raises:
      ValueError: pandas is not installed.
    """
    optional_package("pandas", "to_data_frames")
    _, tables = to_tables(graph)
    frames = {name: table.to_pandas(integer_object_nulls=True) for name, table in tables.items()}
    edges = {
        name: (part.source, part.target, frames[name]) for name, part in graph.edge_sets.items()
    }
    return {name: frames[name] for name in graph.node_sets}, edges


def _table(where: str, frame: Any) -> pa.Table:
    if frame.index.name == "id" and "id" not in frame.columns:
        frame = frame.reset_index()
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ValueError(
            f"{where}: must be a DataFrame of numbers, strings, times and lists. Got: {error}"
        ) from None
