"""Metrics of class probabilities, exact and weighted, in NumPy.

The same numbers choose the best step in training and judge the final model, so nothing here is
binned or streamed (but for the calibration error, whose definition is binned).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

from tfgnn_ext.training.score_names import SCORES

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]

METRICS = SCORES["class"]


def f1_scores(labels: Ints, predictions: Ints, weights: Floats, num_classes: int) -> Floats:
    """The F1 score of each class: ``2 TP / (2 TP + FP + FN)``, NaN for a class nobody mentions.

    Args:
      labels: ``[num_items]``, true classes.
      predictions: ``[num_items]``, predicted classes.
      weights: ``[num_items]``.
      num_classes: The number of classes.

    Returns:
      ``[num_classes]``.

    >>> import numpy as np
    >>> f1_scores(np.array([0, 0, 1]), np.array([0, 1, 1]), np.ones(3), 3).round(3).tolist()
    [0.667, 0.667, nan]
    """
    hit = labels == predictions
    true = np.bincount(labels, weights, num_classes)
    predicted = np.bincount(predictions, weights, num_classes)
    both = np.bincount(labels[hit], weights[hit], num_classes)
    # TP + FP is `predicted`, TP + FN is `true`.
    total = true + predicted
    return np.where(total > 0, 2 * both / np.where(total > 0, total, 1), np.nan)


def calibration_error(
    correct: npt.NDArray[np.bool_], confidences: Floats, weights: Floats, *, bins: int = 15
) -> float:
    """Expected calibration error of the predicted class.

    Confidences, the probability of the predicted class, fall in `bins` bins of equal width,
    ``(i / bins, (i + 1) / bins]``. With ``w_b`` the share of the weight in bin b, ``acc_b`` its
    accuracy and ``conf_b`` its mean confidence, the error is ``sum_b w_b |acc_b - conf_b|`` (Guo et
    al.: "On Calibration of Modern Neural Networks", ICML 2017).

    Args:
      correct: ``[num_items]``, whether the predicted class is the true one.
      confidences: ``[num_items]``.
      weights: ``[num_items]``.
      bins: The number of bins.

    >>> import numpy as np
    >>> round(calibration_error(np.array([True, False]), np.array([0.9, 0.8]), np.ones(2)), 3)
    0.45
    """
    index = np.clip(np.ceil(confidences * bins).astype(np.int64) - 1, 0, bins - 1)
    # sum_b w_b |acc_b - conf_b| = sum_b |sum of weight * (correct - confidence) in b| / all weight.
    gaps = np.bincount(index, weights * (correct - confidences), bins)
    return float(np.abs(gaps).sum() / weights.sum())


def classification_metrics(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    bins: int = 15,
) -> dict[str, float]:
    """All of `METRICS`, for two or more classes.

    The predicted class is the most probable one, the first of equals. ``macro_f1`` is the mean over
    the classes that occur in labels or predictions; ``micro_f1`` equals accuracy, as every item has
    one class. ``roc_auc`` and ``average_precision`` are those of class 1 for two classes, else the
    unweighted mean over classes, one against the rest, that have both positives and negatives.
    ``log_loss`` is in nats, with probabilities clipped below at 1e-15; see `calibration_error`.

    Args:
      labels: int ``[num_items]``, true classes.
      probabilities: ``[num_items, num_classes]``, rows that sum to one.
      weights: ``[num_items]``, not negative; default: all one. Items of weight 0 are left out.
      bins: The number of bins of the calibration error.

    Returns:
      A value for each name of `METRICS`; NaN, with a warning, where it is not defined (no items, or
      labels of one class only for ``roc_auc`` and ``average_precision``).

    Raises:
      ValueError: Shapes do not fit, a label is no class, or a value is not finite.

    >>> metrics = classification_metrics([0, 1, 1], [[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    >>> {name: round(value, 3) for name, value in metrics.items()}  # doctest: +NORMALIZE_WHITESPACE
    {'log_loss': 0.415, 'roc_auc': 1.0, 'average_precision': 1.0, 'accuracy': 0.667,
     'macro_f1': 0.667, 'micro_f1': 0.667, 'calibration_error': 0.3}
    """
    y, p, w = _check(labels, probabilities, weights)
    kept = w > 0
    y, p, w = y[kept], p[kept], w[kept]
    if not len(y):
        return nothing_to_judge(METRICS)
    predictions = p.argmax(axis=1)
    correct = predictions == y
    accuracy = float(w[correct].sum() / w.sum())
    # [num_items], the probability of the true class
    own = np.clip(p[np.arange(len(y)), y], 1e-15, None)
    return {
        "log_loss": float(-(w * np.log(own)).sum() / w.sum()),
        "roc_auc": _one_against_rest("roc_auc", roc_auc_score, y, p, w),
        "average_precision": _one_against_rest(
            "average_precision", average_precision_score, y, p, w
        ),
        "accuracy": accuracy,
        "macro_f1": float(np.nanmean(f1_scores(y, predictions, w, p.shape[1]))),
        "micro_f1": accuracy,
        "calibration_error": calibration_error(correct, p.max(axis=1), w, bins=bins),
    }


def split_metrics(
    score: Callable[..., Mapping[str, float]],
    labels: npt.NDArray[Any],
    predictions: Floats,
    splits: npt.NDArray[np.integer[Any]],
    names: Sequence[str],
    *,
    groups: npt.NDArray[np.integer[Any]] | None = None,
) -> dict[str, dict[str, float]]:
    """The scores of each split that has items.

    Args:
      score: From labels and predictions to metrics; `classification_metrics` is one.
      labels, predictions: ``[num_items, ...]``.
      splits: int ``[num_items]``, indices into `names`.
      names: The splits.
      groups: int ``[num_items]``, handed to `score` too: see `Task.score`.

    >>> import numpy as np
    >>> scores = np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    >>> by_split = split_metrics(
    ...     classification_metrics,
    ...     np.array([0, 1, 1]), scores, np.array([0, 0, 0]), ["train", "validation"]
    ... )
    >>> {name: round(metrics["accuracy"], 3) for name, metrics in by_split.items()}
    {'train': 0.667}
    """
    found: dict[str, dict[str, float]] = {}
    for index, name in enumerate(names):
        chosen = splits == index
        if chosen.any():
            more = {} if groups is None else {"groups": groups[chosen]}
            found[name] = dict(score(labels[chosen], predictions[chosen], **more))
    return found


def nothing_to_judge(names: Sequence[str]) -> dict[str, float]:
    """NaN for each of `names`, with a warning."""
    warnings.warn("There are no items to judge: every metric is NaN.", stacklevel=3)
    return dict.fromkeys(names, float("nan"))


def checked_weights(weights: npt.ArrayLike | None, num_items: int, where: str) -> Floats:
    """The weights of items ``[num_items]``, all one by default.

    Raises:
      ValueError: The shape does not fit, or a weight is negative or not finite.
    """
    w = np.ones(num_items) if weights is None else np.asarray(weights, np.float64)
    if w.shape != (num_items,):
        raise ValueError(f"`weights` {where} must have shape [{num_items}]. Got {list(w.shape)}.")
    if not np.isfinite(w).all() or (w < 0).any():
        raise ValueError(f"`weights` {where} must be finite and >= 0. Got {w.min()}.")
    return w


def mean_over_classes(
    name: str,
    score: Callable[..., float],
    labels: Sequence[npt.NDArray[np.bool_]],
    scores: Sequence[Floats],
    weights: Floats,
) -> float:
    """The unweighted mean of a score over the classes that have both positives and negatives.

    Args:
      name: Of the score, for the warning where no class has both.
      score: Of one class: ``score(labels, scores, sample_weight=weights)``.
      labels: For each class, whether an item has it, ``[num_items]``.
      scores: For each class, ``[num_items]``.
      weights: ``[num_items]``.
    """
    values = [
        score(own, said, sample_weight=weights)
        for own, said in zip(labels, scores, strict=True)
        if own.any() and not own.all()
    ]
    if not values:
        warnings.warn(
            f"{name} is NaN: it needs a class with positives and negatives. Got none.",
            stacklevel=3,
        )
        return float("nan")
    return float(np.mean(values))


def is_better(value: float, best: float | None, mode: str) -> bool:
    """Whether `value` beats `best` in `mode` ("min" or "max"). NaN beats nothing.

    >>> is_better(0.3, None, "min"), is_better(0.3, 0.3, "min"), is_better(0.4, 0.3, "max")
    (True, False, True)
    """
    if np.isnan(value):
        return False
    if best is None:
        return True
    return value < best if mode == "min" else value > best


def mode_of(metric: str) -> str:
    """The mode in which a metric is compared.

    >>> mode_of("log_loss"), mode_of("accuracy"), mode_of("mean_absolute_error")
    ('min', 'max', 'min')
    """
    return "min" if metric.endswith(("loss", "error")) else "max"


def _one_against_rest(
    name: str, score: Callable[..., float], labels: Ints, probabilities: Floats, weights: Floats
) -> float:
    num_classes = probabilities.shape[1]
    classes = [1] if num_classes == 2 else range(num_classes)
    truths = [labels == k for k in classes]
    return mean_over_classes(name, score, truths, [probabilities[:, k] for k in classes], weights)


def _check(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Ints, Floats, Floats]:
    y, p = np.asarray(labels), np.asarray(probabilities, np.float64)
    where = "of `classification_metrics`"
    if p.ndim != 2 or p.shape[1] < 2:
        raise ValueError(
            f"`probabilities` {where} must have shape [num_items, num_classes >= 2]. "
            f"Got {list(p.shape)}."
        )
    if y.shape != p.shape[:1]:
        raise ValueError(f"`labels` {where} must have shape [{len(p)}]. Got {list(y.shape)}.")
    if len(y) and not np.issubdtype(y.dtype, np.integer):
        raise ValueError(f"`labels` {where} must be ints. Got {y.dtype}.")
    y = y.astype(np.int64)
    if len(y) and not (y.min() >= 0 and y.max() < p.shape[1]):
        wrong = y.min() if y.min() < 0 else y.max()
        raise ValueError(f"`labels` {where} must be in [0, {p.shape[1]}). Got {wrong}.")
    w = checked_weights(weights, len(y), where)
    if not np.isfinite(p).all():
        row = int(np.flatnonzero(~np.isfinite(p).all(axis=1))[0])
        raise ValueError(f"`probabilities` {where} must be finite. Got {p[row].tolist()}.")
    return y, p, w


def with_prefix(metrics: Mapping[str, float], prefix: str) -> dict[str, float]:
    """The same values under prefixed names.

    >>> with_prefix({"accuracy": 0.5}, "val_")
    {'val_accuracy': 0.5}
    """
    return {f"{prefix}{name}": value for name, value in metrics.items()}
