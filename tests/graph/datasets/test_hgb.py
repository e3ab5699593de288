"""The reader of HGB sets, on small ones that the tests write themselves."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.graph.datasets.ends import ends
from tfgnn_ext.graph import Graph
from tfgnn_ext.graph.datasets import read_hgb

INFO = {
    "node.dat": {"node type": {"0": "paper", "1": "author"}},
    "link.dat": {
        "link type": {
            "0": {"start": 0, "end": 1, "meaning": "paper-author"},
            "1": {"start": 1, "end": 0, "meaning": "author-paper"},
        }
    },
    "label.dat": {"node type": {"0": {"0": "old", "1": "new"}}},
}


def hgb_files() -> dict[str, str]:
    return {
        "node.dat": "0\t'A \"paper\"'\t0\t1,0.5\n1\tB\t0\t0,2\n2\tAnn\t1\n"
        "3\tBob\t1\n4\tC\t0\t3,3\n",
        # One type field is padded with blanks.
        "link.dat": "0\t2\t0\t1.0\n1\t3\t0 \t1.0\n2\t0\t1\t1.0\n3\t1\t1\t2.5\n",
        "label.dat": "0\tA\t0\t1\n4\t\t0\t0\n",
        "label.dat.test": "1\tB\t0\t1\n",
        "info.dat": json.dumps(INFO),
    }


def write_hgb(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_hgb(tmp_path: Path) -> None:
    schema, tables = read_hgb(write_hgb(tmp_path, hgb_files()))
    graph = Graph.from_tables(schema, tables)
    assert {name: part.ids.tolist() for name, part in graph.node_sets.items()} == {
        "author": [2, 3],
        "paper": [0, 1, 4],
    }
    assert graph.node_sets["paper"].features["feat"].values.tolist() == [[1, 0.5], [0, 2], [3, 3]]
    assert graph.node_sets["author"].features == {}
    assert ends(graph, "paper_author") == [(0, 2), (1, 3)]
    assert ends(graph, "author_paper") == [(2, 0), (3, 1)]
    assert graph.edge_sets["paper_author"].features == {}
    assert graph.edge_sets["author_paper"].features["#weight"].values.tolist() == [1.0, 2.5]
    assert tables["seeds"].to_pydict() == {
        "id": [0, 4, 1],
        "label": ["new", "old", "new"],
        "split": ["train", "train", "test"],
    }
    assert schema.info.root_set == ["paper"]


def test_hgb_as_an_archive_without_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, text in hgb_files().items():
            if name != "info.dat":
                archive.writestr(f"ACM/{name}", text)
    schema, tables = read_hgb(tmp_path / "a.zip")
    assert sorted(schema.node_sets) == ["node_0", "node_1"]
    assert sorted(schema.edge_sets) == ["link_0", "link_1"]
    assert tables["seeds"]["label"].to_pylist() == ["1", "0", "1"]


def test_hgb_with_several_labels_a_node(tmp_path: Path) -> None:
    files = {**hgb_files(), "label.dat": "0\tA\t0\t0,1\n4\t\t0\t0\n"}
    _, tables = read_hgb(write_hgb(tmp_path, files))
    assert tables["seeds"]["label"].to_pylist() == [["old", "new"], ["old"], ["new"]]


HGB_FAULTS = {
    "a line cut short": ({"node.dat": "0\tA\n"}, "node.dat:1: must have 3 fields. Got 2."),
    "an id that is none": ({"node.dat": "x\tA\t0\n"}, "node.dat: ids and types must be ints"),
    "rows of two widths": (
        {"node.dat": "0\tA\t0\t1,2\n1\tB\t0\t1\n"}, r"features must be of one number. Got \[1, 2\]",
    ),
    "words for numbers": ({"node.dat": "0\tA\t0\tx\n"}, "type 0: features must be numbers"),
    "a link to nowhere": ({"link.dat": "0\t9\t0\t1\n"}, "links of type 0 must have targets of one"),
    "a link of two kinds": (
        {"link.dat": "0\t2\t0\t1\n0\t1\t0\t1\n"}, "must have targets of one node type. Got 0, 1",
    ),
    "links of words": ({"link.dat": "a\tb\tc\td\n"}, "link.dat: must hold rows of numbers"),
    "a label of another type": (
        {"label.dat": "0\tA\t0\t1\n2\tAnn\t1\t0\n"},
        "labels must be of nodes of one type. Got types 0, 1",
    ),
    "a label twice": ({"label.dat": "1\tB\t0\t1\n"}, "a node must have one row of labels"),
    "info that is none": ({"info.dat": "{"}, "info.dat: must be HGB's JSON of types"),
}  # fmt: skip


@pytest.mark.parametrize("fault", HGB_FAULTS)
def test_hgb_that_does_not_fit(tmp_path: Path, fault: str) -> None:
    files, message = HGB_FAULTS[fault]
    with pytest.raises(ValueError, match=message):
        read_hgb(write_hgb(tmp_path, {**hgb_files(), **files}))


def test_hgb_with_a_file_missing(tmp_path: Path) -> None:
    files = {name: text for name, text in hgb_files().items() if name != "link.dat"}
    with pytest.raises(ValueError, match=r"must hold link.dat. Got node.dat, label.dat"):
        read_hgb(write_hgb(tmp_path, files))
    with pytest.raises(ValueError, match="must be a folder or .zip of HGB's files"):
        read_hgb(tmp_path / "nowhere")
