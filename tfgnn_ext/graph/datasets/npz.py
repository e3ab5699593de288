"""Reads the .npz format of attributed graphs: Amazon, Coauthor, CoraFull and their like.

Sparse matrices of adjacency and features and a vector of labels. Either each matrix is one pickled
object (``adj_matrix``, ``node_attr``, ``node_label``), or it is spread over four arrays
(``adj_data``, ``adj_indices``, ``adj_indptr``, ``adj_shape``; ``attr_...``; ``labels``).

Source: Shchur et al., "Pitfalls of graph neural network evaluation", 2018.
"""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import scipy.sparse

from tfgnn_ext.graph.datasets.array_archive import ArrayArchive
from tfgnn_ext.graph.datasets.graph_tables import Tables, graph_tables


def read_npz(
    path: str | os.PathLike[str],
    *,
    node_set: str = "node",
    edge_set: str = "edge",
    undirected: bool = True,
) -> Tables:
    """Reads an attributed graph.

    The format has no split: `choose_split` draws that of the paper. Pickled members are read
    without running them (see `load_plain`).

    Args:
      path: The file.
      node_set, edge_set: What to call the sets.
      undirected: Whether to hold every edge in both directions, once each and without loops.

    Returns:
      The schema, and the tables of the two sets and of the seeds (columns id and label).

    Raises:
      ValueError: The file is damaged, or holds other arrays.
    """
    archive, name = ArrayArchive(path), os.fspath(path)
    adjacency = _matrix(archive, "adj_matrix", "adj")
    features = _matrix(archive, "node_attr", "attr")
    labels = np.asarray(archive.read("node_label" if "node_label" in archive.names else "labels"))
    if not scipy.sparse.issparse(adjacency) or adjacency.shape[0] != adjacency.shape[1]:
        raise ValueError(f"{name}: adjacency must be a square sparse matrix. Got another object.")
    nodes = adjacency.shape[0]
    if labels.shape != (nodes,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: labels must be {nodes} ints. Got {labels.dtype} of shape {labels.shape}."
        )
    if features.shape[:1] != (nodes,):
        raise ValueError(f"{name}: features must have {nodes} rows. Got {features.shape}.")
    edges = adjacency.tocoo()
    schema, tables = graph_tables(
        features,
        edges.row[edges.data != 0],
        edges.col[edges.data != 0],
        node_set=node_set,
        edge_set=edge_set,
        undirected=undirected,
        name=name,
    )
    tables["seeds"] = pa.table({"id": np.arange(nodes), "label": labels.astype(np.int64)})
    return schema, tables


def _matrix(archive: ArrayArchive, whole: str, prefix: str) -> scipy.sparse.csr_matrix:
    if whole in archive.names:
        return archive.read(whole)
    if f"{prefix}_matrix" in archive.names:
        return archive.read(f"{prefix}_matrix")
    data, indices, indptr, shape = (
        archive.read(f"{prefix}_{part}") for part in ("data", "indices", "indptr", "shape")
    )
    try:
        matrix = scipy.sparse.csr_matrix((data, indices, indptr), shape=tuple(map(int, shape)))
        matrix.check_format(full_check=True)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{archive.path}: arrays {prefix}_* must make a sparse matrix. Got: {error}."
        ) from None
    return matrix
