"""A dense layer with what usually comes after it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.step_dropout import StepDropout

NORMALIZATIONS = ("none", "layer")


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class DenseBlock(tf.keras.layers.Layer):
    """``dropout(norm(activation(W x + b)))``.

    Normalisation is over the units of one item, never over items: padding rows would count.

    Args:
      units: The width of the output.
      activation: A Keras activation.
      normalization: "none" or "layer".
      dropout: The rate of `StepDropout`.
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
        if normalization not in NORMALIZATIONS:
            raise ValueError(
                f"`normalization` of `DenseBlock` must be one of {', '.join(NORMALIZATIONS)}. Got "
                f"{normalization!r}."
            )
        if not l2 >= 0:
            raise ValueError(f"`l2` of `DenseBlock` must be >= 0. Got {l2}.")
        self.units = units
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        self.l2 = l2
        self.seed = seed
        self._dense = tf.keras.layers.Dense(
            units,
            activation,
            kernel_initializer=tf.keras.initializers.GlorotUniform(seed),
            kernel_regularizer=tf.keras.regularizers.L2(l2) if l2 else None,
            name="dense",
        )
        self._norm = (
            tf.keras.layers.LayerNormalization(name="norm") if normalization == "layer" else None
        )
        self._dropout = StepDropout(rate=dropout, seed=seed, name="dropout")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        outputs = self._dense(inputs)
        if self._norm is not None:
            outputs = self._norm(outputs)
        return self._dropout(outputs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation,
            "normalization": self.normalization,
            "dropout": self.dropout,
            "l2": self.l2,
            "seed": self.seed,
        }
