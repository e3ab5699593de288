"""What the message passing templates have in common: encode the inputs, then update trimmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.trimmed_updates import TrimmedUpdates
from tfgnn_ext.tensors.input_spec import FeatureInput, InputSpec
from tfgnn_ext.tensors.rounds import Direction
from tfgnn_ext.tensors.trimming import edge_set_name

Encode = Callable[[Mapping[str, FeatureInput], str], tf.keras.layers.Layer]
Convolve = Callable[[Direction, int, bool], tf.keras.layers.Layer]
NextState = Callable[[str, int], tf.keras.layers.Layer]


def directions_of(spec: InputSpec, receivers: str) -> tuple[Direction, ...]:
    """Which ends of the edge sets receive messages.

    Args:
      spec: The input.
      receivers: "source": sampled edges lead from the seed outward, so that messages flow back to
        it; "target"; or "both".

    Returns:
      The (edge set, receiver tag) pairs.
    """
    tags = {
        "source": (tfgnn.SOURCE,),
        "target": (tfgnn.TARGET,),
        "both": (tfgnn.SOURCE, tfgnn.TARGET),
    }
    if receivers not in tags:
        raise ValueError(f"`receivers` must be one of {', '.join(tags)}. Got {receivers!r}.")
    return tuple((name, tag) for name in sorted(spec.endpoints) for tag in tags[receivers])


def reached(spec: InputSpec, directions: Sequence[Direction], num_layers: int) -> list[set[str]]:
    """The node sets whose states each layer has to compute, input side first.

    Above, only the seed node set; one layer below, also those that send to it; and so on.
    """
    ends = spec.endpoints
    layers = [{spec.seed_node_set}]
    for _ in range(num_layers - 1):
        below = set(layers[0])
        for name, tag in directions:
            if ends[name][tag] in layers[0]:
                below.add(ends[name][1 - tag])
        layers.insert(0, below)
    return layers


def message_passing_model(
    spec: InputSpec,
    *,
    num_layers: int,
    receivers: str,
    trim: bool,
    encode: Encode,
    encode_edges: Encode | None,
    convolve: Convolve,
    next_state: NextState,
) -> tf.keras.Model:
    """A model of `num_layers` rounds of messages, hop-trimmed.

    Args:
      spec: The input.
      num_layers: The number of rounds, at least 1.
      receivers: As for `directions_of`.
      trim: Whether to trim; if not, every node is computed in every layer.
      encode: ``(features, name)`` to the layer that encodes a node set's features.
      encode_edges: The same for edge sets; None: the model does not read edges.
      convolve: ``(direction, layer, has edge states)`` to the layer that pools messages.
      next_state: ``(node set, layer)`` to the layer that makes a node's next state of its state and
        the dictionary of pooled messages.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    if num_layers < 1:
        raise ValueError(f"`num_layers` must be an int >= 1. Got {num_layers}.")
    directions = directions_of(spec, receivers)
    ends = spec.endpoints
    updates = []
    for layer, node_sets in enumerate(reached(spec, directions, num_layers)):
        inputs: dict[str, dict[str, tf.keras.layers.Layer]] = {}
        for direction in directions:
            name, tag = direction
            if ends[name][tag] in node_sets:
                has_edges = encode_edges is not None and bool(spec.edges.get(name))
                conv = convolve(direction, layer, has_edges)
                inputs.setdefault(ends[name][tag], {})[edge_set_name(direction)] = conv
        updates.append(
            tfgnn.keras.layers.GraphUpdate(
                node_sets={
                    name: tfgnn.keras.layers.NodeSetUpdate(convs, next_state(name, layer))
                    for name, convs in inputs.items()
                },
                name=f"update_{layer}",
            )
        )
    model = _MessagePassing(
        encoders={n: encode(f, f"encode_{n}") for n, f in spec.nodes.items() if f},
        edge_encoders={
            name: encode_edges(features, f"encode_{name}")
            for name, features in spec.edges.items()
            if features
        }
        if encode_edges is not None
        else {},
        updates=TrimmedUpdates(
            updates,
            seed_node_set=spec.seed_node_set,
            directions=directions,
            budget=spec.budget,
            padded=spec.static,
            trim=trim and (spec.budget is not None or not spec.static),
            name="updates",
        ),
        name="message_passing",
    )
    graph = tf.keras.layers.Input(type_spec=spec.graph_spec)
    return tf.keras.Model(graph, model(graph))


class _MessagePassing(tf.keras.layers.Layer):
    """Encodes nodes and edges, then updates."""

    def __init__(
        self,
        *,
        encoders: Mapping[str, tf.keras.layers.Layer],
        edge_encoders: Mapping[str, tf.keras.layers.Layer],
        updates: TrimmedUpdates,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._encoders = dict(encoders)
        self._edge_encoders = dict(edge_encoders)
        self._updates = updates

    def call(self, graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
        def encoded(
            name: str, part: Any, encoders: Mapping[str, tf.keras.layers.Layer]
        ) -> dict[str, tf.Tensor]:
            if name in encoders:
                return {tfgnn.HIDDEN_STATE: encoders[name](dict(part.features))}
            if isinstance(part, tfgnn.NodeSet):
                # [num_nodes, 0]: a node set without features has nothing to say but its edges.
                return {tfgnn.HIDDEN_STATE: tf.zeros([part.total_size, 0], self.compute_dtype)}
            return {}

        node_sets = {
            name: tfgnn.NodeSet.from_fields(
                sizes=part.sizes, features=encoded(name, part, self._encoders)
            )
            for name, part in graph.node_sets.items()
        }
        edge_sets = {
            name: tfgnn.EdgeSet.from_fields(
                sizes=part.sizes,
                features=encoded(name, part, self._edge_encoders),
                adjacency=part.adjacency,
            )
            for name, part in graph.edge_sets.items()
        }
        return self._updates(tfgnn.GraphTensor.from_pieces(graph.context, node_sets, edge_sets))
