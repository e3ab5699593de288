"""Template: graph isomorphism networks, for many node and edge sets."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from tfgnn_ext.layers.gin_next_state import GinNextState
from tfgnn_ext.layers.pool_neighbors import PoolNeighbors
from tfgnn_ext.models.message_passing import MessagePassing, shared_options
from tfgnn_ext.tensors.input_spec import InputSpec


@shared_options
def gin(
    spec: InputSpec,
    *,
    residual: Literal["none", "identity"] = "none",
    **options: Any,
) -> tf.keras.Model:
    """GIN: a node's next state is an MLP of its state plus the sum of its neighbours'.

    See `GinNextState` (Xu et al., "How Powerful are Graph Neural Networks?", ICLR 2019). Features
    of edges are summed beside the neighbours'.

    Args:
      spec: The input.
      residual: "identity" adds the old state behind the MLP.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    design = MessagePassing(spec=spec, residual=residual, **options)
    design.must("gin", linear_last=False)
    return design.model(
        lambda messages: PoolNeighbors(
            receiver_tag=messages.receiver_tag, reduce_type="sum", use_edges=messages.has_states
        ),
        lambda node_set, layer: GinNextState(
            units=design.units,
            residual=residual,
            normalization=design.normalization,
            dropout=design.dropout,
            l2=design.l2,
            seed=design.next_seed(),
        ),
    )
