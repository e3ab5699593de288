"""The reader of Planetoid files, on small ones that the tests write themselves."""

from __future__ import annotations

import os
import pickle
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from tests.graph.datasets.ends import ends
from tfgnn_ext.graph import Graph
from tfgnn_ext.graph.datasets import read_planetoid


def write_planetoid(folder: Path, protocol: int = 2, **replaced: Any) -> str:
    """Seven nodes: 0 trains, 1 to 3 validate, 4 and 6 test in the order 6, 4; 5 is missing."""
    known = np.arange(8.0).reshape(4, 2)
    parts: dict[str, Any] = {
        "x": scipy.sparse.csr_matrix(known[:1]),
        "allx": scipy.sparse.csr_matrix(known),
        "tx": scipy.sparse.csr_matrix(np.array([[60.0, 0], [0, 40.0]])),
        "y": np.eye(3)[[2]],
        "ally": np.eye(3)[[2, 0, 1, 1]],
        "ty": np.eye(3)[[1, 0]],
        # A loop, an edge listed twice, one listed in one direction only.
        "graph": defaultdict(list, {0: [1, 1, 0], 1: [0], 6: [2], 5: [], 3: [4], 4: [3]}),
        **replaced,
    }
    prefix = str(folder / "ind.tiny")
    for part, value in parts.items():
        Path(f"{prefix}.{part}").write_bytes(pickle.dumps(value, protocol))
    Path(f"{prefix}.test.index").write_text("6\n4\n")
    return prefix


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_planetoid(tmp_path: Path, protocol: int) -> None:
    schema, tables = read_planetoid(write_planetoid(tmp_path, protocol))
    graph = Graph.from_tables(schema, tables)
    assert graph.node_sets["paper"].ids.tolist() == [0, 1, 2, 3, 4, 5, 6]
    feat = graph.node_sets["paper"].features["feat"].values
    assert feat.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [0, 40], [0, 0], [60, 0]]
    assert ends(graph, "cites") == [(0, 1), (1, 0), (2, 6), (3, 4), (4, 3), (6, 2)]
    assert tables["seeds"].to_pydict() == {
        "id": [0, 1, 2, 3, 6, 4],
        "label": [2, 0, 1, 1, 1, 0],
        "split": ["train"] + 3 * ["validation"] + 2 * ["test"],
    }


PLANETOID_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "dense features": ({"x": np.eye(2)}, "ind.tiny.x: must be a sparse matrix"),
    "labels of other nodes": ({"ty": np.eye(3)}, "ind.tiny.ty: must be a matrix of 2 rows"),
    "other width": (
        {"tx": scipy.sparse.csr_matrix((2, 5))},
        "must agree in their number of columns",
    ),
    "test nodes that are not": (
        {"tx": scipy.sparse.csr_matrix((3, 2)), "ty": np.eye(3)},
        "ind.tiny.test.index: must hold 3 numbers >= 4",
    ),
    "a graph of sets": ({"graph": [1, 2]}, "ind.tiny.graph: must be a dictionary of lists"),
    "a graph of words": ({"graph": {0: ["x"]}}, "ind.tiny.graph: must hold node numbers"),
    "an edge to nowhere": ({"graph": {0: [7]}}, r"edges must join nodes in \[0, 7\). Got 7"),
}


@pytest.mark.parametrize("fault", PLANETOID_FAULTS)
def test_planetoid_that_does_not_fit(tmp_path: Path, fault: str) -> None:
    replaced, message = PLANETOID_FAULTS[fault]
    with pytest.raises(ValueError, match=message):
        read_planetoid(write_planetoid(tmp_path, **replaced))


def test_planetoid_with_a_file_missing(tmp_path: Path) -> None:
    prefix = write_planetoid(tmp_path)
    os.unlink(f"{prefix}.ally")
    with pytest.raises(ValueError, match=r"ind.tiny.ally` must be a file. Got no such file."):
        read_planetoid(prefix)
