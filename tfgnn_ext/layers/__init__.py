"""Keras layers over features and GraphTensors."""

from __future__ import annotations

from tfgnn_ext.layers.code_embeddings import CodeEmbeddings
from tfgnn_ext.layers.dense_block import DenseBlock
from tfgnn_ext.layers.feature_columns import FeatureColumns
from tfgnn_ext.layers.feature_encoder import FeatureEncoder
from tfgnn_ext.layers.glorot_sequence import GlorotSequence
from tfgnn_ext.layers.next_state_dropout import NextStateDropout
from tfgnn_ext.layers.number_columns import NumberColumns
from tfgnn_ext.layers.pool_neighbors import PoolNeighbors, pool_edges
from tfgnn_ext.layers.seed_attention import SeedAttention
from tfgnn_ext.layers.step_dropout import StepDropout
from tfgnn_ext.layers.trimmed_updates import TrimmedUpdates

__all__ = [
    "CodeEmbeddings",
    "DenseBlock",
    "FeatureColumns",
    "FeatureEncoder",
    "GlorotSequence",
    "NextStateDropout",
    "NumberColumns",
    "PoolNeighbors",
    "SeedAttention",
    "StepDropout",
    "TrimmedUpdates",
    "pool_edges",
]
