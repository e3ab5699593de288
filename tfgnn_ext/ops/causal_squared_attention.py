"""Causal attention by a running state: exact weights inside a block, features across blocks.

With blocks of b tokens and the `symmetric_features` psi, a query of block t sees the keys of
earlier blocks through the state ``S_t = sum_j psi(y_j) v_j^T`` and ``Z_t = sum_j y_j y_j^T``, and
those of its own block, up to itself, through weights ``(beta <q_i, k_j>)^p``: with q = x, k = y,
beta = 1 and p = 2 these are the same squared products (never features: a b x b Gram matrix is
cheaper), with the queries and keys that the features sketch, the block is local and exact. One scan
forth, one back; only the states at the starts of blocks are kept.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.ops.power import power
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


def causal_squared_attention(
    x: tf.Tensor,
    y: tf.Tensor,
    v: tf.Tensor,
    present: tf.Tensor,
    *,
    local: tuple[tf.Tensor, tf.Tensor] | None = None,
    degree: int = 2,
    scale: float = 1.0,
    offset: float = 1.0,
    block: int = 512,
) -> tf.Tensor:
    """Causal attention with weights ``<x_i, y_j>^2`` across blocks.

    Args:
      x: Features of queries, ``[batch, r, num_tokens]``, float32 or float64, r static.
      y: Features of keys, alike; zeros where a key is masked.
      v: Values, ``[batch, num_tokens, d]``, zeros where a key is masked.
      present: 1 or 0 for each key, ``[batch, num_tokens]``.
      local: Queries and keys ``[batch, width, num_tokens]`` whose inner products, times `scale` and
        to the power `degree`, are the weights inside a block; None: x and y, squared.
      degree: p, inside a block.
      scale: beta, inside a block.
      offset: c, the constant of the denominator.
      block: b.

    Returns:
      ``[batch, num_tokens, d]``.

    >>> x = tf.constant([[[1.0, 2.0, 1.0]]])
    >>> v = tf.constant([[[5.0], [1.0], [2.0]]])
    >>> outputs = causal_squared_attention(x, x, v, tf.ones([1, 3]), block=2)
    >>> outputs.numpy().ravel().round(4)
    array([2.5   , 1.7143, 1.5714], dtype=float32)
    """
    if offset <= 0:
        raise ValueError(f"`offset` of `causal_squared_attention` must be > 0. Got {offset}.")
    if local is None:
        local, degree, scale = (x, y), 2, 1.0
    length = length_of(x, 2)
    if isinstance(length, int):
        block = max(1, min(block, length))
    kernel = _kernel(degree, scale, offset, block)
    outputs: tf.Tensor = kernel(x, y, *local, v, present)
    return outputs


def _kernel(degree: int, scale: float, offset: float, size: int) -> Any:
    @tf.custom_gradient
    def attend(
        x: tf.Tensor, y: tf.Tensor, q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, present: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        batch, r, length = (length_of(x, axis) for axis in range(3))
        width, dtype = length_of(v, 2), v.dtype
        blocks = -(-length // size)
        x, y, q, k = (pad_to(each, 2, blocks * size) for each in (x, y, q, k))
        v, present = (pad_to(each, 1, blocks * size) for each in (v, present))
        # [batch, width, num_keys] and [batch, num_keys, width]: left operands as they lie.
        turned_v, turned_k = (tf.transpose(each, [0, 2, 1]) for each in (v, k))
        weights = symmetric_weights(r, dtype)
        # [size of keys, size of queries]: a key is seen by itself and later queries.
        seen = tf.linalg.band_part(tf.ones([size, size], dtype), 0, -1)

        def scores(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            """Scores and which of them count, ``[batch, size of keys, size of queries]``."""
            products = tf.matmul(block_of(turned_k, 1, index, size), block_of(q, 2, index, size))
            return products * scale, seen * block_of(present, 1, index, size)[:, :, None]

        def forward(index: tf.Tensor, state: tf.Tensor, moments: tf.Tensor) -> Any:
            at = block_of(x, 2, index, size)
            keys = block_of(y, 2, index, size)
            score, counts = scores(index)
            inside = power(score, degree) * counts
            values = block_of(turned_v, 2, index, size)
            # [batch, d, size]
            numerator = tf.matmul(values, inside)
            numerator += tf.matmul(state * weights, symmetric_features(at))
            denominator = offset + tf.reduce_sum(inside, axis=1)
            denominator += tf.reduce_sum(at * tf.matmul(moments, at), axis=1)
            # Backward, states are left operands: [batch, features, d].
            turned_state = tf.transpose(state, [0, 2, 1])
            written = [numerator / denominator[:, None], denominator, turned_state, moments]
            # [batch, d, features]
            state += tf.matmul(values, symmetric_features(keys), transpose_b=True)
            moments += tf.matmul(keys, keys, transpose_b=True)
            return [state, moments], written

        empty = [
            tf.zeros([batch, width, symmetric_size(r)], dtype),
            tf.zeros([batch, r, r], dtype),
        ]

        def joined(written: tf.Tensor) -> tf.Tensor:
            return join_turned(written)[:, :length]

        _, (outputs, totals, turned_states, moments) = for_blocks(
            blocks,
            forward,
            empty,
            [dtype] * 4,
            finish=[joined, join_rows, tf.identity, tf.identity],
        )

        def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
            ones = -tf.reduce_sum(upstream * outputs, axis=2) / totals[:, :length]
            ones = pad_to(ones, 1, blocks * size)
            a = pad_to(upstream, 1, blocks * size) / totals[:, :, None]
            turned_a = tf.transpose(a, [0, 2, 1])

            def backward(
                index: tf.Tensor, later: tf.Tensor, turned_later: tf.Tensor, for_moments: tf.Tensor
            ) -> Any:
                at, keys = block_of(x, 2, index, size), block_of(y, 2, index, size)
                # [batch, d, size], [batch, size], [batch, size, d]
                g = block_of(turned_a, 2, index, size)
                g_one = block_of(ones, 1, index, size)
                turned_g = block_of(a, 1, index, size)
                score, counts = scores(index)
                raised = power(score, degree - 1) * counts
                values, turned_values = (
                    block_of(v, 1, index, size),
                    block_of(turned_v, 2, index, size),
                )
                # [batch, size of keys, size of queries]
                for_score = (tf.matmul(values, g) + g_one[:, None]) * raised * (degree * scale)
                for_q = tf.matmul(block_of(k, 2, index, size), for_score)
                for_k = tf.matmul(block_of(q, 2, index, size), for_score, transpose_b=True)
                psi = symmetric_features(keys)
                # [batch, d, size]
                for_v = tf.matmul(g, raised * score, transpose_b=True)
                for_v += tf.matmul(later * weights, psi)
                for_x = symmetric_gradient(at, tf.matmul(2 * turned_states[index], g))
                for_x += 2 * g_one[:, None] * tf.matmul(moments[index], at)
                for_y = symmetric_gradient(keys, tf.matmul(2 * turned_later, turned_values))
                for_y += 2 * tf.matmul(for_moments, keys)
                psi = symmetric_features(at)
                later += tf.matmul(g, psi, transpose_b=True)
                turned_later += tf.matmul(psi, turned_g)
                for_moments += tf.matmul(at * g_one[:, None], at, transpose_b=True)
                return [later, turned_later, for_moments], [for_x, for_y, for_q, for_k, for_v]

            start = [empty[0], tf.transpose(empty[0], [0, 2, 1]), empty[1]]
            columns, rows = (lambda x: join_blocks(x)[:, :, :length]), joined
            finish = [columns, columns, columns, columns, rows]
            _, found = for_blocks(blocks, backward, start, [dtype] * 5, reverse=True, finish=finish)
            return *found, None

        return outputs, gradients

    return attend
