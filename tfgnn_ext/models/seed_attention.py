"""Template: the seed attends to every node that its sample reached, per edge set."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.feature_encoder import FeatureEncoder
from tfgnn_ext.layers.seed_attention import SeedAttention
from tfgnn_ext.layers.step_dropout import StepDropout
from tfgnn_ext.tensors.input_spec import InputSpec


class _SeedAttentionModel(tf.keras.layers.Layer):
    """The whole template as one layer on a GraphTensor."""

    def __init__(
        self,
        spec: InputSpec,
        *,
        units: int,
        num_heads: int,
        pooled_units: int,
        num_blocks: int,
        dropout: float,
        id_dropout: float,
        seed: int,
    ) -> None:
        super().__init__(name="seed_attention")
        self._seed_node_set = spec.seed_node_set
        self._targets = {name: ends[1] for name, ends in spec.endpoints.items()}
        self._units = units
        counter = iter(range(1000 * seed, 1000 * seed + 1000))

        def dense(width: int, activation: str | None = None) -> tf.keras.layers.Dense:
            initializer = tf.keras.initializers.GlorotUniform(next(counter))
            return tf.keras.layers.Dense(width, activation, kernel_initializer=initializer)

        self._encoders = {
            name: FeatureEncoder(
                features=features,
                units=units,
                id_dropout=id_dropout,
                seed=next(counter),
                name=f"encode_{name}",
            )
            for name, features in spec.nodes.items()
            if features
        }
        self._hidden = {name: dense(units, "gelu") for name in self._encoders}
        self._attentions: list[dict[str, SeedAttention]] = []
        self._updates = []
        for block in range(num_blocks):
            self._attentions.append(
                {
                    name: SeedAttention(
                        num_heads=num_heads,
                        units=units,
                        pooled_units=pooled_units,
                        seed=next(counter),
                        name=f"attend_{block}_{name}",
                    )
                    for name, target in self._targets.items()
                    if target in self._encoders
                }
            )
            self._updates.append(
                (
                    tf.keras.layers.LayerNormalization(),
                    dense(2 * units, "gelu"),
                    StepDropout(rate=dropout, seed=next(counter)),
                    dense(units),
                )
            )
        self._norm = tf.keras.layers.LayerNormalization()

    def call(self, graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
        # [num_nodes, units]
        states = {
            name: self._hidden[name](tf.nn.gelu(encoder(dict(graph.node_sets[name].features))))
            for name, encoder in self._encoders.items()
        }
        part = graph.node_sets[self._seed_node_set]
        starts = tf.cumsum(part.sizes, exclusive=True)
        # [num_components, units]
        seeds = tf.gather(states[self._seed_node_set], starts)
        for attentions, (norm, widen, dropout, narrow) in zip(
            self._attentions, self._updates, strict=True
        ):
            found = [
                attention(
                    (
                        seeds,
                        states[self._targets[name]],
                        graph.edge_sets[name].adjacency.target,
                        graph.edge_sets[name].sizes,
                    )
                )
                for name, attention in attentions.items()
            ]
            joined = norm(tf.concat([seeds, *found], axis=-1))
            seeds += narrow(dropout(widen(joined)))
        # The seeds' rows among the nodes of their set: all that a task reads.
        return _only_seeds(graph, self._seed_node_set, self._norm(seeds))


def _only_seeds(
    graph: tfgnn.GraphTensor, node_set: str, states: tf.Tensor
) -> tfgnn.GraphTensor:
    """A GraphTensor of nothing but the seeds, one a component, with their states."""
    return tfgnn.GraphTensor.from_pieces(
        graph.context,
        {
            node_set: tfgnn.NodeSet.from_fields(
                sizes=tf.ones_like(graph.node_sets[node_set].sizes),
                features={tfgnn.HIDDEN_STATE: states},
            )
        },
    )


def seed_attention(
    spec: InputSpec,
    *,
    units: int = 64,
    num_heads: int = 4,
    pooled_units: int = 16,
    num_blocks: int = 1,
    dropout: float = 0.1,
    id_dropout: float = 0.05,
    seed: int = 0,
) -> tf.keras.Model:
    """The seed attends to every node its sample reached, with parameters for each edge set.

    Made for samples that fan out from hubs: what a seed's airport, airline or account has seen
    lately. Node states are encodings of their own features, computed once; `num_blocks` rounds of
    `SeedAttention` follow, one for each edge set, whose results an MLP adds to the seed's state.
    Where messages between nodes that are not seeds matter, take another template.

    Args:
      spec: The input.
      units: The width of states.
      num_heads: Heads of each attention.
      pooled_units: The width of the mean and maximum beside each attention.
      num_blocks: Rounds of attention.
      dropout: Of the MLP's hidden layer.
      id_dropout: Of the ids of latent node sets, so that unknown ids can be served.
      seed: Of initial weights and dropout.

    Returns:
      A model from the GraphTensor to one that holds the seeds with HIDDEN_STATE.
    """
    graph = tf.keras.layers.Input(type_spec=spec.graph_spec)
    options: dict[str, Any] = {
        "units": units,
        "num_heads": num_heads,
        "pooled_units": pooled_units,
        "num_blocks": num_blocks,
        "dropout": dropout,
        "id_dropout": id_dropout,
        "seed": seed,
    }
    return tf.keras.Model(graph, _SeedAttentionModel(spec, **options)(graph))
