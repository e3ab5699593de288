"""Initial kernels that differ from each other and depend on one seed."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class GlorotSequence:
    """Glorot-uniform kernels, each call the next of a sequence keyed by `seed`.

    TF-GNN clones an `Initializer` for every kernel of a layer: with a seed, kernels of one shape
    would all start equal, without one they depend on global state. It passes other callables
    through as they are, such as this.

    Args:
      seed: Of the sequence.

    >>> draw = GlorotSequence(7)
    >>> first, second = draw([2, 2]), draw([2, 2])
    >>> again = GlorotSequence(7)([2, 2])
    >>> bool(tf.reduce_any(first == second)), bool(tf.reduce_all(first == again))
    (False, True)
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._calls = 0

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> tf.Tensor:
        """Draws the next kernel, of `shape`."""
        initializer = tf.keras.initializers.GlorotUniform(_mixed(self.seed, self._calls))
        self._calls += 1
        return initializer(shape, dtype=dtype, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The seed."""
        return {"seed": self.seed}


def _mixed(seed: int, index: int) -> int:
    """A seed for each entry of a sequence, far from those of neighbouring sequences."""
    # The finaliser of splitmix64.
    value = (seed * 0x9E3779B97F4A7C15 + index + 1) % 2**64
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
    return (value ^ (value >> 31)) % 2**31
