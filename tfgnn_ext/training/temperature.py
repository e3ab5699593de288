"""Calibration of probabilities by one number.

Source: Guo et al.: "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.optimize import minimize_scalar

from tfgnn_ext.training.tasks.task import Task

_RANGE = (np.log(0.05), np.log(20.0))


def fit_temperature(
    task: Task, labels: npt.NDArray[Any], logits: npt.NDArray[np.floating[Any]]
) -> float:
    """The temperature T at which ``logits / T`` have the least log loss.

    Order and predicted classes stay as they are; only how sure the probabilities are changes.
    T > 1 where the model was too sure.

    Args:
      task: Of classes.
      labels: ``[num_items, ...]`` of items that the model was not trained on.
      logits: ``[num_items, units]``.

    Returns:
      T, between 1 / 20 and 20.

    Raises:
      ValueError: The task is not one of classes, or there are no items.

    >>> import numpy as np
    >>> from tfgnn_ext.training import NodeClassification
    >>> labels, logits = np.array([1, 1, 1, 0]), np.full((4, 1), 5.0)
    >>> round(fit_temperature(NodeClassification("paper", num_classes=2), labels, logits), 2)
    4.55
    """
    if task.objective.output != "probabilities":
        raise ValueError(
            "`task` of `fit_temperature` must be one of classes. "
            f"Got {type(task.objective).__name__}."
        )
    if not len(labels):
        raise ValueError("`labels` of `fit_temperature` must have items. Got none.")
    truth, said = tf.constant(labels), tf.constant(logits, tf.float32)

    def log_loss(log_temperature: float) -> float:
        probabilities = task.predictions(said / np.float32(np.exp(log_temperature)))
        return task.score(truth.numpy(), probabilities.numpy())["log_loss"]

    found = minimize_scalar(log_loss, bounds=_RANGE, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def calibrate(task: Task, model: tf.keras.Model, temperature: float) -> None:
    """Divides the logits of a composed model by a temperature, in the weights of its head.

    So the model is one like any other: what evaluates, exports and serves it needs no temperature.

    Args:
      task: The model's.
      model: A composed model; changed.
      temperature: T > 0.
    """
    head = model.get_layer(task.head)
    head.set_weights([weight / np.float32(temperature) for weight in head.get_weights()])
