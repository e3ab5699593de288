"""tfgnn-ext: graph learning on TF-GNN, from tables to trained, replicable results.

Importing this package is cheap: TensorFlow, Beam and the rest load with the rooms that use them.
"""

from __future__ import annotations

import os

from tfgnn_ext._version import __version__

__all__ = ["__version__", "require_keras_2"]

# A GraphTensor is a composite tensor, which Keras 3 refuses: `tf.keras` must be Keras 2, and that
# is decided when it is first touched.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")


def require_keras_2() -> None:
    """Checks that TensorFlow is there and that its `tf.keras` is Keras 2.

    Rooms that need TensorFlow call it before they import TF-GNN, which under Keras 3 fails in ways
    that do not say why.

    Raises:
      ImportError: TensorFlow is missing, or `tf.keras` is Keras 3: it was touched before this
        package was imported, or the environment asks for it.
    """
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ImportError(
            f"TensorFlow must be installed: pip install 'tfgnn-ext[train]'. Got: {error}."
        ) from None
    if not tf.keras.Model.__module__.startswith("tf_keras."):
        raise ImportError(
            "`tf.keras` must be Keras 2: import tfgnn_ext before tf.keras is used, and leave "
            f"TF_USE_LEGACY_KERAS unset or 1. Got {tf.keras.Model.__module__}."
        )
