from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgnn_ext.training import BestSoFar, LearningRate, NodeClassification, Optimizer
from tfgnn_ext.training.tasks import CrossEntropy, cross_entropy


def test_golden_cross_entropy() -> None:
    """Logits log 1, log 3, log 6 are probabilities .1 .3 .6. Smoothing .3: targets .8 .1 .1."""
    logits = tf.math.log([[1.0, 3.0, 6.0]])
    assert cross_entropy(tf.constant([0]), logits).numpy() == pytest.approx(-math.log(0.1))
    smooth = -(0.8 * math.log(0.1) + 0.1 * math.log(0.3) + 0.1 * math.log(0.6))
    assert cross_entropy(tf.constant([0]), logits, label_smoothing=0.3).numpy() == pytest.approx(
        smooth
    )


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_one_logit_equals_two(label_smoothing: float) -> None:
    odds = tf.constant([[-2.0], [0.3], [40.0]])
    labels = tf.constant([0, 1, 1])
    two = tf.concat([tf.zeros_like(odds), odds], axis=1)
    np.testing.assert_allclose(
        cross_entropy(labels, odds, label_smoothing=label_smoothing),
        cross_entropy(labels, two, label_smoothing=label_smoothing),
        rtol=1e-5,
        atol=1e-6,
    )
    task = NodeClassification("item", num_classes=2)
    np.testing.assert_allclose(task.predictions(odds), tf.nn.softmax(two), rtol=1e-5, atol=1e-9)


def test_loss_is_a_weighted_mean_that_padding_leaves_alone() -> None:
    loss = CrossEntropy()
    logits = tf.random.stateless_normal([5, 3], [1, 2])
    labels, weights = tf.constant([0, 2, 1, 1, 0]), tf.constant([1.0, 2.0, 0.5, 3.0, 1.0])
    each = cross_entropy(labels, logits).numpy()
    expected = (each * weights.numpy()).sum() / weights.numpy().sum()
    assert loss(labels[:, None], logits, weights).numpy() == pytest.approx(expected)
    padded = loss(
        tf.pad(labels, [[0, 2]]), tf.pad(logits, [[0, 2], [0, 0]]), tf.pad(weights, [[0, 2]])
    )
    assert padded.numpy() == pytest.approx(expected)
    assert loss(labels, logits, tf.zeros(5)).numpy() == 0
    assert loss(labels, logits).numpy() == pytest.approx(each.mean())
    again = CrossEntropy.from_config(CrossEntropy(label_smoothing=0.1).get_config())
    assert again.label_smoothing == 0.1
    with pytest.raises(ValueError, match=r"`label_smoothing` .* Got 1"):
        CrossEntropy(label_smoothing=1)


def test_golden_schedules() -> None:
    """Peak .1, 10 steps, 2 of them warm-up; one cycle rises from .004 and ends at 4e-7."""

    def rates(name: str, *steps: int) -> list[float]:
        rate = LearningRate(name, peak=0.1, total_steps=10, warmup_steps=2)  # type: ignore[arg-type]
        return [float(rate(step)) for step in steps]

    assert rates("constant", 0, 1, 2, 9) == pytest.approx([0.05, 0.1, 0.1, 0.1])
    assert rates("cosine", 0, 2, 6, 10) == pytest.approx([0.05, 0.1, 0.05, 0.0], abs=1e-7)
    assert rates("one_cycle", 0, 1, 6, 10) == pytest.approx(
        [(0.004 + 0.1) / 2, 0.1, (0.1 + 4e-7) / 2, 4e-7], abs=1e-7
    )
    rate = LearningRate("cosine", peak=0.1, total_steps=10)
    assert LearningRate.from_config(rate.get_config()).get_config() == rate.get_config()
    for wrong in ({"schedule": "step"}, {"peak": 0.0}, {"warmup_steps": 10}):
        with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` of `LearningRate` must be"):
            LearningRate(**{"schedule": "cosine", "peak": 0.1, "total_steps": 10, **wrong})


def test_golden_adamw_decays_kernels_only() -> None:
    """With no gradient, a step is ``w <- w - rate * decay * w``: 2 - .1 x .5 x 2 = 1.9."""
    optimizer = Optimizer(learning_rate=0.1, weight_decay=0.5).build(10)
    kernel, bias = tf.Variable(2.0, name="kernel"), tf.Variable(2.0, name="bias")
    optimizer.build([kernel, bias])
    optimizer.apply_gradients([(tf.constant(0.0), kernel), (tf.constant(0.0), bias)])
    assert kernel.numpy() == pytest.approx(1.9)
    assert bias.numpy() == 2.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "sgd"},
        {"learning_rate": 0.0},
        {"schedule": "step"},
        {"warmup": 1.0},
        {"weight_decay": -1.0},
        {"weight_decay": 0.1, "name": "adam"},
        {"clip_norm": 0.0},
        {"ema_momentum": 1.0},
    ],
)
def test_wrong_optimizer_is_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` of `Optimizer` must be"):
        Optimizer(**wrong)  # type: ignore[arg-type]


def test_best_so_far_round_trip_and_nan() -> None:
    best = BestSoFar(monitor="roc_auc", patience=2)
    for step, value in enumerate([float("nan"), 0.5, 0.4]):
        best.update(value, step)
    again = BestSoFar(monitor="roc_auc", patience=2)
    again.restore(best.state())
    assert again == best
    assert best.step == 1
    assert not best.stop
    assert not again.update(float("nan"), 3)
    assert again.stop
