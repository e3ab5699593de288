"""Pools the states of neighbours as they are, before any projection."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.tensors.total_size import total_size

_REDUCTIONS = ("mean", "sum", "max")


def pool_edges(
    values: tf.Tensor, receivers: tf.Tensor, num_receivers: int | tf.Tensor, reduce_type: str
) -> tf.Tensor:
    """Reduces the values of each receiver's edges.

    Args:
      values: [num_edges, width].
      receivers: int32 [num_edges].
      num_receivers: The number of receivers.
      reduce_type: "mean", "sum" or "max"; a receiver without edges gets zeros.

    Returns:
      [num_receivers, width].

    >>> values, receivers = tf.constant([[1.0], [5.0], [-2.0]]), tf.constant([0, 0, 2])
    >>> pool_edges(values, receivers, 3, "mean").numpy().tolist()
    [[3.0], [0.0], [-2.0]]
    """
    if reduce_type == "sum":
        return tf.math.unsorted_segment_sum(values, receivers, num_receivers)
    # [num_receivers]
    ones = tf.ones_like(receivers)
    counts = tf.math.unsorted_segment_sum(ones, receivers, num_receivers)[:, None]
    if reduce_type == "mean":
        sums = tf.math.unsorted_segment_sum(values, receivers, num_receivers)
        return sums / tf.cast(tf.maximum(counts, 1), values.dtype)
    maxima = tf.math.unsorted_segment_max(values, receivers, num_receivers)
    return tf.where(counts > 0, maxima, tf.zeros([], values.dtype))


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class PoolNeighbors(tf.keras.layers.Layer):
    """Pools neighbours' states, and those of the edges to them, without weights.

    For `tfgnn.keras.layers.NodeSetUpdate`, as the input from one edge set. A linear map commutes
    with sums and means: projecting the pooled states afterwards, once a receiver, is what
    GraphSAGE (Hamilton et al., "Inductive Representation Learning on Large Graphs", NeurIPS 2017)
    computes, at a fraction of the cost of projecting every sender or edge.

    Args:
      receiver_tag: `tfgnn.SOURCE` or `tfgnn.TARGET`.
      reduce_type: "mean", "sum" or "max", or several joined by "|", whose results are concatenated.
      use_edges: Whether to pool the edges' hidden states as well.

    Call:
      inputs: A scalar GraphTensor with `tfgnn.HIDDEN_STATE`, and `edge_set_name`.
      Returns ``[num_receivers, width]``.
    """

    def __init__(
        self,
        *,
        receiver_tag: int,
        reduce_type: str = "mean",
        use_edges: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if receiver_tag not in (tfgnn.SOURCE, tfgnn.TARGET):
            raise ValueError(
                f"`receiver_tag` of `PoolNeighbors` must be SOURCE or TARGET. Got {receiver_tag}."
            )
        if any(part not in _REDUCTIONS for part in reduce_type.split("|")):
            raise ValueError(
                f"`reduce_type` of `PoolNeighbors` must be of {', '.join(_REDUCTIONS)}, joined by "
                f"|. Got {reduce_type!r}."
            )
        self.receiver_tag = receiver_tag
        self.reduce_type = reduce_type
        self.use_edges = use_edges

    def call(self, graph: tfgnn.GraphTensor, *, edge_set_name: str) -> tf.Tensor:
        edges = graph.edge_sets[edge_set_name]
        adjacency, tag = edges.adjacency, self.receiver_tag
        receivers = graph.node_sets[adjacency.node_set_name(tag)]
        senders = graph.node_sets[adjacency.node_set_name(1 - tag)]
        # [num_edges, sender width + edge width]
        values = tf.gather(senders[tfgnn.HIDDEN_STATE], adjacency[1 - tag])
        if self.use_edges:
            values = tf.concat([values, edges[tfgnn.HIDDEN_STATE]], axis=-1)
        total = total_size(receivers)
        pooled = [
            pool_edges(values, adjacency[tag], total, part) for part in self.reduce_type.split("|")
        ]
        return tf.concat(pooled, axis=-1) if len(pooled) > 1 else pooled[0]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "receiver_tag": self.receiver_tag,
            "reduce_type": self.reduce_type,
            "use_edges": self.use_edges,
        }
