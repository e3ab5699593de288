"""Tells trackers what `model.fit` does."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfgnn_ext.training.trackers.tracker import Tracker


class Track(tf.keras.callbacks.Callback):
    """Logs running metrics every so many steps, and those of each epoch at its end.

    Args:
      trackers: Whom to tell.
      steps_per_epoch: As given to `fit`.
      seeds_per_step: For the rate.
      every: Log after so many steps, besides the end of each epoch.
      start: The step at which `fit` starts.

    Raises:
      ValueError: From `fit`: the loss is not finite.
    """

    def __init__(
        self,
        trackers: Sequence[Tracker],
        *,
        steps_per_epoch: int,
        seeds_per_step: int,
        every: int = 100,
        start: int = 0,
    ) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"`every` of `Track` must be an int >= 1. Got {every}.")
        self._trackers = tuple(trackers)
        self._steps_per_epoch = steps_per_epoch
        self._seeds_per_step = seeds_per_step
        self._every = every
        self._step = start
        self._since = (start, time.monotonic())

    def _log(self, logs: Mapping[str, Any]) -> None:
        values = {}
        for name, value in logs.items():
            kind, short = ("validation", name[4:]) if name.startswith("val_") else ("train", name)
            values[f"{kind}/{short}"] = float(value)
        if not math.isfinite(values.get("train/loss", 0.0)):
            raise ValueError(
                f"The loss must be finite. Got {values['train/loss']} by step {self._step}: lower "
                "the learning rate, or clip the gradient."
            )
        rate = self.model.optimizer.learning_rate
        values["learning_rate"] = float(tf.convert_to_tensor(rate))
        step, moment = self._since
        elapsed = max(time.monotonic() - moment, 1e-9)
        if self._step > step:
            values["seeds_per_second"] = (self._step - step) * self._seeds_per_step / elapsed
        for tracker in self._trackers:
            tracker.log(values, self._step)
        self._since = (self._step, time.monotonic())

    # Keras' hooks.

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._since = (self._step, time.monotonic())

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        before = self._step
        epoch = before // self._steps_per_epoch
        self._step = epoch * self._steps_per_epoch + batch + 1
        if self._step % self._steps_per_epoch and (
            self._step // self._every > before // self._every
        ):
            self._log(logs or {})

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._log(logs or {})
