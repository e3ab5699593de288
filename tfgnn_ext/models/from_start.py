"""Message passing whose every round reads the input states again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.edge_weights import EdgeWeights
from tfgnn_ext.layers.weighted_sum import WeightedSum
from tfgnn_ext.models.message_passing import MessagePassing, Messages
from tfgnn_ext.tensors.rounds import Direction
from tfgnn_ext.tensors.trimming import edge_set_name

_START = "#start"


def from_start(
    design: MessagePassing, next_state: Callable[[int], tf.keras.layers.Layer]
) -> tf.keras.Model:
    """The model whose messages are weighted sums, without kernels (see `WeightedSum`).

    Args:
      design: Its options; those that a template of this kind has no use for are refused.
      next_state: From a layer, counted from 0, to what makes a node's next state of its *input*
        state and the messages.
    """

    def update(received: Mapping[str, Sequence[Messages]], layer: int) -> tf.keras.layers.Layer:
        return tfgnn.keras.layers.GraphUpdate(
            node_sets={
                name: tfgnn.keras.layers.NodeSetUpdate(
                    {
                        edge_set_name(each.direction): WeightedSum(
                            receiver_tag=each.receiver_tag, loops=each.loops
                        )
                        for each in messages
                    },
                    next_state(layer),
                    node_input_feature=_START,
                )
                for name, messages in received.items()
            },
            name=f"update_{layer}",
        )

    return design.model(update=update, prepare=_Prepare, reads_edges=False)


class _Prepare(tf.keras.layers.Layer):
    """Adds the weights of edges, and a copy of every node's encoding."""

    def __init__(self, directions: Sequence[Direction]) -> None:
        super().__init__(name="prepare")
        self._weights = EdgeWeights(directions)

    def call(self, graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
        graph = self._weights(graph)
        return graph.replace_features(
            node_sets={
                name: {**part.features, _START: part[tfgnn.HIDDEN_STATE]}
                for name, part in graph.node_sets.items()
            }
        )
