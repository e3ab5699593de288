"""Samples made by TF-GNN's own sampler train our templates through our `fit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn
from tensorflow_gnn.experimental import sampler as tfgnn_sampler
from tensorflow_gnn.sampler import sampling_spec_builder

from tests.sampling.graphs import shop
from tfgnn_ext import models, training
from tfgnn_ext.graph import GraphSchema, parse_schema
from tfgnn_ext.graph.wire import encode_columns
from tfgnn_ext.sampling import (
    InMemorySampler,
    SampledBatch,
    SamplingOp,
    SamplingPlan,
    plan_from_spec,
    sample_schema,
    write_examples,
    write_records,
)
from tfgnn_ext.tensors import ExampleBatches

SCHEMA = """
node_sets { key: "paper" value {
  features { key: "words" value { dtype: DT_FLOAT shape { dim { size: 3 } } } }
  features { key: "venue" value { dtype: DT_STRING shape {} } }
  features { key: "topic" value { dtype: DT_INT64 shape {} } } } }
node_sets { key: "author" value {
  features { key: "#id" value { dtype: DT_INT64 shape {} } } } }
edge_sets { key: "cites" value { source: "paper" target: "paper" } }
edge_sets { key: "by" value { source: "paper" target: "author" } }
"""
PAPERS, AUTHORS = 120, 9


def their_samples(path: Path) -> None:
    """Builds a graph and samples it with TF-GNN's in-memory sampler, one tf.Example a paper."""
    random = np.random.default_rng(0)
    words = random.normal(size=(PAPERS, 3)).astype(np.float32)
    features = {
        "words": words,
        "venue": random.choice([b"ICML", b"KDD"], PAPERS),
        "topic": (words[:, 0] > 0).astype(np.int64) * 2 + 5,  # Classes 5 and 7.
    }
    papers = np.arange(PAPERS, dtype=np.int32)
    edges = {
        "cites": random.integers(0, PAPERS, (2, 500)).astype(np.int32),
        "by": (papers, papers % AUTHORS),
    }
    schema = tfgnn.GraphSchema.FromString(parse_schema(SCHEMA).SerializeToString())
    hop = sampling_spec_builder.SamplingSpecBuilder(schema).seed("paper").sample(3, "cites")
    spec = hop.sample(2, "by").build()
    assert [op.fanout for op in plan_from_spec(spec, top_k="uniform").ops] == [3, 2]
    model = tfgnn_sampler.create_sampling_model_from_spec(
        schema,
        spec,
        lambda op: tfgnn_sampler.InMemUniformEdgesSampler(
            num_source_nodes=PAPERS,
            source=edges[op.edge_set_name][0],
            target=edges[op.edge_set_name][1],
            sample_size=op.sample_size,
            edge_set_name=op.edge_set_name,
            name=op.op_name,
        ),
        # As theirs does, features take the place of the ids.
        lambda name: (
            tfgnn_sampler.InMemIndexToFeaturesAccessor(features, name=name)
            if name == "paper"
            else None
        ),
        seed_node_dtype=tf.int32,
    )
    sampled = model(tf.RaggedTensor.from_tensor(papers[:, None]))
    graphs = tf.data.Dataset.from_tensor_slices(sampled)
    write_records(path, [tfgnn.write_example(graph).SerializeToString() for graph in graphs])


@pytest.mark.slow
def test_samples_of_tf_gnn_train_a_template(tmp_path: Path) -> None:
    path = tmp_path / "theirs.tfrecord"
    their_samples(path)
    schema = parse_schema(SCHEMA)
    batches = ExampleBatches(schema, [path], label="topic", batch_size=20, node_set="paper")
    assert batches.seeds.classes == ("5", "7")
    assert batches.vocabularies["paper", "venue"].tolist() == [b"", b"ICML", b"KDD"]
    assert batches.vocabularies["author", "#id"].tolist() == list(range(AUTHORS))
    spec = batches.input_spec()
    assert spec.nodes["author"]["#id"].size == AUTHORS + 1
    fitted = training.fit(
        training.NodeClassification("paper", num_classes=2),
        lambda graph_spec: models.graph_sage(spec, units=8, seed=1),
        training.SampledProvider(batches, seed=3),
        training.Trainer(
            tmp_path / "run", seed=2, epochs=12, optimizer=training.Optimizer(learning_rate=0.03)
        ),
    )
    graph, labels, _ = next(iter(batches.dataset(lambda _: _choice(), 0, 1)))
    assert "topic" not in graph.node_sets["paper"].features
    logits = fitted.model(graph)
    # The topic is the sign of a word of the seed: it is learned, so the seed comes first.
    assert np.mean((logits[:, 0] > 0).numpy() == labels.numpy().astype(bool)) > 0.95


def _choice() -> Any:
    return np.arange(20), np.ones(20, np.float32), 0


def ours(path: Path) -> tuple[GraphSchema, InMemorySampler, SampledBatch]:
    ops = (SamplingOp(name="a", edge_set="liked_by", fanout=4),)
    sampler = InMemorySampler(shop(2), SamplingPlan(seed_node_set="item", ops=ops))
    batch = sampler.sample(np.arange(6), np.arange(6) * 9)
    write_records(path, write_examples(sampler.graph, batch))
    return sample_schema(sampler), sampler, batch


def test_our_samples_are_read_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    schema, sampler, batch = ours(path)
    batches = ExampleBatches(schema, [path], label="brand", batch_size=3)
    items = sampler.graph.node_sets["item"]
    brands = items.features["brand"]
    found = [batches.seeds.classes[k].encode() for k in batches.seeds.labels]
    assert found == brands.vocabulary[brands.values[:6]].tolist()
    assert batches.seeds.ids.tolist() == items.ids[:6].tolist()
    chosen = np.array([4, 0, 4]), np.array([1, 1, 0.5]), 0
    graph, labels, weights = next(iter(batches.dataset(lambda _: chosen, 0, 1)))
    for name, part in graph.node_sets.items():
        assert part.sizes.numpy().tolist() == batch.node_sizes[name][[4, 0, 4]].tolist()
    assert labels.numpy().tolist() == batches.seeds.labels[[4, 0, 4]].tolist()
    assert weights.numpy().tolist() == [1, 1, 0.5]


def test_faults_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    schema, *_ = ours(path)
    with pytest.raises(ValueError, match="`label` of `ExampleBatches` must be a feature of 'item'"):
        ExampleBatches(schema, [path], label="none", batch_size=2)
    with pytest.raises(ValueError, match="`node_set` of `ExampleBatches` must be a node set"):
        ExampleBatches(schema, [path], label="none", batch_size=2, node_set="none")
    plain = parse_schema(SCHEMA)
    column = (b"nodes/paper.topic", np.array([5]), np.array([0, 1]))
    lacking = [*encode_columns([column], 1), *encode_columns([], 1)]
    write_records(path, lacking)
    with pytest.raises(ValueError, match="record 1: the seed must have a label 'topic'. Got none."):
        ExampleBatches(plain, [path], label="topic", batch_size=2, node_set="paper")
    write_records(path, [lacking[0], lacking[0][:-1]])
    with pytest.raises(ValueError, match="records from 0: example 1: must be a tf.Example."):
        ExampleBatches(plain, [path], label="topic", batch_size=2, node_set="paper")
