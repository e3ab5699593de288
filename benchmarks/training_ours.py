"""A side of `benchmarks.training`: this library, or TF-GNN's layers on its batches."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tfgnn_ext  # noqa: F401  (before TensorFlow)
from benchmarks.rows import versions
from benchmarks.sampling import plan
from benchmarks.side import serve
from benchmarks.training_data import BATCH, FEATURES, UNITS, names, read
from tfgnn_ext.graph import EdgeSet, Feature, Graph, NodeSet, Seeds, new_schema
from tfgnn_ext.graph.schema import declare_feature
from tfgnn_ext.sampling import InMemorySampler, Sizes


def load(folder: Path) -> tuple[Graph, Seeds]:
    """The graph and its seeds."""
    arrays = read(folder)
    schema = new_schema()
    declare_feature(schema.node_sets["n"], "x", "DT_FLOAT", (FEATURES,))
    edge_sets = {}
    for index, name in enumerate(names(arrays)):
        schema.edge_sets[name].source = schema.edge_sets[name].target = "n"
        edge_sets[name] = EdgeSet("n", "n", arrays[f"indptr_{index}"], arrays[f"targets_{index}"])
    number = len(arrays["x"])
    node_sets = {"n": NodeSet(np.arange(number), {"x": Feature(arrays["x"])})}
    rows = arrays["rows"]
    seeds = Seeds(
        node_set="n",
        rows=rows,
        times=None,
        labels=arrays["labels"],
        classes=("0", "1"),
        splits=np.zeros(len(rows), np.int8),
        ids=rows.astype(np.int64),
    )
    return Graph(schema, node_sets, edge_sets), seeds


def make(side: str, folder: Path) -> Callable[[], Any]:
    """A function that trains for one pass over the seeds, by `model.fit`.

    Args:
      side: "compiled" (trimmed, padded, jit_compile, 20 steps in one call), "trimmed", "untrimmed",
        or "tf-gnn".
      folder: Of the graph.
    """
    import tensorflow as tf
    import tensorflow_gnn as tfgnn

    from tfgnn_ext.models import graph_sage
    from tfgnn_ext.tensors import InputSpec, SampledBatches, fit_input_spec, fit_size_budget

    graph, seeds = load(folder)
    edge_sets = tuple(graph.edge_sets)
    sampler = InMemorySampler(graph, plan(edge_sets))
    steps = len(seeds) // BATCH
    ones = np.ones(BATCH, np.float32)

    def choose(step: int) -> tuple[np.ndarray, np.ndarray, int]:
        return np.arange(step * BATCH, (step + 1) * BATCH) % len(seeds), ones, 0

    source = SampledBatches(sampler, seeds, batch_size=BATCH)
    few = [element[0] for element in source.dataset(choose, 0, 20)]
    extra: dict[str, Any] = {}
    if side == "compiled":
        sizes = Sizes(
            nodes={"n": int(1.1 * max(int(g.node_sets["n"].total_size) for g in few))},
            edges={
                name: int(1.1 * max(int(g.edge_sets[name].total_size) for g in few))
                for name in edge_sets
            },
        )
        extra["budget"] = fit_size_budget(
            few,
            2,
            "n",
            [(name, tfgnn.SOURCE) for name in edge_sets],
            node_totals=sizes.nodes,
            edge_totals=sizes.edges,
        )
        source = SampledBatches(sampler, seeds, batch_size=BATCH, budget=sizes)
    graph_spec = source.dataset(choose, 0, 1).element_spec[0]
    found = fit_input_spec(few, graph_spec, graph, sampler.plan)
    spec = InputSpec(
        graph_spec=graph_spec,
        seed_node_set="n",
        nodes=found.nodes,
        edges=found.edges,
        most_edges=found.most_edges,
        **extra,
    )
    if side == "tf-gnn":
        base = _tf_gnn(graph_spec, edge_sets)
    else:
        base = graph_sage(spec, units=UNITS, encoding="columns", trim=side != "untrimmed")
    states = tfgnn.keras.layers.ReadoutFirstNode(
        node_set_name="n", feature_name=tfgnn.HIDDEN_STATE
    )(base.output)
    model = tf.keras.Model(base.input, tf.keras.layers.Dense(1)(states))
    model.compile(
        tf.keras.optimizers.Adam(1e-3, jit_compile=False),
        tf.keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=side == "compiled",
        steps_per_execution=20 if side == "compiled" else 1,
    )
    dataset = source.dataset(choose, 0, steps, num_parallel_calls=1)
    return lambda: model.fit(dataset, verbose=0, steps_per_epoch=steps)


def _tf_gnn(graph_spec: Any, edge_sets: tuple[str, ...]) -> Any:
    """The same network from TF-GNN's own layers, untrimmed."""
    import tensorflow as tf
    import tensorflow_gnn as tfgnn

    inputs = tf.keras.layers.Input(type_spec=graph_spec)
    graph = tfgnn.keras.layers.MapFeatures(node_sets_fn=lambda part, node_set_name: part["x"])(
        inputs
    )
    for _ in range(2):
        convolutions = {
            name: tfgnn.keras.layers.SimpleConv(
                tf.keras.layers.Dense(UNITS, "relu"), "mean", receiver_tag=tfgnn.SOURCE
            )
            for name in edge_sets
        }
        update = tfgnn.keras.layers.NodeSetUpdate(
            convolutions,
            tfgnn.keras.layers.NextStateFromConcat(tf.keras.layers.Dense(UNITS, "relu")),
        )
        graph = tfgnn.keras.layers.GraphUpdate(node_sets={"n": update})(graph)
    return tf.keras.Model(inputs, graph)


if __name__ == "__main__":
    serve(
        lambda: make(sys.argv[1], Path(sys.argv[2])),
        lambda: versions("tensorflow", "tensorflow-gnn"),
    )
