"""A small real graph: papers with text, missing and late features; latent authors; timed edges."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext import training
from tfgnn_ext.graph import Graph, Seeds, parse_schema
from tfgnn_ext.sampling import InMemorySampler, SamplingOp, SamplingPlan, sample_schema
from tfgnn_ext.tensors.parse_examples import ParseExamples

SCHEMA = """
node_sets { key: "paper" value {
  features { key: "venue" value { dtype: DT_STRING } }
  features { key: "words" value { dtype: DT_FLOAT shape { dim { size: 3 } } } }
  features { key: "prize" value { dtype: DT_FLOAT } }
  metadata { extra { key: "times" value: "awarded" }
             extra { key: "known_at.prize" value: "awarded" } } } }
node_sets { key: "author" value { } }
edge_sets { key: "cites" value { source: "paper" target: "paper"
  metadata { extra { key: "time" value: "when" } } } }
edge_sets { key: "by" value { source: "paper" target: "author" } }
"""
NUM_PAPERS, NUM_AUTHORS = 61, 7


def papers() -> tuple[Graph, Seeds]:
    """The graph, and seeds with all three splits and three classes."""
    random = np.random.default_rng(8)
    names = [f"p{number:02d}" for number in range(NUM_PAPERS)]
    words = random.normal(size=(NUM_PAPERS, 3)).astype(np.float32)
    paper = pa.table(
        {
            "id": names,
            "venue": random.choice(["ICML", "KDD", "WWW"], NUM_PAPERS),
            "words": pa.array(words.tolist(), pa.list_(pa.float32(), 3)),
            "prize": random.normal(size=NUM_PAPERS).astype(np.float32),
            "awarded": random.integers(0, 100, NUM_PAPERS),
        }
    )
    author = pa.table({"id": [f"author {number}" for number in range(NUM_AUTHORS)]})
    pick = random.integers(0, NUM_PAPERS, (2, 300))
    cites = pa.table(
        {
            "source": [names[i] for i in pick[0]],
            "target": [names[i] for i in pick[1]],
            "when": random.integers(0, 100, 300),
        }
    )
    by = pa.table(
        {
            "source": names,
            "target": [f"author {i}" for i in random.integers(0, NUM_AUTHORS, NUM_PAPERS)],
        }
    )
    tables = {"paper": paper, "author": author, "cites": cites, "by": by}
    graph = Graph.from_tables(parse_schema(SCHEMA), tables)
    table = pa.table(
        {
            "id": names,
            "time": random.integers(20, 100, NUM_PAPERS),
            "label": [("a", "b", "c")[k] for k in words.argmax(axis=1)],
            "split": random.choice(["train", "train", "validation", "test"], NUM_PAPERS),
        }
    )
    return graph, Seeds.from_table(graph, table, node_set="paper", time="time")


def papers_sampler(graph: Graph) -> InMemorySampler:
    plan = SamplingPlan(
        seed_node_set="paper",
        ops=(
            SamplingOp(name="cited", edge_set="cites", fanout=3),
            SamplingOp(name="authors", edge_set="by", fanout=2, inputs=("seed", "cited")),
        ),
    )
    return InMemorySampler(graph, plan)


def papers_parser(graph: Graph, sampler: InMemorySampler) -> ParseExamples:
    vocabulary = graph.node_sets["paper"].features["venue"].vocabulary
    assert vocabulary is not None
    return ParseExamples(
        sample_schema(sampler),
        {("paper", "venue"): vocabulary, ("author", "#id"): graph.node_sets["author"].ids},
    )


def papers_model(spec: tfgnn.GraphTensorSpec) -> tf.keras.Model:
    """One round of messages from cited papers and from authors."""

    def dense(seed: int) -> tf.keras.layers.Dense:
        initializer = tf.keras.initializers.GlorotUniform(seed)
        return tf.keras.layers.Dense(5, "relu", kernel_initializer=initializer)

    def embed(size: int, seed: int) -> tf.keras.layers.Embedding:
        return tf.keras.layers.Embedding(
            size, 3, embeddings_initializer=tf.keras.initializers.RandomUniform(seed=seed)
        )

    venues, authors, words, first = embed(4, 1), embed(NUM_AUTHORS + 1, 2), dense(3), dense(4)

    def start(node_set: tfgnn.NodeSet, *, node_set_name: str) -> tf.Tensor:
        if node_set_name == "author":
            return first(authors(node_set["#id"]))
        known = node_set["prize/known"][:, None]
        parts = [venues(node_set["venue"]), words(node_set["words"]), known]
        parts += [node_set["prize"][:, None], node_set["awarded/age"][:, None] / 100]
        return tf.keras.layers.Concatenate()(parts)

    inputs = tf.keras.layers.Input(type_spec=spec)
    graph = tfgnn.keras.layers.MapFeatures(node_sets_fn=start)(inputs)
    update = tfgnn.keras.layers.NodeSetUpdate(
        {
            name: tfgnn.keras.layers.SimpleConv(dense(seed), "mean", receiver_tag=tfgnn.SOURCE)
            for name, seed in (("cites", 5), ("by", 6))
        },
        tfgnn.keras.layers.NextStateFromConcat(dense(7)),
    )
    graph = tfgnn.keras.layers.GraphUpdate(node_sets={"paper": update})(graph)
    return tf.keras.Model(inputs, graph)


def papers_task() -> training.NodeClassification:
    return training.NodeClassification("paper", num_classes=3)
