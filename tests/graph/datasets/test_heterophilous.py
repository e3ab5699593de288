"""The reader of heterophilous sets, on small ones that the tests write themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.graph.datasets.ends import ends
from tfgnn_ext.graph import Graph
from tfgnn_ext.graph.datasets import choose_split, read_heterophilous


def heterophilous_arrays() -> dict[str, Any]:
    masks = np.zeros((3, 2, 5), bool)  # Part, split, node.
    masks[0, 0, [0, 1]] = masks[1, 0, 2] = masks[2, 0, 3] = True  # Node 4 is in no part.
    masks[0, 1, 4] = masks[1, 1, 3] = masks[2, 1, [0, 1, 2]] = True
    return {
        "node_features": np.arange(10, dtype=np.float32).reshape(5, 2),
        "node_labels": np.array([0, 1, 1, 0, 1]),
        "edges": np.array([[0, 1], [3, 2]]),
        "train_masks": masks[0],
        "val_masks": masks[1],
        "test_masks": masks[2],
    }


def test_heterophilous(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **heterophilous_arrays())
    schema, tables = read_heterophilous(tmp_path / "a.npz")
    graph = Graph.from_tables(schema, tables)
    assert ends(graph, "edge") == [(0, 1), (1, 0), (2, 3), (3, 2)]
    one, other = (choose_split(tables["seeds"], k).to_pydict() for k in (0, 1))
    assert one == {
        "id": [0, 1, 2, 3],
        "label": [0, 1, 1, 0],
        "split": ["train", "train", "validation", "test"],
    }
    assert other["split"] == ["test", "test", "test", "validation", "train"]
    with pytest.raises(ValueError, match=r"`split` must be in \[0, 2\). Got 2."):
        choose_split(tables["seeds"], 2)


@pytest.mark.parametrize(
    ("array", "value", "message"),
    [
        ("edges", np.zeros((2, 3), int), "edges must be pairs"),
        ("edges", np.array([[0, 5]]), r"edges must join nodes in \[0, 5\). Got 5"),
        ("edges", np.zeros((1, 2)), "edges must be vectors of ints"),
        ("node_labels", np.zeros(4, int), "node_labels must be 5 ints"),
        ("node_features", np.zeros(5), "features must be a matrix of numbers"),
        ("val_masks", np.zeros((1, 5), bool), "val_masks must be 2 rows of 5 booleans"),
        ("val_masks", np.ones((2, 5), bool), "the masks of a split must not overlap"),
    ],
)
def test_heterophilous_that_does_not_fit(
    tmp_path: Path, array: str, value: Any, message: str
) -> None:
    np.savez(tmp_path / "a.npz", **{**heterophilous_arrays(), array: value})
    with pytest.raises(ValueError, match=message):
        read_heterophilous(tmp_path / "a.npz")
