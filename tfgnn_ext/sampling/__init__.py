"""Sampling: one keyed kernel, the same bytes on every engine."""

from tfgnn_ext.sampling.examples import write_examples
from tfgnn_ext.sampling.known_features import known_features
from tfgnn_ext.sampling.memory import InMemorySampler
from tfgnn_ext.sampling.packing import Layout, Sizes
from tfgnn_ext.sampling.plan import STRATEGIES, SamplingOp, SamplingPlan, Strategy
from tfgnn_ext.sampling.sample_schema import sample_schema
from tfgnn_ext.sampling.sampled_batch import SampledBatch
from tfgnn_ext.sampling.tfrecord import RecordFile, write_records

__all__ = [
    "STRATEGIES",
    "InMemorySampler",
    "Layout",
    "RecordFile",
    "SampledBatch",
    "SamplingOp",
    "SamplingPlan",
    "Sizes",
    "Strategy",
    "known_features",
    "sample_schema",
    "write_examples",
    "write_records",
]
