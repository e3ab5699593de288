"""Named model templates: functions from an `InputSpec` to a Keras model on GraphTensors."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfgnn_ext.models.appnp import appnp
from tfgnn_ext.models.gat_v2 import gat_v2
from tfgnn_ext.models.gcn import gcn
from tfgnn_ext.models.gcnii import gcnii
from tfgnn_ext.models.gin import gin
from tfgnn_ext.models.graph_sage import graph_sage
from tfgnn_ext.models.graph_transformer import graph_transformer
from tfgnn_ext.models.hgt import hgt
from tfgnn_ext.models.message_passing import MessagePassing, Messages, shared_options
from tfgnn_ext.models.mt_albis import mt_albis
from tfgnn_ext.models.multi_head_attention import multi_head_attention
from tfgnn_ext.models.rgcn import rgcn
from tfgnn_ext.models.seed_attention import seed_attention
from tfgnn_ext.models.sehgnn import sehgnn
from tfgnn_ext.models.vanilla_mpnn import vanilla_mpnn

__all__ = [
    "TEMPLATES",
    "MessagePassing",
    "Messages",
    "appnp",
    "gat_v2",
    "gcn",
    "gcnii",
    "gin",
    "graph_sage",
    "graph_transformer",
    "hgt",
    "mt_albis",
    "multi_head_attention",
    "rgcn",
    "seed_attention",
    "sehgnn",
    "shared_options",
    "vanilla_mpnn",
]

# A template's name is that of its function and of its file.
TEMPLATES: dict[str, Callable[..., tf.keras.Model]] = {
    template.__name__: template
    for template in (
        appnp,
        gat_v2,
        gcn,
        gcnii,
        gin,
        graph_sage,
        graph_transformer,
        hgt,
        mt_albis,
        multi_head_attention,
        rgcn,
        seed_attention,
        sehgnn,
        vanilla_mpnn,
    )
}
