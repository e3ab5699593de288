"""The reader of npz archives, on small ones that the tests write themselves."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from tests.graph.datasets.ends import ends
from tfgnn_ext.graph import Graph
from tfgnn_ext.graph.datasets import read_npz


def write_npz(path: Path, layout: str) -> None:
    adjacency = scipy.sparse.csr_matrix(
        (np.array([1.0, 1, 1, 0, 1]), ([0, 1, 2, 3, 2], [1, 0, 3, 1, 2])), shape=(4, 4)
    )
    features = scipy.sparse.csr_matrix(np.array([[1.0, 0], [0, 2], [3, 0], [0, 0]]))
    labels = np.array([1, 0, 1, 0], np.int32)
    if layout == "pickled":
        objects = {"adj_matrix": adjacency, "node_attr": features}
        arrays = {name: np.array(value, object) for name, value in objects.items()}
        np.savez(path, node_label=labels, **arrays)
        return
    parts = {
        f"{prefix}_{part}": np.asarray(getattr(matrix, part))
        for prefix, matrix in (("adj", adjacency), ("attr", features))
        for part in ("data", "indices", "indptr", "shape")
    }
    np.savez(path, labels=labels, **parts)


@pytest.mark.parametrize("layout", ["pickled", "spread"])
def test_npz(tmp_path: Path, layout: str) -> None:
    write_npz(tmp_path / "a.npz", layout)
    schema, tables = read_npz(tmp_path / "a.npz", node_set="product", edge_set="with")
    graph = Graph.from_tables(schema, tables)
    # Neither the stored zero (3, 1) nor the loop (2, 2) is an edge.
    assert ends(graph, "with") == [(0, 1), (1, 0), (2, 3), (3, 2)]
    feat = graph.node_sets["product"].features["feat"].values
    assert feat.tolist() == [[1, 0], [0, 2], [3, 0], [0, 0]]
    assert tables["seeds"].to_pydict() == {"id": [0, 1, 2, 3], "label": [1, 0, 1, 0]}
    directed = read_npz(tmp_path / "a.npz", undirected=False)
    assert ends(Graph.from_tables(*directed), "edge") == [(0, 1), (1, 0), (2, 2), (2, 3)]


NPZ_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no adjacency": ({"labels": np.zeros(2, int)}, "must hold array 'adj_data'. Got arrays labels"),
    "dense adjacency": (
        {"adj_matrix": np.eye(2), "attr_matrix": np.eye(2), "labels": np.zeros(2, int)},
        "adjacency must be a square sparse matrix",
    ),
    "indices out of range": (
        {
            "adj_data": np.ones(1), "adj_indices": np.array([5]), "adj_indptr": np.array([0, 1, 1]),
            "adj_shape": np.array([2, 2]),
        },
        r"arrays adj_\* must make a sparse matrix",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", NPZ_FAULTS)
def test_npz_that_does_not_fit(tmp_path: Path, fault: str) -> None:
    arrays, message = NPZ_FAULTS[fault]
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        read_npz(tmp_path / "a.npz")


def test_npz_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(ValueError, match=r"a.npz: must be an .npz file"):
        read_npz(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"none.npz: must be an .npz file"):
        read_npz(tmp_path / "none.npz")


def test_npz_with_a_header_that_does_not_end(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", adj_data=np.ones(3))
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        content = archive.read("adj_data.npy")
    assert content.count(b"}") == 1
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("adj_data.npy", content.replace(b"}", b" "))
    with pytest.raises(ValueError, match=r"b.npz, array 'adj_data': must be an array. Got: "):
        read_npz(tmp_path / "b.npz")
