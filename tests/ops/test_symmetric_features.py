from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.checks import normal
from tests.reference.attention import self_tensor
from tfgnn_ext.ops.symmetric_features import (
    symmetric_features,
    symmetric_gradient,
    symmetric_size,
    symmetric_weights,
)


@settings(max_examples=20, deadline=None)
@given(r=st.integers(1, 13), seed=st.integers(0, 1000))
def test_weighted_products_are_squares(r: int, seed: int) -> None:
    x, y = normal(2, 3, r, seed=seed)[0], normal(3, r, seed=seed + 1)
    psi_x, psi_y = (symmetric_features(tf.constant(each.T[None]))[0] for each in (x, y))
    assert psi_x.shape == (symmetric_size(r), 3)
    weights = symmetric_weights(r, tf.float64)[:, None]
    found = tf.matmul(psi_x * weights, psi_y, transpose_a=True)
    np.testing.assert_allclose(found, (x @ y.T) ** 2, atol=1e-12)
    np.testing.assert_allclose(found, self_tensor(x) @ self_tensor(y).T, atol=1e-12)


def test_gradient() -> None:
    x, upstream = tf.constant(normal(2, 5, 7, seed=0)), tf.constant(normal(2, 15, 7, seed=1))
    with tf.GradientTape() as tape:
        tape.watch(x)
        weighted = symmetric_features(x) * symmetric_weights(5, tf.float64)[:, None]
        loss = tf.reduce_sum(weighted * upstream)
    np.testing.assert_allclose(
        symmetric_gradient(x, 2 * upstream), tape.gradient(loss, x), atol=1e-12
    )
