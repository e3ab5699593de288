"""Attention in plain NumPy, a token at a time, from the formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray


def polynomial(
    q: Array,
    k: Array,
    v: Array,
    *,
    degree: int,
    scale: float,
    offset: float = 1.0,
    causal: bool = False,
    key_mask: Array | None = None,
) -> Array:
    """``sum_j s_ij^p v_j / (c + sum_j s_ij^p)``; q, k, v ``[batch, tokens, heads, width]``."""
    return weighted(
        v,
        lambda b, h, i, j: (scale * q[b, i, h] @ k[b, j, h]) ** degree,
        queries=q.shape[1],
        offset=offset,
        causal=causal,
        key_mask=key_mask,
    )


def softmax(
    q: Array,
    k: Array,
    v: Array,
    *,
    scale: float,
    causal: bool = False,
    key_mask: Array | None = None,
) -> Array:
    return weighted(
        v,
        lambda b, h, i, j: np.exp(scale * q[b, i, h] @ k[b, j, h]),
        queries=q.shape[1],
        offset=0.0,
        causal=causal,
        key_mask=key_mask,
    )


def weighted(
    v: Array,
    weight: Callable[[int, int, int, int], float],
    *,
    queries: int,
    offset: float,
    causal: bool,
    key_mask: Array | None,
) -> Array:
    """Attention by any weight of (batch, head, query, key)."""
    batch, keys, heads, width = v.shape
    out = np.zeros((batch, queries, heads, width))
    for b in range(batch):
        for h in range(heads):
            for i in range(queries):
                total, sums = offset, np.zeros(width)
                for j in range(i + 1 if causal else keys):
                    if key_mask is None or key_mask[b, j]:
                        w = weight(b, h, i, j)
                        total += w
                        sums += w * v[b, j, h]
                if total > 0:
                    out[b, i, h] = sums / total
    return out


def signed_sketch(x: Array, matrices: list[Array], m: int) -> Array:
    """The signed sketch of degree m, consuming matrices as they were drawn."""
    if m == 1:
        return x
    left = signed_sketch(x, matrices, m // 2)
    right = signed_sketch(x, matrices, m // 2)
    g1, g2 = matrices.pop(0), matrices.pop(0)
    return np.sqrt(1 / g1.shape[1]) * (left @ g1) * (right @ g2)


def self_tensor(phi: Array) -> Array:
    """``vec(phi phi^T)``, r^2 entries."""
    return (phi[..., :, None] * phi[..., None, :]).reshape(*phi.shape[:-1], -1)


def gray_ranks(x: Array, hyperplanes: Array) -> Array:
    """The place of each sign pattern in the reflected Gray order, from the order written out."""
    order = [""]
    for _ in range(hyperplanes.shape[1]):
        order = ["0" + code for code in order] + ["1" + code for code in reversed(order)]
    places = {code: place for place, code in enumerate(order)}
    bits = x @ hyperplanes > 0
    # The highest bit, first in a pattern, is the last hyperplane's.
    return np.array([places["".join("01"[int(b)] for b in row[::-1])] for row in bits])


def hyper(
    q: Array,
    k: Array,
    v: Array,
    *,
    hyperplanes: Array,
    block: int,
    draws: Array,
    scale: float,
    key_mask: Array | None = None,
) -> Array:
    """One head ``[tokens, width]``: blocks of the sorted order, and uniform samples.

    `draws` are uniform numbers: sample ``floor(u n_real)`` of the sorted real keys.
    """
    real = np.ones(len(k), bool) if key_mask is None else key_mask
    blocks = -(-max(len(q), len(k)) // block)
    size_q, size_k = -(-len(q) // blocks), -(-len(k) // blocks)
    rank_k = np.where(real, gray_ranks(k, hyperplanes), 10**6)
    order_q = np.argsort(gray_ranks(q, hyperplanes), kind="stable")
    order_k = np.argsort(rank_k, kind="stable")
    n_real = int(real.sum())
    samples = [int(u * n_real) for u in draws]
    out = np.zeros((len(q), v.shape[1]))
    for place, i in enumerate(order_q):
        mine = place // size_q
        total, sums = 0.0, np.zeros(v.shape[1])
        for at in range(mine * size_k, min((mine + 1) * size_k, len(k))):
            j = order_k[at]
            if real[j]:
                w = np.exp(scale * q[i] @ k[j])
                total, sums = total + w, sums + w * v[j]
        for at in samples:
            if at // size_k != mine:
                j = order_k[at]
                w = np.exp(scale * q[i] @ k[j]) * n_real / len(draws)
                total, sums = total + w, sums + w * v[j]
        if total:
            out[i] = sums / total
    return out


def diagnostics(
    q: Array,
    k: Array,
    *,
    rows: Array,
    hyperplanes: Array,
    block: int,
    matrices: list[Array],
) -> tuple[float, float, float, float]:
    """alpha, kappa, error and bias of one head ``[tokens, width]``, from queries `rows`."""
    width = k.shape[1]
    blocks = -(-max(len(q), len(k)) // block)
    in_order = [np.argsort(gray_ranks(x, hyperplanes), kind="stable") for x in (q, k)]
    block_q, block_k = (np.argsort(order) // -(-len(order) // blocks) for order in in_order)
    squares, rests = np.zeros(len(k)), []
    for i in rows:
        weight = np.exp(k @ q[i] * width**-0.5)
        squares += (weight / weight.sum()) ** 2
        rests.append(weight[block_k != block_q[i]].sum())
    alpha = len(k) * squares.max() * len(q) / len(rows)
    kappa = 1.0
    if any(rests):
        kappa = max(rests) / min(rests) if min(rests) > 0 else np.inf

    def normal(x: Array) -> Array:
        centred = x - x.mean(axis=1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)

    q, k = normal(q[rows]), normal(k)
    exact = (q @ k.T * width**-0.5) ** 4
    phi_q, phi_k = (signed_sketch(width**-0.25 * x, list(matrices), 2) for x in (q, k))
    near = (phi_q @ phi_k.T) ** 2
    error = np.sqrt(((near - exact) ** 2).sum() / (exact**2).sum())
    return alpha, kappa, error, near.sum() / exact.sum() - 1
