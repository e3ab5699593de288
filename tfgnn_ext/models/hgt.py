"""Template: the heterogeneous graph transformer, by TF-GNN's update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import tensorflow as tf

from tfgnn_ext.layers.glorot_sequence import GlorotSequence
from tfgnn_ext.layers.hgt_update import HgtUpdate
from tfgnn_ext.models.heads import width_of_heads
from tfgnn_ext.models.message_passing import MessagePassing, Messages, shared_options
from tfgnn_ext.tensors.input_spec import InputSpec
from tfgnn_ext.tensors.trimming import edge_set_name


@shared_options
def hgt(
    spec: InputSpec,
    *,
    num_heads: int = 4,
    normalization: Literal["none", "layer"] = "layer",
    dropout: float = 0.1,
    **options: Any,
) -> tf.keras.Model:
    """HGT: attention over all edge sets of a node at once, with kernels of both node sets' types.

    See `HgtUpdate`. Features of edges are not read; the old state enters by a learned share, so
    that the options `residual` and `encoding` must stay as they are.

    Args:
      spec: The input.
      num_heads: Heads of attention; it divides `units`.
      normalization: Of new states, over the units of a node.
      dropout: Of input states and new states.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    design = MessagePassing(spec=spec, normalization=normalization, dropout=dropout, **options)
    width_of_heads("hgt", num_heads, units=design.units)
    design.must("hgt", residual="none", encoding="dense", linear_last=False, virtual_node=False)

    def update(received: Mapping[str, Sequence[Messages]], layer: int) -> tf.keras.layers.Layer:
        return HgtUpdate(
            receiver_tags={
                edge_set_name(messages.direction): messages.receiver_tag
                for heard in received.values()
                for messages in heard
            },
            num_heads=num_heads,
            units=design.units,
            normalization=normalization,
            dropout=dropout,
            l2=design.l2,
            kernel_initializer=GlorotSequence(design.next_seed()),
            seed=design.next_seed(),
            name=f"update_{layer}",
        )

    return design.model(update=update, reads_edges=False)
