"""Runs TF-GNN's graph updates on hop-trimmed graphs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn
from tensorflow_gnn.models.gcn import GCNConv

from tfgnn_ext.layers.hgt_update import HgtUpdate
from tfgnn_ext.tensors.fits_budget import FITS
from tfgnn_ext.tensors.readout import is_readout, seed_node_sets
from tfgnn_ext.tensors.rounds import Direction
from tfgnn_ext.tensors.size_budget import SizeBudget
from tfgnn_ext.tensors.trimming import edge_set_name, keep_seeds, start_trimming, trim_to_receivers


class TrimmedUpdates(tf.keras.layers.Layer):
    """A stack of `tfgnn.keras.layers.GraphUpdate`, computed where the seeds can see the result.

    Layer l is called on the bipartite graph of `trim_to_receivers`: it updates node sets ``n``,
    from the edge sets that `edge_set_name` names. The seeds' states equal those of the same updates
    called one after another on the whole graph.

    Args:
      updates: The graph updates, input side first.
      seed_node_set: The node set of the seeds.
      directions: All (edge set, receiver tag) pairs that the updates use.
      budget: Static sizes of each layer, for padded batches; `num_layers` is that of `updates`.
      padded: Whether the last component is padding.
      trim: If not, every node is computed in every layer, and updates may do what they like.
      remember: Whether the result also holds the seeds' states after each layer: see `layer_state`.

    Call:
      inputs: A merged, scalar GraphTensor with HIDDEN_STATE on nodes.
      Returns a GraphTensor with the seed node set alone and its HIDDEN_STATE; the first node of a
      component is its seed. Of pairs, with the node sets of both ends and the readout structure.

    Raises:
      ValueError: An update reaches beyond the neighbours of a node: it updates edge sets or the
        context, or pools to the context. Nothing below such a layer can be trimmed.
    """

    def __init__(
        self,
        updates: Sequence[tf.keras.layers.Layer],
        *,
        seed_node_set: str,
        directions: Sequence[Direction],
        budget: SizeBudget | None = None,
        padded: bool = False,
        trim: bool = True,
        remember: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if budget is not None and budget.num_layers != len(updates):
            raise ValueError(
                f"`budget` of `TrimmedUpdates` must be for {len(updates)} layers. Got one for "
                f"{budget.num_layers}."
            )
        if budget is not None and not set(directions) <= set(budget.edges):
            missing = ", ".join(map(edge_set_name, sorted(set(directions) - set(budget.edges))))
            raise ValueError(
                f"`budget` of `TrimmedUpdates` must hold every direction of messages. Got none for "
                f"{missing}."
            )
        self.graph_updates = list(updates)
        self._seed_node_set = seed_node_set
        self._directions = tuple(directions)
        self._budget = budget
        self._padded = padded
        self._trim = trim
        self._remember = remember
        if trim:
            self.check_reach()

    def check_reach(self) -> None:
        """Refuses updates that hear more than a node's neighbours.

        Raises:
          ValueError: As for the layer.
        """
        known = {edge_set_name(direction): direction[1] for direction in self._directions}
        with warnings.catch_warnings():
            # Keras finds it odd where an initial kernel's config is no Initializer's.
            warnings.filterwarnings("ignore", message=".*initializers.serialize.*")
            for index, update in enumerate(self.graph_updates):
                _check_local(update, index, known)

    @property
    def num_layers(self) -> int:
        """The number of updates."""
        return len(self.graph_updates)

    def call(self, graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
        seeds = self._seed_node_set
        fits = graph.context.features.get(FITS)
        if self._trim:
            graph = start_trimming(
                graph, self.num_layers, seeds, self._directions, padded=self._padded, fits=fits
            )
        for index, update in enumerate(self.graph_updates):
            if self._trim:
                graph = trim_to_receivers(
                    graph,
                    index + 1,
                    self._directions,
                    budget=self._budget,
                    padded=self._padded,
                    cut=fits is not None,
                )
            else:
                graph = _all_directions(graph, self._directions)
            graph = update(graph)
            if self._remember:
                remembered = {}
                for name in seed_node_sets(graph.spec, seeds):
                    features = dict(graph.node_sets[name].features)
                    features[layer_state(index)] = features[tfgnn.HIDDEN_STATE]
                    remembered[name] = features
                graph = graph.replace_features(node_sets=remembered)
        return keep_seeds(graph, seeds)


def layer_state(index: int) -> str:
    """The feature with the seeds' state after a layer, counted from 0."""
    return f"#layer/{index}"


