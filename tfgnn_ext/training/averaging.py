"""The moving average of the weights in place of the weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def averaged_weights(model: tf.keras.Model) -> Iterator[None]:
    """Within, the model has its averaged weights, if its optimizer keeps an average.

    The weights themselves return afterwards, bit for bit.

    Args:
      model: A compiled, built model.
    """
    if not getattr(model.optimizer, "use_ema", False):
        yield
        return
    variables = model.trainable_variables
    kept = [variable.numpy() for variable in variables]
    model.optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
