"""Template: graph attention by TF-GNN's GATv2 convolution, for many node and edge sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import tensorflow as tf
import tensorflow_gnn as tfgnn
from tensorflow_gnn.models import gat_v2 as layers

from tfgnn_ext.layers.dense_block import DenseBlock
from tfgnn_ext.layers.feature_encoder import FeatureEncoder
from tfgnn_ext.layers.glorot_sequence import GlorotSequence
from tfgnn_ext.models.message_passing import message_passing_model
from tfgnn_ext.tensors.input_spec import FeatureInput, InputSpec
from tfgnn_ext.tensors.rounds import Direction


def gat_v2(
    spec: InputSpec,
    *,
    units: int = 64,
    num_layers: int = 2,
    num_heads: int = 4,
    receivers: Literal["source", "target", "both"] = "source",
    normalization: Literal["none", "layer"] = "layer",
    dropout: float = 0.1,
    id_dropout: float = 0.05,
    l2: float = 0.0,
    trim: bool = True,
    seed: int = 0,
) -> tf.keras.Model:
    """GATv2: a node attends to its neighbours, edge set by edge set, then a dense layer follows.

    The attention of Brody et al. ("How Attentive are Graph Attention Networks?", ICLR 2022), as
    TF-GNN computes it; the next state is ``relu(W [h_v, GATv2_e1, GATv2_e2, ...] + b)``, with one
    attention for every edge set that `v` receives from. Features of edges enter its values.

    Args:
      spec: The input.
      units: The width of states, and of the attention over one edge set.
      num_layers: The number of rounds, one a hop of the sample.
      num_heads: Heads of each attention; it divides `units`.
      receivers: Which end of edges receives messages. Sampled edges lead from the seed outward, so
        by default their source does.
      normalization: Of new states.
      dropout: Of input states and new states.
      id_dropout: Of the ids of latent node sets, so that unknown ids can be served.
      l2: The weight of squared kernels in the loss.
      trim: Whether to compute only what the seeds can see; the result is the same.
      seed: Of initial weights and dropout.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    if num_heads < 1 or units % num_heads:
        raise ValueError(
            f"`num_heads` of `gat_v2` must be an int >= 1 that divides `units` = {units}. Got "
            f"{num_heads}."
        )
    seeds = iter(range(1000 * seed, 1000 * seed + 1000))

    def encode(features: Mapping[str, FeatureInput], name: str) -> tf.keras.layers.Layer:
        return FeatureEncoder(
            features=features,
            units=units,
            activation="relu",
            dropout=dropout,
            id_dropout=id_dropout,
            l2=l2,
            seed=next(seeds),
            name=name,
        )

    def convolve(direction: Direction, layer: int, has_edges: bool) -> tf.keras.layers.Layer:
        return layers.GATv2Conv(
            num_heads=num_heads,
            per_head_channels=units // num_heads,
            receiver_tag=direction[1],
            sender_edge_feature=tfgnn.HIDDEN_STATE if has_edges else None,
            kernel_initializer=GlorotSequence(next(seeds)),
            kernel_regularizer=tf.keras.regularizers.L2(l2) if l2 else None,
        )

    def next_state(node_set: str, layer: int) -> tf.keras.layers.Layer:
        return tfgnn.keras.layers.NextStateFromConcat(
            DenseBlock(
                units=units, normalization=normalization, dropout=dropout, l2=l2, seed=next(seeds)
            )
        )

    return message_passing_model(
        spec,
        num_layers=num_layers,
        receivers=receivers,
        trim=trim,
        encode=encode,
        encode_edges=encode,
        convolve=convolve,
        next_state=next_state,
    )
