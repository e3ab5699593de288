"""Template: the seed attends to every node that its sample reached, per edge set."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.feature_encoder import FeatureEncoder
from tfgnn_ext.layers.seed_attention import SeedAttention
from tfgnn_ext.layers.step_dropout import StepDropout
from tfgnn_ext.tensors.input_spec import InputSpec


class _Reached:
    """The edge sets that reach one node set, as slots ``[num_components, sum(groups)]``."""

    def __init__(self, edge_sets: dict[str, int]) -> None:
        self.edge_sets = tuple(edge_sets)
        self.groups = tuple(edge_sets.values())

    def __call__(self, graph: tfgnn.GraphTensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the node in each slot, int32, and 1 where there is one, float32."""
        nodes, masks = [], []
        for name, slots in zip(self.edge_sets, self.groups, strict=True):
            edge_set = graph.edge_sets[name]
            sizes, targets = edge_set.sizes, edge_set.adjacency.target
            # [num_components, slots]
            mask = tf.range(slots) < sizes[:, None]
            edges = tf.cumsum(sizes, exclusive=True)[:, None] + tf.range(slots)
            # A slot without an edge reads one more edge, to node 0, and is masked.
            edges = tf.where(mask, edges, tf.shape(targets)[0])
            nodes.append(tf.gather(tf.concat([targets, [0]], axis=0), edges))
            masks.append(tf.cast(mask, tf.float32))
        return tf.concat(nodes, axis=1), tf.concat(masks, axis=1)


class _SeedAttentionModel(tf.keras.layers.Layer):
    """The whole template as one layer from GraphTensor to the seeds' states."""

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
        spec.check_no_propagated_labels("seed_attention")
        self._seed_node_set = spec.seed_node_set
        counter = iter(range(1000 * seed, 1000 * seed + 1000))

        def dense(width: int, activation: str | None = None) -> tf.keras.layers.Dense:
            initializer = tf.keras.initializers.GlorotUniform(next(counter))
            return tf.keras.layers.Dense(width, activation, kernel_initializer=initializer)

        self._encoders = {
            name: FeatureEncoder(
                features=features,
                units=units,
                activation="gelu",
                id_dropout=id_dropout,
                seed=next(counter),
                name=f"encode_{name}",
            )
            for name, features in spec.nodes.items()
            if features
        }
        self._hidden = {name: dense(units, "gelu") for name in self._encoders}
        slots: dict[str, dict[str, int]] = {}
        for name, (_, target) in spec.endpoints.items():
            most = spec.most_edges.get(name)
            if most is None:
                raise ValueError(
                    "`sampling` must bound every edge set for the template 'seed_attention': give "
                    f"its operations a `fanout`. Got none for {name!r}."
                )
            if target in self._encoders:
                slots.setdefault(target, {})[name] = most
        self._reached = {target: _Reached(edge_sets) for target, edge_sets in slots.items()}
        self._blocks = []
        for block in range(num_blocks):
            attentions = {
                target: SeedAttention(
                    groups=reached.groups,
                    num_heads=num_heads,
                    units=units,
                    pooled_units=pooled_units,
                    seed=next(counter),
                    name=f"attend_{block}_{target}",
                )
                for target, reached in self._reached.items()
            }
            update = (
                tf.keras.layers.LayerNormalization(),
                dense(2 * units, "gelu"),
                StepDropout(rate=dropout, seed=next(counter)),
                dense(units),
            )
            self._blocks.append((attentions, update))
        self._norm = tf.keras.layers.LayerNormalization()

    def call(self, graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
        # [num_nodes, units]
        encoded = {
            name: self._hidden[name](encoder(dict(graph.node_sets[name].features)))
            for name, encoder in self._encoders.items()
        }
        sizes = graph.node_sets[self._seed_node_set].sizes
        # [num_components, units]
        seeds = tf.gather(encoded[self._seed_node_set], tf.cumsum(sizes, exclusive=True))
        states, masks = {}, {}
        for name, reached in self._reached.items():
            # [num_components, slots]
            nodes, masks[name] = reached(graph)
            # [num_components, slots, units]
            states[name] = tf.gather(encoded[name], nodes)
        for attentions, (norm, widen, dropout, narrow) in self._blocks:
            found = [
                attention((seeds, states[name], masks[name]))
                for name, attention in attentions.items()
            ]
            joined = norm(tf.concat([seeds, *found], axis=-1))
            seeds += narrow(dropout(widen(joined)))
        return _only_seeds(graph, self._seed_node_set, self._norm(seeds))


def _only_seeds(graph: tfgnn.GraphTensor, node_set: str, states: tf.Tensor) -> tfgnn.GraphTensor:
    """A GraphTensor of nothing but the seeds, one a component, with their states."""
    seeds = tfgnn.NodeSet.from_fields(
        sizes=tf.ones_like(graph.node_sets[node_set].sizes),
        features={tfgnn.HIDDEN_STATE: states},
    )
    return tfgnn.GraphTensor.from_pieces(graph.context, {node_set: seeds})


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
    lately. Node states are encodings of their own features; `num_blocks` rounds of `SeedAttention`
    follow, with a group for each edge set, whose results an MLP adds to the seed's state. Where
    messages between nodes that are not seeds matter, take another template.

    Args:
      spec: The input; its plan must bound the edges of a component.
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
    model = _SeedAttentionModel(
        spec,
        units=units,
        num_heads=num_heads,
        pooled_units=pooled_units,
        num_blocks=num_blocks,
        dropout=dropout,
        id_dropout=id_dropout,
        seed=seed,
    )
    return tf.keras.Model(graph, model(graph))
