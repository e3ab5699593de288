"""From (step) to the whole graph with its seeds, labels and weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.graph import Seeds
from tfgnn_ext.tensors.sampled_batches import Choice
from tfgnn_ext.tensors.whole_graph import WholeGraph


class WholeGraphBatches:
    """Datasets of ``(graph, label, weight)`` whose graph is always the whole one.

    What `SampledBatches` is for samples. The tensors of the graph are shared by all elements, which
    differ in the seeds they name: nothing is copied.

    Args:
      whole: The graph.
      seeds: Whose labels count; times of theirs are ignored, as the graph has none.
    """

    def __init__(self, whole: WholeGraph, seeds: Seeds) -> None:
        self.whole = whole
        self.seeds = seeds
        self.batch_size = len(seeds)
        self._rows = tf.constant(np.asarray(seeds.rows, np.int32))
        self._labels = tf.constant(seeds.labels)

    def dataset(self, choose: Callable[[int], Choice], start: int, stop: int) -> tf.data.Dataset:
        """Batches of the steps ``start .. stop - 1``, in this order.

        Args:
          choose: From a step to its seeds.
          start, stop: The steps.

        Returns:
          Elements ``(graph, label [num_chosen], weight float32 [num_chosen])``.
        """

        def chosen(step: np.int64) -> tuple[npt.NDArray[Any], ...]:
            positions, weights, _ = choose(int(step))
            return positions.astype(np.int32), weights.astype(np.float32)

        def batch(step: tf.Tensor) -> tuple[tfgnn.GraphTensor, tf.Tensor, tf.Tensor]:
            positions, weights = tf.numpy_function(
                chosen, [step], (tf.int32, tf.float32), stateful=False
            )
            # Sizes stay open, so that one model takes the seeds of every split.
            positions.set_shape([None])
            weights.set_shape([None])
            graph = self.whole.at(self.seeds.node_set, tf.gather(self._rows, positions))
            return graph, tf.gather(self._labels, positions), weights

        return tf.data.Dataset.range(start, stop).map(batch).prefetch(2)
