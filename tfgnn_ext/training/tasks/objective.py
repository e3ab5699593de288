"""What is learned of an item, whatever the item is: a node, a graph, a pair of nodes."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfgnn_ext.graph.labels import Target
from tfgnn_ext.training.scored import SCORED


class Objective(abc.ABC):
    """The head's units, the loss, and the scores of what is predicted.

    Attributes:
      units: Of the head.
      output: What `predictions` are called where they are served and written: "probabilities" or
        "predictions".
      target: What the labels are, by which they are judged.
    """

    units: int
    output: str = "probabilities"
    target: Target

    @abc.abstractmethod
    def loss(self) -> tf.keras.losses.Loss:
        """From labels and logits to the weighted mean loss; see `WeightedMean`."""

    @abc.abstractmethod
    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """Of the training pass, weighted as the loss is."""

    @abc.abstractmethod
    def predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """Float32 ``[num_items, ...]`` of logits ``[num_items, units]``."""

    def score(
        self,
        labels: npt.NDArray[Any],
        predictions: npt.NDArray[np.floating[Any]],
        weights: npt.NDArray[np.floating[Any]] | None = None,
    ) -> dict[str, float]:
        """Exact metrics of predictions, one for each of `score_names.SCORES`."""
        return SCORED[self.target](labels, predictions, weights=weights)
