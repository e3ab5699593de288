"""Template: graph attention by TF-GNN's GATv2 convolution, for many node and edge sets."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf
from tensorflow_gnn.models.gat_v2 import GATv2Conv

from tfgnn_ext.models.heads import width_of_heads
from tfgnn_ext.models.message_passing import MessagePassing, shared_options
from tfgnn_ext.tensors.input_spec import InputSpec


@shared_options
def gat_v2(
    spec: InputSpec,
    *,
    num_heads: int = 4,
    combine: Literal["concat", "sum"] = "concat",
    normalization: Literal["none", "layer", "batch"] = "layer",
    dropout: float = 0.1,
    **options: Any,
) -> tf.keras.Model:
    """GATv2: a node attends to its neighbours, with one attention for every edge set.

    The attention of Brody et al. ("How Attentive are Graph Attention Networks?", ICLR 2022), as
    TF-GNN computes it. Features of edges enter its values.

    Args:
      spec: The input.
      num_heads: Heads of each attention; it divides `units`.
      combine: How a node's next state is made: "concat": by a dense layer of its state and all
        attended; "sum": by adding the attended of all edge sets, as in the paper.
      normalization: Of new states, as for `MessagePassing`.
      dropout: Of input states and new states.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    design = MessagePassing(spec=spec, normalization=normalization, dropout=dropout, **options)
    width = width_of_heads("gat_v2", num_heads, units=design.units)
    return design.model(
        lambda messages: GATv2Conv(
            num_heads=num_heads,
            per_head_channels=width,
            receiver_tag=messages.receiver_tag,
            sender_edge_feature=messages.edge_feature,
            activation="relu" if combine == "concat" else "linear",
            **design.kernels(),
        ),
        lambda node_set, layer: design.next_state(
            layer, combine=combine, use_self=combine == "concat"
        ),
    )
