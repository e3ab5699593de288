"""Builds the model once before the first stage, so that what it refuses leaves nothing behind."""

from __future__ import annotations

from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.start_tensorflow import start_tensorflow


def check_template(context: Context) -> None:
    """Builds the template for one sampled batch, unless a training of this run began already.

    Raises:
      InputError: The template refuses its parameters or the sampled graph.
    """
    if context.directory.has("inputs.json"):
        return
    start_tensorflow(context.directory)
    from tfgnn_ext.runner.stages import learning

    statistics = learning.input_statistics(context, steps=1)
    learning.model_function(context, statistics=statistics)(learning.any_size(context))
