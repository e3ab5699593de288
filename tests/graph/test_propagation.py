from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tfgnn_ext.graph import EdgeSet, Feature, Graph, NodeSet, Seeds, new_schema
from tfgnn_ext.graph.propagation import propagate_features, propagate_labels

PAPERS, AUTHORS = 13, 5
PATHS = ("by", "cites", "by>wrote", "cites>by", "cites>cites")


def dense(edges: EdgeSet, targets: int) -> np.ndarray:
    """The row-normalised adjacency in float64."""
    matrix = np.zeros((edges.num_sources, targets))
    for source, target in zip(edges.source_rows, edges.targets, strict=True):
        matrix[source, target] += 1
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


def random_graph(seed: int) -> tuple[Graph, Seeds]:
    random = np.random.default_rng(seed)
    schema = new_schema()
    sizes = {"paper": PAPERS, "author": AUTHORS}
    edge_sets = {}
    for name, ends in {
        "by": ("paper", "author"), "wrote": ("author", "paper"), "cites": ("paper", "paper")
    }.items():  # fmt: skip
        schema.edge_sets[name].source, schema.edge_sets[name].target = ends
        sources = np.sort(random.integers(0, sizes[ends[0]], 29))
        indptr = np.searchsorted(sources, np.arange(sizes[ends[0]] + 1))
        targets = random.integers(0, sizes[ends[1]], 29).astype(np.int32)
        edge_sets[name] = EdgeSet(*ends, indptr, targets)
    words = random.normal(size=(PAPERS, 3)).astype(np.float32)
    words[2, 1] = np.nan
    field = Feature(random.integers(0, 3, AUTHORS).astype(np.int32), np.array([b"", b"ML", b"PL"]))
    node_sets = {
        "paper": NodeSet(np.arange(PAPERS), {"words": Feature(words)}),
        "author": NodeSet(np.arange(AUTHORS), {"field": field}),
    }
    rows = random.permutation(PAPERS).astype(np.int32)
    seeds = Seeds(
        node_set="paper",
        rows=rows,
        times=None,
        labels=random.integers(0, 2, PAPERS).astype(np.int32),
        classes=("a", "b"),
        splits=np.array([0] * 7 + [1] * 3 + [2] * 3, np.int8),
        ids=rows,
    )
    return Graph(schema, node_sets, edge_sets), seeds


@pytest.mark.parametrize("seed", range(3))
def test_features_equal_dense_products(seed: int) -> None:
    graph, _ = random_graph(seed)
    wide = propagate_features(graph, "paper", hops=2)
    words = graph.node_sets["paper"].features["words"].values.astype(np.float64)
    words = np.where(np.isnan(words), np.nanmean(words, axis=0), words)
    ends = {
        "paper": words,
        "author": np.eye(3)[graph.node_sets["author"].features["field"].values][:, 1:],
    }
    found = wide.node_sets["paper"].features
    assert set(found) == {"words", *(f"via:{path}" for path in PATHS)}
    for path in PATHS:
        names = path.split(">")
        expected = ends[graph.edge_sets[names[-1]].target]
        for name in reversed(names):
            edges = graph.edge_sets[name]
            expected = dense(edges, graph.node_sets[edges.target].num_nodes) @ expected
        np.testing.assert_allclose(found[f"via:{path}"].values, expected, atol=1e-6)
        dims = wide.schema.node_sets["paper"].features[f"via:{path}"].shape.dim
        assert [dim.size for dim in dims] == [expected.shape[1]]
    assert graph.node_sets["paper"].features.keys() == {"words"}


@pytest.mark.parametrize("seed", range(3))
def test_labels_equal_dense_products_without_a_diagonal(seed: int) -> None:
    graph, seeds = random_graph(seed)
    found = propagate_labels(graph, seeds, hops=2).node_sets["paper"].features
    labels = np.zeros((PAPERS, 2))
    labels[seeds.rows[:7], seeds.labels[:7]] = 1
    for path in ("cites", "by>wrote", "cites>cites"):
        product = np.eye(PAPERS)
        for name in path.split(">"):
            edges = graph.edge_sets[name]
            product = product @ dense(edges, graph.node_sets[edges.target].num_nodes)
        np.fill_diagonal(product, 0)
        np.testing.assert_allclose(found[f"labels:{path}"].values, product @ labels, atol=1e-6)


def test_no_node_sees_its_own_label_nor_one_of_another_split() -> None:
    graph, seeds = random_graph(5)
    before = propagate_labels(graph, seeds, hops=3).node_sets["paper"].features
    others = 0
    for position, row in enumerate(seeds.rows):
        flipped = seeds.labels.copy()
        flipped[position] = 1 - flipped[position]
        changed = dataclasses.replace(seeds, labels=flipped)
        after = propagate_labels(graph, changed, hops=3).node_sets["paper"].features
        for name in before:
            moved = (before[name].values != after[name].values).any(axis=-1)
            if name.startswith("labels:"):
                assert not moved[row]
                assert position < 7 or not moved.any()
                others += moved.sum()
    # The control: labels do arrive elsewhere.
    assert others > 20


def test_refusals() -> None:
    graph, seeds = random_graph(0)
    with pytest.raises(ValueError, match="`hops` of `propagate_features` must be an int >= 1"):
        propagate_features(graph, "paper", hops=0)
    with pytest.raises(ValueError, match="`node_set` of `propagate_features` must be one of"):
        propagate_features(graph, "venue", hops=1)
    with pytest.raises(ValueError, match="Got likes"):
        propagate_features(graph, "paper", hops=1, edge_sets=["likes"])
    with pytest.raises(ValueError, match="leads from 'paper' back to it. Got 1"):
        propagate_labels(graph, seeds, hops=1, edge_sets=["by", "wrote"])
    when = np.zeros(29, np.int64)
    timed = dataclasses.replace(graph.edge_sets["cites"], times=when)
    graph = dataclasses.replace(graph, edge_sets={**graph.edge_sets, "cites": timed})
    with pytest.raises(ValueError, match="must be the same at all times"):
        propagate_features(graph, "paper", hops=1)
