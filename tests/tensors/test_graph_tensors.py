"""Batches as GraphTensors: the twin of known_features, padding, and the way via files."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tests.sampling.graphs import shop
from tfgnn_ext.graph import Seeds
from tfgnn_ext.sampling import (
    InMemorySampler,
    SamplingOp,
    SamplingPlan,
    Sizes,
    known_features,
    sample_schema,
    write_examples,
)
from tfgnn_ext.sampling.known_features import edge_times
from tfgnn_ext.tensors import ParseExamples, SampledBatches, vocabularies


@pytest.fixture(scope="module")
def sampler() -> InMemorySampler:
    ops = (
        SamplingOp(name="a", edge_set="likes", fanout=4),
        SamplingOp(name="b", edge_set="bought", fanout=3),
        SamplingOp(name="c", edge_set="liked_by", fanout=2, inputs=("a", "b")),
    )
    return InMemorySampler(shop(2), SamplingPlan(seed_node_set="user", ops=ops))


@pytest.fixture(scope="module")
def seeds(sampler: InMemorySampler) -> Seeds:
    ids = sampler.graph.node_sets["user"].ids
    rows = np.arange(len(ids), dtype=np.int32)
    return Seeds(
        node_set="user",
        rows=rows,
        times=rows.astype(np.int64) * 5,
        labels=rows % 2,
        classes=("0", "1"),
        splits=np.zeros(len(rows), np.int8),
        ids=ids,
    )


def batch(
    sampler: InMemorySampler, seeds: Seeds, positions: np.ndarray, budget: Sizes | None = None
) -> tuple[tfgnn.GraphTensor, np.ndarray, np.ndarray]:
    source = SampledBatches(sampler, seeds, batch_size=len(positions), budget=budget)
    weights = np.ones(len(positions), np.float32)
    dataset = source.dataset(lambda step: (positions, weights, 0), 0, 1)
    graph, labels, weights = next(iter(dataset))
    return graph, labels.numpy(), weights.numpy()


def test_features_equal_known_features_bit_for_bit(sampler: InMemorySampler, seeds: Seeds) -> None:
    positions = np.array([3, 0, 12, 7, 3])
    graph, labels, weights = batch(sampler, seeds, positions)
    sampled = sampler.sample(seeds.rows[positions], seeds.times[positions])
    assert labels.tolist() == seeds.labels[positions].tolist()
    assert weights.tolist() == [1] * 5
    sets = [
        (graph.node_sets[n], sampler.graph.node_sets[n].features, sampler.graph.node_sets[n].times,
         sampled.node_rows[n], sampled.node_sizes[n])
        for n in sampled.node_rows
    ] + [
        (graph.edge_sets[n], sampler.graph.edge_sets[n].features,
         edge_times(sampler.graph.edge_sets[n]), sampled.edge_rows[n], sampled.edge_sizes[n])
        for n in sampled.edge_rows
    ]  # fmt: skip
    compared = 0
    for part, features, times, rows, sizes in sets:
        assert part.sizes.numpy().tolist() == sizes.tolist()
        expected = known_features(features, times, rows, sampled.times_of(sizes))
        for name, values in expected.items():
            found = part.features[name].numpy()
            np.testing.assert_array_equal(found, values.astype(found.dtype))
            compared += 1
        assert set(part.features) - {"#id"} == set(expected)
    assert compared >= 10
    assert (
        graph.node_sets["user"].features["#id"].numpy().tolist()
        == (sampled.node_rows["user"] + 1).tolist()
    )


def test_padded_batches_have_static_shapes_and_the_same_content(
    sampler: InMemorySampler, seeds: Seeds
) -> None:
    positions = np.array([3, 0, 12])
    plain, *_ = batch(sampler, seeds, positions)
    budget = Sizes(
        nodes={name: int(p.total_size) + 4 for name, p in plain.node_sets.items()},
        edges={name: int(p.total_size) + 5 for name, p in plain.edge_sets.items()},
    )
    graph, labels, weights = batch(sampler, seeds, positions, budget)
    assert labels.tolist() == [*seeds.labels[positions], 0]
    assert weights.tolist() == [1, 1, 1, 0]
    for name, part in graph.node_sets.items():
        total = int(plain.node_sets[name].total_size)
        for feature, values in part.features.items():
            assert values.shape[0] == budget.nodes[name]
            np.testing.assert_array_equal(values[:total], plain.node_sets[name].features[feature])
    source = SampledBatches(sampler, seeds, batch_size=3, budget=budget)
    spec = source.dataset(lambda step: (positions, np.ones(3), 0), 0, 1).element_spec[0]
    for leaf in tf.nest.flatten(spec, expand_composites=True):
        assert leaf.shape.is_fully_defined()


def test_examples_parse_to_the_same_graph_tensor(sampler: InMemorySampler, seeds: Seeds) -> None:
    positions = np.array([5, 1, 9, 2])
    graph, *_ = batch(sampler, seeds, positions)
    sampled = sampler.sample(seeds.rows[positions], seeds.times[positions])
    parser = ParseExamples(sample_schema(sampler), vocabularies(sampler))
    parsed, ids = parser.parse(tf.constant(write_examples(sampler.graph, sampled)))
    assert ids.numpy().tolist() == seeds.ids[positions].tolist()
    for name, part in graph.node_sets.items():
        assert set(part.features) == set(parsed.node_sets[name].features)
        for feature, values in part.features.items():
            np.testing.assert_array_equal(values, parsed.node_sets[name].features[feature])
    for name, part in graph.edge_sets.items():
        np.testing.assert_array_equal(
            part.adjacency.source, parsed.edge_sets[name].adjacency.source
        )
        np.testing.assert_array_equal(
            part.adjacency.target, parsed.edge_sets[name].adjacency.target
        )
        for feature, values in part.features.items():
            np.testing.assert_array_equal(values, parsed.edge_sets[name].features[feature])


def test_unknown_strings_and_ids_become_code_zero(sampler: InMemorySampler) -> None:
    known = vocabularies(sampler)
    assert known[("item", "brand")][0] == b""
    less = {key: values[:1] for key, values in known.items()}
    parser = ParseExamples(sample_schema(sampler), less)
    sampled = sampler.sample([4, 5], [40, 40])
    parsed, _ = parser.parse(tf.constant(write_examples(sampler.graph, sampled)))
    assert not parsed.node_sets["item"].features["brand"].numpy().any()
    codes = parsed.node_sets["user"].features["#id"].numpy()
    assert set(codes.tolist()) <= {0, 1}
