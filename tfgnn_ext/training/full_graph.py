"""A data provider whose every step is the whole graph and all training seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfgnn_ext.training.class_weights import class_weights as weights_of_classes
from tfgnn_ext.training.provider import BatchSource, StepProvider
from tfgnn_ext.training.seed_batches import Choice


class FullGraphProvider(StepProvider):
    """Every step sees all seeds of the source at once: gradient descent without sampling noise.

    Args:
      source: Makes the batches; `tensors.WholeGraphBatches` is one.
      steps_per_epoch: How many of these steps Keras counts as one epoch. A step of a small graph
        takes milliseconds, and what is done at the end of an epoch (checkpoints, logs) takes more.
      class_weights: "balanced", or one weight a class; see `SampledProvider`.

    >>> provider = FullGraphProvider(batches, steps_per_epoch=200)            # doctest: +SKIP
    >>> model.fit(provider.dataset(), steps_per_epoch=200)                    # doctest: +SKIP
    """

    def __init__(
        self,
        source: BatchSource,
        *,
        steps_per_epoch: int = 1,
        class_weights: str | Sequence[float] | None = None,
    ) -> None:
        if isinstance(steps_per_epoch, bool) or steps_per_epoch < 1:
            raise ValueError(
                "`steps_per_epoch` of `FullGraphProvider` must be an int >= 1. Got "
                f"{steps_per_epoch!r}."
            )
        seeds = source.seeds
        if not len(seeds):
            raise ValueError("`source` of `FullGraphProvider` must have seeds. Got none.")
        self.source = source
        self._steps_per_epoch = steps_per_epoch
        weights = np.ones(len(seeds), np.float32)
        if class_weights is not None:
            of_class = weights_of_classes(seeds.labels, len(seeds.classes), class_weights)
            weights = of_class[seeds.labels]
        self._choice: Choice = np.arange(len(seeds)), weights, 0

    def steps_per_epoch(self, replicas: int = 1) -> int:
        return self._steps_per_epoch

    def seeds_per_step(self, replicas: int = 1) -> int:
        return len(self.source.seeds)

    def dataset(
        self,
        start: int = 0,
        stop: int | None = None,
        *,
        context: tf.distribute.InputContext | None = None,
    ) -> tf.data.Dataset:
        if context is not None and context.num_replicas_in_sync > 1:
            raise ValueError(
                "`strategy` of full-graph training must have one replica: every step is the whole "
                f"graph. Got {context.num_replicas_in_sync}."
            )
        end = np.iinfo(np.int64).max if stop is None else stop
        return self.source.dataset(lambda step: self._choice, start, end)
