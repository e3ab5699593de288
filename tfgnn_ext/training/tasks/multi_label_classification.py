"""Any number of classes at once."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.graph.labels import Target
from tfgnn_ext.training.tasks.objective import Objective
from tfgnn_ext.training.tasks.weighted_mean import WeightedMean


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class BinaryCrossEntropies(WeightedMean):
    """The mean over the classes of each one's cross-entropy, in nats.

    Args:
      label_smoothing: s in [0, 1): targets are ``1 - s / 2`` and ``s / 2``.
    """

    def __init__(
        self, *, label_smoothing: float = 0.0, name: str = "binary_cross_entropies", **kwargs: Any
    ):
        super().__init__(name=name, **kwargs)
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                "`label_smoothing` of `BinaryCrossEntropies` must be in [0, 1). "
                f"Got {label_smoothing}."
            )
        self.label_smoothing = label_smoothing

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        targets = tf.cast(y_true, tf.float32) * (1 - self.label_smoothing)
        targets += self.label_smoothing / 2
        # [num_items, num_classes]
        losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, tf.cast(y_pred, tf.float32))
        return tf.reduce_mean(losses, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


def _log_loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return BinaryCrossEntropies().call(labels, logits)[:, None]


class MultiLabelClassification(Objective):
    """Each item has any number of classes; each class is said yes or no to by itself.

    Labels are ``[num_items, num_classes]`` of 0 and 1; the head has one unit a class, its log odds.

    Args:
      num_classes: At least 1.
      label_smoothing: In [0, 1); in the loss only.
    """

    target: Target = "classes"

    def __init__(self, num_classes: int, *, label_smoothing: float = 0.0) -> None:
        if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
            raise ValueError(
                "`num_classes` of `MultiLabelClassification` must be an int >= 1. "
                f"Got {num_classes!r}."
            )
        self.units = num_classes
        self._loss = BinaryCrossEntropies(label_smoothing=label_smoothing)

    def loss(self) -> tf.keras.losses.Loss:
        return self._loss

    def metrics(self) -> list[tf.keras.metrics.Metric]:
        return [tf.keras.metrics.MeanMetricWrapper(_log_loss, name="log_loss")]

    def predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """Probabilities ``[num_items, num_classes]``."""
        return tf.sigmoid(logits)
