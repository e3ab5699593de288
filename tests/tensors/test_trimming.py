from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn
from tensorflow_gnn.models import gat_v2, graph_sage, multi_head_attention
from tensorflow_gnn.models.mt_albis import layers as mt_albis

from tests.reference.graphs import ENDS, Batch, random_batch
from tests.reference.rounds import reference_rounds
from tests.tensors.test_rounds import DIRECTIONS
from tfgnn_ext.tensors.fits_budget import fits_budget
from tfgnn_ext.tensors.rounds import Direction
from tfgnn_ext.tensors.size_budget import SizeBudget, fit_size_budget
from tfgnn_ext.tensors.trimming import (
    ROUNDS,
    edge_set_name,
    keep_seeds,
    start_trimming,
    trim_to_receivers,
)

NODE_TOTALS = {"paper": 61, "author": 31}
EDGE_TOTALS = {"cites": 101, "by": 53, "wrote": 47}
Updates = list[tf.keras.layers.Layer]


def simple(units: int, tag: int) -> tf.keras.layers.Layer:
    return tfgnn.keras.layers.SimpleConv(
        tf.keras.layers.Dense(units, "tanh"),
        "mean",
        receiver_tag=tag,
        receiver_feature=tfgnn.HIDDEN_STATE,
        sender_edge_feature=tfgnn.HIDDEN_STATE,
    )


def attention(units: int, tag: int) -> tf.keras.layers.Layer:
    return gat_v2.GATv2Conv(
        num_heads=2,
        per_head_channels=units,
        receiver_tag=tag,
        sender_edge_feature=tfgnn.HIDDEN_STATE,
    )


def albis(units: int, tag: int) -> tf.keras.layers.Layer:
    return mt_albis.MtAlbisSimpleConv(
        units, receiver_tag=tag, reduce_type="mean|max", edge_feature_name=tfgnn.HIDDEN_STATE
    )


def dot_products(units: int, tag: int) -> tf.keras.layers.Layer:
    return multi_head_attention.MultiHeadAttentionConv(
        num_heads=2,
        per_head_channels=units,
        receiver_tag=tag,
        sender_edge_feature=tfgnn.HIDDEN_STATE,
    )


def sage(units: int, tag: int) -> tf.keras.layers.Layer:
    return graph_sage.GraphSAGEAggregatorConv(units=units, receiver_tag=tag)


def sage_pooling(units: int, tag: int) -> tf.keras.layers.Layer:
    return graph_sage.GraphSAGEPoolingConv(units=units, hidden_units=5, receiver_tag=tag)


# `HGTGraphUpdate` is tested by its template, `GCNConv` is refused.
CONVOLUTIONS = {
    "simple": simple,
    "gat_v2": attention,
    "mt_albis": albis,
    "multi_head_attention": dot_products,
    "sage": sage,
    "sage_pooling": sage_pooling,
}


def make_updates(
    convolution: Callable[[int, int], tf.keras.layers.Layer],
    directions: list[Direction],
    num_layers: int,
) -> Updates:
    tf.keras.utils.set_random_seed(1)
    updates = []
    for _ in range(num_layers):
        convs: dict[str, dict[str, tf.keras.layers.Layer]] = {}
        for direction in directions:
            receiver = ENDS[direction[0]][direction[1]]
            convs.setdefault(receiver, {})[edge_set_name(direction)] = convolution(4, direction[1])
        updates.append(
            tfgnn.keras.layers.GraphUpdate(
                node_sets={
                    name: tfgnn.keras.layers.NodeSetUpdate(
                        inputs,
                        tfgnn.keras.layers.NextStateFromConcat(tf.keras.layers.Dense(7, "tanh")),
                    )
                    for name, inputs in convs.items()
                }
            )
        )
    return updates


