"""Sums neighbours' states by given weights, with a kernel where that is cheaper, or without."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.edge_weights import edge_weight, loop_weight
from tfgnn_ext.tensors.total_size import total_size


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class WeightedSum(tf.keras.layers.Layer):
    """``W (sum_u w_uv h_u)``, and ``w_vv h_v`` within where a node set sends to itself.

    The convolution of GCN. A linear map commutes with a weighted sum: states wider than `units` are
    projected before they are sent, others once a receiver. The weights w are those of
    `EdgeWeights`. For `tfgnn.keras.layers.NodeSetUpdate`, as the input from one edge set.

    Args:
      receiver_tag: `tfgnn.SOURCE` or `tfgnn.TARGET`.
      loops: Whether receivers have loops.
      units: The width of the result; None: no kernel W.
      kernel_initializer, kernel_regularizer: As for Keras' `Dense`.

    Call:
      inputs: A scalar GraphTensor with `tfgnn.HIDDEN_STATE` and weights, and `edge_set_name`.
      Returns ``[num_receivers, units]``.
    """

    def __init__(
        self,
        *,
        receiver_tag: int,
        loops: bool,
        units: int | None = None,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.receiver_tag = receiver_tag
        self.loops = loops
        self.units = units
        self._kernel_initializer = kernel_initializer
        self._kernel_regularizer = kernel_regularizer
        self._dense: Any = None
        if units is not None:
            self._dense = tf.keras.layers.Dense(
                units,
                use_bias=False,
                kernel_initializer=kernel_initializer,
                kernel_regularizer=kernel_regularizer,
                name="dense",
                dtype=self.dtype_policy,
            )

    def call(self, graph: tfgnn.GraphTensor, *, edge_set_name: str) -> tf.Tensor:
        edges = graph.edge_sets[edge_set_name]
        adjacency, tag = edges.adjacency, self.receiver_tag
        receivers = graph.node_sets[adjacency.node_set_name(tag)]
        senders = graph.node_sets[adjacency.node_set_name(1 - tag)]
        states, own = senders[tfgnn.HIDDEN_STATE], receivers[tfgnn.HIDDEN_STATE]
        first = self._dense is not None and states.shape[-1] > self._dense.units
        if first:
            projected = self._dense(states)
            own = projected if own is states else self._dense(own) if self.loops else own
            states = projected
        # [num_edges, width]
        weights = tf.cast(edges[edge_weight(tag)], states.dtype)[:, None]
        values = tf.gather(states, adjacency[1 - tag]) * weights
        # [num_receivers, width]
        summed = tf.math.unsorted_segment_sum(values, adjacency[tag], total_size(receivers))
        if self.loops:
            weights = tf.cast(receivers[loop_weight(edge_set_name)], states.dtype)[:, None]
            summed += own * weights
        return summed if first or self._dense is None else self._dense(summed)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "receiver_tag": self.receiver_tag,
            "loops": self.loops,
            "units": self.units,
            "kernel_initializer": self._kernel_initializer,
            "kernel_regularizer": self._kernel_regularizer,
        }
