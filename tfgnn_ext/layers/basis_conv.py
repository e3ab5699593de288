"""Kernels of many relations as mixtures of a few."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.pool_neighbors import PoolNeighbors


class Bases(tf.keras.layers.Layer):
    """The kernels V_1, ..., V_B that the relations of one layer share.

    Args:
      number: B.
      units: The width of what they make.
      l2: The weight of the squared kernels in the loss.
      seed: Of the initial weights.
    """

    def __init__(
        self, *, number: int, units: int, l2: float = 0.0, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.number = number
        self.units = units
        self.l2 = l2
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        self.width = int(input_shape[-1])
        limit = (6 / (self.width + self.units)) ** 0.5  # Glorot's, of one kernel.
        # [number, width, units]
        self.kernels = self.add_weight(
            name="kernels",
            shape=[self.number, self.width, self.units],
            initializer=tf.keras.initializers.RandomUniform(-limit, limit, self.seed),
            regularizer=tf.keras.regularizers.L2(self.l2) if self.l2 else None,
        )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if inputs.shape[-1] != self.width:
            raise ValueError(
                "`num_bases` of `rgcn` must be 0 where the states and edge features of relations "
                f"differ in width, as they can share no kernel. Got {self.width} and "
                f"{inputs.shape[-1]} columns."
            )
        return tf.convert_to_tensor(self.kernels)


class BasisConv(tf.keras.layers.Layer):
    """``(sum_b a_b V_b) mean_u h_u``: a relation's mean, projected by a mixture of shared kernels.

    The basis decomposition of Schlichtkrull et al. ("Modeling Relational Data with Graph
    Convolutional Networks", ESWC 2018), aggregating before it projects. For
    `tfgnn.keras.layers.NodeSetUpdate`, as the input from one edge set.

    Args:
      pool: Pools the neighbours.
      bases: The shared kernels.
      seed: Of the initial coefficients a.

    Call:
      inputs: A scalar GraphTensor with `tfgnn.HIDDEN_STATE`, and `edge_set_name`.
      Returns ``[num_receivers, units]``.
    """

    def __init__(self, pool: PoolNeighbors, bases: Bases, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.receiver_tag = pool.receiver_tag
        self._pool = pool
        self._bases = bases
        self._coefficients = self.add_weight(
            name="coefficients",
            shape=[bases.number],
            initializer=tf.keras.initializers.RandomNormal(0.0, bases.number**-0.5, seed),
        )

    def call(self, graph: tfgnn.GraphTensor, *, edge_set_name: str) -> tf.Tensor:
        # [num_receivers, width]
        pooled = self._pool(graph, edge_set_name=edge_set_name)
        # [width, units]
        kernel = tf.tensordot(self._coefficients, self._bases(pooled), axes=1)
        return tf.matmul(pooled, tf.cast(kernel, pooled.dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "receiver_tag": self.receiver_tag}
