"""Numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfgnn_ext.graph.labels import Target
from tfgnn_ext.training.tasks.objective import Objective
from tfgnn_ext.training.tasks.weighted_mean import WeightedMean

RegressionLoss = Literal["squared", "absolute", "huber"]


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class StandardizedError(WeightedMean):
    """The error of standardized values, in the mean over the values of an item.

    Labels ``y`` are compared as ``(y - mean) / deviation``, which is what the head says.

    Args:
      kind: "squared" ``e^2``, "absolute" ``|e|``, or "huber" ``e^2 / 2`` up to 1 and ``|e| - 1/2``
        beyond.
      means, deviations: ``[num_values]`` of the training labels.
    """

    def __init__(
        self,
        *,
        kind: RegressionLoss,
        means: Sequence[float],
        deviations: Sequence[float],
        name: str = "standardized_error",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.kind = kind
        self.means = [float(value) for value in means]
        self.deviations = [float(value) for value in deviations]

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        wanted = (tf.cast(y_true, tf.float32) - self.means) / self.deviations
        # [num_items, num_values]
        errors = tf.cast(y_pred, tf.float32) - wanted
        if self.kind == "squared":
            losses = tf.square(errors)
        elif self.kind == "absolute":
            losses = tf.abs(errors)
        else:
            size = tf.abs(errors)
            losses = tf.where(size <= 1, tf.square(errors) / 2, size - 0.5)
        return tf.reduce_mean(losses, axis=-1)

    def get_config(self) -> dict[str, Any]:
        own = {"kind": self.kind, "means": self.means, "deviations": self.deviations}
        return {**super().get_config(), **own}


class Regression(Objective):
    """Each item has one or more numbers.

    The head says them in units of their deviation from their mean, so that one learning rate suits
    dollars and millimetres; predictions and scores are in the labels' own units.

    Args:
      labels: ``[num_items, num_values]`` of the training items, whose means and deviations are
        taken.
      loss: See `StandardizedError`. "absolute" and "huber" are less moved by outliers.

    >>> import numpy as np
    >>> objective = Regression(np.array([[10.0], [30.0]]))
    >>> objective.predictions(tf.constant([[0.0], [1.0]])).numpy().tolist()
    [[20.0], [30.0]]
    """

    output = "predictions"
    target: Target = "values"

    def __init__(self, labels: npt.ArrayLike, *, loss: RegressionLoss = "squared") -> None:
        values = np.asarray(labels, np.float64)
        if values.ndim != 2 or not values.size:
            raise ValueError(
                "`labels` of `Regression` must have shape [num_items >= 1, num_values >= 1]. "
                f"Got {list(values.shape)}."
            )
        if not np.isfinite(values).all():
            raise ValueError("`labels` of `Regression` must be finite. Got NaN or infinity.")
        if loss not in get_args(RegressionLoss):
            raise ValueError(
                f"`loss` of `Regression` must be one of {', '.join(get_args(RegressionLoss))}. "
                f"Got {loss!r}."
            )
        self.units = values.shape[1]
        self._means = values.mean(axis=0).astype(np.float32)
        # A value that is the same everywhere is that value; rounding makes its deviation more than
        # 0. One too small for float32 would divide by 0.
        deviations = values.std(axis=0)
        varies = (np.ptp(values, axis=0) > 0) & (deviations > np.finfo(np.float32).tiny)
        self._deviations = np.where(varies, deviations, 1).astype(np.float32)
        self._loss = StandardizedError(
            kind=loss, means=self._means.tolist(), deviations=self._deviations.tolist()
        )

    def loss(self) -> tf.keras.losses.Loss:
        return self._loss

    def metrics(self) -> list[tf.keras.metrics.Metric]:
        def absolute(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(
                tf.abs(self.predictions(logits) - tf.cast(labels, tf.float32)), axis=-1
            )[:, None]

        return [tf.keras.metrics.MeanMetricWrapper(absolute, name="mean_absolute_error")]

    def predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """Values ``[num_items, num_values]`` in the labels' units."""
        return tf.cast(logits, tf.float32) * self._deviations + self._means
