"""A deep graph convolution's next state: the input state comes back, and the kernel fades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.activation_block import ActivationBlock
from tfgnn_ext.layers.teleport import Teleport


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class InitialResidual(tf.keras.layers.Layer):
    """``h' = dropout(relu((1 - b) z + b W z))`` with ``z = (1 - a) mean_e m_e + a h_0``.

    With h_0 the state before the first round and m_e the messages of each edge set: the round of
    GCNII (Chen et al., "Simple and Deep Graph Convolutional Networks", ICML 2020, section 3). For
    `tfgnn.keras.layers.NodeSetUpdate` with h_0 as its `node_input_feature`.

    Args:
      alpha: a, in (0, 1]; see `Teleport`.
      beta: b, in [0, 1]: how much of z goes through the kernel.
      dropout: The rate of `StepDropout`.
      l2: The weight of the squared kernel W in the loss.
      seed: Of the initial weights and of dropout.

    Call:
      inputs: ``(h_0 [num_nodes, units], {edge set: m [num_nodes, units]}, ...)``.
      Returns ``[num_nodes, units]``.

    >>> layer = InitialResidual(alpha=0.25, beta=0.0)
    >>> layer((tf.constant([[2.0]]), {"cites": tf.constant([[6.0]])})).numpy().tolist()
    [[5.0]]
    """

    def __init__(
        self,
        *,
        alpha: float,
        beta: float,
        dropout: float = 0.0,
        l2: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= beta <= 1:
            raise ValueError(f"`beta` of `InitialResidual` must be in [0, 1]. Got {beta}.")
        if not l2 >= 0:
            raise ValueError(f"`l2` of `InitialResidual` must be >= 0. Got {l2}.")
        self.alpha = alpha
        self.beta = beta
        self.dropout = dropout
        self.l2 = l2
        self.seed = seed
        policy = self.dtype_policy  # A layer's own holds for its parts.
        self._mixed = Teleport(alpha=alpha, name="teleport", dtype=policy)
        self._block = ActivationBlock(
            activation="relu", dropout=dropout, seed=seed, name="block", dtype=policy
        )

    def build(self, input_shape: Any) -> None:
        start, *_ = input_shape
        self._dense = tf.keras.layers.Dense(
            int(start[-1]),
            use_bias=False,
            kernel_initializer=tf.keras.initializers.GlorotUniform(self.seed),
            kernel_regularizer=tf.keras.regularizers.L2(self.l2) if self.l2 else None,
            name="dense",
            dtype=self.dtype_policy,
        )
        super().build(input_shape)

    def call(self, inputs: tuple[tf.Tensor, Mapping[str, tf.Tensor]]) -> tf.Tensor:
        # [num_nodes, units]
        mixed = self._mixed(inputs)
        return self._block((1 - self.beta) * mixed + self.beta * self._dense(mixed))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "beta": self.beta,
            "dropout": self.dropout,
            "l2": self.l2,
            "seed": self.seed,
        }
