"""Decodes one token at a time with a state that does not grow."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfgnn_ext.ops.heads import wide
from tfgnn_ext.ops.power import power
from tfgnn_ext.ops.symmetric_features import (
    symmetric_features,
    symmetric_size,
    symmetric_weights,
)


class DecodingState(NamedTuple):
    """What causal attention remembers of the tokens so far, ``[batch * num_heads, ...]``.

    Attributes:
      sums: ``[rows, r (r + 1) / 2, d]``: the features of full blocks times their values.
      moments: ``[rows, r, r]``: the sum of their ``phi phi^T``.
      features: ``[rows, block, r]``: phi of the keys of the open block.
      keys: ``[rows, block, width]``: what local weights are made of.
      values: ``[rows, block, d]``.
      position: int32 scalar: the number of tokens so far.
    """

    sums: tf.Tensor
    moments: tf.Tensor
    features: tf.Tensor
    keys: tf.Tensor
    values: tf.Tensor
    position: tf.Tensor


def start_decoding(
    rows: int | tf.Tensor, *, r: int, width: int, d: int, block: int, dtype: tf.DType = tf.float32
) -> DecodingState:
    """The state before the first token.

    Args:
      rows: The batch times the number of heads.
      r: The width of features.
      width: Of the keys of local weights.
      d: Of values.
      block: Tokens of a block.
      dtype: Of the state.

    >>> start_decoding(2, r=4, width=3, d=5, block=8).sums.shape
    TensorShape([2, 10, 5])
    """
    return DecodingState(
        tf.zeros([rows, symmetric_size(r), d], dtype),
        tf.zeros([rows, r, r], dtype),
        tf.zeros([rows, block, r], dtype),
        tf.zeros([rows, block, width], dtype),
        tf.zeros([rows, block, d], dtype),
        tf.constant(0),
    )


def decode(
    state: DecodingState,
    x: tf.Tensor,
    y: tf.Tensor,
    v: tf.Tensor,
    *,
    local: tuple[tf.Tensor, tf.Tensor],
    degree: int,
    scale: float,
    offset: float,
) -> tuple[tf.Tensor, DecodingState]:
    """The output of one more token, equal to that of the whole sequence at its place.

    The open block's keys are kept in a ring and weighed one by one; when it is full, they go into
    the sums. Time and memory of a step do not depend on the number of tokens.

    Args:
      state: Of the tokens before.
      x: Features of the query, ``[rows, r]``.
      y: Features of the key, ``[rows, r]``.
      v: The value, ``[rows, d]``.
      local: The query and the key of local weights, ``[rows, width]``.
      degree: p of local weights.
      scale: beta of local weights.
      offset: c > 0.

    Returns:
      ``[rows, d]`` and the state with this token.
    """
    x, y, v, q, k = (wide(each) for each in (x, y, v, *local))
    block = state.values.shape[1]
    place = state.position % block
    here = tf.cast(tf.range(block) == place, x.dtype)[:, None]

    def put(ring: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
        return ring * (1 - here) + row[:, None] * here

    features, keys, values = put(state.features, y), put(state.keys, k), put(state.values, v)
    # [rows, block]
    seen = tf.cast(tf.range(block) <= place, x.dtype)
    weight = power(tf.linalg.matvec(keys, q) * scale, degree) * seen
    # [rows, r (r + 1) / 2]
    psi = symmetric_features(x[:, :, None])[:, :, 0] * symmetric_weights(x.shape[1], x.dtype)
    numerator = tf.linalg.matvec(values, weight, transpose_a=True)
    numerator += tf.linalg.matvec(state.sums, psi, transpose_a=True)
    total = offset + tf.reduce_sum(weight, axis=1)
    total += tf.reduce_sum(x * tf.linalg.matvec(state.moments, x), axis=1)

    def closed() -> tuple[tf.Tensor, tf.Tensor]:
        turned = tf.transpose(features, [0, 2, 1])
        return (
            state.sums + tf.matmul(symmetric_features(turned), values),
            state.moments + tf.matmul(turned, features),
        )

    sums, moments = tf.cond(tf.equal(place, block - 1), closed, lambda: (state.sums, state.moments))
    after = DecodingState(sums, moments, features, keys, values, state.position + 1)
    return numerator / total[:, None], after
