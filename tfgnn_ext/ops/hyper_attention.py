"""HyperAttention: softmax attention in near-linear time by sorted hashing and sampling.

Han et al., "HyperAttention: Long-context Attention in Near-Linear Time", ICLR 2024: keys that
matter to a query are found by locality-sensitive hashing (tokens sorted by hash, exact attention
inside blocks of the order), the rest of the denominator and numerator is estimated from samples.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import tensorflow as tf

from tfgnn_ext.ops.heads import from_rows, mask_rows, to_rows, wide
from tfgnn_ext.ops.lsh_order import (
    block_sizes,
    gray_rank,
    permute,
    random_hyperplanes,
    stable_order,
)
from tfgnn_ext.ops.row_blocks import length_of, pad_to
from tfgnn_ext.ops.sampled_blocks import Samples, sampled_block_attention
from tfgnn_ext.ops.tiled_attention import tiled_attention

SAMPLING = ("uniform", "v_norm")


@tf.autograph.experimental.do_not_convert
def hyper_attention(
    q: tf.Tensor,
    k: tf.Tensor,
    v: tf.Tensor,
    *,
    scale: float | None = None,
    causal: bool = False,
    query_mask: tf.Tensor | None = None,
    key_mask: tf.Tensor | None = None,
    num_hashes: int = 7,
    hyperplanes: tf.Tensor | None = None,
    block_size: int = 256,
    num_samples: int = 256,
    sampling: Literal["uniform", "v_norm"] = "uniform",
    min_seq_len: int = 4096,
    seed: int = 0,
) -> tf.Tensor:
    """Approximates ``softmax(scale q k^T) v``.

    Queries and keys are each sorted by the Gray rank of `num_hashes` sign bits and cut into as many
    blocks; a query meets exactly the keys of the block with its index, B_i, and m sampled keys j_s:
    ``D_i = sum_{j in B_i} e_ij + (n / m) sum_{s: j_s not in B_i} e_i,j_s`` with
    ``e_ij = exp(scale <q_i, k_j>)`` estimates the denominator without bias, and the same sums with
    v_j the numerator. A sample inside the query's block counts in m and adds nothing.

    Causal: a sequence is halved, both halves attend causally by themselves, the later half's
    queries to the earlier half's keys without a mask, and the two are weighed by their
    denominators. No later key or value enters; but which keys a query meets exactly depends on its
    place among all queries of its half, later ones included.

    Where a sequence has no more than `min_seq_len` keys, attention is exact.

    Args:
      q: ``[batch, num_queries, num_heads, width]``.
      k: ``[batch, num_keys, num_heads, width]``.
      v: ``[batch, num_keys, num_heads, d]``.
      scale: None: ``width^-1/2``.
      causal: Whether query i meets keys up to i only; the numbers of queries and keys are then
        equal and static.
      query_mask: bool ``[batch, num_queries]``; outputs of masked queries are 0.
      key_mask: bool ``[batch, num_keys]``.
      num_hashes: L, at most 20.
      hyperplanes: ``[width, L]`` in place of those that `seed` draws.
      block_size: b: keys of a block.
      num_samples: m.
      sampling: "uniform", with replacement; or "v_norm", where the numerator has m samples of its
        own, drawn in proportion to ``|v_j|^2`` and weighted accordingly.
      min_seq_len: The most keys to attend to exactly.
      seed: Of the hyperplanes and the samples.

    Returns:
      ``[batch, num_queries, num_heads, d]`` in the dtype of `v`.

    Raises:
      ValueError: An argument is out of range.

    >>> x = tf.random.stateless_normal([1, 64, 2, 8], [1, 2])
    >>> near = hyper_attention(x, x, x, block_size=16, num_samples=16, min_seq_len=16)
    >>> exact = hyper_attention(x, x, x)
    >>> near.shape, bool(tf.norm(near - exact) < 0.6 * tf.norm(exact))
    (TensorShape([1, 64, 2, 8]), True)
    """
    for name, value, least in (
        ("num_hashes", num_hashes, 1),
        ("block_size", block_size, 1),
        ("num_samples", num_samples, 1),
        ("min_seq_len", min_seq_len, 0),
    ):
        if value < least:
            raise ValueError(
                f"`{name}` of `hyper_attention` must be an int >= {least}. Got {value}."
            )
    if num_hashes > 20:
        raise ValueError(f"`num_hashes` of `hyper_attention` must be <= 20. Got {num_hashes}.")
    if sampling not in SAMPLING:
        raise ValueError(
            f"`sampling` of `hyper_attention` must be one of {', '.join(SAMPLING)}. Got "
            f"{sampling!r}."
        )
    heads, width, dtype = q.shape[2], q.shape[3], v.dtype
    if hyperplanes is None:
        hyperplanes = tf.constant(random_hyperplanes(width, num_hashes, seed), tf.float32)
    if causal and (q.shape[1] is None or q.shape[1] != k.shape[1]):
        raise ValueError(
            "`causal` of `hyper_attention` must be False unless queries and keys are equally many, "
            f"in static shapes. Got {q.shape[1]} and {k.shape[1]}."
        )
    rows_q, rows_k, rows_v = (wide(to_rows(each)) for each in (q, k, v))
    if key_mask is None:
        present = tf.ones(tf.shape(rows_k)[:2], rows_k.dtype)
    else:
        present = mask_rows(key_mask, heads, rows_k.dtype)
        rows_v = tf.where(present[:, :, None] > 0, rows_v, tf.zeros_like(rows_v))
    attention = _HyperAttention(
        scale=width**-0.5 if scale is None else scale,
        hyperplanes=hyperplanes,
        block_size=block_size,
        num_samples=num_samples,
        sampling=sampling,
        min_seq_len=min_seq_len,
        seed=seed,
    )
    attend = attention.causal if causal else attention.full
    outputs = from_rows(attend(rows_q, rows_k, rows_v, present)[0], heads)
    if query_mask is not None:
        outputs = tf.where(query_mask[:, :, None, None], outputs, tf.zeros_like(outputs))
    return tf.cast(outputs, dtype)


class _HyperAttention:
    """Attention on rows ``[batch, num_tokens, width]`` to (outputs, log-sum-exp)."""

    def __init__(
        self,
        *,
        scale: float,
        hyperplanes: tf.Tensor,
        block_size: int,
        num_samples: int,
        sampling: str,
        min_seq_len: int,
        seed: int,
    ) -> None:
        self._scale = scale
        self._hyperplanes = hyperplanes
        self._block_size = block_size
        self._num_samples = num_samples
        self._sampling = sampling
        self._min_seq_len = min_seq_len
        # Each call of a recursion draws anew.
        self._seeds = iter(range(1, 1000))
        self._seed = seed

    def full(
        self, q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, present: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        queries, keys = q.shape[1], k.shape[1]
        if queries is None or keys is None:
            raise ValueError(
                "`q` and `k` of `hyper_attention` must have static numbers of tokens. Got "
                f"{queries} and {keys}."
            )
        if keys <= self._min_seq_len:
            return tiled_attention(q, k, v, present, scale=self._scale)
        blocks, query_block, key_block = block_sizes(queries, keys, self._block_size)
        q = pad_to(q, 1, blocks * query_block)
        k, v, present = (pad_to(each, 1, blocks * key_block) for each in (k, v, present))
        last = 2 ** self._hyperplanes.shape[1]
        # Padding and masked keys come last, so that the real keys are the first of the order.
        rank_q = tf.where(
            tf.range(blocks * query_block) < queries, gray_rank(q, self._hyperplanes), last
        )
        rank_k = tf.where(present > 0, gray_rank(k, self._hyperplanes), last)
        order_q, inverse_q = stable_order(rank_q, below=last + 1)
        order_k, inverse_k = stable_order(rank_k, below=last + 1)
        q = permute(q, order_q, inverse_q)
        k, v = (permute(each, order_k, inverse_k) for each in (k, v))
        present = tf.gather(present, order_k, batch_dims=1)
        outputs, total = sampled_block_attention(
            q,
            k,
            v,
            present,
            draw_samples(
                k,
                v,
                present,
                tf.zeros([1], tf.int32),
                tf.reduce_sum(present, axis=1)[None],
                block=key_block,
                number=self._num_samples,
                sampling=self._sampling,
                seed=(self._seed, next(self._seeds)),
            ),
            tf.zeros([blocks], tf.int32),
            scale=self._scale,
            num_blocks=blocks,
            query_block=query_block,
            key_block=key_block,
        )
        outputs = permute(outputs, inverse_q, order_q)[:, :queries]
        total = permute(total[:, :, None], inverse_q, order_q)[:, :queries, 0]
        return outputs, total

    def causal(
        self, q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, present: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        batch, length = length_of(q, 0), q.shape[1]
        if length <= max(self._min_seq_len, 1):
            return tiled_attention(q, k, v, present, scale=self._scale, causal=True)
        half = -(-length // 2)
        q, k, v, present = (pad_to(each, 1, 2 * half) for each in (q, k, v, present))

        def halves(x: tf.Tensor) -> tf.Tensor:
            return tf.reshape(x, [batch * 2, half, *x.shape[2:]])

        own, own_total = self.causal(halves(q), halves(k), halves(v), halves(present))
        cross, cross_total = self.full(q[:, half:], k[:, :half], v[:, :half], present[:, :half])
        own = tf.reshape(own, [batch, 2, half, own.shape[2]])
        own_total = tf.reshape(own_total, [batch, 2, half])
        # [batch, half]
        top = tf.maximum(own_total[:, 1], cross_total)
        first, second = tf.exp(own_total[:, 1] - top), tf.exp(cross_total - top)
        share = (first / (first + second))[:, :, None]
        later = share * own[:, 1] + (1 - share) * cross
        later_total = top + tf.math.log(first + second)
        outputs = tf.concat([own[:, 0], later], axis=1)
        total = tf.concat([own_total[:, 0], later_total], axis=1)
        return outputs[:, :length], total[:, :length]


def draw_samples(
    k: tf.Tensor,
    v: tf.Tensor,
    present: tf.Tensor,
    start: tf.Tensor,
    size: tf.Tensor,
    *,
    block: int,
    number: int,
    sampling: str,
    seed: tuple[int, int],
) -> Samples:
    """Samples keys of each group with replacement.

    Args:
      k: Keys ``[batch, num_keys, width]``, those of a group side by side, its real ones first.
      v: Values ``[batch, num_keys, d]``.
      present: 1 or 0 for each key.
      start: int32 ``[G]``: the first key of each group.
      size: ``[G, batch]``: the number of real keys of each group, as floats.
      block: Keys of a block.
      number: m.
      sampling: "uniform" or "v_norm"; the latter for a single group.
      seed: Of the draw.

    Returns:
      The samples; m of them, or, for "v_norm", 2 m: first those of the denominator.
    """
    groups, batch, keys = length_of(start, 0), length_of(k, 0), length_of(k, 1)

    def uniform(salt: int) -> tf.Tensor:
        drawn = tf.random.stateless_uniform(
            [groups, batch, number], [seed[0], 2 * seed[1] + salt], alg="philox"
        )
        return tf.cast(drawn, k.dtype)

    # [G, batch, m]; floor(u size) may round up to size.
    place = tf.minimum(tf.floor(uniform(0) * size[:, :, None]), tf.maximum(size - 1, 0)[:, :, None])
    index = tf.minimum(start[:, None, None] + tf.cast(place, tf.int32), keys - 1)
    weight = tf.zeros_like(place) + size[:, :, None] / number
    valued = None
    if sampling == "v_norm":
        norms = tf.stop_gradient(tf.reduce_sum(v * v, axis=2) * present)
        ends = tf.cumsum(norms, axis=1)
        # [batch, m]
        at = tf.searchsorted(ends, uniform(1)[0] * ends[:, -1:], side="right")
        at = tf.minimum(at, keys - 1)
        share = tf.gather(norms, at, batch_dims=1) / tf.maximum(ends[:, -1:], 1e-30)
        inverse = tf.math.divide_no_nan(tf.ones_like(share), share * number)
        index = tf.concat([index, at[None]], axis=2)
        weight = tf.concat([weight, inverse[None]], axis=2)
        valued = np.repeat([0.0, 1.0], number)

    def taken(x: tf.Tensor) -> tf.Tensor:
        # [batch, G, m, width]
        chosen = tf.gather(x, tf.transpose(index, [1, 0, 2]), batch_dims=1)
        return tf.transpose(chosen, [1, 0, 2, 3])

    return Samples(taken(k), taken(v), index // block, weight, valued)
