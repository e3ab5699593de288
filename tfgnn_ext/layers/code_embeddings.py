"""The categories of a node or edge set as one embedding an item."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfgnn_ext.layers.keyed_mask import keyed_mask
from tfgnn_ext.layers.training_step import add_step, next_step
from tfgnn_ext.tensors.input_spec import FeatureInput
from tfgnn_ext.tensors.ragged_means import ragged_means

_ID = "#id"
# Up to so many rows, a product with counts of codes beats a lookup, whose gradient is slow.
_DENSE = 256


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class CodeEmbeddings(tf.keras.layers.Layer):
    """The sum of the embeddings of an item's codes.

    Every categorical feature has its own rows, and its row 0 is trained for what is missing,
    unknown or not yet known; a ragged feature gives the mean over its codes, 0 if it has none. All
    rows lie in one weight, so that one lookup serves all features.

    Args:
      features: How each feature is encoded; only categorical ones count, at least one.
      units: The width of the embeddings.
      id_dropout: In training, the share of ``#id`` codes replaced by 0, so that its row for unknown
        ids is trained. Which ones depends on (`seed`, step) alone, as in `StepDropout`.
      seed: Of initial weights and of the dropped ids.

    Call:
      inputs: By name, integer ``[num_items, *shape]`` or ragged ``[num_items, (length)]``; a
        dictionary.
      Returns ``[num_items, units]``.

    >>> layer = CodeEmbeddings(features={"kind": FeatureInput(kind="categorical", size=3)}, units=4)
    >>> layer({"kind": tf.constant([0, 2])}).shape
    TensorShape([2, 4])
    """

    def __init__(
        self,
        *,
        features: Mapping[str, FeatureInput | Mapping[str, Any]],
        units: int,
        id_dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"`units` of `CodeEmbeddings` must be an int >= 1. Got {units}.")
        if not 0 <= id_dropout < 1:
            raise ValueError(
                f"`id_dropout` of `CodeEmbeddings` must be in [0, 1). Got {id_dropout}."
            )
        self.features = categorical(features)
        if not self.features:
            raise ValueError(
                "`features` of `CodeEmbeddings` must name at least one categorical feature. "
                "Got none."
            )
        self.units = units
        self.id_dropout = id_dropout
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        sizes = [feature.size for feature in self.features.values()]
        self._offsets = np.cumsum([0, *sizes[:-1]]).astype(np.int32)
        self._table = self.add_weight(
            name="table",
            shape=[sum(sizes), self.units],
            initializer=tf.keras.initializers.RandomUniform(-0.05, 0.05, self.seed),
        )
        if self.id_dropout and _ID in self.features:
            self._step = add_step(self)
        super().build(input_shape)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        columns: list[tf.Tensor] = []
        bags: list[tf.Tensor] = []
        for offset, (name, feature) in zip(self._offsets, self.features.items(), strict=True):
            given = inputs[name]
            if isinstance(given, tf.RaggedTensor):
                # [num_values, units] -> [num_items, units]
                each = tf.gather(self._table, tf.cast(given.values, tf.int32) + offset)
                bags.append(ragged_means(each, given))
                continue
            # [num_items, width]
            codes = tf.reshape(tf.cast(inputs[name], tf.int32), [-1, feature.width])
            if name == _ID and self.id_dropout and training:
                codes = self._drop(codes)
            columns.append(codes + offset if offset else codes)
        parts = [*bags, *([self._looked_up(columns)] if columns else [])]
        return parts[0] if len(parts) == 1 else tf.add_n(parts)

    def _looked_up(self, columns: list[tf.Tensor]) -> tf.Tensor:
        """The sum of the embeddings of codes [num_items, width] of dense features."""
        if self._table.shape[0] <= _DENSE and len(columns) == len(self.features):
            # [num_items, rows of the table] -> [num_items, units]
            counts = [
                tf.reduce_sum(tf.one_hot(codes - offset, feature.size), axis=1)
                for offset, codes, feature in zip(
                    self._offsets, columns, self.features.values(), strict=True
                )
            ]
            return tf.matmul(tf.cast(tf.concat(counts, axis=-1), self.compute_dtype), self._table)
        # [num_items, sum of widths, units] -> [num_items, units]
        rows = tf.concat(columns, axis=-1)
        if rows.shape[1] == 1:
            return tf.gather(self._table, rows[:, 0])
        return tf.reduce_sum(tf.gather(self._table, rows), axis=1)

    def _drop(self, codes: tf.Tensor) -> tf.Tensor:
        step = next_step(self._step)
        dropped = keyed_mask(tf.shape(codes), self.id_dropout, seed=self.seed, step=step)
        return tf.where(dropped, 0, codes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "features": {name: dataclasses.asdict(f) for name, f in self.features.items()},
            "units": self.units,
            "id_dropout": self.id_dropout,
            "seed": self.seed,
        }


def as_feature_inputs(
    features: Mapping[str, FeatureInput | Mapping[str, Any]],
) -> dict[str, FeatureInput]:
    """The encodings, also as a layer's config holds them."""
    return {
        name: value
        if isinstance(value, FeatureInput)
        else FeatureInput(**{**value, "quantiles": tuple(value.get("quantiles", ()))})
        for name, value in features.items()
    }


def categorical(
    features: Mapping[str, FeatureInput | Mapping[str, Any]],
) -> dict[str, FeatureInput]:
    """The categorical ones among the encodings."""
    return {n: f for n, f in as_feature_inputs(features).items() if f.kind == "categorical"}
