"""What every attention function is put through: modes, gradients, precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

Function = Callable[..., tf.Tensor]


def normal(*shape: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def outputs_and_gradients(function: Function, arrays: Sequence[np.ndarray], dtype: Any) -> Any:
    """The output, and the gradients of ``sum(sin(index) output)``."""
    inputs = [tf.cast(array, dtype) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = function(*inputs)
        flat = tf.reshape(outputs, [-1])
        loss = tf.reduce_sum(flat * tf.sin(tf.cast(tf.range(tf.size(flat)), flat.dtype)))
    return [outputs, *tape.gradient(loss, inputs)]


def check(
    function: Function,
    reference: Callable[..., np.ndarray],
    arrays: Sequence[np.ndarray],
    *,
    directions: int = 3,
) -> None:
    """Equal to the reference, in every mode; gradients equal to finite differences of it."""
    expected = reference(*arrays)
    found = outputs_and_gradients(function, arrays, tf.float64)
    np.testing.assert_allclose(found[0], expected, atol=1e-10)
    _check_gradients(reference, arrays, [each.numpy() for each in found[1:]], directions)
    for jit in (False, True):
        run = tf.function(
            lambda *inputs: outputs_and_gradients(function, inputs, inputs[0].dtype),
            jit_compile=jit,
            autograph=False,
        )
        # Eager calls are of float64: in graphs, whose making takes the time, float32 is enough.
        results = run(*(tf.constant(array, tf.float32) for array in arrays))
        for result, exact in zip(results, found, strict=True):
            size = max(1.0, np.abs(exact).max())
            np.testing.assert_allclose(result, exact, atol=1e-5 * size)


def _check_gradients(
    reference: Callable[..., np.ndarray],
    arrays: Sequence[np.ndarray],
    gradients: Sequence[np.ndarray],
    directions: int,
) -> None:
    """Directional derivatives of the reference by central differences, in float64."""
    step = 1e-5

    def loss(*values: np.ndarray) -> float:
        flat = reference(*values).reshape(-1)
        return float(flat @ np.sin(np.arange(len(flat))))

    for seed in range(directions):
        random = np.random.default_rng(seed)
        along = [random.normal(size=array.shape) for array in arrays]
        ahead, behind = (
            loss(*(a + sign * step * d for a, d in zip(arrays, along, strict=True)))
            for sign in (1, -1)
        )
        expected = (ahead - behind) / (2 * step)
        found = sum(float((g * d).sum()) for g, d in zip(gradients, along, strict=True))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