def whole(graph: tfgnn.GraphTensor, updates: Updates, directions: list[Direction]) -> tf.Tensor:
    """The updates on the whole graph, by TF-GNN alone; each direction is an edge set."""
    edge_sets = {
        edge_set_name(direction): graph.edge_sets[direction[0]] for direction in directions
    }
    graph = tfgnn.GraphTensor.from_pieces(graph.context, graph.node_sets, edge_sets)
    for update in updates:
        graph = update(graph)
    return tfgnn.keras.layers.ReadoutFirstNode(
        node_set_name="paper", feature_name=tfgnn.HIDDEN_STATE
    )(graph)


def trimmed(
    graph: tfgnn.GraphTensor,
    updates: Updates,
    directions: list[Direction],
    *,
    budget: SizeBudget | None = None,
    padded: bool = False,
    labels: dict[str, np.ndarray] | None = None,
    fits: np.ndarray | None = None,
) -> tf.Tensor:
    graph = start_trimming(graph, len(updates), "paper", directions, padded=padded, fits=fits)
    if labels is not None:
        graph = graph.replace_features(
            node_sets={
                name: {**part.features, ROUNDS: tf.constant(labels[name])}
                for name, part in graph.node_sets.items()
            }
        )
    for index, update in enumerate(updates):
        graph = trim_to_receivers(
            graph, index + 1, directions, budget=budget, padded=padded, cut=fits is not None
        )
        graph = update(graph)
    return tfgnn.keras.layers.ReadoutFirstNode(
        node_set_name="paper", feature_name=tfgnn.HIDDEN_STATE
    )(keep_seeds(graph, "paper"))


def budget_for(batches: list[Batch], num_layers: int, directions: list[Direction]) -> SizeBudget:
    return fit_size_budget(
        [batch.graph() for batch in batches],
        num_layers,
        "paper",
        directions,
        node_totals=NODE_TOTALS,
        edge_totals=EDGE_TOTALS,
        margin=1.0,
    )


@pytest.mark.parametrize(
    ("convolution", "receivers"),
    [("simple", "source"), ("simple", "target"), *((name, "both") for name in CONVOLUTIONS)],
)
def test_equals_untrimmed(convolution: str, receivers: str) -> None:
    directions = DIRECTIONS[receivers]
    for num_layers in (1, 2, 3) if convolution == "simple" else (2,):
        updates = make_updates(CONVOLUTIONS[convolution], directions, num_layers)
        for seed in range(3):
            graph = random_batch(seed, components=4).graph()
            expected = whole(graph, updates, directions)
            # A matrix product of other rows may round its last bit differently.
            found = trimmed(graph, updates, directions)
            np.testing.assert_allclose(found, expected, atol=3e-7, rtol=0)


# The templates' tests compile the other convolutions.
@pytest.mark.parametrize(
    ("convolution", "jit_compile"), [("simple", True), *((name, False) for name in CONVOLUTIONS)]
)
def test_equals_untrimmed_with_static_sizes(convolution: str, jit_compile: bool) -> None:
    directions = DIRECTIONS["both"]
    layers = 3 if convolution == "simple" else 2
    updates = make_updates(CONVOLUTIONS[convolution], directions, layers)
    batches = [random_batch(seed, components=4) for seed in range(3)]
    budget = budget_for(batches, layers, directions)
    assert budget.nodes["paper"][layers] == 5
    assert budget.nodes["paper"][1] < NODE_TOTALS["paper"]

    traces = 0

    @tf.function(jit_compile=jit_compile)
    def run(graph: tfgnn.GraphTensor) -> tf.Tensor:
        nonlocal traces
        traces += 1
        return trimmed(graph, updates, directions, budget=budget, padded=True)

    for batch in batches:
        expected = whole(batch.graph(), updates, directions)
        found = run(batch.padded(NODE_TOTALS, EDGE_TOTALS).graph())
        assert found.shape == (5, 7)
        np.testing.assert_allclose(found[:4], expected, atol=3e-6 if jit_compile else 1e-6)
    assert traces == 1


def test_equals_untrimmed_padded_without_budget() -> None:
    directions = DIRECTIONS["both"]
    updates = make_updates(attention, directions, 2)
    batch = random_batch(3, components=4)
    found = trimmed(
        batch.padded(NODE_TOTALS, EDGE_TOTALS).graph(), updates, directions, padded=True
    )
    assert found.shape == (5, 7)
    np.testing.assert_allclose(found[:4], whole(batch.graph(), updates, directions), atol=1e-6)


