"""A small problem on hand-made GraphTensors: two nodes a component, the label in the seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.graph import Seeds
from tfgnn_ext.training.seed_batches import Choice


def toy_seeds(num_seeds: int, num_classes: int = 2, *, seed: int = 0) -> tuple[Seeds, np.ndarray]:
    """Seeds with ids from 1000 downwards, and their features [num_seeds, 3]."""
    kernel = np.random.default_rng(5).normal(size=(3, num_classes))
    random = np.random.default_rng(seed)
    features = random.normal(size=(num_seeds, 3)).astype(np.float32)
    noisy = features @ kernel + random.normal(size=(num_seeds, num_classes)) / 5
    seeds = Seeds(
        node_set="item",
        ids=1000 - np.arange(num_seeds),
        rows=np.arange(num_seeds, dtype=np.int32),
        times=None,
        labels=noisy.argmax(axis=1).astype(np.int32),
        classes=tuple(f"class {k}" for k in range(num_classes)),
        splits=np.zeros(num_seeds, np.int8),
    )
    return seeds, features


class ToySource:
    """Components of a seed and one neighbour; the neighbour depends on the epoch.

    With `room`, batches have one more, padding component, and seeds of odd position fit only where
    they are among the first `room` of a batch.
    """

    def __init__(
        self, seeds: Seeds, features: np.ndarray, batch_size: int, *, room: int | None = None
    ) -> None:
        self.seeds = seeds
        self.batch_size = batch_size
        self._features = tf.constant(features)
        self._labels = tf.constant(seeds.labels)
        self._room = room

    def dataset(self, choose: Callable[[int], Choice], start: int, stop: int) -> tf.data.Dataset:
        size, count = self.batch_size, len(self.seeds)

        def pick(step: np.int64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            positions, weights, epoch = choose(int(step))
            return positions.astype(np.int64), weights, np.int64(epoch)

        def batch(step: tf.Tensor) -> tuple[tfgnn.GraphTensor, tf.Tensor, tf.Tensor]:
            positions, weights, epoch = tf.numpy_function(
                pick, [step], (tf.int64, tf.float32, tf.int64)
            )
            positions = tf.ensure_shape(positions, [size])
            weights = tf.ensure_shape(weights, [size])
            epoch = tf.ensure_shape(epoch, [])
            labels = tf.gather(self._labels, positions)
            components = size
            if self._room is not None:
                fits = (tf.range(size) < self._room) | (positions % 2 == 0)
                weights *= tf.cast(fits, tf.float32)
                positions = tf.concat([positions, [0]], 0)
                weights, labels = tf.pad(weights, [[0, 1]]), tf.pad(labels, [[0, 1]])
                components += 1
            neighbours = (positions * 7 + epoch + 1) % count
            rows = tf.reshape(tf.stack([positions, neighbours], axis=1), [-1])
            graph = tfgnn.GraphTensor.from_pieces(
                context=tfgnn.Context.from_fields(sizes=tf.ones([components], tf.int32)),
                node_sets={
                    "item": tfgnn.NodeSet.from_fields(
                        sizes=tf.fill([components], 2),
                        features={"x": tf.gather(self._features, rows)},
                    )
                },
                edge_sets={
                    "next": tfgnn.EdgeSet.from_fields(
                        sizes=tf.ones([components], tf.int32),
                        adjacency=tfgnn.Adjacency.from_indices(
                            ("item", tf.range(components) * 2),
                            ("item", tf.range(components) * 2 + 1),
                        ),
                    )
                },
            )
            return graph, labels, weights

        return (
            tf.data.Dataset.range(start, stop)
            .map(batch, num_parallel_calls=2, deterministic=True)
            .prefetch(2)
        )


def toy_model(spec: tfgnn.GraphTensorSpec, *, dropout: float = 0.3) -> tf.keras.Model:
    """One dense layer with Keras' dropout, and one round of messages."""

    def dense(seed: int) -> tf.keras.layers.Dense:
        initializer = tf.keras.initializers.GlorotUniform(seed)
        return tf.keras.layers.Dense(5, "relu", kernel_initializer=initializer)

    first, drop = dense(1), tf.keras.layers.Dropout(dropout)

    def start(node_set: tfgnn.NodeSet, *, node_set_name: str) -> tf.Tensor:
        return drop(first(node_set["x"]))

    inputs = tf.keras.layers.Input(type_spec=spec)
    graph = tfgnn.keras.layers.MapFeatures(node_sets_fn=start)(inputs)
    conv = tfgnn.keras.layers.SimpleConv(dense(2), "mean", receiver_tag=tfgnn.SOURCE)
    update = tfgnn.keras.layers.NodeSetUpdate(
        {"next": conv}, tfgnn.keras.layers.NextStateFromConcat(dense(3))
    )
    return tf.keras.Model(inputs, tfgnn.keras.layers.GraphUpdate(node_sets={"item": update})(graph))
