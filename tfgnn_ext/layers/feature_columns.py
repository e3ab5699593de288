"""Features of one node or edge set side by side, without a projection."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.code_embeddings import CodeEmbeddings, as_feature_inputs, categorical
from tfgnn_ext.layers.number_columns import NumberColumns
from tfgnn_ext.layers.step_dropout import StepDropout
from tfgnn_ext.tensors.input_spec import FeatureInput


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class FeatureColumns(tf.keras.layers.Layer):
    """Concatenates a set's standardised numbers, its flags and the embedding of its codes.

    For models that aggregate before they project: nodes that only neighbours read are then never
    multiplied by a kernel. The columns are those of `NumberColumns` without ramps; the embedding is
    that of `CodeEmbeddings`.

    Args:
      features: How to encode each feature, at least one; what is not named is ignored.
      units: The width of the embedding, if there are categories.
      feature_dropout: The rate of `StepDropout` on all columns.
      id_dropout: In training, the share of ``#id`` codes replaced by 0; see `CodeEmbeddings`.
      seed: Of initial weights and of the dropped ids.

    Call:
      inputs: By name, float32 or int32 ``[num_items, *shape]``; a dictionary.
      Returns ``[num_items, columns]``.

    >>> layer = FeatureColumns(
    ...     features={
    ...         "size": FeatureInput(kind="numeric", mean=3.0, std=2.0, missing=False),
    ...         "kind": FeatureInput(kind="categorical", size=5),
    ...     },
    ...     units=4,
    ... )
    >>> layer({"size": tf.constant([4.0]), "kind": tf.constant([1])})[:, :1].numpy().tolist()
    [[0.5]]
    """

    def __init__(
        self,
        *,
        features: Mapping[str, FeatureInput | Mapping[str, Any]],
        units: int,
        feature_dropout: float = 0.0,
        id_dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        # Keras would round inputs to the compute type before they are standardised.
        super().__init__(autocast=False, **kwargs)
        if units < 1:
            raise ValueError(f"`units` of `FeatureColumns` must be an int >= 1. Got {units}.")
        if not features:
            raise ValueError(
                "`features` of `FeatureColumns` must name at least one feature. Got none."
            )
        self.features = as_feature_inputs(features)
        self.units = units
        self.feature_dropout = feature_dropout
        self.id_dropout = id_dropout
        self.seed = seed
        self._dropout = StepDropout(
            rate=feature_dropout,
            seed=seed + 2_000_003,
            name="feature_dropout",
            dtype=self.dtype_policy,
        )
        self._columns = NumberColumns(self.features)
        self._embeddings = (
            CodeEmbeddings(
                features=self.features,
                units=units,
                id_dropout=id_dropout,
                seed=seed,
                name="codes",
                dtype=self.dtype_policy,
            )
            if categorical(self.features)
            else None
        )

    def call(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        parts = []
        if self._columns.width:
            parts.append(tf.cast(self._columns(inputs), self.compute_dtype))
        if self._embeddings is not None:
            parts.append(self._embeddings(inputs))
        # [num_items, columns]
        return self._dropout(tf.concat(parts, axis=-1))

    def get_config(self) -> dict[str, Any]:
        features = {name: dataclasses.asdict(value) for name, value in self.features.items()}
        return {
            **super().get_config(),
            "features": features,
            "units": self.units,
            "feature_dropout": self.feature_dropout,
            "id_dropout": self.id_dropout,
            "seed": self.seed,
        }
