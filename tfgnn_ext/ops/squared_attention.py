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

from tfgnn_ext.ops.row_blocks import (
    block_of,
    for_blocks,
    join_blocks,
    join_rows,
    join_turned,
    length_of,
    pad_to,
)
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
    x: tf.Tensor,
    y: tf.Tensor,
    v: tf.Tensor,
    *,
    offset: float = 1.0,
    groups: tf.Tensor | None = None,
    num_groups: int | tf.Tensor = 1,
    block: int | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Bidirectional attention with weights ``<x_i, y_j>^2``.

    Args:
      x: Features of queries, ``[batch, r, num_queries]``, float32 or float64, r static.
      y: Features of keys, ``[batch, r, num_keys]``; zeros where a key is masked.
      v: Values, ``[batch, num_keys, d]``.
      offset: c > 0.
      groups: int32 ``[number of blocks]``: queries of a block meet the keys of the blocks of the
        same group; queries and keys are then equally many, a multiple of `block`. None: all.
      num_groups: The number of groups.
      block: Tokens of a block; None: what a core's cache likes.

    Returns:
      outputs ``[batch, num_queries, d]`` and the denominators ``[batch, num_queries]``.

    >>> x = y = tf.constant([[[1.0, 2.0]]])
    >>> outputs, totals = squared_attention(x, y, tf.constant([[[5.0], [1.0]]]))
    >>> outputs.numpy().ravel().round(4), totals.numpy().tolist()
    (array([1.5   , 1.7143], dtype=float32), [[6.0, 21.0]])
    """
    batch, r, length = (length_of(x, axis) for axis in range(3))
    size_x = block or block_size(r, batch, length)
    size_y = block or block_size(r, batch, length_of(y, 2))
    outputs, totals = _kernel(offset, size_x, size_y, groups, num_groups)(x, y, v)
    return outputs, totals


def _kernel(
    offset: float,
    size_x: int,
    size_y: int,
    groups: tf.Tensor | None,
    num_groups: int | tf.Tensor,
) -> Any:
    def added(sums: tf.Tensor, index: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        if groups is None:
            return sums + value[None]
        return tf.tensor_scatter_nd_add(sums, [[groups[index]]], value[None])

    def of_group(sums: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        return sums[0] if groups is None else sums[groups[index]]

    @tf.custom_gradient
    def attend(x: tf.Tensor, y: tf.Tensor, v: tf.Tensor) -> tuple[Any, Any]:
        batch, r, length = (length_of(x, axis) for axis in range(3))
        keys, width, dtype = length_of(y, 2), length_of(v, 2), v.dtype
        weights = symmetric_weights(r, dtype)
        blocks_x, blocks_y = -(-length // size_x), -(-keys // size_y)
        padded_x, padded_y = pad_to(x, 2, blocks_x * size_x), pad_to(y, 2, blocks_y * size_y)
        padded_v = pad_to(v, 1, blocks_y * size_y)
        zeros = [
            tf.zeros([num_groups, batch, symmetric_size(r), width], dtype),
            tf.zeros([num_groups, batch, r, r], dtype),
        ]

        def summed(index: tf.Tensor, state: tf.Tensor, moments: tf.Tensor) -> Any:
            block = block_of(padded_y, 2, index, size_y)
            # [batch, features, size] times [batch, size, d]
            new = tf.matmul(symmetric_features(block), block_of(padded_v, 1, index, size_y))
            square = tf.matmul(block, block, transpose_b=True)
            return [added(state, index, new), added(moments, index, square)], []

        (state, moments), _ = for_blocks(blocks_y, summed, zeros, [])
        # [num_groups, batch, d, features]
        weighted = tf.transpose(state * weights[:, None], [0, 1, 3, 2])

        def attended(index: tf.Tensor) -> Any:
            block = block_of(padded_x, 2, index, size_x)
            numerator = tf.matmul(of_group(weighted, index), symmetric_features(block))
            mass = tf.reduce_sum(block * tf.matmul(of_group(moments, index), block), axis=1)
            total = offset + mass
            # [batch, d, size] and [batch, size]
            return [], [numerator / total[:, None], total]

        _, (outputs, totals) = for_blocks(
            blocks_x,
            attended,
            [],
            [dtype, dtype],
            finish=[lambda x: join_turned(x)[:, :length], lambda x: join_rows(x)[:, :length]],
        )

        def gradients(upstream: tf.Tensor, for_total: tf.Tensor) -> tuple[tf.Tensor, ...]:
            # [batch, num_queries, d] and [batch, num_queries]
            a = upstream / totals[:, :, None]
            b = for_total - tf.reduce_sum(a * outputs, axis=2)
            a, b = (pad_to(each, 1, blocks_x * size_x) for each in (a, b))
            turned_a = tf.transpose(a, [0, 2, 1])
            twice = 2 * state

            def queries(index: tf.Tensor, total: tf.Tensor, square: tf.Tensor) -> Any:
                block = block_of(padded_x, 2, index, size_x)
                new = tf.matmul(symmetric_features(block), block_of(a, 1, index, size_x))
                half = tf.matmul(of_group(twice, index), block_of(turned_a, 2, index, size_x))
                for_x = symmetric_gradient(block, half)
                # [batch, 1, size]
                mass = 2 * block_of(b, 1, index, size_x)[:, None]
                for_x += tf.matmul(of_group(moments, index), block) * mass
                outer = tf.matmul(block * mass, block, transpose_b=True)
                return [added(total, index, new), added(square, index, outer)], [for_x]

            (total, square), (for_x,) = for_blocks(
                blocks_x, queries, zeros, [dtype], finish=[lambda x: join_blocks(x)[:, :, :length]]
            )
            weighted_total = tf.transpose(total * weights[:, None], [0, 1, 3, 2])
            twice_total = 2 * total
            turned_v = tf.transpose(padded_v, [0, 2, 1])

            def on_keys(index: tf.Tensor) -> Any:
                block = block_of(padded_y, 2, index, size_y)
                values = block_of(turned_v, 2, index, size_y)
                for_y = symmetric_gradient(block, tf.matmul(of_group(twice_total, index), values))
                for_y += tf.matmul(of_group(square, index), block)
                for_v = tf.matmul(of_group(weighted_total, index), symmetric_features(block))
                return [], [for_y, for_v]

            _, (for_y, for_v) = for_blocks(
                blocks_y,
                on_keys,
                [],
                [dtype, dtype],
                finish=[lambda x: join_blocks(x)[:, :, :keys], lambda x: join_turned(x)[:, :keys]],
            )
            return for_x, for_y, for_v

        return (outputs, totals), gradients

    return attend
