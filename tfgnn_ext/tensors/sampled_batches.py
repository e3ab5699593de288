"""From (step) to a training batch: sampled components as a `tf.data.Dataset`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.graph import LinkSeeds, Seeds
from tfgnn_ext.sampling import InMemorySampler, NegativeSampler, Sizes
from tfgnn_ext.tensors.fits_budget import FITS, fits_budget
from tfgnn_ext.tensors.graph_tensors import GraphTensors
from tfgnn_ext.tensors.size_budget import SizeBudget

# What a step trains on: positions in the seeds [batch_size], weights [batch_size], and the epoch
# that enters the sampler's key.
Choice = tuple[npt.NDArray[np.integer], npt.NDArray[np.floating], int]


class SampledBatches:
    """Datasets of ``(graph, label, weight)`` over sampled components of seeds.

    A batch is a pure function of its step: ``choose(step)`` says which seeds, the sampler's key
    says which neighbours. One `tf.numpy_function` call returns one packed buffer; all else runs in
    TensorFlow. That call lives in this process: the dataset cannot be serialized for a remote
    tf.data service.

    Args:
      sampler: Draws the components.
      seeds: The seeds with times and labels; positions refer to them.
      batch_size: Seeds a batch.
      budget: Static sizes (for `jit_compile` and TPUs). Labels and weights then get one more
        entry, of weight 0, for the padding component.
      layers: With `budget`: the sizes of a model's trimmed layers. Components that do not fit them
        get weight 0, as those do that do not fit `budget`; models read which from the context.
      latent, labels: As for `GraphTensors`.
      negatives: Of seeds that are pairs: draws the negative ones anew in every epoch.
    """

    def __init__(
        self,
        sampler: InMemorySampler,
        seeds: Seeds | LinkSeeds,
        *,
        batch_size: int,
        budget: Sizes | None = None,
        layers: SizeBudget | None = None,
        latent: Sequence[str] | None = None,
        labels: Sequence[str] = (),
        negatives: NegativeSampler | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(
                f"`batch_size` of `SampledBatches` must be an int >= 1. Got {batch_size}."
            )
        if sampler.timed and seeds.times is None:
            raise ValueError(
                "`seeds` of `SampledBatches` must have times: the plan's samples depend on the "
                "seed's time. Got seeds without."
            )
        if (sampler.plan.link is None) != isinstance(seeds, Seeds):
            wanted = "nodes (`Seeds`)" if sampler.plan.link is None else "pairs (`LinkSeeds`)"
            raise ValueError(
                f"`seeds` of `SampledBatches` must be {wanted}, as the plan's are. "
                f"Got {type(seeds).__name__}."
            )
        self.sampler = sampler
        self.seeds = seeds
        self._negatives = negatives
        self.batch_size = batch_size
        if layers is not None and budget is None:
            raise ValueError(
                "`layers` of `SampledBatches` must be None without a `budget`. Got sizes for "
                "batches of any size."
            )
        self.budget = budget
        self._layers = layers
        self._assemble = GraphTensors(sampler, budget=budget, latent=latent, labels=labels)
        self.latent = self._assemble.latent
        self._labels = tf.constant(seeds.labels)
        self._times = tf.constant(seeds.times) if sampler.timed else None
        self._rows = np.asarray(seeds.rows, np.int32)

    def dataset(
        self,
        choose: Callable[[int], Choice],
        start: int,
        stop: int,
        *,
        num_parallel_calls: int | None = None,
    ) -> tf.data.Dataset:
        """Batches of the steps ``start .. stop - 1``, in this order.

        Args:
          choose: From a step to its seeds; called from several threads.
          start, stop: The steps.
          num_parallel_calls: Threads; default: as many as there are processors.

        Returns:
          Elements ``(graph, label [batch], weight float32 [batch])``.
        """

        def sample(step: np.int64) -> tuple[npt.NDArray[Any], ...]:
            positions, weights, epoch = choose(int(step))
            times = None
            if self.sampler.timed and self.seeds.times is not None:
                times = self.seeds.times[positions]
            rows = self._rows[positions]
            if self._negatives is not None and isinstance(self.seeds, LinkSeeds):
                rows = self._negatives.rows_at(self.seeds, positions, epoch)
            packed = self.sampler.sample_packed(rows, times, epoch=epoch, budget=self.budget)
            return packed, positions.astype(np.int32), weights.astype(np.float32)

        def batch(step: tf.Tensor) -> tuple[tfgnn.GraphTensor, tf.Tensor, tf.Tensor]:
            packed, positions, weights = tf.numpy_function(
                sample, [step], (tf.int32, tf.int32, tf.float32), stateful=False
            )
            packed.set_shape([None])
            positions.set_shape([self.batch_size])
            weights.set_shape([self.batch_size])
            times = None if self._times is None else tf.gather(self._times, positions)
            graph, whole = self._assemble(packed, times, self.batch_size)
            labels = tf.gather(self._labels, positions)
            if self._layers is not None:
                fits = tf.cast(fits_budget(graph, self._layers, self.seeds.node_set), tf.float32)
                whole *= fits[:-1]
                context = tfgnn.Context.from_fields(
                    sizes=graph.context.sizes, features={FITS: fits}
                )
                graph = tfgnn.GraphTensor.from_pieces(context, graph.node_sets, graph.edge_sets)
            weights *= whole
            if self.budget is not None:
                labels = tf.pad(labels, [[0, 1]] + [[0, 0]] * (len(labels.shape) - 1))
                weights = tf.pad(weights, [[0, 1]])
            return graph, labels, weights

        threads = num_parallel_calls or _processors()
        return (
            tf.data.Dataset.range(start, stop)
            .map(batch, num_parallel_calls=threads, deterministic=True)
            .prefetch(2)
        )


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