def test_gradients_equal_untrimmed() -> None:
    directions = DIRECTIONS["both"]
    updates = make_updates(attention, directions, 3)
    batch = random_batch(4, components=4)
    budget = budget_for([batch], 3, directions)
    graph, padded = batch.graph(), batch.padded(NODE_TOTALS, EDGE_TOTALS).graph()
    whole(graph, updates, directions)
    weights = [weight for update in updates for weight in update.trainable_weights]

    def gradients(run: Callable[[], tf.Tensor]) -> list[np.ndarray]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(run()[:4]))
        found = tape.gradient(loss, weights, unconnected_gradients="zero")
        return [tf.convert_to_tensor(value).numpy() for value in found]

    expected = gradients(lambda: whole(graph, updates, directions))
    for run in (
        lambda: trimmed(graph, updates, directions),
        lambda: trimmed(padded, updates, directions, budget=budget, padded=True),
    ):
        for found, gradient in zip(gradients(run), expected, strict=True):
            np.testing.assert_allclose(found, gradient, atol=1e-5)


def test_labels_of_sampling_depth_fail() -> None:
    # The negative control. s draws a and b; a draws b, too; b draws c: a sampler that labels nodes
    # by the last op that drew them says that b is at depth 2, and so computes it in too few layers.
    edges = np.array([[0, 0, 1, 2], [1, 2, 2, 3]], np.int32)
    batch = random_batch(0, components=1)
    none = np.zeros((2, 0), np.int32)
    batch = Batch(
        node_sizes={"paper": np.array([4], np.int32), "author": np.array([0], np.int32)},
        edge_sizes={
            "cites": np.array([4], np.int32),
            "by": np.array([0], np.int32),
            "wrote": np.array([0], np.int32),
        },
        edges={"cites": edges, "by": none, "wrote": none},
        states={"paper": np.eye(4, 5, dtype=np.float32), "author": np.zeros((0, 3), np.float32)},
        edge_states={
            "cites": np.ones((4, 2), np.float32),
            "by": np.zeros((0, 2), np.float32),
            "wrote": np.zeros((0, 2), np.float32),
        },
    )
    directions = [("cites", tfgnn.SOURCE)]
    updates = make_updates(simple, directions, 2)
    expected = whole(batch.graph(), updates, directions)
    depths = {"paper": np.array([0, 1, 2, 2]), "author": np.zeros(0, np.int32)}
    wrong = {name: np.maximum(2 - depth, 0).astype(np.int32) for name, depth in depths.items()}
    right = reference_rounds(batch, 2, directions)
    assert right["paper"].tolist() == [2, 1, 1, 0]
    found = trimmed(batch.graph(), updates, directions, labels=right)
    np.testing.assert_allclose(found, expected, atol=3e-7)
    found = trimmed(batch.graph(), updates, directions, labels=wrong)
    assert np.abs(found - expected).max() > 0.01


