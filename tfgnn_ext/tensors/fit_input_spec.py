"""Fits how features are encoded to what training samples deliver."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.graph import Graph
from tfgnn_ext.sampling import SamplingPlan
from tfgnn_ext.tensors.graph_tensors import ID
from tfgnn_ext.tensors.input_spec import FeatureInput, InputSpec
from tfgnn_ext.tensors.ragged_means import ragged_numbers
from tfgnn_ext.tensors.readout import is_readout

_QUANTILES = 9
_KNOWN = "/known"
# A feature with so many columns, of whose values so large a share is 0, is a bag of words.
_BAG_COLUMNS, _BAG_ZEROS = 100, 2 / 3


def _numeric(
    kind: Any, values: list[npt.NDArray[Any]], known: list[npt.NDArray[Any]] | None
) -> FeatureInput:
    parts = []
    for index, array in enumerate(values):
        flat = array.reshape(len(array), math.prod(array.shape[1:]))
        parts.append(flat if known is None else flat[known[index] > 0])
    width = parts[0].shape[1]
    present = np.concatenate(parts).reshape(-1)
    present = present[np.isfinite(present)].astype(np.float64)
    if not len(present):
        return FeatureInput(kind=kind, width=width, known=known is not None)
    if width >= _BAG_COLUMNS and 0 < np.count_nonzero(present) < (1 - _BAG_ZEROS) * len(present):
        return FeatureInput(kind="bag", width=width, known=known is not None)
    grid = np.quantile(present, np.linspace(0, 1, _QUANTILES)).astype(np.float32)
    std = float(present.std())
    return FeatureInput(
        kind=kind,
        width=width,
        mean=float(present.mean()),
        std=std if std > 1e-12 else 1.0,
        quantiles=tuple(float(value) for value in np.unique(grid)),
        known=known is not None,
    )


def as_numbers(values: tf.Tensor | tf.RaggedTensor) -> npt.NDArray[Any]:
    """The values as NumPy; of lists, what a model reads of each: the mean of its numbers."""
    found = ragged_numbers(values) if isinstance(values, tf.RaggedTensor) else values
    array: npt.NDArray[Any] = found.numpy()
    return array


def fit_input_spec(
    graphs: Iterable[tfgnn.GraphTensor],
    graph_spec: tfgnn.GraphTensorSpec,
    graph: Graph,
    plan: SamplingPlan,
) -> InputSpec:
    """Reads means, deviations and quantiles off training samples.

    They are taken over the values as delivered, where known and present: so a popular node counts
    as often as models see it, and nothing after the training period is read. Bags of words (a
    hundred columns and more, more than two thirds of whose values are 0) are of the kind "bag":
    centred, their zeros would outweigh the words.

    Args:
      graphs: Merged, unpadded GraphTensors of training seeds; a few thousand seeds suffice.
      graph_spec: The spec of what will be trained on.
      graph: For the vocabularies.
      plan: What was sampled.

    Returns:
      The spec for a template.
    """
    node_values: dict[str, dict[str, list[npt.NDArray[Any]]]] = {}
    edge_values: dict[str, dict[str, list[npt.NDArray[Any]]]] = {}
    for sample in graphs:
        for values, sets in ((node_values, sample.node_sets), (edge_values, sample.edge_sets)):
            for name, part in sets.items():
                for feature, tensor in part.features.items():
                    values.setdefault(name, {}).setdefault(feature, []).append(as_numbers(tensor))
    if not node_values:
        raise ValueError("`graphs` of `fit_input_spec` must hold at least one sample. Got none.")

    def describe(
        name: str, values: Mapping[str, list[npt.NDArray[Any]]], part: Any
    ) -> dict[str, FeatureInput]:
        described = {}
        for feature, arrays in values.items():
            if feature.endswith(_KNOWN):
                continue
            source = feature.removesuffix("/age")
            known = values.get(f"{source}{_KNOWN}")
            if feature == ID:
                described[feature] = FeatureInput(kind="categorical", size=part.num_nodes + 1)
            elif feature in part.features and part.features[feature].vocabulary is not None:
                described[feature] = FeatureInput(
                    kind="categorical",
                    width=int(np.prod(arrays[0].shape[1:])),
                    size=len(part.features[feature].vocabulary),
                    known=known is not None,
                )
            else:
                kind = "age" if feature.endswith("/age") else "numeric"
                described[feature] = _numeric(kind, arrays, known)
        return described

    return InputSpec(
        graph_spec=graph_spec,
        seed_node_set=plan.seed_node_set,
        most_edges=plan.most_edges(),
        nodes={
            name: describe(name, node_values.get(name, {}), graph.node_sets[name])
            for name in graph_spec.node_sets_spec
            if not is_readout(name)
        },
        edges={
            name: describe(name, edge_values.get(name, {}), graph.edge_sets[name])
            for name in graph_spec.edge_sets_spec
            if not is_readout(name)
        },
    )
