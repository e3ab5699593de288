"""The Beam engine writes the in-memory engine's bytes, whatever the runner and the sharding."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tests.beam.shops import PLAN, SHORT, expected, write_shop, written
from tfgnn_ext.graph import Graph
from tfgnn_ext.sampling import InMemorySampler, RecordFile, SamplingOp, sampled_files
from tfgnn_ext.sampling.beam import SampleSubgraphs, WriteSamples
from tfgnn_ext.sampling.table_blocks import SeedColumns

COLUMNS = SeedColumns(time="when")


def run(  # type: ignore[no-untyped-def]
    schema: Path, out: Path, *, workers=1, plan=PLAN, runner=None, counted=False, **options
):
    """Runs the job; returns its directory, or what it counted."""
    sampling = SampleSubgraphs(
        schema=schema,
        plan=plan,
        seeds=schema.parent / "seeds-*.parquet",
        **{"seed_columns": COLUMNS, "shards": 3, **options},
    )
    flags = [f"--direct_num_workers={workers}", "--direct_running_mode=multi_threading"]
    pipeline = beam.Pipeline(runner=runner or FnApiRunner(), options=PipelineOptions(flags))
    _ = pipeline | sampling | WriteSamples(out, sampling)
    result = pipeline.run()
    result.wait_until_finish()
    if counted:
        counters = result.metrics().query()["counters"]
        totals: dict[str, int] = {}
        for counter in counters:
            name = counter.key.metric.name
            totals[name] = totals.get(name, 0) + counter.result
        return totals
    return out


@pytest.mark.parametrize(
    ("workers", "blocks", "shards", "strings"), [(1, 1, 1, True), (4, 5, 3, True), (1, 7, 2, False)]
)
def test_bytes_are_those_of_the_in_memory_engine(
    tmp_path: Path, workers: int, blocks: int, shards: int, strings: bool
) -> None:
    schema = write_shop(tmp_path / "graph", order=blocks, shards=shards, strings=strings)
    out = run(schema, tmp_path / "out", workers=workers, blocks=blocks, shards=shards)
    assert written(out) == expected(schema)


def test_a_node_set_may_be_called_seeds(tmp_path: Path) -> None:
    schema = write_shop(tmp_path / "graph")
    schema.write_text(schema.read_text().replace('"item"', '"seeds"'))
    out = run(schema, tmp_path / "out", blocks=3)
    assert written(out) == expected(schema)


def rewrite(schema: Path, name: str, change) -> Path:  # type: ignore[no-untyped-def]
    """Changes the first file of a table."""
    path = sorted(schema.parent.glob(f"{name}-*.parquet"))[0]
    pq.write_table(change(pq.read_table(path)), path)
    return path


def with_value(table: pa.Table, column: str, row: int, value: object) -> pa.Table:
    values = table[column].to_pylist()
    values[row] = value
    index = table.column_names.index(column)
    return table.set_column(index, column, pa.array(values, table[column].type))


def dangle(table: pa.Table) -> pa.Table:
    return with_value(table, "target", 3, 123456789)


def repeat(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table.slice(4, 1)])


# Table, what is wrong with it, and what the error says of the place.
FAULTS = [
    ("likes", dangle, r"column 'target' .*123456789 at .*likes-00000-of-00002.parquet, row 3"),
    ("bought", lambda t: with_value(t, "source", 5, "nobody"), r"'source' .*'nobody' at .*row 5"),
    ("item", repeat, r"unique ids. Got -?\d+ again at .*item-00000-of-00002.parquet, row 14"),
    ("seeds", lambda t: with_value(t, "id", 2, "nobody"), r"seeds table: .*'nobody' at .*row 2"),
    (
        "item",
        lambda t: with_value(t, "price", 3, float("inf")),
        r"feature 'price' must be finite .*row 3",
    ),
    ("item", lambda t: t.drop_columns(["brand"]), r"item-00000.*must have a column 'brand'"),
    (
        "likes",
        lambda t: t.set_column(0, "source", pa.array(range(len(t)))),
        r"'source' must hold string ids .*Got int64 at .*likes-00000-of-00002.parquet, row 0",
    ),
]


@pytest.mark.parametrize(("name", "change", "says"), FAULTS)
def test_what_is_wrong_names_file_and_row(tmp_path: Path, name, change, says) -> None:  # type: ignore[no-untyped-def]
    schema = write_shop(tmp_path / "graph")
    rewrite(schema, name, change)
    with pytest.raises(Exception, match=says):
        run(schema, tmp_path / "out", plan=SHORT, blocks=1)
    with pytest.raises(ValueError, match=r"Got no manifest.json"):
        sampled_files(tmp_path / "out")


def test_a_corrupt_shard_is_named(tmp_path: Path) -> None:
    schema = write_shop(tmp_path / "graph")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text("{}")  # Of an older job: it must not stay.
    path = sorted(schema.parent.glob("likes-*.parquet"))[1]
    raw = bytearray(path.read_bytes())
    group = pq.read_metadata(path).row_group(1)
    begin, size = group.column(0).dictionary_page_offset, group.column(0).total_compressed_size
    raw[begin : begin + size] = bytes(size)
    path.write_bytes(raw)
    # A row group has 40 rows.
    says = r"likes-00001-of-00002.parquet, rows 40 to \d+: must be a readable table"
    with pytest.raises(Exception, match=says):
        run(schema, tmp_path / "out", plan=SHORT, blocks=1)
    with pytest.raises(ValueError, match=r"Got no manifest.json"):
        sampled_files(tmp_path / "out")


def test_dropped_rows_are_as_if_they_had_never_been(tmp_path: Path) -> None:
    clean = write_shop(tmp_path / "clean")
    broken = write_shop(tmp_path / "broken")
    extra = pa.table(
        {
            "source": ["nobody", pq.read_table(next(clean.parent.glob("likes-*")))["source"][0]],
            "target": pa.array([5, 123456789], pa.int64()),
            "weight": pa.array([1, 1], pa.float32()),
            "when": [1, 2],
        }
    ).cast(pq.read_schema(next(clean.parent.glob("likes-*"))))
    rewrite(broken, "likes", lambda t: pa.concat_tables([t, extra]))
    rewrite(broken, "item", repeat)
    rewrite(
        broken, "seeds", lambda t: pa.concat_tables([t, with_value(t.slice(0, 1), "id", 0, "no")])
    )
    counters = run(broken, tmp_path / "out", plan=SHORT, blocks=2, policy="drop", counted=True)
    assert written(tmp_path / "out") == expected(clean, SHORT)
    # One edge to no item, and its reversed one to no user; the ends without a node; one seed.
    assert counters["unknown_seeds"] == 1
    assert counters["dropped_nodes"] == 1
    assert counters["dangling_edges"] == 4


def test_a_rerun_writes_the_same_files(tmp_path: Path) -> None:
    schema = write_shop(tmp_path / "graph")
    out = run(schema, tmp_path / "out", plan=SHORT, blocks=3)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "samples-00001-of-00003.tfrecord").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"samples-00001-of-00003.tfrecord: must have \d+ bytes"):
        sampled_files(out)
    again = write_shop(tmp_path / "again", order=9, shards=3)
    run(again, out, plan=SHORT, blocks=5, runner=FnApiRunner(bundle_repeat=1))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_splits_epochs_and_empty_shards(tmp_path: Path) -> None:
    schema = write_shop(tmp_path / "graph")
    columns = SeedColumns(time="when", split="split", splits=("validation",))
    out = run(schema, tmp_path / "out", plan=SHORT, shards=9, epoch=1, seed_columns=columns)
    assert [path.name[:11] for path in sampled_files(out)] == ["validation-"] * 9
    # Every third user, and two of the six that are seeds again.
    assert len(written(out)) == 5 + 2 + 1
    assert set(written(out)) < set(expected(schema, SHORT, epoch=1))
    assert not set(written(out)) <= set(expected(schema, SHORT, epoch=0))
    assert min(len(RecordFile(path)) for path in sampled_files(out)) == 0


def test_manifest_counts_what_the_files_hold(tmp_path: Path) -> None:
    schema = write_shop(tmp_path / "graph")
    out = run(schema, tmp_path / "out", plan=SHORT)
    manifest = json.loads((out / "manifest.json").read_text())
    sampler = InMemorySampler(Graph.read(schema), SHORT)
    seeds = pa.concat_tables([pq.read_table(p) for p in sorted(schema.parent.glob("seeds-*"))])
    rows = sampler.graph.node_sets["user"].rows(seeds["id"].to_pylist())
    batch = sampler.sample(rows, np.asarray(seeds["when"]))
    assert manifest["components"] == len(rows)
    for name, sizes in (*batch.node_sizes.items(), *batch.edge_sizes.items()):
        found = {**manifest["nodes"], **manifest["edges"]}[name]
        assert found["mean"] == round(float(sizes.mean()), 3)
        assert (found["p0"], found["p100"]) == (sizes.min(), sizes.max())


def test_a_worker_loads_no_tensorflow(tmp_path: Path) -> None:
    schema = write_shop(tmp_path / "graph")
    code = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "tensorflow_gnn", "keras", "tf_keras"):
            raise ImportError("a worker must not load " + name)

sys.meta_path.insert(0, Refuse())
from pathlib import Path
from tests.sampling.test_beam import SHORT, run
run(Path({str(schema)!r}), Path({str(tmp_path / "out")!r}), plan=SHORT)
bad = {{"tensorflow", "tensorflow_gnn", "keras", "tf_keras"}} & set(sys.modules)
sys.exit(repr(bad) if bad else 0)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
    assert written(tmp_path / "out") == expected(schema, SHORT)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"shards": 0}, "`shards` of `SampleSubgraphs` must be an int >= 1. Got 0."),
        ({"policy": "skip"}, "`policy` of `SampleSubgraphs` must be error or drop. Got 'skip'."),
        ({"seed_columns": SeedColumns()}, "`time` of `SeedColumns` must be given"),
    ],
)
def test_options_are_checked_when_given(tmp_path: Path, options, says: str) -> None:  # type: ignore[no-untyped-def]
    schema = write_shop(tmp_path / "graph")
    with pytest.raises(ValueError, match=re.escape(says)):
        run(schema, tmp_path / "out", **options)


def test_hubs_in_slices_draw_what_blocks_draw(tmp_path: Path) -> None:
    """Nearly every source is a hub here, and weighted ones reach every way that draws end."""
    more = (
        # Many repeats: the values beyond the first few are asked too, and the remainder is drawn.
        SamplingOp(name="many", edge_set="likes", fanout=20, strategy="weighted", by="weight"),
        SamplingOp(name="late", edge_set="bought", fanout=25, strategy="weighted", by="weight"),
        SamplingOp(name="all", edge_set="bought", strategy="full"),
        SamplingOp(name="wide", edge_set="likes", fanout=40),
    )
    plan = dataclasses.replace(PLAN, ops=(*PLAN.ops, *more))
    schema = write_shop(tmp_path / "graph")
    options = {"plan": plan, "blocks": 2, "shards": 2, "hub_edges": 5, "counted": True}
    counters = run(schema, tmp_path / "out", **options)
    assert written(tmp_path / "out") == expected(schema, plan)
    assert min(counters["weighted_again"], counters["weighted_rest"]) > 0
