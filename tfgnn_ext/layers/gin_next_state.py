"""The next state of graph isomorphism networks."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.dense_block import DenseBlock


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class GinNextState(tf.keras.layers.Layer):
    """``h' = MLP((1 + eps) h + m) [+ h]``, with m the sum of the neighbours' states.

    Xu et al., "How Powerful are Graph Neural Networks?", ICLR 2019; eps is learned, from 0. With
    several edge sets, or sums of another width than h, the MLP of two layers reads
    ``[(1 + eps) h, m_1, m_2, ...]`` instead: its first layer then has a kernel for each.

    Args:
      units: The width of states.
      residual: Whether h is added to the result; "none" or "identity".
      normalization: Of both layers, as for `ActivationBlock`.
      dropout: The rate of `StepDropout` on the result.
      l2: The weight of squared kernels in the loss.
      seed: Of the initial weights and of dropout.

    Call:
      inputs: ``(h [num_nodes, width], {edge set: m [num_nodes, width]})``, and maybe a context.
      Returns ``[num_nodes, units]``.

    >>> GinNextState(units=3)((tf.ones([2, 5]), {"cites": tf.ones([2, 5])})).shape
    TensorShape([2, 3])
    """

    def __init__(
        self,
        *,
        units: int,
        residual: str = "none",
        normalization: str = "none",
        dropout: float = 0.0,
        l2: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if residual not in ("none", "identity"):
            raise ValueError(
                "`residual` of `GinNextState` must be one of none, identity: the old state enters "
                f"the MLP in any case. Got {residual!r}."
            )
        self.units = units
        self.residual = residual
        self.normalization = normalization
        self.dropout = dropout
        self.l2 = l2
        self.seed = seed

        def block(index: int, dropout: float) -> DenseBlock:
            return DenseBlock(
                units=units,
                normalization=normalization,
                dropout=dropout,
                l2=l2,
                seed=seed + index * 1_000_003,
                name=f"dense_{index}",
                dtype=self.dtype_policy,
            )

        self._first, self._second = block(0, 0.0), block(1, dropout)

    def build(self, input_shape: Any) -> None:
        self._epsilon = self.add_weight(name="epsilon", shape=[], initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tuple[Any, ...]) -> tf.Tensor:
        state, messages, *context = inputs
        context = tf.nest.flatten(context)  # TF-GNN passes {} for none.
        found = [messages[name] for name in sorted(messages)]
        own = state * (1 + tf.cast(self._epsilon, state.dtype))
        if len(found) == 1 and found[0].shape[-1] == state.shape[-1]:
            parts = [own + found[0]]
        else:
            parts = [own, *found]
        # [num_nodes, units]
        result = self._second(self._first(tf.concat([*parts, *context], axis=-1)))
        if self.residual == "identity" and state.shape[-1] == self.units:
            result += state
        return result

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "residual": self.residual,
            "normalization": self.normalization,
            "dropout": self.dropout,
            "l2": self.l2,
            "seed": self.seed,
        }
