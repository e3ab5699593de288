"""Hop trimming: each layer computes only the nodes whose result the seeds can still see.

Layer l of L needs new states for the nodes with `rounds` >= l, and reads those of nodes with
`rounds` >= l - 1. So it is run on a bipartite GraphTensor: node set ``n`` holds the receivers,
``n@senders`` all nodes that the layer below computed, and edges lead from the latter to the former.
TF-GNN's convolutions and node set updates run on it unchanged, and the seeds' states come out as
if every node had been computed.

Edge sets are named by their direction: ``e`` if the source of its edges receives, ``e@target`` if
the target does; an edge set used both ways appears twice, as its two directions are trimmed to
different edges.

    graph = start_trimming(graph, num_layers, seed_node_set, directions)
    for layer in range(1, num_layers + 1):
        graph = trim_to_receivers(graph, layer, directions)
        graph = updates[layer - 1](graph)          # writes HIDDEN_STATE of ``n``
    graph = keep_seeds(graph, seed_node_set)

The way of thinking is that of layer-wise blocks in DGL (Wang et al., "Deep Graph Library", 2019)
and of trimming in PyG; blocks there are the sampler's, here any sample can be trimmed.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.tensors.choose_items import choose_items, choose_items_within
from tfgnn_ext.tensors.component_ids import component_ids
from tfgnn_ext.tensors.readout import (
    is_of_pairs,
    is_readout,
    pair_ends,
    readout_pieces,
    seed_node_sets,
)
from tfgnn_ext.tensors.rounds import Direction, check_directions, rounds
from tfgnn_ext.tensors.size_budget import SizeBudget
from tfgnn_ext.tensors.total_size import total_size

ROUNDS = "#rounds"  # Of a node: in how many more layers it is computed.
_POSITION = "#position"  # Of a sender: its row among the receivers.
SENDERS = "@senders"  # Ends the name of the node set of a layer's senders.


def edge_set_name(direction: Direction) -> str:
    """The name of a direction's edges in a trimmed graph.

    >>> edge_set_name(("cites", tfgnn.SOURCE)), edge_set_name(("cites", tfgnn.TARGET))
    ('cites', 'cites@target')
    """
    name, tag = direction
    return name if tag == tfgnn.SOURCE else f"{name}@target"


def start_trimming(
    graph: tfgnn.GraphTensor,
    num_layers: int,
    seed_node_set: str,
    directions: Sequence[Direction],
    *,
    padded: bool = False,
    fits: tf.Tensor | None = None,
) -> tfgnn.GraphTensor:
    """Labels nodes with their `rounds` and gives each direction its own edge set.

    Args:
      graph: A merged, scalar GraphTensor.
      num_layers, seed_node_set, directions, padded: As for `rounds`.
      fits: float32 [num_components], 0 for components of which only the seed is to be kept, as
        their states count for nothing; see `fits_budget`.

    Returns:
      The graph with the int32 feature ``#rounds`` on every node set, without context features and
      without the edge sets that the model does not use.
    """
    left = rounds(graph, num_layers, seed_node_set, directions, padded=padded)
    if fits is not None:
        for name, part in graph.node_sets.items():
            if is_readout(name):
                continue
            # [num_nodes]
            ids = component_ids(part.sizes, total_size(part))
            kept = (tf.gather(fits, ids) > 0) | (left[name] == num_layers)
            left[name] = tf.where(kept, left[name], 0)
    node_sets = {
        name: part
        if is_readout(name)
        else tfgnn.NodeSet.from_fields(
            sizes=part.sizes, features={**part.features, ROUNDS: left[name]}
        )
        for name, part in graph.node_sets.items()
    }
    edge_sets = {edge_set_name((name, tag)): graph.edge_sets[name] for name, tag in directions}
    edge_sets.update({n: part for n, part in graph.edge_sets.items() if is_readout(n)})
    return tfgnn.GraphTensor.from_pieces(_bare(graph.context), node_sets, edge_sets)


def trim_to_receivers(
    graph: tfgnn.GraphTensor,
    layer: int,
    directions: Sequence[Direction],
    *,
    budget: SizeBudget | None = None,
    padded: bool = False,
    cut: bool = False,
) -> tfgnn.GraphTensor:
    """The bipartite graph of one layer: nodes with ``#rounds`` >= `layer` and what they hear.

    Nodes, edges and components keep their order, so a seed stays the first of its component.

    Args:
      graph: From `start_trimming` or, above the first layer, the layer below's bipartite graph with
        new states of its receivers.
      layer: From 1 to the number of layers.
      directions: As given to `start_trimming`.
      budget: Static sizes, with which all shapes are static. Spare rows repeat the last node and
        spare edges join it to itself; both belong to the last component, which must be padding. A
        batch that needs more room gets NaN in place of every float of every receiver, unless `cut`.
      padded: Without a budget: whether the last component is padding. Its last node is kept, so
        that no component is empty.
      cut: With a budget: whether `start_trimming` was told which components fit. The others get
        arbitrary states.

    Returns:
      Node sets ``n`` and ``n@senders``, and edges whose receiver is kept.
    """
    check_directions(directions)
    overflow: list[tf.Tensor] = []
    node_sets: dict[str, tfgnn.NodeSet] = {}
    rows_of: dict[str, tf.Tensor] = {}
    for name, part in graph.node_sets.items():
        if name.endswith(SENDERS):
            continue
        if is_readout(name):
            node_sets[name] = part
            continue
        # [num_senders]
        keep = part[ROUNDS] >= layer
        if budget is None:
            chosen = choose_items(keep | _is_last(keep) if padded else keep, part.sizes)
        else:
            size = budget.nodes[name][layer]
            if not cut:
                failed = tf.math.count_nonzero(keep, dtype=tf.int32) > size - 1
                overflow.append(failed)
                # All is NaN in any case; the seeds fit, so that components keep theirs.
                keep = part[ROUNDS] >= tf.where(failed, budget.num_layers, layer)
            chosen = choose_items_within(keep, part.sizes, size, spare=1)
        rows_of[name] = chosen.positions
        node_sets[name] = tfgnn.NodeSet.from_fields(
            sizes=chosen.sizes,
            features={key: tf.gather(v, chosen.items) for key, v in part.features.items()},
        )
        node_sets[name + SENDERS] = tfgnn.NodeSet.from_fields(
            sizes=part.sizes, features={**part.features, _POSITION: chosen.positions}
        )
    edge_sets: dict[str, tfgnn.EdgeSet] = {}
    for direction in directions:
        name, tag = edge_set_name(direction), direction[1]
        part = graph.edge_sets[name]
        receiver_set = part.adjacency.node_set_name(tag)
        sender_set = part.adjacency.node_set_name(1 - tag)
        receivers, senders = part.adjacency[tag], part.adjacency[1 - tag]
        features, sizes = dict(part.features), part.sizes
        # [num_edges]
        keep = tf.gather(graph.node_sets[receiver_set][ROUNDS], receivers) >= layer
        total = part.spec.total_size
        room = None if budget is None else min(budget.edges[direction][layer], total)
        if room is None or room < total:
            if room is None:
                chosen = choose_items(keep, part.sizes)
            else:
                chosen = choose_items_within(keep, part.sizes, room, spare=0)
                keep = chosen.kept
                overflow.append(chosen.overflow)
            receivers = tf.gather(receivers, chosen.items)
            senders = tf.gather(senders, chosen.items)
            features = {key: tf.gather(value, chosen.items) for key, value in features.items()}
            sizes = chosen.sizes
        # [num_edges kept], rows of the new node sets.
        receivers = tf.gather(rows_of[receiver_set], receivers)
        if sender_set.endswith(SENDERS):
            senders = tf.gather(graph.node_sets[sender_set][_POSITION], senders)
            sender_set = sender_set.removesuffix(SENDERS)
        if budget is not None:
            # Spare edges, and dropped ones where all stay in place, join spare rows.
            last_sender = graph.node_sets[sender_set].spec.total_size - 1
            receivers = tf.where(keep, receivers, budget.nodes[receiver_set][layer] - 1)
            senders = tf.where(keep, senders, last_sender)
        ends = ((receiver_set, receivers), (sender_set + SENDERS, senders))
        source, target = ends if tag == tfgnn.SOURCE else ends[::-1]
        edge_sets[name] = tfgnn.EdgeSet.from_fields(
            sizes=sizes, features=features, adjacency=tfgnn.Adjacency.from_indices(source, target)
        )
    if is_of_pairs(graph):
        seeds = [(name, tf.gather(rows_of[name], rows)) for name, rows in pair_ends(graph)]
        edge_sets.update(readout_pieces(graph.context.sizes, seeds, {})[1])
    if overflow and not cut:
        failed = tf.reduce_any(tf.stack(overflow))
        node_sets = {
            name: part if name.endswith(SENDERS) or is_readout(name) else _poisoned(part, failed)
            for name, part in node_sets.items()
        }
    return tfgnn.GraphTensor.from_pieces(graph.context, node_sets, edge_sets)


def keep_seeds(graph: tfgnn.GraphTensor, seed_node_set: str) -> tfgnn.GraphTensor:
    """The seed node set of the last layer's graph, without labels of trimming and without edges.

    Of pairs, the node sets of both ends, and the readout structure.
    """
    names = seed_node_sets(graph.spec, seed_node_set)
    kept = {}
    for name in names:
        part = graph.node_sets[name]
        features = {key: value for key, value in part.features.items() if key != ROUNDS}
        kept[name] = tfgnn.NodeSet.from_fields(sizes=part.sizes, features=features)
    kept.update({name: part for name, part in graph.node_sets.items() if is_readout(name)})
    edges = {name: part for name, part in graph.edge_sets.items() if is_readout(name)}
    return tfgnn.GraphTensor.from_pieces(graph.context, kept, edges)


def _bare(context: tfgnn.Context) -> tfgnn.Context:
    return tfgnn.Context.from_fields(sizes=context.sizes)


def _is_last(values: tf.Tensor) -> tf.Tensor:
    count = tf.shape(values)[0]
    return tf.range(count) == count - 1


def _poisoned(part: tfgnn.NodeSet, failed: tf.Tensor) -> tfgnn.NodeSet:
    features = {
        key: tf.where(failed, tf.constant(float("nan"), value.dtype), value)
        if value.dtype.is_floating
        else value
        for key, value in part.features.items()
    }
    return tfgnn.NodeSet.from_fields(sizes=part.sizes, features=features)
