"""A sampled batch as serialized tf.Examples, one a component, in TF-GNN's encoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph import Feature, Graph, Ragged
from tfgnn_ext.graph.wire import encode_columns
from tfgnn_ext.sampling.known_features import SEED_TIME, edge_times, known_features
from tfgnn_ext.sampling.link import READOUT, READOUT_ENDS
from tfgnn_ext.sampling.sampled_batch import SampledBatch


def _decoded(
    name: str, values: npt.NDArray[Any] | Ragged, features: Mapping[str, Feature]
) -> npt.NDArray[Any] | Ragged:
    """Strings travel as strings, not as codes of this graph's vocabulary."""
    feature = features.get(name)
    if feature is None or feature.vocabulary is None:
        return values
    if isinstance(values, Ragged):
        return Ragged(feature.vocabulary[values.flat], values.splits)
    decoded: npt.NDArray[Any] = feature.vocabulary[values]
    return decoded


class Columns:
    """The tensors of a batch of examples, as `encode_columns` takes them."""

    def __init__(self) -> None:
        # For each: its name, values of the whole batch, and where each example's values end.
        self.columns: list[tuple[bytes, npt.NDArray[Any], npt.NDArray[np.int64]]] = []

    def add(
        self,
        prefix: str,
        name: str,
        values: npt.NDArray[Any] | Ragged,
        sizes: npt.NDArray[np.integer],
    ) -> None:
        """Adds a tensor with so many items an example."""
        ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        if isinstance(values, Ragged):
            self.columns.append((f"{prefix}.{name}.d1".encode(), values.lengths, ends))
            self.columns.append((f"{prefix}.{name}".encode(), values.flat, values.splits[ends]))
        else:
            self.columns.append((f"{prefix}.{name}".encode(), values, ends))

    def add_features(
        self,
        prefix: str,
        delivered: Mapping[str, npt.NDArray[Any] | Ragged],
        features: Mapping[str, Feature],
        sizes: npt.NDArray[np.integer],
    ) -> None:
        """Adds what `known_features` delivered of some features."""
        for name, values in delivered.items():
            self.add(prefix, name, _decoded(name, values, features), sizes)


def write_examples(
    graph: Graph,
    batch: SampledBatch,
    *,
    labels: tuple[str, ...] = (),
    readout: Mapping[str, npt.NDArray[Any]] | None = None,
) -> list[bytes]:
    """Serializes each component of a batch.

    A component's tf.Example holds, as TF-GNN names them, ``nodes/<set>.#size``, ``nodes/<set>.#id``
    (the original ids) and ``nodes/<set>.<feature>``; ``edges/<set>.#size``, ``#source``,
    ``#target`` and features; of ragged features the lengths of the lists too, as ``<feature>.d1``;
    ``context/seed_time`` where seeds have a time; of pairs the readout structure (see `Link`).
    What is delivered, and under which names, is `known_features`' affair.

    Args:
      graph: The graph the batch was sampled from.
      batch: An unpadded batch.
      labels: Features to mask on the seed's own row.
      readout: Of pairs, columns of the pairs themselves, ``[batch]`` each, such as their label:
        they become features of the node set ``_readout``.

    Returns:
      One string of bytes a component, deterministic.
    """
    if batch.num_components != len(batch.seed_rows):
        raise ValueError("`batch` of `write_examples` must not be padded. Got a padded batch.")
    tensors = Columns()
    add = tensors.add
    ones = np.ones(batch.num_components, np.int32)
    for name, rows in batch.node_rows.items():
        node_set, sizes = graph.node_sets[name], batch.node_sizes[name]
        prefix = f"nodes/{name}"
        add(prefix, "#size", sizes, ones)
        add(prefix, "#id", node_set.ids[rows], sizes)
        own = None
        if name == batch.seed_node_set:
            own = np.zeros(len(rows), np.bool_)
            own[np.cumsum(sizes) - sizes] = True
        times = None if batch.seed_times is None else batch.times_of(sizes)
        masked = labels if name == batch.seed_node_set else ()
        delivered = known_features(
            node_set.features, node_set.times, rows, times, labels=masked, own=own
        )
        tensors.add_features(prefix, delivered, node_set.features, sizes)
    for name, positions in batch.edge_rows.items():
        edge_set, sizes = graph.edge_sets[name], batch.edge_sizes[name]
        prefix = f"edges/{name}"
        add(prefix, "#size", sizes, ones)
        for end, indices, node_set_name in (
            ("#source", batch.edge_source[name], edge_set.source),
            ("#target", batch.edge_target[name], edge_set.target),
        ):
            counts = batch.node_sizes[node_set_name]
            offsets = np.repeat(np.cumsum(counts) - counts, sizes)
            add(prefix, end, indices - offsets, sizes)
        times = None if batch.seed_times is None else batch.times_of(sizes)
        delivered = known_features(edge_set.features, edge_times(edge_set), positions, times)
        tensors.add_features(prefix, delivered, edge_set.features, sizes)
    if batch.ends is not None:
        add(f"nodes/{READOUT}", "#size", ones, ones)
        for feature, values in sorted((readout or {}).items()):
            add(f"nodes/{READOUT}", feature, values, ones)
        for edge_set_name, node_set_name, indices in zip(
            READOUT_ENDS, batch.ends.node_sets, batch.ends.indices, strict=True
        ):
            counts = batch.node_sizes[node_set_name]
            add(f"edges/{edge_set_name}", "#size", ones, ones)
            add(f"edges/{edge_set_name}", "#source", indices - (np.cumsum(counts) - counts), ones)
            add(f"edges/{edge_set_name}", "#target", np.zeros_like(indices), ones)
    if batch.seed_times is not None:
        ends = np.arange(len(ones) + 1)
        tensors.columns.append((f"context/{SEED_TIME}".encode(), batch.seed_times, ends))
    return encode_columns(tensors.columns, batch.num_components)
