"""Writing and reading tf.Examples, beside TF-GNN's `write_example` and `parse_example`.

Samples of two hops on a graph with floats, ints, strings and lists of strings. TF-GNN's side is
given its GraphTensors, one a sample, already in memory; ours starts at the sampled batch and
gathers the features as it writes. Both sides end with serialized bytes, and they are equal.
"""

from __future__ import annotations

# ruff: noqa: I001
import tfgnn_ext  # noqa: F401  (before TensorFlow)

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_gnn as tfgnn

from benchmarks.rows import Row, arguments, interleaved, show, versions
from tfgnn_ext.graph import Graph, parse_schema
from tfgnn_ext.sampling import (
    InMemorySampler,
    SamplingOp,
    SamplingPlan,
    read_examples,
    sample_schema,
    write_examples,
)

_SCHEMA = """
node_sets { key: "paper" value {
  features { key: "feat" value { dtype: DT_FLOAT shape { dim { size: 32 } } } }
  features { key: "year" value { dtype: DT_INT64 } }
  features { key: "venue" value { dtype: DT_STRING } }
  features { key: "words" value { dtype: DT_STRING shape { dim { size: -1 } } } } } }
edge_sets { key: "cites" value { source: "paper" target: "paper"
  features { key: "weight" value { dtype: DT_FLOAT } } } }
"""
_TARGET = 20.0


def _sampler(nodes: int) -> InMemorySampler:
    random = np.random.default_rng(0)
    edges = 10 * nodes
    words = random.integers(0, 1000, 4 * nodes).astype(np.str_)
    paper = pa.table(
        {
            "id": np.arange(nodes),
            "feat": pa.FixedSizeListArray.from_arrays(
                pa.array(random.normal(size=32 * nodes).astype(np.float32)), 32
            ),
            "year": random.integers(1990, 2024, nodes),
            "venue": random.choice(["ICML", "KDD", "WWW"], nodes),
            "words": pa.ListArray.from_arrays(
                np.sort(np.append(random.integers(0, 4 * nodes, nodes - 1), [0, 4 * nodes])),
                pa.array(words),
            ),
        }
    )
    cites = pa.table(
        {
            "source": random.integers(0, nodes, edges),
            "target": random.integers(0, nodes, edges),
            "weight": random.random(edges).astype(np.float32),
        }
    )
    graph = Graph.from_tables(parse_schema(_SCHEMA), {"paper": paper, "cites": cites})
    ops = (
        SamplingOp(name="one", edge_set="cites", fanout=10),
        SamplingOp(name="two", edge_set="cites", fanout=5, inputs=("one",)),
    )
    return InMemorySampler(graph, SamplingPlan(seed_node_set="paper", ops=ops))


def main() -> None:
    options = arguments(__doc__)
    nodes, ours, theirs = (5_000, 2_000, 50) if options.quick else (50_000, 10_000, 200)
    sampler = _sampler(nodes)
    batch = sampler.sample(np.arange(ours) % nodes)
    examples = write_examples(sampler.graph, batch)  # Compiles.
    read_examples(examples)
    spec = tfgnn.create_graph_spec_from_schema_pb(
        tfgnn.GraphSchema.FromString(sample_schema(sampler).SerializeToString())
    )
    graphs = [tfgnn.parse_single_example(spec, example) for example in examples[:theirs]]
    written = [
        tfgnn.write_example(graph).SerializeToString(deterministic=True) for graph in graphs[:20]
    ]
    assert written == examples[:20]
    parse = tf.function(
        lambda serialized: tfgnn.parse_example(spec, serialized).merge_batch_to_components()
    )
    serialized = tf.constant(examples)
    parse(serialized)
    costs = interleaved(
        {
            "write": lambda: write_examples(sampler.graph, batch),
            "read": lambda: read_examples(examples),
            "write_example": lambda: [
                tfgnn.write_example(graph).SerializeToString() for graph in graphs
            ],
            "parse_example": lambda: parse(serialized),
        }
    )
    slow = theirs / costs["write_example"]
    rows = [
        Row(
            name=name,
            value=ours / costs[side],
            unit="examples/CPU s",
            baseline="write_example",
            baseline_value=slow,
            target=_TARGET * slow,
            note=note,
        )
        for name, side, note in (
            ("write_examples", "write", "from the sampled batch, features gathered"),
            ("read_examples", "read", "to NumPy columns"),
        )
    ]
    rows.append(
        Row(
            name="read_examples beside parse_example",
            value=ours / costs["read"],
            unit="examples/CPU s",
            baseline="parse_example, merged",
            baseline_value=ours / costs["parse_example"],
        )
    )
    size = float(np.mean([len(example) for example in examples]))
    show(
        rows,
        as_json=options.json,
        sizes={"nodes": nodes, "examples": ours, "bytes an example": round(size)},
        used=versions("tensorflow", "tensorflow-gnn"),
    )


if __name__ == "__main__":
    main()
