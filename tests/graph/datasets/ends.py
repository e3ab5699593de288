"""The edges of a graph by ids, which tests of readers compare."""

from __future__ import annotations

from tfgnn_ext.graph import Graph


def ends(graph: Graph, edge_set: str) -> list[tuple[int, int]]:
    edges = graph.edge_sets[edge_set]
    source, target = graph.node_sets[edges.source].ids, graph.node_sets[edges.target].ids
    return list(
        zip(source[edges.source_rows].tolist(), target[edges.targets].tolist(), strict=True)
    )
