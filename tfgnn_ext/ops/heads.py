"""``[batch, num_tokens, num_heads, width]`` and back, for kernels with one batch axis."""

from __future__ import annotations

import tensorflow as tf

from tfgnn_ext.ops.row_blocks import length_of


def to_rows(x: tf.Tensor) -> tf.Tensor:
    """``[batch, num_tokens, num_heads, width]`` to ``[batch * num_heads, num_tokens, width]``."""
    batch, length, heads, width = (length_of(x, axis) for axis in range(4))
    return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch * heads, length, width])


def to_features(x: tf.Tensor) -> tf.Tensor:
    """``[batch, num_tokens, num_heads, width]`` to ``[batch * num_heads, width, num_tokens]``."""
    batch, length, heads, width = (length_of(x, axis) for axis in range(4))
    return tf.reshape(tf.transpose(x, [0, 2, 3, 1]), [batch * heads, width, length])


def from_rows(x: tf.Tensor, num_heads: int) -> tf.Tensor:
    """The inverse of `to_rows`.

    >>> x = tf.reshape(tf.range(24), [1, 3, 4, 2])
    >>> bool(tf.reduce_all(from_rows(to_rows(x), 4) == x))
    True
    """
    _, length, width = (length_of(x, axis) for axis in range(3))
    return tf.transpose(tf.reshape(x, [-1, num_heads, length, width]), [0, 2, 1, 3])


def mask_rows(mask: tf.Tensor, num_heads: int, dtype: tf.DType) -> tf.Tensor:
    """A mask ``[batch, num_tokens]`` as numbers, ``[batch * num_heads, num_tokens]``.

    >>> mask_rows(tf.constant([[True, False]]), 2, tf.float32).numpy().tolist()
    [[1.0, 0.0], [1.0, 0.0]]
    """
    return tf.repeat(tf.cast(mask, dtype), num_heads, axis=0)


def wide(x: tf.Tensor) -> tf.Tensor:
    """In float32 at least: scores, powers and states overflow or blur in less."""
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
