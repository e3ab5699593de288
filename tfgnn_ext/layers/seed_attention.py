"""The seed of each component attends to what its sample reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

_APART = 1_000_003  # Between the seeds of one layer's weights: layers count theirs by one.


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class SeedAttention(tf.keras.layers.Layer):
    """Multi-head attention of a component's seed to groups of items, each with its own weights.

    A group g is what one edge set reached. With s_c the seed's state in component c, h_i the state
    of item i, and heads of width w, ``score_i = <Q_g s_c + b_g, K_g h_i> / sqrt(w)``, softmax over
    the component's items in the group, ``out_cg = [sum_i softmax_i (V_g h_i + a_g), mean_i m_i,
    max_i m_i]`` with ``m_i = relu(P_g h_i + p_g)``. The mean and the maximum count and detect,
    which a softmax cannot. A group without items gives zeros.

    Keys and values are never formed: ``<q, K h> = <K' q, h>`` is a product of h with one vector a
    component and head, and ``sum a_i V h_i = V sum a_i h_i`` projects once a component. The cost
    of an item is ``2 num_heads + pooled_units`` products of the states' width.

    Args:
      groups: The number of slots of each group: the most items of one component.
      num_heads: The number of heads.
      units: The width of the attended values; `num_heads` divides it.
      pooled_units: The width of the mean and of the maximum.
      seed: Of the initial weights.

    Call:
      inputs: ``(seeds [num_components, d_s], items [num_components, sum(groups), d_h],
        mask float32 [num_components, sum(groups)])``, 1 where a slot has an item.
      Returns ``[num_components, len(groups) * (units + 2 * pooled_units)]``.

    >>> import tensorflow as tf
    >>> layer = SeedAttention(groups=[3, 1], num_heads=2, units=4, pooled_units=5)
    >>> layer((tf.ones([7, 6]), tf.ones([7, 4, 8]), tf.ones([7, 4]))).shape
    TensorShape([7, 28])
    """

    def __init__(
        self,
        *,
        groups: Sequence[int],
        num_heads: int,
        units: int,
        pooled_units: int,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (
            ("num_heads", num_heads),
            ("units", units),
            ("pooled_units", pooled_units),
        ):
            if isinstance(value, bool) or value < 1:
                raise ValueError(f"`{name}` of `SeedAttention` must be an int >= 1. Got {value!r}.")
        if units % num_heads:
            raise ValueError(
                f"`units` of `SeedAttention` must be a multiple of `num_heads` = {num_heads}. "
                f"Got {units}."
            )
        self.groups = tuple(groups)
        self.num_heads = num_heads
        self.units = units
        self.pooled_units = pooled_units
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        seeds, items = input_shape[0][-1], input_shape[1][-1]
        number, heads, width = len(self.groups), self.num_heads, self.units // self.num_heads

        def kernel(name: str, shape: list[int], fan_in: int, fan_out: int, offset: int) -> Any:
            limit = (6 / (fan_in + fan_out)) ** 0.5  # Glorot's, of one group's matrix.
            initializer = tf.keras.initializers.RandomUniform(
                -limit, limit, self.seed + offset * _APART
            )
            return self.add_weight(name=name, shape=shape, initializer=initializer)

        def bias(name: str, shape: list[int]) -> Any:
            return self.add_weight(name=name, shape=shape, initializer="zeros")

        # What an item is multiplied by is, in effect, one matrix: keys, values and what is pooled.
        item_units = 2 * self.units + self.pooled_units
        self._query = kernel("query", [seeds, number * self.units], seeds, self.units, 0)
        self._query_bias = bias("query_bias", [number * self.units])
        self._key = kernel("key", [number * heads, width, items], items, item_units, 1)
        self._value = kernel("value", [number * heads, items, width], items, item_units, 2)
        self._value_bias = bias("value_bias", [number * heads, width])
        self._pooled = kernel("pooled", [number, items, self.pooled_units], items, item_units, 3)
        self._pooled_bias = bias("pooled_bias", [number, self.pooled_units])
        super().build(input_shape)

    def call(self, inputs: tuple[tf.Tensor, ...]) -> tf.Tensor:
        seeds, items, mask = inputs
        heads, width = self.num_heads, self.units // self.num_heads
        # [num_components, groups * num_heads, width] -> [..., d_h]
        queries = tf.matmul(seeds, self._query) + self._query_bias
        queries = tf.reshape(queries, [-1, len(self.groups) * heads, width])
        queries = _by_head(queries, self._key) * width**-0.5
        attended, reached, found = [], [], []
        slices = zip(
            tf.split(queries, len(self.groups), axis=1),
            tf.split(items, self.groups, axis=1),
            tf.split(mask, self.groups, axis=1),
            tf.unstack(self._pooled),
            tf.unstack(self._pooled_bias),
            strict=True,
        )
        for query, item, present, kernel, bias in slices:
            # [num_components, num_heads, slots]
            scores = tf.matmul(query, item, transpose_b=True)
            there = present[:, None, :]
            scores = tf.where(there > 0, scores, scores.dtype.min)
            weights = tf.nn.softmax(scores) * there
            # [num_components, num_heads, d_h]
            attended.append(tf.matmul(weights, item))
            count = tf.reduce_sum(present, axis=1, keepdims=True)
            reached += [tf.minimum(count, 1.0)] * heads
            # [num_components, slots, pooled_units]
            pool = tf.nn.relu(tf.matmul(item, kernel) + bias) * present[..., None]
            # relu'd values: 0 is the maximum of nothing.
            found += [
                tf.reduce_sum(pool, axis=1) / tf.maximum(count, 1.0),
                tf.reduce_max(pool, axis=1),
            ]
        # [num_components, groups * num_heads, width]
        values = _by_head(tf.concat(attended, axis=1), self._value)
        values += self._value_bias * tf.concat(reached, axis=1)[..., None]
        flat = tf.reshape(values, [-1, len(self.groups) * self.units])
        return tf.concat([flat, *found], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "groups": self.groups,
            "num_heads": self.num_heads,
            "units": self.units,
            "pooled_units": self.pooled_units,
            "seed": self.seed,
        }


def _by_head(vectors: tf.Tensor, kernels: tf.Tensor) -> tf.Tensor:
    """``[n, heads, a]`` times ``[heads, a, b]``, head by head: ``[n, heads, b]``.

    An einsum would do, at several times the cost.
    """
    product = tf.matmul(tf.transpose(vectors, [1, 0, 2]), kernels)
    return tf.transpose(product, [1, 0, 2])
