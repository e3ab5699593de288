"""Template: GraphSAGE for many node and edge sets, aggregating before it projects."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from tfgnn_ext.layers.pool_neighbors import PoolNeighbors
from tfgnn_ext.models.message_passing import MessagePassing, shared_options
from tfgnn_ext.tensors.input_spec import InputSpec


@shared_options
def graph_sage(
    spec: InputSpec,
    *,
    reduce_type: Literal["mean", "sum", "max", "mean|max", "mean|sum"] = "mean",
    **options: Any,
) -> tf.keras.Model:
    """GraphSAGE: a node's next state is a dense layer of its state and its neighbours' mean.

    ``h_v' = relu(W [h_v, pool_e1 h_u, pool_e2 h_u, ...] + b)`` with one pool for every edge set
    that `v` receives from, over its neighbours there and the encoded features of the edges to them
    (Hamilton et al., "Inductive Representation Learning on Large Graphs", NeurIPS 2017).

    Args:
      spec: The input.
      reduce_type: How neighbours are pooled.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    return MessagePassing(spec=spec, **options).model(
        lambda messages: PoolNeighbors(
            receiver_tag=messages.receiver_tag,
            reduce_type=reduce_type,
            use_edges=messages.has_states,
        )
    )
