"""Predictions for all seeds of all splits, with their original ids, and their metrics."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfgnn_ext.graph import SPLITS, Seeds
from tfgnn_ext.tensors.whole_graph import WholeGraph
from tfgnn_ext.training.exact_predictor import ExactPredictor
from tfgnn_ext.training.metrics import split_metrics
from tfgnn_ext.training.predict import Predictions, Predictor
from tfgnn_ext.training.provider import BatchSource
from tfgnn_ext.training.tasks.task import Task


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a model says of all seeds, and how good that is.

    Attributes:
      predictions: In the order of the source's seeds.
      labels: ``[num_seeds, ...]``; see `graph.Seeds`.
      classes: The names of the classes, or of the numbers.
      splits: int8 ``[num_seeds]``, indices into `graph.SPLITS`.
      metrics: By split, the task's metrics.
    """

    predictions: Predictions
    labels: npt.NDArray[Any]
    classes: tuple[str, ...]
    splits: npt.NDArray[np.int8]
    metrics: Mapping[str, Mapping[str, float]]

    def take(self, split: str) -> Predictions:
        """The predictions of one split."""
        if split not in SPLITS:
            raise ValueError(
                f"`split` of `Evaluation` must be one of {', '.join(SPLITS)}. Got {split!r}."
            )
        chosen = self.splits == SPLITS.index(split)
        fields: dict[str, Any] = {
            field.name: getattr(self.predictions, field.name)[chosen]
            for field in dataclasses.fields(self.predictions)
        }
        return Predictions(**fields)


def evaluate(
    task: Task,
    model: tf.keras.Model,
    source: BatchSource,
    *,
    jit_compile: bool = False,
    exact: WholeGraph | None = None,
) -> Evaluation:
    """Predicts for every seed of `source`, whatever its split, and scores each split.

    Samples are those of epoch 0: the same in every call and on every engine.

    Args:
      task: The task.
      model: A model that `compose` or `fit` made.
      source: Makes the batches; its seeds may be of any splits.
      jit_compile: Whether to compile with XLA; for batches of static sizes.
      exact: Where to predict from whole neighbourhoods, layer by layer, instead of from the batches
        of `source`: see `ExactPredictor`.

    Returns:
      Predictions with original ids, and metrics for each split that has seeds.
    """
    seeds = source.seeds
    predict: Callable[[], Predictions]
    if exact is None:
        predict = Predictor(task, model, source, jit_compile=jit_compile)
    elif isinstance(seeds, Seeds):
        predict = ExactPredictor(task, model, exact, seeds)
    else:
        raise ValueError("`exact` of `evaluate` must be None where seeds are pairs. Got a graph.")
    predictions = predict()
    metrics = split_metrics(
        task.score,
        seeds.labels,
        predictions.values,
        seeds.splits,
        SPLITS,
        groups=seeds.ranked_groups,
    )
    return Evaluation(
        predictions=predictions,
        labels=seeds.labels,
        classes=seeds.classes,
        splits=seeds.splits,
        metrics=metrics,
    )
