"""A graph written as tables is the same graph when it is read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.sampling.graphs import shop
from tfgnn_ext.graph import Graph, Ragged, parse_schema
from tfgnn_ext.graph.write_tables import write_tables


def same(one: Graph, other: Graph) -> None:
    for name, nodes in one.node_sets.items():
        assert nodes.ids.tolist() == other.node_sets[name].ids.tolist()
        for time, values in nodes.times.items():
            assert np.array_equal(values, other.node_sets[name].times[time])
    for name, edges in one.edge_sets.items():
        found = other.edge_sets[name]
        assert np.array_equal(edges.indptr, found.indptr)
        assert np.array_equal(edges.targets, found.targets)
        assert (edges.times is None) == (found.times is None)
        assert edges.times is None or np.array_equal(edges.times, found.times)
    for sets, others in ((one.node_sets, other.node_sets), (one.edge_sets, other.edge_sets)):
        for name, part in sets.items():
            for feature, found in part.features.items():
                read = others[name].features[feature]
                assert found.known_at == read.known_at
                if isinstance(found.values, Ragged):
                    assert found.values.splits.tolist() == read.values.splits.tolist()
                if found.vocabulary is None:
                    assert np.array_equal(found.flat, read.flat, equal_nan=True)
                else:
                    words = found.vocabulary[found.flat], read.vocabulary[read.flat]
                    assert words[0].tolist() == words[1].tolist()


def test_features_times_and_reversed_edges_come_back(tmp_path: Path) -> None:
    graph = shop(3)
    same(graph, Graph.read(write_tables(graph, tmp_path)))


def test_edge_ids_keep_the_order_of_edges_that_tie(tmp_path: Path) -> None:
    schema = parse_schema("""
      node_sets { key: "n" value { features { key: "x" value { dtype: DT_STRING
        shape { dim { size: -1 } } } } } }
      edge_sets { key: "e" value { source: "n" target: "n"
        features { key: "w" value { dtype: DT_FLOAT shape {} } }
        metadata { extra { key: "id" value: "key" } } } }
    """)
    edges = {"source": [1, 1, 1], "target": [2, 2, 2], "key": [9, 4, 7], "w": [0.9, 0.4, 0.7]}
    nodes = pa.table({"id": [1, 2], "x": [["b", None], []]})
    graph = Graph.from_tables(schema, {"n": nodes, "e": pa.table(edges)})
    read = Graph.read(write_tables(graph, tmp_path))
    same(graph, read)
    assert read.edge_sets["e"].features["w"].values.round(1).tolist() == [
        np.float32(w).round(1) for w in (0.4, 0.7, 0.9)
    ]
