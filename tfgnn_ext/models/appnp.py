"""Template: encode first, then propagate by personalized PageRank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.edge_weights import EdgeWeights
from tfgnn_ext.layers.teleport import Teleport
from tfgnn_ext.layers.weighted_sum import WeightedSum
from tfgnn_ext.models.message_passing import MessagePassing, Messages, shared_options
from tfgnn_ext.tensors.input_spec import InputSpec
from tfgnn_ext.tensors.rounds import Direction
from tfgnn_ext.tensors.trimming import edge_set_name

_START = "#start"


@shared_options
def appnp(
    spec: InputSpec,
    *,
    alpha: float = 0.1,
    num_layers: int = 10,
    **options: Any,
) -> tf.keras.Model:
    """APPNP: all weights are in the encoder and the head; the rounds in between have none.

    ``h' = (1 - a) mean_e sum_u w_uv h_u + a h_0`` with the encoded features h_0 and the weights of
    `EdgeWeights` (Gasteiger et al., "Predict then Propagate: Graph Neural Networks meet
    Personalized PageRank", ICLR 2019; there the head comes before the rounds, which, being linear,
    commute with it). So a model reaches far with few weights, which suits few labels. Edge sets
    count equally; features of edges are not read.

    Args:
      spec: The input.
      alpha: a, in (0, 1]: how much of its own encoding a node keeps in every round.
      num_layers: The number of rounds.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    design = MessagePassing(spec=spec, num_layers=num_layers, **options)
    design.must(
        "appnp", encoding="dense", normalization="none", residual="none", virtual_node=False
    )

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
                    Teleport(alpha=alpha),
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
