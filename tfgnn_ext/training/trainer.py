"""Trains a compiled model by `model.fit`, so that any interruption leaves no trace."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf
from tensorflow_gnn import runner

from tfgnn_ext.training.best_so_far import BestSoFar
from tfgnn_ext.training.optimizers import Optimizer
from tfgnn_ext.training.provider import StepProvider
from tfgnn_ext.training.resumable import Interrupted, Resumable
from tfgnn_ext.training.track import Track
from tfgnn_ext.training.trackers.tracker import Tracker
from tfgnn_ext.training.validation import Validation

Score = Callable[[tf.keras.Model], Callable[[], Mapping[str, float]]]


class Trainer(runner.Trainer):
    """Trains to the last step, from the first or from the latest checkpoint in `model_dir`.

    The loop is Keras' own `fit`; all that this class adds are callbacks, which work with a
    `model.fit` of one's own as well (see `Resumable`). Two runs with one seed end in the same
    weights and metrics, and so does a run that was killed and resumed, in the middle of an epoch or
    not.

    Args:
      model_dir: Holds ``checkpoints/`` and ``best/``.
      epochs: Passes over the training seeds.
      optimizer: Makes the optimizer.
      strategy: Any `tf.distribute` strategy; default: none.
      steps_per_execution: Steps that run as one TensorFlow call. Checkpoints and validations in
        an epoch happen between calls.
      jit_compile: Whether to compile the step with XLA; needs batches of static sizes.
      monitor: The validation metric that chooses the best weights.
      mode: "min" or "max"; None: what the metric's name says.
      patience: Stop after so many validations without a better one; None: never.
      validate_every: Validate after so many steps, besides the end of each epoch.
      checkpoint_every: Save after so many steps, besides the end of each epoch.
      keep: How many checkpoints to keep.
      restore_best: Whether to return the best weights, not the last, where there is validation.
      trackers: Who is told of the run.
      track_every: Tell them after so many steps, besides the end of each epoch.
      callbacks: More Keras callbacks. State of theirs is not in the checkpoint.
      seed: Of initial weights and dropout.

    Raises:
      ValueError: An argument is out of range.
    """

    def __init__(
        self,
        model_dir: str | os.PathLike[str],
        *,
        epochs: int = 10,
        optimizer: Optimizer | None = None,
        strategy: tf.distribute.Strategy | None = None,
        steps_per_execution: int = 1,
        jit_compile: bool = False,
        monitor: str = "log_loss",
        mode: Literal["min", "max"] | None = None,
        patience: int | None = None,
        validate_every: int | None = None,
        checkpoint_every: int | None = None,
        keep: int = 2,
        restore_best: bool = True,
        trackers: Sequence[Tracker] = (),
        track_every: int = 100,
        callbacks: Sequence[tf.keras.callbacks.Callback] = (),
        seed: int = 0,
    ) -> None:
        for name, value in (
            ("epochs", epochs),
            ("steps_per_execution", steps_per_execution),
            ("keep", keep),
            ("track_every", track_every),
            ("validate_every", 1 if validate_every is None else validate_every),
            ("checkpoint_every", 1 if checkpoint_every is None else checkpoint_every),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"`{name}` of `Trainer` must be an int >= 1. Got {value!r}.")
        BestSoFar(monitor=monitor, mode=mode, patience=patience)
        self._model_dir = Path(model_dir)
        self._strategy = strategy or tf.distribute.get_strategy()
        self.epochs = epochs
        self.optimizer = optimizer or Optimizer()
        self.steps_per_execution = steps_per_execution
        self.jit_compile = jit_compile
        self.seed = seed
        self._monitor = monitor
        self._mode: Literal["min", "max"] | None = mode
        self._patience = patience
        self._validate_every = validate_every
        self._checkpoint_every = checkpoint_every
        self._keep = keep
        self._restore_best = restore_best
        self._trackers = tuple(trackers)
        self._track_every = track_every
        self._callbacks = tuple(callbacks)
        self.history: list[dict[str, float]] = []  # The logs of each epoch of the last `train`.
        self.validations: list[dict[str, float]] = []  # Each validation of the last `train`.
        self.best: BestSoFar | None = None

    @property
    def model_dir(self) -> str:
        return os.fspath(self._model_dir)

    @property
    def strategy(self) -> tf.distribute.Strategy:
        return self._strategy

    def steps_per_epoch(self, provider: runner.DatasetProvider) -> int:
        """The number of updates in an epoch of a provider's batches."""
        if not isinstance(provider, StepProvider):
            raise ValueError(
                "`train_ds_provider` of `Trainer` must be a `StepProvider`, whose batches are a "
                f"function of the step. Got {type(provider).__name__}."
            )
        return provider.steps_per_epoch(self._strategy.num_replicas_in_sync)

    def train(
        self,
        model_fn: Callable[[], tf.keras.Model],
        train_ds_provider: runner.DatasetProvider,
        *,
        epochs: int | None = None,
        valid_ds_provider: runner.DatasetProvider | None = None,
        score: Score | None = None,
    ) -> tf.keras.Model:
        """Trains, or goes on training.

        Args:
          model_fn: Makes a compiled model.
          train_ds_provider: A `StepProvider`.
          epochs: Instead of the trainer's own.
          valid_ds_provider: What is validated by Keras' `evaluate`, if there is no `score`; its
            data set must end.
          score: From the model to a function that scores its current weights.

        Returns:
          The model, with the best weights (see `restore_best`).

        Raises:
          Interrupted: SIGTERM or Ctrl-C came; a checkpoint is saved.
          ValueError: The checkpoint is not of this run, or the loss is not finite.
        """
        epochs = self.epochs if epochs is None else epochs
        steps_per_epoch = self.steps_per_epoch(train_ds_provider)
        assert isinstance(train_ds_provider, StepProvider)
        with self._strategy.scope():
            model = model_fn()
        if score is None and valid_ds_provider is not None:
            score = self._keras_score(valid_ds_provider)
        parts: dict[str, Validation] = {}
        if score is not None:
            self.best = BestSoFar(monitor=self._monitor, mode=self._mode, patience=self._patience)
            parts["validation"] = Validation(
                score(model),
                self.best,
                steps_per_epoch=steps_per_epoch,
                directory=self._model_dir / "best",
                every=self._validate_every,
            )
        resumable = Resumable(
            model,
            self._model_dir / "checkpoints",
            steps_per_epoch=steps_per_epoch,
            every=self._checkpoint_every,
            keep=self._keep,
            parts=parts,
        )
        stop = epochs * steps_per_epoch
        settings = {
            "steps": stop,
            "steps_per_epoch": steps_per_epoch,
            "epochs": epochs,
            "optimizer": self.optimizer,
            "seed": self.seed,
        }
        for tracker in self._trackers:
            tracker.start(settings, resumable.step)
        outcome = "failed"
        try:
            stopped = self.best is not None and score is not None and self.best.stop
            if resumable.step < stop and not stopped:
                self._fit(model, train_ds_provider, resumable, parts, steps_per_epoch, epochs)
            elif getattr(model.optimizer, "use_ema", False):
                model.optimizer.finalize_variable_values(model.trainable_variables)
            outcome = "completed" if resumable.step >= stop else "stopped early"
        except Interrupted:
            outcome = "interrupted"
            raise
        finally:
            for tracker in self._trackers:
                tracker.finish(outcome)
        self.history = resumable.logs
        if "validation" in parts:
            self.validations = parts["validation"].history
            if self._restore_best:
                parts["validation"].load_best(model)
        return model

    def _fit(
        self,
        model: tf.keras.Model,
        provider: StepProvider,
        resumable: Resumable,
        parts: Mapping[str, Validation],
        steps_per_epoch: int,
        epochs: int,
    ) -> None:
        replicas = self._strategy.num_replicas_in_sync
        start = resumable.step
        track = Track(
            self._trackers,
            steps_per_epoch=steps_per_epoch,
            seeds_per_step=provider.seeds_per_step(replicas),
            every=self._track_every,
            start=start,
        )
        batches = self._strategy.distribute_datasets_from_function(
            lambda context: provider.dataset(start, epochs * steps_per_epoch, context=context)
        )
        with resumable.interruptible():
            model.fit(
                batches,
                epochs=epochs,
                steps_per_epoch=steps_per_epoch,
                verbose=0,
                callbacks=[*parts.values(), *self._callbacks, track, resumable],
            )

    def _keras_score(self, provider: runner.DatasetProvider) -> Score:
        def score(model: tf.keras.Model) -> Callable[[], Mapping[str, float]]:
            batches = self._strategy.distribute_datasets_from_function(provider.get_dataset)

            def evaluate() -> Mapping[str, float]:
                # The running metrics of the epoch share their variables with `evaluate`.
                metrics = [variable for metric in model.metrics for variable in metric.variables]
                kept = [variable.numpy() for variable in metrics]
                result: dict[str, Any] = model.evaluate(batches, return_dict=True, verbose=0)
                for variable, value in zip(metrics, kept, strict=True):
                    variable.assign(value)
                return result

            return evaluate

        return score
