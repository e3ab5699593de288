"""Exact attention with polynomial weights."""

from __future__ import annotations

import tensorflow as tf

from tfgnn_ext.ops.heads import from_rows, mask_rows, to_rows, wide
from tfgnn_ext.ops.sketch import DEGREES
from tfgnn_ext.ops.tiled_attention import tiled_attention


@tf.autograph.experimental.do_not_convert
def polynomial_attention(
    q: tf.Tensor,
    k: tf.Tensor,
    v: tf.Tensor,
    *,
    degree: int = 4,
    scale: float | None = None,
    offset: float = 1.0,
    causal: bool = False,
    query_mask: tf.Tensor | None = None,
    key_mask: tf.Tensor | None = None,
) -> tf.Tensor:
    """``out_i = sum_j s_ij^p v_j / (c + sum_j s_ij^p)`` with ``s_ij = beta <q_i, k_j>``.

    Queries and keys come normalised (`layers.PolySketchAttention` does it): their norms set what a
    score means. The constant c keeps rows without a score finite: they give 0. Quadratic in time,
    a tile at a time in memory; computed in float32, or in float64 if the inputs are.

    Args:
      q: ``[batch, num_queries, num_heads, width]``.
      k: ``[batch, num_keys, num_heads, width]``.
      v: ``[batch, num_keys, num_heads, d]``.
      degree: p: 2, 4 or 8.
      scale: beta; None: ``width^-1/2``.
      offset: c > 0.
      causal: Whether query i meets keys up to i only.
      query_mask: bool ``[batch, num_queries]``; outputs of masked queries are 0.
      key_mask: bool ``[batch, num_keys]``.

    Returns:
      ``[batch, num_queries, num_heads, d]`` in the dtype of `v`.

    Raises:
      ValueError: An argument is out of range.

    >>> q = k = tf.reshape([1.0, 2.0], [1, 2, 1, 1])
    >>> v = tf.reshape([5.0, 1.0], [1, 2, 1, 1])
    >>> polynomial_attention(q, k, v, degree=2).numpy().ravel().round(4)
    array([1.5   , 1.7143], dtype=float32)

    References:
      Kacham, Mirrokni, Zhong, "PolySketchFormer", ICML 2024.
    """
    if degree not in DEGREES:
        raise ValueError(f"`degree` of `polynomial_attention` must be 2, 4 or 8. Got {degree}.")
    if offset <= 0:
        raise ValueError(f"`offset` of `polynomial_attention` must be > 0. Got {offset}.")
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
        degree=degree,
        offset=offset,
        causal=causal,
    )
    return tf.cast(masked_queries(from_rows(outputs, heads), query_mask), dtype)


def present_keys(rows: tf.Tensor, mask: tf.Tensor | None, num_heads: int) -> tf.Tensor:
    """1 or 0 for each of the keys ``[batch * num_heads, num_keys, width]``."""
    if mask is None:
        return tf.ones(tf.shape(rows)[:2], rows.dtype)
    return mask_rows(mask, num_heads, rows.dtype)


def masked_queries(outputs: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """Zeros for masked queries; outputs ``[batch, num_queries, num_heads, d]``."""
    if mask is None:
        return outputs
    return tf.where(mask[:, :, None, None], outputs, tf.zeros_like(outputs))
