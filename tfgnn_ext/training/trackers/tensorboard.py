"""Event files for TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfgnn_ext.training.trackers.tracker import Tracker


class TensorBoard(Tracker):
    """Writes scalars with TensorFlow's own writer; only looking at them needs `tensorboard`.

    Args:
      directory: Of the event files. A resumed run adds a file.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = os.fspath(directory)
        self._writer: tf.summary.SummaryWriter | None = None

    def start(self, settings: Mapping[str, object], step: int) -> None:
        self._writer = tf.summary.create_file_writer(self._directory)
        if not step:
            lines = "\n".join(f"    {name}: {value}" for name, value in settings.items())
            with self._writer.as_default(step=0):
                tf.summary.text("settings", lines)

    def log(self, values: Mapping[str, float], step: int) -> None:
        if self._writer is None:
            raise RuntimeError("`start` of `TensorBoard` must be called first.")
        with self._writer.as_default(step=step):
            for name, value in values.items():
                # Scalars are float32, in which squares of large numbers are infinite.
                with np.errstate(over="ignore"):
                    tf.summary.scalar(name, np.float32(value))
        self._writer.flush()

    def finish(self, outcome: str) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
