"""The model of shuffled bytes against the bytes that a job shuffles."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.metrics import Metrics
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tfgnn_ext.sampling import SamplingOp, SamplingPlan
from tfgnn_ext.sampling.beam import SampleSubgraphs, WriteSamples
from tfgnn_ext.sampling.placing.beam import PlaceTables
from tfgnn_ext.sampling.shuffle_volume import SetSize, shuffle_volume

NODES, EDGES, SEEDS, WIDTH = 100_000, 1_000_000, 1_200, 5
SCHEMA = """
node_sets { key: "n" value { metadata { filename: "n.parquet" }
  features { key: "x" value { dtype: DT_FLOAT shape { dim { size: 5 } } } } } }
edge_sets { key: "e" value { source: "n" target: "n" metadata { filename: "e.parquet" }
  features { key: "w" value { dtype: DT_FLOAT shape {} } } } }
"""
PLAN = SamplingPlan(
    seed_node_set="n",
    ops=(
        SamplingOp(name="a", edge_set="e", fanout=4),
        SamplingOp(name="b", edge_set="e", fanout=3, inputs=("a",)),
    ),
)


def write(folder: Path) -> None:
    random = np.random.default_rng(0)
    x = pa.FixedSizeListArray.from_arrays(pa.array(random.random(NODES * WIDTH)), WIDTH)
    pq.write_table(pa.table({"id": np.arange(NODES), "x": x}), folder / "n.parquet")
    ends = random.integers(0, NODES, (2, EDGES))
    edges = {"source": ends[0], "target": ends[1], "w": random.random(EDGES)}
    pq.write_table(pa.table(edges), folder / "e.parquet")
    pq.write_table(pa.table({"id": np.arange(SEEDS)}), folder / "seeds.parquet")
    (folder / "schema.pbtxt").write_text(SCHEMA)


def counted(row: tuple[int, bytes], name: str) -> tuple[int, bytes]:
    Metrics.counter("bytes", name).inc(len(row[1]))
    return row


def counted_ids(row: tuple[int, tuple[str, bytes]]) -> tuple[int, tuple[str, bytes]]:
    tag, packed = row[1]
    Metrics.counter("bytes", f"Ids/{tag}").inc(len(packed))
    return row


def shuffled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The bytes that go into each join and each grouping, by its label and tag."""
    meet, place = beam.CoGroupByKey.expand, PlaceTables.expand

    def tapped(part, name: str):  # type: ignore[no-untyped-def]
        tap = beam.Map(counted, name).with_output_types(tuple[int, bytes])
        return part | f"Count {name}" >> tap

    def expand_meet(self, parts):  # type: ignore[no-untyped-def]
        pipeline = next(iter(parts.values())).pipeline
        label = pipeline._current_transform().full_label.partition("/")[2]
        return meet(self, {tag: tapped(p, f"{label}/{tag}") for tag, p in parts.items()})

    def expand_place(self, begin):  # type: ignore[no-untyped-def]
        placed, ids, hubs = place(self, begin)
        placed["e"] = placed["e"]._replace(rows=tapped(placed["e"].rows, "Group edges e"))
        return placed, ids | beam.Map(counted_ids).with_output_types(ids.element_type), hubs

    monkeypatch.setattr(beam.CoGroupByKey, "expand", expand_meet)
    monkeypatch.setattr(PlaceTables, "expand", expand_place)
    sampling = SampleSubgraphs(
        schema=folder / "schema.pbtxt", plan=PLAN, seeds=folder / "seeds.parquet", shards=2,
        blocks=2,
    )  # fmt: skip
    pipeline = beam.Pipeline(runner=FnApiRunner())
    _ = pipeline | sampling | WriteSamples(folder / "out", sampling)
    result = pipeline.run()
    result.wait_until_finish()
    found: Counter[str] = Counter()
    for counter in result.metrics().query()["counters"]:
        if counter.key.metric.namespace == "bytes":
            found[counter.key.metric.name] += counter.result
    return found


def test_the_model_is_within_a_tenth_of_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    found = shuffled(tmp_path, monkeypatch)
    steps = {
        "edges e": (
            "Group edges e",
            "Ids/targets of e",
            "Ids/sources of e",
        ),
        "operation a": ("Draw a/Meet/edges", "Draw a/Meet/requests", "Gather/o:a"),
        "operation b": ("Draw b/Meet/edges", "Draw b/Meet/requests", "Gather/o:b"),
        "nodes n": (
            "Nodes n of shards/Meet/nodes",
            "Nodes n of shards/Meet/requests",
            "Ids/nodes of n",
            "Gather/n:n",
        ),
    }
    sizes = {
        "n": SetSize(rows=NODES, id_bytes=4, gap_bytes=1, feature_bytes=4 * WIDTH),
        "e": SetSize(rows=EDGES, id_bytes=4, feature_bytes=4),
    }
    ends = {"e": ("n", "n")}
    model = shuffle_volume(PLAN, ends, sizes, SEEDS)
    assert set(model) == {*steps, "total"}
    for step, parts in steps.items():
        assert min(found[part] for part in parts) > 0
        assert sum(found[part] for part in parts) == pytest.approx(model[step], rel=0.1), step
    # A model that forgets the features must not pass.
    forgotten = {**sizes, "n": dataclasses.replace(sizes["n"], feature_bytes=0)}
    bare = shuffle_volume(PLAN, ends, forgotten, SEEDS)
    assert sum(found[part] for part in steps["nodes n"]) != pytest.approx(bare["nodes n"], rel=0.1)
