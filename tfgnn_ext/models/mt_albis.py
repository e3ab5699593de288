"""Template: TF-GNN's "Albis" message passing, for many node and edge sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import tensorflow as tf
import tensorflow_gnn as tfgnn
from tensorflow_gnn.models import gat_v2, multi_head_attention
from tensorflow_gnn.models.mt_albis import layers

from tfgnn_ext.layers.feature_encoder import FeatureEncoder
from tfgnn_ext.layers.glorot_sequence import GlorotSequence
from tfgnn_ext.layers.next_state_dropout import NextStateDropout
from tfgnn_ext.models.message_passing import message_passing_model
from tfgnn_ext.tensors.input_spec import FeatureInput, InputSpec
from tfgnn_ext.tensors.rounds import Direction


def mt_albis(
    spec: InputSpec,
    *,
    units: int = 64,
    num_layers: int = 2,
    message_units: int = 64,
    attention: Literal["none", "multi_head", "gat_v2"] = "none",
    num_heads: int = 4,
    reduce_type: Literal["mean", "sum", "max", "mean|max", "mean|sum", "mean|sum|max"] = "mean",
    next_state: Literal["dense", "residual"] = "residual",
    combine: Literal["concat", "sum"] = "concat",
    receivers: Literal["source", "target", "both"] = "source",
    normalization: Literal["none", "layer"] = "layer",
    dropout: float = 0.1,
    id_dropout: float = 0.05,
    l2: float = 0.0,
    trim: bool = True,
    seed: int = 0,
) -> tf.keras.Model:
    """TF-GNN's Model Template "Albis": messages that see both ends, pooled, then a next state.

    The convolutions and next states are TF-GNN's own; see `MtAlbisGraphUpdate` there. Dropout is
    applied to input states and new states, by `StepDropout`, so that runs resume exactly.

    Args:
      spec: The input.
      units: The width of states.
      num_layers: The number of rounds, one a hop of the sample.
      message_units: The width of messages.
      attention: How messages are pooled: by `reduce_type`, or by one of two kinds of attention.
      num_heads: Heads of each attention; it divides `message_units`.
      reduce_type: How messages are pooled without attention.
      next_state: "dense", or "residual", which adds the old state.
      combine: How the messages of several edge sets come together.
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
    if attention != "none" and (num_heads < 1 or message_units % num_heads):
        raise ValueError(
            "`num_heads` of `mt_albis` must be an int >= 1 that divides `message_units` = "
            f"{message_units}. Got {num_heads}."
        )
    attentions = {
        "multi_head": multi_head_attention.MultiHeadAttentionConv,
        "gat_v2": gat_v2.GATv2Conv,
    }
    if attention not in ("none", *attentions):
        raise ValueError(
            f"`attention` of `mt_albis` must be one of none, {', '.join(attentions)}. Got "
            f"{attention!r}."
        )
    seeds = iter(range(1000 * seed, 1000 * seed + 1000))
    regularizer = tf.keras.regularizers.L2(l2) if l2 else None

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
        edge_feature = tfgnn.HIDDEN_STATE if has_edges else None
        if attention == "none":
            return layers.MtAlbisSimpleConv(
                message_units,
                receiver_tag=direction[1],
                # TF-GNN's maximum of no messages is the lowest float, which layers turn into NaN.
                reduce_type=reduce_type.replace("max", "max_no_inf"),
                edge_feature_name=edge_feature,
                kernel_initializer=GlorotSequence(next(seeds)),
                kernel_regularizer=regularizer,
            )
        return attentions[attention](
            num_heads=num_heads,
            per_head_channels=message_units // num_heads,
            receiver_tag=direction[1],
            sender_edge_feature=edge_feature,
            kernel_initializer=GlorotSequence(next(seeds)),
            kernel_regularizer=regularizer,
        )

    def make_next_state(node_set: str, layer: int) -> tf.keras.layers.Layer:
        return NextStateDropout(
            layers.MtAlbisNextNodeState(
                units,
                next_state_type=next_state,
                normalization_type=normalization,
                edge_set_combine_type=combine,
                kernel_initializer=GlorotSequence(next(seeds)),
                kernel_regularizer=regularizer,
            ),
            rate=dropout,
            seed=next(seeds),
        )

    return message_passing_model(
        spec,
        num_layers=num_layers,
        receivers=receivers,
        trim=trim,
        encode=encode,
        encode_edges=encode,
        convolve=convolve,
        next_state=make_next_state,
    )
