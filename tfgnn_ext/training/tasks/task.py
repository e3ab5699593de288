"""What a task adds to TF-GNN's: exact scores of its predictions."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow_gnn import runner


class Task(runner.Task):
    """TF-GNN's `Task`, with what evaluation needs.

    `predict` must end in a layer named `head`, whose input is the embedding of the item. `metrics`
    are those of the training pass, weighted as the loss is.

    Attributes:
      head: The name of the layer that makes the logits.
    """

    head: str = "logits"

    @abc.abstractmethod
    def probabilities(self, logits: tf.Tensor) -> tf.Tensor:
        """Probabilities float32 ``[num_items, num_classes]`` of logits ``[num_items, ...]``."""

    @abc.abstractmethod
    def score(
        self,
        labels: npt.NDArray[np.integer[Any]],
        probabilities: npt.NDArray[np.floating[Any]],
        weights: npt.NDArray[np.floating[Any]] | None = None,
    ) -> dict[str, float]:
        """Exact metrics of predictions."""
