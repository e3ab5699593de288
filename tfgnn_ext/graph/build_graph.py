"""Tables to arrays: sorted node sets, edge sets in canonical order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfgnn_ext.graph.check_graph import dtype_name
from tfgnn_ext.graph.columns import to_feature, to_ids, to_times
from tfgnn_ext.graph.edge_set import EdgeSet
from tfgnn_ext.graph.end_rows import EndRows
from tfgnn_ext.graph.feature import Feature
from tfgnn_ext.graph.node_set import NodeSet, id_keys
from tfgnn_ext.graph.schema import EdgeColumns, NodeColumns

Array = npt.NDArray[Any]


def build_node_set(message: Any, table: pa.Table) -> NodeSet:
    """A node set from its table, rows sorted by id."""
    columns = NodeColumns.of(message)
    ids = to_ids(table[columns.id])
    order = np.argsort(ids, kind="stable")
    features = {}
    for name in columns.features:
        feature = to_feature(
            table[name], dtype_name(message.features[name]), columns.known_at.get(name)
        )
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
        name: to_feature(table[name], dtype_name(message.features[name]), None)
        for name in columns.features
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


def canonical_order(
    sources: npt.NDArray[np.int64],
    targets: npt.NDArray[np.int64],
    times: npt.NDArray[np.int64] | None,
    keys: npt.NDArray[np.uint64] | None,
    features: Mapping[str, Feature],
) -> npt.NDArray[np.int64]:
    """The permutation into canonical order: by source, [time,] target, then row key.

    The row key matters only where all else ties, so a hash of the content is computed only there.

    Args:
      sources, targets: ``[num_edges]``, rows.
      times: ``[num_edges]``, or None.
      keys: ``[num_edges]``, of edge ids, or None for a hash of each row's features.
      features: Of the edges.

    >>> canonical_order(np.array([1, 0, 1]), np.array([5, 9, 2]), None, None, {})
    array([1, 2, 0])
    """
    columns = [targets, sources] if times is None else [targets, times, sources]
    order = np.lexsort(columns)
    tied = np.ones(max(len(order) - 1, 0), np.bool_)
    for column in columns:
        ordered = column[order]
        tied &= ordered[1:] == ordered[:-1]
    if not tied.any() or (keys is None and not features):
        return order  # Without features, tied rows are interchangeable.
    in_tie = np.zeros(len(order), np.bool_)
    in_tie[1:] |= tied
    in_tie[:-1] |= tied
    slots = np.flatnonzero(in_tie)
    rows = order[slots]
    tie_keys = keys[rows] if keys is not None else _content_keys(features, rows)
    # Each run of ties keeps its slots; within it rows are sorted by key.
    runs = np.cumsum(np.concatenate([[True], ~tied]))[slots]
    order[slots] = rows[np.lexsort((tie_keys, runs))]
    return order


def _content_keys(
    features: Mapping[str, Feature], rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint64]:
    """A 64-bit BLAKE2b hash of each row's features, by name; strings by their text."""
    parts: list[list[bytes]] = []
    for name in sorted(features):
        feature = features[name]
        values = feature.values[rows].reshape(len(rows), -1)
        if feature.vocabulary is None:
            parts.append([row.tobytes() for row in values])
        else:
            texts = feature.vocabulary
            parts.append([b"\0".join(texts[row].tolist()) + b"\1" for row in values])
    digests = [
        hashlib.blake2b(b"".join(pieces), digest_size=8).digest()
        for pieces in zip(*parts, strict=True)
    ]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def _permuted(feature: Feature, order: npt.NDArray[np.int64]) -> Feature:
    return Feature(feature.values[order], feature.vocabulary, feature.known_at)
