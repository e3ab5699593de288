"""Softmax attention to a block's own keys and to a few weighted samples, in one pass."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfgnn_ext.ops.row_blocks import block_of, for_blocks, join_rows, join_turned, length_of
from tfgnn_ext.ops.tiled_attention import NOTHING, bound_of


class Samples(NamedTuple):
    """Keys that stand for others, for each of G groups of blocks.

    Attributes:
      k: ``[G, batch, m, width]``.
      v: ``[G, batch, m, d]``.
      block: int32 ``[G, batch, m]``: the block that holds the key; a query there skips it.
      weight: ``[G, batch, m]``: how many keys it stands for, 0 for none.
      valued: ``[m]``: 1 where a sample counts in the numerator alone, 0 in the denominator alone;
        None: all count in both.
    """

    k: tf.Tensor
    v: tf.Tensor
    block: tf.Tensor
    weight: tf.Tensor
    valued: np.ndarray | None = None


def sampled_block_attention(
    q: tf.Tensor,
    k: tf.Tensor,
    v: tf.Tensor,
    present: tf.Tensor,
    samples: Samples,
    group: tf.Tensor,
    *,
    scale: float,
    num_blocks: int | tf.Tensor,
    query_block: int,
    key_block: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Each block of queries attends to the keys of its block and to its group's samples.

    ``out_i = sum_j w_j exp(s_ij) v_j / sum_j w_j exp(s_ij)``, over keys of the block with w = 1
    and samples outside it with their weights, whose logarithms are added to the scores.

    Args:
      q: ``[batch, num_blocks * query_block, width]``.
      k: ``[batch, num_blocks * key_block, width]``.
      v: ``[batch, num_blocks * key_block, d]``.
      present: 1 or 0 for each key.
      samples: The samples.
      group: int32 ``[num_blocks]``: the group of each block.
      scale: Of the inner products.
      num_blocks: The number of blocks.
      query_block: Queries of a block.
      key_block: Keys of a block.

    Returns:
      outputs ``[batch, num_queries, d]``, zeros where a query sees no key; the log of the
      denominator ``[batch, num_queries]``, -1e9 there.
    """

    @tf.custom_gradient
    def attend(
        q: tf.Tensor,
        k: tf.Tensor,
        v: tf.Tensor,
        present: tf.Tensor,
        sample_k: tf.Tensor,
        sample_v: tf.Tensor,
        sample_block: tf.Tensor,
        sample_weight: tf.Tensor,
        group: tf.Tensor,
    ) -> tuple[Any, Any]:
        batch, dtype = length_of(q, 0), q.dtype
        nothing = tf.constant(NOTHING, dtype)
        own_bias = tf.where(present > 0, tf.zeros_like(present), nothing)
        counted = sample_weight > 0
        log_weight = tf.math.log(tf.where(counted, sample_weight, tf.ones_like(sample_weight)))
        log_weight = tf.where(counted, log_weight, nothing)
        in_numerator, in_denominator = (
            [None, None]
            if samples.valued is None
            else [
                tf.constant(np.concatenate([np.ones(key_block), each]), dtype)
                for each in (samples.valued, 1 - samples.valued)
            ]
        )

        def only(x: tf.Tensor, columns: tf.Tensor | None) -> tf.Tensor:
            return x if columns is None else x * columns

        turned_k, turned_sample_k = tf.transpose(k, [0, 2, 1]), tf.transpose(sample_k, [0, 1, 3, 2])

        def scored(t: tf.Tensor) -> tf.Tensor:
            """Scores with the log of their weight, ``[batch, query_block, key_block + m]``."""
            g = group[t]
            columns = tf.concat([block_of(turned_k, 2, t, key_block), turned_sample_k[g]], axis=2)
            bias = tf.concat(
                [
                    block_of(own_bias, 1, t, key_block),
                    tf.where(sample_block[g] != t, log_weight[g], nothing),
                ],
                axis=1,
            )
            return tf.matmul(block_of(q, 1, t, query_block), columns) * scale + bias[:, None]

        def forward(t: tf.Tensor) -> Any:
            score = scored(t)
            top = tf.reduce_max(score, axis=2, keepdims=True)
            # [batch, query_block, columns]
            weight = tf.exp(score - top)
            mass = tf.reduce_sum(only(weight, in_denominator), axis=2)
            values = tf.concat([block_of(v, 1, t, key_block), sample_v[group[t]]], axis=1)
            there = (mass > 0) & (top[:, :, 0] > NOTHING / 2)
            safe = tf.where(there, mass, tf.ones_like(mass))
            outputs = tf.matmul(only(weight, in_numerator), values) / safe[:, :, None]
            outputs = tf.where(there[:, :, None], outputs, tf.zeros_like(outputs))
            total = tf.where(there, top[:, :, 0] + tf.math.log(safe), nothing)
            return [], [outputs, total]

        _, (outputs, totals) = for_blocks(
            num_blocks, forward, [], [dtype, dtype], finish=[join_rows, join_rows]
        )

        def gradients(upstream: tf.Tensor, for_total: tf.Tensor) -> tuple[Any, ...]:
            bound = bound_of(totals)
            shift = for_total - tf.reduce_sum(upstream * outputs, axis=2)
            turned_q, turned_v, turned_g = (tf.transpose(x, [0, 2, 1]) for x in (q, v, upstream))
            turned_sample_v = tf.transpose(sample_v, [0, 1, 3, 2])

            # Blocks of a group share its samples: [G, batch, width, m].
            groups = length_of(sample_k, 0)
            for_samples = [
                tf.zeros([groups, batch, length_of(x, 3), length_of(x, 2)], dtype)
                for x in (sample_k, sample_v)
            ]

            def added(sums: tf.Tensor, t: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
                if isinstance(groups, int) and groups == 1:
                    return sums + value[None]
                return tf.tensor_scatter_nd_add(sums, [[group[t]]], value[None])

            def backward(t: tf.Tensor, samples_k: tf.Tensor, samples_v: tf.Tensor) -> Any:
                bounds = block_of(bound, 1, t, query_block)[:, :, None]
                weight = tf.exp(scored(t) - bounds)
                values = tf.concat(
                    [block_of(turned_v, 2, t, key_block), turned_sample_v[group[t]]], axis=2
                )
                flow = tf.matmul(block_of(upstream, 1, t, query_block), values)
                shifts = block_of(shift, 1, t, query_block)[:, :, None]
                flow = only(flow, in_numerator) + only(shifts, in_denominator)
                flow *= weight * scale
                keys = tf.concat([block_of(k, 1, t, key_block), sample_k[group[t]]], axis=1)
                for_q = tf.matmul(flow, keys)
                # [batch, width, columns]
                for_k = tf.matmul(block_of(turned_q, 2, t, query_block), flow)
                for_v = tf.matmul(block_of(turned_g, 2, t, query_block), only(weight, in_numerator))
                sums = [
                    added(each, t, x[:, :, key_block:])
                    for each, x in ((samples_k, for_k), (samples_v, for_v))
                ]
                return sums, [for_q, for_k[:, :, :key_block], for_v[:, :, :key_block]]

            for_samples, (rows, for_k, for_v) = for_blocks(
                num_blocks,
                backward,
                for_samples,
                [dtype] * 3,
                finish=[join_rows, join_turned, join_turned],
            )
            for_samples = [tf.transpose(x, [0, 1, 3, 2]) for x in for_samples]
            return rows, for_k, for_v, None, *for_samples, None, None, None

        return (outputs, totals), gradients

    outputs, totals = attend(q, k, v, present, *samples[:4], group)
    return outputs, totals
