"""Sorts tokens so that similar ones are neighbours: sortLSH of HyperAttention."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfgnn_ext.ops.row_blocks import length_of


def random_hyperplanes(width: int, num_hashes: int, seed: int) -> np.ndarray:
    """Normals of hyperplanes through the origin, ``[width, num_hashes]``, standard normal.

    >>> random_hyperplanes(2, 3, seed=0).round(2).tolist()
    [[0.13, -0.13, 0.64], [0.1, -0.54, 0.36]]
    """
    return np.random.default_rng(seed).normal(size=(width, num_hashes))


def gray_rank(x: tf.Tensor, hyperplanes: tf.Tensor) -> tf.Tensor:
    """The place of each vector's hash in the reflected Gray order.

    Bit l of the hash says on which side of hyperplane l the vector lies. Neighbours in the Gray
    order differ by one bit, so that vectors whose ranks are near are separated by few hyperplanes.

    Args:
      x: ``[..., width]``.
      hyperplanes: ``[width, num_hashes]``, at most 20 of them.

    Returns:
      int32 ``[...]``, in ``[0, 2^num_hashes)``.

    >>> x = tf.constant([[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
    >>> gray_rank(x, tf.eye(2)).numpy().tolist()
    [0, 3, 2, 1]
    """
    number = hyperplanes.shape[1]
    # [..., num_hashes]
    bits = tf.cast(tf.tensordot(x, tf.cast(hyperplanes, x.dtype), 1) > 0, tf.int32)
    code = tf.reduce_sum(bits * tf.constant([1 << i for i in range(number)]), axis=-1)
    shift = 1
    while shift < number:
        code = tf.bitwise.bitwise_xor(code, tf.bitwise.right_shift(code, shift))
        shift *= 2
    return code


def stable_order(ranks: tf.Tensor, *, below: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """The stable ascending order, and its inverse.

    Args:
      ranks: int32 ``[batch, num_tokens]``, not negative.
      below: What all of them are less than; None: unknown.

    Returns:
      int32 ``[batch, num_tokens]``: which token comes at each place, and the place of each token.

    >>> order, inverse = stable_order(tf.constant([[2, 0, 2, 1]]), below=3)
    >>> order.numpy().tolist(), inverse.numpy().tolist()
    ([[1, 3, 0, 2]], [[2, 0, 3, 1]])
    """
    batch, number = length_of(ranks, 0), length_of(ranks, 1)
    # Sorting ranks with their places in one number is faster than sorting places by ranks.
    fits = isinstance(number, int) and below is not None and below * number < 2**31
    wide = tf.int32 if fits else tf.int64
    number = tf.cast(number, wide)
    key = tf.cast(ranks, wide) * number + tf.range(number)
    order = tf.cast(tf.sort(key, axis=1) % number, tf.int32)
    # [batch, num_tokens]
    row = tf.zeros_like(order) + tf.range(batch)[:, None]
    place = tf.zeros_like(order) + tf.range(tf.shape(order)[1])
    inverse = tf.scatter_nd(tf.stack([row, order], axis=2), place, tf.shape(order))
    return order, inverse


def block_sizes(queries: int, keys: int, block_size: int) -> tuple[int, int, int]:
    """The number of blocks, and the queries and keys of one: both are cut into as many.

    >>> block_sizes(9, 13, 4)
    (4, 3, 4)
    """
    blocks = -(-max(queries, keys) // block_size)
    return blocks, -(-queries // blocks), -(-keys // blocks)


def sorted_blocks(
    q: tf.Tensor, k: tf.Tensor, hyperplanes: tf.Tensor, block_size: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """The block that each query and each key falls into once both are sorted.

    Args:
      q: ``[batch, num_queries, width]``, the number static.
      k: ``[batch, num_keys, width]``, the number static.
      hyperplanes: ``[width, num_hashes]``.
      block_size: Tokens of a block of the longer one.

    Returns:
      int32 ``[batch, num_queries]`` and ``[batch, num_keys]``.

    >>> q, k = tf.constant([[[1.0], [-1.0], [2.0]]]), tf.constant([[[-3.0], [1.0]]])
    >>> [each.numpy().tolist() for each in sorted_blocks(q, k, tf.ones([1, 1]), 2)]
    [[[0, 0, 1]], [[0, 1]]]
    """
    _, *sizes = block_sizes(q.shape[1], k.shape[1], block_size)
    ranks = 2 ** hyperplanes.shape[1]
    first, second = (
        stable_order(gray_rank(x, hyperplanes), below=ranks)[1] // size
        for x, size in zip((q, k), sizes, strict=True)
    )
    return first, second


@tf.custom_gradient
def permute(x: tf.Tensor, order: tf.Tensor, inverse: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """``x[batch, order]``; its gradient is a gather too, by the inverse.

    Args:
      x: ``[batch, num_tokens, width]``.
      order: A permutation for each batch, ``[batch, num_tokens]``.
      inverse: Its inverse.

    >>> order, inverse = tf.constant([[1, 2, 0]]), tf.constant([[2, 0, 1]])
    >>> permute(tf.constant([[[5], [6], [7]]]), order, inverse).numpy().ravel().tolist()
    [6, 7, 5]
    """

    def gradient(upstream: tf.Tensor) -> tuple[Any, None, None]:
        return tf.gather(upstream, inverse, batch_dims=1), None, None

    return tf.gather(x, order, batch_dims=1), gradient
