"""Arrays of a graph with one set of nodes and one of edges, as tables and their schema."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse

from tfgnn_ext.graph.schema import GraphSchema, declare_feature, new_schema

Tables = tuple[GraphSchema, dict[str, pa.Table]]
FEATURE = "feat"  # What the readers call a node's one vector of features.
Array = npt.NDArray[Any]
_MOST = 1 << 31  # Numbers of a matrix that is held whole: 8 GiB.


def graph_tables(
    features: Array | scipy.sparse.csr_matrix,
    sources: Array,
    targets: Array,
    *,
    node_set: str,
    edge_set: str,
    undirected: bool,
    name: str,
) -> Tables:
    """Tables of a graph whose nodes are numbered.

    Args:
      features: ``[num_nodes, width]``.
      sources, targets: ``[num_edges]``, node numbers.
      node_set, edge_set: What to call the sets.
      undirected: Whether to hold every edge in both directions, once each and without loops.
      name: Of the file, for errors.

    Returns:
      The schema and the two tables.

    Raises:
      ValueError: The features are no matrix of finite numbers, or an edge has no end.
    """
    rows = dense_rows(features, name)
    sources, targets = _ends(sources, name), _ends(targets, name)
    if sources.shape != targets.shape:
        raise ValueError(
            f"{name}: must have one target a source. Got {len(sources)} and {len(targets)}."
        )
    for ends in (sources, targets):
        wrong = np.flatnonzero((ends < 0) | (ends >= len(rows)))
        if len(wrong):
            raise ValueError(
                f"{name}: edges must join nodes in [0, {len(rows)}). Got {ends[wrong[0]]}."
            )
    if undirected:
        sources, targets = both_directions(sources, targets, len(rows))
    schema = new_schema()
    schema.info.graph_type = 1  # FULL
    schema.info.root_set.append(node_set)
    message = schema.node_sets[node_set]
    message.metadata.filename = f"{node_set}.parquet"
    message.metadata.cardinality = len(rows)
    declare_feature(message, FEATURE, "DT_FLOAT", (rows.shape[1],))
    edges = schema.edge_sets[edge_set]
    edges.source = edges.target = node_set
    edges.metadata.filename = f"{edge_set}.parquet"
    edges.metadata.cardinality = len(sources)
    return schema, {
        node_set: pa.table({"id": np.arange(len(rows)), FEATURE: vectors(rows)}),
        edge_set: pa.table({"source": sources, "target": targets}),
    }


def both_directions(sources: Array, targets: Array, num_nodes: int) -> tuple[Array, Array]:
    """Every edge in both directions, once each and without loops, in sorted order.

    >>> both_directions(np.array([1, 1, 2]), np.array([0, 0, 2]), 3)
    (array([0, 1]), array([1, 0]))
    """
    pairs = np.concatenate([sources * num_nodes + targets, targets * num_nodes + sources])
    pairs = np.unique(pairs)
    ends = pairs // max(num_nodes, 1), pairs % max(num_nodes, 1)
    kept = ends[0] != ends[1]
    return ends[0][kept], ends[1][kept]


def dense_rows(features: Array | scipy.sparse.csr_matrix, name: str) -> npt.NDArray[np.float32]:
    """A matrix of features as float32 ``[num_nodes, width]``."""
    shape: tuple[int, ...] = getattr(features, "shape", ())
    if len(shape) == 2 and not (shape[1] >= 1 and shape[0] * shape[1] <= _MOST):
        raise ValueError(
            f"{name}: features must have a column, and at most {_MOST} numbers. Got {shape}."
        )
    if not isinstance(features, np.ndarray) and scipy.sparse.issparse(features):
        features = features.toarray()
    if (
        not isinstance(features, np.ndarray)
        or features.ndim != 2
        or features.dtype.kind not in "biuf"
    ):
        got = getattr(features, "shape", type(features).__name__)
        raise ValueError(f"{name}: features must be a matrix of numbers. Got {got}.")
    return features.astype(np.float32)


def vectors(rows: npt.NDArray[np.float32]) -> pa.FixedSizeListArray:
    """A matrix as a column of vectors."""
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])


def _ends(ends: Any, name: str) -> Array:
    array = np.asarray(ends)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: edges must be vectors of ints. Got {array.dtype} of shape {array.shape}."
        )
    return array.astype(np.int64)
