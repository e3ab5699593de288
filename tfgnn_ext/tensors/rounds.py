"""In how many layers each node of a sampled batch has to be computed."""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.tensors.readout import is_of_pairs, is_readout, pair_ends
from tfgnn_ext.tensors.total_size import total_size

# An edge set and which of its ends receives messages: `tfgnn.SOURCE` or `tfgnn.TARGET`.
Direction = tuple[str, int]


def rounds(
    graph: tfgnn.GraphTensor,
    num_layers: int,
    seed_node_set: str,
    directions: Iterable[Direction],
    *,
    padded: bool = False,
) -> dict[str, tf.Tensor]:
    """Counts, for each node, the layers whose result for it the seeds can still see.

    With L layers, a node at distance d from the nearest seed, along the messages of `directions`
    against their flow, counts ``max(L - d, 0)``: seeds are computed in every layer, nodes at
    distance L or more never, as only their input is read. Distance is not the depth at which a
    sampler drew a node: a node drawn at two depths, or reached by an edge that another op drew, is
    nearer than its first depth says.

    The counts are found by relaxing ``rounds[sender] = max(rounds[sender], rounds[receiver] - 1)``
    over all directions; an L-th relaxation could only write zeros, so L - 1 are run.

    Args:
      graph: A merged, scalar GraphTensor; the first node of a component of `seed_node_set` is its
        seed. Of pairs, both ends are seeds.
      num_layers: L.
      seed_node_set: The node set of the seeds.
      directions: The (edge set, receiver tag) pairs that the model uses.
      padded: Whether the last component is padding, which counts 0.

    Returns:
      For each node set, int32 [num_nodes].

    Raises:
      ValueError: A receiver tag is not SOURCE or TARGET: what flows through the context reaches
        every node, so nothing can be trimmed.

    >>> graph = tfgnn.GraphTensor.from_pieces(
    ...     node_sets={"n": tfgnn.NodeSet.from_fields(sizes=[4], features={})},
    ...     edge_sets={"e": tfgnn.EdgeSet.from_fields(sizes=[3], adjacency=(
    ...         tfgnn.Adjacency.from_indices(("n", [0, 1, 2]), ("n", [1, 2, 3]))))})
    >>> rounds(graph, 2, "n", [("e", tfgnn.SOURCE)])["n"].numpy().tolist()
    [2, 1, 0, 0]
    """
    directions = list(directions)
    check_directions(directions)
    left = {
        name: tf.zeros([total_size(part)], tf.int32)
        for name, part in graph.node_sets.items()
        if not is_readout(name)
    }
    if is_of_pairs(graph):
        seeds = pair_ends(graph)
    else:
        sizes = graph.node_sets[seed_node_set].sizes
        seeds = [(seed_node_set, tf.where(sizes > 0, tf.cumsum(sizes, exclusive=True), -1))]
    for name, starts in seeds:  # [num_components]
        if padded:
            starts = tf.concat([starts[:-1], [-1]], axis=0)
        # [num_nodes]; negative segments, of padding and of components without a seed, are dropped.
        marked = tf.math.unsorted_segment_sum(
            tf.fill(tf.shape(starts), num_layers), starts, total_size(graph.node_sets[name])
        )
        left[name] = tf.maximum(left[name], marked)
    for _ in range(num_layers - 1):
        for name, tag in directions:
            adjacency = graph.edge_sets[name].adjacency
            receivers, senders = adjacency.node_set_name(tag), adjacency.node_set_name(1 - tag)
            # [num_edges]
            candidates = tf.gather(left[receivers], adjacency[tag]) - 1
            # [num_senders]
            best = tf.math.unsorted_segment_max(
                candidates, adjacency[1 - tag], total_size(graph.node_sets[senders])
            )
            left[senders] = tf.maximum(left[senders], best)
    return left


def check_directions(directions: Iterable[Direction]) -> None:
    """Refuses directions along which trimming cannot follow messages."""
    for name, tag in directions:
        if tag not in (tfgnn.SOURCE, tfgnn.TARGET):
            raise ValueError(
                f"`directions` must name SOURCE or TARGET as the receiver of edge set {name!r}: "
                f"the context hears every node, so that nothing can be trimmed below it. "
                f"Got tag {tag}."
            )
