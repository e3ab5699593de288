from __future__ import annotations

import subprocess
import sys

from tfgnn_ext import training

WITHOUT = """
import sys
from tfgnn_ext.training import SeedBatches, class_weights, classification_metrics, write_table
assert "tensorflow" not in sys.modules
"""


def test_metrics_batches_and_tables_need_no_tensorflow() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT], check=True, timeout=120)


def test_every_public_name_loads() -> None:
    for name in training.__all__:
        assert getattr(training, name).__doc__ or name in ("METRICS", "ModelFn")
