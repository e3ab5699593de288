"""What usually comes after a linear map."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.step_dropout import StepDropout

NORMALIZATIONS = ("none", "layer", "batch")


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class ActivationBlock(tf.keras.layers.Layer):
    """``dropout(activation(norm(x)))``.

    Args:
      activation: A Keras activation; None: none.
      normalization: "none"; "layer": over the units of one item; "batch": over the items of the
        batch, with moving averages outside of training. The latter counts every row, padding
        included.
      dropout: The rate of `StepDropout`.
      seed: Of dropout.

    Call:
      inputs: ``[..., width]``.
      Returns the same shape.

    >>> ActivationBlock(activation="relu")(tf.constant([[-1.0, 2.0]])).numpy().tolist()
    [[0.0, 2.0]]
    """

    def __init__(
        self,
        *,
        activation: str | None = "relu",
        normalization: str = "none",
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if normalization not in NORMALIZATIONS:
            raise ValueError(
                f"`normalization` of `{type(self).__name__}` must be one of "
                f"{', '.join(NORMALIZATIONS)}. Got {normalization!r}."
            )
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        self.seed = seed
        self._activation = tf.keras.activations.get(activation)
        policy = self.dtype_policy  # A layer's own holds for its parts.
        norms = {
            "layer": lambda: tf.keras.layers.LayerNormalization(name="norm", dtype=policy),
            # The momentum is that of other libraries: full-graph training has few steps.
            "batch": lambda: tf.keras.layers.BatchNormalization(
                momentum=0.9, epsilon=1e-5, name="norm", dtype=policy
            ),
        }
        self._norm = norms[normalization]() if normalization in norms else None
        self._dropout = StepDropout(rate=dropout, seed=seed, name="dropout", dtype=policy)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if self._norm is not None:
            inputs = self._norm(inputs)
        return self._dropout(self._activation(inputs))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": self.activation,
            "normalization": self.normalization,
            "dropout": self.dropout,
            "seed": self.seed,
        }
