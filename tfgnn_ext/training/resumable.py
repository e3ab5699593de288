"""Checkpoints from which `model.fit` goes on as if it had never stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import tensorflow as tf

from tfgnn_ext.training.random_state import random_generators


class Interrupted(RuntimeError):  # noqa: N818  As KeyboardInterrupt: not an error.
    """Training was asked to stop by a signal, and left a checkpoint to resume from.

    Attributes:
      step: The step of the checkpoint.
      signal: The number of the signal.
    """

    def __init__(self, step: int, number: int) -> None:
        super().__init__(
            f"Training stopped at step {step} on {signal.Signals(number).name}. Its checkpoint is "
            "complete: the same call resumes it."
        )
        self.step = step
        self.signal = number


class Stateful(Protocol):
    """What has state in a checkpoint, as JSON."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `state` returned."""


class Resumable(tf.keras.callbacks.Callback):
    """Saves all of a run's state, and starts `model.fit` from the latest that was saved.

    One checkpoint holds the model's variables, the optimizer's, every random generator found in a
    layer, the running metrics of the epoch, the logs of past epochs, and the state of `parts`. It
    does not hold the state of a data iterator: the data set must be a function of the step, and the
    caller makes it start at `step`. Keras' `BackupAndRestore` holds only the first two.

    A run of ``model.fit`` that is killed at any moment and started again ends in the same bytes:

        resumable = Resumable(model, "run/checkpoints", steps_per_epoch=steps, every=100)
        model.fit(
            provider.dataset(resumable.step),
            epochs=10,
            steps_per_epoch=steps,
            callbacks=[resumable],
        )

    It must be the last of the callbacks, so that its checkpoint holds what others did in a step.
    A running epoch is taken up in the middle through the hook that Keras 2 made for that purpose
    (`Model._training_state`).

    Args:
      model: A compiled model, whose variables exist.
      directory: Of the checkpoints.
      steps_per_epoch: As given to `fit`.
      every: Save after so many steps; at the end of each epoch in any case.
      keep: How many checkpoints to keep.
      parts: Whose state to save along.

    Raises:
      ValueError: The latest checkpoint is of another model, or of epochs of another length.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        directory: str | os.PathLike[str],
        *,
        steps_per_epoch: int,
        every: int | None = None,
        keep: int = 2,
        parts: Mapping[str, Stateful] | None = None,
    ) -> None:
        super().__init__()
        if every is not None and every < 1:
            raise ValueError(f"`every` of `Resumable` must be None or an int >= 1. Got {every}.")
        self._steps_per_epoch = steps_per_epoch
        self._every = every
        self._parts = dict(parts or {})
        self._stop_signal: int | None = None
        self.logs: list[dict[str, float]] = []  # Of each epoch that has ended.
        _build(model)
        self._metrics = [variable for metric in model.metrics for variable in metric.variables]
        self._state = tf.Variable("{}", dtype=tf.string, trainable=False)
        self._model = model
        checkpoint = tf.train.Checkpoint(
            model=model,
            optimizer=model.optimizer,
            generators=random_generators(model),
            metrics=self._metrics,
            state=self._state,
        )
        self._manager = tf.train.CheckpointManager(
            checkpoint, os.fspath(directory), max_to_keep=keep, checkpoint_name="latest"
        )
        self.step = 0
        if self._manager.latest_checkpoint is not None:
            self._restore(checkpoint, self._manager.latest_checkpoint)
        self._saved = self.step
        # Where `fit` will start, and the metrics of that epoch up to there.
        self._start: tuple[int, list[Any]] | None = None
        if self.step:
            self._start = (self.step, [variable.numpy() for variable in self._metrics])

    @property
    def directory(self) -> Path:
        """Where the checkpoints are."""
        return Path(self._manager.directory)

    def _restore(self, checkpoint: tf.train.Checkpoint, path: str) -> None:
        try:
            checkpoint.restore(path).assert_existing_objects_matched()
        except (AssertionError, ValueError) as error:
            raise ValueError(
                f"The checkpoint {path} must be of this model and optimizer. Got: {error}"
            ) from error
        state = json.loads(self._state.numpy())
        if state["steps_per_epoch"] != self._steps_per_epoch:
            raise ValueError(
                f"The checkpoint {path} must be of epochs of {self._steps_per_epoch} steps. "
                f"Got {state['steps_per_epoch']}."
            )
        self.step = int(self._model.optimizer.iterations.numpy())
        self.logs = state["logs"]
        for name, part in self._parts.items():
            part.restore(state["parts"][name])

    def save(self) -> None:
        """Saves a checkpoint of the current step."""
        self._state.assign(
            json.dumps(
                {
                    "steps_per_epoch": self._steps_per_epoch,
                    "logs": self.logs,
                    "parts": {name: part.state() for name, part in self._parts.items()},
                }
            )
        )
        self._manager.save(checkpoint_number=self.step)
        self._saved = self.step

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Within, SIGTERM and SIGINT (Ctrl-C) save a checkpoint and raise `Interrupted`.

        A second one does what it did before. Other threads than the main one cannot receive
        signals; there, nothing changes.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[int, Any] = {}

        def note(number: int, frame: object) -> None:
            del frame
            self._stop_signal = number
            for other, handler in before.items():
                signal.signal(other, handler)

        for number in (signal.SIGTERM, signal.SIGINT):
            before[int(number)] = signal.signal(number, note)
        try:
            yield
        finally:
            for other, handler in before.items():
                signal.signal(other, handler)

    def _stop_if_asked(self) -> None:
        if self._stop_signal is None:
            return
        number, self._stop_signal = self._stop_signal, None
        if self._saved != self.step:
            self.save()
        raise Interrupted(self.step, number)

    # Keras' hooks.

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        if self._start is not None:
            self.model._training_state = _StartAt(*divmod(self._start[0], self._steps_per_epoch))

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self._start is None:
            return
        self.model._training_state = None
        step, metrics = self._start
        self._start = None
        if step % self._steps_per_epoch:
            # `fit` has just set them to zero.
            for variable, value in zip(self._metrics, metrics, strict=True):
                variable.assign(value)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        # `batch` is the last of the steps of this execution, within the epoch.
        epoch = self.step // self._steps_per_epoch
        self.step = epoch * self._steps_per_epoch + batch + 1
        if self.step % self._steps_per_epoch == 0:
            return  # The epoch ends first.
        if self._every is not None and self.step // self._every > self._saved // self._every:
            self.save()
        self._stop_if_asked()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self.step % self._steps_per_epoch == 0:
            values = {name: float(value) for name, value in (logs or {}).items()}
            self.logs.append({"epoch": epoch, "step": self.step, **values})
        self.save()
        self._stop_if_asked()


class _StartAt:
    """Tells `fit` at which epoch and batch to begin."""

    def __init__(self, epoch: int, batch: int) -> None:
        self._start = (epoch, batch)

    def maybe_load_initial_counters_from_ckpt(
        self, steps_per_epoch: int, initial_epoch: int, mode: str
    ) -> tuple[int, int]:
        return self._start


def _build(model: tf.keras.Model) -> None:
    """Makes the variables of optimizer and metrics, which Keras would make in the first step."""
    with model.distribute_strategy.scope():
        model.optimizer.build(model.trainable_variables)
        if not model.compiled_loss.built:
            model.compiled_loss.build(model.output)
        if not model.compiled_metrics.built:
            model.compiled_metrics.build(model.output, model.output)
