"""Template: graph convolutions many rounds deep."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.initial_residual import InitialResidual
from tfgnn_ext.models.from_start import from_start
from tfgnn_ext.models.message_passing import MessagePassing, shared_options
from tfgnn_ext.tensors.input_spec import InputSpec


@shared_options
def gcnii(
    spec: InputSpec,
    *,
    alpha: float = 0.1,
    strength: float = 0.5,
    num_layers: int = 8,
    round_l2: float | None = None,
    **options: Any,
) -> tf.keras.Model:
    """GCNII: a GCN that does not smooth states away, however deep.

    ``h' = relu((1 - b_l) z + b_l W_l z)`` with ``z = (1 - a) mean_e sum_u w_uv h_u + a h_0``, the
    encoded features h_0, the weights of `EdgeWeights`, and ``b_l = log(1 + strength / l)`` in round
    l, from 1: every round hears the input again, and later ones change less (Chen et al., "Simple
    and Deep Graph Convolutional Networks", ICML 2020). Edge sets count equally; features of edges
    are not read.

    Args:
      spec: The input.
      alpha: a, in (0, 1]: how much of its own encoding a node keeps in every round.
      strength: The paper's lambda, in [0, e - 1]: how much the kernels change.
      num_layers: The number of rounds.
      round_l2: The weight of the rounds' squared kernels in the loss; None: `l2`.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    if not 0 <= strength <= math.e - 1:
        raise ValueError(f"`strength` of `gcnii` must be in [0, e - 1]. Got {strength}.")
    if round_l2 is not None and not round_l2 >= 0:
        raise ValueError(f"`round_l2` of `gcnii` must be None or >= 0. Got {round_l2}.")
    design = MessagePassing(spec=spec, num_layers=num_layers, **options)
    design.must(
        "gcnii",
        encoding="dense",
        normalization="none",
        residual="none",
        linear_last=False,
        virtual_node=False,
    )
    return from_start(
        design,
        lambda layer: InitialResidual(
            alpha=alpha,
            beta=math.log(1 + strength / (layer + 1)),
            dropout=design.dropout,
            l2=design.l2 if round_l2 is None else round_l2,
            seed=design.next_seed(),
        ),
    )
