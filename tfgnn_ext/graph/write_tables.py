"""A graph as tables again: Parquet files and the schema that names them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tfgnn_ext.graph.feature import NEVER, Feature
from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.ragged import Ragged
from tfgnn_ext.graph.schema import (
    EdgeColumns,
    NodeColumns,
    extra,
    new_schema,
    set_extra,
    write_schema,
)

_SOURCE, _TARGET, _ROW = "source", "target", "row"


def write_tables(graph: Graph, directory: str | os.PathLike[str]) -> Path:
    """Writes a graph as one Parquet file a set, and ``schema.pbtxt``.

    What `Graph.read` makes of it is the same graph: rows, canonical order and all. A reversed edge
    set gets a file of its own; an edge set with edge ids gets its rows' numbers as ids.

    Args:
      graph: The graph.
      directory: Where to; it is made if needed.

    Returns:
      The path of the schema.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    schema = new_schema()
    schema.CopyFrom(graph.schema)
    for name, node_set in graph.node_sets.items():
        message = schema.node_sets[name]
        columns = NodeColumns.of(message)
        table = {columns.id: _ids(node_set.ids)}
        table |= {time: _times(values) for time, values in node_set.times.items()}
        table |= {feature: _column(part) for feature, part in node_set.features.items()}
        message.metadata.filename = f"nodes-{name}.parquet"
        pq.write_table(pa.table(table), folder / message.metadata.filename)
    for name, edge_set in graph.edge_sets.items():
        message = schema.edge_sets[name]
        columns_ = EdgeColumns.of(message)
        ends = graph.node_sets[edge_set.source].ids, graph.node_sets[edge_set.target].ids
        table = {
            _SOURCE: _ids(ends[0][edge_set.source_rows]),
            _TARGET: _ids(ends[1][edge_set.targets]),
        }
        kept = {"weights": ",".join(columns_.weights)} if extra(message).get("weights") else {}
        if edge_set.times is not None:
            assert columns_.time is not None
            table[columns_.time] = _times(edge_set.times)
            kept["time"] = columns_.time
        if columns_.id is not None:
            table[_ROW] = pa.array(np.arange(edge_set.num_edges))
            kept["id"] = _ROW
        table |= {feature: _column(part) for feature, part in edge_set.features.items()}
        message.ClearField("metadata")
        set_extra(message, kept)
        message.metadata.filename = f"edges-{name}.parquet"
        pq.write_table(pa.table(table), folder / message.metadata.filename)
    write_schema(schema, folder / "schema.pbtxt")
    return folder / "schema.pbtxt"


def _ids(ids: npt.NDArray[Any]) -> pa.Array:
    if ids.dtype.kind == "i":
        return pa.array(ids)
    return pa.array(ids.tolist(), pa.binary()).cast(pa.string())


def _times(times: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(np.asarray(times), mask=np.asarray(times) == NEVER)


def _column(feature: Feature) -> pa.Array:
    flat = np.ascontiguousarray(feature.flat)
    if feature.vocabulary is not None:
        words = pa.array(feature.vocabulary.tolist(), pa.binary()).cast(pa.string())
        values = words.take(pa.array(flat))
    elif flat.dtype.kind == "f":
        values = pa.array(flat, mask=np.isnan(flat))
    else:
        values = pa.array(flat)
    if isinstance(feature.values, Ragged):
        return pa.LargeListArray.from_arrays(pa.array(feature.values.splits), values)
    for size in reversed(feature.shape):
        values = pa.FixedSizeListArray.from_arrays(values, size)
    return values
