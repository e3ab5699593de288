"""Metrics of items with any number of classes, exact and weighted, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

from tfgnn_ext.training.metrics import checked_weights, mean_over_classes, nothing_to_judge
from tfgnn_ext.training.score_names import SCORES

MULTI_LABEL_METRICS = SCORES["classes"]


def multi_label_metrics(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
) -> dict[str, float]:
    """All of `MULTI_LABEL_METRICS`.

    A class is predicted where its probability is above one half. ``macro_f1`` is the mean over the
    classes that occur in labels or predictions, ``micro_f1`` that of all decisions together;
    ``roc_auc`` and ``average_precision`` are the mean over classes that have both positives and
    negatives; ``subset_accuracy`` is the share of items whose classes are all right; ``log_loss``,
    in nats, is the mean over items and classes, with probabilities clipped to [1e-15, 1 - 1e-15].

    Args:
      labels: ``[num_items, num_classes]`` of 0 and 1.
      probabilities: ``[num_items, num_classes]``.
      weights: ``[num_items]``, not negative; default: all one. Items of weight 0 are left out.

    Returns:
      A value for each name; NaN, with a warning, where it is not defined.

    Raises:
      ValueError: Shapes do not fit, a label is neither 0 nor 1, or a value is not finite.

    >>> found = multi_label_metrics([[1, 0], [1, 1]], [[0.9, 0.2], [0.6, 0.4]])
    >>> {name: round(found[name], 3) for name in ("macro_f1", "micro_f1", "subset_accuracy")}
    {'macro_f1': 0.5, 'micro_f1': 0.8, 'subset_accuracy': 0.5}
    """
    where = "of `multi_label_metrics`"
    p, y = np.asarray(probabilities, np.float64), np.asarray(labels)
    if p.ndim != 2 or y.shape != p.shape:
        raise ValueError(
            f"`labels` and `probabilities` {where} must have one shape [num_items, num_classes]. "
            f"Got {list(y.shape)} and {list(p.shape)}."
        )
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"`labels` {where} must be 0 or 1. Got {y[~np.isin(y, (0, 1))][0]}.")
    if not np.isfinite(p).all():
        raise ValueError(f"`probabilities` {where} must be finite. Got NaN or infinity.")
    w = checked_weights(weights, len(y), where)
    kept = w > 0
    y, p, w = y[kept].astype(bool), p[kept], w[kept]
    if not len(y):
        return nothing_to_judge(MULTI_LABEL_METRICS)
    said = p > 0.5
    # [num_classes]: twice the true positives, and positives said or true.
    both = 2 * (w @ (said & y))
    total = w @ said + w @ y
    f1 = both[total > 0] / total[total > 0]
    clipped = np.clip(p, 1e-15, 1 - 1e-15)
    losses = -np.where(y, np.log(clipped), np.log1p(-clipped)).mean(axis=1)

    def over_classes(name: str, score: Any) -> float:
        return mean_over_classes(name, score, list(y.T), list(p.T), w)

    return {
        "log_loss": float(w @ losses / w.sum()),
        "micro_f1": float(both.sum() / total.sum()) if total.sum() else float("nan"),
        "macro_f1": float(f1.mean()) if len(f1) else float("nan"),
        "average_precision": over_classes("average_precision", average_precision_score),
        "roc_auc": over_classes("roc_auc", roc_auc_score),
        "subset_accuracy": float(w @ (said == y).all(axis=1) / w.sum()),
    }
