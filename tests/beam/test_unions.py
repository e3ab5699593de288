"""Unions read nothing that other unions read or make: Beam's Java runners lose it."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
from apache_beam.portability import common_urns
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tests.beam import test_links as links
from tests.beam.shops import PLAN, write_shop
from tfgnn_ext.sampling import SampleSubgraphs, SeedColumns, WriteSamples


def entangled(pipeline: beam.Pipeline) -> list[str]:
    """The names of the unions that read what another one reads or makes."""
    transforms = pipeline.to_runner_api().components.transforms.values()
    unions = [t for t in transforms if t.spec.urn == common_urns.primitives.FLATTEN.urn]
    found = []
    for union in unions:
        others = [other for other in unions if other is not union]
        made = {name for other in others for name in other.outputs.values()}
        read = {name for other in others for name in other.inputs.values()}
        if (made | read) & set(union.inputs.values()):
            found.append(union.unique_name)
    return found


def test_entangled_unions_are_found() -> None:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    parts = [pipeline | str(number) >> beam.Create([number]) for number in range(3)]
    inner = parts[:2] | "Inner" >> beam.Flatten()
    _ = (inner, parts[2]) | "Outer" >> beam.Flatten()
    assert entangled(pipeline) == ["Outer"]
    _ = parts[1:] | "Other" >> beam.Flatten()
    assert set(entangled(pipeline)) == {"Inner", "Outer", "Other"}


def test_jobs_have_none(tmp_path: Path) -> None:
    nodes = write_shop(tmp_path / "nodes")
    pairs = links.write_pairs(tmp_path / "pairs", "reversed", order=1, shards=2)
    links.hard(pairs)
    jobs = (
        SampleSubgraphs(
            schema=nodes, plan=PLAN, seeds=nodes.parent / "seeds-*.parquet", hub_edges=20,
            seed_columns=SeedColumns(time="when"), features="once",
        ),
        SampleSubgraphs(
            schema=pairs, plan=links.PLANS["reversed"], seeds=pairs.parent / "seeds-*.parquet",
            negatives=links.NEGATIVES["reversed"], tables={"t": "hard"}, hub_edges=5,
            seed_columns=links.COLUMNS,
        ),
    )  # fmt: skip
    for sampling in jobs:
        pipeline = beam.Pipeline(runner=FnApiRunner())
        _ = pipeline | sampling | WriteSamples(tmp_path / "out", sampling)
        assert entangled(pipeline) == []
