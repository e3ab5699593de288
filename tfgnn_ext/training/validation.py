"""Validation while `model.fit` runs: exact metrics, the best weights, early stopping."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import tensorflow as tf

from tfgnn_ext.training.averaging import averaged_weights
from tfgnn_ext.training.best_so_far import BestSoFar


class Validation(tf.keras.callbacks.Callback):
    """Scores the model at the end of each epoch, and every so many steps if asked to.

    The scores join the logs of the epoch as ``val_<metric>``. If the optimizer averages the weights
    (`ema_momentum`), the averaged ones are scored and saved. Its state goes in the checkpoint: give
    it to `Resumable` as one of the `parts`.

    Args:
      score: Scores the model's current weights.
      best: What is compared.
      directory: Where the best weights are saved; None: they are not.
      steps_per_epoch: As given to `fit`.
      every: Validate after so many steps, besides the end of each epoch.
    """

    def __init__(
        self,
        score: Callable[[], Mapping[str, float]],
        best: BestSoFar,
        *,
        steps_per_epoch: int,
        directory: str | os.PathLike[str] | None = None,
        every: int | None = None,
    ) -> None:
        super().__init__()
        if every is not None and every < 1:
            raise ValueError(f"`every` of `Validation` must be None or an int >= 1. Got {every}.")
        self.best = best
        self.history: list[dict[str, float]] = []  # Of each validation, with its step.
        self._score = score
        self._directory = None if directory is None else Path(directory)
        self._steps_per_epoch = steps_per_epoch
        self._every = every
        self._step = 0
        self._unsaved: list[npt.NDArray[Any]] | None = None  # The best weights.

    def state(self) -> dict[str, Any]:
        self._save_best()
        return {"best": self.best.state(), "history": self.history, "step": self._step}

    def restore(self, state: dict[str, Any]) -> None:
        self.best.restore(state["best"])
        self.history = state["history"]
        self._step = state["step"]

    def load_best(self, model: tf.keras.Model) -> bool:
        """Gives `model` the best weights; returns whether there are any."""
        self._save_best()
        path = None if self._directory is None else tf.train.latest_checkpoint(self._directory)
        if path is None or self.best.value is None:
            return False
        tf.train.Checkpoint(weights=model.weights).restore(path).assert_existing_objects_matched()
        return True

    def _validate(self) -> dict[str, float]:
        with averaged_weights(self.model):
            scores = {name: float(value) for name, value in self._score().items()}
            if self.best.monitor not in scores:
                raise ValueError(
                    f"`monitor` must be one of {', '.join(scores)}. Got {self.best.monitor!r}."
                )
            if self.best.update(scores[self.best.monitor], self._step) and self._directory:
                self._unsaved = [variable.numpy() for variable in self.model.weights]
        self.history.append({"step": self._step, **scores})
        if self.best.stop:
            self.model.stop_training = True
        return scores

    def _save_best(self) -> None:
        """Writes the best weights, if they are new: with a checkpoint, not with each validation.

        A step of a small model takes less time than writing its weights.
        """
        if self._unsaved is None or self._directory is None:
            return
        tf.train.CheckpointManager(
            tf.train.Checkpoint(weights=[tf.Variable(value) for value in self._unsaved]),
            os.fspath(self._directory),
            max_to_keep=1,
            checkpoint_name="best",
        ).save(checkpoint_number=self.best.step)
        self._unsaved = None

    # Keras' hooks.

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._save_best()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        before = self._step
        epoch = before // self._steps_per_epoch
        self._step = epoch * self._steps_per_epoch + batch + 1
        if self._every is None or self._step % self._steps_per_epoch == 0:
            return
        if self._step // self._every > before // self._every:
            self._validate()

    def on_epoch_end(self, epoch: int, logs: MutableMapping[str, Any] | None = None) -> None:
        if self._step % self._steps_per_epoch:
            return  # Stopped in the middle, on a validation of its own.
        scores = self._validate()
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in scores.items()})
