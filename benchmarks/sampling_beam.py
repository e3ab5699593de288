"""Sampling on Beam's local runner: CPU seconds and memory, beside TF-GNN's sampler and SQL engines.

Each job is a process of its own, reading Parquet and writing TFRecords; its children count too.
TF-GNN's own Beam sampler is measured at two numbers of seeds: the line through both gives its fixed
cost and its cost a seed. DuckDB and Polars do the two joins alone: they draw nothing and write no
samples. They may stand in another environment, whose Python $TFGNN_EXT_PEERS names.
"""

from __future__ import annotations

import dataclasses
import json
import math
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.peers import peers_python
from benchmarks.rows import Row, parser_of, show, versions

SCHEMA = """
node_sets {{ key: "n" value {{ {features} metadata {{ filename: "nodes.parquet@{files}" }} }} }}
edge_sets {{ key: "e" value {{ source: "n" target: "n" metadata {{ filename: "edges.parquet@{files}"
  {extra} }} {edge_features} }} }}
"""
FEATURE = 'features {{ key: "{name}" value {{ dtype: DT_FLOAT shape {{ {shape} }} }} }}'


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
    width: int = 1,
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
            values = random.random(len(part) * width).astype(np.float32)
            columns["x"] = (
                values if width == 1 else pa.FixedSizeListArray.from_arrays(pa.array(values), width)
            )
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
    shape = f"dim {{ size: {width} }}" if width > 1 else ""
    schema = SCHEMA.format(
        files=files,
        features=FEATURE.format(name="x", shape=shape) if feature else "",
        extra='extra { key: "time" value: "time" }' if timed else "",
        edge_features=FEATURE.format(name="weight", shape="") if weighted else "",
    )
    (folder / "schema.pbtxt").write_text(schema)
    return folder


_OURS = """
import json, sys
import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfgnn_ext.sampling import SampleSubgraphs, SamplingOp, SamplingPlan, SeedColumns, WriteSamples

folder, options = sys.argv[1], json.loads(sys.argv[2])
loads = {"blocks, edges": {}, "hubs' slices, edges": {}, "hubs' slices, draws asked": {}}

def measured():  # How full blocks and slices are, counted where they are built and asked.
    import tfgnn_ext.sampling.hub.beam as hubs
    import tfgnn_ext.sampling.placing.beam as placing
    build, met = placing.build_adjacency, hubs._met

    def counting_build(parts):
        built = build(parts)
        sources, edges = len(built["source"]), int(built["begin"][-1])
        kind = "hubs' slices, edges" if sources == 1 else "blocks, edges"
        loads[kind][len(loads[kind])] = edges
        return built

    def counting_met(group):
        for place, edges, asked in met(group):
            load = loads["hubs' slices, draws asked"]
            load[place] = load.get(place, 0) + len(asked["hub"])
            yield place, edges, asked

    placing.build_adjacency, hubs._met = counting_build, counting_met

if options.pop("loads"):
    measured()
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
if any(loads.values()):
    with open(folder + "/loads.json", "w") as file:
        json.dump({kind: list(load.values()) for kind, load in loads.items() if load}, file)
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


def ours(folder: Path, **options: Any) -> Any:
    """Samples a graph's seeds with fan-outs 10 and 5."""
    fields = {"fanouts": (10, 5), "timed": False, "weighted": False, "shards": 10, "loads": False}
    fields.update(options)
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
        return run(peers_python(), "-c", code, str(folder))
    except subprocess.CalledProcessError:
        return None


def tf_gnn(folder: Path, seeds: int) -> float:
    """CPU seconds of TF-GNN's Beam sampler on a graph's first seeds; it reads CSV tables."""
    from benchmarks.tf_gnn_beam import write_inputs

    inputs = write_inputs(folder, seeds)
    # Its files lie beside the inputs.
    return run(sys.executable, "-m", "benchmarks.tf_gnn_beam", str(inputs))[0]


