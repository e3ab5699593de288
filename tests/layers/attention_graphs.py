"""Two node sets, an edge set between them, four components the last of which is padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_gnn as tfgnn

A_SIZES = (3, 0, 4, 4)
B_SIZES = (2, 5, 3, 3)
WIDTH = 5


def attention_graph(seed: int, *, a: Any = None, b: Any = None, dtype: Any = tf.float32) -> Any:
    """A merged graph of static shapes; `a` and `b` are states in place of those that `seed` draws.

    Edges go from each node of "a" to the node of "b" in its component with its place, if any.
    """
    random = np.random.default_rng(seed)
    states = {
        name: random.normal(size=(sum(sizes), WIDTH)) if given is None else given
        for name, sizes, given in (("a", A_SIZES, a), ("b", B_SIZES, b))
    }
    starts = {name: np.cumsum([0, *sizes]) for name, sizes in (("a", A_SIZES), ("b", B_SIZES))}
    pairs = np.array(
        [
            (starts["a"][c] + i, starts["b"][c] + i)
            for c in range(len(A_SIZES))
            for i in range(min(A_SIZES[c], B_SIZES[c]))
        ],
        np.int32,
    )
    counts = [min(pair) for pair in zip(A_SIZES, B_SIZES, strict=True)]
    return tfgnn.GraphTensor.from_pieces(
        tfgnn.Context.from_fields(sizes=tf.ones([len(A_SIZES)], tf.int32)),
        {
            name: tfgnn.NodeSet.from_fields(
                sizes=tf.constant(sizes, tf.int32),
                features={tfgnn.HIDDEN_STATE: tf.constant(states[name], dtype)},
            )
            for name, sizes in (("a", A_SIZES), ("b", B_SIZES))
        },
        {
            "a_to_b": tfgnn.EdgeSet.from_fields(
                sizes=tf.constant(counts, tf.int32),
                adjacency=tfgnn.Adjacency.from_indices(
                    ("a", tf.constant(pairs[:, 0])), ("b", tf.constant(pairs[:, 1]))
                ),
            )
        },
    )
