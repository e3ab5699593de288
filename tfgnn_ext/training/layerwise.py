"""A message passing model on a whole graph, layer by layer, in bounded memory.

A layer's states are computed for all nodes before the next layer begins, chunk by chunk of
receivers, each with all of its edges: nothing is sampled, no node is computed twice, and only one
chunk's messages exist at a time. Hamilton et al.'s GraphSAGE is deployed this way by DGL and PyG
("layer-wise inference"); here the chunk is the bipartite graph of hop trimming, so that it works
for every template and convolution that can be trimmed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.trimmed_updates import layer_state
from tfgnn_ext.models.message_passing import MessagePassingLayer
from tfgnn_ext.tensors.rounds import Direction
from tfgnn_ext.tensors.trimming import SENDERS, edge_set_name
from tfgnn_ext.tensors.whole_graph import WholeGraph

Rows = npt.NDArray[np.integer[Any]]
Features = dict[str, tf.Tensor]


def layerwise_states(
    layer: MessagePassingLayer,
    whole: WholeGraph,
    node_set: str,
    rows: Rows,
    *,
    items_per_step: int = 1_000_000,
) -> tf.Tensor:
    """The states of some nodes as if the model were called on the whole graph.

    Args:
      layer: The model's.
      whole: The graph.
      node_set: The seeds' node set.
      rows: int ``[num_seeds]``, whose states to return.
      items_per_step: The most nodes and edges whose messages exist at a time; one receiver with all
        of its edges is never divided.

    Returns:
      ``[num_seeds, units]``, equal to the full-graph computation to rounding.

    Raises:
      ValueError: The model hears more than neighbours, as a virtual node or attention among all
        nodes does.
    """
    if items_per_step < 1:
        raise ValueError(
            f"`items_per_step` of `layerwise_states` must be an int >= 1. Got {items_per_step}."
        )
    if layer.context_units is not None:
        raise ValueError(
            "`layer` of `layerwise_states` must hear neighbours alone. Got one with a "
            "`virtual_node`, which hears every node: predict in full-graph mode."
        )
    layer.rounds.check_reach()
    graph = whole.tensor
    names = sorted(graph.node_sets)
    directions = {
        m.direction for received in layer.received for ms in received.values() for m in ms
    }
    hears = {direction: _Hears(whole, direction) for direction in sorted(directions)}
    states = {name: _encoded(layer, graph, name, items_per_step) for name in names}
    extra = _prepared(layer, graph, states)
    remembered: Features = {}
    for index, received in enumerate(layer.received):
        update = layer.rounds.graph_updates[index]
        last = index == len(layer.received) - 1
        wanted = {
            name: np.asarray(rows, np.int64) if last else np.arange(_size(graph, name))
            for name in sorted(received)
        }
        used = {m.direction: hears[m.direction] for ms in received.values() for m in ms}
        run: Any = None
        new: dict[str, list[tf.Tensor]] = {name: [] for name in wanted}
        for chunk in _chunks(wanted, used, items_per_step):
            part = _bipartite(layer, graph, chunk, used, states, extra, names)
            if run is None:
                spec = part.spec.relax(num_nodes=True, num_edges=True)
                run = tf.function(lambda inputs, update=update: update(inputs), [spec])
            result = run(part)
            for name in wanted:
                new[name].append(result.node_sets[name][tfgnn.HIDDEN_STATE])
        updated = {name: tf.concat(parts, axis=0) for name, parts in new.items()}
        if last and node_set in updated:
            of_seeds = updated[node_set]
        else:
            states |= updated
            of_seeds = tf.gather(states[node_set], rows)
        remembered[layer_state(index)] = of_seeds
    seeds = tfgnn.NodeSet.from_fields(
        sizes=[len(rows)], features={**remembered, tfgnn.HIDDEN_STATE: of_seeds}
    )
    read = layer.read_out(tfgnn.GraphTensor.from_pieces(node_sets={node_set: seeds}))
    found: tf.Tensor = read.node_sets[node_set][tfgnn.HIDDEN_STATE]
    return found


class _Hears:
    """The edges of a direction, grouped by receiver.

    Attributes:
      receivers, senders: Their node sets.
      indptr: int64 ``[num_receivers + 1]``.
      edges: int ``[num_edges]``, which edge each is; None: they are in order.
      sending: int32 ``[num_edges]``, the rows of the senders.
    """

    def __init__(self, whole: WholeGraph, direction: Direction) -> None:
        name, tag = direction
        edges = whole.graph.edge_sets[name]
        self.direction = direction
        if tag == tfgnn.SOURCE:
            self.receivers, self.senders = edges.source, edges.target
            self.indptr, self.sending = edges.indptr, np.asarray(edges.targets)
            self.edges: Rows | None = None
            return
        self.receivers, self.senders = edges.target, edges.source
        targets = np.asarray(edges.targets)
        self.edges = np.argsort(targets, kind="stable")
        counts = np.bincount(targets, minlength=whole.graph.node_sets[edges.target].num_nodes)
        self.indptr = np.concatenate([[0], np.cumsum(counts)])
        self.sending = edges.source_rows[self.edges]

    def of(self, rows: Rows) -> tuple[Rows, Rows, Rows]:
        """The edges of receivers: positions among `rows`, sending rows, and which edges."""
        begins, degrees = self.indptr[rows], np.diff(self.indptr)[rows]
        # [number of edges]
        local = np.repeat(np.arange(len(rows)), degrees)
        starts = np.cumsum(degrees) - degrees
        place = np.arange(len(local)) - np.repeat(starts, degrees) + np.repeat(begins, degrees)
        return local, self.sending[place], place if self.edges is None else self.edges[place]


def _size(graph: tfgnn.GraphTensor, name: str) -> int:
    return int(graph.node_sets[name].total_size)


def _encoded(
    layer: MessagePassingLayer, graph: tfgnn.GraphTensor, name: str, items: int
) -> tf.Tensor:
    """The input states of a node set, ``[num_nodes, width]``."""
    part, total = graph.node_sets[name], _size(graph, name)
    pieces = []
    for begin in range(0, max(total, 1), items):
        end = min(begin + items, total)
        features = {key: value[begin:end] for key, value in part.features.items()}
        piece = tfgnn.NodeSet.from_fields(sizes=[end - begin], features=features)
        pieces.append(layer.encode(name, piece)[tfgnn.HIDDEN_STATE])
    return tf.concat(pieces, axis=0)


def _prepared(
    layer: MessagePassingLayer, graph: tfgnn.GraphTensor, states: Mapping[str, tf.Tensor]
) -> tuple[dict[str, Features], dict[str, Features]]:
    """What is added to nodes and edges before the first layer: degrees are those of all edges."""
    if layer.prepare is None:
        return {}, {}
    bare = layer.prepare(
        tfgnn.GraphTensor.from_pieces(
            node_sets={
                name: tfgnn.NodeSet.from_fields(
                    sizes=part.sizes, features={tfgnn.HIDDEN_STATE: states[name]}
                )
                for name, part in graph.node_sets.items()
            },
            edge_sets={
                name: tfgnn.EdgeSet.from_fields(sizes=part.sizes, adjacency=part.adjacency)
                for name, part in graph.edge_sets.items()
            },
        )
    )
    return (
        {
            name: {k: v for k, v in part.features.items() if k != tfgnn.HIDDEN_STATE}
            for name, part in bare.node_sets.items()
        },
        {name: dict(part.features) for name, part in bare.edge_sets.items()},
    )


def _chunks(
    wanted: Mapping[str, Rows], used: Mapping[Direction, _Hears], items: int
) -> Iterator[dict[str, Rows]]:
    """Cuts receivers into runs of about equal numbers of nodes and edges."""
    cost = {name: np.ones(len(rows), np.int64) for name, rows in wanted.items()}
    for hears in used.values():
        cost[hears.receivers] += np.diff(hears.indptr)[wanted[hears.receivers]]
    ends = {name: np.cumsum(each) for name, each in cost.items()}
    total = sum(int(each[-1]) for each in ends.values() if len(each))
    number = max(1, -(-total // items))
    for index in range(number):
        yield {
            name: wanted[name][
                slice(
                    *(
                        np.searchsorted(each, (each[-1] if len(each) else 0) * share / number)
                        if share < number
                        else len(each)
                        for share in (index, index + 1)
                    )
                )
            ]
            for name, each in ends.items()
        }


def _bipartite(
    layer: MessagePassingLayer,
    graph: tfgnn.GraphTensor,
    chunk: Mapping[str, Rows],
    used: Mapping[Direction, _Hears],
    states: Mapping[str, tf.Tensor],
    extra: tuple[Mapping[str, Features], Mapping[str, Features]],
    names: list[str],
) -> tfgnn.GraphTensor:
    """The graph of one chunk, as `trim_to_receivers` makes it."""
    none = np.zeros(0, np.int64)
    found = {direction: hears.of(chunk[hears.receivers]) for direction, hears in used.items()}
    senders: dict[str, Rows] = {}
    for name in names:
        rows = [
            sent for direction, (_, sent, _) in found.items() if used[direction].senders == name
        ]
        senders[name] = np.unique(np.concatenate(rows)) if rows else none

    def node_set(name: str, rows: Rows) -> tfgnn.NodeSet:
        features = {tfgnn.HIDDEN_STATE: tf.gather(states[name], rows)}
        for key, values in extra[0].get(name, {}).items():
            features[key] = tf.gather(values, rows)
        return tfgnn.NodeSet.from_fields(sizes=[len(rows)], features=features)

    node_sets = {}
    for name in names:
        node_sets[name] = node_set(name, chunk.get(name, none))
        node_sets[name + SENDERS] = node_set(name, senders[name])
    edge_sets = {}
    for direction, (local, sent, edges) in found.items():
        hears, (name, tag) = used[direction], direction
        features = {}
        if name in layer.edge_encoders:
            raw = graph.edge_sets[name].features
            delivered = {key: tf.gather(values, edges) for key, values in raw.items()}
            features[tfgnn.HIDDEN_STATE] = layer.edge_encoders[name](delivered)
        for key, values in extra[1].get(name, {}).items():
            features[key] = tf.gather(values, edges)
        place = np.searchsorted(senders[hears.senders], sent)
        pairs = (
            (hears.receivers, tf.constant(local, tf.int32)),
            (hears.senders + SENDERS, tf.constant(place, tf.int32)),
        )
        source, target = pairs if tag == tfgnn.SOURCE else pairs[::-1]
        edge_sets[edge_set_name(direction)] = tfgnn.EdgeSet.from_fields(
            sizes=[len(edges)],
            features=features,
            adjacency=tfgnn.Adjacency.from_indices(source, target),
        )
    return tfgnn.GraphTensor.from_pieces(node_sets=node_sets, edge_sets=edge_sets)
