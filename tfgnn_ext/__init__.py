"""tfgnn-ext: graph learning on TF-GNN, from tables to replicable results.

Importing this package is cheap: TensorFlow, Beam and the rest load with the rooms that use them.
"""

from __future__ import annotations

import os

# A GraphTensor is a composite tensor, which Keras 3 refuses: `tf.keras` must be Keras 2, and that
# is decided when it is first touched.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

__version__ = "0.1.0"
