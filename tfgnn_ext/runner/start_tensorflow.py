"""Loads TensorFlow without its greetings."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

import tfgnn_ext
from tfgnn_ext.runner.run_directory import RunDirectory


def start_tensorflow(directory: RunDirectory) -> None:
    """Loads TensorFlow and TF-GNN and finds the devices; what they print goes to the log.

    Args:
      directory: Of the run.

    Raises:
      ImportError: TensorFlow is missing, or `tf.keras` is Keras 3.
    """
    if "tensorflow_gnn" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    said: list[str] = []
    with _caught(said):
        tfgnn_ext.require_keras_2()
        import tensorflow as tf
        import tensorflow_gnn  # noqa: F401

        devices = [device.name for device in tf.config.list_logical_devices()]
    # Keras measures callbacks against steps: where steps take no time, that says nothing.
    tf.get_logger().addFilter(lambda record: "is slow compared" not in record.getMessage())
    directory.log("tensorflow started", devices=devices, said=said)


@contextlib.contextmanager
def _caught(lines: list[str]) -> Iterator[None]:
    """Takes what is written to file descriptor 2 within; after an error it is printed."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            text = file.read().decode(errors="replace")
            lines += text.splitlines()
            if failed:
                sys.stderr.write(text)
