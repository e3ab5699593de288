"""Learning rates as functions of the step."""

from __future__ import annotations

import math
from typing import Any, Literal

import tensorflow as tf

Schedule = Literal["constant", "cosine", "one_cycle"]
SCHEDULES: tuple[Schedule, ...] = ("constant", "cosine", "one_cycle")


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class LearningRate(tf.keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises to a peak and falls again.

    With warm-up steps W, total steps T, peak p, progress ``u = (step - W) / (T - W)`` in [0, 1]:

    - "constant": ``p``, after a linear rise from 0 over W steps;
    - "cosine": a linear rise over W steps, then ``p (1 + cos(pi u)) / 2`` (Loshchilov and Hutter:
      "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017);
    - "one_cycle": ``p / 25`` to p along a half cosine over W steps, then along another to
      ``p / 250000`` (Smith and Topin: "Super-Convergence", 2018).

    In warm-up, step s has the rate of ``(s + 1) / W`` of the rise, so that no step is lost.

    Args:
      schedule: One of `SCHEDULES`.
      peak: The highest rate.
      total_steps: T.
      warmup_steps: W, less than T.

    >>> rate = LearningRate("cosine", peak=0.1, total_steps=10, warmup_steps=2)
    >>> [round(float(rate(step)), 4) for step in (0, 1, 2, 6, 10)]
    [0.05, 0.1, 0.1, 0.05, 0.0]
    """

    def __init__(
        self, schedule: Schedule, *, peak: float, total_steps: int, warmup_steps: int = 0
    ) -> None:
        if schedule not in SCHEDULES:
            raise ValueError(
                f"`schedule` of `LearningRate` must be one of {', '.join(SCHEDULES)}. "
                f"Got {schedule!r}."
            )
        if not peak > 0:
            raise ValueError(f"`peak` of `LearningRate` must be > 0. Got {peak}.")
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(
                f"`warmup_steps` of `LearningRate` must be in [0, {total_steps}), the total number "
                f"of steps. Got {warmup_steps}."
            )
        self.schedule = schedule
        self.peak = peak
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        low = last = 0.0
        rise = tf.minimum((step + 1) / max(self.warmup_steps, 1), 1.0)
        if self.schedule == "one_cycle":
            low, last = self.peak / 25, self.peak / 250_000
            rise = (1 - tf.cos(math.pi * rise)) / 2
        warming = low + (self.peak - low) * rise
        progress = (step - self.warmup_steps) / (self.total_steps - self.warmup_steps)
        fall = (1 + tf.cos(math.pi * tf.clip_by_value(progress, 0.0, 1.0))) / 2
        if self.schedule == "constant":
            fall = tf.ones_like(fall)
        return tf.where(step < self.warmup_steps, warming, last + (self.peak - last) * fall)

    def get_config(self) -> dict[str, Any]:
        return {
            "schedule": self.schedule,
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
        }
