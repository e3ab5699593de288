"""Graphs from and to SciPy's sparse matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse

from tfgnn_ext.graph.datasets.graph_tables import FEATURE, dense_rows, vectors
from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.ragged import Ragged
from tfgnn_ext.graph.schema import declare_feature, new_schema

WEIGHT = "#weight"  # TF-GNN's own name.


def from_scipy(
    adjacencies: Mapping[str, tuple[str, str, Any]],
    features: Mapping[str, Any] | None = None,
    ids: Mapping[str, npt.ArrayLike] | None = None,
) -> Graph:
    """Builds a graph from adjacency matrices.

    Args:
      adjacencies: By edge set, the source and target node sets and a sparse matrix
        ``[num_sources, num_targets]``. Every stored entry that is not zero is an edge; where not
        all of them are 1, they become the feature ``#weight``.
      features: By node set, a matrix ``[num_nodes, width]``, sparse or dense: the feature ``feat``.
      ids: By node set, ``[num_nodes]`` ints or strings; default: 0, 1, ...

    Raises:
      ValueError: Matrices of one node set disagree in its size, or are none.

    >>> matrix = scipy.sparse.csr_matrix([[0, 2.5], [0, 0]])
    >>> cites = from_scipy({"cites": ("paper", "paper", matrix)}).edge_sets["cites"]
    >>> cites.targets.tolist(), cites.features["#weight"].values.tolist()
    ([1], [2.5])
    """
    features, ids = features or {}, ids or {}
    sizes: dict[str, tuple[int, str]] = {}

    def note(node_set: str, size: int, what: str) -> None:
        known, other = sizes.setdefault(node_set, (size, what))
        if known != size:
            raise ValueError(
                f"{what}: must have {known} nodes of {node_set!r}, as {other} has. Got {size}."
            )

    for name, (source, target, matrix) in adjacencies.items():
        if not scipy.sparse.issparse(matrix):
            raise ValueError(
                f"edge set {name!r}: must be a SciPy sparse matrix. Got {type(matrix).__name__}."
            )
        note(source, matrix.shape[0], f"edge set {name!r}")
        note(target, matrix.shape[1], f"edge set {name!r}")
    rows = {name: dense_rows(part, f"node set {name!r}") for name, part in features.items()}
    named = {name: np.asarray(part) for name, part in ids.items()}
    for name in (*rows, *named):
        part = rows[name] if name in rows else named[name]
        note(name, len(part), f"{'features' if name in rows else 'ids'} of {name!r}")
    schema = new_schema()
    tables: dict[str, pa.Table] = {}
    for name, (size, _) in sizes.items():
        message = schema.node_sets[name]
        message.SetInParent()
        named[name] = named.get(name, np.arange(size))
        table: dict[str, Any] = {"id": pa.array(named[name].tolist())}
        if name in rows:
            table[FEATURE] = vectors(rows[name])
            declare_feature(message, FEATURE, "DT_FLOAT", (rows[name].shape[1],))
        tables[name] = pa.table(table)
    for name, (source, target, matrix) in adjacencies.items():
        edges = schema.edge_sets[name]
        edges.source, edges.target = source, target
        found = matrix.tocoo()
        kept = found.data != 0
        table = {
            "source": pa.array(named[source][found.row[kept]].tolist(), tables[source]["id"].type),
            "target": pa.array(named[target][found.col[kept]].tolist(), tables[target]["id"].type),
        }
        weights = found.data[kept]
        if np.any(weights != 1):
            table[WEIGHT] = pa.array(weights.astype(np.float32))
            declare_feature(edges, WEIGHT, "DT_FLOAT")
        tables[name] = pa.table(table)
    return Graph.from_tables(schema, tables)


def to_scipy(graph: Graph, edge_set: str, *, weight: str | None = None) -> scipy.sparse.csr_matrix:
    """The adjacency matrix of an edge set, rows and columns in the order of the graph's nodes.

    Args:
      graph: The graph.
      edge_set: One of its edge sets.
      weight: The edge feature that entries hold; default: 1 an edge. Parallel edges add up.

    Returns:
      ``[num_sources, num_targets]``, float32.

    Raises:
      ValueError: No such edge set or feature, or the feature is not one number an edge.
    """
    if edge_set not in graph.edge_sets:
        raise ValueError(
            f"`edge_set` of `to_scipy` must be one of {', '.join(sorted(graph.edge_sets))}. "
            f"Got {edge_set!r}."
        )
    edges = graph.edge_sets[edge_set]
    values = np.ones(edges.num_edges, np.float32)
    if weight is not None:
        feature = edges.features.get(weight)
        if (
            feature is None
            or feature.vocabulary is not None
            or isinstance(feature.values, Ragged)
            or feature.shape
        ):
            raise ValueError(
                f"`weight` of `to_scipy` must be a feature of {edge_set!r} of one number an edge. "
                f"Got {weight!r}."
            )
        values = np.asarray(feature.values, np.float32)
    shape = edges.num_sources, graph.node_sets[edges.target].num_nodes
    matrix = scipy.sparse.csr_matrix((values, np.asarray(edges.targets), edges.indptr), shape=shape)
    matrix.sum_duplicates()
    return matrix
