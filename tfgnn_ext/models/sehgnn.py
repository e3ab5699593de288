"""Template: a network on features that were propagated before training, without messages."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Literal

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.graph.propagation import FEATURES, LABELS
from tfgnn_ext.layers.dense_block import DenseBlock
from tfgnn_ext.layers.feature_columns import FeatureColumns
from tfgnn_ext.layers.path_fusion import PathFusion
from tfgnn_ext.models.positive import positive
from tfgnn_ext.tensors.input_spec import InputSpec
from tfgnn_ext.tensors.whole_graph import seeds_of


def sehgnn(
    spec: InputSpec,
    *,
    units: int = 64,
    num_layers: int = 2,
    fusion: Literal["attention", "concat"] = "attention",
    num_heads: int = 1,
    normalization: Literal["none", "layer"] = "layer",
    dropout: float = 0.5,
    feature_dropout: float = 0.1,
    id_dropout: float = 0.05,
    l2: float = 0.0,
    seed: int = 0,
) -> tf.keras.Model:
    """SeHGNN, or SIGN: a vector for each path of edge sets, fused, then a multilayer perceptron.

    Reads the seeds' own features alone, among them those of `graph.propagate_features` and
    `graph.propagate_labels`: each of these is projected by two dense layers of its own, the other
    features together by two more. "attention" lets the vectors attend to each other, "concat" does
    not; see `PathFusion`. Yang et al., "Simple and Efficient Heterogeneous Graph Neural Network",
    AAAI 2023; with one edge set and "concat", Rossi et al., "SIGN: Scalable Inception Graph Neural
    Networks", 2020. As no messages are sent, a step costs what it costs without a graph, and
    propagated labels cannot come back to where they are from.

    Args:
      spec: The input; its seed node set has features.
      units: The width of each path's vector, and of the layers above.
      num_layers: The number of dense layers above the fused vectors.
      fusion: How the paths' vectors meet.
      num_heads: Heads of the attention; 4 times it divides `units`.
      normalization: Of each dense layer, over its units.
      dropout: Of each dense layer's result.
      feature_dropout: Of the features.
      id_dropout: Of the ids of a node set without features, so that unknown ids can be served.
      l2: The weight of squared kernels in the loss.
      seed: Of initial weights and dropout.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    positive("sehgnn", units=units, num_layers=num_layers)
    if fusion not in ("attention", "concat"):
        raise ValueError(f"`fusion` of `sehgnn` must be one of attention, concat. Got {fusion!r}.")
    features = spec.nodes.get(spec.seed_node_set, {})
    if not features:
        raise ValueError(
            f"`spec` of `sehgnn` must have features of {spec.seed_node_set!r}. Got none."
        )
    if fusion == "attention" and (num_heads < 1 or units % (4 * num_heads)):
        raise ValueError(
            "`num_heads` of `sehgnn` must be an int >= 1, 4 times which divides `units` = "
            f"{units}. Got {num_heads}."
        )
    seeds = itertools.count(1000 * seed)
    paths = [name for name in features if name.startswith((FEATURES, LABELS))]
    own = {name: feature for name, feature in features.items() if name not in paths}
    groups = {name: {name: features[name]} for name in sorted(paths)}
    if own:
        groups = {"own": own, **groups}

    def block(name: str) -> DenseBlock:
        return DenseBlock(
            units=units,
            normalization=normalization,
            dropout=dropout,
            l2=l2,
            seed=next(seeds),
            name=name,
        )

    model = _Sehgnn(
        spec,
        encoders=[
            [
                FeatureColumns(
                    features=group,
                    units=units,
                    feature_dropout=feature_dropout,
                    id_dropout=id_dropout,
                    seed=next(seeds),
                    name=f"encode_{index}",
                ),
                block(f"project_{index}_0"),
                block(f"project_{index}_1"),
            ]
            for index, group in enumerate(groups.values())
        ],
        fusion=PathFusion(num_heads=num_heads, l2=l2, seed=next(seeds), name="fusion")
        if fusion == "attention" and len(groups) > 1
        else None,
        layers=[block(f"dense_{index}") for index in range(num_layers)],
    )
    graph = tf.keras.layers.Input(type_spec=spec.graph_spec)
    return tf.keras.Model(graph, model(graph))


class _Sehgnn(tf.keras.layers.Layer):
    """The whole template as one layer."""

    def __init__(
        self,
        spec: InputSpec,
        *,
        encoders: list[list[tf.keras.layers.Layer]],
        fusion: PathFusion | None,
        layers: list[DenseBlock],
    ) -> None:
        super().__init__(name="sehgnn")
        self._node_set = spec.seed_node_set
        self._encoders = encoders
        self._fusion = fusion
        self._layers = layers

    def call(self, graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
        part = graph.node_sets[self._node_set]
        inputs: Mapping[str, tf.Tensor] = dict(part.features)
        found = seeds_of(graph)
        if found is None:
            # Seeds are the first of their component; of a component without nodes, any will do.
            last = tf.maximum(part.total_size - 1, 0)
            rows = tf.minimum(tf.cumsum(part.sizes, exclusive=True), last)
        else:
            _, rows = found
        inputs = {name: tf.gather(values, rows) for name, values in inputs.items()}
        sizes = tf.ones_like(rows)
        vectors = []
        for layers in self._encoders:
            vector = inputs
            for layer in layers:
                vector = layer(vector)
            vectors.append(vector)
        # [num_seeds, number of paths, units]
        stacked = tf.stack(vectors, axis=1)
        if self._fusion is not None:
            stacked = self._fusion(stacked)
        state = tf.reshape(stacked, [-1, stacked.shape[1] * stacked.shape[2]])
        for layer in self._layers:
            state = layer(state)
        seeds = tfgnn.NodeSet.from_fields(sizes=sizes, features={tfgnn.HIDDEN_STATE: state})
        context = tfgnn.Context.from_fields(sizes=sizes)
        return tfgnn.GraphTensor.from_pieces(context, {self._node_set: seeds})
