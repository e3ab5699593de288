"""A transformer block around an attention layer."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.poly_sketch_attention import PolySketchAttention
from tfgnn_ext.layers.step_dropout import StepDropout
from tfgnn_ext.ops.polysketch_decoding import DecodingState


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class PolySketchTransformerBlock(tf.keras.layers.Layer):
    """``x + attention(norm(x))``, then ``x + mlp(norm(x))`` with a gelu MLP four times as wide.

    Args:
      attention: Arguments of `PolySketchAttention`.
      causal: Whether a token attends to those before it only.
      expansion: The width of the MLP, over that of the input.
      dropout: The rate of `StepDropout` after attention and MLP.
      seed: Of initial weights, sketches and dropout.

    Call:
      inputs: ``[batch, num_tokens, width]``, with a Keras mask or not.
      Returns the same shape.

    >>> block = PolySketchTransformerBlock(attention={"num_heads": 2, "key_dim": 4, "r": 8})
    >>> block(tf.ones([3, 5, 6])).shape
    TensorShape([3, 5, 6])
    """

    def __init__(
        self,
        *,
        attention: dict[str, Any],
        causal: bool = True,
        expansion: int = 4,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if expansion < 1:
            raise ValueError(
                f"`expansion` of `PolySketchTransformerBlock` must be an int >= 1. Got {expansion}."
            )
        self.supports_masking = True
        self.attention = dict(attention)
        self.causal = causal
        self.expansion = expansion
        self.dropout = dropout
        self.seed = seed
        self._norms = [
            tf.keras.layers.LayerNormalization(
                epsilon=1e-5, name=f"norm_{index}", dtype=self.dtype_policy
            )
            for index in range(2)
        ]
        self._attention = PolySketchAttention(
            **{"seed": 3 * seed, **self.attention}, name="attention", dtype=self.dtype_policy
        )
        self._dropouts = [
            StepDropout(
                rate=dropout,
                seed=2 * seed + index,
                name=f"dropout_{index}",
                dtype=self.dtype_policy,
            )
            for index in range(2)
        ]

    def build(self, input_shape: Any) -> None:
        width = int(input_shape[-1])

        def dense(units: int, name: str, salt: int) -> tf.keras.layers.Dense:
            return tf.keras.layers.Dense(
                units,
                "gelu" if name == "widen" else None,
                kernel_initializer=tf.keras.initializers.GlorotUniform(3 * self.seed + salt),
                name=name,
                dtype=self.dtype_policy,
            )

        self._widen = dense(self.expansion * width, "widen", 1)
        self._narrow = dense(width, "narrow", 2)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        normal = self._norms[0](inputs)
        attended = self._attention(
            normal,
            normal,
            attention_mask=None if mask is None else mask[:, None],
            use_causal_mask=self.causal,
        )
        states = inputs + self._dropouts[0](attended, training=training)
        changed = self._narrow(self._widen(self._norms[1](states)))
        return states + self._dropouts[1](changed, training=training)

    def start_decoding(self, batch_size: int | tf.Tensor) -> DecodingState:
        """The state before the first token."""
        return self._attention.start_decoding(batch_size)

    def decode(self, token: tf.Tensor, state: DecodingState) -> tuple[tf.Tensor, DecodingState]:
        """One more token ``[batch, width]``: its output and the state after it."""
        # Layer norms were built for sequences: [batch, 1, width].
        normal = self._norms[0](token[:, None])[:, 0]
        attended, state = self._attention.decode(normal, state)
        states = token + attended
        normal = self._norms[1](states[:, None])[:, 0]
        return states + self._narrow(self._widen(normal)), state

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "attention": self.attention,
            "causal": self.causal,
            "expansion": self.expansion,
            "dropout": self.dropout,
            "seed": self.seed,
        }
