"""Template: TF-GNN's "Albis" message passing, for many node and edge sets."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf
from tensorflow_gnn.models.gat_v2 import GATv2Conv
from tensorflow_gnn.models.mt_albis import layers
from tensorflow_gnn.models.multi_head_attention import MultiHeadAttentionConv

from tfgnn_ext.layers.next_state_dropout import NextStateDropout
from tfgnn_ext.models.heads import width_of_heads
from tfgnn_ext.models.message_passing import MessagePassing, Messages, shared_options
from tfgnn_ext.models.positive import positive
from tfgnn_ext.tensors.input_spec import InputSpec

_ATTENTIONS = {"multi_head": MultiHeadAttentionConv, "gat_v2": GATv2Conv}


@shared_options
def mt_albis(
    spec: InputSpec,
    *,
    message_units: int = 64,
    attention: Literal["none", "multi_head", "gat_v2"] = "none",
    num_heads: int = 4,
    reduce_type: Literal["mean", "sum", "max", "mean|max", "mean|sum", "mean|sum|max"] = "mean",
    next_state: Literal["dense", "residual"] = "residual",
    combine: Literal["concat", "sum"] = "concat",
    normalization: Literal["none", "layer", "batch"] = "layer",
    dropout: float = 0.1,
    **options: Any,
) -> tf.keras.Model:
    """TF-GNN's Model Template "Albis": messages that see both ends, pooled, then a next state.

    The convolutions and next states are TF-GNN's own; see `MtAlbisGraphUpdate` there. Dropout is
    applied to input states and new states, by `StepDropout`, so that runs resume exactly.

    Args:
      spec: The input.
      message_units: The width of messages.
      attention: How messages are pooled: by `reduce_type`, or by one of two kinds of attention.
      num_heads: Heads of each attention; it divides `message_units`.
      reduce_type: How messages are pooled without attention.
      next_state: "dense", or "residual", which adds the old state. (The option `residual` must be
        "none".)
      combine: How the messages of several edge sets come together.
      normalization: Of new states, as for `MessagePassing`, but behind the activation.
      dropout: Of input states and new states.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    design = MessagePassing(spec=spec, normalization=normalization, dropout=dropout, **options)
    positive("mt_albis", message_units=message_units)
    if attention not in ("none", *_ATTENTIONS):
        raise ValueError(
            f"`attention` of `mt_albis` must be one of none, {', '.join(_ATTENTIONS)}. Got "
            f"{attention!r}."
        )
    if attention != "none":
        width = width_of_heads("mt_albis", num_heads, message_units=message_units)
    design.must("mt_albis", residual="none", linear_last=False)

    def convolve(messages: Messages) -> tf.keras.layers.Layer:
        if attention == "none":
            return layers.MtAlbisSimpleConv(
                message_units,
                receiver_tag=messages.receiver_tag,
                # TF-GNN's maximum of no messages is the lowest float, which layers turn into NaN.
                reduce_type=reduce_type.replace("max", "max_no_inf"),
                edge_feature_name=messages.edge_feature,
                **design.kernels(),
            )
        return _ATTENTIONS[attention](
            num_heads=num_heads,
            per_head_channels=width,
            receiver_tag=messages.receiver_tag,
            sender_edge_feature=messages.edge_feature,
            **design.kernels(),
        )

    def make_next_state(node_set: str, layer: int) -> tf.keras.layers.Layer:
        return NextStateDropout(
            layers.MtAlbisNextNodeState(
                design.units,
                next_state_type=next_state,
                normalization_type=normalization,
                edge_set_combine_type=combine,
                **design.kernels(),
            ),
            rate=dropout,
            seed=design.next_seed(),
        )

    return design.model(convolve, make_next_state)
