"""What the message passing templates share: options, encodings, trimmed rounds, readout."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.drop_edges import DropEdges
from tfgnn_ext.layers.feature_columns import FeatureColumns
from tfgnn_ext.layers.feature_encoder import FeatureEncoder
from tfgnn_ext.layers.glorot_sequence import GlorotSequence
from tfgnn_ext.layers.next_state import NextState
from tfgnn_ext.layers.trimmed_updates import TrimmedUpdates, layer_state
from tfgnn_ext.models.positive import positive
from tfgnn_ext.tensors.input_spec import FeatureInput, InputSpec
from tfgnn_ext.tensors.readout import is_readout
from tfgnn_ext.tensors.rounds import Direction
from tfgnn_ext.tensors.trimming import edge_set_name

_SOURCE, _TARGET = tfgnn.SOURCE, tfgnn.TARGET
_TAGS = {"source": (_SOURCE,), "target": (_TARGET,), "both": (_SOURCE, _TARGET)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Messages:
    """Along what a convolution sends.

    Attributes:
      direction: The edge set, and which of its ends receives.
      layer: From 0.
      has_states: Whether the edges have a HIDDEN_STATE.
      loops: Whether a node set sends to itself.
    """

    direction: Direction
    layer: int
    has_states: bool
    loops: bool

    @property
    def receiver_tag(self) -> int:
        """`tfgnn.SOURCE` or `tfgnn.TARGET`."""
        return self.direction[1]

    @property
    def edge_feature(self) -> str | None:
        """The feature of the edges that a convolution reads, if they have one."""
        return tfgnn.HIDDEN_STATE if self.has_states else None


Convolve = Callable[[Messages], tf.keras.layers.Layer]
NextStates = Callable[[str, int], tf.keras.layers.Layer]
Update = Callable[[Mapping[str, Sequence[Messages]], int], tf.keras.layers.Layer]


@dataclasses.dataclass(kw_only=True)
class MessagePassing:
    """The options of every message passing template, and the model that they make.

    A template gives a convolution for each edge set and, where it has its own, the next state of a
    node; all else is here.

    Attributes:
      spec: The input.
      units: The width of states.
      num_layers: The number of rounds, one a hop of the sample.
      encoding: "dense": input states are a dense layer of the encoded features (see
        `FeatureEncoder`); "columns": they are the standardised features themselves, so that the
        first round does the projecting, which saves most of the cost where samples are wide.
      receivers: Which end of edges receives messages. Sampled edges lead from the seed outward, so
        by default their source does.
      normalization: Of new states, before the activation: over the units of a node, or over the
        nodes of the batch. The latter needs `trim` off and batches without padding, as it hears
        every node.
      residual: "linear" adds a linear map of the old state before normalisation, "identity" the old
        state itself behind the activation.
      linear_last: Whether the last round leaves out normalization, activation and dropout, so that
        it and the head are one linear map, as where a paper's last convolution has a unit a class.
      jumping_knowledge: What the seed's final state is made of: its last state alone, or those of
        all rounds (Xu et al., "Representation Learning on Graphs with Jumping Knowledge Networks",
        ICML 2018).
      virtual_node: Whether all nodes of a component also send to, and hear, one more node (Gilmer
        et al., "Neural Message Passing for Quantum Chemistry", ICML 2017). Needs `trim` off.
      dropout: Of input states and new states.
      feature_dropout: Of the encoded features, before the first kernel.
      edge_dropout: The share of edges left out of a training step.
      id_dropout: Of the ids of latent node sets, so that unknown ids can be served.
      l2: The weight of squared kernels in the loss.
      trim: Whether to compute only what the seeds can see; the result is the same.
      seed: Of initial weights and dropout.
    """

    spec: InputSpec
    units: int = 64
    num_layers: int = 2
    encoding: Literal["dense", "columns"] = "dense"
    receivers: Literal["source", "target", "both"] = "source"
    normalization: Literal["none", "layer", "batch"] = "none"
    residual: Literal["none", "linear", "identity"] = "none"
    linear_last: bool = False
    jumping_knowledge: Literal["none", "concat", "max", "sum"] = "none"
    virtual_node: bool = False
    dropout: float = 0.0
    feature_dropout: float = 0.0
    edge_dropout: float = 0.0
    id_dropout: float = 0.05
    l2: float = 0.0
    trim: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        positive("MessagePassing", units=self.units, num_layers=self.num_layers)
        hints = typing.get_type_hints(type(self))
        for name in ("encoding", "receivers", "normalization", "residual", "jumping_knowledge"):
            known = typing.get_args(hints[name])
            if getattr(self, name) not in known:
                raise ValueError(
                    f"`{name}` of `MessagePassing` must be one of {', '.join(known)}. Got "
                    f"{getattr(self, name)!r}."
                )
        for name in ("dropout", "feature_dropout", "edge_dropout", "id_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` of `MessagePassing` must be in [0, 1). Got {getattr(self, name)}."
                )
        if not self.l2 >= 0:
            raise ValueError(f"`l2` of `MessagePassing` must be >= 0. Got {self.l2}.")
        self.spec.check_no_propagated_labels("MessagePassing")
        if self.virtual_node and self.trim and not self.spec.whole:
            raise ValueError(
                "`trim` of `MessagePassing` must be False with `virtual_node`, which hears every "
                "node. Got True."
            )
        if self.normalization == "batch" and not self.spec.whole:
            if self.trim:
                raise ValueError(
                    "`trim` of `MessagePassing` must be False with `normalization` 'batch', which "
                    "hears every node. Got True."
                )
            if self.spec.static:
                raise ValueError(
                    "`normalization` of `MessagePassing` must not be 'batch' on padded batches: "
                    "padding would count. Got 'batch'."
                )
        self._seeds = itertools.count(1000 * self.seed)

    def must(self, template: str, **options: Any) -> None:
        """Refuses other values of options that a template has no use for."""
        for name, value in options.items():
            if getattr(self, name) != value:
                raise ValueError(
                    f"`{name}` of `{template}` must be {value!r}. Got {getattr(self, name)!r}."
                )

    def next_seed(self) -> int:
        """A seed that no other layer of the model has."""
        return next(self._seeds)

    def kernels(self) -> dict[str, Any]:
        """The initializer and the regularizer of a TF-GNN layer's kernels."""
        return {
            "kernel_initializer": GlorotSequence(self.next_seed()),
            "kernel_regularizer": tf.keras.regularizers.L2(self.l2) if self.l2 else None,
        }

    def next_state(self, layer: int, **options: Any) -> NextState:
        """The usual next state of a layer, counted from 0; see `NextState`."""
        linear = self.linear_last and layer == self.num_layers - 1
        return NextState(
            units=self.units,
            **{
                "residual": self.residual,
                "activation": None if linear else "relu",
                "normalization": "none" if linear else self.normalization,
                "dropout": 0.0 if linear else self.dropout,
                "l2": self.l2,
                "seed": self.next_seed(),
                **options,
            },
        )

    def model(
        self,
        convolve: Convolve | None = None,
        next_state: NextStates | None = None,
        *,
        update: Update | None = None,
        prepare: Callable[[Sequence[Direction]], tf.keras.layers.Layer] | None = None,
        reads_edges: bool = True,
    ) -> tf.keras.Model:
        """The model.

        Args:
          convolve: Makes what pools the messages of an edge set: a layer from (GraphTensor,
            `edge_set_name`) to ``[num_receivers, width]``, such as TF-GNN's convolutions and those
            that users write for `tfgnn.keras.layers.NodeSetUpdate`.
          next_state: ``(node set, layer)`` to what makes a node's next state; default: that of
            `next_state`.
          update: In place of both, makes a whole round from the messages to each node set.
          prepare: From the directions to a layer that adds features to the encoded graph, before
            anything is trimmed.
          reads_edges: Whether the features of edges are encoded.

        Returns:
          From the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
        """
        spec = self.spec
        directions = directions_of(spec, self.receivers)
        padded = spec.static and not spec.whole
        trim = self.trim and not spec.whole and (spec.budget is not None or not padded)
        received = [
            self._received(directions, node_sets, layer, reads_edges)
            for layer, node_sets in enumerate(self._reached(directions))
        ]
        rounds = [
            self._round(messages, layer, convolve, next_state, update)
            for layer, messages in enumerate(received)
        ]
        layer = MessagePassingLayer(
            encoders={n: self._encoder(f, n) for n, f in spec.nodes.items() if f},
            edge_encoders={n: self._encoder(f, n) for n, f in spec.edges.items() if f}
            if reads_edges
            else {},
            drop_edges=DropEdges(rate=self.edge_dropout, padded=padded, seed=self.next_seed())
            if self.edge_dropout
            else None,
            prepare=None if prepare is None else prepare(directions),
            received=received,
            updates=TrimmedUpdates(
                rounds,
                seed_node_set=spec.seed_node_set,
                directions=directions,
                budget=spec.budget if trim else None,
                padded=padded,
                trim=trim,
                remember=self.jumping_knowledge != "none",
                name="updates",
            ),
            context_units=self.units if self.virtual_node else None,
            jumping_knowledge=self.jumping_knowledge,
            name="message_passing",
        )
        graph = tf.keras.layers.Input(type_spec=spec.graph_spec)
        return tf.keras.Model(graph, layer(graph))

    def _encoder(self, features: Mapping[str, FeatureInput], name: str) -> tf.keras.layers.Layer:
        shared: dict[str, Any] = {
            "features": features,
            "units": self.units,
            "feature_dropout": self.feature_dropout,
            "id_dropout": self.id_dropout,
            "seed": self.next_seed(),
            "name": f"encode_{name}",
        }
        if self.encoding == "columns":
            return FeatureColumns(**shared)
        return FeatureEncoder(**shared, activation="relu", dropout=self.dropout, l2=self.l2)

    def _reached(self, directions: Sequence[Direction]) -> list[set[str]]:
        """The node sets whose states each layer has to compute, input side first."""
        if not self.virtual_node:
            return reached(self.spec, directions, self.num_layers)
        everything = {self.spec.endpoints[name][tag] for name, tag in directions}
        return [everything] * self.num_layers

    def _received(
        self,
        directions: Sequence[Direction],
        node_sets: set[str],
        layer: int,
        reads_edges: bool,
    ) -> dict[str, list[Messages]]:
        """What each of the node sets hears in a layer."""
        ends = self.spec.endpoints
        received: dict[str, list[Messages]] = {}
        for direction in directions:
            name, tag = direction
            if ends[name][tag] in node_sets:
                messages = Messages(
                    direction=direction,
                    layer=layer,
                    has_states=reads_edges and bool(self.spec.edges.get(name)),
                    loops=ends[name][0] == ends[name][1],
                )
                received.setdefault(ends[name][tag], []).append(messages)
        return received

    def _round(
        self,
        received: Mapping[str, Sequence[Messages]],
        layer: int,
        convolve: Convolve | None,
        next_state: NextStates | None,
        update: Update | None,
    ) -> tf.keras.layers.Layer:
        if update is not None:
            return update(received, layer)
        assert convolve is not None
        make = next_state or (lambda node_set, layer: self.next_state(layer))
        heard = tfgnn.HIDDEN_STATE if self.virtual_node else None
        context = None
        node_updates = {
            name: tfgnn.keras.layers.NodeSetUpdate(
                {edge_set_name(each.direction): convolve(each) for each in messages},
                make(name, layer),
                context_input_feature=heard,
            )
            for name, messages in received.items()
        }
        if self.virtual_node and layer < self.num_layers - 1:
            context = tfgnn.keras.layers.ContextUpdate(
                {name: tfgnn.keras.layers.Pool(tfgnn.CONTEXT, "mean") for name in node_updates},
                NextState(units=self.units, residual="identity", l2=self.l2, seed=self.next_seed()),
                context_input_feature=heard,
            )
        return tfgnn.keras.layers.GraphUpdate(
            node_sets=node_updates, context=context, name=f"update_{layer}"
        )


