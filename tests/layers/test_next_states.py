"""Next states and convolutions against their formulas in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tests.reference.graphs import ENDS, Batch, random_batch
from tfgnn_ext import layers
from tfgnn_ext.layers.edge_weights import edge_weight, loop_weight

ITEMS = 11


def relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0)


def weights_of(layer: tf.keras.layers.Layer) -> dict[str, np.ndarray]:
    """By the end of its name."""
    found = {"/".join(w.name.split("/")[-2:]).split(":")[0]: w.numpy() for w in layer.weights}
    assert len(found) == len(layer.weights)
    return found


def inputs(width: int = 5, message: int = 3) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    random = np.random.default_rng(width)
    draw = lambda columns: random.normal(size=(ITEMS, columns)).astype(np.float32)  # noqa: E731
    return draw(width), {"b": draw(message), "a": draw(message)}


@pytest.mark.parametrize("residual", ["none", "linear", "identity"])
@pytest.mark.parametrize("combine", ["concat", "sum"])
def test_next_state(combine: str, residual: str) -> None:
    state, messages = inputs()
    layer = layers.NextState(
        units=3, combine=combine, use_self=False, residual=residual, l2=0.1, seed=2, name="next"
    )
    found = layer((state, messages, {})).numpy()
    w = weights_of(layer)
    m = [messages["a"], messages["b"]]  # By name.
    if combine == "concat":
        parts = [state, *m] if residual == "linear" else m
        z = np.concatenate(parts, axis=1) @ w["dense/kernel"] + w["dense/bias"]
    else:
        z = m[0] + m[1] + w["next/bias"]
        if residual == "linear":
            z = z + state @ w["self/kernel"]
    expected = relu(z)
    if residual == "identity":
        expected = expected + state @ w["skip/kernel"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    squares = sum(0.1 * (k**2).sum() for name, k in w.items() if "kernel" in name)
    np.testing.assert_allclose(sum(map(float, layer.losses)), squares, rtol=1e-5)
    other = layers.NextState.from_config(layer.get_config())
    np.testing.assert_array_equal(other((state, messages, {})), found)


def test_initial_residual() -> None:
    start, messages = inputs(width=3)
    layer = layers.InitialResidual(alpha=0.3, beta=0.4, l2=0.1, seed=2)
    found = layer((start, messages, {})).numpy()
    w = weights_of(layer)
    mixed = 0.7 * (messages["a"] + messages["b"]) / 2 + 0.3 * start
    expected = relu(0.6 * mixed + 0.4 * mixed @ w["dense/kernel"])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert list(w) == ["dense/kernel"]
    np.testing.assert_allclose(layer.losses[0], 0.1 * (w["dense/kernel"] ** 2).sum(), rtol=1e-5)
    other = layers.InitialResidual.from_config(layer.get_config())
    np.testing.assert_array_equal(other((start, messages, {})), found)


@pytest.mark.parametrize("wrong", [{"beta": 1.1}, {"beta": -0.1}, {"l2": -1.0}, {"alpha": 0.0}])
def test_invalid_initial_residual(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"`{name}` of .* must be"):
        layers.InitialResidual(**{"alpha": 0.1, "beta": 0.1, **wrong})


def test_identity_needs_no_kernel_where_widths_agree() -> None:
    state, messages = inputs(width=3)
    layer = layers.NextState(units=3, residual="identity", normalization="layer", seed=2)
    found = layer((state, messages, {})).numpy()
    w = weights_of(layer)
    assert not any("skip" in name for name in w)
    z = np.concatenate([state, messages["a"], messages["b"]], axis=1) @ w["dense/kernel"]
    z = (z - z.mean(axis=1, keepdims=True)) / np.sqrt(z.var(axis=1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(found, relu(z) + state, atol=1e-5)


def test_a_context_is_read() -> None:
    state, messages = inputs()
    context = np.random.default_rng(9).normal(size=(ITEMS, 2)).astype(np.float32)
    for combine in ("concat", "sum"):
        layer = layers.NextState(units=3, combine=combine)
        before = layer((state, messages, context)).numpy()
        assert np.abs(layer((state, messages, context + 1)) - before).max() > 0.01


@pytest.mark.parametrize("shared", [True, False])
def test_gin_next_state(shared: bool) -> None:
    state, messages = inputs(width=5, message=5)
    messages = {"a": messages["a"]} if shared else messages
    layer = layers.GinNextState(units=4, seed=3)
    layer((state, messages))
    epsilon = next(w for w in layer.weights if "epsilon" in w.name)
    epsilon.assign(0.5)
    w = [each.numpy() for each in layer.weights if "epsilon" not in each.name]
    x = (
        1.5 * state + messages["a"]
        if shared
        else np.concatenate([1.5 * state, messages["a"], messages["b"]], axis=1)
    )
    expected = relu(relu(x @ w[0] + w[1]) @ w[2] + w[3])
    np.testing.assert_allclose(layer((state, messages)), expected, atol=1e-5)


def incidence(batch: Batch, name: str, tag: int) -> np.ndarray:
    """The number of edges from each sender to each receiver, float64."""
    counts = np.zeros([len(batch.states[ENDS[name][end]]) for end in (tag, 1 - tag)])
    np.add.at(counts, (batch.edges[name][tag], batch.edges[name][1 - tag]), 1)
    return counts


@pytest.mark.parametrize("degrees", ["both", "receiver"])
@pytest.mark.parametrize("direction", [("cites", 0), ("cites", 1), ("by", 1)])
def test_graph_convolution_equals_the_normalised_adjacency(
    direction: tuple[str, int], degrees: str
) -> None:
    batch = random_batch(4, components=3)
    name, tag = direction
    edge_set = name if tag == 0 else f"{name}@target"
    graph = layers.EdgeWeights([direction], degrees=degrees)(batch.graph())
    loops = ENDS[name][0] == ENDS[name][1]
    if tag:  # As the updates name it.
        graph = tfgnn.GraphTensor.from_pieces(
            graph.context, graph.node_sets, {edge_set: graph.edge_sets[name]}
        )
    assert edge_weight(tag) in graph.edge_sets[edge_set].features
    found = layers.WeightedSum(receiver_tag=tag, loops=loops)(graph, edge_set_name=edge_set)
    adjacency = incidence(batch, name, tag)
    if loops:
        assert loop_weight(edge_set) in graph.node_sets[ENDS[name][tag]].features
        adjacency += np.eye(len(adjacency))
    receiver = np.maximum(adjacency.sum(axis=1, keepdims=True), 1)
    sender = np.maximum(adjacency.sum(axis=0, keepdims=True), 1)
    norm = receiver if degrees == "receiver" else np.sqrt(receiver * sender)
    expected = adjacency / norm @ batch.states[ENDS[name][1 - tag]]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_basis_convolution() -> None:
    batch = random_batch(4, components=3)
    pool = layers.PoolNeighbors(receiver_tag=0)
    bases = layers.Bases(number=2, units=4, seed=1)
    convs = {
        name: layers.BasisConv(pool, bases, seed=s) for s, name in enumerate(("cites", "wrote"))
    }
    for name, conv in convs.items():
        found = conv(batch.graph(), edge_set_name=name)
        counts = incidence(batch, name, 0)
        mean = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        (a,) = (w.numpy() for w in conv.weights if "coefficients" in w.name)
        kernel = a[0] * bases.kernels.numpy()[0] + a[1] * bases.kernels.numpy()[1]
        expected = mean @ batch.states["paper"] @ kernel
        np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(ValueError, match="`num_bases` of `rgcn` must be 0 where"):
        layers.BasisConv(pool, bases)(batch.graph(), edge_set_name="by")


@pytest.mark.parametrize("padded", [False, True])
def test_dropped_edges(padded: bool) -> None:
    totals = {"paper": 61, "author": 31}, {"cites": 401, "by": 153, "wrote": 147}
    batch = random_batch(2, components=4, density=9.0)
    graph = (batch.padded(*totals) if padded else batch).graph()
    layer = layers.DropEdges(rate=0.3, padded=padded, seed=5)
    assert layer(graph, training=False) is graph
    kept_each = []
    for _ in range(2):
        dropped = layer(graph, training=True)
        for name, pairs in batch.edges.items():
            part = dropped.edge_sets[name]
            left = np.stack([part.adjacency.source, part.adjacency.target])
            last = [graph.node_sets[end].spec.total_size for end in ENDS[name]]
            if padded:
                # Dropped edges join the last nodes; the others stay in place.
                real = pairs.shape[1]
                kept = (left[:, :real] == pairs).all(axis=0)
                assert (left[:, :real][:, ~kept] == np.array(last)[:, None] - 1).all()
                np.testing.assert_array_equal(part.sizes, graph.edge_sets[name].sizes)
            else:
                # What is left is a part of what was, in order, with its features.
                features = part[tfgnn.HIDDEN_STATE].numpy()
                kept = np.isin(batch.edge_states[name][:, 0], features[:, 0])
                np.testing.assert_array_equal(batch.edge_states[name][kept], features)
                np.testing.assert_array_equal(pairs[:, kept], left)
                assert part.sizes.numpy().sum() == kept.sum()
            if name == "cites":
                kept_each.append(kept)
    # Five standard deviations of a binomial share; another draw at each step.
    count = kept_each[0].size
    assert count > 100
    for kept in kept_each:
        assert abs(kept.mean() - 0.7) < 5 * (0.21 / count) ** 0.5
    assert (kept_each[0] != kept_each[1]).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.NextState(units=1, combine="mean"), "`combine` of `NextState` must be"),
        (lambda: layers.NextState(units=1, residual="yes"), "`residual` of `NextState` must be"),
        (lambda: layers.GinNextState(units=1, residual="linear"), "must be one of none, identity"),
        (lambda: layers.DropEdges(rate=1.0, padded=False), r"`rate` of `DropEdges` must be in \[0"),
        (lambda: layers.EdgeWeights([], degrees="sender"), "must be one of both, receiver"),
        (
            lambda: layers.HgtUpdate(receiver_tags={}, num_heads=1, units=2, normalization="batch"),
            "`normalization` of `HgtUpdate` must be one of none, layer",
        ),
    ],
)
def test_invalid_arguments(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
