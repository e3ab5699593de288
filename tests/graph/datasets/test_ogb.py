"""The reader of OGB sets, on small ones that the tests write themselves."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.graph.datasets.ends import ends
from tfgnn_ext.graph import Graph
from tfgnn_ext.graph.datasets import read_ogb


def write_ogb(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / f"{name}.csv.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()))
    return root


OGB_ONE = {
    "raw/num-node-list": "4\n",
    "raw/edge": "0,1\n1,2\n3,0\n",
    "raw/node-feat": "1,0.5\n2,1\n3,0\n4,-1\n",
    "raw/node-label": "7\n5\nnan\n5\n",
    "split/time/train": "0\n3\n",
    "split/time/valid": "1\n",
    "split/time/test": "2\n",
}


OGB_SEVERAL = {
    "raw/num-node-dict": "author,paper\n2,3\n",
    "raw/triplet-type-list": "author,writes,paper\npaper,cites,paper\n",
    "raw/relations/author___writes___paper/edge": "0,2\n1,0\n",
    "raw/relations/paper___cites___paper/edge": "2,1\n",
    "raw/node-feat/paper/node-feat": "1\n2\n3\n",
    "raw/node-label/paper/node-label": "1\n0\n1\n",
    "split/time/paper/train": "0\n1\n",
    "split/time/paper/valid": "2\n",
    "split/time/paper/test": "",
}


def test_ogb_of_one_node_type(tmp_path: Path) -> None:
    schema, tables = read_ogb(write_ogb(tmp_path, OGB_ONE))
    graph = Graph.from_tables(schema, tables)
    assert ends(graph, "edge") == [(0, 1), (1, 2), (3, 0)]
    assert graph.node_sets["node"].features["feat"].values.tolist() == [
        [1, 0.5], [2, 1], [3, 0], [4, -1],
    ]  # fmt: skip
    # Node 2 has no label, so it is no seed.
    assert tables["seeds"].to_pydict() == {
        "id": [0, 3, 1], "label": [7, 5, 5], "split": ["train", "train", "validation"],
    }  # fmt: skip
    both = Graph.from_tables(*read_ogb(tmp_path, undirected=True))
    assert len(ends(both, "edge")) == 6


def test_ogb_of_several_node_types(tmp_path: Path) -> None:
    files = {**OGB_SEVERAL, "split/time/paper/test": "2\n", "split/time/paper/train": "0\n"}
    files["split/time/paper/valid"] = "1\n"
    schema, tables = read_ogb(write_ogb(tmp_path, files))
    graph = Graph.from_tables(schema, tables)
    assert ends(graph, "writes") == [(0, 2), (1, 0)]
    assert ends(graph, "cites") == [(2, 1)]
    assert graph.node_sets["author"].num_nodes == 2
    assert graph.node_sets["paper"].features["feat"].values.tolist() == [[1], [2], [3]]
    assert tables["seeds"].to_pydict() == {
        "id": [0, 1, 2], "label": [1, 0, 1], "split": ["train", "validation", "test"],
    }  # fmt: skip
    assert list(schema.info.root_set) == ["paper"]


OGB_FAULTS: dict[str, tuple[dict[str, str], str]] = {
    "features of other nodes": ({"raw/node-feat": "1\n2\n"}, "must have 4 rows. Got 2."),
    "words for numbers": ({"raw/node-feat": "a\nb\nc\nd\n"}, "must hold numbers. Got string."),
    "a split of other nodes": ({"split/time/test": "4\n"}, r"must hold nodes in \[0, 4\). Got 4."),
    "two splits": ({"split/other/train": "0\n"}, "must hold one split. Got other, time."),
    "edges of three": ({"raw/edge": "1,2,3\n"}, "must have 2 columns. Got 3."),
    "half an edge": ({"raw/edge": "0.5,1\n"}, "must hold whole numbers"),
    "labels of others": ({"raw/node-label": "1\n"}, "labels must be one a node, 4"),
}


@pytest.mark.parametrize("fault", OGB_FAULTS)
def test_ogb_that_does_not_fit(tmp_path: Path, fault: str) -> None:
    files, message = OGB_FAULTS[fault]
    with pytest.raises(ValueError, match=message):
        read_ogb(write_ogb(tmp_path, {**OGB_ONE, **files}))


def test_ogb_with_a_file_missing_or_damaged(tmp_path: Path) -> None:
    write_ogb(tmp_path, OGB_ONE)
    (tmp_path / "raw/edge.csv.gz").write_bytes(b"not compressed")
    with pytest.raises(ValueError, match=r"edge.csv.gz: must be a compressed CSV file"):
        read_ogb(tmp_path)
    (tmp_path / "raw/edge.csv.gz").unlink()
    with pytest.raises(ValueError, match=r"edge.csv.gz: must be a compressed CSV file"):
        read_ogb(tmp_path)
