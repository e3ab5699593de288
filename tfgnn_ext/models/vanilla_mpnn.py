"""Template: plain message passing by TF-GNN's SimpleConv, for many node and edge sets."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.models.message_passing import MessagePassing, Messages, shared_options
from tfgnn_ext.models.positive import positive
from tfgnn_ext.tensors.input_spec import InputSpec


@shared_options
def vanilla_mpnn(
    spec: InputSpec,
    *,
    message_units: int = 64,
    reduce_type: Literal["mean", "sum", "max", "mean|max", "mean|sum"] = "mean",
    normalization: Literal["none", "layer", "batch"] = "layer",
    **options: Any,
) -> tf.keras.Model:
    """TF-GNN's "vanilla MPNN": a dense layer makes each message, another one the next state.

    ``m_uv = relu(M_e [h_v, h_u, e_uv] + c)``, pooled for each receiver and edge set, and
    ``h_v' = relu(W [h_v, m_e1, m_e2, ...] + b)`` (Gilmer et al., "Neural Message Passing for
    Quantum Chemistry", ICML 2017).

    Args:
      spec: The input.
      message_units: The width of messages.
      reduce_type: How messages are pooled.
      normalization: Of new states, as for `MessagePassing`.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    design = MessagePassing(spec=spec, normalization=normalization, **options)
    positive("vanilla_mpnn", message_units=message_units)

    def convolve(messages: Messages) -> tf.keras.layers.Layer:
        return tfgnn.keras.layers.SimpleConv(
            tf.keras.layers.Dense(message_units, "relu", **design.kernels()),
            # TF-GNN's maximum of no messages is the lowest float, which layers turn into NaN.
            reduce_type.replace("max", "max_no_inf"),
            receiver_tag=messages.receiver_tag,
            receiver_feature=tfgnn.HIDDEN_STATE,
            sender_edge_feature=messages.edge_feature,
        )

    return design.model(convolve)
