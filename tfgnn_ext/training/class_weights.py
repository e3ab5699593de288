"""Weights of classes: what makes rare classes count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def class_weights(
    labels: npt.NDArray[np.integer[Any]], num_classes: int, weights: str | Sequence[float]
) -> npt.NDArray[np.float32]:
    """The weight of each class.

    "balanced" is ``n / (K n_k)`` for ``n`` labels, ``K`` classes that occur and ``n_k`` labels of
    class k: every class gets the same total weight, and the mean weight of a label is 1. A class
    that does not occur gets weight 0.

    Args:
      labels: int ``[num_items]``, of the training seeds.
      num_classes: The number of classes.
      weights: "balanced", or one weight a class.

    Returns:
      ``[num_classes]``.

    >>> import numpy as np
    >>> class_weights(np.array([0, 1, 1, 1, 1, 1, 1, 1]), 2, "balanced").tolist()[0]
    4.0
    """
    if isinstance(weights, str):
        if weights != "balanced":
            raise ValueError(
                f'`weights` of `class_weights` must be "balanced" or one number a class. '
                f"Got {weights!r}."
            )
        counts = np.bincount(labels, minlength=num_classes)
        occurring = np.count_nonzero(counts)
        balanced = len(labels) / (occurring * np.maximum(counts, 1))
        return np.where(counts > 0, balanced, 0.0).astype(np.float32)
    given = np.asarray(weights, np.float32)
    if given.shape != (num_classes,) or not np.isfinite(given).all() or (given < 0).any():
        raise ValueError(
            f"`weights` of `class_weights` must be {num_classes} finite numbers >= 0, one a class. "
            f"Got {list(weights)}."
        )
    return given
