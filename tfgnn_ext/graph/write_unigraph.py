"""A graph as TF-GNN's unigraph: TFRecord tables and the schema that names them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.schema import EdgeColumns, NodeColumns, new_schema, set_extra, write_schema
from tfgnn_ext.graph.tfrecord import write_records
from tfgnn_ext.graph.to_tables import to_tables


def write_unigraph(graph: Graph, directory: str | os.PathLike[str]) -> Path:
    """Writes a graph as TF-GNN's unigraph: a TFRecord file a set, and ``schema.pbtxt``.

    TF-GNN's ids are strings: int ids are written as their digits, and read as strings. Missing
    numbers are left out of their row; a row without a value is null when it is read.

    Args:
      graph: The graph.
      directory: Where to; it is made if needed.

    Returns:
      The path of the schema, for TF-GNN's tools or `Graph.read`.
    """
    from tfgnn_ext.graph.wire import encode_columns

    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    given, tables = to_tables(graph)
    schema = new_schema()
    schema.CopyFrom(given)
    names: dict[str, str]
    for name, message in (*schema.node_sets.items(), *schema.edge_sets.items()):
        if name in schema.node_sets:
            columns = NodeColumns.of(message)
            names, kind = {columns.id: "#id"}, "nodes"
            kept = {"times": ",".join(columns.times)} if columns.times else {}
            kept |= {f"known_at.{feature}": time for feature, time in columns.known_at.items()}
        else:
            ends = EdgeColumns.of(message)
            names, kind = {ends.source: "#source", ends.target: "#target"}, "edges"
            kept = {"time": ends.time} if ends.time is not None else {}
            kept |= {"id": ends.id} if ends.id is not None else {}
            kept |= {"weights": ",".join(ends.weights)} if ends.weights else {}
        message.ClearField("metadata")
        set_extra(message, kept)
        message.metadata.filename = f"{kind}-{name}.tfrecord"
        table = tables[name]
        encoded = [
            (names.get(column, column).encode(), *_values(table[column], as_text=column in names))
            for column in table.column_names
        ]
        write_records(folder / message.metadata.filename, encode_columns(encoded, len(table)))
    write_schema(schema, folder / "schema.pbtxt")
    return folder / "schema.pbtxt"


def _values(column: pa.ChunkedArray, *, as_text: bool) -> tuple[npt.NDArray[Any], Any]:
    """The values of a column, and where each row's end; nulls have none."""
    rows = [[] if row is None else _flat(row) for row in column.to_pylist()]
    ends = np.cumsum([0, *map(len, rows)])
    values = [value for row in rows for value in row]
    kind = column.type
    while pa.types.is_nested(kind):
        kind = kind.value_type
    if as_text:
        values = [str(value) for value in values]
    if as_text or pa.types.is_string(kind) or pa.types.is_binary(kind):
        texts = [value if isinstance(value, bytes) else value.encode() for value in values]
        return np.array(texts, np.bytes_) if texts else np.empty(0, "S1"), ends
    return np.array(values, np.float32 if pa.types.is_floating(kind) else np.int64), ends


def _flat(value: Any) -> list[Any]:
    if not isinstance(value, list):
        return [value]
    return [float("nan") if item is None else item for part in value for item in _flat(part)]
