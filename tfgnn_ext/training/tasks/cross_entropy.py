"""Cross-entropy of logits as a weighted mean, with label smoothing."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.training.tasks.weighted_mean import WeightedMean


def cross_entropy(
    labels: tf.Tensor, logits: tf.Tensor, *, label_smoothing: float = 0.0
) -> tf.Tensor:
    """The cross-entropy of each item, in nats.

    With K classes, the target is ``1 - s + s / K`` for the label and ``s / K`` elsewhere.

    Args:
      labels: int ``[num_items]``.
      logits: ``[num_items, num_classes]``, or ``[num_items, 1]`` for two classes, of which it is
        the log odds of class 1.
      label_smoothing: s, in [0, 1).

    Returns:
      float32 ``[num_items]``.

    >>> import tensorflow as tf
    >>> round(float(cross_entropy(tf.constant([1]), tf.constant([[0.0]]))[0]), 4)
    0.6931
    """
    logits = tf.cast(logits, tf.float32)
    if logits.shape[-1] == 1:
        # [num_items], log sigmoid(x) and log sigmoid(-x).
        logits = tf.squeeze(logits, -1)
        target = tf.cast(labels, tf.float32) * (1 - label_smoothing) + label_smoothing / 2
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logits)
    # [num_items, num_classes]
    target = tf.one_hot(labels, logits.shape[-1]) * (1 - label_smoothing)
    target += label_smoothing / logits.shape[-1]
    return tf.nn.softmax_cross_entropy_with_logits(labels=target, logits=logits)


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class CrossEntropy(WeightedMean):
    """`cross_entropy` of items that have one class each.

    Args:
      label_smoothing: See `cross_entropy`.
    """

    def __init__(self, *, label_smoothing: float = 0.0, name: str = "cross_entropy", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f"`label_smoothing` of `CrossEntropy` must be in [0, 1). Got {label_smoothing}."
            )
        self.label_smoothing = label_smoothing

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        # Keras makes labels as deep as predictions: [num_items, 1].
        labels = tf.cast(tf.reshape(y_true, [-1]), tf.int32)
        return cross_entropy(labels, y_pred, label_smoothing=self.label_smoothing)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