def _all_directions(graph: tfgnn.GraphTensor, directions: Sequence[Direction]) -> tfgnn.GraphTensor:
    """The graph with an edge set for each direction."""
    names = {edge_set_name(direction): direction[0] for direction in directions}
    edge_sets = {
        name: graph.edge_sets[name if name in graph.edge_sets else original]
        for name, original in names.items()
    }
    edge_sets.update({name: part for name, part in graph.edge_sets.items() if is_readout(name)})
    return tfgnn.GraphTensor.from_pieces(graph.context, graph.node_sets, edge_sets)


def _check_local(update: tf.keras.layers.Layer, index: int, known: Mapping[str, int]) -> None:
    """Refuses what hears more than a node's neighbours, or edges that trimming does not know."""
    place = f"`updates` of `TrimmedUpdates`, layer {index + 1},"
    if isinstance(update, HgtUpdate):
        _check_names(place, update.receiver_tags, known)
        return
    if not isinstance(update, tfgnn.keras.layers.GraphUpdate):
        raise ValueError(
            f"{place} must be a tfgnn.keras.layers.GraphUpdate, whose reach is known. Got "
            f"{type(update).__name__}."
        )
    config = update.get_config()
    if config["context"] is not None:
        raise ValueError(
            f"{place} must not update the context: it hears every node, so that nothing below it "
            "can be trimmed. Got a context update; pass trim=False."
        )
    edge_updates = [key for key in config if key.startswith("edge_sets/")]
    if edge_updates:
        raise ValueError(
            f"{place} must not update edge sets: the states of trimmed edges would be lost. Got "
            f"{edge_updates[0].removeprefix('edge_sets/')!r}; pass trim=False."
        )
    for node_set, node_update in _parts(config, "node_sets/").items():
        if not isinstance(node_update, tfgnn.keras.layers.NodeSetUpdate):
            raise ValueError(
                f"{place} must update {node_set!r} by a tfgnn.keras.layers.NodeSetUpdate, whose "
                f"reach is known. Got {type(node_update).__name__}."
            )
        for name, conv in _parts(node_update.get_config(), "edge_set_inputs/").items():
            if isinstance(conv, GCNConv):
                raise ValueError(
                    f"{place} must not be of GCNConv, which counts the degrees of senders: trimmed "
                    f"ones have fewer edges. Got it for {name!r}; use `EdgeWeights` and "
                    "`WeightedSum`, as the template `gcn` does, or pass trim=False."
                )
            config = conv.get_config()
            _check_names(place, {name: config.get("receiver_tag", config.get("tag"))}, known)


def _check_names(place: str, tags: Mapping[str, Any], known: Mapping[str, int]) -> None:
    for name, tag in tags.items():
        if name not in known:
            raise ValueError(
                f"{place} must receive along `directions` ({', '.join(sorted(known))}). Got "
                f"edge set {name!r}."
            )
        if tag == tfgnn.CONTEXT:
            raise ValueError(f"{place} must not pool {name!r} to the context. Got CONTEXT.")
        if tag != known[name]:
            raise ValueError(
                f"{place} must receive at the end that `directions` names for {name!r}, "
                f"{known[name]}. Got receiver tag {tag}."
            )


def _parts(config: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)
    }
