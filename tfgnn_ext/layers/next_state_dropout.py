"""Step-keyed dropout behind any next-state layer."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.step_dropout import StepDropout


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class NextStateDropout(tf.keras.layers.Layer):
    """``dropout(next_state(inputs))`` for `tfgnn.keras.layers.NodeSetUpdate`.

    For next states of TF-GNN, whose own dropout draws from a generator of Keras.

    Args:
      next_state: The layer that computes the next state.
      rate, seed: As for `StepDropout`.

    Call:
      inputs: The tuple that NodeSetUpdate gives its next state.
      Returns ``[num_nodes, units]``.
    """

    def __init__(
        self, next_state: tf.keras.layers.Layer, *, rate: float, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._next_state = (
            tf.keras.layers.deserialize(next_state) if isinstance(next_state, dict) else next_state
        )
        self._dropout = StepDropout(rate=rate, seed=seed, name="dropout", dtype=self.dtype_policy)

    def call(self, inputs: Any) -> tf.Tensor:
        return self._dropout(self._next_state(inputs))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "next_state": tf.keras.layers.serialize(self._next_state),
            "rate": self._dropout.rate,
            "seed": self._dropout.seed,
        }
