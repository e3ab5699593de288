"""How the features of a whole graph are encoded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.sampling import SamplingPlan
from tfgnn_ext.tensors.fit_input_spec import as_numbers, fit_input_spec
from tfgnn_ext.tensors.input_spec import FeatureInput, InputSpec
from tfgnn_ext.tensors.whole_graph import WholeGraph


def whole_graph_spec(whole: WholeGraph, seed_node_set: str) -> InputSpec:
    """The input of a template in full-graph mode.

    Means, deviations and quantiles are over all nodes and edges, as all of them are visible in
    training; labels are not. Means and deviations are those of each column, as columns may mean
    anything. A feature without a missing value gets no flag for it.

    Args:
      whole: The graph.
      seed_node_set: The seeds' node set.
    """
    tensor = whole.at(seed_node_set, tf.zeros([0], tf.int32))
    graph_spec = _open_seeds(tensor)
    plan = SamplingPlan(seed_node_set=seed_node_set)
    spec = fit_input_spec([tensor], graph_spec, whole.graph, plan)

    def describe(
        sets: Mapping[str, Mapping[str, FeatureInput]], parts: Mapping[str, Any]
    ) -> dict[str, dict[str, FeatureInput]]:
        return {
            name: {
                key: _exact(feature, as_numbers(parts[name].features[key]))
                for key, feature in features.items()
            }
            for name, features in sets.items()
        }

    return dataclasses.replace(
        spec,
        nodes=describe(spec.nodes, tensor.node_sets),
        edges=describe(spec.edges, tensor.edge_sets),
    )


def _open_seeds(graph: tfgnn.GraphTensor) -> tfgnn.GraphTensorSpec:
    """The graph's spec, for any number of seeds."""
    context = graph.spec.context_spec
    features = {name: tf.TensorSpec([1, None], tf.int32) for name in context.features_spec}
    return tfgnn.GraphTensorSpec.from_piece_specs(
        tfgnn.ContextSpec.from_field_specs(
            features_spec=features, shape=context.shape, indices_dtype=context.indices_dtype
        ),
        graph.spec.node_sets_spec,
        graph.spec.edge_sets_spec,
    )


def _exact(feature: FeatureInput, values: npt.NDArray[Any]) -> FeatureInput:
    if feature.kind == "categorical" or not len(values):
        return feature
    # [num_items, width]
    flat = values.reshape(len(values), -1).astype(np.float64)
    present = np.isfinite(flat)
    feature = dataclasses.replace(feature, missing=not present.all())
    if feature.kind == "bag":
        return feature
    count = np.maximum(present.sum(axis=0), 1)
    # [width]
    mean = np.where(present, flat, 0).sum(axis=0) / count
    variance = (np.where(present, flat - mean, 0) ** 2).sum(axis=0) / count
    std = np.where(variance > 1e-24, np.sqrt(variance), 1.0)
    return dataclasses.replace(feature, mean=tuple(mean.tolist()), std=tuple(std.tolist()))
