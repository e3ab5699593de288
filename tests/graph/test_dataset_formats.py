"""The readers of data set formats, on small files that the tests write themselves."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from tfgnn_ext.graph import Dataset, Graph, Seeds
from tfgnn_ext.graph.datasets import (
    choose_split,
    read_heterophilous,
    read_hgb,
    read_npz,
    read_ogb,
    read_planetoid,
)
from tfgnn_ext.graph.datasets.plain_pickle import load_plain


def ends(graph: Graph, edge_set: str) -> list[tuple[int, int]]:
    edges = graph.edge_sets[edge_set]
    source, target = graph.node_sets[edges.source].ids, graph.node_sets[edges.target].ids
    return list(
        zip(source[edges.source_rows].tolist(), target[edges.targets].tolist(), strict=True)
    )


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


class Payload:
    """What a hostile pickle does: it calls."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def test_no_reader_runs_what_a_file_says(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    pickle.loads(pickle.dumps(Payload(marker)))
    assert marker.exists()  # The control: so a pickle runs.
    marker.rmdir()
    with pytest.raises(ValueError, match="must be a pickle of arrays.* Got: posix.mkdir"):
        read_planetoid(write_planetoid(tmp_path, x=Payload(marker)))
    with pytest.raises(ValueError, match="must be a pickle of arrays.* Got: posix.mkdir"):
        read_planetoid(write_planetoid(tmp_path, graph={0: [Payload(marker)]}))
    np.savez(tmp_path / "a.npz", adj_matrix=np.array(Payload(marker), object))
    with pytest.raises(ValueError, match="array 'adj_matrix': must be a pickle"):
        read_npz(tmp_path / "a.npz")
    assert not marker.exists()


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(3, dtype=">i4"),
        np.array([True, False]),
        np.array(2.5),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_plain_pickle_reads_arrays(value: Any, protocol: int) -> None:
    found = load_plain(pickle.dumps(value, protocol), "a.pkl")
    np.testing.assert_array_equal(found, value)
    assert found.dtype == value.dtype


@pytest.mark.parametrize("value", [np.array(["x"]), np.zeros(2, "M8[s]"), {1, 2}.union, 3j])
def test_plain_pickle_refuses_the_rest(value: Any) -> None:
    with pytest.raises(ValueError, match=r"a.pkl: must be a pickle of arrays"):
        load_plain(pickle.dumps(value), "a.pkl")


def test_plain_pickle_makes_no_room_for_what_is_not_there() -> None:
    """A place in the memo is four bytes; up to it, pickle would allocate."""
    for put in (b"r\xff\xff\xff\x7f", b"p2147483647\n"):
        assert pickle.loads(b"\x80\x02]r\x00\x00\x00\x00.") == []
        with pytest.raises(ValueError, match=r"a.pkl: .* Got: place 2147483647 in its memo."):
            load_plain(b"\x80\x02]" + put + b".", "a.pkl")


def test_plain_pickle_checks_a_matrix() -> None:
    matrix = scipy.sparse.csr_matrix(np.eye(3))
    matrix.indices[1] = 7
    with pytest.raises(ValueError, match="a.pkl: must be a pickle"):
        load_plain(pickle.dumps(matrix), "a.pkl")


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


def seeds(number: int, classes: int, **columns: Any) -> Any:
    import pyarrow as pa

    return pa.table({"id": np.arange(number), "label": np.arange(number) % classes, **columns})


def test_drawn_split_has_so_many_a_class() -> None:
    table = seeds(211, 3)
    split = choose_split(table, 4, per_class=(7, 11))
    labels, parts = np.array(split["label"]), np.array(split["split"].to_pylist())
    for label in range(3):
        counts = [int(((labels == label) & (parts == p)).sum()) for p in ("train", "validation")]
        assert counts == [7, 11]
    assert (parts == "test").sum() == 211 - 3 * 18
    # Another number is another draw, and neither rows nor their order enter it.
    other = choose_split(table, 5, per_class=(7, 11))
    assert other["split"].to_pylist() != split["split"].to_pylist()
    order = np.random.default_rng(0).permutation(211)
    mixed = choose_split(table.take(order), 4, per_class=(7, 11))
    assert dict(zip(mixed["id"].to_pylist(), mixed["split"].to_pylist(), strict=True)) == dict(
        zip(split["id"].to_pylist(), split["split"].to_pylist(), strict=True)
    )


def test_drawn_split_is_uniform() -> None:
    """Over 400 draws every seed trains as often as the others, to within 4.5 deviations."""
    draws, number = 400, 41
    train = np.zeros(number)
    for k in range(draws):
        split = choose_split(seeds(number, 1), k, per_class=(10, 5))
        train += np.array(split["split"].to_pylist()) == "train"
    share = 10 / number
    deviation = np.sqrt(draws * share * (1 - share))
    assert np.abs(train - draws * share).max() < 4.5 * deviation
    assert np.abs(train - draws * 5 / number).max() > 4.5 * deviation  # The control.


def test_held_out_validation() -> None:
    parts = np.where(np.arange(50) < 30, "train", "test")
    split = choose_split(seeds(50, 2, split=parts), 1)
    found = np.array(split["split"].to_pylist())
    assert (found == "validation").sum() == 6
    assert (found[:30] != "test").all()
    assert (found[30:] == "test").all()
    with pytest.raises(ValueError, match="`split` must be 0: the data set has one. Got 3."):
        choose_split(split, 3)
    with pytest.raises(ValueError, match="`split` must be an int >= 0. Got -1."):
        choose_split(seeds(5, 2), -1)


def test_a_read_set_is_a_data_set(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", "spread")
    schema, tables = read_npz(tmp_path / "a.npz")
    graph = Graph.from_tables(schema, tables)
    table = choose_split(tables["seeds"], 0, per_class=(1, 1))
    data = Dataset(graph, Seeds.from_table(graph, table, node_set="node"))
    assert len(data.seeds.split("train")) == len(data.seeds.split("validation")) == 2
