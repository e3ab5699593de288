"""Sampling on Beam's local runner: CPU seconds and memory, beside TF-GNN's sampler and SQL engines.

Each job is a process of its own, reading Parquet and writing TFRecords; its children count too.
TF-GNN's own Beam sampler is measured at two numbers of seeds: the line through both gives its fixed
cost and its cost a seed. DuckDB and Polars do the two joins alone: they draw nothing and write no
samples.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.rows import Row, arguments, show, versions

SCHEMA = """
node_sets {{ key: "n" value {{ {features} metadata {{ filename: "nodes.parquet@{files}" }} }} }}
edge_sets {{ key: "e" value {{ source: "n" target: "n" metadata {{ filename: "edges.parquet@{files}"
  {extra} }} {edge_features} }} }}
"""
FEATURE = 'features {{ key: "{name}" value {{ dtype: DT_FLOAT shape {{}} }} }}'


def write_graph(
    folder: Path,
    nodes: int,
    edges: int,
    seeds: int,
    *,
    hub: int = 0,
    star: bool = False,
    timed: bool = False,
    weighted: bool = False,
    feature: bool = False,
    files: int = 8,
) -> Path:
    """Writes a random graph; `hub` edges leave node 0, which with `star` every node names."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)

    def shard(name: str, number: int, columns: dict[str, Any]) -> None:
        path = folder / f"{name}-{number:05d}-of-{files:05d}.parquet"
        pq.write_table(pa.table(columns), path)

    ids = random.permutation(nodes)
    for number in range(files):
        part = ids[number::files]
        columns = {"id": part}
        if feature:
            columns["x"] = random.random(len(part)).astype(np.float32)
        shard("nodes", number, columns)
        count, heads = edges // files, hub // files
        sources = random.integers(0, nodes, count + heads + (len(part) if star else 0))
        targets = random.integers(0, nodes, len(sources))
        sources[:heads] = 0
        if star:
            sources[count + heads :], targets[count + heads :] = part, 0
        columns = {"source": sources, "target": targets}
        if timed:
            columns["time"] = random.integers(0, 1000, len(sources))
        if weighted:
            columns["weight"] = random.exponential(1, len(sources)).astype(np.float32)
        shard("edges", number, columns)
    chosen = {"id": random.permutation(nodes)[:seeds]}
    if timed:
        chosen["time"] = random.integers(500, 1000, len(chosen["id"]))
    pq.write_table(pa.table(chosen), folder / "seeds.parquet")
    schema = SCHEMA.format(
        files=files,
        features=FEATURE.format(name="x") if feature else "",
        extra='extra { key: "time" value: "time" }' if timed else "",
        edge_features=FEATURE.format(name="weight") if weighted else "",
    )
    (folder / "schema.pbtxt").write_text(schema)
    return folder


_OURS = """
import json, sys
import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfgnn_ext.sampling import SampleSubgraphs, SamplingOp, SamplingPlan, SeedColumns, WriteSamples

folder, options = sys.argv[1], json.loads(sys.argv[2])
by = "weight" if options.pop("weighted") else None
strategy = "weighted" if by else "uniform"
first, second = options.pop("fanouts")
plan = SamplingPlan(seed_node_set="n", ops=(
    SamplingOp(name="first", edge_set="e", fanout=first, strategy=strategy, by=by),
    SamplingOp(name="second", edge_set="e", fanout=second, strategy=strategy, by=by,
               inputs=("first",)),
))
columns = SeedColumns(time="time" if options.pop("timed") else None)
sampling = SampleSubgraphs(schema=folder + "/schema.pbtxt", plan=plan, seed_columns=columns,
                           seeds=folder + "/seeds.parquet", **options)
with beam.Pipeline(runner=FnApiRunner()) as pipeline:
    pipeline | sampling | WriteSamples(folder + "/out", sampling)
"""


def run(*command: str) -> tuple[float, float, float]:
    """CPU seconds, seconds and peak GiB of a process and its children."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    code = (
        "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = int(done.stdout.split()[-1]) / 2**20
    return cpu, time.perf_counter() - start, peak


def ours(folder: Path, *, timed: bool = False, weighted: bool = False, **options: Any) -> Any:
    """Samples a graph's seeds with fan-outs 10 and 5."""
    fields = {"fanouts": (10, 5), "timed": timed, "weighted": weighted, "shards": 10, **options}
    return run(sys.executable, "-c", _OURS, str(folder), json.dumps(fields))


def joins(engine: str, folder: Path) -> tuple[float, float, float] | None:
    """Both hops as joins, without drawing: the seeds' edges, then those of their targets."""
    if engine == "duckdb":
        code = (
            'import duckdb, sys; f = sys.argv[1]; duckdb.sql(f"with e as (select * from '
            "'{f}/edges-*.parquet'), a as (select s.id, e.target from '{f}/seeds.parquet' s join e "
            "on s.id = e.source), b as (select a.id, e.target from a join e on a.target = e.source)"
            ' select (select count(*) from a), (select count(*) from b)").fetchall()'
        )
    else:
        code = (
            "import polars as pl, sys; f = sys.argv[1]; e = pl.scan_parquet(f+'/edges-*.parquet');"
            "a = pl.scan_parquet(f + '/seeds.parquet').join(e, left_on='id', right_on='source');"
            "b = a.join(e, left_on='target', right_on='source');"
            "pl.collect_all([a.select(pl.len()), b.select(pl.len())])"
        )
    try:
        return run(sys.executable, "-c", code, str(folder))
    except subprocess.CalledProcessError:
        return None


