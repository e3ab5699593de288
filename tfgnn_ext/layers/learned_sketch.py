"""A learned feature map in place of a random sketch."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.ops.sketch import check_size


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class LearnedSketch(tf.keras.layers.Layer):
    """``phi(x) = sqrt(r) tanh(f_1(x) o f_2(x) / sqrt(r))``, of PolySketchFormer.

    f_1 and f_2 are two stages of LayerNorm, Dense(8 r), gelu and Dense(r), without biases, each
    with its own weights. tanh bounds the weights of attention, ``<phi(q), phi(k)>^2``, by r^4. One
    sketch serves queries and keys, and all heads.

    Args:
      r: The size of the sketch, a multiple of 4.
      seed: Of initial weights.

    Call:
      inputs: ``[..., width]``.
      Returns ``[..., r]``.

    >>> LearnedSketch(r=8)(tf.ones([2, 3, 5])).shape
    TensorShape([2, 3, 8])
    """

    def __init__(self, *, r: int, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_size(r, "LearnedSketch")
        self.r = r
        self.seed = seed
        self._nets = [
            [self._stage(net, stage, 4 * seed + 2 * net + stage) for stage in range(2)]
            for net in range(2)
        ]

    def _stage(self, net: int, stage: int, seed: int) -> tf.keras.Sequential:
        def dense(width: int, name: str, salt: int) -> tf.keras.layers.Dense:
            return tf.keras.layers.Dense(
                width,
                "gelu" if name == "widen" else None,
                use_bias=False,
                kernel_initializer=tf.keras.initializers.GlorotUniform(2 * seed + salt),
                name=name,
                dtype=self.dtype_policy,
            )

        return tf.keras.Sequential(
            [
                tf.keras.layers.LayerNormalization(
                    epsilon=1e-5, name="norm", dtype=self.dtype_policy
                ),
                dense(8 * self.r, "widen", 0),
                dense(self.r, "narrow", 1),
            ],
            name=f"net_{net}_{stage}",
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        found = []
        for first, second in self._nets:
            # [..., r]
            found.append(second(first(inputs)))
        return tf.tanh(found[0] * found[1] * self.r**-0.5) * self.r**0.5

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "r": self.r, "seed": self.seed}
