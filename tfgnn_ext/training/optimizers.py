"""Optimizers from plain arguments."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import tensorflow as tf

from tfgnn_ext.training.schedules import SCHEDULES, LearningRate, Schedule

OPTIMIZERS = ("adam", "adamw")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimizer:
    """Adam, and all that surrounds it.

    Attributes:
      name: "adam", or "adamw" (Loshchilov and Hutter: "Decoupled Weight Decay Regularization",
        ICLR 2019).
      learning_rate: The peak of the schedule.
      schedule: "constant", "cosine" or "one_cycle"; see `LearningRate`.
      warmup: The share of all steps in which the rate rises, in [0, 1).
      weight_decay: For "adamw"; biases and normalisation weights are not decayed.
      clip_norm: The largest global norm of the gradient; None: not clipped.
      ema_momentum: Keeps an exponential moving average of the weights, ``average <- m average +
        (1 - m) weight``, which is what is evaluated and returned; None: no average.

    >>> Optimizer(name="adam", learning_rate=-1.0)
    Traceback (most recent call last):
    ValueError: `learning_rate` of `Optimizer` must be > 0. Got -1.0.
    """

    name: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = 1e-3
    schedule: Schedule = "constant"
    warmup: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float | None = None
    ema_momentum: float | None = None

    def __post_init__(self) -> None:
        def require(holds: bool, field: str, needed: str) -> None:
            if not holds:
                raise ValueError(
                    f"`{field}` of `Optimizer` must be {needed}. Got {getattr(self, field)!r}."
                )

        require(self.name in OPTIMIZERS, "name", f"one of {', '.join(OPTIMIZERS)}")
        require(self.learning_rate > 0, "learning_rate", "> 0")
        require(self.schedule in SCHEDULES, "schedule", f"one of {', '.join(SCHEDULES)}")
        require(0 <= self.warmup < 1, "warmup", "in [0, 1)")
        require(self.weight_decay >= 0, "weight_decay", ">= 0")
        require(not self.weight_decay or self.name == "adamw", "weight_decay", '0 with "adam"')
        require(self.clip_norm is None or self.clip_norm > 0, "clip_norm", "None or > 0")
        require(
            self.ema_momentum is None or 0 < self.ema_momentum < 1,
            "ema_momentum",
            "None or in (0, 1)",
        )

    def build(self, total_steps: int) -> tf.keras.optimizers.Optimizer:
        """The Keras optimizer of a run of `total_steps` steps."""
        warmup_steps = int(self.warmup * total_steps)
        rate: float | LearningRate = self.learning_rate
        if self.schedule != "constant" or warmup_steps:
            rate = LearningRate(
                self.schedule,
                peak=self.learning_rate,
                total_steps=total_steps,
                warmup_steps=warmup_steps,
            )
        options: dict[str, Any] = {
            "learning_rate": rate,
            "global_clipnorm": self.clip_norm,
            "use_ema": self.ema_momentum is not None,
            "jit_compile": False,
        }
        if self.ema_momentum is not None:
            options["ema_momentum"] = self.ema_momentum
        if self.name == "adam":
            return tf.keras.optimizers.Adam(**options)
        optimizer = tf.keras.optimizers.AdamW(weight_decay=self.weight_decay, **options)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer
