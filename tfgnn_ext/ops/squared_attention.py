"""Attention whose weights are squared inner products of features, in linear time.

``out_i = sum_j a_ij^2 v_j / (c + sum_j a_ij^2)`` with ``a_ij = <x_i, y_j>`` needs no weights:
``a_ij^2 = <psi(x_i), psi(y_j)>`` with the `symmetric_features` psi, so ``S = sum_j psi(y_j) v_j^T``
serves every query, and the denominator is ``c + x_i^T Z x_i`` with ``Z = sum_j y_j y_j^T``. The
cost is ``6 r (r + 1) d`` operations a token for output and gradients together, and the features
exist for one block of tokens at a time: the backward pass forms them again.

Everything is feature-major, and every matrix product takes its left operand as it lies in memory:
XLA's products of transposed left operands run at a third of the speed on a CPU.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.ops.row_blocks import block_of, for_blocks, join_blocks, length_of, pad_to
from tfgnn_ext.ops.symmetric_features import (
    symmetric_features,
    symmetric_gradient,
    symmetric_size,
    symmetric_weights,
)


def block_size(r: int, batch: int | tf.Tensor, length: int | tf.Tensor) -> int:
    """Tokens a block, such that a block's features stay near the size of a core's own cache."""
    size = 512 if r <= 48 else 256
    if isinstance(batch, int):
        size = max(128, size // 2 ** max(batch.bit_length() - 1, 0))
    return min(size, max(length, 1)) if isinstance(length, int) else size


def squared_attention(
    x: tf.Tensor, y: tf.Tensor, v: tf.Tensor, *, offset: float = 1.0
) -> tf.Tensor:
    """Bidirectional attention with weights ``<x_i, y_j>^2``.

    Args:
      x: Features of queries, ``[batch, r, num_queries]``, float32 or float64, r static.
      y: Features of keys, ``[batch, r, num_keys]``; zeros where a key is masked.
      v: Values, ``[batch, num_keys, d]``.
      offset: c.

    Returns:
      ``[batch, num_queries, d]``.

    >>> x = y = tf.constant([[[1.0, 2.0]]])
    >>> squared_attention(x, y, tf.constant([[[5.0], [1.0]]])).numpy().ravel().round(4)
    array([1.5   , 1.7143], dtype=float32)
    """
    if offset <= 0:
        raise ValueError(f"`offset` of `squared_attention` must be > 0. Got {offset}.")
    return _squared_attention(x, y, v, tf.constant(offset, v.dtype))


@tf.custom_gradient
def _squared_attention(
    x: tf.Tensor, y: tf.Tensor, v: tf.Tensor, offset: tf.Tensor
) -> tuple[tf.Tensor, Any]:
    batch, r, length = (length_of(x, axis) for axis in range(3))
    keys, width, dtype = length_of(y, 2), length_of(v, 2), v.dtype
    weights = symmetric_weights(r, dtype)
    size_x, size_y = block_size(r, batch, length), block_size(r, batch, keys)
    blocks_x, blocks_y = -(-length // size_x), -(-keys // size_y)
    padded_x, padded_y = pad_to(x, 2, blocks_x * size_x), pad_to(y, 2, blocks_y * size_y)
    padded_v = pad_to(v, 1, blocks_y * size_y)
    # Static shapes, so that loops keep them.
    state_shape = [batch, symmetric_size(r), width]

    def summed(index: tf.Tensor, state: tf.Tensor) -> Any:
        # [batch, features, size] times [batch, size, d]
        psi = symmetric_features(block_of(padded_y, 2, index, size_y))
        return [state + tf.matmul(psi, block_of(padded_v, 1, index, size_y))], []

    (state,), _ = for_blocks(blocks_y, summed, [tf.zeros(state_shape, dtype)], [])
    # [batch, d, features]
    weighted = tf.transpose(state * weights[:, None], [0, 2, 1])

    def attended(index: tf.Tensor) -> Any:
        # [batch, d, size]
        psi = symmetric_features(block_of(padded_x, 2, index, size_x))
        return [], [tf.matmul(weighted, psi)]

    _, (numerators,) = for_blocks(blocks_x, attended, [], [dtype])
    # [batch, d, num_queries]
    numerator = join_blocks(numerators)[:, :, :length]
    # [batch, r, r]
    moments = tf.matmul(y, y, transpose_b=True)
    # [batch, r, num_queries], then [batch, num_queries]
    moved = tf.matmul(moments, x)
    denominator = offset + tf.reduce_sum(x * moved, axis=1)
    outputs = tf.transpose(numerator / denominator[:, None], [0, 2, 1])

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
        # [batch, num_queries, d] and [batch, num_queries]
        for_numerator = upstream / denominator[:, :, None]
        for_denominator = -tf.reduce_sum(for_numerator * outputs, axis=2)
        padded_g = pad_to(for_numerator, 1, blocks_x * size_x)
        turned_g = tf.transpose(padded_g, [0, 2, 1])
        twice = 2 * state

        def queries(index: tf.Tensor, total: tf.Tensor) -> Any:
            block = block_of(padded_x, 2, index, size_x)
            total += tf.matmul(symmetric_features(block), block_of(padded_g, 1, index, size_x))
            half = tf.matmul(twice, block_of(turned_g, 2, index, size_x))
            return [total], [symmetric_gradient(block, half)]

        (total,), (from_queries,) = for_blocks(
            blocks_x, queries, [tf.zeros(state_shape, dtype)], [dtype]
        )
        weighted_total = tf.transpose(total * weights[:, None], [0, 2, 1])
        twice_total = 2 * total
        turned_v = tf.transpose(padded_v, [0, 2, 1])

        def on_keys(index: tf.Tensor) -> Any:
            block = block_of(padded_y, 2, index, size_y)
            half = tf.matmul(twice_total, block_of(turned_v, 2, index, size_y))
            values = tf.matmul(weighted_total, symmetric_features(block))
            return [], [symmetric_gradient(block, half), values]

        _, (from_keys, from_values) = for_blocks(blocks_y, on_keys, [], [dtype, dtype])
        # The denominator: [batch, r, r]
        weighted_x = x * for_denominator[:, None]
        for_moments = tf.matmul(weighted_x, x, transpose_b=True)
        for_x = join_blocks(from_queries)[:, :, :length] + 2 * for_denominator[:, None] * moved
        for_y = join_blocks(from_keys)[:, :, :keys] + 2 * tf.matmul(for_moments, y)
        for_v = tf.transpose(join_blocks(from_values)[:, :, :keys], [0, 2, 1])
        return for_x, for_y, for_v, tf.reduce_sum(for_denominator)

    return outputs, gradients
