"""Reads the format of the heterophilous graphs: minesweeper, tolokers and their like.

An .npz of ``node_features``, ``node_labels``, ``edges`` (each once) and, with a row a split,
``train_masks``, ``val_masks`` and ``test_masks``.

Source: Platonov et al., "A critical look at the evaluation of GNNs under heterophily", ICLR 2023.
"""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa

from tfgnn_ext.graph.datasets.array_archive import ArrayArchive
from tfgnn_ext.graph.datasets.graph_tables import Tables, graph_tables

_MASKS = {"train": "train_masks", "validation": "val_masks", "test": "test_masks"}


def read_heterophilous(
    path: str | os.PathLike[str],
    *,
    node_set: str = "node",
    edge_set: str = "edge",
    undirected: bool = True,
) -> Tables:
    """Reads a graph with its splits.

    Args:
      path: The file.
      node_set, edge_set: What to call the sets.
      undirected: Whether to hold every edge in both directions, once each and without loops.

    Returns:
      The schema, and the tables of the two sets and of the seeds: columns id, label and one a
      split, ``split_0`` and so on, null for nodes that are in none of its three parts.

    Raises:
      ValueError: The file is damaged, or holds other arrays.
    """
    archive, name = ArrayArchive(path), os.fspath(path)
    features, labels, edges = map(archive.read, ("node_features", "node_labels", "edges"))
    masks = {part: np.asarray(archive.read(array)) for part, array in _MASKS.items()}
    nodes = len(features) if np.ndim(features) else 0
    if np.shape(labels) != (nodes,) or labels.dtype.kind not in "iu":
        raise ValueError(f"{name}: node_labels must be {nodes} ints. Got {np.shape(labels)}.")
    if np.ndim(edges) != 2 or edges.shape[1] != 2:
        raise ValueError(f"{name}: edges must be pairs. Got shape {np.shape(edges)}.")
    number = len(masks["train"]) if masks["train"].ndim else 0
    for part, mask in masks.items():
        if mask.dtype != np.bool_ or mask.shape != (number, nodes):
            raise ValueError(
                f"{name}: {_MASKS[part]} must be {number} rows of {nodes} booleans. "
                f"Got {mask.dtype} of shape {mask.shape}."
            )
    if np.any(sum(mask.astype(np.int8) for mask in masks.values()) > 1):
        raise ValueError(f"{name}: the masks of a split must not overlap. Got a node in two.")
    schema, tables = graph_tables(
        features,
        edges[:, 0],
        edges[:, 1],
        node_set=node_set,
        edge_set=edge_set,
        undirected=undirected,
        name=name,
    )
    columns: dict[str, object] = {"id": np.arange(nodes), "label": labels.astype(np.int64)}
    for k in range(number):
        column = np.full(nodes, None, object)
        for part, mask in masks.items():
            column[mask[k]] = part
        columns[f"split_{k}"] = pa.array(column.tolist(), pa.string())
    tables["seeds"] = pa.table(columns)
    return schema, tables