def shared_options(template: Callable[..., tf.keras.Model]) -> Callable[..., tf.keras.Model]:
    """Completes the signature and the docstring of a template that takes ``**options``.

    The options are those of `MessagePassing` that the template does not name itself.
    """
    own = inspect.signature(template)
    hints = typing.get_type_hints(MessagePassing)
    texts = dict(
        re.findall(
            r"^  (\w+): (.+(?:\n {4}.+)*)", inspect.getdoc(MessagePassing) or "", re.MULTILINE
        )
    )
    added = [f for f in dataclasses.fields(MessagePassing) if f.name not in own.parameters]
    lines = "\n".join(f"  {f.name}: {texts[f.name]}" for f in added)
    documentation = inspect.getdoc(template) or ""
    parameters = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
    parameters += [
        inspect.Parameter(f.name, parameters[-1].kind, default=f.default, annotation=hints[f.name])
        for f in added
    ]

    @functools.wraps(template)
    def made(*args: Any, **kwargs: Any) -> tf.keras.Model:
        return template(*args, **kwargs)

    made.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    made.__annotations__ = {
        name: kind for name, kind in typing.get_type_hints(template).items() if name != "options"
    } | {f.name: hints[f.name] for f in added}
    made.__doc__ = documentation.replace("\n\nReturns:", f"\n{lines}\n\nReturns:", 1)
    return made


