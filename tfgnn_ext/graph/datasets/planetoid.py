"""Reads the Planetoid format: Cora, Citeseer and Pubmed as Yang et al. split them.

Eight files ``ind.<name>.*``: sparse features ``x`` of the training nodes, ``allx`` of all but the
test nodes and ``tx`` of the test nodes, with one-hot labels ``y``, ``ally``, ``ty``; ``graph``, the
neighbours of each node; ``test.index``, the numbers of the test nodes in the order of ``tx``. A
number that is missing between test nodes (Citeseer has 15) is a node without features and label.

Source: Yang, Cohen, Salakhutdinov, "Revisiting semi-supervised learning with graph embeddings",
ICML 2016.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse

from tfgnn_ext.graph.datasets.graph_tables import Tables, dense_rows, graph_tables
from tfgnn_ext.graph.datasets.plain_pickle import load_plain
from tfgnn_ext.graph.files import open_file

_VALIDATION = 500
PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")


def read_planetoid(
    path: str | os.PathLike[str], *, node_set: str = "paper", edge_set: str = "cites"
) -> Tables:
    """Reads the files that begin with `path`.

    The split is that of the paper: the nodes of ``x`` to train, the next 500 to validate, those of
    ``test.index`` to test. Edges lead both ways, once each, without loops. The files are pickles;
    reading them runs nothing (see `load_plain`).

    Args:
      path: What their names begin with, such as ``data/ind.cora``.
      node_set, edge_set: What to call the sets.

    Returns:
      The schema, and the tables of the two sets and of the seeds (columns id, label, split).

    Raises:
      ValueError: A file is missing, damaged, or does not fit the others.
    """
    name = os.fspath(path)
    read = {part: _read(f"{name}.{part}") for part in PARTS[:-1]}
    test = _test_numbers(Path(f"{name}.test.index"))
    for part in ("x", "tx", "allx"):
        if not scipy.sparse.issparse(read[part]):
            raise ValueError(f"{name}.{part}: must be a sparse matrix. Got another object.")
    labelled, known = read["x"].shape[0], read["allx"].shape[0]
    counts = {part: read[part].shape[0] for part in ("tx", "allx", "x")}
    for part, fellow in (("ty", "tx"), ("ally", "allx"), ("y", "x")):
        labels = read[part]
        if not isinstance(labels, np.ndarray) or labels.ndim != 2 or len(labels) != counts[fellow]:
            raise ValueError(f"{name}.{part}: must be a matrix of {counts[fellow]} rows.")
    same = all(read[part].shape[1] == read["allx"].shape[1] for part in ("x", "tx"))
    if not same or read["ty"].shape[1] != read["ally"].shape[1]:
        raise ValueError(f"{name}: its matrices must agree in their number of columns.")
    if len(test) != counts["tx"] or np.any(test < known):
        raise ValueError(
            f"{name}.test.index: must hold {counts['tx']} numbers >= {known}, one a row of tx. "
            f"Got {len(test)} from {test.min() if len(test) else 'none'}."
        )
    total = max(known, int(test.max()) + 1 if len(test) else 0)
    if total > known + 10 * (len(test) + 1):
        raise ValueError(f"{name}.test.index: must number the last nodes. Got {total - 1}.")
    rows = dense_rows(read["allx"], f"{name}.allx")
    features = np.zeros((total, rows.shape[1]), np.float32)
    features[:known] = rows
    features[test] = dense_rows(read["tx"], f"{name}.tx")
    one_hot = np.zeros((total, read["ally"].shape[1]), np.int64)
    one_hot[:known], one_hot[test] = read["ally"], read["ty"]
    sources, targets = _pairs(read["graph"], f"{name}.graph")
    schema, tables = graph_tables(
        features,
        sources,
        targets,
        node_set=node_set,
        edge_set=edge_set,
        undirected=True,
        name=f"{name}.graph",
    )
    held_out = np.arange(labelled, min(labelled + _VALIDATION, known))
    parts = {"train": np.arange(labelled), "validation": held_out, "test": test}
    ids = np.concatenate(list(parts.values()))
    tables["seeds"] = pa.table(
        {
            "id": ids,
            "label": one_hot[ids].argmax(axis=1),
            "split": np.repeat(list(parts), [len(part) for part in parts.values()]),
        }
    )
    return schema, tables


def _read(path: str) -> Any:
    try:
        with open_file(path) as file:
            return load_plain(file.read(), path)
    except OSError:
        raise ValueError(f"`{path}` must be a file. Got no such file.") from None


def _test_numbers(path: Path) -> npt.NDArray[np.int64]:
    try:
        words = path.read_text(encoding="ascii").split()
        return np.array([int(word) for word in words], np.int64)
    except (OSError, ValueError, OverflowError) as error:
        raise ValueError(f"{path}: must be a file of node numbers. Got: {error}.") from None


def _pairs(graph: Any, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    if not isinstance(graph, dict) or not all(isinstance(to, list) for to in graph.values()):
        raise ValueError(f"{name}: must be a dictionary of lists. Got another object.")
    try:
        degrees = [len(neighbours) for neighbours in graph.values()]
        sources = np.repeat(np.array(list(graph), np.int64), degrees)
        targets = np.array([node for to in graph.values() for node in to], np.int64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name}: must hold node numbers. Got other keys or values.") from None
    return sources, targets
