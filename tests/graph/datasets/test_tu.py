"""The reader of graph collections, on small files that the tests write themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tfgnn_ext.graph import datasets
from tfgnn_ext.graph.graph import Graph

# A triangle of class 7, and a single edge of class 3.
PARTS = {
    "A": "1, 2\n2, 1\n2, 3\n3, 2\n1, 3\n3, 1\n4, 5\n5, 4\n",
    "graph_indicator": "1\n1\n1\n2\n2\n",
    "graph_labels": "7\n3\n",
    "node_labels": "0, 4\n1, 4\n0, 4\n0, 5\n2, 5\n",
    "node_attributes": "0.5, -1\n1.5, 2\n0, 0\n1e3, 4\n2, 1\n",
    "edge_labels": "0\n0\n1\n1\n0\n0\n2\n2\n",
}


def _write(folder: Path, **replaced: str | None) -> Path:
    directory = folder / "DS"
    directory.mkdir()
    for part, text in {**PARTS, **replaced}.items():
        if text is not None:
            (directory / f"DS_{part}.txt").write_text(text)
    return directory


def test_a_collection(tmp_path: Path) -> None:
    schema, tables = datasets.read_tu(_write(tmp_path))
    graph = Graph.from_tables(schema, {k: v for k, v in tables.items() if k != "seeds"})
    nodes, has, edge = graph.node_sets["node"], graph.edge_sets["has"], graph.edge_sets["edge"]
    assert graph.node_sets["graph"].ids.tolist() == [1, 2]
    assert (has.source_rows.tolist(), has.targets.tolist()) == ([0, 0, 0, 1, 1], [0, 1, 2, 3, 4])
    ends = set(zip(edge.source_rows.tolist(), edge.targets.tolist(), strict=True))
    assert ends == {(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0), (3, 4), (4, 3)}
    label = nodes.features["label_0"]
    assert label.vocabulary is not None
    assert label.vocabulary[label.values].tolist() == [b"0", b"1", b"0", b"0", b"2"]
    np.testing.assert_array_equal(nodes.features["feat"].values[3], [1000, 4])
    assert set(edge.features) == {"label"}
    assert tables["seeds"]["label"].to_pylist() == [7, 3]
    # From what the names begin with, as well as from the folder.
    assert datasets.read_tu(tmp_path / "DS" / "DS")[1]["seeds"] == tables["seeds"]


def test_a_collection_by_what_its_files_begin_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = datasets.load("tu", path=_write(tmp_path))
    for folder, path in ((tmp_path, "DS/DS"), (tmp_path / "DS", "DS"), (tmp_path / "DS", ".")):
        monkeypatch.chdir(folder)
        found = datasets.load("tu", path=path)
        assert found.seeds.labels.tolist() == expected.seeds.labels.tolist()
        assert found.graph.edge_sets["edge"].targets.tolist() == [1, 2, 0, 2, 0, 1, 4, 3]


def test_numbers_of_graphs(tmp_path: Path) -> None:
    path = _write(tmp_path, graph_labels=None, graph_attributes="1.5, 2\n-3, 4\n")
    data = datasets.load("tu", path=path, split=3)
    assert data.seeds.target == "values"
    assert data.seeds.labels.tolist() == [[1.5, 2], [-3, 4]]
    assert data.seeds.classes == ("label_0", "label_1")


def test_ten_folds(tmp_path: Path) -> None:
    """60 graphs of one class and 40 of another: a fold has 6 and 4, each is tested once."""
    count = 100
    classes = np.repeat([1, 2], [60, 40])
    text = "\n".join(map(str, range(1, count + 1)))
    edges = "\n".join(f"{k}, {k}" for k in range(1, count + 1))
    path = _write(
        tmp_path,
        A=edges,
        graph_indicator=text,
        graph_labels="\n".join(map(str, classes)),
        node_labels=None,
        node_attributes=None,
        edge_labels=None,
    )
    _, tables = datasets.read_tu(path)
    seeds = tables["seeds"]
    columns = [np.array(seeds[f"split_{k}"].to_pylist()) for k in range(10)]
    assert (sum((column == "test").astype(int) for column in columns) == 1).all()
    for k, column in enumerate(columns):
        for part in ("test", "validation"):
            assert np.bincount(classes[column == part]).tolist() == [0, 6, 4]
        assert ((columns[(k + 1) % 10] == "test") == (column == "validation")).all()


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"A": None}, "DS_A.txt: must be a file of the TU format. Got none"),
        ({"A": "1, 2\n1, 9\n"}, r"DS_A.txt:2: must hold numbers in \[1, 5\]. Got 9"),
        ({"A": "1, 2\n1, x\n"}, "DS_A.txt: must hold rows of numbers"),
        ({"A": "1\n2\n"}, "DS_A.txt: must hold rows of 2 numbers. Got 2 rows of 1"),
        ({"A": ""}, "DS_A.txt: must hold rows of numbers"),
        ({"graph_indicator": "1\n1\n1\n2\n3\n"}, r"indicator.txt:5: .* \[1, 2\]. Got 3"),
        ({"node_labels": "0\n1\n"}, "node_labels.txt: must have 5 lines. Got 2"),
        ({"graph_labels": None}, "graph_attributes.txt: must be a file of the TU format"),
        ({"node_attributes": "nan\n1\n2\n3\n4\n"}, "node_attributes.txt:1: .* finite"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, replaced: dict[str, str | None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        datasets.read_tu(_write(tmp_path, **replaced))
