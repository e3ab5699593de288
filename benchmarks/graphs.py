"""Random graphs of a given size, built straight as arrays."""

from __future__ import annotations

import numpy as np

from tfgnn_ext.graph import EdgeSet, Feature, Graph, NodeSet, new_schema
from tfgnn_ext.graph.schema import declare_feature


def random_edges(
    random: np.random.Generator,
    num_nodes: int,
    num_edges: int,
    *,
    hub: int = 0,
    timed: bool = False,
    weighted: bool = False,
) -> EdgeSet:
    """Uniform random edges; `hub` of them leave node 0, and as many others lead to it."""
    sources = random.integers(0, num_nodes, num_edges)
    targets = random.integers(0, num_nodes, num_edges).astype(np.int32)
    if hub:
        sources[:hub] = 0
        targets[hub : 2 * hub] = 0
    times = random.integers(0, 1000, num_edges) if timed else None
    order = np.lexsort((targets, sources) if times is None else (targets, times, sources))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=num_nodes))])
    features = {}
    if weighted:
        features["weight"] = Feature(random.exponential(1, num_edges).astype(np.float32))
    return EdgeSet(
        "n",
        "n",
        indptr.astype(np.int64),
        targets[order],
        None if times is None else times[order],
        features,
    )


def random_graph(
    edge_sets: dict[str, EdgeSet], num_nodes: int, *, num_features: int = 0, seed: int = 0
) -> Graph:
    """One node set `n` with a float feature `x` of `num_features` numbers."""
    schema = new_schema()
    features = {}
    schema.node_sets["n"].SetInParent()
    if num_features:
        values = np.random.default_rng(seed).normal(size=(num_nodes, num_features))
        features["x"] = Feature(values.astype(np.float32))
        declare_feature(schema.node_sets["n"], "x", "DT_FLOAT", (num_features,))
    for name in edge_sets:
        schema.edge_sets[name].source = schema.edge_sets[name].target = "n"
    return Graph(schema, {"n": NodeSet(np.arange(num_nodes), features)}, edge_sets)
