"""TF-GNN's unigraph: tables of tf.Examples in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.graph.test_write_tables import same
from tfgnn_ext.graph import Graph, Ragged, parse_schema, read_table
from tfgnn_ext.graph.tfrecord import write_records
from tfgnn_ext.graph.wire import encode_columns
from tfgnn_ext.graph.write_unigraph import write_unigraph

SCHEMA = """
node_sets { key: "paper" value {
  features { key: "#id" value { dtype: DT_STRING } }
  features { key: "feat" value { dtype: DT_FLOAT shape { dim { size: 2 } } } }
  features { key: "grid" value { dtype: DT_INT64 shape { dim { size: 1 } dim { size: 2 } } } }
  features { key: "year" value { dtype: DT_FLOAT } }
  features { key: "tags" value { dtype: DT_STRING shape { dim { size: -1 } } } }
  metadata { filename: "paper.tfrecord@2" } } }
edge_sets { key: "cites" value { source: "paper" target: "paper"
  features { key: "weight" value { dtype: DT_FLOAT } }
  metadata { filename: "cites.tfrecord" } } }
edge_sets { key: "cited" value { source: "paper" target: "paper"
  metadata { filename: "cites.tfrecord" extra { key: "edge_type" value: "reversed" } } } }
"""


def write_theirs(folder: Path) -> Path:
    """As TensorFlow writes them."""
    import tensorflow as tf

    def write(path: Path, rows: list[dict[str, list[Any]]]) -> None:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for row in rows:
                example = tf.train.Example()
                for name, values in row.items():
                    feature = example.features.feature[name]
                    kinds = {bytes: feature.bytes_list, int: feature.int64_list}
                    kinds[float] = feature.float_list
                    kinds[type(values[0])].value.extend(values)
                writer.write(example.SerializeToString())

    one = {
        "#id": [b"b"],
        "feat": [1.0, 2.0],
        "grid": [5, 6],
        "year": [2001.0],
        "tags": [b"x", b"y"],
    }
    two = {"#id": [b"a"], "feat": [3.0, 4.0], "grid": [7, 8], "tags": [b"y"]}
    write(folder / "paper-00000-of-00002.tfrecord", [one])
    write(folder / "paper-00001-of-00002.tfrecord", [two])
    ends = [(b"a", b"b", 0.5), (b"b", b"b", 1.5)]
    write(
        folder / "cites.tfrecord",
        [{"#source": [s], "#target": [t], "weight": [w]} for s, t, w in ends],
    )
    (folder / "schema.pbtxt").write_text(SCHEMA)
    return folder / "schema.pbtxt"


def test_a_unigraph_is_read(tmp_path: Path) -> None:
    graph = Graph.read(write_theirs(tmp_path))
    paper = graph.node_sets["paper"]
    assert paper.ids.tolist() == [b"a", b"b"]
    assert paper.features["feat"].values.tolist() == [[3, 4], [1, 2]]
    assert paper.features["grid"].values.tolist() == [[[7, 8]], [[5, 6]]]
    np.testing.assert_array_equal(paper.features["year"].values, np.float32([np.nan, 2001]))
    tags = paper.features["tags"]
    assert isinstance(tags.values, Ragged)
    assert [[tags.vocabulary[c] for c in row] for row in tags.values.tolist()] == [
        [b"y"],
        [b"x", b"y"],
    ]
    assert graph.edge_sets["cites"].targets.tolist() == [1, 1]
    assert graph.edge_sets["cites"].features["weight"].values.tolist() == [0.5, 1.5]
    assert graph.edge_sets["cited"].targets.tolist() == [0, 1]


def test_csv_files_with_tf_gnns_names_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("#source,#target,w\n1,2,0.5\n")
    assert read_table(tmp_path / "a.csv").table.column_names == ["source", "target", "w"]


def graph() -> Graph:
    schema = parse_schema("""
      node_sets { key: "n" value {
        features { key: "x" value { dtype: DT_STRING shape { dim { size: -1 } } } }
        features { key: "y" value { dtype: DT_FLOAT shape { dim { size: 3 } dim { size: 2 } } } }
        features { key: "z" value { dtype: DT_INT64 } }
        metadata { extra { key: "times" value: "t" } extra { key: "known_at.z" value: "t" } } } }
      edge_sets { key: "e" value { source: "n" target: "n"
        features { key: "w" value { dtype: DT_FLOAT } }
        metadata { extra { key: "time" value: "when" } } } }
    """)
    nodes = pa.table(
        {
            "id": ["b", "a"],
            "x": [["u", ""], []],
            "y": [[[1.0, 2.0], [3.0, None], [5.0, 6.0]], [[7.0, 8.0], [9.0, 1.0], [2.0, 3.0]]],
            "z": [-4, 2**62],
            "t": [3, None],
        }
    )
    edges = pa.table({"source": ["a", "b"], "target": ["b", "b"], "w": [None, 2.5], "when": [8, 1]})
    return Graph.from_tables(schema, {"n": nodes, "e": edges})


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    same(graph(), Graph.read(write_unigraph(graph(), tmp_path)))


def test_int_ids_become_strings_as_tf_gnn_wants_them(tmp_path: Path) -> None:
    schema = parse_schema('node_sets { key: "n" value {} }')
    numbered = Graph.from_tables(schema, {"n": pa.table({"id": [10, 9]})})
    read = Graph.read(write_unigraph(numbered, tmp_path))
    assert read.node_sets["n"].ids.tolist() == [b"10", b"9"]


@pytest.mark.slow
def test_tf_gnn_reads_what_is_written(tmp_path: Path) -> None:
    beam = pytest.importorskip("apache_beam")
    import tensorflow_gnn as tfgnn
    from apache_beam.testing.util import assert_that, equal_to
    from tensorflow_gnn.data import unigraph

    path = write_unigraph(graph(), tmp_path)
    schema = tfgnn.read_schema(str(path))
    with beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner") as root:
        read = unigraph.read_graph(schema, str(tmp_path), root)
        nodes = read["nodes"]["n"] | "n" >> beam.Map(
            lambda row: (row[0], list(row[1].features.feature["z"].int64_list.value))
        )
        edges = read["edges"]["e"] | "e" >> beam.Map(lambda row: (row[0], row[1]))
        assert_that(nodes, equal_to([(b"a", [2**62]), (b"b", [-4])]), "nodes")
        assert_that(edges, equal_to([(b"a", b"b"), (b"b", b"b")]), "edges")


@pytest.mark.parametrize(
    ("column", "ends", "message"),
    [
        ((b"feat", np.arange(3.0)), [0, 2, 3], "row 1: feature 'feat' must have 2 values.* Got 1"),
        ((b"year", np.arange(3.0)), [0, 1, 3], "row 1: feature 'year' must have 1 values.* Got 2"),
    ],
)
def test_rows_of_another_shape_are_refused(
    tmp_path: Path, column: Any, ends: list[int], message: str
) -> None:
    write_records(tmp_path / "paper.tfrecord", encode_columns([(*column, np.array(ends))], 2))
    shapes = {"feat": (2,), "year": ()}
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "paper.tfrecord", shapes=shapes)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "paper.tfrecord"
    path.write_bytes(b"no records here")
    with pytest.raises(ValueError, match="paper.tfrecord: .* must be a TFRecord file"):
        read_table(path)
    write_records(path, [b"\x0b"])
    with pytest.raises(ValueError, match="paper.tfrecord: example 0: must be a tf.Example"):
        read_table(path)