def tf_gnn(folder: Path, seeds: int) -> float:
    """CPU seconds of TF-GNN's Beam sampler on a graph's first seeds; it reads CSV tables."""
    from benchmarks.tf_gnn_beam import write_inputs

    inputs = write_inputs(folder, seeds)
    # Its files lie beside the inputs.
    return run(sys.executable, "-m", "benchmarks.tf_gnn_beam", str(inputs))[0]


def rows(quick: bool, folder: Path) -> list[Row]:
    """Measures everything."""
    nodes, edges, seeds = (100_000, 1_000_000, 2_000) if quick else (1_000_000, 10_000_000, 10_000)
    graph = write_graph(folder / "graph", nodes, edges, seeds)
    ours(graph)  # Compiles.
    found = [ours(graph) for _ in range(1 if quick else 3)]
    cpu, wall, peak = sorted(found)[len(found) // 2]
    table = []
    for engine in ("duckdb", "polars"):
        joined = joins(engine, graph)
        note = "" if joined else f"{engine} is not installed"
        value = None if joined is None else joined[1]
        row = Row(name=f"two joins by {engine}", value=value, unit="s", note=note)
        table.append(row)
    base = next((row for row in table if row.value is not None), None)
    table.insert(
        0,
        Row(
            name=f"{seeds:,} seeds, {nodes:,} nodes, {edges:,} edges, fan-outs 10 and 5",
            value=cpu,
            unit="CPU s",
            baseline=f"{base.name}, s" if base else "",
            baseline_value=base.value if base else None,
            target=10.0,
            at_most=True,
            note=f"{wall:.1f} s, {peak:.2f} GiB",
        ),
    )
    sizes = [edges // 10, edges] if quick else [edges // 10, edges, 10 * edges]
    costs = []
    for size in sizes:
        if size == edges:
            costs.append((cpu, peak))
            continue
        grown = write_graph(folder / f"grown-{size}", size // 10, size, seeds, files=8)
        cost, wall, peak = ours(grown)
        costs.append((cost, peak))
        table.append(
            Row(
                name=f"{size:,} edges",
                value=cost,
                unit="CPU s",
                note=f"{wall:.1f} s, {peak:.2f} GiB",
            )
        )
    # From the second size on: the first is all start-up.
    exponent = math.log(costs[-1][0] / costs[-2][0]) / math.log(sizes[-1] / sizes[-2])
    bound = {"at_most": True}
    name = "growth with the edges, exponent"
    table.append(Row(name=name, value=exponent, unit="", target=1.1, **bound))
    table.append(Row(name="memory", value=costs[-1][1], unit="GiB", target=6.0, **bound))
    table += star(quick, folder)
    table += beside_tf_gnn(quick, folder)
    return table


def star(quick: bool, folder: Path) -> list[Row]:
    """A hub that all seeds reach."""
    nodes, hub = (20_000, 500_000) if quick else (1_000_000, 10_000_000)
    table = []
    for name, options in (
        ("uniform", {}),
        ("weighted", {"weighted": True}),
        ("temporal", {"timed": True}),
    ):
        graph = write_graph(
            folder / f"star-{name}", nodes, nodes, nodes, hub=hub, star=True, **options
        )
        job = {"fanouts": (2, 3), "shards": max(nodes // 5000, 4), "hub_edges": hub // 10}
        cpu, wall, peak = ours(graph, **options, **job)
        label = f"{nodes:,} seeds that all reach a hub of {hub:,} edges, {name}"
        table.append(Row(name=label, value=cpu, unit="CPU s", note=f"{wall:.1f} s, {peak:.2f} GiB"))
    return table


def beside_tf_gnn(quick: bool, folder: Path) -> list[Row]:
    """20,000 nodes, 100,000 edges, every node a seed."""
    nodes, edges = 20_000, 100_000
    graph = write_graph(folder / "small", nodes, edges, nodes, feature=True, files=1)
    cpu, _, _ = ours(graph, shards=8)
    few, many = (100, 500) if quick else (200, 1_000)
    costs = tf_gnn(graph, few), tf_gnn(graph, many)
    each = (costs[1] - costs[0]) / (many - few)
    fixed = costs[0] - few * each
    # A line that does not rise was not measured: no rate follows from it.
    theirs = nodes / (fixed + nodes * each) if each > 0 else None
    note = f"TF-GNN: {fixed:.0f} CPU s and {1000 * each:.1f} CPU ms a seed"
    rate = nodes / cpu
    return [
        Row(
            name="seeds per CPU second, every node a seed",
            value=rate,
            unit="seeds/CPU s",
            baseline="TF-GNN's Beam sampler",
            baseline_value=theirs,
            target=None if theirs is None else 50 * theirs,
            note=note,
        )
    ]


def main() -> None:
    """Prints the table."""
    known = arguments(__doc__ or "")
    with tempfile.TemporaryDirectory() as folder:
        table = rows(known.quick, Path(folder))
    used = versions("apache-beam", "pyarrow", "tensorflow-gnn", "duckdb", "polars")
    show(table, as_json=known.json, sizes={"cores": 2, "runner": "FnApiRunner"}, used=used)


if __name__ == "__main__":
    main()
