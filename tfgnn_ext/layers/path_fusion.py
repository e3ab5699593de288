"""Attention among the vectors that one item has from several sources."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class PathFusion(tf.keras.layers.Layer):
    """``x_i + g sum_j softmax_j(<Q x_i, K x_j> / sqrt(w)) V x_j``, for the vectors of an item.

    SeHGNN's semantic fusion (Yang et al., "Simple and Efficient Heterogeneous Graph Neural
    Network", AAAI 2023, section 4.3), with Q and K of a quarter of the width. The gate g starts at
    0, so that training begins with the vectors as they are.

    Args:
      num_heads: The number of heads, each with its own softmax; it divides a quarter of the width.
      l2: The weight of squared kernels in the loss.
      seed: Of the initial weights.

    Call:
      inputs: ``[num_items, num_vectors, units]``.
      Returns the same shape.

    >>> PathFusion()(tf.ones([2, 3, 8])).shape
    TensorShape([2, 3, 8])
    """

    def __init__(
        self, *, num_heads: int = 1, l2: float = 0.0, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(num_heads, bool) or num_heads < 1:
            raise ValueError(f"`num_heads` of `PathFusion` must be an int >= 1. Got {num_heads!r}.")
        self.num_heads = num_heads
        self.l2 = l2
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        units = int(input_shape[-1])
        if units % (4 * self.num_heads):
            raise ValueError(
                "`num_heads` of `PathFusion` must divide a quarter of the width, "
                f"{units} / 4. Got {self.num_heads}."
            )

        def kernel(name: str, width: int, offset: int) -> tf.Variable:
            return self.add_weight(
                name=name,
                shape=[units, width],
                initializer=tf.keras.initializers.GlorotUniform(self.seed + offset * 1_000_003),
                regularizer=tf.keras.regularizers.L2(self.l2) if self.l2 else None,
            )

        self._query = kernel("query_kernel", units // 4, 0)
        self._key = kernel("key_kernel", units // 4, 1)
        self._value = kernel("value_kernel", units, 2)
        self._gate = self.add_weight(name="gate", shape=[], initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        vectors, units = inputs.shape[1:]

        def heads(kernel: tf.Variable) -> tf.Tensor:
            # [num_items, num_heads, num_vectors, width of a head]
            product = tf.tensordot(inputs, kernel, axes=1)
            width = kernel.shape[1] // self.num_heads
            return tf.transpose(
                tf.reshape(product, [-1, vectors, self.num_heads, width]), [0, 2, 1, 3]
            )

        query, key, value = heads(self._query), heads(self._key), heads(self._value)
        # [num_items, num_heads, num_vectors, num_vectors]
        scores = tf.matmul(query, key, transpose_b=True) * (query.shape[-1] ** -0.5)
        attended = tf.matmul(tf.nn.softmax(scores), value)
        # [num_items, num_vectors, units]
        joined = tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [-1, vectors, units])
        return inputs + tf.cast(self._gate, inputs.dtype) * joined

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "l2": self.l2,
            "seed": self.seed,
        }
