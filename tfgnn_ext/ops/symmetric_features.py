"""The distinct entries of ``vec(x x^T)``: features whose inner product is a squared one.

``<vec(x x^T), vec(y y^T)> = <x, y>^2``. Of the r^2 entries only ``r (r + 1) / 2`` are distinct, so
the same number comes from the upper triangle with off-diagonal entries counted twice:
``<x, y>^2 = sum_f w_f x_f y_f`` with `symmetric_weights` w. Everything here is feature-major: the
features of all tokens lie side by side, so that each is one product of two contiguous rows. A
gather of rows is then the fastest way to form them that was found, in and out of XLA: under XLA it
is fused into the product and costs nothing beside the matrix product that follows.
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf


@functools.cache
def _triangle(r: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and column of each feature, and the feature of each row and column."""
    rows, columns = (index.astype(np.int32) for index in np.triu_indices(r))
    features = np.zeros((r, r), np.int32)
    features[rows, columns] = features[columns, rows] = np.arange(len(rows))
    return rows, columns, features


def symmetric_size(r: int) -> int:
    """The number of features, ``r (r + 1) / 2``.

    >>> symmetric_size(32)
    528
    """
    return r * (r + 1) // 2


def symmetric_weights(r: int, dtype: tf.DType) -> tf.Tensor:
    """The weight of each feature: 1 on the diagonal, 2 off it.

    >>> symmetric_weights(2, tf.float32).numpy().tolist()
    [1.0, 2.0, 1.0]
    """
    rows, columns, _ = _triangle(r)
    return tf.constant(np.where(rows == columns, 1.0, 2.0), dtype)


def symmetric_features(x: tf.Tensor) -> tf.Tensor:
    """The upper triangle of ``x x^T``, for each token.

    Args:
      x: ``[batch, r, num_tokens]``, r static.

    Returns:
      ``[batch, r (r + 1) / 2, num_tokens]``.

    >>> symmetric_features(tf.constant([[[2.0], [3.0]]])).numpy().ravel().tolist()
    [4.0, 6.0, 9.0]
    """
    rows, columns, _ = _triangle(x.shape[1])
    return tf.gather(x, rows, axis=1) * tf.gather(x, columns, axis=1)


def symmetric_gradient(x: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
    """The gradient for x of ``sum_f w_f half_f x_f / 2``: ``sum_b half_ab x_b``.

    Diagonal features count as ``2 x_a``, off-diagonal ones are met twice: with the factor 2 in
    `half`, both are one product.

    Args:
      x: ``[batch, r, num_tokens]``.
      half: ``[batch, r (r + 1) / 2, num_tokens]``: twice the gradient for the features, before
        their weights.

    Returns:
      ``[batch, r, num_tokens]``.

    >>> x, half = tf.constant([[[2.0], [3.0]]]), tf.constant([[[1.0], [10.0], [100.0]]])
    >>> symmetric_gradient(x, half).numpy().ravel().tolist()
    [32.0, 320.0]
    """
    r = x.shape[1]
    _, _, features = _triangle(r)
    # A term a row of x: under XLA one fused loop, without the [r, r, num_tokens] square.
    terms = [tf.gather(half, features[:, b], axis=1) * x[:, b : b + 1] for b in range(r)]
    return tf.add_n(terms)
