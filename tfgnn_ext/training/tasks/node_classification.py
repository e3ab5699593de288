"""Classification of seed nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.training.metrics import classification_metrics
from tfgnn_ext.training.tasks.cross_entropy import CrossEntropy, cross_entropy
from tfgnn_ext.training.tasks.task import Task


def _accuracy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)
    if logits.shape[-1] == 1:
        predictions = tf.cast(tf.squeeze(logits, -1) > 0, tf.int32)
    else:
        predictions = tf.argmax(logits, -1, output_type=tf.int32)
    return tf.cast(labels == predictions, tf.float32)[:, None]


def _log_loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return cross_entropy(tf.cast(tf.reshape(labels, [-1]), tf.int32), logits)[:, None]


class NodeClassification(Task):
    """Classifies the first node of each component of the seed node set.

    The head is one dense layer on the seed's hidden state. For two classes it has one unit, the log
    odds of class 1; for more, one a class. Weights of classes, and weight 0 for padding, come with
    the batches, as their third element; the loss is the weighted mean (see `CrossEntropy`).

    As a `tfgnn.runner.Task` it can also train in `runner.run`, on components that carry their label
    in a feature of the seed.

    Args:
      node_set: The seed node set.
      num_classes: At least 2.
      label_smoothing: In [0, 1); in the loss only.
      l2: The weight of the squared head kernel in the loss.
      seed: Of the head's initial weights.
      label_feature: Where `preprocess` finds labels: a feature of the seed node set, read at the
        seed and taken out of the graph. Providers that yield labels need none.

    >>> NodeClassification("paper", num_classes=1)
    Traceback (most recent call last):
    ValueError: `num_classes` of `NodeClassification` must be an int >= 2. Got 1.
    """

    def __init__(
        self,
        node_set: str,
        *,
        num_classes: int,
        label_smoothing: float = 0.0,
        l2: float = 0.0,
        seed: int = 0,
        label_feature: str | None = None,
    ) -> None:
        if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 2:
            raise ValueError(
                f"`num_classes` of `NodeClassification` must be an int >= 2. Got {num_classes!r}."
            )
        if not l2 >= 0:
            raise ValueError(f"`l2` of `NodeClassification` must be >= 0. Got {l2}.")
        self.node_set = node_set
        self.num_classes = num_classes
        self._label_feature = label_feature
        self._loss = CrossEntropy(label_smoothing=label_smoothing)
        self._l2 = l2
        self._seed = seed

    def preprocess(self, inputs: tfgnn.GraphTensor) -> tuple[tfgnn.GraphTensor, tfgnn.Field]:
        if self._label_feature is None:
            raise ValueError(
                "`label_feature` of `NodeClassification` must be set where the provider yields no "
                "labels. Got None."
            )
        labels = tfgnn.keras.layers.ReadoutFirstNode(
            node_set_name=self.node_set, feature_name=self._label_feature
        )(inputs)
        features = inputs.node_sets[self.node_set].get_features_dict()
        del features[self._label_feature]
        return inputs.replace_features(node_sets={self.node_set: features}), labels

    def predict(self, *args: tfgnn.GraphTensor) -> tfgnn.Field:
        (graph,) = args
        # [num_components, units]
        states = tfgnn.keras.layers.ReadoutFirstNode(
            node_set_name=self.node_set, feature_name=tfgnn.HIDDEN_STATE
        )(graph)
        return tf.keras.layers.Dense(
            1 if self.num_classes == 2 else self.num_classes,
            kernel_initializer=tf.keras.initializers.GlorotUniform(self._seed),
            kernel_regularizer=tf.keras.regularizers.L2(self._l2) if self._l2 else None,
            dtype="float32",
            name=self.head,
        )(states)

    def losses(self) -> tf.keras.losses.Loss:
        return self._loss

    def metrics(self) -> list[tf.keras.metrics.Metric]:
        return [
            tf.keras.metrics.MeanMetricWrapper(_accuracy, name="accuracy"),
            tf.keras.metrics.MeanMetricWrapper(_log_loss, name="log_loss"),
        ]

    def probabilities(self, logits: tf.Tensor) -> tf.Tensor:
        if self.num_classes > 2:
            return tf.nn.softmax(logits)
        # [num_items, 2]
        return tf.concat([tf.sigmoid(-logits), tf.sigmoid(logits)], axis=-1)

    def score(
        self,
        labels: npt.NDArray[np.integer[Any]],
        probabilities: npt.NDArray[np.floating[Any]],
        weights: npt.NDArray[np.floating[Any]] | None = None,
    ) -> dict[str, float]:
        return classification_metrics(labels, probabilities, weights=weights)
