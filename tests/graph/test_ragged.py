"""Ragged features in tables, graphs and on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfgnn_ext.graph import (
    Feature,
    Graph,
    Ragged,
    check_graph,
    content_keys,
    infer_schema,
    parse_schema,
    write_schema,
)

SCHEMA = """
node_sets { key: "n" value {
  metadata { filename: "n.parquet" }
  features { key: "tags" value { dtype: DT_STRING shape { dim { size: -1 } } } }
  features { key: "marks" value { dtype: DT_FLOAT shape { dim { size: -1 } } } }
  features { key: "codes" value { dtype: DT_INT64 shape { dim { size: -1 } } } } } }
edge_sets { key: "e" value {
  source: "n" target: "n"
  metadata { filename: "e.parquet" }
  features { key: "stops" value { dtype: DT_INT64 shape { dim { size: -1 } } } } } }
"""


def tables(**replaced: Any) -> dict[str, pa.Table]:
    columns = {
        "id": [3, 1, 2],
        "tags": [["b", "a"], None, ["", "b", None]],
        "marks": pa.array([[1.5, None], [], [2.0]], pa.list_(pa.float64())),
        "codes": pa.array([[7], [8, 9], []], pa.large_list(pa.int32())),
        **replaced,
    }
    # Two edges that differ in their lists alone, in two orders of the rows.
    edges = {"source": [1, 1, 3], "target": [2, 2, 1], "stops": [[1, 2], [1], []]}
    return {"n": pa.table(columns), "e": pa.table(edges)}


def test_lists_of_any_length_are_read() -> None:
    graph = Graph.from_tables(parse_schema(SCHEMA), tables())
    features = graph.node_sets["n"].features
    assert features["codes"].values.tolist() == [[8, 9], [], [7]]
    assert features["codes"].shape == (-1,)
    marks = features["marks"].values
    assert [len(row) for row in marks.tolist()] == [0, 1, 2]
    np.testing.assert_array_equal(marks.flat, np.array([2.0, 1.5, np.nan], np.float32))
    tags = features["tags"]
    assert tags.vocabulary.tolist() == [b"", b"a", b"b"]
    assert tags.values.tolist() == [[], [0, 2, 0], [2, 1]]


def test_fixed_lists_may_be_declared_ragged() -> None:
    codes = pa.array([[7, 6], [8, 9], [1, 2]], pa.list_(pa.int64(), 2))
    graph = Graph.from_tables(parse_schema(SCHEMA), tables(codes=codes))
    assert graph.node_sets["n"].features["codes"].values.tolist() == [[8, 9], [1, 2], [7, 6]]


def test_ragged_edges_have_an_order_of_their_own() -> None:
    one = tables()
    other = {**one, "e": one["e"].take(pa.array([2, 1, 0]))}
    found = [
        Graph.from_tables(parse_schema(SCHEMA), t).edge_sets["e"].features["stops"].values.tolist()
        for t in (one, other)
    ]
    assert found[0] == found[1]
    assert sorted(found[0][:2]) == [[1], [1, 2]]
    # Where one list ends and the next begins enters the key.
    features = {
        name: Feature(Ragged.of(lists, np.int64))
        for name, lists in (("a", [[1, 2], [1]]), ("b", [[3], [2, 3]]))
    }
    assert len(set(content_keys(features, np.arange(2)).tolist())) == 2


def test_saved_and_loaded(tmp_path: Path) -> None:
    graph = Graph.from_tables(parse_schema(SCHEMA), tables())
    graph.save(tmp_path / "graph")
    again = Graph.load(tmp_path / "graph", verify=True)
    for name, feature in graph.node_sets["n"].features.items():
        values = again.node_sets["n"].features[name].values
        np.testing.assert_array_equal(values.splits, feature.values.splits)
        np.testing.assert_array_equal(values.flat, feature.values.flat)


def test_read_from_parquet_files(tmp_path: Path) -> None:
    for name, table in tables().items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    write_schema(parse_schema(SCHEMA), tmp_path / "schema.pbtxt")
    graph = Graph.read(tmp_path / "schema.pbtxt")
    assert graph.node_sets["n"].features["codes"].values.tolist() == [[8, 9], [], [7]]


def test_lists_of_several_lengths_are_inferred_as_ragged() -> None:
    schema = infer_schema({"n": tables()["n"]}, {})
    found = {
        name: [dim.size for dim in feature.shape.dim]
        for name, feature in schema.node_sets["n"].features.items()
    }
    assert found == {"tags": [-1], "marks": [-1], "codes": [-1]}


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("codes", [[1], [2, None], []],
         "feature 'codes' must have no nulls, since it is DT_INT64 (DT_FLOAT may have them). "
         "Got 1, the first at row 1."),
        ("marks", [[1.0], [], [2.0, float("inf")]],
         "feature 'marks' must be finite as float32 (a missing value is null). Got inf at row 2 "
         "(1 such values)."),
        ("marks", [1.0, 2.0, 3.0],
         "feature 'marks' must hold lists, since its shape is [-1]. Got double."),
        ("marks", [[[1.0]], [], []], "feature 'marks' must hold lists of numbers or strings. Got"),
        ("tags", [[1], [2], []], "feature 'tags' must be DT_STRING by its schema. Got int64."),
    ],
)  # fmt: skip
def test_faults_are_named(column: str, values: Any, problem: str) -> None:
    (found,) = check_graph(parse_schema(SCHEMA), tables(**{column: values}))
    assert found.startswith(f"node set 'n': {problem}")


@hypothesis.given(st.lists(st.lists(st.integers(-5, 5), max_size=4), max_size=7), st.data())
@hypothesis.settings(max_examples=60, deadline=None)
def test_rows_are_taken_as_from_lists(lists: list[list[int]], data: st.DataObject) -> None:
    ragged = Ragged.of(lists, np.int64)
    assert ragged.tolist() == lists
    assert ragged.shape == (len(lists), -1)
    rows = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=9)) if lists else []
    assert ragged[np.array(rows, np.int64)].tolist() == [lists[row] for row in rows]
    mask = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(lists), max_size=len(lists))), bool
    )
    assert ragged[mask].tolist() == [row for row, keep in zip(lists, mask, strict=True) if keep]
    assert ragged.kept(mask).tolist() == [
        row if keep else [] for row, keep in zip(lists, mask, strict=True)
    ]
    assert ragged[1:3].tolist() == lists[1:3]


def test_a_ragged_feature_is_no_array() -> None:
    with pytest.raises(TypeError, match="a ragged feature is no array"):
        np.asarray(Ragged.of([[1], [2, 3]]))
    with pytest.raises(ValueError, match="`splits` of `Ragged` must rise from 0 to 3"):
        Ragged(np.arange(3), np.array([0, 2, 1, 3]))


def test_codes_beyond_the_vocabulary_are_refused(tmp_path: Path) -> None:
    names = np.array([b"", b"x"])
    Feature(np.array([0, 1], np.int32), names).check()
    for wrong in (2, -1):
        feature = Feature(np.array([0, wrong], np.int32), names)
        with pytest.raises(ValueError, match=rf"must be codes in \[0, 2\), .* Got {wrong}."):
            feature.check()
    graph = Graph.from_tables(parse_schema(SCHEMA), tables())
    nodes = graph.node_sets["n"]
    codes = Ragged(np.array([9, 0, 0, 0, 0], np.int32), nodes.features["tags"].values.splits)
    nodes.features["tags"] = Feature(codes, nodes.features["tags"].vocabulary)  # type: ignore[index]
    with pytest.raises(ValueError, match=r"must be codes in \[0, 3\)"):
        graph.save(tmp_path / "graph")
    assert not (tmp_path / "graph").exists()
