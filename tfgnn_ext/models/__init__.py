"""Named model templates: functions from an `InputSpec` to a Keras model on GraphTensors."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfgnn_ext.models.gat_v2 import gat_v2
from tfgnn_ext.models.graph_sage import graph_sage
from tfgnn_ext.models.mt_albis import mt_albis
from tfgnn_ext.models.seed_attention import seed_attention

__all__ = ["TEMPLATES", "gat_v2", "graph_sage", "mt_albis", "seed_attention"]

# A template's name is that of its function and of its file.
TEMPLATES: dict[str, Callable[..., tf.keras.Model]] = {
    template.__name__: template for template in (gat_v2, graph_sage, mt_albis, seed_attention)
}
