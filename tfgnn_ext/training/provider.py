"""A data provider that can start at any step."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow_gnn import runner

from tfgnn_ext.graph import LinkSeeds, Seeds
from tfgnn_ext.training.class_weights import class_weights as weights_of_classes
from tfgnn_ext.training.seed_batches import Choice, Partial, SeedBatches


class BatchSource(Protocol):
    """Turns choices of seeds into batches; `tensors.SampledBatches` is one.

    Attributes:
      batch_size: Seeds a batch.
    """

    batch_size: int

    @property
    def seeds(self) -> Seeds | LinkSeeds:
        """The seeds that positions refer to."""

    def dataset(self, choose: Callable[[int], Choice], start: int, stop: int) -> tf.data.Dataset:
        """Elements ``(graph, label, weight)`` for ``choose(start), ..., choose(stop - 1)``."""


class StepProvider(runner.DatasetProvider):
    """A `DatasetProvider` whose batches are a pure function of the step."""

    @abc.abstractmethod
    def steps_per_epoch(self, replicas: int = 1) -> int:
        """The number of steps of an epoch, if each step feeds `replicas` replicas."""

    @abc.abstractmethod
    def seeds_per_step(self, replicas: int = 1) -> int:
        """The number of seeds that one step consumes."""

    @abc.abstractmethod
    def dataset(
        self,
        start: int = 0,
        stop: int | None = None,
        *,
        context: tf.distribute.InputContext | None = None,
    ) -> tf.data.Dataset:
        """Batches of the steps ``start .. stop - 1`` of one input pipeline.

        Args:
          start: The first step.
          stop: The step after the last; default: never.
          context: Which pipeline; default: the only one, with one replica.

        Returns:
          Elements ``(graph, label, weight)``; with r replicas a pipeline, r elements a step.
        """

    def get_dataset(self, context: tf.distribute.InputContext) -> tf.data.Dataset:
        """All steps from 0, without an end: give `fit` the `steps_per_epoch`."""
        return self.dataset(context=context)


class SampledProvider(StepProvider):
    """Feeds training from a `BatchSource`, in an order keyed by (seed, epoch).

    The pipelines of a distributed run feed disjoint parts of every step: pipeline w of W, with r
    replicas each, takes the batches ``w r, ..., w r + r - 1`` of the step's ``W r``.

    Args:
      source: Makes the batches; its batch size is that of one replica.
      seed, shuffle, partial, draw_weights, resample: As for `SeedBatches`.
      class_weights: "balanced", or one weight a class; the third element of the batches is the
        weight of the seed's class.

    >>> provider = SampledProvider(sampled_batches, seed=1)                  # doctest: +SKIP
    >>> model.fit(provider.dataset(), steps_per_epoch=provider.steps_per_epoch(), epochs=3)
    ... # doctest: +SKIP
    """

    def __init__(
        self,
        source: BatchSource,
        *,
        seed: int = 0,
        shuffle: bool = True,
        partial: Partial = "drop",
        class_weights: str | Sequence[float] | None = None,
        draw_weights: npt.ArrayLike | None = None,
        resample: bool = True,
    ) -> None:
        self.source = source
        seeds = source.seeds
        weights = None
        if class_weights is not None:
            weights = weights_of_classes(seeds.labels, len(seeds.classes), class_weights)[
                seeds.labels
            ]
        self._options: dict[str, Any] = {
            "seed": seed,
            "shuffle": shuffle,
            "partial": partial,
            "weights": weights,
            "draw_weights": draw_weights,
            "resample": resample,
        }
        self.batches()

    def batches(self, replicas: int = 1) -> SeedBatches:
        """Which seeds each step sees, if it feeds `replicas` replicas."""
        return SeedBatches(
            len(self.source.seeds), self.source.batch_size, replicas=replicas, **self._options
        )

    def steps_per_epoch(self, replicas: int = 1) -> int:
        return self.batches(replicas).steps_per_epoch

    def seeds_per_step(self, replicas: int = 1) -> int:
        return self.source.batch_size * replicas

    def dataset(
        self,
        start: int = 0,
        stop: int | None = None,
        *,
        context: tf.distribute.InputContext | None = None,
    ) -> tf.data.Dataset:
        pipelines, pipeline, replicas = 1, 0, 1
        if context is not None:
            pipelines, pipeline = context.num_input_pipelines, context.input_pipeline_id
            replicas = context.num_replicas_in_sync
        if replicas % pipelines:
            raise ValueError(
                "`context` of `SampledProvider` must have equally many replicas in every input "
                f"pipeline. Got {replicas} replicas in {pipelines} pipelines."
            )
        local = replicas // pipelines
        batches = self.batches(replicas)

        def choose(index: int) -> Choice:
            step, replica = divmod(index, local)
            return batches(step, pipeline * local + replica)

        end = np.iinfo(np.int64).max if stop is None else stop * local
        return self.source.dataset(choose, start * local, end)
