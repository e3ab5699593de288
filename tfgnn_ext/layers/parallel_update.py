"""A local convolution and attention among all nodes of a component, side by side."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.component_attention import ComponentAttention
from tfgnn_ext.layers.dense_block import DenseBlock


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class ParallelUpdate(tf.keras.layers.Layer):
    """``h' = norm(local(h) + dense(attention(h)))`` for the node sets that `local` changes.

    Args:
      local: A `tfgnn.keras.layers.GraphUpdate`.
      attention: A `ComponentAttention`.
      node_sets: Those that `local` updates.
      dropout: Of the projected attention.
      l2: The weight of the projection's squared kernel in the loss.
      seed: Of the projection's initial weights and of dropout.

    Call:
      graph: A GraphTensor with HIDDEN_STATE on nodes.
      Returns it with new states.
    """

    def __init__(
        self,
        *,
        local: tf.keras.layers.Layer,
        attention: ComponentAttention,
        node_sets: list[str],
        dropout: float = 0.0,
        l2: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._local = local
        self._attention = attention
        self._node_sets = sorted(node_sets)
        self._config = {"dropout": dropout, "l2": l2, "seed": seed}
        self._project = DenseBlock(
            units=attention.units,
            activation=None,
            dropout=dropout,
            l2=l2,
            seed=seed,
            name="project",
            dtype=self.dtype_policy,
        )
        self._norms = {
            name: tf.keras.layers.LayerNormalization(name=f"norm_{name}", dtype=self.dtype_policy)
            for name in self._node_sets
        }

    def call(self, graph: tfgnn.GraphTensor, training: bool | None = None) -> tfgnn.GraphTensor:
        attended, local = self._attention(graph), self._local(graph)

        def joined(name: str) -> dict[str, tf.Tensor]:
            near = local.node_sets[name]
            far = self._project(attended.node_sets[name][tfgnn.HIDDEN_STATE], training=training)
            state = self._norms[name](near[tfgnn.HIDDEN_STATE] + far)
            return {**near.features, tfgnn.HIDDEN_STATE: state}

        return local.replace_features(node_sets={name: joined(name) for name in self._node_sets})

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **self._config,
            # As objects, the way of TF-GNN's own updates.
            "local": self._local,
            "attention": self._attention,
            "node_sets": self._node_sets,
        }
