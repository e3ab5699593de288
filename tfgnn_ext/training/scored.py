"""What judges predictions, by what the labels are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tfgnn_ext.graph.labels import Target
from tfgnn_ext.training.metrics import classification_metrics
from tfgnn_ext.training.metrics_of_labels import multi_label_metrics
from tfgnn_ext.training.metrics_of_numbers import regression_metrics

# From labels, predictions and, by name, weights, to the scores of `score_names.SCORES`.
SCORED: Mapping[Target, Callable[..., dict[str, float]]] = {
    "class": classification_metrics,
    "classes": multi_label_metrics,
    "values": regression_metrics,
}
