"""What predictions are judged by; names alone, so that configs are checked without more."""

from __future__ import annotations

from collections.abc import Mapping

from tfgnn_ext.graph.labels import Target

# By what labels are. The first is watched in training; the next three are shown first.
SCORES: Mapping[Target, tuple[str, ...]] = {
    "class": (
        "log_loss",
        "roc_auc",
        "average_precision",
        "accuracy",
        "macro_f1",
        "micro_f1",
        "calibration_error",
    ),
    "classes": (
        "log_loss",
        "micro_f1",
        "macro_f1",
        "average_precision",
        "roc_auc",
        "subset_accuracy",
    ),
    "values": (
        "mean_squared_error",
        "root_mean_squared_error",
        "mean_absolute_error",
        "r2",
    ),
}
# Beside those of "class", of links with negatives that were drawn for them.
RANKS = ("mrr", "hits@1", "hits@3", "hits@10")


def headline(target: Target, *, ranked: bool = False) -> tuple[str, ...]:
    """The three scores that are shown first.

    Args:
      target: What labels are.
      ranked: Whether links are ranked among negatives.

    >>> headline("class"), headline("class", ranked=True)
    (('roc_auc', 'average_precision', 'accuracy'), ('roc_auc', 'average_precision', 'mrr'))
    """
    return (*SCORES[target][1:3], RANKS[0]) if ranked else SCORES[target][1:4]
