"""PolySketchFormer: polynomial attention in linear time, through sketched features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import tensorflow as tf

from tfgnn_ext.ops.causal_squared_attention import causal_squared_attention
from tfgnn_ext.ops.heads import from_rows, to_features, to_rows, wide
from tfgnn_ext.ops.polynomial_attention import masked_queries, present_keys
from tfgnn_ext.ops.row_blocks import length_of
from tfgnn_ext.ops.sketch import (
    DEGREES,
    RANDOM_SKETCHES,
    check_size,
    sketch_features,
    sketch_matrices,
)
from tfgnn_ext.ops.squared_attention import squared_attention
from tfgnn_ext.ops.symmetric_features import symmetric_size
from tfgnn_ext.ops.tiled_attention import tiled_attention

Sketch = Literal["learned", "orthogonal", "srht", "gaussian", "exact2"]
SKETCHES = ("learned", *RANDOM_SKETCHES, "exact2")
# Keys a feature up to which weights are formed rather than features: a matter of speed alone.
CROSSOVER = 1.2


def crossover(r: int) -> int:
    """The most keys for which forming weights is faster than forming ``r (r + 1) / 2`` features.

    >>> crossover(32)
    633
    """
    return int(CROSSOVER * symmetric_size(r))


def check_sketch(sketch: str, degree: int | None, where: str) -> int:
    """The degree of a sketch; refuses what does not go together."""
    if sketch not in SKETCHES:
        raise ValueError(
            f"`sketch` of `{where}` must be one of {', '.join(SKETCHES)}. Got {sketch!r}."
        )
    if sketch == "exact2" and degree not in (None, 2):
        raise ValueError(f"`degree` of `{where}` must be 2 for the sketch 'exact2'. Got {degree}.")
    if degree is None:
        return 2 if sketch == "exact2" else 4
    if degree not in DEGREES:
        raise ValueError(f"`degree` of `{where}` must be 2, 4 or 8. Got {degree}.")
    return degree


@tf.autograph.experimental.do_not_convert
def polysketch_attention(
    q: tf.Tensor,
    k: tf.Tensor,
    v: tf.Tensor,
    *,
    sketch: Sketch = "orthogonal",
    degree: int | None = None,
    r: int = 32,
    features: tuple[tf.Tensor, tf.Tensor] | None = None,
    matrices: Sequence[tf.Tensor] | None = None,
    seed: int = 0,
    scale: float | None = None,
    offset: float = 1.0,
    causal: bool = False,
    local_exact: bool = False,
    block_size: int = 512,
    query_mask: tf.Tensor | None = None,
    key_mask: tf.Tensor | None = None,
) -> tf.Tensor:
    """Attention with weights ``<phi(q_i), phi(k_j)>^2``, linear in the number of tokens.

    ``out_i = sum_j a_ij v_j / (c + sum_j a_ij)``. With a random sketch of degree p, a_ij estimates
    ``(beta <q_i, k_j>)^p``, with an error relative to ``beta^p |q_i|^p |k_j|^p``; it is biased up
    for p > 2. "exact2" and degree 2 sketch nothing: ``phi(q) =
    beta^1/2 q`` gives exact degree 2 attention. With "learned", or any other sketch, phi(q) and
    phi(k) may be given as `features`.

    Queries and keys come normalised, as for `polynomial_attention`. Computed in float32, or in
    float64 if the inputs are.

    Args:
      q: ``[batch, num_queries, num_heads, width]``.
      k: ``[batch, num_keys, num_heads, width]``.
      v: ``[batch, num_keys, num_heads, d]``.
      sketch: "learned" (needs `features`), "orthogonal", "srht", "gaussian" or "exact2".
      degree: p: 2, 4 or 8; None: 2 for "exact2", else 4. With "learned", of local blocks alone.
      r: The size of a random sketch, a multiple of 4.
      features: phi(q) and phi(k), ``[batch, num_tokens, num_heads, r]``, in place of a sketch.
      matrices: Those of `sketch_matrices` in place of those that `seed` draws.
      seed: Of the random sketch.
      scale: beta; None: ``width^-1/2``.
      offset: c > 0.
      causal: Whether query i meets keys up to i only; queries and keys are then equally many.
      local_exact: Whether weights are exact, of degree p, inside the query's own block of
        `block_size` tokens; with `causal` only.
      block_size: Tokens of a block, with `causal`.
      query_mask: bool ``[batch, num_queries]``; outputs of masked queries are 0.
      key_mask: bool ``[batch, num_keys]``.

    Returns:
      ``[batch, num_queries, num_heads, d]`` in the dtype of `v`.

    Raises:
      ValueError: An argument is out of range, or two do not go together.

    >>> from tfgnn_ext.ops import polynomial_attention
    >>> q = tf.random.stateless_normal([1, 6, 2, 4], [1, 2])
    >>> sketched = polysketch_attention(q, q, q, sketch="exact2")
    >>> exact = polynomial_attention(q, q, q, degree=2)
    >>> bool(tf.reduce_max(abs(sketched - exact)) < 1e-6)
    True

    References:
      Kacham, Mirrokni, Zhong, "PolySketchFormer: Fast Transformers via Sketching Polynomial
      Kernels", ICML 2024.
    """
    where = "polysketch_attention"
    degree = check_sketch(sketch, degree, where)
    if offset <= 0:
        raise ValueError(f"`offset` of `{where}` must be > 0. Got {offset}.")
    if block_size < 1:
        raise ValueError(f"`block_size` of `{where}` must be an int >= 1. Got {block_size}.")
    if local_exact and not causal:
        raise ValueError(f"`local_exact` of `{where}` must be False without `causal`. Got True.")
    if causal and q.shape[1] != k.shape[1]:
        raise ValueError(
            f"`causal` of `{where}` must be False unless queries and keys are equally many. Got "
            f"{q.shape[1]} and {k.shape[1]}."
        )
    if sketch == "learned" and features is None:
        raise ValueError(
            f"`features` of `{where}` must be given for the sketch 'learned'. Got None."
        )
    heads, dtype = q.shape[2], v.dtype
    beta = q.shape[3] ** -0.5 if scale is None else scale
    if features is None:
        features = random_features(
            (q, k), sketch=sketch, degree=degree, r=r, scale=beta, matrices=matrices, seed=seed
        )
    outputs = attend_by_features(
        *features,
        v,
        local=(q, k) if local_exact else None,
        degree=degree,
        scale=beta,
        offset=offset,
        causal=causal,
        block_size=block_size,
        key_mask=key_mask,
    )
    return tf.cast(masked_queries(from_rows(outputs, heads), query_mask), dtype)


def random_features(
    inputs: Sequence[tf.Tensor],
    *,
    sketch: str,
    degree: int,
    r: int,
    scale: float,
    matrices: Sequence[tf.Tensor] | None,
    seed: int,
) -> tuple[tf.Tensor, ...]:
    """Phi of queries and keys ``[..., width]``: the sketch of ``scale^1/2 x``."""
    if sketch != "exact2" and degree > 2:
        check_size(r, "polysketch_attention")
    if matrices is None:
        width = inputs[0].shape[-1]
        kind = "gaussian" if sketch == "exact2" else sketch
        matrices = sketch_matrices(kind, width, r=r, degree=degree, seed=seed) if degree > 2 else []
    return tuple(sketch_features(x * scale**0.5, matrices, degree=degree) for x in inputs)


def attend_by_features(
    x: tf.Tensor,
    y: tf.Tensor,
    v: tf.Tensor,
    *,
    local: tuple[tf.Tensor, tf.Tensor] | None,
    degree: int,
    scale: float,
    offset: float,
    causal: bool,
    block_size: int,
    key_mask: tf.Tensor | None,
) -> tf.Tensor:
    """Attention by given features ``[batch, num_tokens, num_heads, r]``, to rows."""
    heads = v.shape[2]
    rows_v = wide(to_rows(v))
    present = present_keys(rows_v, key_mask, heads)
    if key_mask is not None:
        rows_v = tf.where(present[:, :, None] > 0, rows_v, tf.zeros_like(rows_v))
    r, keys = x.shape[3], length_of(v, 1)
    least = block_size if causal else crossover(r)
    if isinstance(keys, int) and keys <= least:
        q, k = (x, y) if local is None else local
        rows_q, rows_k = (wide(to_rows(each)) for each in (q, k))
        outputs, _ = tiled_attention(
            rows_q,
            rows_k,
            rows_v,
            present,
            scale=1.0 if local is None else scale,
            degree=2 if local is None else degree,
            offset=offset,
            causal=causal,
        )
        return outputs
    rows_x, rows_y = (wide(to_features(each)) for each in (x, y))
    if key_mask is not None:
        rows_y = tf.where(present[:, None] > 0, rows_y, tf.zeros_like(rows_y))
    if not causal:
        return squared_attention(rows_x, rows_y, rows_v, offset=offset)[0]
    return causal_squared_attention(
        rows_x,
        rows_y,
        rows_v,
        present,
        local=None if local is None else tuple(wide(to_features(each)) for each in local),
        degree=degree,
        scale=scale,
        offset=offset,
        block=block_size,
    )
