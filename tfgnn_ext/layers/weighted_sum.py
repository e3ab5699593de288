"""Sums neighbours' states by given weights, before any projection."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.edge_weights import edge_weight, loop_weight
from tfgnn_ext.tensors.total_size import total_size


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class WeightedSum(tf.keras.layers.Layer):
    """``sum_u w_uv h_u``, and ``w_vv h_v`` where a node set sends to itself.

    The convolution of GCN without its kernel, which the next state applies once a receiver: a
    linear map commutes with a weighted sum. The weights are those of `EdgeWeights`. For
    `tfgnn.keras.layers.NodeSetUpdate`, as the input from one edge set.

    Args:
      receiver_tag: `tfgnn.SOURCE` or `tfgnn.TARGET`.
      loops: Whether receivers have loops.

    Call:
      inputs: A scalar GraphTensor with `tfgnn.HIDDEN_STATE` and weights, and `edge_set_name`.
      Returns ``[num_receivers, width]``.
    """

    def __init__(self, *, receiver_tag: int, loops: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.receiver_tag = receiver_tag
        self.loops = loops

    def call(self, graph: tfgnn.GraphTensor, *, edge_set_name: str) -> tf.Tensor:
        edges = graph.edge_sets[edge_set_name]
        adjacency, tag = edges.adjacency, self.receiver_tag
        receivers = graph.node_sets[adjacency.node_set_name(tag)]
        senders = graph.node_sets[adjacency.node_set_name(1 - tag)]
        states = senders[tfgnn.HIDDEN_STATE]
        # [num_edges, width]
        weights = tf.cast(edges[edge_weight(tag)], states.dtype)[:, None]
        values = tf.gather(states, adjacency[1 - tag]) * weights
        # [num_receivers, width]
        summed = tf.math.unsorted_segment_sum(values, adjacency[tag], total_size(receivers))
        if self.loops:
            weights = tf.cast(receivers[loop_weight(edge_set_name)], states.dtype)[:, None]
            summed += receivers[tfgnn.HIDDEN_STATE] * weights
        return summed

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "receiver_tag": self.receiver_tag, "loops": self.loops}
