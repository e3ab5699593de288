"""Pairs on Beam: the in-memory engine's bytes, negatives included."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tests.beam.shops import write_shop, written
from tests.sampling.test_links import LINKS
from tfgnn_ext.graph import Graph, LinkSeeds, read_schema, write_schema
from tfgnn_ext.sampling import (
    InMemorySampler,
    Negatives,
    NegativeSampler,
    SamplingOp,
    SamplingPlan,
    write_examples,
)
from tfgnn_ext.sampling.beam import SampleSubgraphs, WriteSamples
from tfgnn_ext.sampling.table_blocks import SeedColumns

COLUMNS = SeedColumns(id="who", target="what", time="when", label="linked", readout=("worth",))
PLANS = {
    kind: SamplingPlan(seed_node_set=LINKS[kind][0], ops=ops, seed=5, link=LINKS[kind][1])
    for kind, ops in {
        "timed": (
            SamplingOp(name="a", edge_set="bought", fanout=3),
            SamplingOp(name="b", edge_set="bought", fanout=2, strategy="latest_k"),
            SamplingOp(name="c", edge_set="liked_by", fanout=2, inputs=("a", "target")),
            SamplingOp(
                name="d",
                edge_set="bought",
                fanout=3,
                strategy="weighted",
                by="weight",
                inputs=("c", "seed"),
            ),
        ),
        "reversed": (
            SamplingOp(name="a", edge_set="likes", fanout=3, strategy="weighted", by="weight"),
            SamplingOp(
                name="b",
                edge_set="liked_by",
                fanout=2,
                strategy="top_k",
                by="weight",
                inputs=("a", "target"),
            ),
            SamplingOp(name="c", edge_set="likes", fanout=4, inputs=("b", "seed")),
        ),
        "one set": (
            SamplingOp(name="a", edge_set="similar", fanout=2, inputs=("seed", "target")),
            SamplingOp(name="b", edge_set="similar", strategy="full", inputs=("a",)),
        ),
        "free": (SamplingOp(name="a", edge_set="likes", fanout=3),),
    }.items()
}
NEGATIVES = {
    "timed": (
        Negatives(num=2, name="u", time="listed"),
        Negatives(num=3, name="d", strategy="degree"),
    ),
    "reversed": (
        Negatives(num=2, name="u", reject=("likes", "bought")),
        Negatives(num=1, name="d", strategy="degree"),
        Negatives(num=2, name="t", strategy="table"),
    ),
    "one set": (Negatives(num=2), Negatives(num=2, name="d", strategy="degree")),
    "free": (),
}


def write_pairs(folder: Path, kind: str, *, order: int, shards: int, strings: bool = True) -> Path:
    """The shop, and pairs: edges, some of them twice, and pairs that the user calls unlinked."""
    schema = write_shop(folder, order=order, shards=shards, strings=strings)
    graph = Graph.read(schema)
    node_set, link = LINKS[kind]
    random = np.random.default_rng(3)
    edges = graph.edge_sets[link.edge_set or "likes"]
    rows = np.stack([edges.source_rows, edges.targets], axis=1)[::4]
    others = np.stack([random.integers(0, 13, 9), random.integers(0, 29, 9)], axis=1)
    rows = np.concatenate([rows, rows[:3], others])
    linked = np.arange(len(rows)) < len(rows) - 9
    ids = [graph.node_sets[name].ids[rows[:, end]] for end, name in ((0, node_set), (1, "item"))]
    texts = [
        [value.decode() for value in end.tolist()] if end.dtype.kind == "S" else end for end in ids
    ]
    table = pa.table(
        {
            "who": texts[0],
            "what": texts[1],
            "when": random.integers(0, 50, len(rows)),
            "linked": linked.astype(np.int64),
            "worth": (random.random(len(rows)) * 100).astype(np.float32),
            "split": random.choice(["train", "test"], len(rows)),
        }
    )
    table = table.take(pa.array(np.random.default_rng(order).permutation(len(table))))
    for path in folder.glob("seeds-*"):
        path.unlink()
    for shard in range(shards):
        begin, end = (len(table) * k // shards for k in (shard, shard + 1))
        path = folder / f"seeds-{shard:05d}-of-{shards:05d}.parquet"
        pq.write_table(table.slice(begin, end - begin), path, row_group_size=7)
    return schema


def seeds_of(schema: Path, kind: str) -> tuple[Graph, LinkSeeds]:
    graph, (node_set, link) = Graph.read(schema), LINKS[kind]
    table = pa.concat_tables([pq.read_table(p) for p in sorted(schema.parent.glob("seeds-*"))])
    seeds = LinkSeeds.from_table(
        graph,
        table,
        node_sets=(node_set, link.node_set),
        source="who",
        target="what",
        time="when",
        label="linked",
        columns=("worth",),
    )
    return graph, seeds


def hard(schema: Path) -> None:
    """The user's hard negatives as an edge set of the schema, which no operation follows."""
    message, graph = read_schema(schema), Graph.read(schema)
    message.edge_sets["hard"].source, message.edge_sets["hard"].target = "user", "item"
    message.edge_sets["hard"].metadata.filename = "hard.parquet"
    random = np.random.default_rng(8)
    users = [i.decode() for i in graph.node_sets["user"].ids[random.integers(0, 13, 30)].tolist()]
    items = graph.node_sets["item"].ids[random.integers(0, 29, 30)]
    pq.write_table(pa.table({"source": users, "target": items}), schema.parent / "hard.parquet")
    write_schema(message, schema)


