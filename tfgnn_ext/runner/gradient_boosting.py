"""Gradient boosting on columns, by what the labels are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from tfgnn_ext.graph.labels import Target

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[Any]
Chosen = npt.NDArray[np.bool_]
# From columns [num_seeds, num_columns], labels, which seeds are trained on, the number of classes
# or of values, and scikit-learn's arguments.
Fit = Callable[[Floats, Labels, Chosen, int, Mapping[str, Any]], Floats]


def _class(
    columns: Floats, labels: Labels, train: Chosen, num_classes: int, options: Mapping[str, Any]
) -> Floats:
    """Probabilities ``[num_seeds, num_classes]``: 0 for a class without training seeds."""
    model = HistGradientBoostingClassifier(**options).fit(columns[train], labels[train])
    probabilities = np.zeros((len(labels), num_classes), np.float32)
    probabilities[:, model.classes_] = model.predict_proba(columns)
    return probabilities


def _classes(
    columns: Floats, labels: Labels, train: Chosen, num_classes: int, options: Mapping[str, Any]
) -> Floats:
    """Probabilities ``[num_seeds, num_classes]``, of a model a class."""
    found = []
    for label in labels.T:
        # A model needs both; without, what is always so is said.
        if len(np.unique(label[train])) < 2:
            found.append(np.full(len(labels), label[train][0], np.float32))
        else:
            found.append(_class(columns, label, train, 2, options)[:, 1])
    return np.column_stack(found)


def _values(
    columns: Floats, labels: Labels, train: Chosen, num_values: int, options: Mapping[str, Any]
) -> Floats:
    """Numbers ``[num_seeds, num_values]``, of a model a number."""
    found = [
        HistGradientBoostingRegressor(**options).fit(columns[train], label[train]).predict(columns)
        for label in labels.T
    ]
    return np.column_stack(found).astype(np.float32)


FITTED: Mapping[Target, Fit] = {"class": _class, "classes": _classes, "values": _values}
