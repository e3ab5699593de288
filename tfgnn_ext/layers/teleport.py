"""A round of personalized PageRank as a node's next state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class Teleport(tf.keras.layers.Layer):
    """``h' = (1 - a) mean_e m_e + a h_0``, without weights.

    With h_0 the state before the first round and m_e the messages of each edge set. For
    `tfgnn.keras.layers.NodeSetUpdate` with h_0 as its `node_input_feature`.

    Args:
      alpha: a, in (0, 1]: how much of h_0 comes back in every round.

    Call:
      inputs: ``(h_0 [num_nodes, units], {edge set: m [num_nodes, units]}, ...)``.
      Returns ``[num_nodes, units]``.

    >>> messages = {"cites": tf.constant([[4.0]]), "by": tf.constant([[8.0]])}
    >>> Teleport(alpha=0.25)((tf.constant([[2.0]]), messages)).numpy().tolist()
    [[5.0]]
    """

    def __init__(self, *, alpha: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 < alpha <= 1:
            raise ValueError(f"`alpha` of `Teleport` must be in (0, 1]. Got {alpha}.")
        self.alpha = alpha

    def call(self, inputs: tuple[tf.Tensor, Mapping[str, tf.Tensor]]) -> tf.Tensor:
        start, messages, *_ = inputs
        found = [messages[name] for name in sorted(messages)]
        # [num_nodes, units]
        return (1 - self.alpha) / len(found) * tf.add_n(found) + self.alpha * start

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}
