"""Keras layers over features and GraphTensors."""

from __future__ import annotations

from tfgnn_ext.layers.activation_block import ActivationBlock
from tfgnn_ext.layers.basis_conv import Bases, BasisConv
from tfgnn_ext.layers.code_embeddings import CodeEmbeddings
from tfgnn_ext.layers.component_attention import ComponentAttention
from tfgnn_ext.layers.dense_block import DenseBlock
from tfgnn_ext.layers.drop_edges import DropEdges
from tfgnn_ext.layers.edge_weights import EdgeWeights
from tfgnn_ext.layers.feature_columns import FeatureColumns
from tfgnn_ext.layers.feature_encoder import FeatureEncoder
from tfgnn_ext.layers.gin_next_state import GinNextState
from tfgnn_ext.layers.glorot_sequence import GlorotSequence
from tfgnn_ext.layers.hgt_update import HgtUpdate
from tfgnn_ext.layers.hyper_attention import HyperAttention
from tfgnn_ext.layers.initial_residual import InitialResidual
from tfgnn_ext.layers.learned_sketch import LearnedSketch
from tfgnn_ext.layers.next_state import NextState
from tfgnn_ext.layers.next_state_dropout import NextStateDropout
from tfgnn_ext.layers.number_columns import NumberColumns
from tfgnn_ext.layers.parallel_update import ParallelUpdate
from tfgnn_ext.layers.path_fusion import PathFusion
from tfgnn_ext.layers.poly_sketch_attention import PolySketchAttention
from tfgnn_ext.layers.poly_sketch_transformer_block import PolySketchTransformerBlock
from tfgnn_ext.layers.pool_neighbors import PoolNeighbors, pool_edges
from tfgnn_ext.layers.seed_attention import SeedAttention
from tfgnn_ext.layers.sketch_features import SketchFeatures
from tfgnn_ext.layers.step_dropout import StepDropout
from tfgnn_ext.layers.teleport import Teleport
from tfgnn_ext.layers.trimmed_updates import TrimmedUpdates
from tfgnn_ext.layers.weighted_sum import WeightedSum

__all__ = [
    "ActivationBlock",
    "Bases",
    "BasisConv",
    "CodeEmbeddings",
    "ComponentAttention",
    "DenseBlock",
    "DropEdges",
    "EdgeWeights",
    "FeatureColumns",
    "FeatureEncoder",
    "GinNextState",
    "GlorotSequence",
    "HgtUpdate",
    "HyperAttention",
    "InitialResidual",
    "LearnedSketch",
    "NextState",
    "NextStateDropout",
    "NumberColumns",
    "ParallelUpdate",
    "PathFusion",
    "PolySketchAttention",
    "PolySketchTransformerBlock",
    "PoolNeighbors",
    "SeedAttention",
    "SketchFeatures",
    "StepDropout",
    "Teleport",
    "TrimmedUpdates",
    "WeightedSum",
    "pool_edges",
]
