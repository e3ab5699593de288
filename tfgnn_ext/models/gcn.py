"""Template: graph convolutional networks, for many node and edge sets."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from tfgnn_ext.layers.edge_weights import EdgeWeights
from tfgnn_ext.layers.weighted_sum import WeightedSum
from tfgnn_ext.models.message_passing import MessagePassing, directions_of, shared_options
from tfgnn_ext.tensors.input_spec import InputSpec


@shared_options
def gcn(
    spec: InputSpec,
    *,
    degrees: Literal["both", "receiver"] = "both",
    **options: Any,
) -> tf.keras.Model:
    """GCN: a node's next state is a dense layer of the weighted sum of its neighbours and itself.

    ``h_v' = relu(sum_e W_e (sum_u w_uv h_u) + b)`` with the weights of `EdgeWeights` (Kipf &
    Welling, "Semi-Supervised Classification with Graph Convolutional Networks", ICLR 2017). Edge
    sets between two node sets have no loops; the node's own state then enters by a kernel of its
    own, as in R-GCN. Features of edges are not read.

    Degrees are those in the sample, so that a sampled neighbourhood has other weights than the
    whole graph with "both"; "receiver" is a mean, which samples estimate without bias.

    Args:
      spec: The input.
      degrees: Which degrees weigh a message: ``1 / sqrt(d_v d_u)`` or ``1 / d_v``.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    design = MessagePassing(spec=spec, **options)
    ends = spec.endpoints
    heard = [
        ends[name]
        for name, tag in directions_of(spec, design.receivers)
        if ends[name][tag] == spec.seed_node_set
    ]
    # Then the head is the last round's kernel; a first round on columns needs its own.
    summed = (
        design.linear_last
        and heard == [(spec.seed_node_set, spec.seed_node_set)]
        and (design.num_layers > 1 or design.encoding == "dense")
    )

    def next_state(node_set: str, layer: int) -> tf.keras.layers.Layer:
        looped = any(ends[name] == (node_set, node_set) for name in ends)
        return design.next_state(layer, combine="sum", use_self=not looped)

    return design.model(
        lambda messages: WeightedSum(
            receiver_tag=messages.receiver_tag,
            loops=messages.loops,
            units=None if summed and messages.layer == design.num_layers - 1 else design.units,
            **design.kernels(),
        ),
        next_state,
        prepare=lambda directions: EdgeWeights(directions, degrees=degrees, name="weights"),
        reads_edges=False,
    )
