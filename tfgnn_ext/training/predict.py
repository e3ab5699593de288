"""Predictions for all seeds of a source, in the seeds' order."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfgnn_ext.training.provider import BatchSource
from tfgnn_ext.training.seed_batches import Choice, SeedBatches
from tfgnn_ext.training.tasks.task import Task

Floats = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictions:
    """What a model says of seeds.

    Attributes:
      ids: ``[num_seeds]``, original ids.
      logits: ``[num_seeds, units of the head]``.
      values: ``[num_seeds, ...]``, what the logits mean: probabilities of classes, or numbers. See
        `Objective.predictions`.
      embeddings: ``[num_seeds, units]``, the states that the head reads.
    """

    ids: npt.NDArray[Any]
    logits: Floats
    values: Floats
    embeddings: Floats


def inference_model(task: Task, model: tf.keras.Model) -> tf.keras.Model:
    """A model that shares the layers of `model` and returns logits and embeddings.

    Args:
      task: The task whose head `model` has.
      model: A composed model; see `compose`.

    Returns:
      From a GraphTensor to ``{"logits": ..., "embedding": ...}``.
    """
    return tf.keras.Model(
        model.input, {"logits": model.output, "embedding": model.get_layer(task.head).input}
    )


class Predictor:
    """Predicts for every seed of a source, each exactly once, always with the same samples.

    A seed whose component did not fit a batch's static sizes is tried again, at the head of another
    batch: no seed is lost to padding.

    Args:
      task: The task.
      model: A composed model; its current weights are used at each call.
      source: Makes the batches.
      jit_compile: Whether to compile the step with XLA; for batches of static sizes.
    """

    def __init__(
        self, task: Task, model: tf.keras.Model, source: BatchSource, *, jit_compile: bool = False
    ) -> None:
        self.source = source
        self._batches = SeedBatches(
            len(source.seeds), source.batch_size, shuffle=False, partial="pad", resample=False
        )
        self._dataset = source.dataset(self._batches, 0, self._batches.steps_per_epoch)
        inference = inference_model(task, model)
        size = source.batch_size

        def forward(graph: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            outputs = inference(graph, training=False)
            # [batch_size, ...]: without the padding component.
            logits = outputs["logits"][:size]
            return logits, task.predictions(logits), outputs["embedding"][:size]

        compiled = tf.function(forward, jit_compile=jit_compile, reduce_retracing=True)

        def step(iterator: Any) -> tuple[tf.Tensor, ...]:
            graph, _, weights = next(iterator)
            return *compiled(graph), weights[:size]

        self._step = tf.function(step, reduce_retracing=True)

    def __call__(self) -> Predictions:
        """Predicts.

        Raises:
          ValueError: A seed's component alone exceeds the static sizes.
        """
        found: list[npt.NDArray[Any] | None] = [None, None, None]
        choose: Any = self._batches
        missing = self._run(self._dataset, choose, self._batches.steps_per_epoch, found)
        while len(missing):
            queue, size = missing, self.source.batch_size

            def retry(step: int, queue: npt.NDArray[np.int64] = queue, size: int = size) -> Choice:
                positions = queue[step * size : (step + 1) * size]
                weights = np.zeros(size, np.float32)
                weights[: len(positions)] = 1
                return np.resize(positions, size), weights, 0

            steps = -(-len(queue) // size)
            missing = self._run(self.source.dataset(retry, 0, steps), retry, steps, found)
            if len(missing) == len(queue):
                raise ValueError(
                    "The static sizes of the batches must hold each component. Got a larger one "
                    f"for seed {self.source.seeds.ids[missing[0]]!r}."
                )
        logits, values, embeddings = found
        if logits is None or values is None or embeddings is None:
            raise ValueError("`source` of `Predictor` must have seeds. Got none.")
        return Predictions(
            ids=self.source.seeds.ids,
            logits=logits,
            values=values,
            embeddings=embeddings,
        )

    def _run(
        self,
        dataset: tf.data.Dataset,
        choose: Any,
        steps: int,
        found: list[npt.NDArray[Any] | None],
    ) -> npt.NDArray[np.int64]:
        """Fills `found`; returns the positions of seeds that did not fit."""
        iterator = iter(dataset)
        missing: list[npt.NDArray[np.int64]] = []
        for number in range(steps):
            *outputs, whole = (value.numpy() for value in self._step(iterator))
            positions, weights, _ = choose(number)
            wanted = weights > 0
            fits = wanted & (whole > 0)
            missing.append(positions[wanted & ~fits])
            for index, values in enumerate(outputs):
                array = found[index]
                if array is None:
                    array = np.zeros((len(self.source.seeds), *values.shape[1:]), values.dtype)
                    found[index] = array
                array[positions[fits]] = values[fits]
        return np.concatenate(missing)
