"""Dropout that is a pure function of its seed and a counted step."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.keyed_mask import keyed_mask
from tfgnn_ext.layers.training_step import add_step, next_step


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class StepDropout(tf.keras.layers.Layer):
    """Dropout whose mask depends on ``(seed, step)`` alone.

    Keras' own dropout draws from a generator that no checkpoint holds, so a resumed run differs
    from an unbroken one. Here the step is a weight of the layer, counted up by each training call:
    it is saved and restored with the model. The mask is `keyed_mask`, equal in and out of XLA, and
    another one on each replica of a distribution strategy. The call without training is the
    identity.

    Args:
      rate: The share of values set to zero, in [0, 1); the others are scaled by 1 / (1 - rate).
      seed: Distinct for each layer of a model.

    >>> import tensorflow as tf
    >>> StepDropout(rate=0.5, seed=1)(tf.ones([2, 2]), training=False).numpy().tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    def __init__(self, *, rate: float, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` of `StepDropout` must be in [0, 1). Got {rate}.")
        self.rate = rate
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        if self.rate:
            self._step = add_step(self)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if not training or not self.rate:
            return inputs
        dropped = keyed_mask(
            tf.shape(inputs), self.rate, seed=self.seed, step=next_step(self._step)
        )
        return tf.where(dropped, tf.zeros([], inputs.dtype), inputs / (1 - self.rate))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
