"""Template: GraphSAGE for many node and edge sets, aggregating before it projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.dense_block import DenseBlock
from tfgnn_ext.layers.feature_columns import FeatureColumns
from tfgnn_ext.layers.feature_encoder import FeatureEncoder
from tfgnn_ext.layers.pool_neighbors import PoolNeighbors
from tfgnn_ext.models.message_passing import message_passing_model
from tfgnn_ext.tensors.input_spec import FeatureInput, InputSpec
from tfgnn_ext.tensors.rounds import Direction


def graph_sage(
    spec: InputSpec,
    *,
    units: int = 64,
    num_layers: int = 2,
    reduce_type: Literal["mean", "sum", "max", "mean|max", "mean|sum"] = "mean",
    encoding: Literal["dense", "columns"] = "dense",
    receivers: Literal["source", "target", "both"] = "source",
    normalization: Literal["none", "layer"] = "none",
    dropout: float = 0.0,
    id_dropout: float = 0.05,
    l2: float = 0.0,
    trim: bool = True,
    seed: int = 0,
) -> tf.keras.Model:
    """GraphSAGE: a node's next state is a dense layer of its state and its neighbours' mean.

    ``h_v' = relu(W [h_v, pool_e1 h_u, pool_e2 h_u, ...] + b)`` with one pool for every edge set
    that `v` receives from, over its neighbours there and the encoded features of the edges to them
    (Hamilton et al., "Inductive Representation Learning on Large Graphs", NeurIPS 2017).

    Args:
      spec: The input.
      units: The width of states.
      num_layers: The number of rounds, one a hop of the sample.
      reduce_type: How neighbours are pooled.
      encoding: "dense": input states are a dense layer of the encoded features (see
        `FeatureEncoder`); "columns": they are the standardised features themselves, which saves
        most of the cost where samples are wide and lets layer 1 do the projecting.
      receivers: Which end of edges receives messages. Sampled edges lead from the seed outward, so
        by default their source does.
      normalization: Of new states.
      dropout: Of new states.
      id_dropout: Of the ids of latent node sets, so that unknown ids can be served.
      l2: The weight of squared kernels in the loss.
      trim: Whether to compute only what the seeds can see; the result is the same.
      seed: Of initial weights and dropout.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    if encoding not in ("dense", "columns"):
        raise ValueError(
            f"`encoding` of `graph_sage` must be one of dense, columns. Got {encoding!r}."
        )
    seeds = iter(range(1000 * seed, 1000 * seed + 1000))

    def encode(features: Mapping[str, FeatureInput], name: str) -> tf.keras.layers.Layer:
        if encoding == "columns":
            return FeatureColumns(
                features=features, units=units, id_dropout=id_dropout, seed=next(seeds), name=name
            )
        return FeatureEncoder(
            features=features,
            units=units,
            activation="relu",
            id_dropout=id_dropout,
            dropout=dropout,
            l2=l2,
            seed=next(seeds),
            name=name,
        )

    def convolve(direction: Direction, layer: int, has_edges: bool) -> tf.keras.layers.Layer:
        return PoolNeighbors(
            receiver_tag=direction[1], reduce_type=reduce_type, use_edges=has_edges
        )

    def next_state(node_set: str, layer: int) -> tf.keras.layers.Layer:
        return tfgnn.keras.layers.NextStateFromConcat(
            DenseBlock(
                units=units, normalization=normalization, dropout=dropout, l2=l2, seed=next(seeds)
            )
        )

    return message_passing_model(
        spec,
        num_layers=num_layers,
        receivers=receivers,
        trim=trim,
        encode=encode,
        encode_edges=encode,
        convolve=convolve,
        next_state=next_state,
    )
