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

# Of a feature's values that are 0, from which on it counts as sparse.
_SPARSE = 0.5


def whole_graph_spec(whole: WholeGraph, seed_node_set: str) -> InputSpec:
    """The input of a template in full-graph mode.

    Means, deviations and quantiles are over all nodes and edges, as all of them are visible in
    training; labels are not. A feature without a missing value gets no flag for it. A feature more
    than half of whose values are 0, such as a bag of words or of counts, is scaled but not shifted:
    centred, its zeros would outweigh the words. Its scale is the mean, over items that have any, of
    the sum of an item's absolute values, so that bags of words sum to about 1; it has no quantiles,
    as there is nothing to bend.

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
    if feature.kind == "categorical":
        return feature
    present = np.isfinite(values)
    feature = dataclasses.replace(feature, missing=not present.all())
    others = present & (values != 0)
    if not others.any() or others.sum() >= (1 - _SPARSE) * present.sum():
        return feature
    # [num_items]
    sums = np.where(present, np.abs(values), 0).reshape(len(values), -1).sum(1, dtype=np.float64)
    scale = float(sums[sums > 0].mean())
    return dataclasses.replace(feature, mean=0.0, std=scale, quantiles=())
