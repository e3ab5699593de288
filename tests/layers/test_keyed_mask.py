from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfgnn_ext.layers.keyed_mask import keyed_mask

SHAPE = (401, 257)


def draw(seed: int, step: int, rate: float = 0.3) -> np.ndarray:
    return keyed_mask(SHAPE, rate, seed=seed, step=tf.constant(step, tf.int64)).numpy()


def test_the_same_in_and_out_of_xla() -> None:
    for jit_compile in (False, True):
        mask = tf.function(
            lambda step: keyed_mask(SHAPE, 0.3, seed=5, step=step), jit_compile=jit_compile
        )(tf.constant(9, tf.int64))
        np.testing.assert_array_equal(mask, draw(5, 9))


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_rate(rate: float) -> None:
    dropped = sum(int(draw(3, step, rate).sum()) for step in range(10))
    count = 10 * SHAPE[0] * SHAPE[1]
    assert scipy.stats.binomtest(dropped, count, rate).pvalue > 1e-4
    # The control: a rate that is off by one in a hundred is noticed.
    if rate:
        assert (
            scipy.stats.binomtest(dropped, count, rate * 0.99 + 0.01 * (rate < 0.5)).pvalue < 1e-3
        )


def test_masks_are_independent() -> None:
    first = draw(3, 0)

    def p_value(left: np.ndarray, right: np.ndarray) -> float:
        table = np.histogram2d(left.ravel(), right.ravel(), bins=2)[0]
        return float(scipy.stats.chi2_contingency(table).pvalue)

    others = {
        "next step": draw(3, 1),
        "next seed": draw(4, 0),
        "far step": draw(3, 2**31),
        "far seed": draw(3 + 2**32, 0),
        "next value": np.roll(first, 1),
        "next row": np.roll(first, 1, axis=0),
        "a power of two away": np.roll(first.ravel(), 4096),
    }
    values = {name: p_value(first, other) for name, other in others.items()}
    assert min(values.values()) > 1e-4, values
    mixed = np.where(np.random.default_rng(0).random(SHAPE) < 0.05, first, draw(3, 1))
    assert p_value(first, mixed) < 1e-4


@pytest.mark.slow
def test_replicas_draw_apart() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.layers.replicas"], capture_output=True, text=True, check=True
    )
    *masks, step = done.stdout.split()
    assert len(set(masks)) == len(masks) == 4
    assert all(10 < mask.count("1") < 54 for mask in masks)
    assert step == "2"
