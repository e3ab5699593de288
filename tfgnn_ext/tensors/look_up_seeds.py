"""Ids of nodes as the whole graph with those nodes as its seeds: the way in for serving."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.tensors.whole_graph import WholeGraph, with_seeds


class LookUpSeeds(tf.Module):
    """Turns ids of nodes into the GraphTensor that a model of full-graph mode takes.

    A `tf.Module` that keeps the graph in variables, so that a SavedModel holds it once, beside its
    weights and not in its code.

    Args:
      whole: The graph.
      node_set: Of the ids.
    """

    def __init__(self, whole: WholeGraph, node_set: str) -> None:
        super().__init__(name="look_up_seeds")
        ids = whole.graph.node_sets[node_set].ids
        self._node_set = node_set
        self._rows = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(ids), tf.range(len(ids), dtype=tf.int64)
            ),
            -1,
        )
        self._graph = whole.tensor
        self._values = [
            tf.Variable(value, trainable=False)
            for value in tf.nest.flatten(whole.tensor, expand_composites=True)
        ]
        kind = tf.string if ids.dtype.kind == "S" else tf.int64
        self.signature = tf.TensorSpec([None], kind, name="ids")

    def parse(self, ids: tf.Tensor) -> tuple[tfgnn.GraphTensor, tf.Tensor]:
        """Looks up a batch.

        Args:
          ids: string or int64 ``[batch]``.

        Returns:
          The graph with their rows as seeds, and the ids.

        Raises:
          tf.errors.InvalidArgumentError: An id is not one of the graph's.
        """
        rows = self._rows.lookup(ids)
        known = tf.debugging.assert_non_negative(
            rows, f"`ids` must be nodes of node set {self._node_set!r} of the training graph"
        )
        with tf.control_dependencies([] if known is None else [known]):
            rows = tf.cast(rows, tf.int32)
        graph = tf.nest.pack_sequence_as(
            self._graph, [value.read_value() for value in self._values], expand_composites=True
        )
        return with_seeds(graph, self._node_set, rows), ids