def test_a_batch_beyond_the_budget_gives_nan() -> None:
    directions = DIRECTIONS["source"]
    updates = make_updates(simple, directions, 2)
    small = random_batch(0, components=4, density=0.3)
    large = random_batch(1, components=4, density=4.0)
    budget = budget_for([small], 2, directions)
    totals = {**EDGE_TOTALS, "cites": 301, "by": 153, "wrote": 147}
    budget = SizeBudget(
        nodes=budget.nodes,
        edges={key: (totals[key[0]], *sizes[1:]) for key, sizes in budget.edges.items()},
    )
    fits = trimmed(
        small.padded(NODE_TOTALS, totals).graph(), updates, directions, budget=budget, padded=True
    )
    np.testing.assert_allclose(fits[:4], whole(small.graph(), updates, directions), atol=1e-6)
    fails = trimmed(
        large.padded(NODE_TOTALS, totals).graph(), updates, directions, budget=budget, padded=True
    )
    assert np.isnan(fails).all()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_components_that_do_not_fit_are_cut(jit_compile: bool) -> None:
    directions = DIRECTIONS["source"]
    updates = make_updates(simple, directions, 2)
    batch = random_batch(1, components=6)
    roomy = budget_for([batch], 2, directions)
    expected = whole(batch.graph(), updates, directions)
    graph = batch.padded(NODE_TOTALS, EDGE_TOTALS).graph()
    assert fits_budget(graph, roomy, "paper").numpy().all()
    seen = set()
    tight = {
        "papers": ("paper", lambda rooms: (rooms[0], rooms[2], rooms[2])),
        "more papers": ("paper", lambda rooms: (rooms[0], rooms[2] + 6, rooms[2])),
        "authors": ("author", lambda rooms: (rooms[0], 3, 1)),
    }
    for name, tighten in list(tight.values())[: 1 if jit_compile else 3]:
        budget = dataclasses.replace(roomy, nodes={**roomy.nodes, name: tighten(roomy.nodes[name])})
        # A plain count of what components need of the tight layer, and the seeds behind them.
        left = reference_rounds(batch, 2, directions)[name]
        needed = np.array([(left[:end] >= 1).sum() for end in np.cumsum(batch.node_sizes[name])])
        if name == "paper":
            needed += np.arange(6)[::-1]
        fits = fits_budget(graph, budget, "paper").numpy()
        room = budget.nodes[name][1] - 1
        assert fits.tolist() == [*(needed <= room), needed[-1] <= room]
        run = functools.partial(
            trimmed,
            updates=updates,
            directions=directions,
            budget=budget,
            padded=True,
            fits=fits.astype(np.float32),
        )
        found = tf.function(lambda graph: run(graph), jit_compile=jit_compile)(graph).numpy()  # noqa: B023
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found[:-1][fits[:-1]], expected[fits[:-1]], atol=1e-6)
        seen.add(int(fits.sum()))
    assert jit_compile or any(0 < count < 6 for count in seen)


def test_layers_are_bipartite_and_keep_the_seed_first() -> None:
    directions = DIRECTIONS["source"]
    batch = random_batch(2, components=4)
    graph = start_trimming(batch.graph(), 2, "paper", directions)
    left = graph.node_sets["paper"][ROUNDS].numpy()
    for layer in (1, 2):
        before = graph.node_sets["paper"][tfgnn.HIDDEN_STATE].numpy()
        graph = trim_to_receivers(graph, layer, directions)
        papers, senders = graph.node_sets["paper"], graph.node_sets["paper@senders"]
        assert papers[ROUNDS].numpy().min() >= layer
        np.testing.assert_array_equal(senders[tfgnn.HIDDEN_STATE], before)
        assert int(papers.total_size) == (left >= layer).sum()
        assert papers.sizes.numpy().sum() == int(papers.total_size)
        starts = np.cumsum(papers.sizes) - papers.sizes.numpy()
        np.testing.assert_array_equal(
            papers[tfgnn.HIDDEN_STATE].numpy()[starts], batch.states["paper"][batch.seeds]
        )
        adjacency = graph.edge_sets["cites"].adjacency
        assert adjacency.node_set_name(tfgnn.SOURCE) == "paper"
        assert adjacency.node_set_name(tfgnn.TARGET) == "paper@senders"
        assert (np.diff(adjacency.source) >= 0).all()


def test_static_shapes_are_defined_and_never_bounded() -> None:
    directions = DIRECTIONS["both"]
    updates = make_updates(simple, directions, 2)
    batch = random_batch(1, components=4)
    budget = budget_for([batch], 2, directions)
    graph = batch.padded(NODE_TOTALS, EDGE_TOTALS).graph()

    @tf.function(jit_compile=True)
    def run(graph: tfgnn.GraphTensor) -> tf.Tensor:
        return trimmed(graph, updates, directions, budget=budget, padded=True)

    run(graph)
    assert "[<=" not in run.experimental_get_compiler_ir(graph)(stage="hlo")
