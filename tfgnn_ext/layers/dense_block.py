"""A dense layer with what usually comes after it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.activation_block import ActivationBlock


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class DenseBlock(tf.keras.layers.Layer):
    """``dropout(activation(norm(W x + b)))``.

    Args:
      units: The width of the output.
      activation, normalization, dropout: As for `ActivationBlock`.
      l2: The weight of the squared kernel W in the loss.
      seed: Of the initial weights and of dropout.

    Call:
      inputs: ``[..., width]``.
      Returns ``[..., units]``.

    >>> DenseBlock(units=3, normalization="layer")(tf.ones([2, 5])).shape
    TensorShape([2, 3])
    """

    def __init__(
        self,
        *,
        units: int,
        activation: str | None = "relu",
        normalization: str = "none",
        dropout: float = 0.0,
        l2: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"`units` of `DenseBlock` must be an int >= 1. Got {units}.")
        if not l2 >= 0:
            raise ValueError(f"`l2` of `DenseBlock` must be >= 0. Got {l2}.")
        self.units = units
        self.l2 = l2
        self.seed = seed
        self._dense = tf.keras.layers.Dense(
            units,
            kernel_initializer=tf.keras.initializers.GlorotUniform(seed),
            kernel_regularizer=tf.keras.regularizers.L2(l2) if l2 else None,
            name="dense",
            dtype=self.dtype_policy,
        )
        self._block = ActivationBlock(
            activation=activation,
            normalization=normalization,
            dropout=dropout,
            seed=seed,
            name="block",
            dtype=self.dtype_policy,
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self._block(self._dense(inputs))

    def get_config(self) -> dict[str, Any]:
        block = self._block.get_config()
        return {
            **super().get_config(),
            "units": self.units,
            **{key: block[key] for key in ("activation", "normalization", "dropout")},
            "l2": self.l2,
            "seed": self.seed,
        }
