"""One class of several."""

from __future__ import annotations

import tensorflow as tf

from tfgnn_ext.graph.labels import Target
from tfgnn_ext.training.tasks.cross_entropy import CrossEntropy, cross_entropy
from tfgnn_ext.training.tasks.objective import Objective


def _accuracy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)
    if logits.shape[-1] == 1:
        predictions = tf.cast(tf.squeeze(logits, -1) > 0, tf.int32)
    else:
        predictions = tf.argmax(logits, -1, output_type=tf.int32)
    return tf.cast(labels == predictions, tf.float32)[:, None]


def _log_loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return cross_entropy(tf.cast(tf.reshape(labels, [-1]), tf.int32), logits)[:, None]


class Classification(Objective):
    """Each item has one class.

    For two classes the head has one unit, the log odds of class 1; for more, one a class.

    Args:
      num_classes: At least 2.
      label_smoothing: In [0, 1); in the loss only.

    >>> Classification(2).units, Classification(3).units
    (1, 3)
    >>> Classification(1)
    Traceback (most recent call last):
    ValueError: `num_classes` of `Classification` must be an int >= 2. Got 1.
    """

    target: Target = "class"

    def __init__(self, num_classes: int, *, label_smoothing: float = 0.0) -> None:
        if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 2:
            raise ValueError(
                f"`num_classes` of `Classification` must be an int >= 2. Got {num_classes!r}."
            )
        self.num_classes = num_classes
        self.units = 1 if num_classes == 2 else num_classes
        self._loss = CrossEntropy(label_smoothing=label_smoothing)

    def loss(self) -> tf.keras.losses.Loss:
        return self._loss

    def metrics(self) -> list[tf.keras.metrics.Metric]:
        return [
            tf.keras.metrics.MeanMetricWrapper(_accuracy, name="accuracy"),
            tf.keras.metrics.MeanMetricWrapper(_log_loss, name="log_loss"),
        ]

    def predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """Probabilities ``[num_items, num_classes]``."""
        if self.num_classes > 2:
            return tf.nn.softmax(logits)
        # [num_items, 2]
        return tf.concat([tf.sigmoid(-logits), tf.sigmoid(logits)], axis=-1)
