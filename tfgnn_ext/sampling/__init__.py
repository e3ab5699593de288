"""Sampling: one keyed kernel, the same bytes on every engine.

`SampleSubgraphs` and `WriteSamples` need Apache Beam, and load when they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tfgnn_ext.graph.read_examples import read_examples
from tfgnn_ext.graph.tfrecord import RecordFile, write_records
from tfgnn_ext.sampling.examples import write_examples
from tfgnn_ext.sampling.known_features import known_features
from tfgnn_ext.sampling.manifest import sampled_files
from tfgnn_ext.sampling.memory import InMemorySampler
from tfgnn_ext.sampling.packing import Layout, Sizes
from tfgnn_ext.sampling.plan import STRATEGIES, SamplingOp, SamplingPlan, Strategy
from tfgnn_ext.sampling.sample_schema import sample_schema
from tfgnn_ext.sampling.sampled_batch import SampledBatch
from tfgnn_ext.sampling.sampling_spec import (
    parse_sampling_spec,
    plan_from_spec,
    plan_to_spec,
    read_sampling_spec,
    write_sampling_spec,
)
from tfgnn_ext.sampling.table_blocks import SeedColumns

if TYPE_CHECKING:
    from tfgnn_ext.sampling.beam import SampledShard, SampleSubgraphs, WriteSamples

__all__ = [
    "STRATEGIES",
    "InMemorySampler",
    "Layout",
    "RecordFile",
    "SampleSubgraphs",
    "SampledBatch",
    "SampledShard",
    "SamplingOp",
    "SamplingPlan",
    "SeedColumns",
    "Sizes",
    "Strategy",
    "WriteSamples",
    "known_features",
    "parse_sampling_spec",
    "plan_from_spec",
    "plan_to_spec",
    "read_examples",
    "read_sampling_spec",
    "sample_schema",
    "sampled_files",
    "write_examples",
    "write_records",
    "write_sampling_spec",
]

_BEAM = ("SampleSubgraphs", "SampledShard", "WriteSamples")


def __getattr__(name: str) -> Any:
    if name not in _BEAM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.beam"), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "apache_beam":
            raise
        raise ImportError(
            f"`{name}` of `tfgnn_ext.sampling` needs the extra beam: pip install 'tfgnn-ext[beam]'."
        ) from None
