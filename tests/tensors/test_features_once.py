"""Batches from samples of ids and a feature store are those from samples that hold the features."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tfgnn_ext.graph import read_schema
from tfgnn_ext.sampling import (
    FeatureStore,
    SampleSubgraphs,
    SamplingOp,
    SamplingPlan,
    SeedColumns,
    WriteSamples,
    sampled_files,
)
from tfgnn_ext.tensors import ExampleBatches

PAPERS, CITES, WIDTH = 211, 1511, 1000
SCHEMA = """
node_sets { key: "paper" value { metadata { filename: "paper.parquet"
    extra { key: "times" value: "awarded" } extra { key: "known_at.prize" value: "awarded" } }
  features { key: "wide" value { dtype: DT_FLOAT shape { dim { size: 1000 } } } }
  features { key: "venue" value { dtype: DT_STRING } }
  features { key: "words" value { dtype: DT_STRING shape { dim { size: 3 } } } }
  features { key: "prize" value { dtype: DT_FLOAT } }
  features { key: "topic" value { dtype: DT_INT64 } } } }
edge_sets { key: "cites" value { source: "paper" target: "paper"
  metadata { filename: "cites.parquet" } } }
"""
PLAN = SamplingPlan(
    seed_node_set="paper",
    ops=(
        SamplingOp(name="a", edge_set="cites", fanout=5),
        SamplingOp(name="b", edge_set="cites", fanout=3, inputs=("a",)),
    ),
)


def write_tables(folder: Path) -> None:
    random = np.random.default_rng(1)
    ids = [f"p{number:03d}" for number in random.permutation(PAPERS)]
    wide = pa.array(random.normal(size=PAPERS * WIDTH).astype(np.float32))
    words = pa.array(random.choice(["graph", "node", "ätt"], PAPERS * 3).tolist())
    paper = {
        "id": ids,
        "wide": pa.FixedSizeListArray.from_arrays(wide, WIDTH),
        "venue": random.choice(["ICML", "KDD"], PAPERS),
        "words": pa.FixedSizeListArray.from_arrays(words, 3),
        "prize": random.normal(size=PAPERS).astype(np.float32),
        "awarded": random.integers(0, 100, PAPERS),
        "topic": random.integers(0, 3, PAPERS),
    }
    pq.write_table(pa.table(paper), folder / "paper.parquet")
    ends = random.integers(0, PAPERS, (2, CITES))
    cites = {
        name: [ids[i] for i in end] for name, end in zip(("source", "target"), ends, strict=True)
    }
    pq.write_table(pa.table(cites), folder / "cites.parquet")
    times = random.integers(0, 100, PAPERS)
    pq.write_table(pa.table({"id": ids, "time": times}), folder / "seeds.parquet")
    (folder / "schema.pbtxt").write_text(SCHEMA)


def write_samples(folder: Path, features: str) -> Path:
    sampling = SampleSubgraphs(
        schema=folder / "schema.pbtxt", plan=PLAN, seeds=folder / "seeds.parquet", shards=2,
        seed_columns=SeedColumns(time="time"), blocks=3, features=features,
    )  # fmt: skip
    out = folder / features
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = pipeline | sampling | WriteSamples(out, sampling)
    return out


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.mark.slow
def test_batches_are_equal_and_files_smaller(tmp_path: Path) -> None:
    write_tables(tmp_path)
    inline, once = (write_samples(tmp_path, features) for features in ("inline", "once"))

    def batches(out: Path, store: FeatureStore | None) -> list[bytes]:
        found = ExampleBatches(
            read_schema(out / "schema.pbtxt"), sampled_files(out), label="topic", batch_size=8,
            store=store,
        )  # fmt: skip
        data = found.dataset(
            lambda step: (np.arange(8) + 8 * step, np.ones(8, np.float32), 0), 0, 5
        )
        tensors = [tf.nest.flatten(batch, expand_composites=True) for batch in data]
        assert len(found.seeds) == PAPERS
        return [tf.io.serialize_tensor(part).numpy() for batch in tensors for part in batch]

    expected = batches(inline, None)
    assert batches(once, FeatureStore(once)) == expected
    # Not so with the samples of ids alone: they hold no label.
    with pytest.raises(ValueError, match="the seed must have a label 'topic'"):
        batches(once, None)
    # A sample holds up to 1 + 5 + 15 nodes of 4 kB, and the store each node once.
    assert size_of(once) < size_of(inline) / 6
