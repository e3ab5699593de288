"""Which components of a padded batch fit the static sizes of trimmed layers."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.tensors.choose_items import kept_sizes
from tfgnn_ext.tensors.rounds import rounds
from tfgnn_ext.tensors.size_budget import SizeBudget

FITS = "#fits"  # The context feature that holds the answer.


def fits_budget(graph: tfgnn.GraphTensor, budget: SizeBudget, seed_node_set: str) -> tf.Tensor:
    """Whether each component fits, behind those before it, in every layer.

    The components before the first one that does not fit are computed exactly; of the others only
    the seeds are kept, whose states are arbitrary (see `start_trimming`). They must not count:
    `SampledBatches` gives them weight 0, and a `Predictor` tries them again.

    Args:
      graph: A merged, padded GraphTensor.
      budget: The sizes of the layers; its edge sets are those along which the model sends.
      seed_node_set: The node set of the seeds.

    Returns:
      bool [num_components].
    """
    left = rounds(graph, budget.num_layers, seed_node_set, sorted(budget.edges), padded=True)
    components = graph.context.sizes.shape[0]
    fits = tf.ones([components], tf.bool)

    def check(marked: tf.Tensor, sizes: tf.Tensor, room: int | tf.Tensor) -> tf.Tensor:
        # [num_components]
        counts = kept_sizes(tf.cumsum(tf.cast(marked, tf.int32)), sizes)
        return fits & (tf.cumsum(counts) <= room)

    for name, rooms in budget.nodes.items():
        sizes = graph.node_sets[name].sizes
        # [num_components]: seeds, which are kept in any case; then those of later components.
        is_seed = tf.cast(left[name] == budget.num_layers, tf.int32)
        seeds = kept_sizes(tf.cumsum(is_seed), sizes)
        later_seeds = tf.reduce_sum(seeds) - tf.cumsum(seeds)
        for layer, room in enumerate(rooms[1:], start=1):
            # One row is padding's.
            fits = check(left[name] >= layer, sizes, room - 1 - later_seeds)
    for (name, tag), rooms in budget.edges.items():
        part = graph.edge_sets[name]
        # [num_edges]
        of_receiver = tf.gather(left[part.adjacency.node_set_name(tag)], part.adjacency[tag])
        for layer, room in enumerate(rooms[1:], start=1):
            fits = check(of_receiver >= layer, part.sizes, room)
    return fits
