"""Features of one node or edge set as one vector an item."""

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
class FeatureEncoder(tf.keras.layers.Layer):
    """Maps a set's delivered features to ``[num_items, units]``.

    ``dropout(activation(W d(c) + b + sum_k E_k[code_k]))``, with d a dropout, the columns c of
    `NumberColumns` (standardised numbers, ages, flags and the piecewise linear encoding) and the
    `CodeEmbeddings` of all categories.

    Args:
      features: How to encode each feature, at least one; what is not named is ignored.
      units: The width of the output.
      activation: A Keras activation; None: none.
      dropout: The rate of `StepDropout` on the result.
      feature_dropout: That of the columns, d.
      id_dropout: In training, the share of ``#id`` codes replaced by 0; see `CodeEmbeddings`.
      l2: The weight of the squared kernel W in the loss.
      seed: Of initial weights, dropout and the dropped ids.

    Call:
      inputs: By name, float32 or int32 ``[num_items, *shape]``; a dictionary.
      Returns ``[num_items, units]``.

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
        features: Mapping[str, FeatureInput | Mapping[str, Any]],
        units: int,
        activation: str | None = None,
        dropout: float = 0.0,
        feature_dropout: float = 0.0,
        id_dropout: float = 0.0,
        l2: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        # Keras would round inputs to the compute type before they are standardised.
        super().__init__(autocast=False, **kwargs)
        if units < 1:
            raise ValueError(f"`units` of `FeatureEncoder` must be an int >= 1. Got {units}.")
        if not 0 <= id_dropout < 1:
            raise ValueError(
                f"`id_dropout` of `FeatureEncoder` must be in [0, 1). Got {id_dropout}."
            )
        if not features:
            raise ValueError(
                "`features` of `FeatureEncoder` must name at least one feature. Got none."
            )
        self.features = as_feature_inputs(features)
        self.units = units
        self.activation = activation
        self.dropout = dropout
        self.feature_dropout = feature_dropout
        self.id_dropout = id_dropout
        self.l2 = l2
        self.seed = seed
        self._activation = tf.keras.activations.get(activation)
        self._dropout = StepDropout(
            rate=dropout, seed=seed, name="dropout", dtype=self.dtype_policy
        )
        self._feature_dropout = StepDropout(
            rate=feature_dropout,
            seed=seed + 2_000_003,
            name="feature_dropout",
            dtype=self.dtype_policy,
        )
        self._columns = NumberColumns(self.features, ramps=True)
        self._embeddings = (
            CodeEmbeddings(
                features=self.features,
                units=units,
                id_dropout=id_dropout,
                seed=seed + 1_000_003,  # Not the kernel's own.
                name="codes",
                dtype=self.dtype_policy,
            )
            if categorical(self.features)
            else None
        )

    def build(self, input_shape: Any) -> None:
        if self._columns.width:
            self._kernel = self.add_weight(
                name="kernel",
                shape=[self._columns.width, self.units],
                initializer=tf.keras.initializers.GlorotUniform(self.seed),
                regularizer=tf.keras.regularizers.L2(self.l2) if self.l2 else None,
            )
        self._bias = self.add_weight(name="bias", shape=[self.units], initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        # [num_items, units]
        encoded = tf.identity(tf.cast(self._bias, self.compute_dtype))
        if self._embeddings is not None:
            encoded += self._embeddings(inputs)
        if self._columns.width:
            columns = tf.cast(self._columns(inputs), self.compute_dtype)
            encoded += tf.matmul(self._feature_dropout(columns), self._kernel)
        return self._dropout(self._activation(encoded))

    def get_config(self) -> dict[str, Any]:
        features = {name: dataclasses.asdict(value) for name, value in self.features.items()}
        return {
            **super().get_config(),
            "features": features,
            "units": self.units,
            "activation": self.activation,
            "dropout": self.dropout,
            "feature_dropout": self.feature_dropout,
            "id_dropout": self.id_dropout,
            "l2": self.l2,
            "seed": self.seed,
        }
