"""A graph as tables again, in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfgnn_ext.graph.feature import NEVER, Feature
from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.ragged import Ragged
from tfgnn_ext.graph.schema import (
    EdgeColumns,
    GraphSchema,
    NodeColumns,
    extra,
    new_schema,
    set_extra,
)

_SOURCE, _TARGET, _ROW = "source", "target", "row"


def to_tables(graph: Graph) -> tuple[GraphSchema, dict[str, pa.Table]]:
    """One table a set, and their schema.

    What `Graph.from_tables` makes of them is the same graph: rows, canonical order and all. A
    reversed edge set gets a table of its own; an edge set with edge ids gets its rows' numbers as
    ids.
    """
    schema = new_schema()
    schema.CopyFrom(graph.schema)
    tables = {}
    for name, node_set in graph.node_sets.items():
        columns = NodeColumns.of(schema.node_sets[name])
        table = {columns.id: ids_column(node_set.ids)}
        table |= {time: _times(values) for time, values in node_set.times.items()}
        table |= {feature: feature_column(part) for feature, part in node_set.features.items()}
        tables[name] = pa.table(table)
    for name, edge_set in graph.edge_sets.items():
        message = schema.edge_sets[name]
        columns_ = EdgeColumns.of(message)
        ends = graph.node_sets[edge_set.source].ids, graph.node_sets[edge_set.target].ids
        table = {
            _SOURCE: ids_column(ends[0][edge_set.source_rows]),
            _TARGET: ids_column(ends[1][edge_set.targets]),
        }
        kept = {"weights": ",".join(columns_.weights)} if extra(message).get("weights") else {}
        if edge_set.times is not None:
            assert columns_.time is not None
            table[columns_.time] = _times(edge_set.times)
            kept["time"] = columns_.time
        if columns_.id is not None:
            table[_ROW] = pa.array(np.arange(edge_set.num_edges))
            kept["id"] = _ROW
        table |= {feature: feature_column(part) for feature, part in edge_set.features.items()}
        message.ClearField("metadata")
        set_extra(message, kept)
        tables[name] = pa.table(table)
    return schema, tables


def ids_column(ids: npt.NDArray[Any]) -> pa.Array:
    """Ids as their user wrote them: ints or strings."""
    if ids.dtype.kind == "i":
        return pa.array(ids)
    return pa.array(ids.tolist(), pa.binary()).cast(pa.string())


def _times(times: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(np.asarray(times), mask=np.asarray(times) == NEVER)


def feature_column(feature: Feature) -> pa.Array:
    """A feature as a column: missing numbers are null, strings are strings."""
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
