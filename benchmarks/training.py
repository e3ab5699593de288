"""Training GraphSAGE 2 x 64 by `model.fit`, sampling included: seeds per CPU second.

Ours trimmed and padded under XLA, trimmed, and untrimmed, beside TF-GNN's own layers (SimpleConv,
NextStateFromConcat) on the same batches. One thread for sampling; all threads' CPU time counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tfgnn_ext  # noqa: F401  (before TensorFlow)
from benchmarks.graphs import random_edges, random_graph
from benchmarks.rows import Row, arguments, interleaved, show, versions
from benchmarks.sampling import plan
from tfgnn_ext.graph import Seeds
from tfgnn_ext.sampling import InMemorySampler, Sizes

BATCH = 128
UNITS = 64
FEATURES = 32


def main() -> None:
    options = arguments(__doc__ or "")
    import tensorflow as tf
    import tensorflow_gnn as tfgnn

    from tfgnn_ext.models import graph_sage
    from tfgnn_ext.tensors import InputSpec, SampledBatches, fit_input_spec, fit_size_budget

    num_nodes, num_edges, steps = 1_000_000, 10_000_000, 400
    if options.quick:
        num_nodes, num_edges, steps = 200_000, 2_000_000, 100
    random = np.random.default_rng(0)
    edges = random_edges(random, num_nodes, num_edges)
    graph = random_graph({"e0": edges}, num_nodes, num_features=FEATURES)
    sampler = InMemorySampler(graph, plan(("e0",)))
    rows = random.integers(0, num_nodes, steps * BATCH).astype(np.int32)
    seeds = Seeds(
        node_set="n",
        rows=rows,
        times=None,
        labels=random.integers(0, 2, len(rows)).astype(np.int32),
        classes=("0", "1"),
        splits=np.zeros(len(rows), np.int8),
        ids=rows.astype(np.int64),
    )
    ones = np.ones(BATCH, np.float32)

    def choose(step: int) -> tuple[np.ndarray, np.ndarray, int]:
        return np.arange(step * BATCH, (step + 1) * BATCH) % len(rows), ones, 0

    plain = SampledBatches(sampler, seeds, batch_size=BATCH)
    sampled = [graph for graph, *_ in plain.dataset(choose, 0, 30)]
    largest_nodes = max(int(g.node_sets["n"].total_size) for g in sampled)
    largest_edges = max(int(g.edge_sets["e0"].total_size) for g in sampled)
    sizes = Sizes(nodes={"n": int(1.1 * largest_nodes)}, edges={"e0": int(1.1 * largest_edges)})
    padded = SampledBatches(sampler, seeds, batch_size=BATCH, budget=sizes)
    directions = [("e0", tfgnn.SOURCE)]
    budget = fit_size_budget(
        sampled, 2, "n", directions, node_totals=sizes.nodes, edge_totals=sizes.edges
    )

    def spec(source: SampledBatches, **extra: Any) -> InputSpec:
        graph_spec = source.dataset(choose, 0, 1).element_spec[0]
        found = fit_input_spec(sampled, graph_spec, graph, sampler.plan)
        return InputSpec(
            graph_spec=graph_spec,
            seed_node_set="n",
            nodes=found.nodes,
            edges=found.edges,
            most_edges=found.most_edges,
            **extra,
        )

    def sage(found: InputSpec, *, trim: bool) -> tf.keras.Model:
        return graph_sage(found, units=UNITS, num_layers=2, encoding="columns", trim=trim)

    def tf_gnn() -> tf.keras.Model:
        """The same network from TF-GNN's layers, untrimmed."""
        inputs = tf.keras.layers.Input(type_spec=plain.dataset(choose, 0, 1).element_spec[0])
        graph = tfgnn.keras.layers.MapFeatures(node_sets_fn=lambda part, node_set_name: part["x"])(
            inputs
        )
        for _ in range(2):
            graph = tfgnn.keras.layers.GraphUpdate(
                node_sets={
                    "n": tfgnn.keras.layers.NodeSetUpdate(
                        {
                            "e0": tfgnn.keras.layers.SimpleConv(
                                tf.keras.layers.Dense(UNITS, "relu"),
                                "mean",
                                receiver_tag=tfgnn.SOURCE,
                            )
                        },
                        tfgnn.keras.layers.NextStateFromConcat(
                            tf.keras.layers.Dense(UNITS, "relu")
                        ),
                    )
                }
            )(graph)
        return tf.keras.Model(inputs, graph)

    def fitter(
        base: tf.keras.Model, source: SampledBatches, *, jit: bool = False, together: int = 1
    ) -> Callable[[], Any]:
        states = tfgnn.keras.layers.ReadoutFirstNode(
            node_set_name="n", feature_name=tfgnn.HIDDEN_STATE
        )(base.output)
        model = tf.keras.Model(base.input, tf.keras.layers.Dense(1)(states))
        model.compile(
            tf.keras.optimizers.Adam(1e-3, jit_compile=False),
            tf.keras.losses.BinaryCrossentropy(from_logits=True),
            jit_compile=jit,
            steps_per_execution=together,
        )
        dataset = source.dataset(choose, 0, steps, num_parallel_calls=1)

        def work() -> None:
            model.fit(dataset, verbose=0, steps_per_epoch=steps)

        work()
        return work

    jit = "trimmed, padded, jit_compile, steps_per_execution=20"
    sides = {
        jit: fitter(sage(spec(padded, budget=budget), trim=True), padded, jit=True, together=20),
        "trimmed": fitter(sage(spec(plain), trim=True), plain),
        "untrimmed": fitter(sage(spec(plain), trim=False), plain),
        "TF-GNN's layers": fitter(tf_gnn(), plain),
    }
    costs = interleaved(sides)
    rate = {name: steps * BATCH / cost for name, cost in costs.items()}
    found = [
        Row(
            name=name,
            value=rate[name],
            unit="seeds/CPU s",
            baseline="TF-GNN's layers",
            baseline_value=rate["TF-GNN's layers"],
            target=15_000 if name == jit else None,
        )
        for name in (jit, "trimmed", "untrimmed")
    ]
    show(
        found,
        as_json=options.json,
        sizes={"nodes": num_nodes, "edges": num_edges, "batch": BATCH, "features": FEATURES},
        used=versions("tensorflow", "tensorflow-gnn"),
    )


if __name__ == "__main__":
    main()
