"""The Beam engine writes the in-memory engine's bytes, whatever the runner and the sharding."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tests.beam.shops import PLAN, expected, write_shop, written
from tfgnn_ext.sampling.beam import SampleSubgraphs, WriteSamples
from tfgnn_ext.sampling.table_blocks import SeedColumns

COLUMNS = SeedColumns(time="when")


def run(schema: Path, out: Path, *, workers: int = 1, plan=PLAN, runner=None, **options):  # type: ignore[no-untyped-def]
    sampling = SampleSubgraphs(
        schema=schema,
        plan=plan,
        seeds=schema.parent / "seeds-*.parquet",
        **{"seed_columns": COLUMNS, "shards": 3, **options},
    )
    flags = [f"--direct_num_workers={workers}", "--direct_running_mode=multi_threading"]
    with beam.Pipeline(runner=runner or FnApiRunner(), options=PipelineOptions(flags)) as pipeline:
        pipeline | sampling | WriteSamples(out, sampling)
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