def growing(quick: bool, folder: Path) -> Iterator[Row]:
    """The same seeds on graphs of more and more edges, beside the joins alone on the middle one."""
    nodes, edges, seeds = (100_000, 1_000_000, 2_000) if quick else (1_000_000, 10_000_000, 10_000)
    costs = []
    sizes = [edges // 10, edges] if quick else [edges // 10, edges, 10 * edges]
    bound = {"at_most": True}
    for size in sizes:
        graph = write_graph(folder / f"grown-{size}", size * nodes // edges, size, seeds)
        if not costs:
            ours(graph)  # Compiles.
        found = [ours(graph) for _ in range(3 if size == edges and not quick else 1)]
        cpu, wall, peak = sorted(found)[len(found) // 2]
        costs.append((cpu, peak))
        note = f"{wall:.1f} s, {peak:.2f} GiB"
        if size == edges:
            name = f"{seeds:,} seeds, {nodes:,} nodes, {edges:,} edges, fan-outs 10 and 5"
            yield Row(name=name, value=cpu, unit="CPU s", target=10.0, note=note, **bound)
            for engine in ("duckdb", "polars"):
                joined = joins(engine, graph)
                missing = "" if joined else f"{engine} is not installed"
                cost = None if joined is None else joined[0]
                note = missing or f"{joined[1]:.1f} s" if joined else missing
                yield Row(name=f"two joins by {engine}", value=cost, unit="CPU s", note=note)
        else:
            yield Row(name=f"{size:,} edges", value=cpu, unit="CPU s", note=note)
        shutil.rmtree(graph)
    # From the second size on: the first is all start-up.
    exponent = math.log(costs[-1][0] / costs[-2][0]) / math.log(sizes[-1] / sizes[-2])
    name = "growth with the edges, exponent"
    yield Row(name=name, value=exponent, unit="", target=1.1, **bound)
    yield Row(name="memory", value=costs[-1][1], unit="GiB", target=6.0, **bound)


def star(quick: bool, folder: Path, share: float = 1.0) -> Iterator[Row]:
    """A hub that all seeds reach: cost, memory, and the fullest slice beside the median."""
    nodes, hub = (20_000, 500_000) if quick else (int(1e6 * share), int(1e7 * share))
    job = {"fanouts": (2, 3), "shards": max(nodes // 5000, 4), "hub_edges": hub // 10}
    for name, options in (
        ("uniform", {}),
        ("weighted", {"weighted": True}),
        ("temporal", {"timed": True}),
    ):
        graph = write_graph(folder / name, nodes, nodes, nodes, hub=hub, star=True, **options)
        cpu, wall, peak = ours(graph, loads=True, **options, **job)
        label = f"{nodes:,} seeds that all reach a hub of {hub:,} edges, {name}"
        yield Row(name=label, value=cpu, unit="CPU s", note=f"{wall:.1f} s, {peak:.2f} GiB")
        loads = json.loads((graph / "loads.json").read_text())
        for kind, load in loads.items():
            ratio = max(load) / statistics.median(load)
            note = f"{len(load)}, median {statistics.median(load):,.0f}"
            row = Row(name=f"fullest of {kind}, times the median", value=ratio, unit="", note=note)
            yield dataclasses.replace(row, target=2.0, at_most=True)
        shutil.rmtree(graph)


def beside_tf_gnn(quick: bool, folder: Path) -> Iterator[Row]:
    """20,000 nodes, 100,000 edges, every node a seed."""
    nodes, edges = 20_000, 100_000
    graph = write_graph(folder / "small", nodes, edges, nodes, feature=True, files=1)
    cpu = statistics.median(ours(graph, shards=8)[0] for _ in range(1 if quick else 3))
    few, many = (100, 500) if quick else (200, 10_000)
    costs = tf_gnn(graph, few), tf_gnn(graph, many)
    each = (costs[1] - costs[0]) / (many - few)
    fixed = costs[0] - few * each
    # A line that does not rise was not measured: no rate follows from it.
    theirs = nodes / (fixed + nodes * each) if each > 0 else None
    note = f"ours {cpu:.1f} CPU s; TF-GNN {costs[0]:.0f} for {few:,} seeds, {costs[1]:.0f} for "
    note += f"{many:,}: {fixed:.0f} CPU s and {1000 * each:.1f} CPU ms a seed"
    yield Row(
        name="seeds per CPU second, every node a seed",
        value=nodes / cpu,
        unit="seeds/CPU s",
        baseline="TF-GNN's Beam sampler",
        baseline_value=theirs,
        target=None if theirs is None else 50 * theirs,
        note=note,
    )


def once(quick: bool, folder: Path) -> Iterator[Row]:
    """Features in every sample, or once: bytes on disk, nodes with 1,000 floats each."""
    nodes, seeds = (2_000, 200) if quick else (20_000, 2_000)
    graph = write_graph(folder / "wide", nodes, 5 * nodes, seeds, feature=True, width=1000, files=2)
    sizes = {}
    for features in ("inline", "once"):
        cpu, _, peak = ours(graph, features=features, shards=4)
        sizes[features] = sum(path.stat().st_size for path in (graph / "out").iterdir()) / 2**20
        note = f"{cpu:.1f} CPU s, {peak:.2f} GiB"
        name = f"{seeds:,} samples of nodes with 1,000 floats, features {features}"
        yield Row(name=name, value=sizes[features], unit="MiB", note=note)
        shutil.rmtree(graph / "out")
    yield Row(name="saved on disk", value=sizes["inline"] / sizes["once"], unit="times")


PARTS = {"growing": growing, "star": star, "tf_gnn": beside_tf_gnn, "once": once}


def main() -> None:
    """Prints the table."""
    parser = parser_of(__doc__ or "")
    parser.add_argument("--only", choices=tuple(PARTS), help="one part")
    parser.add_argument("--share", type=float, default=1.0, help="of the star's size")
    known = parser.parse_args()
    used = versions("apache-beam", "pyarrow", "tensorflow-gnn")
    for name, part in PARTS.items():
        if known.only in (None, name):
            more = {"share": known.share} if part is star else {}
            table = []
            with tempfile.TemporaryDirectory() as folder:
                for row in part(known.quick, Path(folder), **more):
                    table.append(row)
                    print(f"... {row.name}: {row.value} {row.note}", file=sys.stderr, flush=True)
            show(table, as_json=known.json, sizes={"cores": 2, "runner": "FnApiRunner"}, used=used)


if __name__ == "__main__":
    main()
