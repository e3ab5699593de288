"""Template: encode first, then propagate by personalized PageRank."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.teleport import Teleport
from tfgnn_ext.models.from_start import from_start
from tfgnn_ext.models.message_passing import MessagePassing, shared_options
from tfgnn_ext.tensors.input_spec import InputSpec


@shared_options
def appnp(
    spec: InputSpec,
    *,
    alpha: float = 0.1,
    num_layers: int = 10,
    **options: Any,
) -> tf.keras.Model:
    """APPNP: all weights are in the encoder and the head; the rounds in between have none.

    ``h' = (1 - a) mean_e sum_u w_uv h_u + a h_0`` with the encoded features h_0 and the weights of
    `EdgeWeights` (Gasteiger et al., "Predict then Propagate: Graph Neural Networks meet
    Personalized PageRank", ICLR 2019; there the head comes before the rounds, which, being linear,
    commute with it). So a model reaches far with few weights, which suits few labels. Edge sets
    count equally; features of edges are not read.

    Args:
      spec: The input.
      alpha: a, in (0, 1]: how much of its own encoding a node keeps in every round.
      num_layers: The number of rounds.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    design = MessagePassing(spec=spec, num_layers=num_layers, **options)
    design.must(
        "appnp",
        encoding="dense",
        normalization="none",
        residual="none",
        linear_last=False,
        virtual_node=False,
    )
    return from_start(design, lambda layer: Teleport(alpha=alpha))
