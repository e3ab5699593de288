from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.ops.checks import check, normal
from tests.reference import attention as reference
from tfgnn_ext import ops
from tfgnn_ext.ops.lsh_order import gray_rank, random_hyperplanes, stable_order

WIDTH, VALUE, HASHES, BLOCK, SAMPLES = 5, 3, 4, 4, 6
OPTIONS: dict[str, Any] = {
    "num_hashes": HASHES,
    "block_size": BLOCK,
    "num_samples": SAMPLES,
    "min_seq_len": 0,
    "seed": 7,
}


def test_neighbours_in_gray_order_differ_by_one_hyperplane() -> None:
    x = normal(500, WIDTH, seed=0)
    planes = random_hyperplanes(WIDTH, HASHES, 1)
    ranks = gray_rank(tf.constant(x), tf.constant(planes)).numpy()
    np.testing.assert_array_equal(ranks, reference.gray_ranks(x, planes))
    signs = {rank: x[i] @ planes > 0 for i, rank in enumerate(ranks)}
    pairs = [(rank, rank + 1) for rank in signs if rank + 1 in signs]
    assert len(pairs) > 8
    assert all((signs[a] != signs[b]).sum() == 1 for a, b in pairs)


def test_order_is_stable() -> None:
    ranks = np.random.default_rng(0).integers(0, 4, (3, 50))
    order, inverse = stable_order(tf.constant(ranks, tf.int32), below=4)
    np.testing.assert_array_equal(order, np.argsort(ranks, axis=1, kind="stable"))
    np.testing.assert_array_equal(inverse, np.argsort(order, axis=1))


@pytest.mark.parametrize("masked", [False, True])
def test_reference(masked: bool) -> None:
    queries, keys, heads = 9, 13, 2
    mask = np.random.default_rng(5).random((1, keys)) < (0.7 if masked else 2)
    planes = random_hyperplanes(WIDTH, HASHES, 7)
    draws = tf.random.stateless_uniform([1, heads, SAMPLES], [7, 2], alg="philox").numpy()[0]

    def expected(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
        found = [
            reference.hyper(
                q[0, :, h],
                k[0, :, h],
                v[0, :, h],
                hyperplanes=planes,
                block=BLOCK,
                draws=draws[h],
                scale=WIDTH**-0.5,
                key_mask=mask[0],
            )
            for h in range(heads)
        ]
        return np.stack(found, axis=1)[None]

    check(
        lambda q, k, v: ops.hyper_attention(q, k, v, **OPTIONS, key_mask=tf.constant(mask)),
        expected,
        [
            normal(1, queries, heads, WIDTH, seed=1),
            normal(1, keys, heads, WIDTH, seed=2),
            normal(1, keys, heads, VALUE, seed=3),
        ],
    )


@pytest.mark.parametrize("causal", [False, True])
def test_exact_where_short(causal: bool) -> None:
    x = normal(2, 11, 3, WIDTH, seed=0)
    check(
        lambda q, k, v: ops.hyper_attention(q, k, v, causal=causal),
        lambda q, k, v: reference.softmax(q, k, v, scale=WIDTH**-0.5, causal=causal),
        [x, x + 0.1, normal(2, 11, 3, VALUE, seed=1)],
    )


def test_blocks_that_cover_everything_are_exact() -> None:
    """Causal recursion down to single tokens: with one block a half, its merges are exact."""
    x, v = tf.constant(normal(1, 13, 2, WIDTH, seed=0)), tf.constant(normal(1, 13, 2, 3, seed=1))
    found = ops.hyper_attention(x, x, v, causal=True, min_seq_len=2, block_size=16)
    np.testing.assert_allclose(found, ops.softmax_attention(x, x, v, causal=True), atol=1e-12)


def unnormalised(seed: int, sampling: str, data: tuple[tf.Tensor, ...]) -> np.ndarray:
    """Numerator and denominator of each query, in original order: ``[queries, d + 1]``."""
    from tfgnn_ext.ops.hyper_attention import _HyperAttention

    q, k, v = data
    attention = _HyperAttention(
        scale=WIDTH**-0.5,
        hyperplanes=tf.constant(random_hyperplanes(WIDTH, HASHES, 7)),
        block_size=BLOCK,
        num_samples=8,
        sampling=sampling,
        min_seq_len=0,
        seed=seed,
    )
    outputs, total = attention.full(q, k, v, tf.ones(k.shape[:2], k.dtype))
    mass = np.exp(total)[..., None]
    return np.concatenate([outputs * mass, mass], axis=-1)


@pytest.mark.parametrize("sampling", ["uniform", "v_norm"])
def test_unbiased(sampling: str) -> None:
    """Means over draws lie within 4.5 standard errors; those of a rest left out do not."""
    tokens, copies = 24, 4000
    # Draws are independent between the rows of a batch.
    q, k, v = (
        tf.repeat(tf.constant(normal(1, tokens, w, seed=s)), copies, axis=0)
        for s, w in ((1, WIDTH), (2, WIDTH), (3, VALUE))
    )
    found = unnormalised(3, sampling, (q, k, v))
    weight = np.exp(np.einsum("qw,kw->qk", q[0], k[0]) * WIDTH**-0.5)
    exact = np.concatenate([weight @ v[0].numpy(), weight.sum(axis=1, keepdims=True)], axis=1)
    error = found.std(axis=0) / np.sqrt(copies)
    assert (np.abs(found.mean(axis=0) - exact) < 4.5 * error + 1e-9).all()
    # The control: counting samples of the query's own block twice would add its share.
    wrong = found.mean(axis=0)[:, -1] * (1 + BLOCK / tokens)
    assert (np.abs(wrong - exact[:, -1]) > 4.5 * error[:, -1]).all()


@pytest.mark.parametrize("samples", [64, 256])
def test_error_law(samples: int) -> None:
    """On iid inputs and zero-mean values the error is ``sqrt((n / m) (1 - b / n))``."""
    n, width, block = 4096, 64, 256
    errors = []
    for seed in range(4):
        q, k, v = (
            tf.constant(normal(1, n, 1, width, seed=10 * seed + s), tf.float32) for s in range(3)
        )
        exact = ops.softmax_attention(q, k, v)
        near = ops.hyper_attention(
            q, k, v, block_size=block, num_samples=samples, min_seq_len=0, seed=seed
        )
        errors.append(float(tf.norm(near - exact) / tf.norm(exact)))
    law = np.sqrt(n / samples * (1 - block / n))
    assert abs(np.mean(errors) / law - 1) < 0.1, (errors, law)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_hashes": 0}, "`num_hashes` of `hyper_attention` must be an int >= 1. Got 0"),
        ({"num_hashes": 21}, "`num_hashes` .* must be <= 20"),
        ({"block_size": 0}, "`block_size` .* must be an int >= 1"),
        ({"num_samples": 0}, "`num_samples` .* must be an int >= 1"),
        ({"sampling": "best"}, "`sampling` .* must be one of uniform, v_norm. Got 'best'"),
        ({"causal": True}, "`causal` .* must be False unless"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    q, k = tf.ones([1, 4, 1, 2]), tf.ones([1, 5, 1, 2])
    with pytest.raises(ValueError, match=message):
        ops.hyper_attention(q, k, k, **options)
