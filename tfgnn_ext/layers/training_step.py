"""The number of a layer's training call, which keys what it draws."""

from __future__ import annotations

import tensorflow as tf


def add_step(layer: tf.keras.layers.Layer) -> tf.Variable:
    """Gives a layer a counter that is saved with the model; see `next_step`.

    Replicas of a distribution strategy count alike, each on its own.
    """
    return layer.add_weight(
        name="step",
        shape=[],
        dtype=tf.int64,
        initializer="zeros",
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def next_step(counter: tf.Variable) -> tf.Tensor:
    """The number of this call, int64 []; counts it."""
    step = counter.read_value()
    counter.assign_add(1)
    return step
