from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tests.graph.test_propagation import random_graph
from tfgnn_ext import models
from tfgnn_ext.graph import Graph, Seeds, propagate_features, propagate_labels
from tfgnn_ext.layers import PathFusion
from tfgnn_ext.sampling import InMemorySampler, SamplingPlan
from tfgnn_ext.tensors import InputSpec, SampledBatches, WholeGraph, whole_graph_spec


def prepared() -> tuple[Graph, Seeds]:
    graph, seeds = random_graph(1)
    graph = propagate_features(graph, "paper", hops=2)
    return propagate_labels(graph, seeds, hops=2), seeds


@pytest.mark.parametrize("fusion", ["attention", "concat"])
def test_whole_graph_and_samples_agree(fusion: Any) -> None:
    graph, seeds = prepared()
    whole = WholeGraph(graph)
    spec = whole_graph_spec(whole, "paper")
    model = models.sehgnn(spec, units=8, fusion=fusion, num_heads=2)
    states = model(whole.at("paper", tf.constant(seeds.rows))).node_sets["paper"]
    assert states[tfgnn.HIDDEN_STATE].shape == (13, 8)
    sampler = InMemorySampler(graph, SamplingPlan(seed_node_set="paper"))
    data = SampledBatches(sampler, seeds, batch_size=13).dataset(
        lambda step: (np.arange(13), np.ones(13), 0), 0, 1
    )
    ((batch, _, _),) = data
    sampled = models.sehgnn(
        InputSpec.with_statistics(data.element_spec[0], "paper", spec.statistics()),
        units=8,
        fusion=fusion,
        num_heads=2,
    )
    sampled.set_weights(model.get_weights())
    found = sampled(batch).node_sets["paper"]
    assert found.sizes.numpy().tolist() == [1] * 13
    np.testing.assert_allclose(
        found[tfgnn.HIDDEN_STATE],
        states[tfgnn.HIDDEN_STATE],
        atol=1e-5,
    )


def test_every_path_reaches_the_state() -> None:
    graph, seeds = prepared()
    whole = WholeGraph(graph)
    model = models.sehgnn(whole_graph_spec(whole, "paper"), units=32)
    tensor = whole.at("paper", tf.constant(seeds.rows))
    before = model(tensor).node_sets["paper"][tfgnn.HIDDEN_STATE].numpy()
    features = dict(tensor.node_sets["paper"].features)
    assert len(features) == 1 + 5 + 3
    for name, values in features.items():
        moved = values.numpy().copy()
        moved[4] += np.arange(1, 1 + moved.shape[1]) ** 2 - 2.3
        changed = tensor.replace_features(node_sets={"paper": {**features, name: moved}})
        after = model(changed).node_sets["paper"][tfgnn.HIDDEN_STATE].numpy()
        # Seeds come in their own order.
        own = seeds.rows == 4
        np.testing.assert_array_equal(after[~own], before[~own])
        assert np.abs(after[own] - before[own]).max() > 1e-4, name


def test_path_fusion() -> None:
    inputs = np.random.default_rng(0).normal(size=(5, 3, 8)).astype(np.float32)

    def make() -> PathFusion:
        return PathFusion(num_heads=2, l2=0.1, seed=4)

    layer = make()
    np.testing.assert_array_equal(layer(inputs), inputs)  # The gate is closed at first.
    gate = next(weight for weight in layer.weights if "gate" in weight.name)
    gate.assign(0.7)
    query, key, value = (w.numpy() for w in layer.weights if "kernel" in w.name)
    expected = inputs.copy()
    for head in range(2):
        q, k = (inputs @ m[:, head : head + 1] for m in (query, key))
        v = inputs @ value[:, 4 * head : 4 * head + 4]
        scores = np.exp(q @ k.transpose(0, 2, 1))
        weights = scores / scores.sum(axis=-1, keepdims=True)
        expected[..., 4 * head : 4 * head + 4] += 0.7 * weights @ v
    np.testing.assert_allclose(layer(inputs), expected, atol=1e-5)


@pytest.mark.parametrize("template", [models.graph_sage, models.seed_attention])
def test_models_that_hear_neighbours_refuse_propagated_labels(template: Any) -> None:
    graph, _ = prepared()
    spec = whole_graph_spec(WholeGraph(graph), "paper")
    with pytest.raises(ValueError, match="would send a node's own label back. Got 'labels:cites'"):
        template(spec)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 8, "num_heads": 3}, "`num_heads` of `sehgnn` must be"),
        ({"num_heads": 0}, "`num_heads` of `sehgnn` must be"),
        ({"num_layers": 0}, "`num_layers` of `sehgnn` must be"),
        ({"fusion": "mean"}, "`fusion` of `sehgnn` must be one of"),
    ],
)
def test_invalid_arguments(options: dict[str, Any], message: str) -> None:
    graph, _ = prepared()
    with pytest.raises(ValueError, match=message):
        models.sehgnn(whole_graph_spec(WholeGraph(graph), "paper"), **options)
