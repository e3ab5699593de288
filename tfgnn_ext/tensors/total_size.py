"""The number of items of a node or edge set."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_gnn as tfgnn


def total_size(part: tfgnn.NodeSet | tfgnn.EdgeSet) -> int | tf.Tensor:
    """The number of items, as an int where it is static: `part.total_size` is a tensor always.

    >>> total_size(tfgnn.NodeSet.from_fields(sizes=[2, 3], features={"x": tf.zeros([5])}))
    5
    """
    total: int | None = part.spec.total_size
    return part.total_size if total is None else total
