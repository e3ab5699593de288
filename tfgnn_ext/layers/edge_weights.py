"""Weights of edges from degrees, as graph convolutions need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.tensors.rounds import Direction
from tfgnn_ext.tensors.total_size import total_size
from tfgnn_ext.tensors.trimming import edge_set_name

DEGREES = ("both", "receiver")


def edge_weight(tag: int) -> str:
    """The name of the edge feature with the weights of messages to that end."""
    return f"#weight/{'source' if tag == tfgnn.SOURCE else 'target'}"


def loop_weight(name: str) -> str:
    """The node feature with the weights of the loops that a direction adds, by `edge_set_name`."""
    return f"#loop/{name}"


class EdgeWeights(tf.keras.layers.Layer):
    """Adds the weights with which each direction's messages are summed.

    With r the degree of the receiver and s that of the sender, counted along the direction,
    "both" gives ``1 / sqrt(r s)`` (Kipf & Welling, "Semi-Supervised Classification with Graph
    Convolutional Networks", ICLR 2017), "receiver" ``1 / r``. Where a direction leads from a node
    set to itself, every node gets a loop, which counts for both degrees.

    Degrees are those of the whole input. Hop trimming takes edges away from senders, so that a
    convolution that counts them itself sees others; this comes before it.

    Args:
      directions: The (edge set, receiver tag) pairs.
      degrees: "both" or "receiver".

    Call:
      inputs: A scalar GraphTensor.
      Returns it with float32 features ``[num_edges]`` and ``[num_nodes]``; see `edge_weight` and
        `loop_weight`.
    """

    def __init__(
        self, directions: Sequence[Direction], *, degrees: str = "both", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if degrees not in DEGREES:
            raise ValueError(
                f"`degrees` of `EdgeWeights` must be one of {', '.join(DEGREES)}. Got {degrees!r}."
            )
        self._directions = tuple(directions)
        self._degrees = degrees

    def call(self, graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
        nodes = {name: dict(part.features) for name, part in graph.node_sets.items()}
        edges = {name: dict(part.features) for name, part in graph.edge_sets.items()}
        for direction in self._directions:
            name, tag = direction
            adjacency = graph.edge_sets[name].adjacency
            loops = adjacency.source_name == adjacency.target_name

            def degree(end: int, adjacency: Any = adjacency, loops: bool = loops) -> tf.Tensor:
                total = total_size(graph.node_sets[adjacency.node_set_name(end)])
                ones = tf.ones_like(adjacency[end])
                count = tf.math.unsorted_segment_sum(ones, adjacency[end], total)
                # [num_nodes]
                return tf.cast(count + 1 if loops else tf.maximum(count, 1), tf.float32)

            of_receiver = degree(tag)
            if self._degrees == "receiver":
                edges[name][edge_weight(tag)] = tf.gather(1 / of_receiver, adjacency[tag])
                weights = 1 / of_receiver
            else:
                left, right = tf.math.rsqrt(of_receiver), tf.math.rsqrt(degree(1 - tag))
                edges[name][edge_weight(tag)] = tf.gather(left, adjacency[tag]) * tf.gather(
                    right, adjacency[1 - tag]
                )
                weights = left * right if loops else left
            if loops:
                nodes[adjacency.node_set_name(tag)][loop_weight(edge_set_name(direction))] = weights
        return graph.replace_features(node_sets=nodes, edge_sets=edges)