def expected(schema: Path, kind: str, *, epoch: int = 0) -> list[bytes]:
    graph, seeds = seeds_of(schema, kind)
    plan, tables = PLANS[kind], {}
    if "hard" in graph.edge_sets:
        edges = graph.edge_sets["hard"]
        tables["t"] = np.stack([edges.source_rows, edges.targets], axis=1)
    sampler = NegativeSampler(graph, plan, NEGATIVES[kind], tables=tables)
    seeds, _ = sampler.add_to(seeds, policy="drop")
    rows = sampler.rows_at(seeds, np.arange(len(seeds)), epoch)
    batch = InMemorySampler(graph, plan).sample(rows, seeds.times, epoch=epoch)
    readout = {"label": seeds.labels.astype(np.float32), **seeds.columns}
    return sorted(write_examples(graph, batch, readout=readout))


def run(schema: Path, out: Path, kind: str, *, workers: int = 1, **options: Any) -> SampleSubgraphs:
    sampling = SampleSubgraphs(
        schema=schema,
        plan=PLANS[kind],
        seeds=schema.parent / "seeds-*.parquet",
        negatives=NEGATIVES[kind],
        **{"seed_columns": COLUMNS, "policy": "drop", "shards": 3, **options},
    )
    flags = [f"--direct_num_workers={workers}", "--direct_running_mode=multi_threading"]
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(flags)) as pipeline:
        _ = pipeline | sampling | WriteSamples(out, sampling)
    return sampling


@pytest.mark.parametrize(
    ("kind", "workers", "blocks", "shards", "options"),
    [
        ("timed", 4, 5, 3, {"hub_edges": 5}),
        ("reversed", 1, 1, 1, {"tables": {"t": "hard"}, "hub_edges": 5}),
        ("one set", 1, 7, 2, {"epoch": 2}),
        ("free", 1, 3, 2, {}),
    ],
)
def test_bytes_are_those_of_the_in_memory_engine(
    tmp_path: Path, kind: str, workers: int, blocks: int, shards: int, options: dict[str, Any]
) -> None:
    schema = write_pairs(tmp_path / "graph", kind, order=blocks, shards=shards)
    if "tables" in options:
        hard(schema)
    out = tmp_path / "out"
    run(schema, out, kind, workers=workers, blocks=blocks, shards=shards, **options)
    found = written(out)
    assert found == expected(schema, kind, epoch=options.get("epoch", 0))
    assert len(found) > (30 if kind == "free" else 90)


def test_who_knows_everybody_is_an_error_that_names_it(tmp_path: Path) -> None:
    schema = write_pairs(tmp_path / "graph", "timed", order=0, shards=1)
    path = next(schema.parent.glob("bought-*"))
    table, items = pq.read_table(path), pq.read_table(next(schema.parent.glob("item-*")))["id"]
    who = table["source"][0]
    every = pa.table(
        {
            "source": pa.array([who] * len(items), table.schema.field("source").type),
            "target": items.combine_chunks(),
            "weight": pa.array([1.0] * len(items), pa.float32()),
            "when": pa.array([0] * len(items), table.schema.field("when").type),
        }
    ).select(table.column_names)
    pq.write_table(pa.concat_tables([table, every.cast(table.schema)]), path)
    graph = Graph.read(schema)
    plan = dataclasses.replace(PLANS["timed"], ops=PLANS["timed"].ops[:1])
    sampling = SampleSubgraphs(
        schema=schema,
        plan=plan,
        seeds=schema.parent / "seeds-*.parquet",
        seed_columns=COLUMNS,
        negatives=[Negatives(num=1)],
    )
    pipeline = beam.Pipeline(runner=FnApiRunner())
    _ = pipeline | sampling | WriteSamples(tmp_path / "out", sampling)
    with pytest.raises(Exception, match=f"Got too few for {who.as_py()!r} of node set 'user'"):
        pipeline.run()
    assert graph.edge_sets["bought"].num_edges == len(table) + len(items)
