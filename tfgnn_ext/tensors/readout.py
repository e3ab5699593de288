"""TF-GNN's readout structure in sampled batches: which nodes are the ends of pairs.

Samples of pairs (see `sampling.Link`) hold the node set ``_readout`` with one node a component, and
the edge sets ``_readout/source`` and ``_readout/target`` that lead to it from the ends: what
`tfgnn.structured_readout` reads. Models send nothing along them.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.sampling.link import READOUT, READOUT_ENDS


def is_readout(name: str) -> bool:
    """Whether a node or edge set belongs to the readout structure.

    >>> is_readout("_readout/source"), is_readout("paper")
    (True, False)
    """
    return name == READOUT or name in READOUT_ENDS


def is_of_pairs(graph: tfgnn.GraphTensor | tfgnn.GraphTensorSpec) -> bool:
    """Whether the seeds of a graph, or of graphs of a spec, are pairs of nodes."""
    sets: Any = (
        graph.node_sets_spec if isinstance(graph, tfgnn.GraphTensorSpec) else graph.node_sets
    )
    return READOUT in sets


def seed_node_sets(graph_spec: tfgnn.GraphTensorSpec, seed_node_set: str) -> tuple[str, ...]:
    """The node sets in which a seed has nodes: one, or of pairs those of both ends.

    Args:
      graph_spec: Of a batch.
      seed_node_set: Of the seeds that are no pairs.
    """
    if not is_of_pairs(graph_spec):
        return (seed_node_set,)
    ends = [graph_spec.edge_sets_spec[name].adjacency_spec.source_name for name in READOUT_ENDS]
    return tuple(dict.fromkeys(ends))


def pair_ends(graph: tfgnn.GraphTensor) -> list[tuple[str, tf.Tensor]]:
    """The node set and the rows ``[num_components]`` of the first nodes, and of the second."""
    ends = [graph.edge_sets[name].adjacency for name in READOUT_ENDS]
    return [(end.source_name, end.source) for end in ends]


def read_ends(graph: tfgnn.GraphTensor, feature_name: str) -> list[tf.Tensor]:
    """A feature of both ends, ``[num_components, ...]`` each, as `tfgnn.structured_readout` does.

    It differs in that XLA compiles it: nothing is checked.
    """
    return [tf.gather(graph.node_sets[name][feature_name], rows) for name, rows in pair_ends(graph)]


def readout_pieces(
    context_sizes: tf.Tensor, ends: list[tuple[str, tf.Tensor]], features: dict[str, tf.Tensor]
) -> tuple[tfgnn.NodeSet, dict[str, tfgnn.EdgeSet]]:
    """The node set and the edge sets of a readout structure.

    Args:
      context_sizes: int32 ``[num_components]``, ones.
      ends: As `pair_ends` returns them.
      features: Of the pairs, ``[num_components, ...]``.
    """
    # [num_components]: the readout node of each component.
    own = tf.range(tf.shape(context_sizes)[0])
    if context_sizes.shape[0] is not None:
        own = tf.range(context_sizes.shape[0])
    edge_sets = {
        name: tfgnn.EdgeSet.from_fields(
            sizes=context_sizes,
            features={},
            adjacency=tfgnn.Adjacency.from_indices((node_set, rows), (READOUT, own)),
        )
        for name, (node_set, rows) in zip(READOUT_ENDS, ends, strict=True)
    }
    return tfgnn.NodeSet.from_fields(sizes=context_sizes, features=features), edge_sets
