"""Metrics of numbers, exact and weighted, in NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfgnn_ext.training.metrics import checked_weights, nothing_to_judge
from tfgnn_ext.training.score_names import SCORES

REGRESSION_METRICS = SCORES["values"]


def regression_metrics(
    labels: npt.ArrayLike, predictions: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
) -> dict[str, float]:
    """All of `REGRESSION_METRICS`, each the mean over the values of an item.

    ``r2`` is ``1 - sum w (y - p)^2 / sum w (y - mean)^2`` of each value whose labels differ; NaN
    where none has such.

    Args:
      labels: ``[num_items, num_values]``.
      predictions: ``[num_items, num_values]``.
      weights: ``[num_items]``, not negative; default: all one. Items of weight 0 are left out.

    Raises:
      ValueError: Shapes do not fit, or a value is not finite.

    >>> found = regression_metrics([[1.0], [3.0]], [[1.0], [2.0]])
    >>> found["mean_squared_error"], found["mean_absolute_error"], found["r2"]
    (0.5, 0.5, 0.5)
    """
    where = "of `regression_metrics`"
    y, p = np.asarray(labels, np.float64), np.asarray(predictions, np.float64)
    if p.ndim != 2 or y.shape != p.shape:
        raise ValueError(
            f"`labels` and `predictions` {where} must have one shape [num_items, num_values]. "
            f"Got {list(y.shape)} and {list(p.shape)}."
        )
    for name, values in (("labels", y), ("predictions", p)):
        if not np.isfinite(values).all():
            raise ValueError(f"`{name}` {where} must be finite. Got NaN or infinity.")
    w = checked_weights(weights, len(y), where)
    y, p, w = y[w > 0], p[w > 0], w[w > 0]
    if not len(y):
        return nothing_to_judge(REGRESSION_METRICS)
    w = w / w.sum()
    # [num_values]
    squared, absolute = w @ (y - p) ** 2, w @ np.abs(y - p)
    spread = w @ (y - w @ y) ** 2
    # Rounding makes the spread of equal labels more than 0.
    varies = (np.ptp(y, axis=0) > 0) & (spread > 0)
    r2 = 1 - squared[varies] / spread[varies]
    return {
        "mean_squared_error": float(squared.mean()),
        "root_mean_squared_error": float(np.sqrt(squared).mean()),
        "mean_absolute_error": float(absolute.mean()),
        "r2": float(r2.mean()) if len(r2) else float("nan"),
    }
