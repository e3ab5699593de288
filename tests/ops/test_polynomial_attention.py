"""Polynomial attention, exact and sketched, against loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.ops.checks import check, normal
from tests.reference import attention as reference
from tfgnn_ext import ops
from tfgnn_ext.ops.squared_attention import squared_attention

BATCH, HEADS, WIDTH, VALUE, QUERIES, KEYS = 2, 3, 4, 5, 7, 11


def inputs(*, queries: int = QUERIES, keys: int = KEYS) -> list[np.ndarray]:
    return [
        normal(BATCH, queries, HEADS, WIDTH, seed=0),
        normal(BATCH, keys, HEADS, WIDTH, seed=1),
        normal(BATCH, keys, HEADS, VALUE, seed=2),
    ]


def mask() -> np.ndarray:
    present = np.random.default_rng(3).random((BATCH, KEYS)) < 0.6
    present[1] = False  # A sequence without a key.
    return present


def test_golden() -> None:
    # Scores 1*3=3 and 1*1=1, squared 9 and 1: (9*2 + 1*30) / (1 + 10) = 48/11.
    q = tf.constant(1.0, shape=[1, 1, 1, 1])
    k = tf.reshape(tf.constant([3.0, 1.0]), [1, 2, 1, 1])
    v = tf.reshape(tf.constant([2.0, 30.0]), [1, 2, 1, 1])
    for function in (
        lambda: ops.polynomial_attention(q, k, v, degree=2, scale=1.0),
        lambda: ops.polysketch_attention(q, k, v, sketch="exact2", scale=1.0),
    ):
        assert function().numpy().item() == pytest.approx(48 / 11)


@pytest.mark.parametrize(("degree", "causal"), [(2, False), (4, True), (8, False)])
def test_exact(degree: int, causal: bool) -> None:
    arrays = inputs(queries=KEYS)
    present = mask()
    check(
        lambda q, k, v: ops.polynomial_attention(
            q, k, v, degree=degree, scale=0.4, causal=causal, key_mask=tf.constant(present)
        ),
        lambda q, k, v: reference.polynomial(
            q, k, v, degree=degree, scale=0.4, causal=causal, key_mask=present
        ),
        arrays,
    )


@pytest.mark.parametrize("causal", [False, True])
def test_exact_in_tiles(causal: bool) -> None:
    from tfgnn_ext.ops.heads import from_rows, to_rows
    from tfgnn_ext.ops.tiled_attention import tiled_attention

    def tiled(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, degree: int | None) -> tf.Tensor:
        rows = [to_rows(each) for each in (q, k, v)]
        ones = tf.ones(rows[1].shape[:2], q.dtype)
        return from_rows(
            tiled_attention(*rows, ones, scale=0.4, degree=degree, causal=causal, block=3)[0], HEADS
        )

    # Tiles are handled alike whatever the weights: each kind in one of the two directions.
    if causal:
        check(
            lambda q, k, v: tiled(q, k, v, None),
            lambda q, k, v: reference.softmax(q, k, v, scale=0.4, causal=True),
            inputs(queries=KEYS),
        )
    else:
        check(
            lambda q, k, v: tiled(q, k, v, 4),
            lambda q, k, v: reference.polynomial(q, k, v, degree=4, scale=0.4),
            inputs(queries=KEYS),
        )


def test_what_is_not_seen_may_score_high() -> None:
    """exp of a hidden score is infinite, and times 0 no number: gradients are those without it."""
    q, k, v = (tf.constant(x, tf.float32) for x in inputs(queries=KEYS))
    rows = tf.concat([k[:, :-1], 1e4 * q[:, -1:]], axis=1)
    hidden = tf.constant([[True] * (KEYS - 1) + [False]] * BATCH)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(q)
        causal = ops.softmax_attention(q, rows, v, causal=True)[:, :-1]
        masked = ops.softmax_attention(q, rows, v, key_mask=hidden)
        fewer = ops.softmax_attention(q, k[:, :-1], v[:, :-1])
    expected = tape.gradient(fewer, q)
    np.testing.assert_allclose(tape.gradient(masked, q), expected, atol=1e-6)
    assert np.isfinite(tape.gradient(causal, q)).all()


def sketched(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, *, matrices: Any, degree: int, **options: Any
) -> np.ndarray:
    """The dense reference: psi of r^2 entries."""
    beta = WIDTH**-0.5
    psi = [
        reference.self_tensor(
            reference.signed_sketch(np.sqrt(beta) * each, list(matrices), degree // 2)
        )
        for each in (q, k)
    ]
    return reference.polynomial(*psi, v, degree=1, scale=1.0, **options)


@pytest.mark.parametrize(
    ("sketch", "degree"),
    # One of each sketch, and of each degree.
    [("orthogonal", 4), ("srht", 4), ("gaussian", 8), ("exact2", 2), ("srht", 2)],
)
def test_sketches(sketch: Any, degree: int) -> None:
    matrices = [] if degree == 2 else ops.sketch_matrices(sketch, WIDTH, r=8, degree=degree, seed=5)
    present = mask()
    check(
        lambda q, k, v: ops.polysketch_attention(
            q, k, v, sketch=sketch, degree=degree, r=8, seed=5, key_mask=tf.constant(present)
        ),
        lambda q, k, v: sketched(q, k, v, matrices=matrices, degree=degree, key_mask=present),
        inputs(),
    )


@pytest.mark.parametrize("local_exact", [False, True])
def test_causal_states(local_exact: bool) -> None:
    matrices = ops.sketch_matrices("orthogonal", WIDTH, r=4, degree=4, seed=0)
    present, block = mask(), 3

    def expected(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
        beta = WIDTH**-0.5
        phi = [reference.signed_sketch(np.sqrt(beta) * each, list(matrices), 2) for each in (q, k)]

        def weight(b: int, h: int, i: int, j: int) -> float:
            if local_exact and i // block == j // block:
                return float(beta * q[b, i, h] @ k[b, j, h]) ** 4
            return float(phi[0][b, i, h] @ phi[1][b, j, h]) ** 2

        return reference.weighted(
            v, weight, queries=KEYS, offset=0.7, causal=True, key_mask=present
        )

    check(
        lambda q, k, v: ops.polysketch_attention(
            q,
            k,
            v,
            r=4,
            causal=True,
            local_exact=local_exact,
            block_size=block,
            offset=0.7,
            key_mask=tf.constant(present),
        ),
        expected,
        inputs(queries=KEYS),
    )


def test_features_in_blocks() -> None:
    """The linear-time kernel itself, which short sequences do not reach."""
    x, y, v = normal(2, 4, 7, seed=0), normal(2, 4, 11, seed=1), normal(2, 11, 5, seed=2)

    def expected(x: np.ndarray, y: np.ndarray, v: np.ndarray) -> np.ndarray:
        rows = [each.transpose(0, 2, 1)[:, :, None] for each in (x, y)]
        return reference.polynomial(*rows, v[:, :, None], degree=2, scale=1.0)[:, :, 0]

    check(lambda x, y, v: squared_attention(x, y, v, block=3)[0], expected, [x, y, v])
    # Its denominator has a gradient too.
    with tf.GradientTape() as tape:
        inputs = [tf.constant(each) for each in (x, y, v)]
        tape.watch(inputs)
        totals = squared_attention(*inputs, block=3)[1]
    products = np.einsum("brq,brk->bqk", x, y)
    np.testing.assert_allclose(totals, 1 + (products**2).sum(axis=2), atol=1e-12)
    for_x, for_y, _ = tape.gradient(totals, inputs)
    np.testing.assert_allclose(for_x, 2 * np.einsum("bqk,brk->brq", products, y), atol=1e-12)
    np.testing.assert_allclose(for_y, 2 * np.einsum("bqk,brq->brk", products, x), atol=1e-12)


def test_short_and_long_agree() -> None:
    """A switch of formulation at `crossover` keys never changes a result."""
    from tfgnn_ext.ops.polysketch_attention import crossover

    keys = crossover(4) + 1
    x = tf.constant(normal(1, keys, 2, 4, seed=0))
    v = tf.constant(normal(1, keys, 2, 3, seed=1))
    long = ops.polysketch_attention(x, x, v, sketch="learned", features=(x, x))
    mask = tf.constant([[True] * (keys - 1) + [False]])
    short = ops.polysketch_attention(
        x[:, :-1], x[:, :-1], v[:, :-1], sketch="learned", features=(x[:, :-1], x[:, :-1])
    )
    masked = ops.polysketch_attention(
        x, x, v, sketch="learned", features=(x, x), key_mask=mask, query_mask=mask
    )
    np.testing.assert_allclose(masked[:, :-1], short, atol=1e-12)
    assert not masked[:, -1].numpy().any()
    assert np.abs(long[:, :-1] - short).max() > 1e-3


@pytest.mark.parametrize("causal", [False, True])
def test_nothing_leaks(causal: bool) -> None:
    """Masked keys may hold anything; a causal query knows nothing of what follows."""
    q, k, v = (tf.constant(each) for each in inputs(queries=KEYS))
    here = tf.constant([[True] * 8 + [False] * 3] * BATCH)
    nan = tf.where(here[:, :, None, None], v, np.nan)
    for function in (
        lambda v, mask: ops.polynomial_attention(q, k, v, causal=causal, key_mask=mask),
        lambda v, mask: ops.softmax_attention(q, k, v, causal=causal, key_mask=mask),
        lambda v, mask: ops.polysketch_attention(
            q, k, v, r=4, causal=causal, block_size=2, key_mask=mask
        ),
        lambda v, mask: ops.hyper_attention(
            q, k, v, causal=causal, min_seq_len=4, block_size=2, num_samples=3, key_mask=mask
        ),
    ):
        assert np.isfinite(function(nan, here)).all()
        if causal:
            changed = tf.concat([v[:, :8], v[:, 8:] + 1], axis=1)
            one, other = function(v, None), function(changed, None)
            np.testing.assert_allclose(one[:, :8], other[:, :8], atol=1e-12)
            assert np.abs(one - other)[:, 8:].max() > 0.01


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_half_precision_does_not_overflow(dtype: tf.DType) -> None:
    # Normalised vectors of width 64: a score of 8 to the power 8 is beyond float16.
    x = tf.math.l2_normalize(tf.constant(normal(1, 40, 2, 64, seed=0), tf.float32), axis=-1) * 8
    q = tf.cast(x, dtype)
    for function in (
        lambda x: ops.polynomial_attention(x, x, x, degree=8),
        lambda x: ops.polysketch_attention(x, x, x, degree=8, r=16, causal=True, block_size=8),
        lambda x: ops.hyper_attention(x, x, x, min_seq_len=8, block_size=8),
    ):
        found = function(q)
        assert found.dtype == dtype
        exact = function(tf.cast(q, tf.float32))
        np.testing.assert_allclose(tf.cast(found, tf.float32), exact, atol=0.05, rtol=0.02)


def test_decoding_goes_on_as_the_sequence() -> None:
    from tfgnn_ext.ops.polysketch_decoding import decode, start_decoding

    tokens, block = 10, 4
    phi = tf.constant(normal(1, tokens, 2, 4, seed=0))
    k, v = (
        tf.constant(normal(1, tokens, 2, 3, seed=1)),
        tf.constant(normal(1, tokens, 2, 5, seed=2)),
    )
    whole = ops.polysketch_attention(
        k,
        k,
        v,
        sketch="learned",
        features=(phi, phi),
        causal=True,
        local_exact=True,
        block_size=block,
    )
    state = start_decoding(2, r=4, width=3, d=5, block=block, dtype=tf.float64)
    shapes = [each.shape for each in state]
    for token in range(tokens):
        outputs, state = decode(
            state,
            phi[0, token],
            phi[0, token],
            v[0, token],
            local=(k[0, token], k[0, token]),
            degree=4,
            scale=3**-0.5,
            offset=1.0,
        )
        np.testing.assert_allclose(outputs, whole[0, token], atol=1e-12)
    assert [each.shape for each in state] == shapes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sketch": "random"}, "`sketch` of `polysketch_attention` must be one of learned"),
        ({"sketch": "exact2", "degree": 4}, "`degree` .* must be 2 for the sketch 'exact2'. Got 4"),
        ({"degree": 3}, "`degree` .* must be 2, 4 or 8. Got 3"),
        ({"r": 6}, "`r` .* must be a multiple of 4, at least 4. Got 6"),
        ({"offset": 0.0}, "`offset` .* must be > 0. Got 0.0"),
        ({"sketch": "learned"}, "`features` .* must be given for the sketch 'learned'"),
        ({"local_exact": True}, "`local_exact` .* must be False without `causal`"),
        ({"causal": True}, "`causal` .* must be False unless queries and keys are equally many"),
        ({"block_size": 0}, "`block_size` .* must be an int >= 1. Got 0"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    q, k, v = (tf.constant(each) for each in inputs())
    with pytest.raises(ValueError, match=message):
        ops.polysketch_attention(q, k, v, **options)
