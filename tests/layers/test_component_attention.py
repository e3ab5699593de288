"""Attention of a GraphTensor's components, alone and beside a convolution."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tests.layers.attention_graphs import A_SIZES, B_SIZES, WIDTH, attention_graph
from tfgnn_ext.layers import ComponentAttention, ParallelUpdate, PoolNeighbors

UNITS, HEADS = 6, 2
# The component of each node, set after set; the last one is padding.
OWNERS = np.concatenate([np.repeat(np.arange(4), sizes) for sizes in (A_SIZES, B_SIZES)])
NODES_OF_A = sum(A_SIZES)
KINDS: list[dict[str, Any]] = [
    {"kind": "softmax"},
    {"kind": "polynomial", "degree": 8},
    {"kind": "sketch"},
    {"kind": "sketch", "sketch": "srht", "degree": 4},
    {"kind": "exact2"},
    {"kind": "hyper", "min_component_size": 4, "num_samples": 3},
]


def attention(**options: Any) -> ComponentAttention:
    shared = {"units": UNITS, "num_heads": HEADS, "node_sets": ["a", "b"], "r": 4, "seed": 3}
    return ComponentAttention(
        **{**shared, "edge_sets": ["a_to_b"], "padded": True, "block_size": 4, **options}
    )


def parallel(**options: Any) -> ParallelUpdate:
    local = tfgnn.keras.layers.GraphUpdate(
        node_sets={
            "b": tfgnn.keras.layers.NodeSetUpdate(
                {"a_to_b": PoolNeighbors(receiver_tag=tfgnn.TARGET)},
                tfgnn.keras.layers.NextStateFromConcat(
                    tf.keras.layers.Dense(
                        UNITS, kernel_initializer=tf.keras.initializers.GlorotUniform(5)
                    )
                ),
            )
        }
    )
    return ParallelUpdate(local=local, attention=attention(), node_sets=["b"], **options)


def states(graph: Any) -> tf.Tensor:
    """Those of "a", then those of "b"."""
    return tf.concat([graph.node_sets[name][tfgnn.HIDDEN_STATE] for name in ("a", "b")], axis=0)


def rows(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(OWNERS), WIDTH))


def graph_of(values: np.ndarray, dtype: Any = tf.float32) -> Any:
    return attention_graph(0, a=values[:NODES_OF_A], b=values[NODES_OF_A:], dtype=dtype)


@pytest.mark.parametrize("options", KINDS)
def test_config_and_saving(options: dict[str, Any], tmp_path: Any) -> None:
    graph = attention_graph(1)
    layer = attention(**options)
    expected = states(layer(graph))
    assert expected.shape == (len(OWNERS), UNITS)
    again = ComponentAttention.from_config(json.loads(json.dumps(layer.get_config())))
    assert json.dumps(again.get_config()) == json.dumps(layer.get_config())
    np.testing.assert_array_equal(states(again(graph)), expected)
    assert [w.name for w in again.weights] == [w.name for w in layer.weights]
    inputs = tf.keras.layers.Input(type_spec=graph.spec)
    model = tf.keras.Model(inputs, layer(inputs))
    model.save_weights(tmp_path / "weights")
    other = attention(**{**options, "seed": 4})
    reloaded = tf.keras.Model(inputs, other(inputs))
    assert np.abs(states(reloaded(graph)) - expected).max() > 1e-3
    reloaded.load_weights(tmp_path / "weights").expect_partial()
    # The seed of samples is a setting, not a weight.
    if options["kind"] != "hyper":
        np.testing.assert_allclose(states(reloaded(graph)), expected, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("options", KINDS)
def test_mixed_precision(options: dict[str, Any], policy: str) -> None:
    exact = states(attention(**options)(attention_graph(1)))
    layer = attention(**options, dtype=policy)
    found = states(layer(attention_graph(1)))
    assert found.dtype == policy.removeprefix("mixed_")
    assert all(weight.dtype == tf.float32 for weight in layer.weights)
    assert np.isfinite(tf.cast(found, tf.float32)).all()
    if options["kind"] != "hyper":  # A hash may fall on the other side of its hyperplane.
        np.testing.assert_allclose(tf.cast(found, tf.float32), exact, atol=0.1, rtol=0.1)


@pytest.mark.parametrize("options", KINDS)
def test_components_are_worlds_of_their_own(options: dict[str, Any]) -> None:
    """What changes in one is felt by all of its nodes, in both sets, and nowhere else."""
    layer = attention(**options, dtype="float64")
    before = rows(2)
    found = states(layer(graph_of(before, tf.float64))).numpy()
    for component in range(4):
        changed = before.copy()
        first = np.flatnonzero(component == OWNERS)[0]
        changed[first] += 2.0
        after = states(layer(graph_of(changed, tf.float64))).numpy()
        moved = np.abs(after - found).max(axis=1)
        np.testing.assert_array_equal(moved[component != OWNERS], 0.0)
        if component == 3:  # Padding: nothing comes of it.
            assert moved.max() == 0
        elif options["kind"] != "hyper":  # Which does not meet every node.
            assert moved[component == OWNERS].min() > 1e-9


@pytest.mark.parametrize("options", KINDS[:-1])
def test_nodes_of_a_component_are_alike(options: dict[str, Any]) -> None:
    """Without edges, nodes that change places within a component of a set change results."""
    layer = attention(**options, edge_sets=[])
    order = np.arange(len(OWNERS))
    order[[3, 4, 5, 6]] = [5, 3, 6, 4]
    order[NODES_OF_A + 2 : NODES_OF_A + 7] = NODES_OF_A + np.array([6, 2, 4, 5, 3])
    found, moved = (states(layer(graph_of(x))).numpy() for x in (rows(2), rows(2)[order]))
    np.testing.assert_allclose(moved, found[order], atol=1e-5)


@pytest.mark.parametrize("options", [*KINDS[:-1], {"kind": "softmax", "edge_sets": []}])
def test_gradients(options: dict[str, Any]) -> None:
    """Equal to finite differences, in float64 and for all weights and inputs at once."""
    layer = attention(**options, dtype="float64")
    layer(graph_of(rows(2), tf.float64))
    weights = layer.trainable_weights
    random = np.random.default_rng(0)
    around = [weight.numpy() for weight in weights] + [rows(2)]
    along = [random.normal(size=value.shape) for value in around]

    def loss(values: Any) -> tf.Tensor:
        for weight, value in zip(weights, values, strict=False):
            weight.assign(value)
        found = states(layer(graph_of(values[-1], tf.float64)))
        return tf.reduce_sum(found * tf.sin(tf.range(UNITS, dtype=tf.float64)))

    step = 1e-5
    ahead, behind = (
        loss([a + sign * step * d for a, d in zip(around, along, strict=True)]) for sign in (1, -1)
    )
    inputs = tf.constant(around[-1])
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = loss([*around[:-1], inputs])
    gradients = tape.gradient(outputs, [*weights, inputs])
    found = sum(float(tf.reduce_sum(g * d)) for g, d in zip(gradients, along, strict=True))
    np.testing.assert_allclose(found, (ahead - behind) / (2 * step), rtol=1e-5)
    for weight, gradient in zip(weights, gradients, strict=False):
        # A bias of keys moves all scores of a query alike, which softmax does not see.
        if not (options["kind"] == "softmax" and "key/bias" in weight.name):
            assert np.abs(gradient).max() > 1e-12, weight.name


def test_edges_against_loops() -> None:
    """``w_ij / D_i`` of softmax, once more for each edge in both directions, times its gain."""
    layer = attention(kind="softmax", dtype="float64")
    values = rows(2)
    graph = graph_of(values, tf.float64)
    found = states(layer(graph)).numpy()
    weights = {w.name.rsplit("attention", 1)[-1].split("/", 1)[1]: w.numpy() for w in layer.weights}
    of_set = (np.arange(len(OWNERS)) >= NODES_OF_A).astype(int)
    q, k, v = (
        (values @ weights[f"{name}/kernel:0"] + weights[f"{name}/bias:0"]).reshape(-1, HEADS, 3)
        + weights["embeddings:0"][of_set, index].reshape(-1, HEADS, 3)
        for index, name in enumerate(("query", "key", "value"))
    )
    gain = np.log1p(np.exp(weights["edge_weights:0"][0]))
    adjacency = graph.edge_sets["a_to_b"].adjacency
    ends = zip(adjacency.source.numpy(), adjacency.target.numpy(), strict=True)
    edges = {(int(i), int(j) + NODES_OF_A) for i, j in ends}
    expected = np.zeros([len(OWNERS), HEADS, 3])
    for i in np.flatnonzero(OWNERS < 3):
        for h in range(HEADS):
            mine = np.flatnonzero(OWNERS[i] == OWNERS)
            weight = np.exp(k[mine, h] @ q[i, h] * 3**-0.5)
            share = weight / weight.sum()
            near = [gain[h] * ((i, j) in edges or (j, i) in edges) for j in mine]
            share = share * (1 + np.array(near))
            expected[i, h] = share @ v[mine, h] / share.sum()
    mine = OWNERS < 3
    np.testing.assert_allclose(found[mine], expected.reshape(-1, UNITS)[mine], atol=1e-10)
    # Without edges the result is another one.
    other = attention(kind="softmax", dtype="float64", edge_sets=[])
    assert np.abs(states(other(graph)).numpy() - found)[mine].max() > 1e-3


def test_parallel_update() -> None:
    """``norm(local + dense(attention))``, for the node sets that the convolution updates."""
    graph = attention_graph(1)
    layer = parallel(seed=7)
    found = layer(graph)
    np.testing.assert_array_equal(
        found.node_sets["a"][tfgnn.HIDDEN_STATE], graph.node_sets["a"][tfgnn.HIDDEN_STATE]
    )
    config = layer.get_config()
    near, far = (
        config[part](graph).node_sets["b"][tfgnn.HIDDEN_STATE] for part in ("local", "attention")
    )
    kernel, bias = (w for w in layer.weights if "project" in w.name)
    total = (near + far @ kernel + bias).numpy()
    centred = total - total.mean(axis=1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(found.node_sets["b"][tfgnn.HIDDEN_STATE], expected, atol=1e-5)


def test_parallel_update_config_and_training() -> None:
    graph = attention_graph(1)
    layer = parallel(dropout=0.3, l2=0.01, seed=7)
    expected = layer(graph).node_sets["b"][tfgnn.HIDDEN_STATE]
    # Its parts are objects in the config, as in TF-GNN's updates: the copy shares them.
    again = ParallelUpdate.from_config(layer.get_config())
    np.testing.assert_array_equal(again(graph).node_sets["b"][tfgnn.HIDDEN_STATE], expected)
    assert again.get_config() == layer.get_config()
    # A step of training is random, regularised, and moves every weight that its loss sees.
    with tf.GradientTape() as tape:
        other = layer(graph, training=True).node_sets["b"][tfgnn.HIDDEN_STATE]
        loss = tf.reduce_sum(other * tf.range(UNITS, dtype=tf.float32)) + tf.add_n(layer.losses)
    assert np.abs(other - expected).max() > 1e-3
    assert len(layer.losses) == 1
    for weight, gradient in zip(
        layer.trainable_weights, tape.gradient(loss, layer.trainable_weights), strict=True
    ):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "linear"}, "`kind` of `ComponentAttention` must be one of softmax"),
        ({"units": 7}, "`units` of `ComponentAttention` must be a multiple of `num_heads` = 2"),
        ({"node_sets": []}, "`node_sets` of `ComponentAttention` must name a node set. Got none"),
        ({"kind": "sketch", "r": 6}, "`r` of `SketchFeatures` must be a multiple of 4"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attention(**options)


def test_one_node_set_needs_no_embedding() -> None:
    layer = attention(node_sets=["a"], edge_sets=[])
    layer(attention_graph(1))
    assert not any("embeddings" in weight.name for weight in layer.weights)
