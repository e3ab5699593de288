"""Sampling: seeds per CPU second, beside TF-GNN's in-memory sampler and, if installed, DGL's.

One thread unless said, batch 128, fan-outs 10 and 5, components deduplicated and relabelled.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import tfgnn_ext  # noqa: F401  (before TensorFlow)
from benchmarks.graphs import random_edges, random_graph
from benchmarks.rows import Row, arguments, interleaved, show, versions, wall_seconds
from tfgnn_ext.graph import Graph, Seeds
from tfgnn_ext.sampling import InMemorySampler, SamplingOp, SamplingPlan, Sizes, Strategy

BATCH = 128
FANOUTS = (10, 5)


def plan(edge_sets: tuple[str, ...], strategy: Strategy = "uniform") -> SamplingPlan:
    """Two hops over every edge set."""
    by = "weight" if strategy == "weighted" else None
    first = tuple(
        SamplingOp(name=f"first_{name}", edge_set=name, fanout=FANOUTS[0], strategy=strategy, by=by)
        for name in edge_sets
    )
    second = tuple(
        SamplingOp(
            name=f"second_{name}",
            edge_set=name,
            fanout=FANOUTS[1],
            strategy=strategy,
            by=by,
            inputs=tuple(op.name for op in first),
        )
        for name in edge_sets
    )
    return SamplingPlan(seed_node_set="n", ops=first + second)


def batches(num_nodes: int, count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, num_nodes, (count, BATCH)).astype(np.int32)


def arrays(
    sampler: InMemorySampler, rows: np.ndarray, time: int | None = None
) -> Callable[[], None]:
    times = None if time is None else np.full(BATCH, time)

    def work() -> None:
        for batch in rows:
            sampler.sample_packed(batch, times)

    work()
    return work


def delivered(graph: Graph, sampler: InMemorySampler, rows: np.ndarray) -> Callable[[], Any]:
    """GraphTensors with features, read inside a tf.function as `fit` reads them."""
    import tensorflow as tf

    from tfgnn_ext.tensors import SampledBatches

    # Each step's positions are that batch's seeds.
    flat = rows.reshape(-1)
    seeds = Seeds(
        node_set="n",
        rows=flat,
        times=None,
        labels=np.zeros(len(flat), np.int32),
        classes=("0", "1"),
        splits=np.zeros(len(flat), np.int8),
        ids=flat.astype(np.int64),
    )
    largest = [sampler.sample(batch) for batch in rows[:20]]
    budget = Sizes(
        nodes={"n": int(1.1 * max(len(b.node_rows["n"]) for b in largest))},
        edges={
            name: int(1.1 * max(len(b.edge_rows[name]) for b in largest))
            for name in largest[0].edge_rows
        },
    )
    source = SampledBatches(sampler, seeds, batch_size=BATCH, budget=budget)
    ones = np.ones(BATCH, np.float32)

    def choose(step: int) -> tuple[np.ndarray, np.ndarray, int]:
        return np.arange(step * BATCH, (step + 1) * BATCH), ones, 0

    dataset = source.dataset(choose, 0, len(rows), num_parallel_calls=1)

    @tf.function
    def consume() -> tf.Tensor:
        total = tf.constant(0.0)
        for graph, _, weight in dataset:
            part = graph.node_sets["n"]["x"]
            total += part[0, 0] + weight[0]
            total += tf.cast(graph.edge_sets["e0"].adjacency.source[0], tf.float32)
        return total

    consume()
    return consume


def tf_gnn(graph: Graph, rows: np.ndarray) -> Callable[[], Any]:
    """TF-GNN's in-memory sampler on the same graph."""
    import tensorflow as tf
    import tensorflow_gnn as tfgnn
    from tensorflow_gnn.experimental import sampler as tfgnn_sampler
    from tensorflow_gnn.sampler import sampling_spec_builder

    schema = tfgnn.GraphSchema.FromString(graph.schema.SerializeToString())
    edge_set = graph.edge_sets["e0"]
    builder = sampling_spec_builder.SamplingSpecBuilder(
        schema, sampling_spec_builder.SamplingStrategy.RANDOM_UNIFORM
    )
    spec = builder.seed("n").sample(FANOUTS[0], "e0").sample(FANOUTS[1], "e0").build()

    def edge_sampler(op: Any) -> Any:
        return tfgnn_sampler.InMemUniformEdgesSampler(
            num_source_nodes=graph.node_sets["n"].num_nodes,
            source=edge_set.source_rows,
            target=edge_set.targets,
            sample_size=op.sample_size,
            edge_set_name=op.edge_set_name,
            name=op.op_name,
        )

    model = tfgnn_sampler.create_sampling_model_from_spec(
        schema, spec, edge_sampler, seed_node_dtype=tf.int32
    )

    @tf.function(input_signature=[tf.TensorSpec([BATCH], tf.int32)])
    def run(seeds: tf.Tensor) -> tf.Tensor:
        sampled = model(tf.RaggedTensor.from_tensor(seeds[:, None])).merge_batch_to_components()
        adjacency = sampled.edge_sets["e0"].adjacency
        # Read all of it, or TensorFlow would prune what nobody reads.
        ids = sampled.node_sets["n"]["#id"]
        return tf.reduce_sum(ids) + tf.reduce_sum(adjacency.source + adjacency.target)

    def work() -> None:
        for batch in rows:
            run(tf.constant(batch))

    work()
    return work


