"""Tables to arrays: sorted node sets, edge sets in canonical order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfgnn_ext.graph.canonical_order import canonical_order
from tfgnn_ext.graph.check_columns import dtype_name
from tfgnn_ext.graph.columns import to_feature, to_ids, to_times
from tfgnn_ext.graph.edge_set import EdgeSet
from tfgnn_ext.graph.end_rows import EndRows
from tfgnn_ext.graph.feature import Feature
from tfgnn_ext.graph.node_set import NodeSet, id_keys
from tfgnn_ext.graph.schema import EdgeColumns, NodeColumns, feature_shape

Array = npt.NDArray[Any]


def build_node_set(message: Any, table: pa.Table) -> NodeSet:
    """A node set from its table, rows sorted by id."""
    columns = NodeColumns.of(message)
    ids = to_ids(table[columns.id])
    order = np.argsort(ids, kind="stable")
    features = {}
    for name in columns.features:
        declared = message.features[name]
        known_at = columns.known_at.get(name)
        feature = to_feature(table[name], dtype_name(declared), feature_shape(declared), known_at)
        features[name] = _permuted(feature, order)
    times = {name: to_times(table[name])[order] for name in columns.times}
    return NodeSet(ids[order], features, times)


def build_edge_set(message: Any, table: pa.Table, ends: EndRows, num_sources: int) -> EdgeSet:
    """An edge set from its table, in canonical order.

    A row with a null end makes no edge (`check_graph` allows it in `optional` columns only). A null
    time is `NEVER`.
    """
    columns = EdgeColumns.of(message)
    sources = ends.rows(table, columns.source, message.source)
    targets = ends.rows(table, columns.target, message.target)
    times = None if columns.time is None else to_times(table[columns.time])
    real = (sources >= 0) & (targets >= 0)
    if not real.all():
        kept = np.flatnonzero(real)
        table = table.select([*columns.features, *([] if columns.id is None else [columns.id])])
        table = table.take(pa.array(kept))
        sources, targets = sources[kept], targets[kept]
        times = None if times is None else times[kept]
    features = {
        name: to_feature(table[name], dtype_name(declared), feature_shape(declared))
        for name, declared in ((name, message.features[name]) for name in columns.features)
    }
    keys = None if columns.id is None else id_keys(to_ids(table[columns.id]))
    order = canonical_order(sources, targets, times, keys, features)
    counts = np.bincount(sources, minlength=num_sources)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return EdgeSet(
        message.source,
        message.target,
        indptr,
        targets[order].astype(np.int32),
        None if times is None else times[order],
        {name: _permuted(feature, order) for name, feature in features.items()},
    )


def _permuted(feature: Feature, order: npt.NDArray[np.int64]) -> Feature:
    return Feature(feature.values[order], feature.vocabulary, feature.known_at)
