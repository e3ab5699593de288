"""Exact softmax attention, a tile at a time: the yardstick of the others."""

from __future__ import annotations

import tensorflow as tf

from tfgnn_ext.ops.heads import from_rows, to_rows, wide
from tfgnn_ext.ops.polynomial_attention import masked_queries, present_keys
from tfgnn_ext.ops.tiled_attention import tiled_attention


@tf.autograph.experimental.do_not_convert
def softmax_attention(
    q: tf.Tensor,
    k: tf.Tensor,
    v: tf.Tensor,
    *,
    scale: float | None = None,
    causal: bool = False,
    query_mask: tf.Tensor | None = None,
    key_mask: tf.Tensor | None = None,
) -> tf.Tensor:
    """``softmax(scale q k^T) v``, quadratic in time, a tile at a time in memory.

    Args:
      q: ``[batch, num_queries, num_heads, width]``.
      k: ``[batch, num_keys, num_heads, width]``.
      v: ``[batch, num_keys, num_heads, d]``.
      scale: None: ``width^-1/2``.
      causal: Whether query i meets keys up to i only.
      query_mask: bool ``[batch, num_queries]``; outputs of masked queries are 0.
      key_mask: bool ``[batch, num_keys]``.

    Returns:
      ``[batch, num_queries, num_heads, d]`` in the dtype of `v`; zeros where no key is present.

    >>> x = tf.zeros([1, 2, 1, 3])
    >>> softmax_attention(x, x, tf.reshape([5.0, 1.0], [1, 2, 1, 1])).numpy().ravel().tolist()
    [3.0, 3.0]
    """
    heads, dtype = q.shape[2], v.dtype
    rows_q, rows_k, rows_v = (wide(to_rows(each)) for each in (q, k, v))
    present = present_keys(rows_k, key_mask, heads)
    rows_v = tf.where(present[:, :, None] > 0, rows_v, tf.zeros_like(rows_v))
    outputs, _ = tiled_attention(
        rows_q,
        rows_k,
        rows_v,
        present,
        scale=q.shape[3] ** -0.5 if scale is None else scale,
        causal=causal,
    )
    return tf.cast(masked_queries(from_rows(outputs, heads), query_mask), dtype)
