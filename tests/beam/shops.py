"""The shop of the sampling tests as files: rows shuffled, cut into shards; and what is expected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.sampling.graphs import SCHEMA, shop_tables
from tfgnn_ext.graph import Graph, parse_schema, write_schema
from tfgnn_ext.sampling import (
    InMemorySampler,
    RecordFile,
    SamplingOp,
    SamplingPlan,
    write_examples,
)
from tfgnn_ext.sampling.manifest import sampled_files

# Every strategy, timed and untimed, two operations on one edge set, two inputs, a cycle.
PLAN = SamplingPlan(
    seed_node_set="user",
    ops=(
        SamplingOp(name="a", edge_set="likes", fanout=4),
        SamplingOp(name="b", edge_set="bought", fanout=3),
        SamplingOp(name="c", edge_set="bought", fanout=2, strategy="latest_k"),
        SamplingOp(name="d", edge_set="bought", fanout=3, strategy="weighted", by="weight"),
        SamplingOp(name="e", edge_set="similar", fanout=2, inputs=("a", "b", "d")),
        SamplingOp(
            name="f",
            edge_set="liked_by",
            fanout=2,
            strategy="top_k",
            by="weight",
            inputs=("e", "a"),
        ),
        SamplingOp(
            name="g", edge_set="likes", fanout=3, strategy="weighted", by="weight", inputs=("f",)
        ),
        SamplingOp(name="h", edge_set="similar", strategy="full", inputs=("c",)),
    ),
    seed=7,
)


SHORT = SamplingPlan(
    seed_node_set="user",
    ops=(
        SamplingOp(name="a", edge_set="likes", fanout=4),
        SamplingOp(name="b", edge_set="bought", fanout=3),
        SamplingOp(name="c", edge_set="liked_by", fanout=2, inputs=("a", "b")),
    ),
)


def write_shop(
    folder: Path,
    seed: int = 2,
    *,
    order: int = 0,
    shards: int = 2,
    strings: bool = True,
    width: int = 0,
) -> Path:
    """Writes tables, schema and ``seeds.parquet``; returns the schema's path.

    Args:
      folder: Where to.
      seed: Of the graph.
      order: Seed of the order of the rows.
      shards: Files a table.
      strings: Whether users have strings as ids.
      width: Of one more feature of items, if any.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(order)
    tables = shop_tables(seed, strings=strings)
    schema = parse_schema(SCHEMA)
    if width:
        items = tables["item"]
        wide = pa.array(random.normal(size=len(items) * width).astype(np.float32))
        tables["item"] = items.append_column("wide", pa.FixedSizeListArray.from_arrays(wide, width))
        declared = schema.node_sets["item"].features["wide"]
        declared.dtype = 1  # DT_FLOAT
        declared.shape.dim.add(size=width)
    users = tables["user"]["id"]
    # Some users are seeds twice, at other times; one at the same time again.
    rows = np.concatenate([np.arange(len(users)), np.arange(5), [0]])
    times = np.arange(len(rows)) * 3
    times[-1] = times[0]
    splits = np.where(rows % 3 == 0, "validation", "train")
    tables["seeds"] = pa.table({"id": users.take(pa.array(rows)), "when": times, "split": splits})
    for name, table in tables.items():
        if name == "liked_by":
            continue  # The reversed set reads the file of `likes`.
        table = table.take(pa.array(random.permutation(len(table))))
        for shard in range(shards):
            begin, end = (len(table) * k // shards for k in (shard, shard + 1))
            path = folder / f"{name}-{shard:05d}-of-{shards:05d}.parquet"
            pq.write_table(table.slice(begin, end - begin), path, row_group_size=40)
    for name, message in (*schema.node_sets.items(), *schema.edge_sets.items()):
        file = "likes" if name == "liked_by" else name
        message.metadata.filename = f"{file}.parquet@{shards}"
    write_schema(schema, folder / "schema.pbtxt")
    return folder / "schema.pbtxt"


def expected(schema: Path, plan: SamplingPlan = PLAN, *, epoch: int = 0) -> list[bytes]:
    """The in-memory engine's examples for the seeds beside a schema, sorted."""
    graph = Graph.read(schema)
    sampler = InMemorySampler(graph, plan)
    paths = sorted(schema.parent.glob("seeds-*"))
    seeds = pa.concat_tables([pq.read_table(path) for path in paths])
    rows = graph.node_sets[plan.seed_node_set].rows(seeds["id"].to_pylist())
    batch = sampler.sample(rows, np.asarray(seeds["when"]), epoch=epoch)
    return sorted(write_examples(graph, batch))


def written(directory: Path) -> list[bytes]:
    """The examples of a finished job, sorted."""
    return sorted(record for path in sampled_files(directory) for record in RecordFile(path))
