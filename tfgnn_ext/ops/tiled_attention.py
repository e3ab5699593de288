"""Exact attention in tiles: softmax or polynomial weights, never more than one tile in memory.

A tile is a block of queries against a block of keys. The range of key blocks that a query block
meets is given, so that one kernel serves sequences, causal sequences (blocks above the diagonal are
skipped) and the components of a graph (each component's blocks meet only each other). The backward
pass forms the weights again, from the saved log-sum-exp or denominator, in one sweep for queries
and one for keys and values, so that no gradient is ever added to a tensor as long as the input.

Both kinds of weights are one formula. With scores s, a weight w(s), numerator ``sum_j w_ij v_j``
and denominator ``D_i``, gradients flow to the weight as ``g_ij = <a_i, v_j> + b_i``:
  softmax     w = exp(s - lse_i), a_i the upstream gradient, b_i = -<a_i, out_i> + that of lse_i
  polynomial  w = s^p, D_i = c + sum_j w_ij, a_i = upstream / D_i, b_i = -<a_i, out_i>
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tfgnn_ext.ops.power import power
from tfgnn_ext.ops.row_blocks import (
    block_of,
    for_blocks,
    join_rows,
    join_turned,
    length_of,
    pad_to,
)

# What a query sees that has no key: exp of it is 0, and unlike -inf it has gradients.
NOTHING = -1e9


def bound_of(total: tf.Tensor) -> tf.Tensor:
    """The log-sum-exp to subtract from scores; where nothing counts, one that leaves no weight."""
    return tf.where(total > NOTHING / 2, total, -tf.constant(NOTHING, total.dtype))


class Ranges(NamedTuple):
    """The key blocks that a query block meets, and the query blocks that a key block meets.

    Each int32 ``[number of blocks]``; the ends are exclusive.
    """

    first_key: tf.Tensor
    last_key: tf.Tensor
    first_query: tf.Tensor
    last_query: tf.Tensor


def all_ranges(
    query_blocks: int | tf.Tensor, key_blocks: int | tf.Tensor, *, causal: bool
) -> Ranges:
    """The ranges of a sequence.

    >>> [r.numpy().tolist() for r in all_ranges(2, 2, causal=True)]
    [[0, 0], [1, 2], [0, 1], [2, 2]]
    """
    queries, keys = tf.range(query_blocks), tf.range(key_blocks)
    return Ranges(
        first_key=tf.zeros_like(queries),
        last_key=queries + 1 if causal else tf.zeros_like(queries) + key_blocks,
        first_query=keys if causal else tf.zeros_like(keys),
        last_query=tf.zeros_like(keys) + query_blocks,
    )


def tiled_attention(
    q: tf.Tensor,
    k: tf.Tensor,
    v: tf.Tensor,
    present: tf.Tensor,
    *,
    scale: float,
    degree: int | None = None,
    offset: float = 1.0,
    causal: bool = False,
    block: int = 512,
    ranges: Ranges | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Exact attention, tile by tile.

    Args:
      q: Queries, ``[batch, num_queries, width]``, float32 or float64.
      k: Keys, ``[batch, num_keys, width]``.
      v: Values, ``[batch, num_keys, d]``.
      present: 1 or 0 for each key, ``[batch, num_keys]``.
      scale: Of the inner products.
      degree: p of polynomial weights; None: softmax.
      offset: c of polynomial weights.
      causal: Whether query i meets keys up to i only.
      block: Queries and keys of a tile.
      ranges: Of the blocks; the number of tokens is then a multiple of `block`. None: all, or those
        that are not above the diagonal.

    Returns:
      outputs ``[batch, num_queries, d]``, zeros where no key is present, and float
      ``[batch, num_queries]``: the log-sum-exp of a query's scores, -1e9 where no key is present,
      or the denominator of polynomial weights.

    >>> q = k = tf.constant([[[1.0], [2.0]]])
    >>> v = tf.constant([[[5.0], [1.0]]])
    >>> tiled_attention(q, k, v, tf.ones([1, 2]), scale=1.0, degree=2)[0].numpy().ravel().round(4)
    array([1.5   , 1.7143], dtype=float32)
    """
    length, keys = length_of(q, 1), length_of(k, 1)
    if isinstance(length, int) and isinstance(keys, int) and ranges is None:
        block = max(1, min(block, max(length, keys)))
    blocks, key_blocks = -(-length // block), -(-keys // block)
    if ranges is None:
        ranges = all_ranges(blocks, key_blocks, causal=causal)
    q = pad_to(q, 1, blocks * block)
    k, v, present = (pad_to(each, 1, key_blocks * block) for each in (k, v, present))
    kernel = _kernel(scale, degree, offset, causal, block)
    outputs, total = kernel(q, k, v, present, *ranges)
    return outputs[:, :length], total[:, :length]


def _kernel(scale: float, degree: int | None, offset: float, causal: bool, size: int) -> Any:
    def scored(q: tf.Tensor, k: tf.Tensor, present: tf.Tensor, i: tf.Tensor, j: tf.Tensor) -> Any:
        """Scores of a tile, and 1 where they count: ``[batch, size, size]``.

        `q` and `k` have queries by row and keys by column; `i` and `j` are their blocks.
        """
        counts = block_of(present, 1, j, size)[:, None, :]
        if causal:
            row, column = tf.range(size)[:, None] + i * size, tf.range(size)[None] + j * size
            counts = counts * tf.cast(row >= column, counts.dtype)
        return tf.matmul(q, k) * scale, counts

    @tf.custom_gradient
    def attend(
        q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, present: tf.Tensor, *bounds: tf.Tensor
    ) -> tuple[Any, Any]:
        ranges = Ranges(*bounds)
        batch, dtype, width = length_of(q, 0), q.dtype, length_of(v, 2)
        blocks, key_blocks = length_of(q, 1) // size, length_of(k, 1) // size
        turned_k = tf.transpose(k, [0, 2, 1])

        def over(first: tf.Tensor, last: tf.Tensor, step: Any, start: list[tf.Tensor]) -> Any:
            """Carries `start` through ``step(j, ...)`` for the blocks of a range."""
            found = tf.while_loop(
                lambda j, *_: j < last,
                lambda j, *state: (j + 1, *step(j, *state)),
                (first, *start),
                parallel_iterations=1,
            )
            return found[1:]

        def forward(i: tf.Tensor) -> Any:
            rows = block_of(q, 1, i, size)

            def tile(j: tf.Tensor, top: tf.Tensor, mass: tf.Tensor, sums: tf.Tensor) -> Any:
                score, counts = scored(rows, block_of(turned_k, 2, j, size), present, i, j)
                values = block_of(v, 1, j, size)
                if degree is not None:
                    weight = power(score, degree) * counts
                    return (
                        top,
                        mass + tf.reduce_sum(weight, axis=2),
                        sums + tf.matmul(weight, values),
                    )
                score += (1 - counts) * NOTHING
                higher = tf.maximum(top, tf.reduce_max(score, axis=2))
                weight = tf.exp(score - higher[:, :, None]) * counts
                shrink = tf.exp(top - higher)
                mass = mass * shrink + tf.reduce_sum(weight, axis=2)
                return higher, mass, sums * shrink[:, :, None] + tf.matmul(weight, values)

            top, mass, sums = over(
                ranges.first_key[i],
                ranges.last_key[i],
                tile,
                [
                    tf.fill([batch, size], tf.constant(NOTHING, dtype)),
                    tf.zeros([batch, size], dtype),
                    tf.zeros([batch, size, width], dtype),
                ],
            )
            if degree is not None:
                total = offset + mass
                return [], [sums / total[:, :, None], total]
            there = mass > 0
            safe = tf.where(there, mass, tf.ones_like(mass))
            total = tf.where(there, top + tf.math.log(safe), tf.constant(NOTHING, dtype))
            return [], [sums / safe[:, :, None], total]

        # [batch, num_queries, d] and [batch, num_queries]
        _, (outputs, totals) = for_blocks(
            blocks, forward, [], [dtype, dtype], finish=[join_rows, join_rows]
        )

        def gradients(upstream: tf.Tensor, for_total: tf.Tensor) -> tuple[Any, ...]:
            a = upstream if degree is None else upstream / totals[:, :, None]
            b = for_total - tf.reduce_sum(a * outputs, axis=2)
            bound = bound_of(totals)
            turned_q, turned_v, turned_a = (tf.transpose(x, [0, 2, 1]) for x in (q, v, a))

            def weights(i: tf.Tensor, j: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                """A tile's weights and the gradient of its products ``<q, k>``."""
                score, counts = scored(
                    block_of(q, 1, i, size), block_of(turned_k, 2, j, size), present, i, j
                )
                # [batch, size, size]
                flow = tf.matmul(block_of(a, 1, i, size), block_of(turned_v, 2, j, size))
                flow += block_of(b, 1, i, size)[:, :, None]
                if degree is not None:
                    raised = power(score, degree - 1) * counts
                    return raised * score, raised * flow * (degree * scale)
                # What counts is at most its row's log-sum-exp; what does not may be far above it,
                # and infinity times 0 is no number.
                excess = tf.minimum(score - block_of(bound, 1, i, size)[:, :, None], 0.0)
                weight = tf.exp(excess) * counts
                return weight, weight * flow * scale

            def on_queries(i: tf.Tensor) -> Any:
                def tile(j: tf.Tensor, sums: tf.Tensor) -> Any:
                    return [sums + tf.matmul(weights(i, j)[1], block_of(k, 1, j, size))]

                start = tf.zeros([batch, size, length_of(q, 2)], dtype)
                (sums,) = over(ranges.first_key[i], ranges.last_key[i], tile, [start])
                return [], [sums]

            def on_keys(j: tf.Tensor) -> Any:
                def tile(i: tf.Tensor, for_k: tf.Tensor, for_v: tf.Tensor) -> Any:
                    weight, flow = weights(i, j)
                    # [batch, width, size]
                    return [
                        for_k + tf.matmul(block_of(turned_q, 2, i, size), flow),
                        for_v + tf.matmul(block_of(turned_a, 2, i, size), weight),
                    ]

                start = [tf.zeros([batch, length_of(x, 2), size], dtype) for x in (k, v)]
                return [], list(over(ranges.first_query[j], ranges.last_query[j], tile, start))

            _, (for_q,) = for_blocks(blocks, on_queries, [], [dtype], finish=[join_rows])
            _, (for_k, for_v) = for_blocks(
                key_blocks, on_keys, [], [dtype, dtype], finish=[join_turned, join_turned]
            )
            return for_q, for_k, for_v, None, *[None] * 4

        return (outputs, totals), gradients

    return attend
