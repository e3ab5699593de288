"""Batches that tell how far they have been read."""

from __future__ import annotations

import threading
from collections.abc import Callable

import tensorflow as tf

from tfgnn_ext.runner.progress import Advance
from tfgnn_ext.training import BatchSource
from tfgnn_ext.training.seed_batches import Choice


class CountedBatches:
    """A `BatchSource` that counts the seeds it hands out.

    Args:
      source: Makes the batches.
      advance: Told of the seeds of each batch; padding is not counted.
    """

    def __init__(self, source: BatchSource, advance: Advance) -> None:
        self.batch_size = source.batch_size
        self.seeds = source.seeds
        self._source = source
        self._advance = advance
        self._lock = threading.Lock()

    def dataset(self, choose: Callable[[int], Choice], start: int, stop: int) -> tf.data.Dataset:
        """As the source's."""

        def counted(step: int) -> Choice:
            choice = choose(step)
            with self._lock:
                self._advance(int((choice[1] > 0).sum()))
            return choice

        return self._source.dataset(counted, start, stop)
