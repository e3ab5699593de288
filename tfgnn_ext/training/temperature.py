"""Calibration of probabilities by one number.

Source: Guo et al.: "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

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
      ValueError: The task is not one of classes, there are no items, or logits are not finite.

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
    said = np.asarray(logits, np.float64)
    if not np.isfinite(said).all():
        raise ValueError("`logits` of `fit_temperature` must be finite. Got NaN or infinity.")

    def loss(log_temperature: float) -> float:
        return _log_loss(labels, said / np.exp(log_temperature))

    found = minimize_scalar(loss, bounds=_RANGE, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def _log_loss(labels: npt.NDArray[Any], logits: npt.NDArray[np.float64]) -> float:
    """Of logits, so that nothing is clipped: a model that is much too sure has a slope, too."""
    if labels.ndim == 1 and logits.shape[1] > 1:
        own = logits[np.arange(len(labels)), labels]
        return float((logsumexp(logits, axis=1) - own).mean())
    # Log odds of class 1, or of each class: log(1 + e^x) - y x.
    return float((np.logaddexp(0, logits) - labels.reshape(logits.shape) * logits).mean())


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
