"""The weighted mean of losses."""

from __future__ import annotations

import abc

import tensorflow as tf


class WeightedMean(tf.keras.losses.Loss):
    """``sum_i w_i l_i / sum_i w_i``, so that padding of weight 0 changes nothing.

    Keras' own reduction divides by the number of items, weight 0 or not. Subclasses give the losses
    ``[num_items]`` by `call`.
    """

    @abc.abstractmethod
    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """The loss of each item, ``[num_items]``."""

    def __call__(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> tf.Tensor:
        # [num_items]
        losses = self.call(y_true, y_pred)
        if sample_weight is None:
            return tf.reduce_mean(losses)
        weights = tf.cast(tf.reshape(sample_weight, [-1]), losses.dtype)
        return tf.math.divide_no_nan(tf.reduce_sum(weights * losses), tf.reduce_sum(weights))
