"""What given queries and keys say about which approximation of attention suits them.

alpha and kappa are the parameters of HyperAttention's guarantee (Han et al., ICLR 2024): the fewer
keys dominate, and the more even the rest, the fewer samples do. The error and the bias are those of
the weights that a random sketch of degree 4 estimates (Kacham et al., ICML 2024).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfgnn_ext.ops.heads import to_rows, wide
from tfgnn_ext.ops.lsh_order import random_hyperplanes, sorted_blocks
from tfgnn_ext.ops.power import power
from tfgnn_ext.ops.sketch import RANDOM_SKETCHES, check_size, sketch_features, sketch_matrices

_DEGREE = 4


class AttentionDiagnostics(NamedTuple):
    """What `attention_diagnostics` measures, each ``[batch, num_heads]``.

    Attributes:
      alpha: ``n max_j |D^-1 A e_j|^2`` of softmax weights ``D^-1 A``: 1 where all weights are
        equal, n times the number of queries where all of them see one key alone.
      kappa: The largest over the smallest row sum of A outside the blocks: 1 where all rows have
        the same mass left to be sampled, or none; inf where some row has none.
      sketch_error: ``|A~ - A|_F / |A|_F`` of the weights ``A = s^4`` and their sketch A~.
      sketch_bias: ``sum A~ / sum A - 1``.
    """

    alpha: tf.Tensor
    kappa: tf.Tensor
    sketch_error: tf.Tensor
    sketch_bias: tf.Tensor


@tf.autograph.experimental.do_not_convert
def attention_diagnostics(
    q: tf.Tensor,
    k: tf.Tensor,
    *,
    block_size: int = 256,
    num_hashes: int = 7,
    sketch: str = "orthogonal",
    r: int = 32,
    seed: int = 0,
    rows: int = 512,
) -> AttentionDiagnostics:
    """Measures what decides between kinds of attention, over a sample of queries.

    With ``A_ij = exp(<q_i, k_j> / sqrt(h))`` and its row sums D, HyperAttention sees the pairs of a
    block of its order exactly and estimates the rest. With q' and k' normalised as LayerNorm does
    (eps 1e-5, no gain, no bias), a sketch estimates ``s^4``, ``s_ij = <q'_i, k'_j> / sqrt(h)``.
    Squares over sampled queries are scaled to all of them. Formed one head at a time, of the size
    ``rows n``; computed in float32, or in float64 if the inputs are.

    Args:
      q: ``[batch, num_queries, num_heads, width]``, the number static.
      k: ``[batch, num_keys, num_heads, width]``, the number static: n.
      block_size: Keys of a block of HyperAttention.
      num_hashes: Its hyperplanes.
      sketch: "orthogonal", "srht" or "gaussian".
      r: The size of the sketch, a multiple of 4.
      seed: Of the sampled queries, the hyperplanes and the sketch.
      rows: The most queries to look at.

    Returns:
      The measurements.

    Raises:
      ValueError: An argument is out of range.

    >>> zeros = tf.zeros([1, 64, 1, 8])
    >>> found = attention_diagnostics(zeros, zeros, block_size=16)
    >>> [round(float(each[0, 0]), 4) for each in (found.alpha, found.kappa)]
    [1.0, 1.0]
    >>> x = tf.random.stateless_normal([1, 512, 1, 64], [1, 2])
    >>> found = attention_diagnostics(x, x, r=32)
    >>> bool(found.sketch_bias[0, 0] > 1.0)  # One sketch, and iid inputs: mostly noise.
    True
    """
    where = "attention_diagnostics"
    for name, value in (("block_size", block_size), ("num_hashes", num_hashes), ("rows", rows)):
        if value < 1:
            raise ValueError(f"`{name}` of `{where}` must be an int >= 1. Got {value}.")
    if sketch not in RANDOM_SKETCHES:
        raise ValueError(
            f"`sketch` of `{where}` must be one of {', '.join(RANDOM_SKETCHES)}. Got {sketch!r}."
        )
    check_size(r, where)
    queries, keys, heads, width = q.shape[1], k.shape[1], q.shape[2], q.shape[3]
    if queries is None or keys is None:
        raise ValueError(
            f"`q` and `k` of `{where}` must have static numbers of tokens. Got {queries} and "
            f"{keys}."
        )
    planes = random_hyperplanes(width, num_hashes, seed)
    matrices = sketch_matrices(sketch, width, r=r, degree=_DEGREE, seed=seed)
    chosen = np.sort(np.random.default_rng(seed).permutation(queries)[:rows])
    q, k = (wide(to_rows(each)) for each in (q, k))
    # [batch * num_heads, tokens]
    block_q, block_k = sorted_blocks(q, k, tf.constant(planes, q.dtype), block_size)
    q, block_q = (tf.gather(each, chosen, axis=1) for each in (q, block_q))

    def of_head(parts: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        q, k, block_q, block_k = parts
        # [rows, num_keys]
        score = tf.matmul(q, k, transpose_b=True) * width**-0.5
        share = tf.reduce_sum(tf.nn.softmax(score) ** 2, axis=0)
        alpha = tf.reduce_max(share) * keys * queries / len(chosen)
        outside = block_q[:, None] != block_k[None]
        covered = tf.reduce_all(~outside)
        # [rows]
        rest = tf.reduce_logsumexp(
            tf.where(outside, score, tf.constant(-np.inf, score.dtype)), axis=1
        )
        kappa = tf.exp(tf.reduce_max(rest) - tf.reduce_min(rest))
        kappa = tf.where(covered, tf.ones_like(kappa), kappa)
        normal_q, normal_k = _normalised(q), _normalised(k)
        exact = power(tf.matmul(normal_q, normal_k, transpose_b=True) * width**-0.5, _DEGREE)
        phi_q, phi_k = (
            sketch_features(x * width**-0.25, matrices, degree=_DEGREE)
            for x in (normal_q, normal_k)
        )
        near = tf.matmul(phi_q, phi_k, transpose_b=True) ** 2
        error = tf.math.divide_no_nan(tf.norm(near - exact), tf.norm(exact))
        total = tf.reduce_sum(exact)
        return alpha, kappa, error, tf.math.divide_no_nan(tf.reduce_sum(near) - total, total)

    found = tf.map_fn(
        of_head, (q, k, block_q, block_k), fn_output_signature=(q.dtype,) * 4, parallel_iterations=1
    )
    return AttentionDiagnostics(*(tf.reshape(each, [-1, heads]) for each in found))


def _normalised(x: tf.Tensor) -> tf.Tensor:
    mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 1e-5)
