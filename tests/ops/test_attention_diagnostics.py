from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.ops.checks import normal
from tests.reference import attention as reference
from tfgnn_ext import ops
from tfgnn_ext.ops.lsh_order import random_hyperplanes


def of_one_head(q: Any, k: Any, **options: Any) -> list[float]:
    inputs = (tf.constant(x, tf.float64, [1, len(x), 1, 1]) for x in (q, k))
    return [float(each[0, 0]) for each in ops.attention_diagnostics(*inputs, **options)]


def test_golden() -> None:
    """Two queries, two keys, blocks of one.

    One hash sorts -1 and 1, and -1 and 2, alike, so that query i is in the block of key i. Scores
    are (1, -1) and (-2, 2): outside lie exp(-1) and exp(-2), a ratio of e. Shares are the logistic
    of 2 and of -4, and what is left: the second key's squares are the greater.
    """
    alpha, kappa, *_ = of_one_head([-1, 2], [-1, 1], block_size=1, num_hashes=1)
    assert kappa == pytest.approx(np.e)
    shares = 1 / (1 + np.exp(2)), 1 / (1 + np.exp(-4))
    assert alpha == pytest.approx(2 * (shares[0] ** 2 + shares[1] ** 2))


def test_kappa_at_its_ends() -> None:
    # One block holds all keys: nothing is left to be sampled, in no row.
    assert of_one_head([1, 2, 3], [4, 5], block_size=3)[1] == 1
    # Three blocks, a key: it lies in the first one, whose queries have nothing outside.
    assert of_one_head([1, 2, 3], [4], block_size=1)[1] == np.inf


def test_alpha_at_its_ends() -> None:
    # All queries see one key alone: n, times the queries; all keys alike: 1.
    assert of_one_head([100, 100, 100], [1, 0])[0] == pytest.approx(6)
    assert of_one_head([0, 0, 0], [1, 0, 7])[0] == pytest.approx(1)


@pytest.mark.parametrize("sketch", ["orthogonal", "srht", "gaussian"])
def test_reference(sketch: str) -> None:
    batch, queries, keys, heads, width = 2, 17, 13, 3, 5
    q, k = normal(batch, queries, heads, width, seed=0), normal(batch, keys, heads, width, seed=1)
    options: dict[str, Any] = {"r": 8, "seed": 3}
    found = ops.attention_diagnostics(
        tf.constant(q), tf.constant(k), block_size=4, num_hashes=3, sketch=sketch, rows=7, **options
    )
    # Which seven queries are looked at is the draw's alone: any seven others give other numbers.
    rows = np.random.default_rng(3).permutation(queries)
    planes = random_hyperplanes(width, 3, 3)
    matrices = ops.sketch_matrices(sketch, width, degree=4, **options)
    for b in range(batch):
        for h in range(heads):
            mine, other = (
                reference.diagnostics(
                    q[b, :, h],
                    k[b, :, h],
                    rows=chosen,
                    hyperplanes=planes,
                    block=4,
                    matrices=matrices,
                )
                for chosen in (rows[:7], rows[-7:])
            )
            got = [float(each[b, h]) for each in found]
            np.testing.assert_allclose(got, mine, rtol=1e-9)
            assert (np.abs(np.array(other) / got - 1) > 1e-3).all()


def test_what_the_numbers_tell() -> None:
    """A few keys that dominate raise alpha; clusters make a sketch worth having."""
    n, width = 512, 64
    random = np.random.default_rng(0)
    centres = random.normal(size=(8, width))

    def measured(*, clustered: bool) -> list[float]:
        noise = random.normal(size=(2, 1, n, 1, width))
        centre = centres[random.integers(0, 8, (2, 1, n, 1))]
        q, k = centre + 0.3 * noise if clustered else noise
        found = ops.attention_diagnostics(*(tf.constant(x, tf.float32) for x in (q, k)), r=64)
        return [float(each[0, 0]) for each in found]

    (alpha, _, error, bias), clusters = measured(clustered=False), measured(clustered=True)
    assert clusters[0] > 2 * alpha > 2
    assert clusters[2] < 0.8 < 2 < error
    assert abs(clusters[3]) < 0.5 < 5 < bias


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sketch": "learned"}, "`sketch` of `attention_diagnostics` must be one of orthogonal"),
        ({"r": 6}, "`r` of `attention_diagnostics` must be a multiple of 4, at least 4. Got 6"),
        ({"rows": 0}, "`rows` of `attention_diagnostics` must be an int >= 1. Got 0"),
        ({"block_size": 0}, "`block_size` of `attention_diagnostics` must be an int >= 1. Got 0"),
        ({"num_hashes": 0}, "`num_hashes` of `attention_diagnostics` must be an int >= 1. Got 0"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ops.attention_diagnostics(tf.ones([1, 2, 1, 4]), tf.ones([1, 3, 1, 4]), **options)
