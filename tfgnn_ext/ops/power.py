"""Small integer powers by multiplication."""

from __future__ import annotations

import tensorflow as tf


def power(x: tf.Tensor, degree: int) -> tf.Tensor:
    """``x ** degree``, many times faster than the general power outside XLA.

    Args:
      x: Any shape.
      degree: At least 1.

    Returns:
      Of the shape of `x`.

    >>> power(tf.constant([2.0, -3.0]), 7).numpy().tolist()
    [128.0, -2187.0]
    """
    result = x if degree % 2 else None
    while degree > 1:
        degree //= 2
        x = x * x
        if degree % 2:
            result = x if result is None else result * x
    return result