def directions_of(spec: InputSpec, receivers: str) -> tuple[Direction, ...]:
    """Which ends of the edge sets receive messages.

    Args:
      spec: The input.
      receivers: "source": sampled edges lead from the seed outward, so that messages flow back to
        it; "target"; or "both".

    Returns:
      The (edge set, receiver tag) pairs.
    """
    if receivers not in _TAGS:
        raise ValueError(f"`receivers` must be one of {', '.join(_TAGS)}. Got {receivers!r}.")
    return tuple((name, tag) for name in sorted(spec.endpoints) for tag in _TAGS[receivers])


def reached(spec: InputSpec, directions: Sequence[Direction], num_layers: int) -> list[set[str]]:
    """The node sets whose states each layer has to compute, input side first.

    Above, only the seed node set (of pairs, both ends'); one layer below, also those that send to
    it; and so on.
    """
    ends = spec.endpoints
    layers = [set(spec.seed_node_sets)]
    for _ in range(num_layers - 1):
        below = set(layers[0])
        for name, tag in directions:
            if ends[name][tag] in layers[0]:
                below.add(ends[name][1 - tag])
        layers.insert(0, below)
    return layers


class MessagePassingLayer(tf.keras.layers.Layer):
    """The whole of a template's model: encodes, updates, and reads the seeds' states.

    Attributes:
      encoders, edge_encoders: By set.
      prepare: Adds features to the encoded graph, or None.
      received: For each round, what each node set that it updates hears.
      rounds: The updates, a `TrimmedUpdates`.
    """

    def __init__(
        self,
        *,
        encoders: Mapping[str, tf.keras.layers.Layer],
        edge_encoders: Mapping[str, tf.keras.layers.Layer],
        drop_edges: DropEdges | None,
        prepare: tf.keras.layers.Layer | None,
        received: Sequence[Mapping[str, Sequence[Messages]]],
        updates: TrimmedUpdates,
        context_units: int | None,
        jumping_knowledge: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoders = dict(encoders)
        self.edge_encoders = dict(edge_encoders)
        self.prepare = prepare
        self.received = tuple(received)
        self.rounds = updates
        self.context_units = context_units
        self._drop_edges = drop_edges
        self._jumping_knowledge = jumping_knowledge

    def call(self, graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
        node_sets = {
            name: part
            if is_readout(name)
            else tfgnn.NodeSet.from_fields(sizes=part.sizes, features=self.encode(name, part))
            for name, part in graph.node_sets.items()
        }
        edge_sets = {
            name: part
            if is_readout(name)
            else tfgnn.EdgeSet.from_fields(
                sizes=part.sizes, features=self.encode(name, part), adjacency=part.adjacency
            )
            for name, part in graph.edge_sets.items()
        }
        context = graph.context
        if self.context_units is not None:
            # [num_components, units]
            zeros = tf.zeros([graph.num_components, self.context_units], self.compute_dtype)
            context = tfgnn.Context.from_fields(
                sizes=context.sizes, features={tfgnn.HIDDEN_STATE: zeros}
            )
        graph = tfgnn.GraphTensor.from_pieces(context, node_sets, edge_sets)
        if self._drop_edges is not None:
            graph = self._drop_edges(graph)
        if self.prepare is not None:
            graph = self.prepare(graph)
        return self.read_out(self.rounds(graph))

    def encode(self, name: str, part: tfgnn.NodeSet | tfgnn.EdgeSet) -> dict[str, tf.Tensor]:
        """The input state of a set."""
        if isinstance(part, tfgnn.NodeSet):
            if name in self.encoders:
                return {tfgnn.HIDDEN_STATE: self.encoders[name](dict(part.features))}
            # [num_nodes, 0]: a node set without features has nothing to say but its edges.
            return {tfgnn.HIDDEN_STATE: tf.zeros([part.total_size, 0], self.compute_dtype)}
        if name in self.edge_encoders:
            return {tfgnn.HIDDEN_STATE: self.edge_encoders[name](dict(part.features))}
        return {}

    def read_out(self, graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
        """Replaces the seeds' state by what jumping knowledge makes of those of all rounds."""
        if self._jumping_knowledge == "none":
            return graph
        combine: dict[str, Callable[[list[tf.Tensor]], tf.Tensor]] = {
            "concat": lambda states: tf.concat(states, axis=-1),
            "max": lambda states: tf.reduce_max(tf.stack(states), axis=0),
            "sum": tf.add_n,
        }
        combined = {}
        for name, part in graph.node_sets.items():
            if not is_readout(name):
                # Each [num_seeds, units].
                states = [part[layer_state(index)] for index in range(self.rounds.num_layers)]
                combined[name] = {tfgnn.HIDDEN_STATE: combine[self._jumping_knowledge](states)}
        return graph.replace_features(node_sets=combined)
