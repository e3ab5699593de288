"""The seed of each component attends to what its sample reached, edge set by edge set."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class SeedAttention(tf.keras.layers.Layer):
    """Multi-head attention of a component's seed to the far ends of one edge set's edges.

    With s_c the seed's state in component c, h_e the state at the target of edge e, and heads of
    width d, ``score_e = <W_q s_c, W_k h_e> / sqrt(d)``, softmax over the edges of the component,
    ``out_c = [sum_e softmax_e W_v h_e, mean_e m_e, max_e m_e]`` with ``m_e = relu(W_m h_e)``. The
    mean and the maximum count and detect, which a softmax cannot. A component without edges gets
    zeros.

    Args:
      num_heads: The number of heads.
      units: The width of the attended values; `num_heads` divides it.
      pooled_units: The width of the mean and of the maximum.
      seed: Of the initial weights.

    Call:
      inputs: ``(seeds [num_components, d_s], states [num_nodes, d_h], targets int32 [num_edges],
        sizes int32 [num_components])``, edges of one component after the other.
      Returns ``[num_components, units + 2 * pooled_units]``.
    """

    def __init__(
        self, *, num_heads: int, units: int, pooled_units: int, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if units % num_heads:
            raise ValueError(
                f"`units` of `SeedAttention` must be a multiple of `num_heads` = {num_heads}. "
                f"Got {units}."
            )
        self.num_heads = num_heads
        self.units = units
        self.pooled_units = pooled_units
        self.seed = seed

        def dense(width: int, offset: int, **options: Any) -> tf.keras.layers.Dense:
            initializer = tf.keras.initializers.GlorotUniform(seed + offset)
            return tf.keras.layers.Dense(width, kernel_initializer=initializer, **options)

        self._query = dense(units, 0)
        # One product makes keys, values and what is pooled.
        self._mixed = dense(2 * units + pooled_units, 1)

    def call(self, inputs: tuple[tf.Tensor, ...]) -> tf.Tensor:
        seeds, states, targets, sizes = inputs
        components = seeds.shape[0] or tf.shape(seeds)[0]
        # [num_edges]
        component = tf.repeat(tf.range(components), sizes)
        # Project nodes, not edges: a node that many edges reach is projected once.
        mixed = tf.gather(self._mixed(states), targets)
        keys, values, pooled = tf.split(mixed, [self.units, self.units, self.pooled_units], axis=-1)
        width = self.units // self.num_heads
        # [num_edges, num_heads]
        products = tf.gather(self._query(seeds), component) * keys
        scores = tf.reduce_sum(tf.reshape(products, [-1, self.num_heads, width]), axis=-1)
        scores *= width**-0.5
        best = tf.math.unsorted_segment_max(scores, component, components)
        weights = tf.exp(scores - tf.gather(tf.stop_gradient(best), component))
        total = tf.math.unsorted_segment_sum(weights, component, components)
        # [num_edges, num_heads, width] -> [num_components, units]
        weighted = tf.reshape(values, [-1, self.num_heads, width]) * weights[..., None]
        weighted = tf.reshape(weighted, [-1, self.units])
        attended = tf.math.unsorted_segment_sum(weighted, component, components)
        scale = tf.repeat(tf.math.reciprocal_no_nan(total), width, axis=1)
        attended *= scale
        pooled = tf.nn.relu(pooled)
        means = tf.math.unsorted_segment_mean(pooled, component, components)
        # relu'd values: 0 is the maximum of nothing.
        maxima = tf.nn.relu(tf.math.unsorted_segment_max(pooled, component, components))
        return tf.concat([attended, means, maxima], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "units": self.units,
            "pooled_units": self.pooled_units,
            "seed": self.seed,
        }


__all__ = ["SeedAttention", "tfgnn"]
