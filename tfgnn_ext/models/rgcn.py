"""Template: relational graph convolutions, for graphs with many edge sets."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.basis_conv import Bases, BasisConv
from tfgnn_ext.layers.pool_neighbors import PoolNeighbors
from tfgnn_ext.models.message_passing import MessagePassing, Messages, shared_options
from tfgnn_ext.tensors.input_spec import InputSpec


@shared_options
def rgcn(
    spec: InputSpec,
    *,
    num_bases: int = 0,
    **options: Any,
) -> tf.keras.Model:
    """R-GCN: ``h_v' = relu(W_0 h_v + sum_e W_e mean_e h_u + b)``, a kernel for every edge set.

    Schlichtkrull et al. ("Modeling Relational Data with Graph Convolutional Networks", ESWC 2018).
    With bases, ``W_e = sum_b a_eb V_b``, so that many edge sets share few kernels, and features of
    edges are not read; without, this is `graph_sage` with means.

    Args:
      spec: The input.
      num_bases: How many kernels the edge sets of a layer share; 0: each has its own.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    if isinstance(num_bases, bool) or num_bases < 0:
        raise ValueError(f"`num_bases` of `rgcn` must be an int >= 0. Got {num_bases!r}.")
    design = MessagePassing(spec=spec, **options)

    def pool(messages: Messages) -> PoolNeighbors:
        return PoolNeighbors(receiver_tag=messages.receiver_tag, use_edges=messages.has_states)

    if not num_bases:
        return design.model(pool)
    shared = [
        Bases(
            number=num_bases,
            units=design.units,
            l2=design.l2,
            seed=design.next_seed(),
            name=f"bases_{layer}",
        )
        for layer in range(design.num_layers)
    ]

    def convolve(messages: Messages) -> tf.keras.layers.Layer:
        return BasisConv(pool(messages), shared[messages.layer], seed=design.next_seed())

    return design.model(
        convolve, lambda node_set, layer: design.next_state(layer, combine="sum"), reads_edges=False
    )
