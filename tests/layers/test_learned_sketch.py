"""The learned sketch at its start: weights of the size of exact ones, whatever r."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfgnn_ext.layers.learned_sketch import LearnedSketch


def mean_weight(r: int, *, glorot: bool = False) -> float:
    """Of attention between unlike inputs, over data and initial weights."""
    found = []
    for seed in range(8):
        q, k = tf.random.stateless_normal([2, 128, 24], [seed, 1])
        sketch = LearnedSketch(r=r, seed=seed)
        sketch(q)
        if glorot:
            for index, weight in enumerate(sketch.weights):
                if len(weight.shape) == 2:
                    weight.assign(tf.keras.initializers.GlorotUniform(index)(weight.shape))
        weights = tf.matmul(sketch(q), sketch(k), transpose_b=True) ** 2
        found.append(float(tf.reduce_mean(weights)))
    return float(np.mean(found))


@pytest.mark.parametrize("r", [8, 16, 32, 64])
def test_begins_with_the_mean_weight_of_the_exact_kernel(r: int) -> None:
    # E s^4 of a normal score s is 3; factors of up to 2 are lost to correlations inside the nets.
    assert 1.5 < mean_weight(r) < 6


def test_glorot_alone_would_begin_with_next_to_none() -> None:
    assert mean_weight(16, glorot=True) < 0.1