def dgl(graph: Graph, rows: np.ndarray) -> Callable[[], Any] | str:
    """DGL's sampler, if it is installed."""
    try:
        import dgl as library
        import torch
    except ImportError:
        return "DGL is not installed"
    number = graph.node_sets["n"].num_nodes
    pairs = {
        ("n", name, "n"): (
            torch.from_numpy(edge_set.targets.astype(np.int64)),
            torch.from_numpy(edge_set.source_rows.astype(np.int64)),
        )
        for name, edge_set in graph.edge_sets.items()
    }
    whole = library.heterograph(pairs, {"n": number})
    whole.create_formats_()
    sampler = library.dataloading.NeighborSampler(list(FANOUTS))
    seeds = [torch.from_numpy(batch.astype(np.int64)) for batch in rows]

    def work() -> None:
        for batch in seeds:
            sampler.sample(whole, {"n": torch.unique(batch)})

    work()
    return work


def main() -> None:
    options = arguments(__doc__ or "")
    num_nodes, num_edges, hub = 1_000_000, 10_000_000, 1_000_000
    steps = 400
    if options.quick:
        num_nodes, num_edges, hub, steps = 200_000, 2_000_000, 200_000, 200
    random = np.random.default_rng(0)
    rows = batches(num_nodes, steps)
    seeds = rows.size
    found: list[Row] = []

    one = random_graph(
        {"e0": random_edges(random, num_nodes, num_edges)}, num_nodes, num_features=32
    )
    sampler = InMemorySampler(one, plan(("e0",)))
    few = rows[: max(4, steps // 50)]
    sides: dict[str, Callable[[], Any]] = {
        "arrays": arrays(sampler, rows),
        "delivered": delivered(one, sampler, rows),
        "TF-GNN": tf_gnn(one, few),
    }
    peer = dgl(one, rows)
    if not isinstance(peer, str):
        sides["DGL"] = peer
    costs = interleaved(sides)
    rate = {name: (few.size if name == "TF-GNN" else seeds) / cost for name, cost in costs.items()}
    unit = "seeds/CPU s"
    for name, target in (("arrays", 200_000), ("delivered", 80_000)):
        found.append(
            Row(
                name=f"one edge set, {name}",
                value=rate[name],
                unit=unit,
                baseline="TF-GNN in memory",
                baseline_value=rate["TF-GNN"],
                target=None if options.quick else target,
            )
        )
    found.append(
        Row(
            name="one edge set, arrays beside DGL",
            value=rate["arrays"] if "DGL" in rate else None,
            unit=unit,
            baseline="DGL",
            baseline_value=rate.get("DGL"),
            note="" if "DGL" in rate else str(peer),
        )
    )

    def two_threads() -> None:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda half: [sampler.sample_packed(b, None) for b in half],
                             (rows[::2], rows[1::2])))  # fmt: skip

    two_threads()
    walls = interleaved(
        {"one": arrays(sampler, rows), "two": two_threads}, measure=wall_seconds, rounds=5
    )
    found.append(
        Row(
            name="two threads",
            value=walls["one"] / walls["two"],
            unit="times the rate of one (wall clock; two idle processors)",
            target=1.7,
        )
    )

    names = tuple(f"e{i}" for i in range(5))
    five = random_graph(
        {name: random_edges(random, num_nodes, num_edges // 5) for name in names}, num_nodes
    )
    few = rows[: steps // 4]
    sides = {"arrays": arrays(InMemorySampler(five, plan(names)), few)}
    peer = dgl(five, few)
    if not isinstance(peer, str):
        sides["DGL"] = peer
    costs = interleaved(sides)
    found.append(
        Row(
            name="five edge sets, arrays",
            value=few.size / costs["arrays"],
            unit=unit,
            baseline="DGL",
            baseline_value=few.size / costs["DGL"] if "DGL" in costs else None,
            target=None if options.quick else 70_000,
            note="" if "DGL" in costs else str(peer),
        )
    )
    del five, one

    cases: tuple[tuple[Strategy, bool], ...] = (
        ("uniform", False), ("weighted", False), ("uniform", True)
    )  # fmt: skip
    for strategy, timed in cases:
        sides = {}
        for degree in (0, hub):
            edges = random_edges(
                random,
                num_nodes,
                num_edges,
                hub=degree,
                timed=timed,
                weighted=strategy == "weighted",
            )
            graph = random_graph({"e0": edges}, num_nodes)
            sides["hub" if degree else "none"] = arrays(
                InMemorySampler(graph, plan(("e0",), strategy)), few, 500 if timed else None
            )
        costs = interleaved(sides)
        found.append(
            Row(
                name=f"a hub of {hub:,} edges, {'temporal' if timed else strategy}",
                value=costs["hub"] / costs["none"],
                unit="times the cost without it",
                target=2.0,
                at_most=True,
            )
        )
    sizes = {"nodes": num_nodes, "edges": num_edges, "batch": BATCH, "fanouts": list(FANOUTS)}
    used = versions("tensorflow", "tensorflow-gnn", "dgl")
    show(found, as_json=options.json, sizes=sizes, used=used)


if __name__ == "__main__":
    main()
