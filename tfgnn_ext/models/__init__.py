"""Named model templates: functions from an `InputSpec` to a Keras model on GraphTensors."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfgnn_ext.models.graph_sage import graph_sage
from tfgnn_ext.models.seed_attention import seed_attention

__all__ = ["TEMPLATES", "graph_sage", "seed_attention"]

# A template's name is that of its function and of its file.
TEMPLATES: dict[str, Callable[..., tf.keras.Model]] = {
    template.__name__: template for template in (graph_sage, seed_attention)
}
