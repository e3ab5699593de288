"""Sampling: one keyed kernel, the same bytes on every engine.

A plan is there at once; the kernel's compiler, and Apache Beam for `SampleSubgraphs`, load with the
names that need them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfgnn_ext._lazy import lazy
from tfgnn_ext.graph.tfrecord import RecordFile, write_records
from tfgnn_ext.sampling.known_features import known_features
from tfgnn_ext.sampling.link import Link
from tfgnn_ext.sampling.negatives import NEGATIVE_STRATEGIES, Negatives, NegativeStrategy
from tfgnn_ext.sampling.plan import STRATEGIES, SamplingOp, SamplingPlan, Strategy
from tfgnn_ext.sampling.sample_schema import sample_schema

if TYPE_CHECKING:
    from tfgnn_ext.graph.read_examples import read_examples
    from tfgnn_ext.sampling.beam import SampledShard, SampleSubgraphs, WriteSamples
    from tfgnn_ext.sampling.examples import write_examples
    from tfgnn_ext.sampling.feature_store import FeatureStore
    from tfgnn_ext.sampling.manifest import sampled_files
    from tfgnn_ext.sampling.memory import InMemorySampler
    from tfgnn_ext.sampling.negative_sampler import NegativeSampler
    from tfgnn_ext.sampling.packing import Layout, Sizes
    from tfgnn_ext.sampling.sampled_batch import SampledBatch
    from tfgnn_ext.sampling.sampling_spec import (
        parse_sampling_spec,
        plan_from_spec,
        plan_to_spec,
        read_sampling_spec,
        write_sampling_spec,
    )
    from tfgnn_ext.sampling.table_blocks import SeedColumns

_HOMES = {
    "FeatureStore": "feature_store",
    "InMemorySampler": "memory",
    "Layout": "packing",
    "NegativeSampler": "negative_sampler",
    "SampleSubgraphs": "beam",
    "SampledBatch": "sampled_batch",
    "SampledShard": "beam",
    "SeedColumns": "table_blocks",
    "Sizes": "packing",
    "WriteSamples": "beam",
    "parse_sampling_spec": "sampling_spec",
    "plan_from_spec": "sampling_spec",
    "plan_to_spec": "sampling_spec",
    "read_examples": ".graph.read_examples",
    "read_sampling_spec": "sampling_spec",
    "sampled_files": "manifest",
    "write_examples": "examples",
    "write_sampling_spec": "sampling_spec",
}

__all__ = [
    "NEGATIVE_STRATEGIES",
    "STRATEGIES",
    "FeatureStore",
    "InMemorySampler",
    "Layout",
    "Link",
    "NegativeSampler",
    "NegativeStrategy",
    "Negatives",
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


__getattr__ = lazy(__name__, _HOMES)
