"""A learning task: where an item's state is read, and what is learned of it."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_gnn as tfgnn
from tensorflow_gnn import runner

from tfgnn_ext.training.metrics_of_rankings import ranking_metrics
from tfgnn_ext.training.tasks.objective import Objective


class Task(runner.Task):
    """TF-GNN's `Task`, with what evaluation needs.

    The head is one dense layer named `head`, whose input is the embedding of the item. Weights of
    items, and weight 0 for padding, come with the batches, as their third element; the loss is the
    weighted mean. Subclasses say by `read` where the state of an item is.

    Args:
      objective: What is learned.
      l2: The weight of the squared head kernel in the loss.
      seed: Of the head's initial weights.
      kernel_initializer: Of the head, in place of Glorot's uniform one.
      bias: What the head's bias begins at.

    Attributes:
      head: The name of the layer that makes the logits.
    """

    head: str = "logits"

    def __init__(
        self,
        objective: Objective,
        *,
        l2: float = 0.0,
        seed: int = 0,
        kernel_initializer: tf.keras.initializers.Initializer | None = None,
        bias: float = 0.0,
    ) -> None:
        if not l2 >= 0:
            raise ValueError(f"`l2` of `{type(self).__name__}` must be >= 0. Got {l2}.")
        self.objective = objective
        self._l2 = l2
        self._initializer = kernel_initializer or tf.keras.initializers.GlorotUniform(seed)
        self._bias = bias

    @abc.abstractmethod
    def read(self, graph: tfgnn.GraphTensor) -> tf.Tensor:
        """The hidden state of each item, ``[num_items, units]``."""

    def predict(self, *args: tfgnn.GraphTensor) -> tfgnn.Field:
        (graph,) = args
        return tf.keras.layers.Dense(
            self.objective.units,
            kernel_initializer=self._initializer,
            bias_initializer=tf.keras.initializers.Constant(self._bias),
            kernel_regularizer=tf.keras.regularizers.L2(self._l2) if self._l2 else None,
            dtype="float32",
            name=self.head,
        )(self.read(graph))

    def losses(self) -> tf.keras.losses.Loss:
        return self.objective.loss()

    def metrics(self) -> list[tf.keras.metrics.Metric]:
        return self.objective.metrics()

    def predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """What the logits ``[num_items, ...]`` mean; see `Objective.predictions`."""
        return self.objective.predictions(logits)

    def score(
        self,
        labels: npt.NDArray[Any],
        predictions: npt.NDArray[np.floating[Any]],
        weights: npt.NDArray[np.floating[Any]] | None = None,
        *,
        groups: npt.NDArray[np.integer[Any]] | None = None,
    ) -> dict[str, float]:
        """Exact metrics of predictions.

        Args:
          labels, predictions, weights: As for `Objective.score`.
          groups: int ``[num_items]``, where items of class 1 are also ranked among those of class 0
            in their group; see `ranking_metrics`.
        """
        scores = self.objective.score(labels, predictions, weights)
        if groups is None:
            return scores
        return {**scores, **ranking_metrics(labels, predictions[:, 1], groups)}
