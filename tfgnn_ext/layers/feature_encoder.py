"""Features of one node or edge set as one vector an item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfgnn_ext.tensors.input_spec import FeatureInput


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class FeatureEncoder(tf.keras.layers.Layer):
    """Maps a set's delivered features to ``[num_items, units]``.

    A number x becomes its standardised, clipped value and, between its training quantiles
    ``q_0 < ... < q_T``, the T ramps ``clip((x - q_(t-1)) / (q_t - q_(t-1)), 0, 1)``: the piecewise
    linear encoding of Gorishniy et al. ("On Embeddings for Numerical Features", NeurIPS 2022),
    which bends where the data is and has no tails. A missing or not yet known number gives zeros; a
    missing one sets a flag, and so does a known one. Codes become rows of an embedding, row 0 for
    what is unknown. All of it is projected to `units` by one dense kernel with bias; for codes that
    projection is their embedding.

    Args:
      features: How to encode each feature; what is not named is ignored.
      units: The width of the output.
      id_dropout: In training, the share of ``#id`` codes replaced by 0, so that the unknown row is
        trained; keyed by the step, see `StepDropout`.
      seed: Of initial weights and of the dropped ids.

    Call:
      inputs: By name, float32 or int32 ``[num_items, *shape]``; a dictionary.
      Returns float32 ``[num_items, units]``.

    >>> import tensorflow as tf
    >>> encoder = FeatureEncoder(
    ...     features={"year": FeatureInput(kind="numeric", quantiles=(1990.0, 2000.0, 2010.0))},
    ...     units=4,
    ... )
    >>> encoder({"year": tf.constant([1995.0, float("nan")])}).shape
    TensorShape([2, 4])
    """

    def __init__(
        self,
        *,
        features: Mapping[str, FeatureInput],
        units: int,
        id_dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"`units` of `FeatureEncoder` must be an int >= 1. Got {units}.")
        if not 0 <= id_dropout < 1:
            raise ValueError(
                f"`id_dropout` of `FeatureEncoder` must be in [0, 1). Got {id_dropout}."
            )
        self.features = {
            name: value if isinstance(value, FeatureInput) else FeatureInput(**value)
            for name, value in features.items()
        }
        self.units = units
        self.id_dropout = id_dropout
        self.seed = seed
        self._numbers = [n for n, f in self.features.items() if f.kind != "categorical"]
        self._codes = [n for n, f in self.features.items() if f.kind == "categorical"]

    def build(self, input_shape: Any) -> None:
        initializer = tf.keras.initializers.GlorotUniform(self.seed)
        inputs = 0
        for name in self._numbers:
            feature = self.features[name]
            inputs += feature.width * (3 + max(len(feature.quantiles) - 1, 0)) + feature.known
        self._kernel = (
            self.add_weight(name="kernel", shape=[inputs, self.units], initializer=initializer)
            if inputs
            else None
        )
        self._bias = self.add_weight(name="bias", shape=[self.units], initializer="zeros")
        self._tables = {
            name: self.add_weight(
                name=f"embedding_{index}",
                shape=[self.features[name].size, self.units],
                initializer=tf.keras.initializers.RandomUniform(-0.05, 0.05, self.seed + index),
            )
            for index, name in enumerate(self._codes)
        }
        self._step = self.add_weight(
            name="step", shape=[], dtype=tf.int64, initializer="zeros", trainable=False
        )
        super().build(input_shape)

    def _number_columns(self, inputs: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        columns = []
        for name in self._numbers:
            feature = self.features[name]
            # [num_items, width]
            values = tf.reshape(tf.cast(inputs[name], tf.float32), [-1, feature.width])
            present = tf.math.is_finite(values)
            if feature.known:
                flag = tf.reshape(inputs[f"{name.removesuffix('/age')}/known"], [-1, 1])
                present &= flag > 0
                columns.append(flag)
            mask = tf.cast(present, tf.float32)
            values = tf.where(present, values, feature.mean)
            standard = (values - feature.mean) / feature.std
            columns += [tf.clip_by_value(standard, -5.0, 5.0), mask]
            # A bounded tail beyond the outer quantiles, for values that training never saw.
            columns.append(tf.math.asinh(standard) * mask)
            grid = np.asarray(feature.quantiles, np.float32)
            if len(grid) > 1:
                # [num_items, width, T]
                ramps = (values[..., None] - grid[:-1]) / (grid[1:] - grid[:-1])
                ramps = tf.clip_by_value(ramps, 0.0, 1.0) * mask[..., None]
                columns.append(tf.reshape(ramps, [-1, feature.width * (len(grid) - 1)]))
        return columns

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        encoded = tf.cast(tf.identity(self._bias), self.compute_dtype)
        if self._kernel is not None:
            # [num_items, inputs] -> [num_items, units]
            columns = tf.concat(self._number_columns(inputs), axis=-1)
            encoded += tf.matmul(tf.cast(columns, self.compute_dtype), self._kernel)
        for name in self._codes:
            codes = tf.cast(inputs[name], tf.int32)
            if name == "#id" and self.id_dropout and training:
                codes = self._drop_ids(codes)
            rows = tf.gather(self._tables[name], codes)
            if self.features[name].width > 1:
                rows = tf.reduce_sum(tf.reshape(rows, [-1, self.features[name].width, self.units]), 1)
            encoded += tf.cast(rows, self.compute_dtype)
        if not self._numbers and not self._codes:
            raise ValueError(f"`features` of {self.name!r} must name at least one feature.")
        return encoded

    def _drop_ids(self, codes: tf.Tensor) -> tf.Tensor:
        draws = tf.random.stateless_uniform(tf.shape(codes), [self.seed, self._step.read_value()])
        self._step.assign_add(1)
        return tf.where(draws < self.id_dropout, 0, codes)

    def get_config(self) -> dict[str, Any]:
        import dataclasses

        features = {name: dataclasses.asdict(value) for name, value in self.features.items()}
        return {
            **super().get_config(),
            "features": features,
            "units": self.units,
            "id_dropout": self.id_dropout,
            "seed": self.seed,
        }
